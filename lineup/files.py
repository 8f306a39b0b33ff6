"""Writes files whole, and tells by their digests whether they are still what was written."""

import errno
import glob
import hashlib
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from lineup.errors import InputError

# What the project remembers from run to run, in the folder that Snakemake runs in. It can be deleted
# at any time when no run is going on.
STATE = Path(".snakemake") / "lineup"

# Snakemake puts a file of this name into each folder that is a result.
TIMESTAMP = ".snakemake_timestamp"

# What the operating system says where a disk or a quota is full.
FULL = {errno.ENOSPC, errno.EDQUOT}

# A file that was touched this many seconds ago or less may be touched again within one tick of the
# file system's clock, so its times say nothing yet.
FRESH = 2.0

# Two processes on two machines can have the same number.
_MARK = uuid.uuid4().hex[:8]

# Called before a file is put in place: each ends the process if it must not do so.
guards: list[Callable[[], None]] = []


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Gives a temporary path with the same suffix, which takes the place of ``path`` when the body succeeds.

    A reader sees the old file or the whole new one, never a part of it. The folder of ``path`` is created.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.part{os.getpid()}x{_MARK}{path.suffix}")
    try:
        yield temporary
        # In this order: whoever takes the place of this process first says so, and then removes its temporary files.
        for guard in guards:
            guard()
        try:
            temporary.replace(path)
        except FileNotFoundError:
            for guard in guards:
                guard()
            raise
    finally:
        temporary.unlink(missing_ok=True)


def name_of(path: str) -> str:
    """Names a result as the rules do, also where it is this machine's copy of one in a bucket."""
    in_bucket = path.startswith(".snakemake/storage/")
    return path[path.rindex("/results/") + 1 :] if in_bucket else path


def remove_parts(folder: str | Path) -> None:
    """Removes what ``replacing`` left under a folder in processes that were killed."""
    for part in Path(folder).rglob(".*.part[0-9]*"):
        part.unlink(missing_ok=True)


def remove_parts_of(path: str | Path) -> None:
    """Removes what ``replacing`` left of one file in processes that were killed."""
    path = Path(path)
    for part in path.parent.glob(f".{glob.escape(path.stem)}.part[0-9]*{glob.escape(path.suffix)}"):
        part.unlink(missing_ok=True)


def file_digest(path: str | Path) -> str:
    """Computes the SHA-256 of a file, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_hidden(name: str) -> bool:
    """Tells whether a file, by its name, is none that people look at, as of the system or of a program that wrote others."""
    return name.startswith((".", "_"))


def files_in(folder: str | Path) -> list[Path]:
    """Lists the files in a folder by name, without hidden ones.

    Raises:
        InputError: If there is none, or there are folders in it.
    """
    found = sorted(path for path in Path(folder).iterdir() if not is_hidden(path.name))
    if other := next((path for path in found if not path.is_file()), None):
        what = "the folder" if other.is_dir() else "what is no file,"
        raise InputError(f"holds {what} {other.name}: put the files of the table alone into one folder")
    if not found:
        raise InputError("is a folder without a file: name another one")
    return found


def digest_of_list(digests: Mapping[str, str]) -> str:
    """Computes the SHA-256 of the list of some files by name, with their digests, as ``sha256sum`` writes it."""
    return sha256("".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())))


def stamp(path: str | Path) -> list[int]:
    """Gives size, times of change and inode. No program sets the last two at will: equal stamps are an unwritten file."""
    status = Path(path).stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def keep(path: Path, value: object) -> None:
    """Keeps a plain value of JSON from run to run, if that can be."""
    text = json.dumps(value)
    with suppress(OSError), replacing(path) as temporary:
        temporary.write_text(f"{sha256(text)}\n{text}", encoding="utf-8")


def kept(path: Path) -> object | None:
    """Gives back what was kept, or None if that is gone or is not what was written."""
    with suppress(OSError, ValueError):
        digest, _, text = path.read_text(encoding="utf-8").partition("\n")
        return json.loads(text) if digest == sha256(text) else None
    return None


def sha256(text: str | bytes) -> str:
    """Gives the SHA-256 of a text, in hexadecimal digits."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


class Digests:
    """SHA-256 digests of files, computed again only for files that were touched.

    Args:
        cache: Where to keep them from run to run. It can be deleted at any time.
    """

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.seen: dict[str, tuple[list[int], str]] = kept(cache) or {}
        self.changed = False

    def of(self, path: str) -> str | None:
        """Gives the digest of a file, or None if there is none of such a name; of a folder, that of the list of its files."""
        try:
            now = stamp(path)
        except (OSError, ValueError):  # a name may hold what no path can
            return None
        if Path(path).is_dir():
            inner = [one for one in Path(path).rglob("*") if one.is_file() and one.name != TIMESTAMP]
            return f"folder {digest_of_list({one.relative_to(path).as_posix(): self.of(str(one)) for one in inner})}"
        known, digest = self.seen.get(path, (None, ""))
        if known == now:
            return digest
        digest = file_digest(path)
        if time.time_ns() - now[2] > FRESH * 1e9:
            self.seen[path] = (now, digest)
            self.changed = True
        return digest

    def save(self) -> None:
        """Keeps the digests for the next run, if that can be."""
        if self.changed:
            keep(self.cache, self.seen)
