"""One run at a time in a folder: processes that begin a run, follow one, and are killed."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from support.tree import ROOT
from support.waiting import PATIENCE

from lineup.errors import InputError
from lineup.files import STATE
from lineup.ledger import lock as module
from lineup.ledger.lock import VARIABLE, begin_run, follow_run, is_running

HEAD = """
import os, subprocess, sys, tempfile, time
from lineup.ledger import lock as run
from lineup.ledger.lock import begin_run, follow_run, is_running
"""
JOB = f"{HEAD}follow_run(); print('job', os.getpid(), tempfile.gettempdir(), flush=True); time.sleep(900)"
# A run that has a job, and says so when both go.
RUN = f"""{HEAD}
begin_run("results")
with subprocess.Popen([sys.executable, "-c", {JOB!r}], stdin=subprocess.DEVNULL):
    time.sleep(900)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The folder that everything runs in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    (tmp_path / "results").mkdir()
    return tmp_path


def environment(more):
    return {name: value for name, value in os.environ.items() if name != VARIABLE} | {
        "PYTHONPATH": str(ROOT),
        **more,
    }


@contextmanager
def process(code, **more):
    """Starts a process that runs some code, and kills it in the end."""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment(more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as started:
        try:
            yield started
        finally:
            started.kill()


def said(code, **more):
    """Runs some code in a process of its own; gives its status and what it says."""
    done = subprocess.run(
        [sys.executable, "-c", HEAD + code],
        env=environment(more),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def gone(pid, seconds=PATIENCE):
    """Waits until a process has ended, and tells whether it has."""
    until = time.monotonic() + seconds
    while True:
        # A process whose parent is gone and that nobody waits for is a zombie.
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        if time.monotonic() > until:
            return False
        time.sleep(0.01)


@contextmanager
def run_with_a_job():
    """Starts a run with a job; gives its process and that of the job."""
    with process(RUN) as run:
        word, pid, temporary = run.stdout.readline().rstrip("\n").split(" ", 2)
        assert word == "job"
        try:
            yield run, int(pid), Path(temporary)
        finally:
            if not gone(int(pid), 0):
                os.kill(int(pid), signal.SIGKILL)


BEGIN = 'print(begin_run("results"))'


def test_a_second_run_is_refused_in_one_sentence():
    with run_with_a_job() as (run, _, _):
        code = 'try:\n    begin_run("results")\nexcept run.InputError as error:\n    print(error)'
        sentence = (
            f"Another run is going on in this folder, as process {run.pid}: wait until it has ended, or stop "
            "it. This run changed nothing.\n"
        )
        assert said(code) == (0, sentence)
        assert said(code) == (0, sentence)  # the refusal took nothing from the first
        assert is_running()
        assert [path.name for path in (STATE / "runs").iterdir()] == [str(run.pid)]


def test_a_run_that_has_ended_leaves_nothing_behind():
    assert not is_running()
    assert said(f"{BEGIN}; print(is_running(), len(os.listdir('.snakemake/lineup/runs')))") == (
        0,
        "True\nTrue 1\n",
    )
    assert not is_running()
    assert list((STATE / "runs").iterdir()) == []
    assert said(BEGIN) == (0, "True\n")


def test_a_run_that_begins_twice_is_one_run():
    assert said(f"{BEGIN}; {BEGIN}") == (0, "True\nTrue\n")


def test_two_folders_have_runs_of_their_own(folder, monkeypatch):
    with run_with_a_job():
        (folder / "other").mkdir()
        monkeypatch.chdir(folder / "other")
        assert not is_running()
        assert said(BEGIN) == (0, "True\n")


def test_after_a_run_was_killed_the_next_one_tidies_up(folder):
    part = folder / "results" / "trial" / ".table.part77.parquet"
    part.parent.mkdir()
    with run_with_a_job() as (run, job, temporary):
        assert temporary.parent == (folder / STATE / "runs")
        (temporary / "scratch").write_text("left", encoding="utf-8")
        part.write_text("half", encoding="utf-8")
        run.send_signal(signal.SIGKILL)
        assert run.wait(timeout=PATIENCE) == -signal.SIGKILL
        assert not is_running()
        assert temporary.exists() and part.exists()
        assert said(BEGIN) == (0, "True\n")
        assert gone(job, 0)
        assert not temporary.exists() and not part.exists()
    assert list((STATE / "runs").iterdir()) == []


def test_temporary_files_of_others_stay_where_no_run_was_killed(folder):
    """They may be of a run on a machine that shares nothing but the folder."""
    part = folder / "results" / ".table.part77.parquet"
    part.write_text("half", encoding="utf-8")
    assert said(BEGIN) == (0, "True\n")
    assert part.exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_job_ends_with_its_run(number):
    with run_with_a_job() as (run, job, _):
        assert not gone(job, 0.3)
        run.send_signal(number)
        assert run.wait(timeout=PATIENCE) == -number
        assert gone(job)


def test_the_status_of_a_job_that_ends_with_its_run(folder):
    with process(
        f"{HEAD}begin_run('results'); print(os.environ[run.VARIABLE], flush=True); time.sleep(900)"
    ) as run:
        mine = run.stdout.readline().strip()
        assert Path(mine) == folder / STATE / "runs" / str(run.pid)
        with process(JOB, **{VARIABLE: mine}) as job:
            assert job.stdout.readline().split()[0] == "job"
            assert job.poll() is None
            run.kill()
            assert job.wait(timeout=PATIENCE) == 143


def test_a_job_of_a_run_that_is_over_does_not_begin(folder):
    """The next run may have begun before the job did: it must not write among its results."""
    STATE.mkdir(parents=True)
    mine = str(folder / STATE / "runs" / "123")
    assert said("follow_run(); print('it runs')", **{VARIABLE: mine}) == (143, "")


def test_a_job_outside_of_a_run_follows_none(folder):
    before = module.tempfile.tempdir
    follow_run()
    assert module.tempfile.tempdir == before and not (folder / STATE).exists()
    assert said("follow_run(); time.sleep(0.3); print('it ran')") == (0, "it ran\n")


def test_a_job_that_a_scheduler_started_follows_none(folder):
    """On another machine the lock of the run may look free, and the job would end itself."""
    mine = str(folder / STATE / "runs" / "123")
    code = "leave_run(); follow_run(); print('it runs', os.environ.get('LINEUP_RUN'))"
    assert said(f"import os; from lineup.ledger.lock import leave_run; {code}", **{VARIABLE: mine}) == (
        0,
        "it runs None\n",
    )


def test_a_new_run_waits_for_the_jobs_of_one_that_was_killed(folder):
    """A job that is busy in one long call of C notices late."""
    (STATE / "runs" / "123").mkdir(parents=True)
    stubborn = f"{HEAD}import fcntl\nfile = open('.snakemake/lineup/jobs.lock', 'a')\n"
    stubborn += "fcntl.flock(file, fcntl.LOCK_SH); print('holds', flush=True); time.sleep({})"
    with process(stubborn.format(1)) as job:
        assert job.stdout.readline() == "holds\n"
        start = time.monotonic()
        assert said(BEGIN) == (0, "True\n")
        assert time.monotonic() - start > 0.5 and job.poll() is not None
    (STATE / "runs" / "123").mkdir()
    (folder / "results" / ".a.part1.csv").touch()
    with process(stubborn.format(900)) as job:
        assert job.stdout.readline() == "holds\n"
        status, text = said(f"run.PATIENCE = 0.2; {BEGIN}")
        assert status == 1
        assert re.search(r"InputError: Jobs of a run that was killed are still going on .*: end their", text)
        assert (folder / "results" / ".a.part1.csv").exists()
        assert (STATE / "runs" / "123").exists()
    assert said(BEGIN) == (0, "True\n")
    assert not (folder / "results" / ".a.part1.csv").exists()


def test_where_there_are_no_locks_nothing_is_certain(monkeypatch):
    """Network file systems may have none: a run can go on, but must not clear the locks of another."""

    def without(_file, _kind):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(module.fcntl, "flock", without)
    monkeypatch.setattr(module, "_held", [])
    monkeypatch.setattr(module.atexit, "register", lambda *_, **__: None)
    assert not is_running()  # there never was a run
    monkeypatch.setenv(VARIABLE, "to be taken back")
    assert begin_run("results") is False
    assert is_running()
    monkeypatch.setattr(module.tempfile, "tempdir", None)
    follow_run()
    time.sleep(0.1)  # it does not end this process


def test_a_lock_of_another_process_is_no_lock_of_this_one(folder):
    """The check that is made in this process gives its lock back at once."""
    with run_with_a_job():
        with pytest.raises(InputError, match="Another run is going on in this folder"):
            begin_run("results")
        assert VARIABLE not in os.environ
    assert not is_running()
    assert not is_running()
    assert said(BEGIN) == (0, "True\n")
    assert folder.exists()
