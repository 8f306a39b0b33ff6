"""Confidence intervals of scores, and of their differences."""

import numpy as np
from scipy.special import ndtri, stdtrit

CONFIDENCE = 0.95


def wilson_interval(accuracy: float, rows: int) -> tuple[float, float]:
    """Computes the score interval of Wilson (1927, JASA 22) for an accuracy, a share of so many random test rows."""
    z2 = ndtri((1 + CONFIDENCE) / 2) ** 2
    centre = (accuracy + z2 / (2 * rows)) / (1 + z2 / rows)
    half = np.sqrt(z2 * (accuracy * (1 - accuracy) / rows + z2 / (4 * rows**2))) / (1 + z2 / rows)
    return float(centre - half), float(centre + half)


def corrected_interval(differences: np.ndarray, test_rows: int, train_rows: int) -> tuple[float, float]:
    """Computes a confidence interval for the mean of differences of two models on S > 1 random splits, shape (S,).

    Nadeau and Bengio, "Inference for the Generalization Error", Machine Learning 52 (2003), section 4.2.
    """
    splits = len(differences)
    # Splits share training rows, so the usual variance, s^2 / S, is too small. The correction is an approximation that
    # its authors recommend, not an exact result.
    error = differences.std(ddof=1) * np.sqrt(1 / splits + test_rows / train_rows)
    half = stdtrit(splits - 1, (1 + CONFIDENCE) / 2) * error
    return float(differences.mean() - half), float(differences.mean() + half)


def paired_interval(differences: np.ndarray) -> tuple[float, float]:
    """Computes a normal interval for the mean of differences on random test rows, shape (t,), with the models as trained."""
    half = ndtri((1 + CONFIDENCE) / 2) * differences.std(ddof=1) / np.sqrt(len(differences))
    return float(differences.mean() - half), float(differences.mean() + half)
