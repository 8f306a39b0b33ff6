"""What the null model predicts: the same for every test row of a split."""

import numpy as np

from lineup.data.design import Design
from lineup.data.tables import Splits


def null_predictions(design: Design, splits: Splits, null_model: str) -> np.ndarray:
    """Predicts the same for every test row of a split, by the mean, median or frequencies of its training targets alone.

    Returns:
        For all N test rows, split after split, numbers, shape (N,), or the probabilities of K classes, shape (N, K).
    """
    if null_model == "frequencies":
        weights = np.ones(len(design.y)) if design.weights is None else design.weights
        counts = [
            np.bincount(design.y[train], weights[train], len(design.classes)) / weights[train].sum()
            for train in splits.train
        ]
        return np.repeat(counts, splits.sizes()[1], axis=0)
    centres = [_centres(design, part.train, null_model) for part in splits.parts()]
    return np.repeat(np.concatenate(centres), splits.sizes()[1])


def _centres(design: Design, train: np.ndarray, null_model: str) -> np.ndarray:
    """Computes the mean or the median of the targets of training rows (S, m), of weighted ones if they have weights."""
    y = design.y[train]
    if design.weights is None:
        return {"mean": np.mean, "median": np.median}[null_model](y, axis=1)
    weights = design.weights[train]
    if null_model == "mean":
        return np.average(y, axis=1, weights=weights)
    order = np.argsort(y, axis=1, kind="stable")
    ordered, below = np.take_along_axis(y, order, 1), np.cumsum(np.take_along_axis(weights, order, 1), axis=1)
    # Half of the weight is at or below the lower one, and half at or above the upper one; rounding aside, they are most often one.
    half = below[:, -1:] / 2
    middle = [(below >= half * (1 - 1e-12)).argmax(axis=1), (below > half * (1 + 1e-12)).argmax(axis=1)]
    lower, upper = (np.take_along_axis(ordered, place[:, None], 1)[:, 0] for place in middle)
    return (lower + upper) / 2
