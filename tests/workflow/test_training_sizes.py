"""What more rows would bring: nested shares of the training rows, the law through the errors, and its interval."""

import csv

import numpy as np
import pytest
from scipy.optimize import least_squares
from sklearn.linear_model import LinearRegression
from support.data import small_csv
from support.runs import Project

from lineup.comparison import training_sizes as sizes_module
from lineup.comparison.jackknife import Tested, row_jackknife
from lineup.comparison.training_sizes import PowerLaw, curve_of, fit_power_law, fitting_law, gradient, law_of
from lineup.data import training_shares
from lineup.data.design import read_design
from lineup.data.splits import draw_splits
from lineup.data.tables import Splits, read_splits, read_table
from lineup.data.training_shares import smaller

ROWS = np.array([20, 40, 80, 120, 160, 240])


@pytest.mark.parametrize("law", [(5.0, 30.0, 0.7), (0.0, 9.0, 0.3), (2.0, 800.0, 1.9), (4.0, 0.0, 1.0)])
def test_a_law_is_found_again(law):
    found = fit_power_law(ROWS, PowerLaw(*law, 0.0)(ROWS))
    np.testing.assert_allclose(found(ROWS * 2.0), PowerLaw(*law, 0.0)(ROWS * 2.0), rtol=1e-6)
    assert found.misfit < 1e-6


@pytest.mark.parametrize("seed", range(6))
def test_the_fit_is_that_of_a_solver_of_scipy(seed):
    chance = np.random.default_rng(seed)
    law = chance.uniform([1, 10, 0.4], [9, 60, 1.5])
    errors = PowerLaw(*law, 0.0)(ROWS) * (1 + 0.01 * chance.normal(size=len(ROWS)))

    def residuals(numbers):
        return (numbers[0] + numbers[1] * (ROWS / 240) ** -numbers[2]) / errors - 1

    bounds = ([0, 0, 0.02], [np.inf, np.inf, 4])
    starts = [
        (errors[-1] * share, errors[-1], exponent) for share in (0.1, 0.9) for exponent in (0.3, 1.0, 2.0)
    ]
    expected = min((least_squares(residuals, start, bounds=bounds, xtol=1e-14, ftol=1e-14) for start in starts), key=lambda one: one.cost)  # fmt: skip
    found = fit_power_law(ROWS, errors)
    assert found.floor >= 0 and found.scale >= 0
    missed = (found(ROWS) / errors - 1) ** 2
    assert missed.sum() / 2 == pytest.approx(expected.cost, rel=1e-5)


def test_small_sizes_that_follow_no_law_are_left_out():
    errors = PowerLaw(5.0, 30.0, 0.7, 0.0)(ROWS)
    errors[0] *= 40  # as of least squares with as many rows as features
    law, first = fitting_law(ROWS, errors)
    assert first == 1 and law.exponent == pytest.approx(0.7, abs=1e-3)
    assert fitting_law(ROWS, np.array([1.0, 2, 1, 2, 1, 2])) is None
    assert fitting_law(ROWS[:3], errors[1:4]) is None


def test_derivatives():
    """Of a * b + c."""
    found = gradient(lambda at: at[0] * at[1] + at[2], np.array([3.0, 7.0, 11.0]))
    np.testing.assert_allclose(found, [7, 3, 1], rtol=1e-8)


SHARES = [0.5, 0.1, 0.26]


@pytest.fixture
def roles(monkeypatch):
    """The roles of the columns of the table."""
    found = {}
    monkeypatch.setattr(training_shares, "read_schema", lambda _: {"roles": found, "rows": {}})
    return found


@pytest.mark.parametrize("method", ["random", "time", "k_fold", "groups"])
def test_each_share_is_inside_the_next(method, roles):
    splits = draw_splits(60, 1 / 3, [4, 9])
    if method == "time":
        splits = Splits.of([1, 2], [np.arange(40), np.arange(20)], [np.arange(40, 60), np.arange(20, 40)])
    if method == "groups":
        roles["group"] = "who"
    cut = smaller(splits, SHARES, "", "random" if method == "groups" else method)
    assert cut.seeds.tolist() == splits.seeds.tolist() * 3
    for split in range(2):
        own = [set(cut.train[split + 2 * share]) for share in range(3)]
        assert own[0] < own[1] < own[2] < set(splits.train[split])
        of_all = len(splits.train[split])
        assert [len(one) for one in own] == [max(2, round(share * of_all)) for share in sorted(SHARES)]
        for share in range(3):
            np.testing.assert_array_equal(cut.test[split + 2 * share], splits.test[split])
    if method == "random":
        np.testing.assert_array_equal(cut.train[0], splits.train[0][:4])
    if method == "time":
        assert set(cut.train[0]) == {36, 37, 38, 39}, "the latest"
    if method in ("k_fold", "groups"):
        assert sorted(cut.train[4]) != sorted(splits.train[0][:20]), (
            "rows in the order of the table are no sample"
        )


def test_two_rows_are_left(roles):
    assert [len(one) for one in smaller(draw_splits(9, 1 / 3, [1]), [0.01], "", "random").train] == [2]


@pytest.fixture(scope="module")
def project(tmp_path_factory, sketching):
    """A comparison on shares of the training rows."""
    folder = tmp_path_factory.mktemp("sizes") / "work"
    folder.mkdir()
    small_csv(folder / "mine.csv", seed=1, rows=80)
    dataset = {
        "file": "mine.csv",
        "target": "strength",
        "rare_levels": 1,
        "splits": {"seeds": {"first": 1, "last": 70}, "block_size": 60},
        "models": ["least_squares", "net"],
    }
    network = {"kind": "mlp", "hidden": [4], "epochs": 3, "accelerator": "cpu", "threads": 1}
    config = {"build": ["mine"], "datasets": {"mine": dataset}, "models": {"net": network}}
    project = Project(folder, sketching, config)
    assert project.run("--cores", "2").status == 0
    before = project.results.joinpath("mine", "leaderboard.csv").read_bytes()
    dataset["training_sizes"] = {"shares": [0.3, 0.45, 0.6, 0.8], "splits": 100}
    planned = project.dry_run().jobs
    run = project.run("--cores", "2")
    assert run.status == 0, run.text
    assert (
        planned
        == run.jobs
        == [
            "fit_linear.mine.least_squares.training_sizes",
            "fit_mlp.mine.net.training_sizes",
            "report",
            "split.mine.training_sizes",
            "training_sizes.mine",
        ]
    )
    assert project.dry_run().jobs == []
    assert project.results.joinpath("mine", "leaderboard.csv").read_bytes() == before
    return project


def records(project, name):
    with project.results.joinpath("mine", name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_errors_are_those_of_fits_by_scikit_learn(project):
    """No more splits than a block has are taken: 60."""
    results = project.results / "mine"
    table = read_table(results / "table.parquet")
    *features, target = (np.asarray(table[name], dtype=float) for name in table)
    X, drawn = np.stack(features, axis=1), read_splits([results / "splits" / "block_1.parquet"])
    own = [one for one in records(project, "training_sizes.csv") if one["model"] == "least_squares"]
    assert [int(one["training_rows"]) for one in own] == [18, 27, 36, 48, 60]
    for one in own:
        errors = []
        for train, test in zip(drawn.train, drawn.test, strict=True):
            rows = train[: int(one["training_rows"])]
            predicted = LinearRegression().fit(X[rows], target[rows]).predict(X[test])
            errors.append(np.abs(predicted - target[test]).mean())
        assert len(errors) == 60 and float(one["error"]) == pytest.approx(np.mean(errors), rel=1e-9)
        assert float(one["low"]) < float(one["error"]) < float(one["high"])


def test_a_network_is_trained_on_fewer_rows(project):
    own = [float(one["error"]) for one in records(project, "training_sizes.csv") if one["model"] == "net"]
    assert len(set(own)) == 5


def test_the_page_tells_what_more_rows_would_bring(project):
    page = project.results.joinpath("report.html").read_text(encoding="utf-8")
    assert "With a third more rows" in page and 'alt="Mean error on the test rows by the number' in page
    for one in records(project, "power_laws.csv"):
        assert int(one["more_rows"]) == 80
        if one["gain"]:
            assert float(one["error"]) - float(one["more_error"]) == pytest.approx(float(one["gain"]))
            assert float(one["low"]) < float(one["gain"]) < float(one["high"])


def test_the_gain_and_its_interval_by_hand(project):
    """A sum of what the rows add, weighted by the derivatives of the gain, that are computed one-sided here."""
    results = project.results / "mine"
    design = read_design(results / "table.parquet")
    whole, cut = (
        read_splits([results / "splits" / f"block_{name}.parquet"]) for name in ("1", "training_sizes")
    )
    paths = [
        results / "models" / "least_squares" / f"block_{name}" / "predictions.parquet"
        for name in ("1", "training_sizes")
    ]
    curve = curve_of(design, str(results / "table.parquet"), whole, cut, paths, "mae", "random")
    law, rows, errors = law_of(curve), curve.rows, curve.errors
    assert law["gain"] is not None
    start = len(rows) - sum(round(one) >= law["from_rows"] for one in rows)

    def gain(at):
        fitted = fit_power_law(rows[start:], at)
        return fitted(rows[-1]) - fitted(rows[-1] * 4 / 3)

    step = 1e-5 * errors[-1]
    slopes = [
        (gain(errors[start:] + step * one) - gain(errors[start:])) / step for one in np.eye(len(rows) - start)
    ]
    found = row_jackknife(
        np.concatenate([np.zeros(start), slopes]) @ curve.losses,
        Tested(np.concatenate(list(whole.test)), 60, 80),
    )
    assert law["high"] - law["gain"] == pytest.approx(found.half(0.95), rel=1e-2)
    assert law["high"] > law["gain"] > 0


def test_where_no_law_fits_it_is_said(monkeypatch, project):
    monkeypatch.setattr(sizes_module, "MISS", 0.0)
    results = project.results / "mine"
    design, table = read_design(results / "table.parquet"), str(results / "table.parquet")
    whole, cut = (
        read_splits([results / "splits" / f"block_{name}.parquet"]) for name in ("1", "training_sizes")
    )
    paths = [
        results / "models" / "net" / f"block_{name}" / "predictions.parquet"
        for name in ("1", "training_sizes")
    ]
    found = law_of(curve_of(design, table, whole, cut, paths, "mae", "random"))
    assert found["gain"] is found["low"] is None and found["rows"] == 60
