"""The jobs of a run that a scheduler has: which try of a job may do it, and how the queue is emptied."""

import json
import os
import re
import time
from pathlib import Path

import pytest
from support.processes import HEAD, process, said
from support.waiting import PATIENCE

from lineup.files import STATE
from lineup.ledger import lease, submissions
from lineup.ledger.lease import CLAIM, RUN
from lineup.ledger.submissions import cancel, name_queue

BEGIN = "begin_run('results'); print(os.environ['LINEUP_RUN'], flush=True); time.sleep(900)"
ELSEWHERE = "lease.machine = lambda: 'another'; lease.BEAT = 0.1\n"
JOIN = "join_run(['fit_mlp:model=a'], {}); print('joined', os.environ['LINEUP_CLAIM'], flush=True)\n"
# What the process that Snakemake starts does, and then the script that it starts.
WRITE = """
follow_run()
with replacing("results/table.csv") as temporary:
    temporary.write_text("{}", encoding="utf-8")
    print("written", flush=True)
    sys.stdin.readline()
print("put in place", flush=True)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The folder that everything runs in."""
    monkeypatch.chdir(tmp_path)
    for name in (RUN, CLAIM, "SLURM_JOB_ID", "SLURM_RESTART_COUNT"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "results").mkdir()
    return tmp_path


@pytest.fixture
def run():
    """The folder of a run that lives, as a job is told of it."""
    with process(HEAD + "lease.BEAT = 0.1\n" + BEGIN) as started:
        yield started.stdout.readline().strip()


def test_a_job_says_if_the_scheduler_keeps_the_run_from_it():
    status, text = said(JOIN.format(1))
    assert status == 1
    assert text == (
        "Error: The scheduler does not hand the variable LINEUP_RUN on to its jobs: have it hand on the environment, "
        "as with sbatch --export=ALL or qsub -V.\n"
    )


def test_a_job_of_a_run_that_is_gone_does_nothing(folder):
    gone = str(folder / STATE / "runs" / "1-2")
    assert said(JOIN.format(1), **{RUN: gone}) == (
        143,
        "Error: This job ends and changes nothing: its run is gone.\n",
    )
    assert not Path(gone).exists()


def test_a_job_whose_run_was_not_heard_of_for_long_does_nothing(run):
    """The run may be killed, and its queue go on."""
    code = ELSEWHERE + "lease.LEASE = -1\n" + JOIN.format(1)
    assert said(code, **{RUN: run}) == (143, "Error: This job ends and changes nothing: its run is gone.\n")


FIRST, SECOND = {"SLURM_JOB_ID": "7"}, {"SLURM_JOB_ID": "8"}
AGAIN = {"SLURM_JOB_ID": "7", "SLURM_RESTART_COUNT": "1"}


# The job has its last look alone: no thread of it sees first that another try has begun.
BLIND = "submissions.watch = lock.watch = lambda: None\n"


@pytest.mark.parametrize(
    ("early", "late"),
    [((1, FIRST), (2, SECOND)), ((1, FIRST), (1, AGAIN)), ((1, {}), (2, {})), ((1, {}), (1, {}))],
    ids=["submitted again", "requeued", "another scheduler", "cannot be told apart"],
)
def test_of_two_tries_the_later_one_puts_its_files_in_place(folder, run, early, late):
    """The node of the first was cut off: it lives, works and comes to its end when the second has done the job."""
    one, two = (
        ELSEWHERE + BLIND + JOIN.format(attempt) + WRITE.format(text)
        for (attempt, _), text in ((early, "early"), (late, "late"))
    )
    with process(HEAD + one, **{RUN: run, **early[1]}) as first:
        assert first.stdout.readline().startswith("joined")
        assert first.stdout.readline() == "written\n"
        assert said(two, **{RUN: run}, **late[1])[0] == 0
        first.stdin.close()
        assert first.wait(timeout=PATIENCE) == 143
        assert "another try of it has begun" in first.stdout.read()
    assert [path.name for path in (folder / "results").iterdir()] == ["table.csv"]
    assert (folder / "results" / "table.csv").read_text(encoding="utf-8") == "late"


def test_an_early_try_that_starts_late_does_nothing(run):
    assert said(JOIN.format(2), **{RUN: run}, **SECOND)[0] == 0
    status, text = said(JOIN.format(1), **{RUN: run}, **FIRST)
    assert (status, text) == (143, "Error: This job ends and changes nothing: a later try of it has begun.\n")
    assert said(JOIN.format(2), **{RUN: run}, **SECOND)[0] == 0


def test_a_try_ends_as_soon_as_it_is_replaced(run):
    with process(HEAD + ELSEWHERE + JOIN.format(1) + "time.sleep(900)", **{RUN: run}) as first:
        assert first.stdout.readline().startswith("joined")
        assert said(JOIN.format(2), **{RUN: run})[0] == 0
        assert first.wait(timeout=PATIENCE) == 143


def test_processes_of_one_try_share_its_claim(run):
    """Snakemake starts itself again on the node, and that starts the scripts."""
    code = JOIN.format(1) + "mine = os.environ['LINEUP_CLAIM']\n" + JOIN.format(1)
    assert said(code + "assert mine == os.environ['LINEUP_CLAIM']", **{RUN: run})[0] == 0


def test_jobs_have_claims_of_their_own(run):
    for name in ("a", "b"):
        assert said(JOIN.format(1).replace("model=a", f"model={name}"), **{RUN: run})[0] == 0
    assert len(list((Path(run) / "claims").iterdir())) == 2


# The queue


@pytest.fixture
def left(folder):
    """What a run left that is gone, with one claim."""
    run = folder / STATE / "runs" / "1-2"
    (run / "claims").mkdir(parents=True)
    lease.write(run / "claims" / "abc", {"token": "a", "order": [1, 0, 0]})
    lease.write(run / "probe", {})
    return run


SQUEUE = """#!/bin/sh
echo "squeue $*" >> {log}
[ -e {folder}/asked ] && exit 0
touch {folder}/asked
echo 17
"""


def test_the_jobs_of_a_run_that_is_gone_are_cancelled(folder, left, monkeypatch):
    tools, log = folder / "bin", folder / "log"
    tools.mkdir()
    (tools / "scancel").write_text(f'#!/bin/sh\necho "scancel $*" >> {log}\n', encoding="utf-8")
    (tools / "squeue").write_text(SQUEUE.format(log=log, folder=folder), encoding="utf-8")
    for tool in tools.iterdir():
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setenv(RUN, str(left))
    name_queue("the-name", [], True)
    cancel(left)
    asked = "squeue --me --noheader --name the-name --format=%i"
    assert log.read_text(encoding="utf-8").splitlines() == ["scancel --me --name the-name", asked, asked]


def test_without_a_queue_to_ask_the_jobs_are_waited_for(left, monkeypatch):
    """As long as they touch their claims."""
    monkeypatch.setattr(lease, "BEAT", 0.2)
    started = time.monotonic()
    cancel(left)
    assert time.monotonic() - started > 0.3
    monkeypatch.setattr(submissions, "PATIENCE", 0.1)
    monkeypatch.setattr(lease, "BEAT", 3)
    cancel(left)  # no longer than its patience


def test_before_the_first_submission_old_logs_go(folder, capsys):
    (folder / "old.log").write_text("of the run before", encoding="utf-8")
    name_queue(None, ["old.log", "none.log"], True)
    assert not (folder / "old.log").exists() and capsys.readouterr().err == ""
    name_queue("a", [], False)
    assert re.fullmatch(
        r"Warning: The jobs of this run do not see its folder\. .*\n", capsys.readouterr().err
    )


def test_the_age_of_a_lease_is_told_by_its_server(left):
    """Both times are those of files, so no clock of a machine counts."""
    os.utime(left / "claims" / "abc", (1000, 1000))
    assert lease.age(left / "claims" / "abc", left / "probe") == pytest.approx(time.time() - 1000, abs=60)
    lease.touch(left / "claims" / "abc")
    assert 0 <= lease.age(left / "claims" / "abc", left / "probe") < 60
    assert json.loads((left / "claims" / "abc").read_text(encoding="utf-8"))["token"] == "a"
    (left / "probe").unlink()
    assert lease.age(left / "claims" / "abc", left / "probe") is None
    assert lease.age(left / "none", left / "claims" / "abc") is None
