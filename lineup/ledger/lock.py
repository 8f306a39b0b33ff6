"""One run at a time in a folder, wherever its jobs are, and no job that outlives its run.

On one machine locks say who lives: a run holds one as long as its process lives, and each job waits in the background
for the lock of its run, which it gets when the run is gone. The operating system releases these locks, so none is ever
left behind. Between machines a lease says it, see lease.py.
"""

import atexit
import fcntl
import os
import platform
import shutil
import sys
import tempfile
import threading
import time
import uuid
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path

import lineup.ledger.lease as lease
from lineup.errors import InputError
from lineup.files import FULL, STATE, guards, remove_parts
from lineup.ledger.lease import CLAIM, RUN, check_right, leave
from lineup.ledger.submissions import PATIENCE, cancel, watch

RUNS = STATE / "runs"
LEASED = ("host", "locks", "machine", "process")  # what a lease says

_held: list[TextIOWrapper] = []  # locks that this process keeps until it ends


def begin_run(results: str | Path) -> None:
    """Makes this process the only run in the current folder, and tidies up after one that was killed.

    Args:
        results: The folder that jobs write to.

    Raises:
        InputError: If another run is going on, or jobs of one that was killed do not end.
    """
    if _held:
        return
    try:
        RUNS.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError(
            f"{STATE} has to be a folder, for notes of this project: remove what is there."
        ) from error
    lock = (STATE / "run.lock").open("a+", encoding="utf-8")
    alone = _locked(lock, fcntl.LOCK_EX)
    if alone is False:
        lock.seek(0)
        _refuse(f"process {lock.read() or 'unknown'}")
    # First be seen, then look: of two that start together, one at least sees the other.
    mine, alive = _new_folder()
    ended = threading.Event()
    threading.Thread(target=_renew, args=[mine / "lease", ended], daemon=True).start()
    try:
        others = [run for run in RUNS.glob("[!.]*") if run.name != mine.name]
        for run in others:
            _wait_until_gone(run, mine / "lease", alone is True)
        _check_place(mine)
        for run in others:
            # From here on no job of that run puts a file in place.
            (run / "lease").unlink(missing_ok=True)
        for run in others:
            cancel(run)
        if others:
            _wait_for_jobs()
            _check_place(mine)
            remove_parts(results)
            for run in others:
                shutil.rmtree(run, ignore_errors=True)
    except BaseException:
        _leave_folder(mine, ended)
        raise
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    _held.extend([lock, alive])
    os.environ[RUN] = str(mine)
    os.environ.pop(CLAIM, None)
    atexit.register(_leave_folder, mine, ended)


def is_running() -> bool:
    """Tells whether a run is going on in the current folder."""
    try:
        with (STATE / "run.lock").open(encoding="utf-8") as lock:
            free = _locked(lock, fcntl.LOCK_SH)
    except FileNotFoundError:
        return False
    return free is False or any(_may_live(run, free is True) for run in RUNS.glob("[!.]*"))


def follow_no_run() -> None:
    """Has the jobs of this process follow no run."""
    os.environ[RUN] = ""


def follow_run() -> None:
    """Ends this process, which is a job, as soon as its run has ended. Outside of a run it does nothing.

    On the machine of the run temporary files go into the folder of the run, which the next run removes; elsewhere they
    stay where that machine has them.
    """
    if not os.environ.get(RUN):
        return
    mine = Path(os.environ[RUN])
    about = lease.read(mine / "lease", *LEASED)
    if about is None:
        leave("its run is gone")
    guards.append(check_right)
    check_right()
    if about["machine"] != lease.machine():
        threading.Thread(target=watch, daemon=True).start()
        return
    jobs = (STATE / "jobs.lock").open("a", encoding="utf-8")
    with suppress(OSError):
        fcntl.flock(jobs, fcntl.LOCK_SH)
    _held.append(jobs)
    tempfile.tempdir = str(mine)
    try:
        alive = (mine / "lock").open(encoding="utf-8")
    except FileNotFoundError:
        leave("its run is gone")
    follow, arguments = (_end_with, [alive]) if about["locks"] else (watch, [])
    threading.Thread(target=follow, args=arguments, daemon=True).start()


def _new_folder() -> tuple[Path, TextIOWrapper]:
    """Makes the folder of this run, which appears with its lease in it, and takes the lock in it."""
    name = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
    hidden, mine = (RUNS / f".{name}").absolute(), (RUNS / name).absolute()
    try:
        (hidden / "claims").mkdir(parents=True)
        alive = (hidden / "lock").open("w", encoding="utf-8")
        locks = _locked(alive, fcntl.LOCK_EX) is True
        (hidden / "probe").touch()
        about = {"machine": lease.machine(), "host": platform.node(), "process": os.getpid(), "locks": locks}
        lease.write(hidden / "lease", about)
        hidden.rename(mine)
    except BaseException as error:
        shutil.rmtree(hidden, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in FULL:
            raise InputError(
                f"The disk is full ({error.strerror}): free some space, then run again."
            ) from error
        raise
    return mine, alive


def _leave_folder(mine: Path, ended: threading.Event) -> None:
    """Removes the folder of this run; that its lease is gone then says nothing of another run."""
    ended.set()
    shutil.rmtree(mine, ignore_errors=True)


def _check_place(mine: Path) -> None:
    """Raises an InputError if another run has taken the place of this one, which stood still for too long."""
    if lease.read(mine / "lease", *LEASED) is None:
        _refuse("one that began meanwhile")


def _wait_until_gone(run: Path, probe: Path, locks: bool) -> None:
    """Raises an InputError if another run is going on; waits where only time can tell."""
    about = lease.read(run / "lease", *LEASED)
    if about is None or _is_dead(about, locks):
        return
    begun, first, told = time.monotonic(), None, False
    while (watched := time.monotonic() - begun) <= lease.LEASE:
        age = lease.age(run / "lease", probe)
        # However old it looks, it is watched for a while: a file server may have been away from both runs.
        if age is None or (age > lease.LEASE and watched > 2 * lease.BEAT):
            return
        try:
            now = lease.modified(run / "lease")
        except OSError as error:
            if lease.is_absence(error):
                return
            raise
        if now != (first := first or now):
            _refuse(f"process {about['process']} on {about['host']}")
        if watched > lease.BEAT and not told:
            print(
                f"A run on {about['host']} has not been heard of for {max(age, 0):.0f} s. This one begins when it has not "
                f"for {lease.LEASE:.0f} s.",
                file=sys.stderr,
            )
            told = True
        time.sleep(lease.BEAT / 5)


def _may_live(run: Path, locks: bool) -> bool:
    """Tells whether a run may be going on that does not hold the lock of the folder, as this machine sees it."""
    about = lease.read(run / "lease", *LEASED)
    if about is None or _is_dead(about, locks):
        return False
    clock = STATE / "clock"
    try:
        clock.touch()
        age = lease.age(run / "lease", clock)
    except OSError:  # a full disk, or a folder that cannot be written to
        return True
    return age is not None and age <= lease.LEASE


def _is_dead(about: dict, locks: bool) -> bool:
    """Tells of a run on this machine, where locks work, that it is gone: it would hold the lock of the folder."""
    return locks and about["locks"] and about["machine"] == lease.machine()


def _renew(file: Path, ended: threading.Event) -> None:
    """Keeps a lease fresh until the run has ended, and ends it if another has taken its place, as after a standstill."""
    while not ended.wait(lease.BEAT):
        try:
            lease.touch(file)
        except OSError as error:
            # Else it is a full disk, or a file server that is away for a while.
            if lease.is_absence(error) and not ended.is_set():
                print(
                    "Error: Another run took the place of this one, which stood still for too long.",
                    file=sys.stderr,
                )
                os._exit(1)


def _refuse(who: str) -> None:
    raise InputError(
        f"Another run is going on in this folder, as {who}: wait until it has ended, or stop it. This run changed "
        "nothing."
    )


def _end_with(alive: TextIOWrapper) -> None:
    with suppress(OSError):
        fcntl.flock(alive, fcntl.LOCK_SH)
        os._exit(143)
    watch()  # a lock that cannot be waited for


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
