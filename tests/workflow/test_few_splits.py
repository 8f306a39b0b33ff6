"""Models on the first splits of a dataset alone."""

import copy
import csv

import pandas as pd
import pytest
from support.data import small_csv, small_dataset, small_models
from support.runs import Project
from support.tree import ROOT

SPLITS = {
    "method": "random",
    "folds": 10,
    "test_share": 0.25,
    "seeds": {"first": 3, "last": 8},
    "block_size": 2,
}


@pytest.fixture
def project(tmp_path):
    """A table with three models on six splits, in blocks of two."""
    csv = small_csv(tmp_path / "trial.csv", seed=1)
    models = {name: small_models()[name] for name in ("plain", "lasso_one")} | {"ridge": {"kind": "ridge"}}
    dataset = small_dataset(csv, splits=SPLITS, models=[*models])
    return Project(
        tmp_path / "work", ROOT, {"build": ["trial"], "datasets": {"trial": dataset}, "models": models}
    )


def files(project, name):
    """Lists the blocks of a model."""
    return {path.name for path in (project.results / "trial" / "models" / name).glob("block_*")}


def test_a_model_has_the_first_splits_and_nothing_else_is_computed(project, tmp_path):
    changed = copy.deepcopy(project.config)
    changed["models"]["lasso_one"]["splits"] = 3
    changed["models"]["ridge"]["splits"] = 4
    few = Project(tmp_path / "few", ROOT, changed)
    for one in (project, few):
        run = one.run()
        assert run.status == 0, run.text
    assert files(few, "plain") == files(project, "ridge") == {"block_1", "block_2", "block_3"}
    assert files(few, "ridge") == {"block_1", "block_2"}
    assert files(few, "lasso_one") == {"block_1", "block_2_first_1"}
    whole, some = (pd.read_parquet(one.results / "trial" / "scores.parquet") for one in (project, few))
    counts = {"plain": 6, "lasso_one": 3, "ridge": 4, "null_model": 6}
    for name, count in counts.items():
        all_of, some_of = (scores[scores.model == name].reset_index(drop=True) for scores in (whole, some))
        assert some_of.equals(all_of[:count])
    with (few.results / "trial" / "leaderboard.csv").open(newline="", encoding="utf-8") as file:
        board = {record["model"]: int(record["splits"]) for record in csv.DictReader(file)}
    assert board == counts
    page = (few.results / "report.html").read_text(encoding="utf-8")
    assert "lasso_one has 3 of the 6 splits" in page and "over the 3 splits that all models have" in page
    # Of a model with more splits only what is new is fitted; of one with fewer nothing is.
    few.config["models"]["lasso_one"]["splits"] = 5
    run = few.run()
    assert run.status == 0, run.text
    fits = sorted(job for job in run.jobs if job.startswith(("fit", "split", "preprocess")))
    assert fits == [
        "fit_lasso.trial.lasso_one.2",
        "fit_lasso.trial.lasso_one.3_first_1",
        "split.trial.3_first_1",
    ]
    few.config["models"]["lasso_one"]["splits"] = 4
    run = few.run()
    assert run.status == 0 and not [job for job in run.jobs if job.startswith(("fit", "split"))]
    assert few.run().jobs == []


def test_training_sizes_are_of_the_models_with_so_many_splits(project):
    project.config["datasets"]["trial"]["training_sizes"] = {"shares": [0.5, 0.8], "splits": 2}
    project.config["models"]["lasso_one"]["splits"] = 1
    run = project.run()
    assert run.status == 0, run.text
    sizes = pd.read_csv(project.results / "trial" / "training_sizes.csv")
    assert set(sizes["model"]) == {"plain", "ridge"}
    assert "block_training_sizes" not in files(project, "lasso_one")
    assert "lasso_one was not fitted on all of these" in (project.results / "report.html").read_text(
        encoding="utf-8"
    )
    for name in ("plain", "ridge"):
        project.config["models"][name]["splits"] = 1
    run = project.run("-n")
    assert run.status != 0
    assert "datasets.trial.training_sizes.splits is 2, and no model has so many splits: lower it" in run.text
