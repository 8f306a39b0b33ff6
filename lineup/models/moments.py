"""The moments of the folds of many splits, from one pass over the rows of each."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


def standardization(X: np.ndarray, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Computes the mean and the population standard deviation of each feature, 1 for a constant one, of weighted rows if asked."""
    # Rounding can give a constant feature a standard deviation of 1e-17, and its mean a last digit too many.
    constant = X.min(axis=0) == X.max(axis=0)
    mean = np.average(X, axis=0, weights=weights)
    spread = (
        X.std(axis=0) if weights is None else np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weights))
    )
    return np.where(constant, X[0], mean), np.where(constant, 1.0, spread)


def centred(
    X: np.ndarray, y: np.ndarray, standardize: bool, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    """Centres features (n, p) and a target (n,), and standardizes the features if asked; of weighted rows, each times the root of its weight.

    Returns:
        The features and the target, and what undoes it: the centres (p,) and scales (p,) of the features, and that of the target.
    """
    centre, scale = standardization(X, weights)
    if not standardize:
        scale = np.ones_like(scale)
    mean = np.average(y, weights=weights)
    Z, target = (X - centre) / scale, y - mean
    if weights is not None:
        root = np.sqrt(weights * len(weights) / weights.sum())
        Z, target = Z * root[:, None], target * root
    return Z, target, centre, scale, mean


@dataclass(frozen=True)
class Problems:
    """The lasso problems of S splits: for each split one for each of F folds held out, and one for all rows."""

    centre: np.ndarray  # means of the features and of the target, shape (S, F + 1, p + 1)
    scale: np.ndarray  # standard deviations of the features, 1 for a constant one, shape (S, F + 1, p)
    gram: np.ndarray  # correlations of the features, shape (S, F + 1, p, p)
    correlation: np.ndarray  # covariances of the standardized features with the target, shape (S, F + 1, p)
    variance: np.ndarray  # variances of the target, shape (S, F + 1)
    count: np.ndarray  # how many rows there are, or the sum of their weights, shape (S, F + 1)


def problems(
    X: np.ndarray,
    y: np.ndarray,
    held: list[np.ndarray],
    weights: np.ndarray | None = None,
    coded: Callable[[int, np.ndarray], np.ndarray] | None = None,
) -> Problems:
    """Computes the problems of all folds, where they see the same features from one pass over the rows of each split.

    The moments of the rows that a fold leaves are then those of all rows less those of the fold.

    Args:
        X: Training features of the splits, shape (S, m, p).
        y: Training targets, shape (S, m).
        held: The rows of each of F held-out folds.
        weights: Weights of the rows, shape (S, m).
        coded: Gives the features of some training rows, r by number, as the rows that a fold leaves code them, shape (S, r, p),
            where that differs from X.
    """
    # Moments lose digits where the mean is large beside the standard deviation.
    shift = np.concatenate([X, y[:, :, None]], axis=2).mean(axis=1, keepdims=True)
    kept = [np.setdiff1d(np.arange(X.shape[1]), fold) for fold in held]
    parts = _products(X, y, shift, weights, held)
    total = parts.sum(axis=1, keepdims=True)
    others, constant = total - parts, []
    for fold, rows in enumerate(kept):
        own = X[:, rows] if coded is None else coded(fold, rows)
        # Rounding would give a constant feature a small standard deviation.
        constant.append((own == own[:, :1]).all(axis=1))
        if coded is not None:
            of_fold = None if weights is None else weights[:, rows]
            others[:, fold] = _products(own, y[:, rows], shift, of_fold, [slice(None)])[:, 0]
    constant = np.stack([*constant, (X[:, :1] == X).all(axis=1)], axis=1)
    moments = np.concatenate([others, total], axis=1)
    count = moments[:, :, :1, 0]
    mean = moments[:, :, 0, 1:] / count
    covariance = moments[:, :, 1:, 1:] / count[..., None] - mean[..., :, None] * mean[..., None, :]
    variances = np.diagonal(covariance, axis1=2, axis2=3)
    scale = np.where(constant, 1.0, np.sqrt(np.maximum(variances[..., :-1], 0.0)))
    scale = np.where(scale > 0, scale, 1.0)
    inside = ~constant
    gram = covariance[..., :-1, :-1] / (scale[..., :, None] * scale[..., None, :])
    return Problems(
        centre=mean + shift,
        scale=scale,
        gram=np.where(inside[..., :, None] & inside[..., None, :], gram, 0.0),
        correlation=np.where(inside, covariance[..., :-1, -1] / scale, 0.0),
        variance=variances[..., -1],
        count=count[..., 0],
    )


def _products(
    X: np.ndarray,
    y: np.ndarray,
    shift: np.ndarray,
    weights: np.ndarray | None,
    parts: list[np.ndarray | slice],
) -> np.ndarray:
    """Sums the products of the columns 1, X and y, less a shift, over some parts of the rows: (S, parts, p + 2, p + 2)."""
    table = np.concatenate([X, y[:, :, None]], axis=2) - shift
    table = np.concatenate([np.ones((*y.shape, 1)), table], axis=2)
    if weights is not None:
        table *= np.sqrt(weights)[:, :, None]
    return np.stack([np.swapaxes(table[:, rows], 1, 2) @ table[:, rows] for rows in parts], axis=1)
