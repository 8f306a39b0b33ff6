"""Checks what Snakemake's between-workflow cache holds, before a run takes results from it.

The record of the job is among the files of an entry, and tells what the others have to be.
"""

import os
from pathlib import Path

from lineup.errors import InputError
from lineup.files import Digests
from lineup.ledger.records import RECORD, read_record
from lineup.snakemake_port import CACHE, cached_file


def cache_folder() -> Path:
    """Gives the folder of the cache.

    Raises:
        InputError: If no folder is named, or the one that is named is not there.
    """
    folder = os.environ.get(CACHE)
    if not folder or not Path(folder).is_dir():
        what = f"is {folder}" if folder else "is not set"
        raise InputError(
            f"--cache needs a folder that the variable {CACHE} names, which {what}: set it to a folder that is there."
        )
    return Path(folder)


def damaged_entries(folder: Path, digests: Digests) -> list[str]:
    """Lists the keys of the entries in the folder of the cache that are not what their jobs wrote."""
    ending = cached_file(folder, "", RECORD, "a.json").name
    return sorted(
        path.name.removesuffix(ending)
        for path in folder.glob(f"*{ending}")
        if not _is_sound(path, path.name.removesuffix(ending), digests)
    )


def drop_entry(folder: Path, key: str) -> None:
    """Removes the files of an entry, so that the next job that needs them makes them anew."""
    for path in folder.glob(f"{key}_*"):
        path.unlink()


def _is_sound(path: Path, key: str, digests: Digests) -> bool:
    record = read_record(path)
    if record is None:
        return False
    for name, file in record["specification"]["outputs"].items():
        cached = cached_file(path.parent, key, name, file)
        if name != RECORD and digests.of(str(cached)) != record["outputs"][file]["sha256"]:
            return False
    return True
