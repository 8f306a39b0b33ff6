"""The moments of the folds of many splits, from one pass over the rows of each."""

from dataclasses import dataclass

import numpy as np


def standardization(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Computes the mean and the population standard deviation of each feature, 1 for a constant one."""
    # Rounding can give a constant feature a standard deviation of 1e-17, and its mean a last digit too many.
    constant = X.min(axis=0) == X.max(axis=0)
    return np.where(constant, X[0], X.mean(axis=0)), np.where(constant, 1.0, X.std(axis=0))


@dataclass(frozen=True)
class Problems:
    """The lasso problems of S splits: for each split one for each of F folds held out, and one for all rows."""

    centre: np.ndarray  # means of the features and of the target, shape (S, F + 1, p + 1)
    scale: np.ndarray  # standard deviations of the features, 1 for a constant one, shape (S, F + 1, p)
    gram: np.ndarray  # correlations of the features, shape (S, F + 1, p, p)
    correlation: np.ndarray  # covariances of the standardized features with the target, shape (S, F + 1, p)
    variance: np.ndarray  # variances of the target, shape (S, F + 1)


def problems(X: np.ndarray, y: np.ndarray, held: list[np.ndarray]) -> Problems:
    """Computes the problems of all folds from one pass over the rows of each split.

    The moments of the rows that a fold leaves are those of all rows less those of the fold.

    Args:
        X: Training features of the splits, shape (S, m, p).
        y: Training targets, shape (S, m).
        held: The rows of each held-out fold.
    """
    splits, rows = X.shape[:2]
    table = np.concatenate([X, y[:, :, None]], axis=2)
    # Moments lose digits where the mean is large beside the standard deviation.
    shift = table.mean(axis=1, keepdims=True)
    table = np.concatenate([np.ones((splits, rows, 1)), table - shift], axis=2)
    parts = np.stack([np.swapaxes(table[:, fold], 1, 2) @ table[:, fold] for fold in held], axis=1)
    total = parts.sum(axis=1, keepdims=True)
    moments = np.concatenate([total - parts, total], axis=1)
    count = moments[:, :, :1, 0]
    mean = moments[:, :, 0, 1:] / count
    covariance = moments[:, :, 1:, 1:] / count[..., None] - mean[..., :, None] * mean[..., None, :]
    # Rounding would give a constant feature a small standard deviation.
    kept = [np.setdiff1d(np.arange(rows), fold) for fold in held] + [np.arange(rows)]
    constant = np.stack([(X[:, some] == X[:, some[:1]]).all(axis=1) for some in kept], axis=1)
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
    )
