"""Logistic regression at one penalty, by scikit-learn's SAGA."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression


class Scaler:
    """Divides features by the scale of the table, and if asked to centres and scales them, by some rows.

    Args:
        X: The rows that it goes by, shape (n, p).
        scale: What all features are divided by.
        standardize: Whether to centre them and to divide them by their standard deviations.
    """

    def __init__(self, X: np.ndarray, scale: float, standardize: bool) -> None:
        self.centre, self.scale = np.zeros(X.shape[1]), np.full(X.shape[1], float(scale))
        if standardize:
            self.centre, deviation = X.mean(axis=0), X.std(axis=0)
            # A constant feature becomes 0, whatever its deviation is rounded to.
            self.scale = np.where(X.min(axis=0) < X.max(axis=0), deviation, 1.0)

    def apply(self, X: np.ndarray) -> np.ndarray:
        """Gives the features as the solver sees them: in 32 bits, which halve its time and its memory."""
        scaled = np.empty(X.shape, dtype=np.float32)
        for start in range(0, len(X), 4096):  # so that no copy of all rows is in 64 bits
            some = slice(start, start + 4096)
            scaled[some] = (X[some] - self.centre) / self.scale
        return scaled


def largest_penalty(X: np.ndarray, y: np.ndarray, classes: int) -> float:
    """Computes the smallest penalty that sets every coefficient to zero, for features (n, p) and places of K classes.

    It is the largest slope of the mean log loss where the probabilities are the frequencies of the classes.
    """
    left = (np.bincount(y, minlength=classes) / len(y) - np.eye(classes)[y]).astype(X.dtype)
    return float(np.abs(X.T @ left).max() / len(y))


def fit(solver: LogisticRegression, X: np.ndarray, y: np.ndarray, penalty: float) -> bool:
    """Minimizes the mean log loss plus the penalty times the sum of absolute coefficients; intercepts are free.

    The solver begins with the coefficients that it has, and is left with the fit. Returns whether it reached its tolerance.
    """
    solver.set_params(C=1 / (penalty * len(y)))
    with warnings.catch_warnings():
        # It is told in the log, once, and written with the grid.
        warnings.simplefilter("ignore", ConvergenceWarning)
        solver.fit(X, y)
    return int(solver.n_iter_.max()) < solver.max_iter


def predict(model: LogisticRegression, X: np.ndarray) -> np.ndarray:
    """Predicts probabilities, shape (n, K), of features of shape (n, p)."""
    probabilities = model.predict_proba(X).astype(np.float64)
    # Those of 32 bits add up to 1 in 32 bits.
    return probabilities / probabilities.sum(axis=1, keepdims=True)
