"""The lasso at a grid of penalties, by coordinate descent."""

import warnings
from dataclasses import dataclass

import numpy as np

from lineup.errors import InputError
from lineup.models.moments import centred, standardization


@dataclass(frozen=True)
class LassoPath:
    """Lasso fits at k penalties, in the units of the features as given."""

    coefficients: np.ndarray  # shape (p, k)
    intercepts: np.ndarray  # shape (k,)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predicts for features of shape (n, p): shape (n, k)."""
        return X @ self.coefficients + self.intercepts


def penalty_grid(
    X: np.ndarray,
    y: np.ndarray,
    number: int,
    smallest: float,
    standardize: bool,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Computes the penalties to search, from the largest down.

    The largest is ``max_j |x_j' (y - mean y)| / n``, the smallest at which every coefficient is zero (Friedman, Hastie
    and Tibshirani 2010, section 2.5), with ``x_j`` standardized or not; ``smallest`` is a share of it. Weighted rows
    have weighted means.

    Raises:
        InputError: If the target does not vary with any feature.
    """
    centre, scale = standardization(X, weights)
    Z = (X - centre) / scale if standardize else X - centre
    target = y - np.average(y, weights=weights)
    if weights is None:
        largest = np.abs(Z.T @ target).max() / len(y)
    else:
        largest = np.abs(Z.T @ (weights * target)).max() / weights.sum()
    if y.min() == y.max() or largest == 0:
        raise InputError(
            "The lasso has no penalty to choose: in the training rows of a split the target is constant, or no "
            "feature varies with it. Look at the target column."
        )
    return largest * np.logspace(0, np.log10(smallest), number)


def fit_path(
    X: np.ndarray,
    y: np.ndarray,
    penalties: np.ndarray,
    standardize: bool,
    tolerance: float,
    max_iterations: int,
    weights: np.ndarray | None = None,
) -> LassoPath:
    """Fits the lasso with an intercept at each penalty, by coordinate descent, on the Gram matrix if that is small.

    It minimizes ``|y - b0 - X b|^2 / (2 n) + penalty * |b|_1``, over standardized features if asked, with means of weighted
    rows if these have weights.

    Args:
        X: Features, shape (n, p).
        y: Target, shape (n,).
        penalties: The k penalties, from the largest down.
        standardize: Whether to standardize the features by these rows first.
        tolerance: Largest duality gap, relative to the sum of squares of the centred target.
        max_iterations: Most sweeps for one penalty.
        weights: Weights of the rows, shape (n,).

    Returns:
        The fits.

    Raises:
        InputError: If the solver does not get there.
    """
    # Rarely needed, and it takes more time to import than a thousand splits take to search.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import lasso_path

    Z, target, centre, scale, mean = centred(X, y, standardize, weights)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            _, coefficients, _ = lasso_path(
                Z,
                target,
                alphas=penalties,
                precompute=Z.T @ Z if Z.shape[1] <= len(Z) else False,
                Xy=Z.T @ target,
                tol=tolerance,
                max_iter=max_iterations,
            )
        except ConvergenceWarning as warning:
            raise InputError(
                f"The lasso did not converge to a tolerance of {tolerance:g} within {max_iterations} sweeps: raise "
                "max_iterations or tolerance of the model in the config, or set standardize: true."
            ) from warning
    coefficients = coefficients / scale[:, None]
    return LassoPath(coefficients, mean - centre @ coefficients)
