"""Several processes that train one network: the same network as one process, up to rounding, or an error."""

import os
import re
import signal
from pathlib import Path

import numpy as np
import psutil
import pytest
import yaml
from support.data import NETWORK_FILES
from support.tree import ROOT
from support.waiting import PATIENCE, wait_for

from lineup.data.design import read_design
from lineup.data.tables import read_splits, read_table
from lineup.errors import InputError
from lineup.ledger.recorder import log_to
from lineup.models.mlp import fit_mlp
from lineup.networks import batches, ranks, training
from lineup.networks.checkpoints import FOLDER, Checkpoints
from lineup.networks.ranks import launch, place_in_step
from lineup.networks.settings import Settings
from lineup.settings import typed

pytestmark = pytest.mark.filterwarnings("ignore:.*(LeafSpec|srun)")


@pytest.fixture(scope="module")
def settings():
    """A network for images of 64 pixels, with a last batch of one row: the second process has none of it."""
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["models"]["digits_network"]
    return shipped | {
        "optimizer": "sgd",
        "learning_rate": 0.3,
        "hidden": [24],
        "dropout": [0.2],
        "batch_size": 373,
        "validation": 0.2,
        "epochs": 30,
        "accelerator": "cpu",
        "weights": "best",
    }


def fit(folder, digits, settings, processes, seconds=600, **options):
    """Trains on one split in a folder, and gives the paths of what is written."""
    folder.mkdir(exist_ok=True)
    table, splits_of = digits
    paths = {key: str(folder / name) for key, name in NETWORK_FILES.items()}
    with log_to(str(folder / "log")) as logger:
        fit_mlp(
            table=table,
            splits=splits_of(1),
            settings=typed(Settings, settings | {"processes": processes}),
            threads=1,
            logger=logger,
            checkpoints=Checkpoints(folder / FOLDER / "job" / "key", seconds, logger),
            log=str(folder / "log"),
            **options,
            **paths,
        )
    return paths


@pytest.fixture(scope="module")
def alone(tmp_path_factory, digits, settings):
    return fit(tmp_path_factory.mktemp("alone"), digits, settings, 1)


@pytest.fixture(scope="module")
def pair(tmp_path_factory, digits, settings):
    """A pair whose job is killed after a checkpoint, and that goes on in the next job."""
    folder = tmp_path_factory.mktemp("pair")
    job = os.fork()
    if job == 0:
        try:
            fit(folder, digits, settings, 2, seconds=0)
        finally:
            os._exit(1)

    def checkpoints():
        assert psutil.Process(job).status() != psutil.STATUS_ZOMBIE, "the job has ended"
        return list((folder / FOLDER).rglob("*.ckpt"))

    try:
        wait_for(checkpoints, "there is no checkpoint")
        helpers = psutil.Process(job).children(recursive=True)
    finally:
        os.kill(job, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(job, 0)[1]) == -signal.SIGKILL
    assert len(helpers) == 2
    assert psutil.wait_procs(helpers, timeout=PATIENCE)[1] == [], "one outlives its job"
    assert not list(folder.rglob("trained_*.npz")), "they have trained to the end"
    return fit(folder, digits, settings, 2, seconds=0)


def log_of(paths):
    return Path(paths["weights"]).with_name("log").read_text(encoding="utf-8")


@pytest.mark.usefixtures("quiet_logging")
@pytest.mark.long
def test_two_processes_train_the_network_that_one_does(alone, pair):
    """The rows of a batch are summed in two parts, so the last digits differ. A step is as long as the gradient, so it counts, too."""
    assert log_of(pair).count("goes on from epoch") == 2
    one, two = (read_table(paths["learning_curves"]) for paths in (alone, pair))
    assert list(one) == list(two)
    for name in ("train_loss", "valid_loss"):
        np.testing.assert_allclose(two[name], one[name], rtol=1e-5)
        assert two[name][-1] < 0.5 * two[name][0], "the loss does not fall"
    for name in ("train_accuracy", "valid_accuracy"):
        np.testing.assert_allclose(two[name], one[name], atol=0.01)
    accuracies = [read_table(paths["scores"])["accuracy"][0] for paths in (alone, pair)]
    assert accuracies[1] == pytest.approx(accuracies[0], abs=0.01)
    assert min(accuracies) > 0.7
    # They are two computations, not one that was done twice.
    assert Path(alone["weights"]).read_bytes() != Path(pair["weights"]).read_bytes()


@pytest.mark.usefixtures("quiet_logging")
def test_each_process_says_which_it_is(pair):
    assert sorted(re.findall(r"Rank (\d) of a world of (\d)", log_of(pair))) == [("0", "2"), ("1", "2")]
    assert "1 networks trained" in log_of(pair)


@pytest.mark.usefixtures("quiet_logging")
@pytest.mark.slow
def test_a_pair_whose_job_was_killed_gives_the_bytes_of_one_that_nothing_happened_to(
    tmp_path, pair, digits, settings
):
    undisturbed = fit(tmp_path, digits, settings, 2)
    for key in NETWORK_FILES:
        assert Path(pair[key]).read_bytes() == Path(undisturbed[key]).read_bytes(), key


@pytest.mark.usefixtures("quiet_logging")
@pytest.mark.parametrize(
    "after", ["the start", pytest.param("a checkpoint", marks=[pytest.mark.slow, pytest.mark.long])]
)
def test_a_process_that_is_killed_ends_the_other_and_the_job(tmp_path, digits, settings, after):
    begun = ranks._first_failure
    killed = []

    def first_failure(processes):
        if after == "a checkpoint":
            wait_for(lambda: list((tmp_path / FOLDER).rglob("*.ckpt")), "there is no checkpoint")
        assert all(process.poll() is None for process in processes)
        processes[0].kill()
        killed.extend(process.pid for process in processes)
        return begun(processes)

    with pytest.MonkeyPatch.context() as patched, pytest.raises(RuntimeError, match="status -9"):
        patched.setattr(ranks, "_first_failure", first_failure)
        fit(tmp_path, digits, settings, 2, seconds=0)
    assert len(killed) == 2 and not any(map(psutil.pid_exists, killed))


@pytest.mark.parametrize(("mpi", "job"), [("srun", None), ("mpirun", "7")])
def test_another_launcher_or_no_job_of_slurm_is_refused(tmp_path, monkeypatch, mpi, job):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    if job:
        monkeypatch.setenv("SLURM_JOB_ID", job)
    with pytest.raises(InputError, match=f"mpi of fit_mlp is {mpi}"):
        launch({}, tmp_path / "folder", 2, mpi, ())
    assert not list(tmp_path.iterdir())


STEP = {
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_STEP_NUM_NODES": "2",
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "1",
}


def test_a_task_of_a_step_knows_its_place():
    place, variables = place_in_step(STEP, "cpu", 4)
    assert (place.rank, place.processes, place.nodes) == (3, 4, 2)
    assert variables == {"RANK": "3", "LOCAL_RANK": "1", "GROUP_RANK": "1", "WORLD_SIZE": "4"}


@pytest.mark.parametrize(("tasks", "nodes"), [("1", "1"), ("3", "1"), ("4", "3")])
def test_a_step_of_another_size_is_refused(tasks, nodes):
    step = STEP | {"SLURM_STEP_NUM_TASKS": tasks, "SLURM_STEP_NUM_NODES": nodes}
    with pytest.raises(InputError, match=f"4 processes.*{tasks} tasks on {nodes} machines"):
        place_in_step(step, "cpu", 4)


@pytest.mark.parametrize(("seen", "cards", "named"), [(None, (0, 2), "0,2"), ("5,7,9", (1, 2), "7,9")])
def test_the_cards_of_the_processes_are_among_those_of_the_job(monkeypatch, seen, cards, named):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if seen:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
    assert ranks._visible(cards) == named


def test_a_world_of_another_size_is_an_error(digits, settings, monkeypatch):
    """A trainer that made one process of two would train a network that nobody asked for."""
    made = training.trainer_at
    monkeypatch.setattr(training, "trainer_at", lambda place, **options: made(training.HERE, **options))
    rows, drawn = batches.Rows.of(read_design(digits[0])), read_splits([digits[1](1)])
    with pytest.raises(RuntimeError, match="1 processes, not 2"):
        training.train(
            rows, drawn, typed(Settings, settings | {"processes": 2}), place=training.Place(processes=2)
        )
