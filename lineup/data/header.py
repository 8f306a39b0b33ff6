"""Looks at the beginning of a file, before anything runs: are the columns there that the config names?"""

import bz2
import difflib
import gzip
import lzma
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from lineup.data.dialect import SAMPLE, Dialect, find_dialect
from lineup.errors import InputError, ended

PACKED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}


def open_unpacked(path: str | Path) -> BinaryIO:
    """Opens a file, unpacked if it was packed with gzip, bzip2 or xz."""
    with Path(path).open("rb") as file:
        start = file.read(6)
    opener = next((opener for mark, opener in PACKED.items() if start.startswith(mark)), open)
    return opener(path, "rb")


def dialect_of(path: str | Path, told: dict) -> Dialect:
    """Finds out how a file is written, see ``find_dialect``."""
    with open_unpacked(path) as file:
        return find_dialect(file.read(SAMPLE), told)


def check_header(path: str, dataset: Mapping) -> None:
    """Raises an InputError if a file has no header with the target and the columns that a dataset names.

    Args:
        path: The file.
        dataset: The block of the dataset in the config.
    """
    try:
        check_names(dialect_of(path, dataset["reading"]).names, dataset["target"], dataset["columns"])
    except InputError as error:
        raise InputError(ended(f"{path} {error}")) from error
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error


def check_names(names: list[str], target: str | None, told: Mapping[str, str]) -> None:
    """Raises an InputError if a target or a column that the config names is not among the names of a table."""
    for name in [*([target] if target else []), *told]:
        if name not in names:
            what = ", the target" if name == target else ""
            raise InputError(f"has no column {name!r}{what}: {nearest(name, names)}")
    if target and told.get(target, "number") != "number":
        raise InputError(
            f"has the target {target!r}, which the config tells to be {told[target]!r}: it has to be a number"
        )


def nearest(name: str, known: list[str]) -> str:
    """Says which name may be meant, or which there are."""
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    shown = ", ".join(known[:30]) + (f" and {len(known) - 30} more" if len(known) > 30 else "")
    return f"its columns are {shown}"
