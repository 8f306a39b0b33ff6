"""Least squares: the figure of the book, and scikit-learn as the reference."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error

from lineup.data.splits import split
from lineup.data.tables import read_splits, read_table, read_tables
from lineup.models.linear import fit_linear, least_squares

# Both solve by a singular value decomposition of centred features, whose condition number is about
# 1e4 here: that and 2^-53 bound the difference of the predictions by about 1e-12.
SOLVER = 1e-9
BOOK_MAE = 259.7152883314627
NULL_MAE = 333.28  # of the median of the training targets, on the same rows
SEEDS = range(20)


@pytest.fixture
def fitted(tmp_path, logger):
    """Gives a function that fits a prepared table and returns the paths of what is written."""

    def fit(table, splits, name="fit"):
        paths = {
            key: str(tmp_path / name / f"{key}.parquet") for key in ("predictions", "scores", "coefficients")
        }
        fit_linear(table=table, splits=splits, logger=logger, **paths)
        return paths

    return fit


def test_the_figure_of_the_book(hitters_table, hitters_splits, fitted):
    paths = fitted(hitters_table, hitters_splits)
    mae = read_table(paths["scores"])["mae"]
    assert mae == pytest.approx([BOOK_MAE], rel=SOLVER)
    assert f"{mae[0]:.4f}" == "259.7153"


def test_it_is_linear_regression_on_every_split(tmp_path, hitters, hitters_table, logger, fitted):
    splits = str(tmp_path / "splits.parquet")
    split(hitters_table, splits, "1/3", {"first": SEEDS[0], "last": SEEDS[-1]}, logger)
    paths = fitted(hitters_table, splits)
    predictions, scores, terms = (read_table(paths[key]) for key in ("predictions", "scores", "coefficients"))
    assert scores["seed"].tolist() == list(SEEDS)
    drawn = read_splits([splits])
    assert len(drawn) == len(SEEDS)
    for place, (seed, train, test) in enumerate(zip(drawn.seeds, drawn.train, drawn.test, strict=True)):
        reference = LinearRegression().fit(hitters.X[train], hitters.y[train])
        expected = reference.predict(hitters.X[test])
        here = predictions["seed"] == seed
        np.testing.assert_array_equal(predictions["row"][here], test)
        np.testing.assert_array_equal(predictions["actual"][here], hitters.y[test])
        np.testing.assert_allclose(predictions["predicted"][here], expected, rtol=SOLVER)
        assert scores["mae"][place] == pytest.approx(
            mean_absolute_error(hitters.y[test], expected), rel=SOLVER
        )
        here = terms["seed"] == seed
        assert terms["term"][here].tolist() == ["(intercept)", *hitters.features]
        np.testing.assert_allclose(
            terms["coefficient"][here], [reference.intercept_, *reference.coef_], rtol=SOLVER
        )
    # The splits differ, and the model tells more than the median of the targets.
    assert len(set(scores["mae"])) == len(SEEDS)
    assert scores["mae"].max() < NULL_MAE


def test_a_split_does_not_depend_on_those_beside_it(tmp_path, hitters_table, logger, fitted):
    """The same digits, however the splits are cut into blocks."""
    blocks = {"whole": [3, 8, 5], "first": [3], "rest": [8, 5]}
    made = {}
    for name, seeds in blocks.items():
        splits = str(tmp_path / f"{name}.parquet")
        split(hitters_table, splits, "1/3", seeds, logger)
        made[name] = fitted(hitters_table, splits, name)
    for key, path in made["whole"].items():
        whole, cut = read_table(path), read_tables([made["first"][key], made["rest"][key]])
        assert list(dict.fromkeys(whole["seed"].tolist())) == [3, 8, 5]
        for column, values in whole.items():
            np.testing.assert_array_equal(values, cut[column])


def test_the_gradient_is_zero(hitters, book_split):
    """The residuals are orthogonal to every feature and to the constant, as the normal equations say."""
    X, y = hitters.X[book_split.train[0]], hitters.y[book_split.train[0]]
    coefficients, intercept = least_squares(X, y)
    residuals = y - X @ coefficients - intercept
    scale = np.linalg.norm(X, axis=0) * np.linalg.norm(y)
    assert np.abs(X.T @ residuals / scale).max() < 1e-12
    assert abs(residuals.sum()) < 1e-12 * np.abs(y).sum()
    assert np.linalg.norm(residuals) > 0.1 * np.linalg.norm(y)  # not fitted exactly either


@pytest.mark.parametrize("dependence", ["a sum of others", "a constant", "more features than rows"])
def test_dependent_features_predict_as_scikit_learn_does(dependence):
    generator = np.random.default_rng(0)
    rows = 12 if dependence == "more features than rows" else 60
    X = generator.normal(size=(rows, 16))
    if dependence == "a sum of others":
        X[:, 3] = X[:, 0] - 2 * X[:, 1]
    if dependence == "a constant":
        X[:, 3] = 0.1
    y = generator.normal(size=rows) + 5
    new = generator.normal(size=(30, 16))
    if dependence != "more features than rows":
        new[:, 3] = X[0, 3] if dependence == "a constant" else new[:, 0] - 2 * new[:, 1]
    coefficients, intercept = least_squares(X, y)
    reference = LinearRegression().fit(X, y)
    np.testing.assert_allclose(new @ coefficients + intercept, reference.predict(new), rtol=1e-9, atol=1e-9)
    # The smallest norm: nothing for what the rows cannot tell.
    np.testing.assert_allclose(coefficients, reference.coef_, rtol=1e-9, atol=1e-9)
    assert np.abs(coefficients).max() > 0.01


def test_a_constant_target_is_predicted(tmp_path, prepare, fitted):
    generator = np.random.default_rng(0)
    table, splits = prepare(tmp_path, {"a": generator.normal(size=20), "y": [0.1] * 20})
    np.testing.assert_allclose(read_table(fitted(table, splits)["predictions"])["predicted"], 0.1, rtol=1e-12)


def test_the_same_bytes_are_written_twice(hitters_table, hitters_splits, fitted):
    first, second = (fitted(hitters_table, hitters_splits, name) for name in ("first", "second"))
    for key, path in first.items():
        assert Path(path).read_bytes() == Path(second[key]).read_bytes()
    assert pq.read_schema(first["coefficients"]).names == ["seed", "term", "coefficient"]
