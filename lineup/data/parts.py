"""The files that a table is in: one, or several with the same columns in a folder or a zip archive."""

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from lineup.errors import InputError
from lineup.files import files_in, is_hidden

PACKED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
# What is raised where a packed file is broken.
UNPACKING = (OSError, EOFError, lzma.LZMAError, zlib.error, zipfile.BadZipFile)
STORED = {b"PAR1": "Parquet", b"ARROW1": "Feather"}  # formats that keep names and types
OFFICE = {"[Content_Types].xml": "an Excel workbook", "mimetype": "an OpenDocument sheet"}


@dataclass(frozen=True)
class Part:
    """A file with a table, or with some of its rows."""

    name: str
    open_as_is: Callable[[], BinaryIO]

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Opens it, unpacked if it was packed with gzip, bzip2 or xz."""
        with self.open_as_is() as file:
            start = file.read(6)
            file.seek(0)
            opener = next((opener for mark, opener in PACKED.items() if start.startswith(mark)), None)
            if opener is None:
                yield file
            else:
                with opener(file, "rb") as unpacked:
                    yield unpacked

    @property
    def format(self) -> str:
        """``CSV``, ``Parquet`` or ``Feather``, by its first bytes."""
        with self.open() as file:
            start = file.read(6)
        if start.startswith(b"FEA1"):
            raise InputError("is a Feather file of the first version: write it as Parquet")
        return next((name for mark, name in STORED.items() if start.startswith(mark)), "CSV")


def parts_of(path: str | Path) -> list[Part]:
    """Lists the files that a table is in, by name; those whose name starts with a point or an underscore do not count.

    Raises:
        InputError: If there is none, or the archive is something else.
    """
    path = Path(path)
    if path.is_dir():
        return [Part(file.name, partial(file.open, "rb")) for file in files_in(path)]
    with path.open("rb") as file:
        start = file.read(4)
    if start not in (b"PK\x03\x04", b"PK\x05\x06"):
        return [Part(path.name, partial(path.open, "rb"))]
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except zipfile.BadZipFile as error:
        raise InputError("is a zip archive that is broken or not whole: get it again") from error
    for name, what in OFFICE.items():
        if any(member.filename == name for member in members):
            raise InputError(f"is {what}, not text: save the table as CSV")
    if any(member.flag_bits & 1 for member in members):
        raise InputError("is a zip archive with a password: unpack it")
    names = sorted(member.filename for member in members if not member.is_dir())
    names = [name for name in names if not any(map(is_hidden, PurePosixPath(name).parts))]
    if not names:
        raise InputError("is a zip archive without a file: name another one")
    return [Part(name, partial(_open_member, path, name)) for name in names]


def _open_member(path: Path, name: str) -> BinaryIO:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.open(name)
    except NotImplementedError as error:
        raise InputError("is packed in a way that is not known here: unpack it") from error


@contextmanager
def naming(part: Part, parts: list[Part]) -> Iterator[None]:
    """Has the sentence of an InputError say which of several files it is about."""
    try:
        yield
    except InputError as error:
        raise (InputError(f"holds {part.name}, which {error}") if len(parts) > 1 else error) from error
