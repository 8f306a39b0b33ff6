"""Notes which files of the project a job opens or runs beside those that its specification names.

Names in the code say what is reached; this is the net below, for what they do not say: a table of colours beside a
module, a module that a library loads, a program that is started. It is spread when the package is imported.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lineup.files import file_digest
from lineup.ledger.modules import ROOT

# What Python itself and a run write there.
OTHERS = ("results", "__pycache__")

# The events of the start of another program, with the place of the command among their arguments.
STARTS = {"subprocess.Popen": 1, "os.exec": 1, "os.posix_spawn": 1, "os.spawn": 2, "os.system": 0}

# What this process has opened to read, or started.
OPENED: set[str | bytes] = set()


def note(event: str, arguments: tuple) -> None:
    """Notes what Python is about to open or to start. It is called at every step of every import, and so is short."""
    if event == "open" and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR):
        if isinstance(arguments[0], str | bytes):
            OPENED.add(arguments[0])
    elif event in STARTS:
        OPENED.update(_words(arguments[STARTS[event]]))


@contextmanager
def unnoted() -> Iterator[None]:
    """Has what the body opens not noted: it is looked at, and nothing is made of it."""
    before = OPENED.copy()
    try:
        yield
    finally:
        OPENED.intersection_update(before)


def _words(command: object) -> Iterator[str | bytes]:
    """Lists the parts of a command, and the words of each, since one may be a line for a shell."""
    for part in [command] if isinstance(command, str | bytes) else command:
        if isinstance(part, str | bytes):
            yield part
            yield from part.split()


def unnamed_files(named: Iterable[str]) -> dict[str, str]:
    """Gives the digests of the files of the project that were opened or loaded and are not named.

    Args:
        named: Files that are known to count, relative to the root of the project or to the folder of the run.
    """
    loaded = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    paths = {os.fsdecode(path) for path in OPENED} | {file for file in loaded if isinstance(file, str)}
    found = {Path(path).resolve() for path in _of_project(paths)}
    found -= {(place / file).resolve() for place in (ROOT, Path.cwd()) for file in named}
    return {os.path.relpath(path, ROOT.resolve()): file_digest(path) for path in sorted(found)}


def _of_project(paths: Iterable[str]) -> Iterator[str]:
    """Picks the paths of files of the project that are neither hidden nor results, nor part of this Python. They are many."""
    here, root, python = str(Path.cwd()), f"{ROOT}{os.sep}", f"{sys.prefix}{os.sep}"
    for path in paths:
        whole = os.path.normpath(path if path.startswith(os.sep) else f"{here}{os.sep}{path}")
        if whole.startswith(root) and not whole.startswith(python):
            parts = Path(whole.removeprefix(root)).parts
            if not any(part.startswith(".") or part in OTHERS for part in parts) and Path(whole).is_file():
                yield whole


sys.addaudithook(note)
