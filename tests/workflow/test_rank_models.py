"""Ranks over several tables, and groups of models that cannot be told apart."""

import csv

import numpy as np
import pytest
import scipy.stats
from support.data import small_csv
from support.runs import Project

from lineup.comparison.ranks import critical_difference, friedman, ranks_of
from lineup.figures.ranks import groups_of


@pytest.mark.parametrize("seed", range(5))
def test_ranks_and_friedmans_test_are_those_of_scipy(seed):
    errors = np.random.default_rng(seed).normal(size=(7, 4)).round(seed % 2)  # with ties, and without
    ranks = ranks_of(errors)
    np.testing.assert_array_equal(ranks, scipy.stats.rankdata(errors, axis=1))
    assert friedman(ranks) == pytest.approx(scipy.stats.friedmanchisquare(*errors.T).pvalue, rel=1e-10)


def test_models_that_are_the_same_are_alike():
    assert friedman(ranks_of(np.ones((4, 3)))) == 1.0


@pytest.mark.parametrize(("models", "quantile"), [(2, 1.960), (3, 2.343), (5, 2.728), (10, 3.164)])
def test_critical_differences_are_those_of_demsars_table(models, quantile):
    """Table 5 (a) there gives the quantiles at 5 %."""
    expected = quantile * np.sqrt(models * (models + 1) / (6 * 14))
    assert critical_difference(14, models) == pytest.approx(expected, rel=5e-4)


def test_the_longest_runs_of_models_that_are_not_apart():
    places = {"a": 1.0, "b": 1.5, "c": 2.4, "d": 2.6, "e": 5.0}

    def apart(one, other):
        return abs(places[one] - places[other]) > 1.2

    assert groups_of(list(places), apart) == [["a", "b"], ["b", "c", "d"]]
    assert groups_of(list(places), lambda *_: False) == [list(places)]
    assert groups_of(list(places), lambda *_: True) == []


def test_three_tables(tmp_path, sketching):
    folder = tmp_path / "work"
    folder.mkdir()
    datasets = {}
    for seed, name in enumerate(["one", "two", "three"]):
        small_csv(folder / f"{name}.csv", seed=seed, rows=60)
        datasets[name] = {
            "file": f"{name}.csv",
            "target": "strength",
            "splits": {"seeds": [1, 2]},
            "models": ["least_squares", "ridge"] + (["lasso"] if name == "two" else []),
        }
    project = Project(folder, sketching, {"build": ["one", "two"], "datasets": datasets, "models": {}})
    assert "rank_models" not in {job.split(".")[0] for job in project.dry_run().jobs}
    project.config["build"].append("three")
    run = project.run("--cores", "2")
    assert run.status == 0, run.text
    with project.results.joinpath("ranks.csv").open(newline="") as file:
        records = list(csv.DictReader(file))
    assert [record["model"] for record in records].count("ridge") == 3 == len(records) / 2
    for record in records:
        with project.results.joinpath(record["dataset"], "leaderboard.csv").open(newline="") as file:
            order = [
                line["model"] for line in csv.DictReader(file) if line["model"] in ("least_squares", "ridge")
            ]
        assert order[int(float(record["rank"])) - 1] == record["model"]
    page = project.results.joinpath("report.html").read_text(encoding="utf-8")
    assert "On average over 3 tables" in page and "Mean rank of each model over the tables" in page
    # One table's scores are others, so the ranks are made again.
    datasets["one"]["splits"]["seeds"] = [1, 3]
    run = project.run("--cores", "2", "--until", "rank_models")
    assert run.status == 0 and "rank_models" in {job.split(".")[0] for job in run.jobs}, run.text
    assert "rank_models" not in {job.split(".")[0] for job in project.dry_run().jobs}
    project.config["build"] = ["two", "three"]
    assert project.dry_run().jobs == ["report"]
