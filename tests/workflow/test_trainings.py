"""Models that are trained again with other seeds on some splits, and what the seed does."""

import numpy as np
import pandas as pd
import pytest
from support.data import small_csv
from support.runs import Project

from lineup.comparison.seed_share import scores_again, seed_share
from lineup.data.design import read_design
from lineup.data.splits import split
from lineup.data.tables import Splits, read_splits, write_splits
from lineup.data.trainings import again, seed_of
from lineup.models.logistic import fit_logistic

THREE = Splits.of([4, 1, 7], [[0, 1, 2, 3, 4, 5]] * 3, [[6, 7]] * 3)


def test_the_rows_are_the_same_in_another_order_and_the_seeds_others():
    found = again(THREE, 3)
    assert found.seeds.tolist() == [seed_of(seed, training) for training in (2, 3) for seed in (4, 1, 7)]
    assert len({*found.seeds.tolist(), 4, 1, 7}) == 9
    assert (np.sort(found.train) == np.arange(6)).all() and (found.test == [6, 7]).all()
    assert len({tuple(rows) for rows in found.train.tolist()}) == 6
    assert len({seed_of(0, training) for training in range(2, 100)}) == 98


def test_the_share_of_the_seed_by_hand():
    """Within the splits the variances are 2 and 8, as a mean 5; between the four splits it is 20/3. A third split failed once."""
    scores = {4: 1.0, 1: 5.0, 7: 3.0, 9: 7.0}
    others = {seed_of(4, 2): 3.0, seed_of(1, 2): 9.0}
    assert seed_share(scores, others, THREE, 2) == pytest.approx(5 / (20 / 3))
    missing = others | {seed_of(7, 2): np.nan}
    assert seed_share(scores, missing, THREE, 2) == seed_share(scores, others, THREE, 2)
    assert seed_share({4: 1.0, 1: 1.1}, others, THREE, 2) == 1
    assert (
        seed_share(scores, {}, THREE, 2) is seed_share(dict.fromkeys(scores, 1.0), others, THREE, 2) is None
    )
    assert seed_share({4: 1.0}, others, THREE, 2) is None


def test_the_share_of_the_seed_is_found_again():
    """Scores with a part of the split and one of the seed, whose variance is three quarters."""
    chance, splits = np.random.default_rng(1), Splits.of(list(range(100)), [[0, 1]] * 100, [[2, 3]] * 100)
    of_split = chance.normal(0, 0.5, 400)
    trained = of_split + chance.normal(0, np.sqrt(0.75), (5, 400))
    others = {
        seed_of(seed, training): trained[training - 1, seed]
        for training in range(2, 6)
        for seed in range(100)
    }
    assert seed_share(dict(enumerate(trained[0])), others, splits, 5) == pytest.approx(0.75, abs=0.15)


def test_classes_are_told_apart_by_the_threshold_of_the_dataset(tmp_path, prepare, logger):
    chance = np.random.default_rng(0)
    a = chance.normal(size=200)
    y = np.where(a + chance.normal(size=200) > 0.5, "yes", "no")
    table, _ = prepare(tmp_path, {"a": a, "y": y}, task="classification", seeds=[1])
    block, drawn = str(tmp_path / "again.parquet"), str(tmp_path / "drawn.parquet")
    split(table, drawn, 0.3, [1, 2], logger)
    write_splits(again(read_splits([drawn]), 2), block)
    names = ("predictions", "scores", "coefficients")
    paths = {name: str(tmp_path / f"{name}.parquet") for name in names}
    fit_logistic(table, block, **paths, processes=1, logger=logger)
    found = pd.read_parquet(paths["predictions"])
    found["right"] = (np.stack(found.probabilities)[:, 1] > 0.2) == (found.actual == 1)
    right = found.groupby("seed").right.mean()
    scored = scores_again(read_design(table), [block], ["it"], [paths["predictions"]], "accuracy", 0.2)["it"]
    assert scored == pytest.approx(right.to_dict(), abs=1e-12) and len(scored) == 2


def test_the_leaderboard_tells_it_and_nothing_else_changes(tmp_path, sketching):
    """Of a network and of the folds of a lasso; least squares has no seed."""
    folder = tmp_path / "work"
    folder.mkdir()
    small_csv(folder / "mine.csv", seed=1, rows=60)
    network = {"kind": "mlp", "hidden": [4], "epochs": 3, "accelerator": "cpu", "threads": 1}
    dataset = {
        "file": "mine.csv",
        "target": "strength",
        "splits": {"seeds": [1, 2, 3]},
        "models": ["least_squares", "lasso", "net"],
    }
    config = {"build": ["mine"], "datasets": {"mine": dataset}, "models": {"net": network}}
    project = Project(folder, sketching, config)
    assert project.run("--cores", "2").status == 0
    dataset["trainings"] = {"number": 3, "splits": 2}
    fits = ["fit_lasso.mine.lasso.trainings", "fit_mlp.mine.net.trainings"]
    of_all = ["compare.mine", "plot_comparison.mine", "plot_variance.mine", "report", "split.mine.trainings"]
    assert project.dry_run().jobs == sorted([*fits, *of_all])
    run = project.run("--cores", "2")
    assert run.status == 0, run.text
    results = folder / "results" / "mine"
    board = pd.read_csv(results / "leaderboard.csv", index_col="model").seed_share
    assert board.isna()[["least_squares", "null_model"]].all()
    for model in ("lasso", "net"):
        once, more = (
            pd.read_parquet(results / "models" / model / f"block_{block}" / "scores.parquet").mae.to_numpy()
            for block in ("1", "trainings")
        )
        within = np.var([once[:2], more[:2], more[2:]], axis=0, ddof=1)
        assert board[model] == pytest.approx(min(within.mean() / once.var(ddof=1), 1.0))
        assert board[model] > 0
    page = (folder / "results" / "report.html").read_text(encoding="utf-8")
    assert "% is the luck of its seed, by 3 trainings on 2 splits" in page
    dataset["trainings"] = {"number": 1, "splits": 2}
    assert not {*fits, "split.mine.trainings"} & set(project.dry_run().jobs)
