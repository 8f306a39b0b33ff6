"""Models on the first splits of a dataset alone."""

import csv

import pandas as pd
import pytest
from support.data import small_csv, small_dataset, small_models
from support.runs import Project

SPLITS = {
    "method": "random",
    "folds": 10,
    "test_share": 0.25,
    "seeds": {"first": 3, "last": 6},
    "block_size": 2,
}


@pytest.fixture
def project(tmp_path, sketching):
    """A table with two models on four splits, in blocks of two."""
    table = small_csv(tmp_path / "trial.csv", seed=1)
    models = {name: small_models()[name] for name in ("plain", "lasso_one")}
    dataset = small_dataset(table, splits=SPLITS, models=[*models])
    return Project(
        tmp_path / "work", sketching, {"build": ["trial"], "datasets": {"trial": dataset}, "models": models}
    )


def files(project, name):
    """Lists the blocks of a model."""
    return {path.name for path in (project.results / "trial" / "models" / name).glob("block_*")}


def scores_of(project):
    """Reads the scores of each model."""
    scores = pd.read_parquet(project.results / "trial" / "scores.parquet")
    return {name: part.reset_index(drop=True) for name, part in scores.groupby("model")}


def test_a_model_has_the_first_splits_and_nothing_else_is_computed(project):
    project.config["models"]["lasso_one"]["splits"] = 3
    run = project.run()
    assert run.status == 0, run.text
    assert files(project, "plain") == {"block_1", "block_2"}
    assert files(project, "lasso_one") == {"block_1", "block_2_first_1"}
    with (project.results / "trial" / "leaderboard.csv").open(newline="", encoding="utf-8") as file:
        board = {record["model"]: int(record["splits"]) for record in csv.DictReader(file)}
    assert board == {"plain": 4, "lasso_one": 3, "null_model": 4}
    page = (project.results / "report.html").read_text(encoding="utf-8")
    assert "lasso_one has 3 of the 4 splits" in page and "over the 3 splits that all models have" in page
    some = scores_of(project)
    # On all of them, only what is new is fitted, and the first ones are as they were.
    del project.config["models"]["lasso_one"]["splits"]
    run = project.run()
    assert run.status == 0, run.text
    fits = [job for job in run.jobs if job.startswith(("fit", "split", "preprocess"))]
    assert fits == ["fit_lasso.trial.lasso_one.2"]
    whole = scores_of(project)
    assert {name: len(scores) for name, scores in whole.items()} == dict.fromkeys(board, 4)
    assert all(some[name].equals(whole[name][: board[name]]) for name in board)
    # On fewer, nothing is.
    project.config["models"]["lasso_one"]["splits"] = 2
    planned = project.dry_run().jobs
    assert "compare.trial" in planned and not [job for job in planned if job.startswith(("fit", "split"))]


@pytest.mark.slow
def test_training_sizes_are_of_the_models_with_so_many_splits(project):
    project.config["datasets"]["trial"]["training_sizes"] = {"shares": [0.5, 0.8], "splits": 2}
    project.config["models"]["lasso_one"]["splits"] = 1
    run = project.run()
    assert run.status == 0, run.text
    sizes = pd.read_csv(project.results / "trial" / "training_sizes.csv")
    assert set(sizes["model"]) == {"plain"}
    assert "block_training_sizes" not in files(project, "lasso_one")
    page = (project.results / "report.html").read_text(encoding="utf-8")
    assert "lasso_one was not fitted on all of these" in page


def test_training_sizes_need_a_model_with_so_many_splits(project):
    project.config["datasets"]["trial"]["training_sizes"] = {"shares": [0.5, 0.8], "splits": 2}
    project.config["models"]["lasso_one"]["splits"] = 1
    planned = project.run("-n").jobs
    assert "fit_linear.trial.plain.training_sizes" in planned
    assert (
        "fit_lasso.trial.lasso_one.1_first_1" in planned
        and "fit_lasso.trial.lasso_one.training_sizes" not in planned
    )
    project.config["models"]["plain"]["splits"] = 1
    run = project.run("-n")
    assert run.status != 0
    assert "datasets.trial.training_sizes.splits is 2, and no model has so many splits: lower it" in run.text
