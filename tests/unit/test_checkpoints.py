"""Checkpoints: a stopped training goes on from its last one, and ends with the same bytes as one that was not stopped."""

import copy
import dataclasses
import logging
import multiprocessing
import os
import pickle
import random
import runpy
import signal
import time

import numpy as np
import pytest
import yaml
from support.data import NETWORK_FILES
from support.given import given
from support.tree import ROOT
from support.waiting import PATIENCE

from lineup.data.design import read_design
from lineup.data.splits import split
from lineup.data.tables import read_splits
from lineup.networks import training
from lineup.networks.batches import Rows, member_stream
from lineup.networks.checkpoints import FOLDER, Checkpoints, Streams
from lineup.networks.settings import Settings
from lineup.networks.training import train
from lineup.settings import typed
from lineup.torch_setup import torch

pytestmark = pytest.mark.filterwarnings("ignore:.*(LeafSpec|srun)")


def network(**changes):
    """Describes the network of the config, on the CPU."""
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["models"]["network"]
    return typed(Settings, shipped | {"accelerator": "cpu", "processes": 1, "epochs": 6} | changes)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, in which checkpoints are kept."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def rows(hitters_table):
    return Rows.of(read_design(hitters_table))


@pytest.fixture(scope="module")
def splits(tmp_path_factory, hitters_table, logger):
    path = str(tmp_path_factory.mktemp("splits") / "splits.parquet")
    split(hitters_table, path, "1/3", [1, 2, 3], logger)
    return path


def kept(logger, seconds=0.0, **specification):
    return Checkpoints.of_job(logger, specification, [], seconds)


def same(one, other):
    """Tells whether two trainings gave the same bits."""
    arrays = [
        [found.lasted, found.predicted, *found.weights.values(), *found.curves.values()]
        for found in (one, other)
    ]
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(*arrays, strict=True))


class StoppedError(Exception):
    """What a test stops a training with."""


def train_until(monkeypatch, step, *arguments):
    """Trains, and is stopped before a step, counted over all epochs."""
    begun, steps = training.Training.training_step, iter(range(step))

    def training_step(self, batch, place):
        if next(steps, None) is None:
            raise StoppedError
        return begun(self, batch, place)

    with monkeypatch.context() as patched, pytest.raises(StoppedError):
        patched.setattr(training.Training, "training_step", training_step)
        train(*arguments)


# In one process


NETWORKS = {
    "the book's": {},
    "adam, three layers": {"optimizer": "adam", "hidden": [8, 5, 3], "dropout": [0.4, 0.0, 0.25]},
    "the best epoch": {"validation": 0.2, "weights": "best", "learning_rate": 0.1},
    "stopped early": {"validation": 0.2, "weights": "best", "patience": 2, "epochs": 12},
    "standardized, bf16": {"standardize": True, "precision": "bf16-mixed"},
}


@pytest.mark.parametrize("changes", NETWORKS.values(), ids=NETWORKS)
def test_a_training_goes_on_as_if_it_had_not_been_stopped(monkeypatch, folder, rows, splits, caplog, changes):
    """Stopped twice, in the middle of epochs, the second time after it went on."""
    caplog.set_level(logging.INFO)
    logger, drawn, settings = logging.getLogger("tests.resume"), read_splits([splits]), network(**changes)
    whole = train(rows, drawn, settings)
    train_until(monkeypatch, 14, rows, drawn, settings, None, kept(logger))
    train_until(monkeypatch, 9, rows, drawn, settings, None, kept(logger))
    resumed = train(rows, drawn, settings, None, kept(logger))
    steps = -(-len(drawn.train[0]) // settings.batch_size)
    epochs = [record.args[-1] for record in caplog.records if "goes on from epoch" in record.msg]
    assert epochs == [14 // steps, 14 // steps + 9 // steps] == [2, 3]
    assert same(resumed, whole)
    # A training from the start is another run of the same, so the guard is that other settings differ.
    assert not same(train(rows, drawn, dataclasses.replace(settings, seed=1)), whole)


def test_a_training_that_had_ended_is_not_done_again(monkeypatch, folder, rows, splits, logger):
    drawn, settings = read_splits([splits]), network(validation=0.2, weights="best", patience=1, epochs=40)
    whole = train(rows, drawn, settings, None, kept(logger))
    assert whole.lasted.max() < 40, "no training has ended early"

    def training_step(self, batch, place):
        raise StoppedError

    monkeypatch.setattr(training.Training, "training_step", training_step)
    assert same(train(rows, drawn, settings, None, kept(logger)), whole)


def test_other_splits_do_not_go_on_from_it(folder, rows, splits, logger):
    drawn, settings = read_splits([splits]), network(epochs=2)
    train(rows, drawn[:2], settings, None, kept(logger))
    assert kept(logger).last(drawn[:2], "cpu")
    assert kept(logger).last(drawn[1:], "cpu") is None
    assert kept(logger).last(drawn[:2], "gpu") is None
    assert same(train(rows, drawn[1:], settings, None, kept(logger)), train(rows, drawn[1:], settings))


@pytest.mark.parametrize("what", ["setting", "code", "input", "job"])
def test_what_has_changed_is_not_gone_on_with(folder, logger, what):
    (folder / "table").write_text("one")
    base = {"settings": {"epochs": 3}, "code": {"lineup/networks/training.py": "1"}}

    def of(specification, name="tests"):
        found = Checkpoints.of_job(logging.getLogger(name), specification, ["table"], 0.0)
        found.folder.mkdir(parents=True, exist_ok=True)
        return found.folder

    before = of(base)
    assert of(base) == before and before.is_dir()
    changed = copy.deepcopy(base)
    if what == "setting":
        changed["settings"]["epochs"] = 4
    elif what == "code":
        changed["code"]["lineup/networks/training.py"] = "2"
    elif what == "input":
        (folder / "table").write_text("two")
    after = of(changed, "other" if what == "job" else "tests")
    assert after != before
    # What the job itself left is of no use any more; another job's stays.
    assert before.exists() == (what == "job")


def test_they_are_removed_when_the_job_is_done(folder, rows, splits, logger):
    checkpoints = kept(logger)
    train(rows, read_splits([splits]), network(epochs=2), None, checkpoints)
    assert list(FOLDER.rglob("*.ckpt"))
    checkpoints.remove()
    assert not list(FOLDER.iterdir())


def test_a_short_training_leaves_none(folder, rows, splits, logger):
    train(rows, read_splits([splits]), network(epochs=2), None, kept(logger, seconds=600))
    assert not FOLDER.exists()


@pytest.mark.parametrize("broken", [b"", b"PK\x03\x04 not a checkpoint", "half", "foreign"])
def test_one_that_cannot_be_read_is_not_used(folder, rows, splits, caplog, broken):
    logger, drawn, settings = logging.getLogger("tests.broken"), read_splits([splits]), network(epochs=3)
    whole = train(rows, drawn, settings, None, kept(logger))
    (path,) = FOLDER.rglob("*.ckpt")
    if broken == "half":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif broken == "foreign":
        torch.save({"epochs": os.system}, path)
    else:
        path.write_bytes(broken)
    assert same(train(rows, drawn, settings, None, kept(logger)), whole)
    assert any("cannot be read" in record.message for record in caplog.records)


def test_streams_go_on_where_they_were():
    streams = [member_stream(0, seed)[1] for seed in (1, 2)]
    for stream in streams:
        stream.permutation(7)  # leaves half of a word in the buffer
    state = pickle.loads(pickle.dumps(Streams(streams).state_dict()))
    expected = [
        (stream.permutation(9).tolist(), stream.bit_generator.random_raw(3).tolist()) for stream in streams
    ]
    others = [member_stream(5, seed)[1] for seed in (1, 2)]
    Streams(others).load_state_dict(state)
    found = [
        (stream.permutation(9).tolist(), stream.bit_generator.random_raw(3).tolist()) for stream in others
    ]
    assert found == expected


# A job that is stopped


def start_job(folder, table, splits, settings, threads):
    """Starts the script of ``fit_mlp`` in a process and a folder of its own.

    The process is forked, which spares the import of torch.
    """
    folder.mkdir(exist_ok=True)
    snakemake = given(
        "fit_mlp",
        folder,
        inputs={"table": table, "splits": splits},
        outputs={key: str(folder / "out" / name) for key, name in NETWORK_FILES.items()},
        settings=settings,
        params={"checkpoint_seconds": 0},
        resources={"gpu": 0},
        threads=threads,
    )
    process = multiprocessing.get_context("fork").Process(target=run_script, args=(folder, snakemake))
    process.start()
    return process


def run_script(folder, snakemake):
    os.setsid()  # to be killed with the processes that it forks
    os.chdir(folder)
    script = ROOT / "scripts" / "fit_mlp.py"
    runpy.run_path(str(script), {"snakemake": snakemake}, run_name="__main__")


def ended(process):
    """Waits for a job and gives its status."""
    process.join(timeout=PATIENCE)
    return process.exitcode


def outputs_of(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "out").iterdir())}


def taken(folder):
    """Gives the times of all checkpoints of a job."""
    found = {}
    for path in (folder / FOLDER).rglob("*.ckpt"):
        try:
            found[path] = path.stat().st_mtime_ns
        except FileNotFoundError:
            continue
    return found


@pytest.mark.parametrize(
    ("threads", "stops"), [(1, 2), (2, 2), pytest.param(1, 10, marks=pytest.mark.slow)], ids=str
)
@pytest.mark.long
def test_a_job_that_is_stopped_at_random_moments_ends_with_the_same_bytes(
    tmp_path, hitters_table, splits, threads, stops
):
    """Stopped by SIGTERM and SIGKILL in turn, each time somewhere after the next checkpoint was taken.

    A stopped job never counts as done: its status is not 0, it has no record, and no output is there.
    """
    settings = vars(network(epochs=stops * 30))
    undisturbed, stopped = tmp_path / "undisturbed", tmp_path / "stopped"
    assert ended(start_job(undisturbed, hitters_table, splits, settings, threads)) == 0
    moments, resumed = random.Random(0), []
    for stop in range(stops):
        before = taken(stopped)
        process = start_job(stopped, hitters_table, splits, settings, threads)
        until = time.monotonic() + 120
        while taken(stopped) == before and time.monotonic() < until:
            assert process.is_alive(), "the job ended before it was stopped"
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 0.1))
        number = signal.SIGKILL if stop % 2 else signal.SIGTERM
        os.killpg(process.pid, number)
        assert ended(process) == (-signal.SIGKILL if number == signal.SIGKILL else 143)
        assert not (stopped / "record.json").exists()
        assert not (stopped / "out").exists()
        resumed.append("goes on from epoch" in (stopped / "log").read_text(encoding="utf-8"))
    assert ended(start_job(stopped, hitters_table, splits, settings, threads)) == 0
    assert resumed == [False] + [True] * (stops - 1)
    assert outputs_of(stopped) == outputs_of(undisturbed)
    assert len(outputs_of(stopped)) == len(NETWORK_FILES)
    for folder in (stopped, undisturbed):
        assert not list((folder / FOLDER).glob("*"))
