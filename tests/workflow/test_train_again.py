"""Networks that are trained again with other seeds: the same first one, others beside it, and what the seed does."""

import numpy as np
import pytest
from support.data import NETWORK, NETWORK_FILES, small_csv
from support.runs import Project
from support.tree import ROOT

from lineup.comparison.leaderboard import seed_share
from lineup.data.tables import read_table
from lineup.models.mlp import fit_mlp
from lineup.models.trainings import Again, seed_of, train_again
from lineup.networks.settings import Settings
from lineup.settings import typed


def test_the_first_training_is_that_of_the_fit(tmp_path, prepare, logger):
    chance = np.random.default_rng(0)
    columns = {"a": chance.normal(size=60), "b": chance.normal(size=60)}
    columns["y"] = columns["a"] + chance.normal(size=60)
    table, splits = prepare(tmp_path, columns, seeds=[4, 1, 7])
    settings = typed(Settings, NETWORK)
    paths = {key: str(tmp_path / name) for key, name in NETWORK_FILES.items()}
    fit_mlp(table=table, splits=splits, settings=settings, threads=1, logger=logger, **paths)
    again = str(tmp_path / "trainings.parquet")
    train_again(table, splits, again, settings, Again(3, 2), 1, logger)
    found, once = read_table(again), read_table(paths["scores"])
    assert found["seed"].tolist() == [4, 1] * 3 and found["training"].tolist() == [1, 1, 2, 2, 3, 3]
    for metric in ("mae", "rmse", "r2"):
        np.testing.assert_array_equal(found[metric][:2], once[metric][:2])
        assert len(set(found[metric])) == 6
    assert len({seed_of(0, training) for training in range(1, 100)}) == 99 and seed_of(5, 1) == 5


def test_the_share_of_the_seed_by_hand():
    """Within the splits the variances are 2 and 8, as a mean 5; between the four splits it is 20/3."""
    trainings = {"training": np.array([1, 1, 2, 2]), "mae": np.array([1.0, 5.0, 3.0, 9.0])}
    scores = {"mae": np.array([1.0, 5.0, 3.0, 7.0])}
    assert seed_share(scores, trainings, "mae") == pytest.approx(5 / (20 / 3))
    assert seed_share({"mae": np.array([1.0, 1.1])}, trainings, "mae") == 1
    assert seed_share(scores, None, "mae") is seed_share({"mae": np.ones(4)}, trainings, "mae") is None


def test_the_share_of_the_seed_is_found_again():
    """Scores with a part of the split and one of the seed, whose variance is three quarters."""
    chance = np.random.default_rng(1)
    split = chance.normal(0, 0.5, 400)
    trained = split + chance.normal(0, np.sqrt(0.75), (5, 400))
    trainings = {"training": np.repeat(np.arange(1, 6), 100), "mae": trained[:, :100].ravel()}
    assert seed_share({"mae": trained[0]}, trainings, "mae") == pytest.approx(0.75, abs=0.15)


def test_the_leaderboard_tells_it_and_nothing_else_changes(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    small_csv(folder / "mine.csv", seed=1, rows=60)
    network = {"kind": "mlp", "hidden": [4], "epochs": 3, "accelerator": "cpu", "threads": 1}
    dataset = {
        "file": "mine.csv",
        "target": "strength",
        "splits": {"seeds": [1, 2, 3]},
        "models": ["least_squares", "net"],
    }
    config = {"build": ["mine"], "datasets": {"mine": dataset}, "models": {"net": network}}
    project = Project(folder, ROOT, config)
    assert project.run("--cores", "2").status == 0
    network |= {"trainings": 2, "trainings_splits": 2}
    jobs = {job.split(".")[0] for job in project.dry_run().jobs}
    assert jobs == {"train_again", "compare", "plot_comparison", "plot_variance", "report"}
    run = project.run("--cores", "2")
    assert run.status == 0, run.text
    board = read_board(folder / "results" / "mine" / "leaderboard.csv")
    assert 0 < float(board["net"]["seed_share"]) <= 1 and board["least_squares"]["seed_share"] == ""
    page = (folder / "results" / "report.html").read_text(encoding="utf-8")
    assert "% is the luck of its training's seed, by 2 trainings on 2 splits" in page
    network |= {"trainings": 1}
    assert "train_again.mine.net" not in project.dry_run().jobs


def read_board(path):
    """Reads a leaderboard by model."""
    lines = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]
    return {line[0]: dict(zip(lines[0], line, strict=False)) for line in lines[1:]}
