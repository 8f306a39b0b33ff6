"""One run at a time in a folder, and no job that outlives its run.

A run holds a lock as long as its process lives, and each job waits in the background for the lock of
its run: it gets it when the run is gone, however that ended, and then ends itself. The operating system
releases these locks, so none is ever left behind.
"""

import atexit
import fcntl
import os
import shutil
import tempfile
import threading
import time
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path

from lineup.errors import InputError
from lineup.files import STATE, remove_parts

# Holds the folder of the run that a job belongs to.
VARIABLE = "LINEUP_RUN"
PATIENCE = 60.0  # seconds to wait for the jobs of a run that was killed

_held: list[TextIOWrapper] = []  # locks that this process keeps until it ends


def begin_run(results: str | Path) -> bool:
    """Makes this process the only run in the current folder, and tidies up after one that was killed.

    Args:
        results: The folder that jobs write to.

    Returns:
        Whether it is certain to be the only one: not where the file system has no locks.

    Raises:
        InputError: If another run is going on, or jobs of one that was killed do not end.
    """
    if _held:
        return True
    runs = STATE / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    lock = (STATE / "run.lock").open("a+", encoding="utf-8")
    alone = _locked(lock, fcntl.LOCK_EX)
    if alone is False:
        lock.seek(0)
        raise InputError(
            f"Another run is going on in this folder, as process {lock.read() or 'unknown'}: wait until it "
            "has ended, or stop it. This run changed nothing."
        )
    killed = list(runs.iterdir())
    if killed:
        _wait_for_jobs()
        remove_parts(results)
        for folder in killed:
            shutil.rmtree(folder, ignore_errors=True)
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    mine = (runs / str(os.getpid())).absolute()
    mine.mkdir()
    alive = (mine / "lock").open("w", encoding="utf-8")
    _locked(alive, fcntl.LOCK_EX)
    _held.extend([lock, alive])
    os.environ[VARIABLE] = str(mine)
    atexit.register(shutil.rmtree, mine, ignore_errors=True)
    return alone is True


def is_running() -> bool:
    """Tells whether a run is going on in the current folder, or may be for all that can be known."""
    try:
        with (STATE / "run.lock").open(encoding="utf-8") as lock:
            return _locked(lock, fcntl.LOCK_SH) is not True
    except FileNotFoundError:
        return False


def leave_run() -> None:
    """Has the jobs of this process follow no run, because this machine may not be the one that it is on."""
    os.environ.pop(VARIABLE, None)


def follow_run() -> None:
    """Ends this process, which is a job, as soon as its run has ended. Outside of a run it does nothing.

    Temporary files go into the folder of the run, which the next run removes.
    """
    if VARIABLE not in os.environ:
        return
    mine = Path(os.environ[VARIABLE])
    jobs = (STATE / "jobs.lock").open("a", encoding="utf-8")
    with suppress(OSError):
        fcntl.flock(jobs, fcntl.LOCK_SH)
    _held.append(jobs)
    try:
        alive = (mine / "lock").open(encoding="utf-8")
    except FileNotFoundError:
        os._exit(143)
    tempfile.tempdir = str(mine)
    threading.Thread(target=_end_with, args=[alive], daemon=True).start()


def _end_with(alive: TextIOWrapper) -> None:
    # A file system without locks says so at once; jobs there live as long as they take.
    with suppress(OSError):
        fcntl.flock(alive, fcntl.LOCK_SH)
        os._exit(143)


def _wait_for_jobs() -> None:
    until = time.monotonic() + PATIENCE
    with (STATE / "jobs.lock").open("a", encoding="utf-8") as jobs:
        while _locked(jobs, fcntl.LOCK_EX) is False:
            if time.monotonic() > until:
                raise InputError(
                    "Jobs of a run that was killed are still going on in this folder: end their processes, "
                    "then run again. This run changed nothing."
                )
            time.sleep(0.05)


def _locked(file: TextIOWrapper, kind: int) -> bool | None:
    """Tries to lock a file, and tells whether that succeeded; None where the file system has no locks."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
