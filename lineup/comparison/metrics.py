"""The metrics: their names and directions, the scores of splits, and what each test row adds to a score.

A regression has ``mae`` and ``rmse``, in the unit of the target, and ``r2``, one minus the mean squared error over the mean
square about the mean of the test targets. A classification has ``accuracy``, the share of rows whose most probable class is
the actual one, and ``log_loss``, the mean of minus the natural logarithm of the probability of the actual class.

Everywhere here targets, or the places of their classes, have the shape (S, t) of S splits with t test rows, predictions that
shape or (S, t, K) as probabilities of K classes, and weights of rows that shape; without weights rows count alike.
"""

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

# The metrics of each task, with their labels. The first is the one that models are ranked by.
METRICS = {
    "regression": {"mae": "MAE", "rmse": "RMSE", "r2": "R squared"},
    "classification": {"accuracy": "accuracy", "log_loss": "log loss"},
}
HIGHER_IS_BETTER = {"r2", "accuracy"}
DEFINITIONS = {
    "mae": "Mean absolute error on the test rows, lower is better",
    "rmse": "Root of the mean squared error on the test rows, lower is better",
    "r2": "1 minus the squared errors over those of the mean of the test rows, 1 is best",
    "accuracy": "Share of the test rows whose most probable class is the right one, higher is better",
    "log_loss": "Mean of minus the logarithm of the probability of the right class, lower is better",
}

# Digits after the point of metrics that are no multiples of the unit of the target.
DECIMALS = {"r2": 3, "accuracy": 4, "log_loss": 4}


def decimals(metric: str, values: Sequence[float], significant: int) -> int:
    """Says how many digits after the point to show of values of a metric that stand beside each other.

    Of those in the unit of the target, which may be millionths or millions, the median has so many significant digits: a
    model that is far off does not take the digits of the others.
    """
    if metric in DECIMALS:
        return DECIMALS[metric]
    return digits_of(float(np.median(np.abs(values))), significant)


def digits_of(typical: float, significant: int) -> int:
    """Says how many digits after the point give a typical number so many significant ones."""
    return max(0, significant - 1 - math.floor(math.log10(typical))) if typical > 0 else significant


def signed(values: np.ndarray, metric: str) -> np.ndarray:
    """Gives values of a metric so that lower is better: of those where higher is, the negative."""
    return -values if metric in HIGHER_IS_BETTER else values


def scores(
    task: str, actual: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Computes the scores of S splits by the metrics of a task, shape (S,) each; ``r2`` of a constant target is NaN."""
    mean = partial(np.average, axis=1, weights=weights)
    terms = {metric: _terms(metric, actual, predicted, mean) for metric in METRICS[task]}
    return {metric: _score(metric, *map(mean, values)) for metric, values in terms.items()}


def contributions(
    metric: str, actual: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Computes what each test row adds to the scores of S splits: numbers (S, t) whose mean over t is the score.

    A score that is a mean over rows has its terms. A function of means has the first order: the score, and its derivative
    times how far a row is from the means. So has a mean of weighted rows.
    """
    mean = partial(np.average, axis=1, weights=weights)
    terms = _terms(metric, actual, predicted, mean)
    means = [mean(values) for values in terms]
    off = [values - centre[:, None] for values, centre in zip(terms, means, strict=True)]
    relative = 1.0 if weights is None else weights / weights.mean(axis=1, keepdims=True)
    score = _score(metric, *means)
    return score[:, None] + relative * sum(
        slope[:, None] * values for slope, values in zip(_slopes(metric, score, *means), off, strict=True)
    )


def _terms(metric: str, actual: np.ndarray, predicted: np.ndarray, mean: partial) -> list[np.ndarray]:
    """Computes the numbers that a score is a function of the means of, shape (S, t) each."""
    if metric == "accuracy":
        return [(predicted.argmax(axis=2) == actual).astype(np.float64)]
    if metric == "log_loss":
        of_actual = np.take_along_axis(predicted, actual[:, :, None], axis=2)[:, :, 0].astype(np.float64)
        # ASSUME: a probability below the smallest 32-bit number counts as that one, so that no loss is infinite.
        return [-np.log(np.maximum(of_actual, np.finfo(np.float32).tiny))]
    error = predicted - actual
    if metric == "mae":
        return [np.abs(error)]
    if metric == "rmse":
        return [np.square(error)]
    about = np.square(actual - mean(actual)[:, None])
    # Rounding can give a constant target squares just above 0.
    varies = actual.min(axis=1, keepdims=True) < actual.max(axis=1, keepdims=True)
    return [np.square(error), np.where(varies, about, np.nan)]


def _score(metric: str, mean: np.ndarray, about: np.ndarray | None = None) -> np.ndarray:
    """Computes scores (S,) from the means of their terms."""
    if metric == "rmse":
        return np.sqrt(mean)
    return 1 - mean / about if metric == "r2" else mean


def _slopes(
    metric: str, score: np.ndarray, mean: np.ndarray, about: np.ndarray | None = None
) -> list[np.ndarray]:
    """Computes the derivatives of scores (S,) by the means of their terms; 0 where there is none, at no error at all."""
    if metric == "rmse":
        return [np.divide(0.5, score, out=np.zeros_like(score), where=score > 0)]
    if metric == "r2":
        return [-1 / about, mean / about**2]
    return [np.ones_like(mean)]
