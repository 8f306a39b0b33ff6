"""Scores the predictions that the models make for the test rows."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lineup.data.design import Design
from lineup.data.tables import SCHEMA_KEY, Splits, list_column, write_table

# The metrics of each task, with their labels. The first is the one that models are ranked by.
METRICS = {
    "regression": {"mae": "MAE", "rmse": "RMSE", "r2": "R squared"},
    "classification": {"accuracy": "accuracy", "log_loss": "log loss"},
}
HIGHER_IS_BETTER = {"r2", "accuracy"}


# ASSUME: a grid is too narrow if an end of it is chosen in more than this share of the splits.
AT_END = 0.1
# ASSUME: no honest model of people's data explains more than this share of the variance.
TOO_GOOD = 0.999

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


@dataclass(frozen=True)
class GridEnds:
    """In how many splits a grid search chose the first or the last penalty of its grid."""

    largest: int
    smallest: int
    splits: int

    def doubts(self) -> list[str]:
        """Says that the grid may be too narrow, if it looks so."""
        ends = {
            "largest": "no feature may help much, or the grid ends too early",
            "smallest": "widen it with penalties.smallest",
        }
        return [
            f"in {getattr(self, end)} of {self.splits} splits the chosen penalty is the {end} of its grid: {advice}"
            for end, advice in ends.items()
            if getattr(self, end) > AT_END * self.splits
        ]


def doubts_of_fits(paths: Iterable[str], splits: int) -> list[str]:
    """Says what may be wrong with the fits of a model, by the scores of its blocks, of so many splits in all."""
    found = [pq.read_schema(path).metadata for path in paths]
    said = [json.loads(metadata[SCHEMA_KEY]) for metadata in found if metadata and SCHEMA_KEY in metadata]
    ends = [sum(one.get(end, 0) for one in said) for end in ("largest", "smallest")]
    unweighted = any(not one.get("is_weighted", True) for one in said)
    words = [
        "the weights of the rows count in its scores alone, not in its fits: this kind of model has none"
    ]
    return (words if unweighted else []) + GridEnds(*ends, splits).doubts()


def signed(values: np.ndarray, metric: str) -> np.ndarray:
    """Gives values of a metric so that lower is better: of those where higher is, the negative."""
    return -values if metric in HIGHER_IS_BETTER else values


def doubts_of_record(record: dict, null: dict, metric: str) -> list[str]:
    """Says what may be wrong with a model by its line of the leaderboard, that of the null model, and the metric that ranks."""
    found = []
    if signed(record[metric], metric) >= signed(null[metric], metric):
        found.append(
            "is no better than the null model, which predicts the same for every row: look at its settings"
        )
    if record.get("r2", 0.0) > TOO_GOOD:
        found.append("is too good: look for a column that gives the target away")
    return found


def regression_scores(
    actual: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Computes the scores of S splits.

    Args:
        actual: Targets of the test rows, shape (S, t).
        predicted: Predictions for them, shape (S, t).
        weights: Weights of these rows, shape (S, t), for means and sums that are weighted by them.

    Returns:
        ``mae`` and ``rmse`` in the unit of the target, and ``r2``, one minus the sum of squared
        errors over the sum of squares about the mean of ``actual``; NaN if that mean is all
        there is. Each has shape (S,).
    """
    error = predicted - actual
    squares = np.square(error)
    mean = partial(np.average, axis=1, weights=weights)
    about = np.square(actual - mean(actual)[:, None])
    total, off = (
        part.sum(axis=1) if weights is None else (part * weights).sum(axis=1) for part in (about, squares)
    )
    # Rounding can give a constant target a sum of squares just above 0.
    total = np.where(actual.min(axis=1) < actual.max(axis=1), total, np.nan)
    return {
        "mae": mean(np.abs(error)),
        "rmse": np.sqrt(mean(squares)),
        "r2": 1 - off / total,
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
    design: Design,
    splits: Splits,
    predicted: np.ndarray,
    predictions: str,
    scores: str,
    grid_ends: GridEnds | None = None,
    is_weighted: bool = True,
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
        grid_ends: How often a penalty was chosen from an end of its grid, for ``compare``.
        is_weighted: Whether the weights of the rows, if they have any, counted in the fits.
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
    found = pa.table(score_columns(design, splits, predicted))
    said = asdict(grid_ends) if grid_ends else {}
    if design.weights is not None and not is_weighted:
        said["is_weighted"] = False
    if said:
        found = found.replace_schema_metadata({SCHEMA_KEY: json.dumps(said)})
    write_table(found, scores)


def score_columns(design: Design, splits: Splits, predicted: np.ndarray) -> dict[str, np.ndarray]:
    """Scores one model over S splits, see ``write_evaluation``: the column ``seed`` and one for each metric."""
    scores, found, start = classification_scores if design.classes else regression_scores, [], 0
    for part in splits.parts():
        end = start + part.test.size
        weights = [] if design.weights is None else [design.weights[part.test]]
        by_split = predicted[start:end].reshape(*part.test.shape, *predicted.shape[1:])
        found.append(scores(design.y[part.test], by_split, *weights))
        start = end
    return {"seed": splits.seeds} | {name: np.concatenate([one[name] for one in found]) for name in found[0]}
