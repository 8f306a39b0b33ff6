"""Scores the predictions that the models make for the test rows."""

import math
from collections.abc import Sequence

import numpy as np

from lineup.data.tables import Design, Splits, list_column, write_table

# The metrics of each task, with their labels. The first is the one that models are ranked by.
METRICS = {
    "regression": {"mae": "MAE", "rmse": "RMSE", "r2": "R squared"},
    "classification": {"accuracy": "accuracy", "log_loss": "log loss"},
}
HIGHER_IS_BETTER = {"r2", "accuracy"}


# Digits after the point of metrics that are no multiples of the unit of the target.
DECIMALS = {"r2": 3, "accuracy": 4, "log_loss": 4}


def decimals(metric: str, values: Sequence[float], significant: int) -> int:
    """Says how many digits after the point to show of values of a metric that stand beside each other.

    Of those in the unit of the target, which may be millionths or millions, the median has so many significant digits: a
    model that is far off does not take the digits of the others.
    """
    if metric in DECIMALS:
        return DECIMALS[metric]
    typical = float(np.median(np.abs(values)))
    return max(0, significant - 1 - math.floor(math.log10(typical))) if typical > 0 else significant


def signed(values: np.ndarray, metric: str) -> np.ndarray:
    """Gives values of a metric so that lower is better: of those where higher is, the negative."""
    return -values if metric in HIGHER_IS_BETTER else values


def poor_models(records: list[dict], metric: str, null_model: str) -> list[dict]:
    """Picks the records of a leaderboard whose models are no better than the one named, the null model."""
    null = next(signed(record[metric], metric) for record in records if record["model"] == null_model)
    return [one for one in records if one["model"] != null_model and signed(one[metric], metric) >= null]


def regression_scores(actual: np.ndarray, predicted: np.ndarray) -> dict[str, np.ndarray]:
    """Computes the scores of S splits.

    Args:
        actual: Targets of the test rows, shape (S, t).
        predicted: Predictions for them, shape (S, t).

    Returns:
        ``mae`` and ``rmse`` in the unit of the target, and ``r2``, one minus the sum of squared
        errors over the sum of squares about the mean of ``actual``; NaN if that mean is all
        there is. Each has shape (S,).
    """
    error = predicted - actual
    squares = np.square(error)
    total = np.square(actual - actual.mean(axis=1, keepdims=True)).sum(axis=1)
    # Rounding can give a constant target a sum of squares just above 0.
    total = np.where(actual.min(axis=1) < actual.max(axis=1), total, np.nan)
    return {
        "mae": np.abs(error).mean(axis=1),
        "rmse": np.sqrt(squares.mean(axis=1)),
        "r2": 1 - squares.sum(axis=1) / total,
    }


def classification_scores(actual: np.ndarray, probabilities: np.ndarray) -> dict[str, np.ndarray]:
    """Scores probabilities (S, t, K) of actual classes (S, t), as places: each score has shape (S,).

    ``accuracy`` is the share of rows whose most probable class is the actual one, ``log_loss`` the mean of minus the
    natural logarithm of the probability of the actual class.
    """
    hit = probabilities.argmax(axis=2) == actual
    of_actual = np.take_along_axis(probabilities, actual[:, :, None], axis=2)[:, :, 0].astype(np.float64)
    # ASSUME: a probability below the smallest 32-bit number counts as that one, so that no loss is infinite.
    smallest = np.finfo(np.float32).tiny
    return {
        "accuracy": hit.mean(axis=1),
        "log_loss": -np.log(np.maximum(of_actual, smallest)).mean(axis=1),
    }


def write_evaluation(
    design: Design, splits: Splits, predicted: np.ndarray, predictions: str, scores: str
) -> None:
    """Writes the predictions and the scores of one model over S splits.

    Args:
        design: The prepared table.
        splits: The splits.
        predicted: Predictions for their N test rows, split after split: numbers, shape (N,), or the probabilities of K
            classes, shape (N, K).
        predictions: Parquet file to write: ``seed``, ``row``, ``actual``, ``predicted``. For a
            classification the last two are places in the list of classes, and ``probabilities`` is
            the list of those of all classes, float32.
        scores: Parquet file to write: ``seed`` and a column for each metric.
    """
    tests = np.concatenate(list(splits.test))
    columns = {
        "seed": np.repeat(splits.seeds, splits.sizes()[1]),
        "row": tests,
        "actual": design.y[tests],
    }
    if design.classes:
        places = np.min_scalar_type(len(design.classes) - 1)
        columns["actual"] = columns["actual"].astype(places)
        columns["predicted"] = predicted.argmax(axis=1).astype(places)
        columns["probabilities"] = list_column(predicted.astype(np.float32))
    else:
        columns["predicted"] = predicted
    write_table(columns, predictions)
    write_table(score_columns(design, splits, predicted), scores)


def score_columns(design: Design, splits: Splits, predicted: np.ndarray) -> dict[str, np.ndarray]:
    """Scores one model over S splits, see ``write_evaluation``: the column ``seed`` and one for each metric."""
    scores, found, start = classification_scores if design.classes else regression_scores, [], 0
    for part in splits.parts():
        end = start + part.test.size
        found.append(
            scores(design.y[part.test], predicted[start:end].reshape(*part.test.shape, *predicted.shape[1:]))
        )
        start = end
    return {"seed": splits.seeds} | {name: np.concatenate([one[name] for one in found]) for name in found[0]}
