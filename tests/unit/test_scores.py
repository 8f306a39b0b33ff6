"""The scores, and the tables that hold them and the predictions."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from lineup.comparison.metrics import contributions
from lineup.comparison.metrics import scores as scores_of
from lineup.comparison.scores import score_columns, write_evaluation
from lineup.data.design import Design
from lineup.data.tables import Splits
from lineup.metrics import METRICS

# Sums in another order differ by rounding alone: a few times n * 2^-53 for n = 40.
ROUNDING = 1e-13


def regression_scores(*sides):
    return scores_of("regression", *sides)


def made_up(rows=40):
    generator = np.random.default_rng(3)
    y = generator.normal(50, 10, rows)
    return Design(["a"], generator.normal(size=(rows, 1)), y, "t"), generator


def test_the_scores_are_those_of_scikit_learn_on_every_split():
    generator = np.random.default_rng(0)
    actual = generator.normal(300, 100, (5, 40))
    predicted = actual + generator.normal(5, 50, (5, 40))
    scores = regression_scores(actual, predicted)
    assert list(scores) == list(METRICS["regression"])
    for metric, reference in {
        "mae": mean_absolute_error,
        "rmse": root_mean_squared_error,
        "r2": r2_score,
    }.items():
        expected = [reference(*pair) for pair in zip(actual, predicted, strict=True)]
        assert scores[metric] == pytest.approx(expected, rel=ROUNDING)
        assert len(set(scores[metric])) == 5
    assert (scores["mae"] > 0).all()
    assert (scores["mae"] < scores["rmse"]).all()
    assert (scores["r2"] > 0).all() and (scores["r2"] < 1).all()


def test_the_scores_by_hand():
    """Two splits of the same targets; the second is predicted by their mean."""
    actual = np.array([[1.0, 2.0, 3.0, 6.0]] * 2)
    scores = regression_scores(actual, np.array([[2.0, 2.0, 1.0, 6.0], [3.0] * 4]))
    assert scores["mae"] == pytest.approx([3 / 4, 6 / 4], rel=ROUNDING)
    assert scores["rmse"] == pytest.approx([np.sqrt(5 / 4), np.sqrt(14 / 4)], rel=ROUNDING)
    assert scores["r2"] == pytest.approx([1 - 5 / 14, 0], rel=ROUNDING, abs=ROUNDING)


def test_a_perfect_prediction():
    actual = np.array([[1.0, 2.0, 4.0]])
    assert regression_scores(actual, actual) == {"mae": [0.0], "rmse": [0.0], "r2": [1.0]}


@pytest.mark.parametrize("value", [0.0, 2.0, 0.1, 1 / 3])
def test_r2_has_no_meaning_for_a_constant_target(value):
    """The mean of 0.1, 0.1 and so on is not quite 0.1 in floating point. A split beside it has one."""
    actual = np.stack([np.full(30, value), np.arange(30.0)])
    scores = regression_scores(actual, actual + 1)
    assert np.isnan(scores["r2"][0])
    assert scores["r2"][1] == pytest.approx(r2_score(actual[1], actual[1] + 1), rel=ROUNDING)
    assert scores["mae"] == pytest.approx([1, 1], rel=ROUNDING)


def test_the_tables_hold_the_predictions_of_every_split_in_their_order(tmp_path):
    design, generator = made_up()
    splits = Splits(
        seeds=np.array([5, 2]),
        train=np.stack([np.arange(0, 30), np.arange(10, 40)]),
        test=np.array([[35, 31, 39], [9, 0, 4]], dtype=np.int32),
    )
    predicted = generator.normal(50, 10, (2, 3))
    write_evaluation(
        design,
        splits,
        predicted.ravel(),
        str(tmp_path / "predictions.parquet"),
        str(tmp_path / "scores.parquet"),
    )
    table = pq.read_table(tmp_path / "predictions.parquet")
    assert table.schema.names == ["seed", "row", "actual", "predicted"]
    assert (table["seed"].type, table["row"].type) == (pa.int64(), pa.int32())
    assert table["seed"].to_pylist() == [5, 5, 5, 2, 2, 2]
    assert table["row"].to_pylist() == [35, 31, 39, 9, 0, 4]
    np.testing.assert_array_equal(table["actual"], design.y[[35, 31, 39, 9, 0, 4]])
    np.testing.assert_array_equal(table["predicted"], predicted.ravel())

    scores = pq.read_table(tmp_path / "scores.parquet").to_pydict()
    assert list(scores) == ["seed", "mae", "rmse", "r2"]
    assert scores["seed"] == [5, 2]
    for place, (test, values) in enumerate(zip(splits.test, predicted, strict=True)):
        expected = mean_absolute_error(design.y[test], values)
        assert scores["mae"][place] == pytest.approx(expected, rel=ROUNDING)


def test_predictions_for_another_number_of_splits_are_refused():
    design, _ = made_up()
    splits = Splits(np.arange(3), np.tile(np.arange(30), (3, 1)), np.tile(np.arange(30, 40), (3, 1)))
    with pytest.raises(ValueError, match="reshape"):
        score_columns(design, splits, np.zeros(20))


def test_splits_of_different_sizes_are_scored_one_by_one(tmp_path):
    design, generator = made_up()
    sizes = [10, 10, 4, 7, 10]
    test = [generator.permutation(40)[:size] for size in sizes]
    train = [np.setdiff1d(np.arange(40), rows) for rows in test]
    splits = Splits.of(np.arange(5), train, test)
    predicted = [generator.normal(50, 10, size) for size in sizes]
    paths = [str(tmp_path / f"{name}.parquet") for name in ("predictions", "scores")]
    write_evaluation(design, splits, np.concatenate(predicted), *paths)
    table, scores = (pq.read_table(path) for path in paths)
    assert table["seed"].to_pylist() == np.repeat(np.arange(5), sizes).tolist()
    assert table["row"].to_pylist() == np.concatenate(test).tolist()
    expected = [
        mean_absolute_error(design.y[rows], values) for rows, values in zip(test, predicted, strict=True)
    ]
    np.testing.assert_allclose(scores["mae"].to_numpy(), expected, rtol=ROUNDING)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("metric", [name for metrics in METRICS.values() for name in metrics])
def test_what_a_row_adds_is_what_the_score_changes_by_with_its_weight(metric, classes, weighted):
    """The mean of what rows add is the score; a row's own part is the derivative of the score by its weight."""
    generator = np.random.default_rng(5)
    task = "regression" if metric in METRICS["regression"] else "classification"
    actual, predicted = generator.normal(size=(3, 30)), generator.normal(size=(3, 30))
    if task == "classification":
        actual, predicted = (
            generator.integers(0, classes, (3, 30)),
            generator.dirichlet([1] * classes, (3, 30)),
        )
    weights = generator.exponential(size=(3, 30)) if weighted else np.ones((3, 30))
    added = contributions(metric, actual, predicted, weights if weighted else None)
    score = scores_of(task, actual, predicted, weights)[metric]
    np.testing.assert_allclose(added.mean(axis=1), score, rtol=1e-12)
    more = weights.copy()
    more[:, 7] *= 1 + 1e-6
    change = (scores_of(task, actual, predicted, more)[metric] - score) / 1e-6 * 30
    np.testing.assert_allclose(added[:, 7] - score, change, rtol=1e-4, atol=1e-6)
    assert added.std() > 0.1


def test_without_an_error_no_row_adds_to_it():
    actual = np.array([[1.0, 2.0, 4.0]])
    assert contributions("rmse", actual, actual).tolist() == [[0, 0, 0]]
    assert np.isnan(contributions("r2", np.full((1, 3), 0.1), actual)).all()
