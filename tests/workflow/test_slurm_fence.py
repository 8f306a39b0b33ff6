"""A run is one run wherever its jobs are, on a real Slurm whose nodes count as machines of their own."""

import copy
import signal
import subprocess
import sys
import time

import psutil
import pytest
from support.data import small_csv, small_dataset, small_models
from support.on_slurm import differing, line, output_of, running, started
from support.runs import Project, environment, reproducible
from support.tree import copy_of_tree
from support.waiting import PATIENCE, wait_for

from lineup.files import STATE

pytestmark = pytest.mark.slow

# What stands on all networks, without the figures.
SCORES = "results/trial/leaderboard.csv"


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """Six networks that train for some time: four find room on the nodes."""
    csv = small_csv(tmp_path_factory.mktemp("six") / "trial.csv", seed=1)
    net = small_models()["net"] | {"epochs": 600, "threads": 1, "checkpoint_seconds": 600}
    models = {f"net_{number}": net | {"seed": number} for number in range(1, 7)}
    splits = {"test_share": 0.25, "seeds": [3], "block_size": 1}
    dataset = small_dataset(csv, models=list(models), reference="net_1", splits=splits)
    return {"build": ["trial"], "datasets": {"trial": dataset}, "models": models}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return copy_of_tree(tmp_path_factory.mktemp("tree"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, tree, config):
    """The same, made on this machine."""
    project = Project(tmp_path_factory.mktemp("undisturbed") / "work", tree, copy.deepcopy(config))
    run = project.run("--cores", "2", SCORES)
    assert run.status == 0, run.text
    return project


@pytest.fixture
def project(tmp_path, tree, config):
    return Project(tmp_path / "work", tree, copy.deepcopy(config))


def is_whole(project, undisturbed):
    """Tells whether a project is as if nothing had happened to it."""
    assert differing(project, undisturbed) == []
    assert project.run("--dry-run", SCORES).jobs == []
    left = [*(project.folder / STATE / "runs").iterdir(), *project.results.rglob("*.part*")]
    assert left == []
    return len(reproducible(undisturbed))


def working(slurm, run):
    """Waits until networks are trained and others wait in the queue."""

    def both():
        assert run.poll() is None, "the run has ended before it could be hit"
        states = [job.state for job in slurm.jobs() if "fit_mlp" in job.rule]
        return states.count("RUNNING") >= 2 and "PENDING" in states

    return wait_for(both, "networks are trained and others wait")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_ended_takes_its_jobs_along(project, undisturbed, slurm, tell, number):
    """Those that run and those that wait. After SIGKILL it is the next run that ends them, before it begins."""
    before, begun = {job.number for job in slurm.jobs()}, time.monotonic()

    def states():
        return {job.number: job.state for job in slurm.jobs() if job.number not in before}

    with started(project, slurm, SCORES) as run:
        working(slurm, run)
        run.send_signal(number)
        run.wait(timeout=PATIENCE)
    ended, first = time.monotonic(), states()
    alive = {"RUNNING", "PENDING"}
    assert number == signal.SIGKILL or not alive & set(first.values()), first
    with running(project, slurm, SCORES):
        wait_for(lambda: len(states()) > len(first), "the next run submits its first job")
        now = {job: state for job, state in states().items() if job in first}
    assert not alive & set(now.values()) and list(now.values()).count("CANCELLED") >= 2, now
    files = is_whole(project, undisturbed)
    seconds = {"until_end": round(ended - begun), "in_all": round(time.monotonic() - begun)}
    cancelled = list(now.values()).count("CANCELLED")
    tell(line(f"{signal.Signals(number).name} to the run", cancelled=cancelled, files_equal=files, **seconds))


def test_a_job_on_a_node_that_is_cut_off_puts_nothing_in_place(project, undisturbed, slurm, tell):
    """It lives on beside the next try of it, and is held up until the run has ended."""
    try:
        with running(project, slurm, SCORES) as run:
            working(slurm, run)
            (cut, *_) = slurm.running("fit_mlp")
            held = wait_for(lambda: training_on(slurm, cut.node), "a script has begun there")
            for process in held:
                process.suspend()
            slurm.cut_node(cut.node)
        before = stamps(project)
        held = {process: command for process, command in held.items() if process.is_running()}
        scripts = [command for command in held.values() if ".fit_mlp.py" in command]
        assert scripts
        for process in held:
            process.resume()
        _, alive = psutil.wait_procs(held, timeout=PATIENCE)
        assert alive == [] and stamps(project) == before
    finally:
        slurm.kill_node(cut.node)
        slurm.revive_node(cut.node)
    tell(line("a node cut off", scripts=len(scripts), files_equal=is_whole(project, undisturbed)))


def stamps(project):
    """Says when each result was put in place."""
    return {path: path.stat().st_mtime_ns for path in project.results.rglob("*") if path.is_file()}


def training_on(slurm, node):
    """Lists the processes of a job on a node whose script has begun, with their command lines; or nothing."""
    found = slurm.processes(node, "fit_mlp")
    return found if any(".fit_mlp.py" in command for command in found.values()) else None


def test_a_node_is_lost_and_nobody_tells(project, undisturbed, slurm, tell):
    """The controller finds out after half a minute, and puts the jobs back in the queue."""
    with running(project, slurm, SCORES) as run:
        working(slurm, run)
        (lost, *_) = slurm.running("fit_mlp")
        wait_for(lambda: training_on(slurm, lost.node), "a script has begun there")
        slurm.kill_node(lost.node, tell=False)
        wait_for(lambda: slurm.states()[lost.node].startswith("down"), "the controller has found out")
        slurm.revive_node(lost.node)
    assert slurm.job(lost.number).restarts == lost.restarts + 1
    tell(line("a node lost in silence", files_equal=is_whole(project, undisturbed)))


def test_a_job_over_its_time_is_tried_again(project, undisturbed, slurm, tell):
    """It is held up until its time is over."""
    with running(project, slurm, SCORES) as run:
        working(slurm, run)
        (late, *_) = slurm.running("fit_mlp")
        for process in wait_for(lambda: training_on(slurm, late.node), "a script has begun there"):
            process.suspend()
        for job in slurm.running("fit_mlp"):
            if job.node == late.node:
                slurm.ask("scontrol", "update", f"jobid={job.number}", "timelimit=1")
    states = [job.state for job in slurm.jobs()]
    assert "TIMEOUT" in states
    tell(
        line(
            "jobs over their time",
            timed_out=states.count("TIMEOUT"),
            files_equal=is_whole(project, undisturbed),
        )
    )


def test_the_controller_is_away_for_a_minute(project, undisturbed, slurm, tell):
    """With jobs that end meanwhile. The plugin by itself would forget all of them."""
    with running(project, slurm, SCORES) as run:
        working(slurm, run)
        slurm.kill_controller()
        time.sleep(60)
        assert run.poll() is None
        slurm.start_controller()
    assert "The scheduler said nothing of" in output_of(project)
    tell(line("the controller away for 60 s", files_equal=is_whole(project, undisturbed)))


# What a process finds in place of flock.
LOCKS = {
    "locks for one machine": """
if {"SLURM_JOB_ID", "ELSEWHERE"} & os.environ.keys():
    fcntl.flock = lambda file, kind: None
""",
    "no locks": """
def flock(file, kind):
    raise OSError(37, "No locks available")
fcntl.flock = flock
""",
}


@pytest.fixture(params=LOCKS.values(), ids=LOCKS)
def locks(request, tmp_path):
    """The environment of processes on a file system whose locks mean nothing between machines, or that has none."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        f"import fcntl, os\n{request.param}\n", encoding="utf-8"
    )
    return {"PYTHONPATH": str(tmp_path / "site")}


def test_a_run_where_locks_mean_nothing(project, undisturbed, slurm, tell, locks):
    """And another one is refused that begins meanwhile on another machine."""
    mount = "mount --bind /dev/null /proc/sys/kernel/random/boot_id"
    elsewhere = ["unshare", "--mount", "sh", "-c", f'{mount} && exec "$@"', "sh"]
    before = len(slurm.jobs())
    with running(project, slurm, SCORES, **locks) as run:
        wait_for(lambda: run.poll() is not None or len(slurm.jobs()) > before, "a job is submitted")
        command = [*elsewhere, sys.executable, "-m", "snakemake", *project.command("--cores", "1", SCORES)]
        second = subprocess.run(
            command,
            cwd=project.folder.parent,
            env=environment(ELSEWHERE="1", **locks),
            capture_output=True,
            text=True,
        )
        assert second.returncode == 1 and run.poll() is None
        assert f"Another run is going on in this folder, as process {run.pid} on " in second.stderr
    tell(line("flock replaced", files_equal=is_whole(project, undisturbed)))
