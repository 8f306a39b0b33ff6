"""The scores of splits by each metric, and what each test row adds to a score.

A regression has ``mae`` and ``rmse``, in the unit of the target, and ``r2``, one minus the mean squared error over the mean
square about the mean of the test targets. A classification has the shares of rows that are classed rightly, ``accuracy`` and
the rates of ``lineup/comparison/rates.py``; and of its probabilities ``log_loss``, the mean of minus the natural logarithm of
that of the actual class, ``brier``, the mean squared error, and the ``auc`` of ``lineup/comparison/roc.py``.

Everywhere here targets, or the places of their classes, have the shape (S, t) of S splits with t test rows, predictions that
shape or (S, t, K) as probabilities of K classes, and weights of rows that shape; without weights rows count alike.
"""

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from lineup.comparison.rates import parts_of, predicted_classes, rate
from lineup.comparison.roc import auc
from lineup.metrics import HIGHER_IS_BETTER, METRICS, RATES

# Digits after the point of metrics that are no multiples of the unit of the target.
DECIMALS = {"r2": 3} | dict.fromkeys(METRICS["classification"], 4)


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
    task: str,
    actual: np.ndarray,
    predicted: np.ndarray,
    weights: np.ndarray | None = None,
    threshold: float = 0.5,
) -> dict[str, np.ndarray]:
    """Computes the scores of S splits by the metrics of a task, shape (S,) each; ``r2`` of a constant target is NaN.

    The threshold is the probability above which the second of two classes is predicted.
    """
    mean = partial(np.average, axis=1, weights=weights)
    found = {}
    for metric in METRICS[task]:
        if metric == "auc":
            found[metric] = auc(actual, predicted, weights)[0]
        else:
            terms = _terms(metric, actual, predicted, mean, threshold)
            found[metric] = _score(metric, *map(mean, terms))[0]
    return found


def contributions(
    metric: str,
    actual: np.ndarray,
    predicted: np.ndarray,
    weights: np.ndarray | None = None,
    threshold: float = 0.5,
) -> np.ndarray:
    """Computes what each test row adds to the scores of S splits: numbers (S, t) whose mean over t is the score.

    A score that is a mean over rows has its terms. A function of means has the first order: the score, and its derivative
    times how far a row is from the means. So has a mean of weighted rows, and the area under the ROC curve.
    """
    if metric == "auc":
        score, added = auc(actual, predicted, weights)
        return score[:, None] + added
    mean = partial(np.average, axis=1, weights=weights)
    terms = _terms(metric, actual, predicted, mean, threshold)
    means = [mean(values) for values in terms]
    off = [values - centre[:, None] for values, centre in zip(terms, means, strict=True)]
    relative = 1.0 if weights is None else weights / weights.mean(axis=1, keepdims=True)
    score, slopes = _score(metric, *means)
    return score[:, None] + relative * sum(
        slope[:, None] * values for slope, values in zip(slopes, off, strict=True)
    )


def _terms(
    metric: str, actual: np.ndarray, predicted: np.ndarray, mean: partial, threshold: float
) -> list[np.ndarray]:
    """Computes the numbers that a score is a function of the means of, shape (S, t) each."""
    if metric in RATES:
        return parts_of(metric, actual, predicted_classes(predicted, threshold), predicted.shape[2])
    if metric == "accuracy":
        return [(predicted_classes(predicted, threshold) == actual).astype(np.float64)]
    if metric in ("log_loss", "brier"):
        of_actual = np.take_along_axis(predicted, actual[:, :, None], axis=2)[:, :, 0].astype(np.float64)
        if metric == "log_loss":
            # ASSUME: a probability below the smallest 32-bit number counts as that one, so that no loss is infinite.
            return [-np.log(np.maximum(of_actual, np.finfo(np.float32).tiny))]
        squares = np.square(predicted, dtype=np.float64).sum(axis=2) - 2 * of_actual + 1
        # As scikit-learn has it: that of two classes is of one of them.
        return [squares / 2 if predicted.shape[2] == 2 else squares]
    error = predicted - actual
    if metric == "mae":
        return [np.abs(error)]
    if metric == "rmse":
        return [np.square(error)]
    about = np.square(actual - mean(actual)[:, None])
    # Rounding can give a constant target squares just above 0.
    varies = actual.min(axis=1, keepdims=True) < actual.max(axis=1, keepdims=True)
    return [np.square(error), np.where(varies, about, np.nan)]


def _score(metric: str, *means: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Computes scores (S,) from the means of their terms, and their derivatives by these; 0 where there is none, at no error at all."""
    if metric in RATES:
        return rate(metric, *means)
    if metric == "rmse":
        score = np.sqrt(means[0])
        return score, [np.divide(0.5, score, out=np.zeros_like(score), where=score > 0)]
    if metric == "r2":
        mean, about = means
        return 1 - mean / about, [-1 / about, mean / about**2]
    return means[0], [np.ones_like(means[0])]
