"""The jobs of a run that a scheduler has: what it calls them, who may do one, and their end with the run."""

import hashlib
import os
import platform
import shutil
import sys
import threading
import time
import uuid
from pathlib import Path

import lineup.ledger.lease as lease
from lineup.ledger.lease import CLAIM, RUN, check_right, leave

PATIENCE = 60.0  # seconds to wait for the jobs of a run that is gone


def name_queue(name: str | None, logs: list[str], shares_files: bool) -> None:
    """Prepares the folder for the first submission of a run.

    Args:
        name: What Slurm calls all jobs of this run; None with another scheduler.
        logs: The logs of the jobs that are going to run. Of a job that never begins its script, the log of the run
            before would be taken for its own, so they are removed.
        shares_files: Whether the jobs see the folder of the run.
    """
    if not shares_files:
        print(
            "Warning: The jobs of this run do not see its folder. Should it be killed, end its jobs before the next run.",
            file=sys.stderr,
        )
    if name and os.environ.get(RUN):
        lease.write(Path(os.environ[RUN]) / "queue", {"slurm": name})
    for log in logs:
        Path(log).unlink(missing_ok=True)


def join_run(jobs: list[str], attempt: int) -> None:
    """Makes this process, Snakemake where a scheduler started it, the owner of jobs of a run, or ends it.

    Args:
        jobs: The jobs that it is to run, as Snakemake names them.
        attempt: Which try of them this is, from 1.

    Raises:
        SystemExit: With status 143 if the run is gone or a later try has begun.
    """
    if RUN not in os.environ:
        sys.exit(
            f"Error: The scheduler does not hand the variable {RUN} on to its jobs: have it hand on the environment, "
            "as with sbatch --export=ALL or qsub -V."
        )
    if not os.environ[RUN]:
        return
    run = Path(os.environ[RUN])
    if CLAIM not in os.environ:
        _claim(run, jobs, attempt)
    check_right()
    threading.Thread(target=watch, daemon=True).start()


def _claim(run: Path, jobs: list[str], attempt: int) -> None:
    """Takes jobs, unless a later try has them: a try may start late, or again, after the one that followed it."""
    claim = run / "claims" / hashlib.sha256("\n".join(jobs).encode()).hexdigest()[:20]
    number, restarts = (int(os.environ.get(f"SLURM_{name}", 0)) for name in ("JOB_ID", "RESTART_COUNT"))
    order, token = [attempt, number, restarts], uuid.uuid4().hex
    before = lease.read(claim, "order", "token")
    if before and before["order"] > order:
        leave("a later try of it has begun")
    about = {"token": token, "order": order, "host": platform.node(), "process": os.getpid()}
    os.environ[CLAIM] = f"{claim} {token}"
    try:
        lease.write(claim, about)
    except OSError as error:
        if not lease.is_absence(error):
            raise
        leave("its run is gone")
    if (lease.age(run / "lease", claim) or 0) > lease.LEASE:
        leave("its run is gone")


def watch() -> None:
    """Ends this process, a job, as soon as its run is gone or another process has its job."""
    run = Path(os.environ[RUN])
    probe = Path(os.environ[CLAIM].rsplit(" ", 1)[0]) if CLAIM in os.environ else run / "probe"
    late = 0
    while True:
        try:
            check_right()
            age = lease.age(run / "lease", probe)
        except SystemExit:
            os._exit(143)
        except OSError:
            age = 0
        # A file server that was away for a while may have been asked by this process first: the run then has time to
        # touch its lease before the next looks.
        late = late + 1 if age is not None and age > lease.LEASE else 0
        if age is None or late > 2:
            os._exit(143)
        time.sleep(lease.BEAT)


def cancel(run: Path) -> None:
    """Takes the jobs of a run that is gone out of the queue of its cluster, and waits a while until they are.

    Without a queue to ask, it waits until none of them has touched its claim for some time. No result hangs on this,
    because none of these jobs puts a file in place any more; it spares the cluster what they would do.
    """
    name = (lease.read(run / "queue") or {}).get("slurm")
    until = time.monotonic() + PATIENCE
    if name and shutil.which("scancel"):
        # What cannot be asked is left to the claims, below.
        answers = _ask("scancel", "--me", "--name", name) is not None
        while answers and time.monotonic() < until:
            left = _ask("squeue", "--me", "--noheader", "--name", name, "--format=%i")
            if left == (0, ""):
                return
            answers = left is not None
            time.sleep(0.5)
    while time.monotonic() < until:
        ages = [lease.age(claim, run / "probe") for claim in (run / "claims").glob("[!.]*")]
        if not any(age is not None and age < 3 * lease.BEAT for age in ages):
            return
        time.sleep(lease.BEAT / 5)


def _ask(*command: str) -> tuple[int, str] | None:
    """Gives the exit status of a command of the scheduler and what it prints, if it can be run and answers in time."""
    import subprocess  # jobs, which load this module too, run none

    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.returncode, done.stdout.strip()
