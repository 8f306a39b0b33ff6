"""The scores, and the tables that hold them and the predictions."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from scripts.evaluation import METRICS, regression_scores, score_columns, write_evaluation
from scripts.tables import Design, Split

# Sums in another order differ by rounding alone: a few times n * 2^-53 for n = 40.
ROUNDING = 1e-13


def made_up(rows=40):
    generator = np.random.default_rng(3)
    y = generator.normal(50, 10, rows)
    return Design(["a"], generator.normal(size=(rows, 1)), y, "t"), generator


@pytest.mark.parametrize("seed", range(5))
def test_the_scores_are_those_of_scikit_learn(seed):
    generator = np.random.default_rng(seed)
    actual = generator.normal(300, 100, 40)
    predicted = actual + generator.normal(5, 50, 40)
    scores = regression_scores(actual, predicted)
    expected = {
        "mae": mean_absolute_error(actual, predicted),
        "rmse": root_mean_squared_error(actual, predicted),
        "r2": r2_score(actual, predicted),
    }
    assert scores == pytest.approx(expected, rel=ROUNDING)
    assert list(scores) == list(METRICS)
    assert 0 < scores["mae"] < scores["rmse"]
    assert 0 < scores["r2"] < 1


def test_the_scores_by_hand():
    scores = regression_scores(np.array([1.0, 2.0, 3.0, 6.0]), np.array([2.0, 2.0, 1.0, 6.0]))
    assert scores == pytest.approx({"mae": 3 / 4, "rmse": np.sqrt(5 / 4), "r2": 1 - 5 / 14}, rel=ROUNDING)


def test_a_perfect_prediction():
    actual = np.array([1.0, 2.0, 4.0])
    assert regression_scores(actual, actual) == {"mae": 0.0, "rmse": 0.0, "r2": 1.0}


@pytest.mark.parametrize("value", [0.0, 2.0, 0.1, 1 / 3])
def test_r2_has_no_meaning_for_a_constant_target(value):
    """The mean of 0.1, 0.1 and so on is not quite 0.1 in floating point."""
    scores = regression_scores(np.full(30, value), np.full(30, value + 1))
    assert np.isnan(scores["r2"])
    assert scores["mae"] == pytest.approx(1, rel=ROUNDING)


def test_the_tables_hold_the_predictions_of_every_split_in_their_order(tmp_path):
    design, generator = made_up()
    splits = [
        Split(5, np.arange(0, 30), np.array([35, 31, 39])),
        Split(2, np.arange(10, 40), np.array([9, 0, 4])),
    ]
    predicted = [generator.normal(50, 10, 3) for _ in splits]
    write_evaluation(
        design, splits, predicted, str(tmp_path / "predictions.parquet"), str(tmp_path / "scores.parquet")
    )
    table = pq.read_table(tmp_path / "predictions.parquet")
    assert table.schema.names == ["seed", "row", "actual", "predicted"]
    assert table["seed"].type == pa.int64()
    assert table["seed"].to_pylist() == [5, 5, 5, 2, 2, 2]
    assert table["row"].to_pylist() == [35, 31, 39, 9, 0, 4]
    np.testing.assert_array_equal(table["actual"], design.y[[35, 31, 39, 9, 0, 4]])
    np.testing.assert_array_equal(table["predicted"], np.concatenate(predicted))

    scores = pq.read_table(tmp_path / "scores.parquet").to_pydict()
    assert list(scores) == ["seed", "mae", "rmse", "r2"]
    assert scores["seed"] == [5, 2]
    for place, (split, values) in enumerate(zip(splits, predicted, strict=True)):
        expected = mean_absolute_error(design.y[split.test], values)
        assert scores["mae"][place] == pytest.approx(expected, rel=ROUNDING)


def test_predictions_for_another_number_of_splits_are_refused():
    design, _ = made_up()
    splits = [Split(1, np.arange(30), np.arange(30, 40))]
    with pytest.raises(ValueError, match="zip"):
        score_columns(design, splits, [np.zeros(10), np.zeros(10)])
