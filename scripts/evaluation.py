"""Scores the predictions that the models make for the test rows."""

import numpy as np

from scripts.tables import Design, Split, write_table

METRICS = {"mae": "MAE", "rmse": "RMSE", "r2": "R squared"}


def regression_scores(actual: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Computes the scores of one split.

    Args:
        actual: Targets of the test rows, shape (n,).
        predicted: Predictions for them, shape (n,).

    Returns:
        ``mae`` and ``rmse`` in the unit of the target, and ``r2``, one minus the sum of squared
        errors over the sum of squares about the mean of ``actual``; NaN if that mean is all
        there is.
    """
    error = predicted - actual
    total = np.square(actual - actual.mean()).sum() if actual.min() < actual.max() else 0.0
    return {
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt(np.square(error).mean())),
        "r2": float(1 - np.square(error).sum() / total) if total > 0 else float("nan"),
    }


def write_evaluation(
    design: Design, splits: list[Split], predicted: list[np.ndarray], predictions: str, scores: str
) -> None:
    """Writes the predictions and the scores of one model over all splits.

    Args:
        design: The prepared table.
        splits: The splits.
        predicted: For each split the predictions for its test rows, in their order.
        predictions: Parquet file to write: ``seed``, ``row``, ``actual``, ``predicted``.
        scores: Parquet file to write: ``seed`` and a column for each metric.
    """
    write_table(
        {
            "seed": np.repeat([split.seed for split in splits], [len(split.test) for split in splits]),
            "row": np.concatenate([split.test for split in splits]),
            "actual": np.concatenate([design.y[split.test] for split in splits]),
            "predicted": np.concatenate(predicted),
        },
        predictions,
    )
    write_table(score_columns(design, splits, predicted), scores)


def score_columns(design: Design, splits: list[Split], predicted: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Scores one model over all splits: the column ``seed`` and one for each metric."""
    rows = [
        regression_scores(design.y[split.test], values)
        for split, values in zip(splits, predicted, strict=True)
    ]
    columns = {"seed": np.array([split.seed for split in splits], dtype=np.int64)}
    return columns | {metric: np.array([row[metric] for row in rows]) for metric in METRICS}
