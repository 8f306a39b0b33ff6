"""Scores the predictions that the models make for the test rows."""

import numpy as np

from scripts.tables import Design, Splits, write_table

METRICS = {"mae": "MAE", "rmse": "RMSE", "r2": "R squared"}


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


def write_evaluation(
    design: Design, splits: Splits, predicted: np.ndarray, predictions: str, scores: str
) -> None:
    """Writes the predictions and the scores of one model over S splits.

    Args:
        design: The prepared table.
        splits: The splits.
        predicted: Predictions for their test rows, in their order, shape (S, t).
        predictions: Parquet file to write: ``seed``, ``row``, ``actual``, ``predicted``.
        scores: Parquet file to write: ``seed`` and a column for each metric.
    """
    write_table(
        {
            "seed": np.repeat(splits.seeds, splits.test.shape[1]),
            "row": splits.test.ravel(),
            "actual": design.y[splits.test].ravel(),
            "predicted": predicted.ravel(),
        },
        predictions,
    )
    write_table(score_columns(design, splits, predicted), scores)


def score_columns(design: Design, splits: Splits, predicted: np.ndarray) -> dict[str, np.ndarray]:
    """Scores one model over S splits: the column ``seed`` and one for each metric."""
    return {"seed": splits.seeds} | regression_scores(design.y[splits.test], predicted)
