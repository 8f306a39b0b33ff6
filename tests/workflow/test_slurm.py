"""Runs on a real Slurm of two nodes: what comes out is what comes out here, also when nodes and jobs fail on the way."""

import copy
import math
import shutil
import time
from contextlib import suppress

import pytest
import yaml
from support.data import small_csv, small_dataset, small_models
from support.on_slurm import HERE, differing, line, output_of, running
from support.runs import Project, reproducible
from support.slurm import CLIENTS, DAEMONS, reason_to_skip
from support.tree import ROOT, contents, copy_of_tree
from support.waiting import PATIENCE, wait_for

from lineup import nodes
from lineup.networks.checkpoints import FOLDER


def test_where_slurm_cannot_be_started_the_reason_is_told(monkeypatch, tmp_path):
    assert reason_to_skip() is None or "no Slurm can be started" in reason_to_skip()
    monkeypatch.setattr("support.slurm.SYSTEM", str(tmp_path))
    assert "munged, slurmctld, slurmd" in reason_to_skip()
    for program in (*DAEMONS, *CLIENTS):
        (tmp_path / program).touch(mode=0o755)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert reason_to_skip() is None
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "root" in reason_to_skip()


def test_what_the_nodes_have_is_read(slurm, monkeypatch):
    for name, value in slurm.environment.items():
        monkeypatch.setenv(name, value)
    assert nodes.nodes() == [nodes.Nodes("all", True, 2, 64000, math.inf)]


def test_a_run_with_a_job_that_is_cancelled_gives_the_bytes_of_a_local_run(small_run, slurm, tmp_path, tell):
    project, before = (
        Project(tmp_path / "work", small_run.tree, copy.deepcopy(small_run.config)),
        slurm.ended(),
    )
    started = time.monotonic()
    with running(project, slurm) as run:

        def fitting():
            assert run.poll() is None, "the run has ended before it could be hit"
            return slurm.running("fit_lasso")

        (job, *_) = wait_for(fitting, "a lasso is fitted")
        slurm.cancel(job.number)
    ended, different = slurm.ended()[len(before) :], differing(project, small_run)
    tell(
        line(
            "profiles/slurm, small comparison",
            submissions=len(ended),
            cancelled=[state for state, _ in ended].count("CANCELLED"),
            seconds=round(time.monotonic() - started),
            bytes_equal=f"{len(reproducible(small_run)) - len(different)} of {len(reproducible(small_run))} files",
        )
    )
    assert different == []
    assert sorted({state for state, _ in ended}) == ["CANCELLED", "COMPLETED"]
    # What was made elsewhere is as good, both ways.
    assert project.dry_run().jobs == []
    assert small_run.run_with("slurm", "--dry-run", **slurm.environment).jobs == []


@pytest.mark.slow
def test_a_job_that_comes_out_as_it_was_spares_what_stands_on_it(small_again, slurm):
    """On this machine test_stale.py shows it."""
    before, submitted = reproducible(small_again), len(slurm.ended())
    (small_again.results / "manifest" / "preprocess" / "trial.json").unlink()
    with running(small_again, slurm):
        pass
    # With the splits, which are of the same group.
    assert len(slurm.ended()) - submitted == 1, output_of(small_again)
    assert " jobs were spared, since all that they are made of came out as it was." in output_of(small_again)
    assert reproducible(small_again) == before and small_again.dry_run().jobs == []


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return copy_of_tree(tmp_path_factory.mktemp("tree"))


@pytest.fixture(scope="module")
def shipped(tmp_path_factory, tree, hitters_csv):
    """Gives a function that makes a project of the config as it is shipped, in a folder where its data is."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))

    def make(name):
        project = Project(tmp_path_factory.mktemp(name) / "work", tree, copy.deepcopy(config))
        (project.folder / "data").mkdir()
        shutil.copy2(hitters_csv, project.folder / "data" / "Hitters.csv")
        return project

    return make


@pytest.fixture(scope="module")
def local(shipped):
    """The shipped comparison, made on this machine."""
    project = shipped("local")
    run = project.run()
    assert run.status == 0, run.text
    return project


@pytest.fixture(scope="module")
def clustered(shipped, slurm):
    """The shipped comparison, made on Slurm, with what Slurm says of its jobs and the seconds that it took."""
    project, before, started = shipped("clustered"), len(slurm.ended()), time.monotonic()
    run = project.run_with("slurm", *HERE, timeout=PATIENCE, **slurm.environment)
    assert run.status == 0, run.text + slurm.logs()
    return project, slurm.ended()[before:], time.monotonic() - started


@pytest.mark.slow
def test_slurm_gives_the_bytes_of_a_local_run(clustered, local, tell):
    project, ended, seconds = clustered
    nodes, states = {node for _, node in ended}, {state for state, _ in ended}
    different = differing(project, local)
    tell(
        line(
            "profiles/slurm, shipped comparison",
            submissions=len(ended),
            nodes=len(nodes),
            seconds=round(seconds),
            bytes_equal=f"{len(reproducible(local)) - len(different)} of {len(reproducible(local))} files",
        )
    )
    assert different == []
    assert nodes == {"n1", "n2"} and states == {"COMPLETED"}
    # The tables and their splits, four fits, and all that is drawn and written: six submissions for 14 jobs.
    assert len(ended) == 6


@pytest.mark.slow
def test_after_slurm_a_local_run_has_nothing_to_do(clustered):
    """Nor where all results were touched, which shows that what jobs read was written down on Slurm, too."""
    for touched in (False, True):
        if touched:
            for file in clustered[0].results.rglob("*.*"):
                file.touch()
        run = clustered[0].dry_run()
        assert run.status == 0 and run.jobs == [], run.text
        assert "Nothing to be done" in run.text


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["slurm", "slurm-gpu", "cluster-generic"])
def test_after_a_local_run_a_cluster_has_nothing_to_do(local, slurm, profile):
    run = local.run_with(profile, "--dry-run", **slurm.environment)
    assert run.status == 0 and run.jobs == [], run.text
    assert "Nothing to be done" in run.text


@pytest.mark.slow
def test_after_a_local_run_several_processes_train_the_networks_again(local, slurm):
    """What they compute differs in the last digits, so this must not pass for the same."""
    run = local.run_with("slurm-ddp", "--dry-run", **slurm.environment)
    assert run.status == 0 and "fit_mlp hitters.network.1: processes was 1, is 2" in run.text
    assert "fit_lasso" not in {job.split(".")[0] for job in run.jobs}


# Takes the options that profiles/cluster-generic gives to the command of Grid Engine, and asks Slurm for the same.
QSUB = """\
#!/bin/sh
while [ $# -gt 1 ]; do
  case $1 in
    -terse|-V|-cwd) shift;;
    -j|-o) shift 2;;
    -pe) threads=$3; shift 3;;
    -l)
      case $2 in
        h_vmem=*M) memory=${2#h_vmem=};;
        h_rt=0:*:0) minutes=${2#h_rt=0:}; minutes=${minutes%:0};;
        *) exit 2;;
      esac
      shift 2;;
    *) exit 2;;
  esac
done
exec sbatch --parsable --output=/dev/null --cpus-per-task="$threads" --mem="$memory" --time="$minutes" "$1"
"""
# Say of a job of Slurm what the commands of Grid Engine would: whether it has not ended, and how it has.
QSTAT = """\
#!/bin/sh
squeue --noheader --states=PENDING,RUNNING,COMPLETING --format=%i --jobs="$2" | grep -q .
"""
QACCT = """\
#!/bin/sh
status=$(scontrol show job "$2" | sed -n 's/.*ExitCode=\\([0-9]*\\):\\([0-9]*\\).*/\\1\\2/p')
scontrol show job "$2" | grep -q "JobState=COMPLETED" && failed=0 || failed=100
echo "failed       $failed"
echo "exit_status  $status"
"""


@pytest.mark.slow
def test_a_command_to_submit_gives_the_bytes_of_a_local_run(small_run, slurm, tmp_path, tell):
    """The command is that of Grid Engine, as in the profile; a script hands its options on to Slurm."""
    qsub = tmp_path / "bin" / "qsub"
    qsub.parent.mkdir()
    for name, text in (("qsub", QSUB), ("qstat", QSTAT), ("qacct", QACCT)):
        (qsub.parent / name).write_text(text, encoding="utf-8")
        (qsub.parent / name).chmod(0o755)
    project = Project(tmp_path / "work", small_run.tree, copy.deepcopy(small_run.config))
    before, path = len(slurm.ended()), f"{qsub.parent}:{slurm.environment['PATH']}"
    options = ("--cores", "2", "--seconds-between-status-checks", "1")
    run = project.run_with("cluster-generic", *options, **slurm.environment | {"PATH": path})
    assert run.status == 0, run.text + slurm.logs()
    ended, different = slurm.ended()[before:], differing(project, small_run)
    tell(
        line(
            "profiles/cluster-generic, small comparison",
            submissions=len(ended),
            nodes=len({node for _, node in ended}),
            bytes_equal=f"{len(reproducible(small_run)) - len(different)} of {len(reproducible(small_run))} files",
        )
    )
    assert different == []
    assert [state for state, _ in ended] == ["COMPLETED"] * 4
    assert project.dry_run().jobs == []


@pytest.mark.slow
def test_two_processes_on_two_nodes_give_the_bytes_of_two_processes_here(tmp_path, tree, slurm, tell):
    """With a GPU for each process, as far as Slurm can tell: what the comment in profiles/slurm-ddp says."""
    net, here = small_models()["net"], ["fit_mlp:tasks=2"]
    there = [*here, "fit_mlp:nodes=2", "fit_mlp:mpi=srun", "fit_mlp:gpu=2", "fit_mlp:tasks_per_gpu=1"]
    csv = small_csv(tmp_path / "trial.csv", seed=1)
    dataset = small_dataset(csv, models=["net"], reference="net")
    config = {"build": ["trial"], "datasets": {"trial": dataset}, "models": {"net": net}}
    target = "results/trial/models/net/block_1/scores.parquet"
    local, project = (Project(tmp_path / name, tree, copy.deepcopy(config)) for name in ("local", "work"))
    run = local.run("--cores", "2", "--set-resources", *here, "--", target)
    assert run.status == 0, run.text
    before = len(slurm.ended())
    run = project.run_with("slurm-ddp", *HERE, "--set-resources", *there, "--", target, **slurm.environment)
    assert run.status == 0, run.text + slurm.logs()
    ended = slurm.ended()[before:]
    tell(line("profiles/slurm-ddp, one network", submissions=len(ended), nodes=ended[-1][1]))
    assert [state for state, _ in ended] == ["COMPLETED"] * 2
    assert ended[-1][1] == "n[1-2]"
    log = (project.results / "logs" / "fit_mlp" / "trial.net.1.log").read_text(encoding="utf-8")
    for rank in (0, 1):
        assert f"Rank {rank} of a world of 2, on n{rank + 1}." in log
    one, two = (contents(made.results / "trial" / "models") for made in (local, project))
    assert one == two and len(one) == 6


@pytest.fixture(scope="module")
def long_config(tmp_path_factory):
    """Four networks that train long enough to be hit."""
    csv = small_csv(tmp_path_factory.mktemp("long") / "trial.csv", seed=1)
    net = small_models()["net"] | {"epochs": 1200, "threads": 1, "checkpoint_seconds": 0.2}
    models = {f"net_{number}": net | {"seed": number} for number in range(1, 5)}
    splits = {"test_share": 0.25, "seeds": [3], "block_size": 1}
    dataset = small_dataset(csv, models=list(models), reference="net_1", splits=splits)
    return {"build": ["trial"], "datasets": {"trial": dataset}, "models": models}


# What stands on all networks, without the figures.
SCORES = "results/trial/leaderboard.csv"


@pytest.mark.slow
def test_faults_in_the_middle_of_a_run(tmp_path, tree, long_config, slurm, tell):
    """The controller, a node and two jobs are hit while they work, in one run."""
    undisturbed = Project(tmp_path / "undisturbed", tree, copy.deepcopy(long_config))
    run = undisturbed.run("--cores", "2", SCORES)
    assert run.status == 0, run.text
    project, started = Project(tmp_path / "work", tree, copy.deepcopy(long_config)), time.monotonic()
    with running(project, slurm, SCORES) as run:
        survived = hit_all(slurm, project, run)
    lost = [fault for fault, is_survived in survived.items() if not is_survived()]
    different = differing(project, undisturbed)
    tell(
        line(
            "profiles/slurm, four networks",
            faults=", ".join(survived),
            survived=f"{len(survived) - len(lost)} of {len(survived)}",
            seconds=round(time.monotonic() - started),
            bytes_equal=f"{len(reproducible(project)) - len(different)} of {len(reproducible(project))} files",
        )
    )
    assert lost == [], slurm.jobs()
    assert different == []
    assert project.run("--dry-run", SCORES).jobs == []


def hit_all(slurm, project, run):
    """Makes each fault while a network is trained that it hits; gives for each a function that says if it is survived."""

    def name_of(job):
        return next(name for name in project.config["models"] if f"_{name}_" in job.rule)

    def log(job):
        return project.results / "logs" / "fit_mlp" / f"trial.{name_of(job)}.1.log"

    def is_training(job):
        """Tells whether a job has left a checkpoint since it began its log: it is in the middle of its training."""
        left = (project.folder / FOLDER).glob(f"*{name_of(job)} */*/*.ckpt")
        with suppress(FileNotFoundError):
            began = log(job).stat().st_mtime_ns
            return any(path.stat().st_mtime_ns > began for path in left)

    def training(spared):
        assert run.poll() is None, "the run has ended before it could be hit"
        jobs = [job for job in slurm.running("fit_mlp") if job.number not in spared]
        return next(filter(is_training, jobs), None)

    def victim(*spared):
        spared = {job.number for job in spared}
        return wait_for(lambda: training(spared), "another network is being trained")

    def again(job):
        """Waits for the end of a job that was hit, and removes its log, to tell when the next one begins."""
        wait_for(lambda: slurm.job(job.number).state in ("PENDING", "CANCELLED"), f"{job} has been stopped")
        log(job).unlink(missing_ok=True)

    watched = victim()
    slurm.kill_controller()
    slurm.start_controller()
    assert slurm.job(watched.number) == watched

    cancelled = victim(watched)
    slurm.cancel(cancelled.number)
    again(cancelled)
    assert slurm.job(cancelled.number).state == "CANCELLED"

    requeued = victim(watched, cancelled)
    slurm.requeue(requeued.number)
    again(requeued)
    assert slurm.job(requeued.number).restarts == requeued.restarts + 1

    stranded = victim()
    slurm.kill_node(stranded.node)
    again(stranded)
    assert slurm.job(stranded.number).restarts == stranded.restarts + 1
    slurm.revive_node(stranded.node)

    def resumed(job):
        return "goes on from epoch" in log(job).read_text(encoding="utf-8")

    def replaced(job):
        others = [other for other in slurm.jobs() if other.rule == job.rule and other.number > job.number]
        return [other.state for other in others if other.state == "COMPLETED"] == ["COMPLETED"]

    def completed(job):
        return slurm.job(job.number).state == "COMPLETED"

    return {
        "controller killed": lambda: completed(watched),
        "job cancelled": lambda: replaced(cancelled) and resumed(cancelled),
        "job requeued": lambda: completed(requeued) and resumed(requeued),
        "node down": lambda: completed(stranded) and resumed(stranded),
    }
