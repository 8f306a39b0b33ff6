"""Notes which files of the project a job opens or runs beside those that its specification names.

Names in the code say what is reached; this is the net below, for what they do not say: a table of colours beside a
module, a module that a library loads, a program that is started. It is spread when the package is imported.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lineup.files import file_digest, sha256
from lineup.ledger.modules import ROOT

# What reads files for Python itself: to import them, and to show their lines in messages.
READERS = (
    "<frozen importlib",
    *("linecache.py", "tokenize.py", "pkgutil.py", f"importlib{os.sep}metadata{os.sep}__init__.py"),
)
LOOKS = {"os.listdir", "os.scandir"}

# Before the digest of the list of what is in a folder.
NAMES = "names "

# The events of the start of another program, with the place of the command among their arguments.
STARTS = {"subprocess.Popen": 1, "os.exec": 1, "os.posix_spawn": 1, "os.spawn": 2, "os.system": 0}

# What this process has opened to read, or started.
OPENED: set[str | bytes] = set()
LISTED: set[str | bytes] = set()  # the folders that it has listed


def note(event: str, arguments: tuple) -> None:
    """Notes what Python is about to open, to list or to start. It is called at every step of every import, and so is short."""
    if event == "open":
        flags = arguments[2] or 0
        if not flags & (os.O_WRONLY | os.O_TRUNC) and not _is_for_python():
            _add(OPENED, arguments[0])
    elif event in LOOKS:
        if not _is_for_python():
            _add(LISTED, "." if arguments[0] is None else arguments[0])
    elif event in STARTS:
        where = os.fsdecode((event == "subprocess.Popen" and arguments[2]) or "")
        words = [
            f"{where}/{os.fsdecode(word)}" if where else word for word in _words(arguments[STARTS[event]])
        ]
        words += list(_words(arguments[STARTS[event]]))
        OPENED.update(word for word in words if os.path.isfile(word))  # noqa: PTH113  (a word may be no path)
    elif event == "os.chdir":
        # What is relative is so to where the process was.
        for paths in (OPENED, LISTED):
            whole = {str(Path.cwd() / os.fsdecode(path)) for path in paths.copy()}
            paths.clear()
            paths |= whole


def _add(paths: set[str | bytes], path: object) -> None:
    if isinstance(path, os.PathLike):
        path = os.fspath(path)
    if isinstance(path, str | bytes):  # and no number of a file that is open
        paths.add(path)


def _is_for_python() -> bool:
    """Tells whether Python itself reads, and not a function of the project or of a library."""
    name = sys._getframe(2).f_code.co_filename
    return name.startswith(READERS[0]) or name.endswith(READERS[1:])


@contextmanager
def unnoted() -> Iterator[None]:
    """Has what the body opens not noted: it is looked at, and nothing is made of it."""
    before = OPENED.copy(), LISTED.copy()
    try:
        yield
    finally:
        OPENED.intersection_update(before[0])
        LISTED.intersection_update(before[1])


def _words(command: object) -> Iterator[str | bytes]:
    """Lists the parts of a command, and the words of each, since one may be a line for a shell."""
    for part in [command] if isinstance(command, str | bytes | os.PathLike) else command:
        part = os.fspath(part) if isinstance(part, os.PathLike) else part
        if isinstance(part, str | bytes):
            yield part
            yield from part.split()


def unnamed_files(named: Iterable[str], loaded: Iterable[str] = ()) -> dict[str, str | None]:
    """Gives the digests of what the project has that was opened, listed or loaded and is not named.

    Args:
        named: Files that are known to count, relative to the root of the project or to the folder of the run.
        loaded: Files of which it is known what counts when they are loaded, and not when they are read as texts.

    Returns:
        By the path from the root of the project: of a file that is not there None, of a folder the digest of its list.
    """
    modules = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    read = {path.resolve() for path in _of_project(map(os.fsdecode, OPENED.copy()))}
    ran = {
        path.resolve()
        for path in _of_project(file for file in modules if isinstance(file, str))
        if path.is_file()
    }
    found = (read | (ran - _places(loaded))) - _places(named)
    found |= {path.resolve() for path in _of_project(map(os.fsdecode, LISTED.copy())) if path.is_dir()}
    return {os.path.relpath(path, ROOT.resolve()): look_at(path) for path in sorted(found)}


def look_at(path: Path) -> str | None:
    """Gives the digest of a file, or of the list of the names in a folder; None for what is not there."""
    if path.is_dir():
        names = {one.name for one in path.iterdir()} - {"__pycache__"}
        if path == ROOT.resolve():
            names = {name for name in names if name != "results" and not name.startswith(".")}
        return f"{NAMES}{sha256(json.dumps(sorted(names)))}"
    return file_digest(path) if path.is_file() else None


def _places(files: Iterable[str]) -> set[Path]:
    return {(place / file).resolve() for place in (ROOT, Path.cwd()) for file in files}


def _of_project(paths: Iterable[str]) -> Iterator[Path]:
    """Picks the paths inside the project that are neither of a run or of a tool, nor part of this Python. They are many."""
    here, python = f"{Path.cwd()}{os.sep}", f"{sys.prefix}{os.sep}"
    roots = {f"{ROOT}{os.sep}", f"{ROOT.resolve()}{os.sep}"}
    made = (f"{here}results{os.sep}", f"{here}.snakemake{os.sep}")
    for path in paths:
        if path.startswith(python) and ".." not in path:  # most are
            continue
        whole = os.path.normpath(path if path.startswith(os.sep) else f"{here}{path}")
        root = next((root for root in roots if f"{whole}{os.sep}".startswith(root)), None)
        if root is None or f"{whole}{os.sep}".startswith((python, *made)):
            continue
        first, *others = Path(f"{whole}{os.sep}".removeprefix(root)).parts or ("",)
        # At the top, hidden folders are those of tools.
        is_of_tool = others and (first.startswith(".") or first == "results")
        if not is_of_tool and "__pycache__" not in others:
            yield Path(whole)


sys.addaudithook(note)
