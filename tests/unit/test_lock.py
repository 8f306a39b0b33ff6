"""One run at a time in a folder: processes that begin a run, follow one, and are killed."""

import fcntl
import json
import os
import re
import signal
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.processes import HEAD, gone, process, said
from support.waiting import PATIENCE, wait_for

from lineup.errors import InputError
from lineup.files import STATE
from lineup.ledger.lease import RUN
from lineup.ledger.lock import begin_run, follow_run, is_running

JOB = f"{HEAD}follow_run(); print('job', os.getpid(), tempfile.gettempdir(), flush=True); time.sleep(900)"
# A run that has a job, and says so when both go.
A_RUN = f"""{HEAD}
begin_run("results")
with subprocess.Popen([sys.executable, "-c", {JOB!r}], stdin=subprocess.DEVNULL):
    time.sleep(900)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The folder that everything runs in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(RUN, raising=False)
    (tmp_path / "results").mkdir()
    return tmp_path


@contextmanager
def run_with_a_job():
    """Starts a run with a job; gives its process and that of the job."""
    with process(A_RUN) as run:
        word, pid, temporary = run.stdout.readline().rstrip("\n").split(" ", 2)
        assert word == "job"
        try:
            yield run, int(pid), Path(temporary)
        finally:
            if not gone(int(pid), 0):
                os.kill(int(pid), signal.SIGKILL)


BEGIN = 'begin_run("results"); print("begun")'


def test_a_second_run_is_refused_in_one_sentence():
    with run_with_a_job() as (run, _, _):
        code = 'try:\n    begin_run("results")\nexcept lock.InputError as error:\n    print(error)'
        sentence = (
            f"Another run is going on in this folder, as process {run.pid}: wait until it has ended, or stop "
            "it. This run changed nothing.\n"
        )
        assert said(code) == (0, sentence)
        assert said(code) == (0, sentence)  # the refusal took nothing from the first
        assert is_running()
        assert [path.name.split("-")[0] for path in (STATE / "runs").iterdir()] == [str(run.pid)]


def test_a_run_that_has_ended_leaves_nothing_behind():
    assert not is_running()
    assert said(f"{BEGIN}; print(is_running(), len(os.listdir('.snakemake/lineup/runs')))") == (
        0,
        "begun\nTrue 1\n",
    )
    assert not is_running()
    assert list((STATE / "runs").iterdir()) == []
    assert said(BEGIN) == (0, "begun\n")


def test_a_run_that_begins_twice_is_one_run():
    assert said(f"{BEGIN}; {BEGIN}") == (0, "begun\nbegun\n")


def test_two_folders_have_runs_of_their_own(folder, monkeypatch):
    with run_with_a_job():
        (folder / "other").mkdir()
        monkeypatch.chdir(folder / "other")
        assert not is_running()
        assert said(BEGIN) == (0, "begun\n")


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
        assert said(BEGIN) == (0, "begun\n")
        assert gone(job, 0)
        assert not temporary.exists() and not part.exists()
    assert list((STATE / "runs").iterdir()) == []


def test_temporary_files_of_others_stay_where_no_run_was_killed(folder):
    """They may be of a run on a machine that shares nothing but the folder."""
    part = folder / "results" / ".table.part77.parquet"
    part.write_text("half", encoding="utf-8")
    assert said(BEGIN) == (0, "begun\n")
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
        f"{HEAD}begin_run('results'); print(os.environ['LINEUP_RUN'], flush=True); time.sleep(900)"
    ) as run:
        mine = run.stdout.readline().strip()
        assert Path(mine).parent == folder / STATE / "runs"
        with process(JOB, **{RUN: mine}) as job:
            assert job.stdout.readline().split()[0] == "job"
            assert job.poll() is None
            run.kill()
            assert job.wait(timeout=PATIENCE) == 143


def test_a_job_of_a_run_that_is_over_does_not_begin(folder):
    """The next run may have begun before the job did: it must not write among its results."""
    STATE.mkdir(parents=True)
    mine = str(folder / STATE / "runs" / "123")
    sentence = "Error: This job ends and changes nothing: its run is gone.\n"
    assert said("follow_run(); print('it runs')", **{RUN: mine}) == (143, sentence)


def test_a_job_outside_of_a_run_follows_none(folder):
    before = tempfile.tempdir
    follow_run()
    assert tempfile.tempdir == before and not (folder / STATE).exists()
    assert said("follow_run(); time.sleep(0.3); print('it ran')") == (0, "it ran\n")


def test_a_run_without_locks_has_jobs_that_follow_none(folder):
    mine = str(folder / STATE / "runs" / "123")
    code = "follow_no_run(); follow_run(); join_run(['a'], 1); print('it runs')"
    assert said(code, **{RUN: mine}) == (0, "it runs\n")


def test_a_new_run_waits_for_the_jobs_of_one_that_was_killed(folder):
    """A job that is busy in one long call of C notices late."""
    (STATE / "runs" / "123").mkdir(parents=True)
    stubborn = f"{HEAD}import fcntl\nfile = open('.snakemake/lineup/jobs.lock', 'a')\n"
    stubborn += "fcntl.flock(file, fcntl.LOCK_SH); print('holds', flush=True); time.sleep({})"
    with process(stubborn.format(1)) as job:
        assert job.stdout.readline() == "holds\n"
        start = time.monotonic()
        assert said(BEGIN) == (0, "begun\n")
        assert time.monotonic() - start > 0.5 and job.poll() is not None
    (STATE / "runs" / "123").mkdir()
    (folder / "results" / ".a.part1.csv").touch()
    with process(stubborn.format(900)) as job:
        assert job.stdout.readline() == "holds\n"
        status, text = said(f"lock.PATIENCE = 0.2; {BEGIN}")
        assert status == 1
        assert re.search(r"InputError: Jobs of a run that was killed are still going on .*: end their", text)
        assert (folder / "results" / ".a.part1.csv").exists()
        assert (STATE / "runs" / "123").exists()
    assert said(BEGIN) == (0, "begun\n")
    assert not (folder / "results" / ".a.part1.csv").exists()


def test_a_job_holds_what_the_next_run_waits_for():
    with run_with_a_job() as (_, job, _), (STATE / "jobs.lock").open("a") as jobs:
        with pytest.raises(BlockingIOError):
            fcntl.flock(jobs, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.kill(job, signal.SIGKILL)
        assert gone(job)
        fcntl.flock(jobs, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_lock_of_another_process_is_no_lock_of_this_one(folder):
    """The check that is made in this process gives its lock back at once."""
    with run_with_a_job():
        with pytest.raises(InputError, match="Another run is going on in this folder"):
            begin_run("results")
        assert RUN not in os.environ
    assert not is_running()
    assert not is_running()
    assert said(BEGIN) == (0, "begun\n")
    assert folder.exists()


# On several machines, of which a process says which one it is on

SOON = "lease.LEASE = 1.5\n"
ELSEWHERE = "lease.machine = lambda: 'another'; lease.BEAT = 0.1\n"
FREE = "lock.fcntl.flock = lambda file, kind: None\n"  # locks hold for nobody but this machine
NONE = """
def flock(file, kind):
    raise OSError(38, "Function not implemented")
lock.fcntl.flock = flock
"""
HERE = "lease.BEAT = 0.1\n"
HOLD = "begin_run('results'); print(os.environ['LINEUP_RUN'], flush=True); time.sleep(900)"
REFUSED = r"InputError: Another run is going on in this folder, as process {} on \S+: wait until it has ended"


@pytest.mark.parametrize(("first", "second"), [(HERE, ELSEWHERE + FREE), (HERE + NONE, HERE + NONE)])
def test_a_run_elsewhere_is_refused_while_the_first_lives(folder, first, second):
    """Its locks say nothing, but its lease does."""
    with process(HEAD + first + HOLD) as run:
        mine = Path(run.stdout.readline().strip())
        status, text = said(second + BEGIN)
        assert status == 1 and re.search(REFUSED.format(run.pid), text), text
        assert said(second + "print(is_running())") == (0, "True\n")
        assert [path.name for path in (STATE / "runs").iterdir()] == [mine.name]
        assert run.poll() is None


@pytest.mark.parametrize(("first", "second"), [(HERE, ELSEWHERE + FREE), (HERE + NONE, HERE + NONE)])
def test_a_run_elsewhere_begins_when_the_first_has_not_been_heard_of_for_long(folder, first, second):
    part = folder / "results" / ".a.part1x2.csv"
    with process(HEAD + first + HOLD) as run:
        mine = Path(run.stdout.readline().strip())
        run.kill()
        run.wait(timeout=PATIENCE)
        part.touch()
        heard = (mine / "lease").stat().st_mtime
        status, text = said(second + SOON + BEGIN)
        assert status == 0 and text.startswith("begun\n"), text
        assert time.time() - heard > 1.5
        assert re.search(r"A run on \S+ has not been heard of for \d+ s", text)
    assert not part.exists() and not mine.exists()
    assert said(second + "print(is_running())") == (0, "False\n")


def test_a_run_that_stood_still_for_too_long_finds_another_in_its_place(folder):
    """Its jobs put nothing in place any more, and it says so and ends."""
    with process(HEAD + HERE + HOLD) as run:
        mine = Path(run.stdout.readline().strip())
        run.send_signal(signal.SIGSTOP)
        with process(HEAD + ELSEWHERE + FREE + SOON + HOLD) as other:
            assert "has not been heard of" in other.stdout.readline()
            assert Path(other.stdout.readline().strip()) != mine
            run.send_signal(signal.SIGCONT)
            assert run.wait(timeout=PATIENCE) == 1
            assert "Another run took the place of this one" in run.stdout.read()
            assert other.poll() is None


FOLLOW = "follow_run(); print(tempfile.gettempdir(), flush=True); time.sleep(900)"


@pytest.mark.parametrize(
    "locks", ["", FREE, NONE], ids=["locks for all", "locks for one machine", "no locks"]
)
def test_a_job_elsewhere_lives_and_ends_with_its_run(folder, locks):
    """Where a lock holds for one machine only, the job gets it at once: that says nothing of its run."""
    with process(HEAD + HERE + HOLD) as run:
        mine = run.stdout.readline().strip()
        with process(HEAD + ELSEWHERE + "lease.LEASE = 2.5\n" + locks + FOLLOW, **{RUN: mine}) as job:
            # Its temporary files stay on its own machine.
            assert mine not in job.stdout.readline()
            time.sleep(0.5)
            assert job.poll() is None
            run.kill()
            assert job.wait(timeout=PATIENCE) == 143


WRITE = """
follow_run()
with replacing("results/table.csv") as temporary:
    temporary.write_text("old settings", encoding="utf-8")
    print("written", flush=True)
    sys.stdin.readline()
print("put in place")
"""


# The job has its last look alone: no thread of its own, nor of the run, sees first that the lease is gone.
BLIND = "lock.watch = lock._end_with = lambda *run: None\n"
STILL = "lease.BEAT = 900\n"


@pytest.mark.parametrize("place", [HERE, ELSEWHERE], ids=["here", "elsewhere"])
def test_a_job_whose_run_is_gone_puts_nothing_in_place(folder, place):
    """However long it stood still: the next run may have settings that its file was not made with."""
    with process(HEAD + STILL + HOLD) as run:
        mine = Path(run.stdout.readline().strip())
        with process(HEAD + place + BLIND + WRITE, **{RUN: str(mine)}) as job:
            assert job.stdout.readline() == "written\n"
            (mine / "lease").unlink()
            job.stdin.write("\n")
            job.stdin.close()
            assert job.wait(timeout=PATIENCE) == 143
            assert job.stdout.read() == "Error: This job ends and changes nothing: its run is gone.\n"
    assert list((folder / "results").iterdir()) == []


BETWEEN = """
from lineup import files
begun = Path.replace
def replace(self, target):
    if self.name.startswith(".table.part"):
        (Path(os.environ["LINEUP_RUN"]) / "lease").unlink()
        files.remove_parts("results")
        Path("results/table.csv").write_text("of the next run", encoding="utf-8")
    return begun(self, target)
Path.replace = replace
"""


def test_between_the_last_look_and_the_end_nothing_is_put_in_place(folder):
    """The next run removes the lease first and the temporary file then: what comes late finds no file."""
    with process(HEAD + STILL + HOLD) as run:
        mine = run.stdout.readline().strip()
        status, text = said(ELSEWHERE + BLIND + BETWEEN + WRITE, **{RUN: mine})
        assert (status, text) == (
            143,
            "written\nError: This job ends and changes nothing: its run is gone.\n",
        )
    assert (folder / "results" / "table.csv").read_text(encoding="utf-8") == "of the next run"


def test_a_lease_says_who_holds_it(folder):
    with process(HEAD + HERE + HOLD) as run:
        mine = Path(run.stdout.readline().strip())
        lease = json.loads((mine / "lease").read_text(encoding="utf-8"))
        assert lease["process"] == run.pid and lease["locks"] is True and lease["machine"] and lease["host"]
        before = (mine / "lease").stat().st_mtime_ns
        wait_for(lambda: (mine / "lease").stat().st_mtime_ns > before, "the lease is touched")
        assert json.loads((mine / "lease").read_text(encoding="utf-8")) == lease
