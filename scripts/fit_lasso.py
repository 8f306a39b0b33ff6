"""Fits the lasso on every split, with a penalty chosen by cross-validation."""

import logging
import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import lasso_path
from sklearn.model_selection import KFold

from scripts.errors import InputError
from scripts.evaluation import write_evaluation
from scripts.job import job, outputs
from scripts.tables import read_design, read_splits, write_coefficients, write_table


@dataclass(frozen=True)
class LassoPath:
    """Lasso fits at k penalties, in the units of the features as given.

    Attributes:
        coefficients: Shape (p, k).
        intercepts: Shape (k,).
    """

    coefficients: np.ndarray
    intercepts: np.ndarray

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predicts for features of shape (n, p): shape (n, k)."""
        return X @ self.coefficients + self.intercepts


def standardization(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Computes the mean and the population standard deviation of each feature, 1 for a constant one."""
    # Rounding can give a constant feature a standard deviation of 1e-17, and its mean a last digit too many.
    constant = X.min(axis=0) == X.max(axis=0)
    return np.where(constant, X[0], X.mean(axis=0)), np.where(constant, 1.0, X.std(axis=0))


def penalty_grid(X: np.ndarray, y: np.ndarray, number: int, smallest: float, standardize: bool) -> np.ndarray:
    """Computes the penalties to search, from the largest down.

    The largest is ``max_j |x_j' (y - mean y)| / n``, the smallest penalty at which every
    coefficient is zero (Friedman, Hastie and Tibshirani 2010, section 2.5).

    Args:
        X: Training features, shape (n, p).
        y: Training target, shape (n,).
        number: How many penalties.
        smallest: The last penalty as a share of the first.
        standardize: Whether the features are standardized for the largest penalty.

    Returns:
        The penalties, shape (number,), log-uniform.

    Raises:
        InputError: If the target does not vary with any feature.
    """
    centre, scale = standardization(X)
    Z = (X - centre) / scale if standardize else X - centre
    largest = np.abs(Z.T @ (y - y.mean())).max() / len(y)
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
) -> LassoPath:
    """Fits the lasso with an intercept at each penalty, by coordinate descent on the Gram matrix.

    It minimizes ``|y - b0 - X b|^2 / (2 n) + penalty * |b|_1``, over standardized features if asked.

    Args:
        X: Features, shape (n, p).
        y: Target, shape (n,).
        penalties: The k penalties, from the largest down.
        standardize: Whether to standardize the features by these rows first.
        tolerance: Largest duality gap, relative to the sum of squares of the centred target.
        max_iterations: Most sweeps for one penalty.

    Returns:
        The fits.

    Raises:
        InputError: If the solver does not get there.
    """
    centre, scale = standardization(X)
    if not standardize:
        scale = np.ones_like(scale)
    Z, centred = (X - centre) / scale, y - y.mean()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            _, coefficients, _ = lasso_path(
                Z,
                centred,
                alphas=penalties,
                precompute=Z.T @ Z,
                Xy=Z.T @ centred,
                tol=tolerance,
                max_iter=max_iterations,
            )
        except ConvergenceWarning as warning:
            raise InputError(
                f"The lasso did not converge to a tolerance of {tolerance:g} within {max_iterations} sweeps: raise "
                "max_iterations or tolerance of the model in the config, or set standardize: true."
            ) from warning
    coefficients = coefficients / scale[:, None]
    return LassoPath(coefficients, y.mean() - centre @ coefficients)


def cross_validate(
    X: np.ndarray, y: np.ndarray, penalties: np.ndarray, folds: dict[str, int], **solver: float
) -> np.ndarray:
    """Computes the mean absolute error on each held-out fold at each penalty.

    Args:
        X: Training features, shape (n, p).
        y: Training target, shape (n,).
        penalties: The k penalties, from the largest down.
        folds: Their ``number`` and ``seed``.
        **solver: Passed on to ``fit_path``. Standardizing is done inside each fold.

    Returns:
        The errors, shape (number of folds, k), in the unit of the target.
    """
    kfold = KFold(folds["number"], shuffle=True, random_state=folds["seed"])
    return np.array(
        [
            np.abs(fit_path(X[kept], y[kept], penalties, **solver).predict(X[held]) - y[held, None]).mean(
                axis=0
            )
            for kept, held in kfold.split(X)
        ]
    )


def fit_lasso(
    table: str,
    splits: str,
    predictions: str,
    scores: str,
    coefficients: str,
    grid: str,
    path: str,
    penalties: dict,
    folds: dict[str, int],
    standardize: bool,
    tolerance: float,
    max_iterations: int,
    logger: logging.Logger,
) -> None:
    """Fits the lasso on every split and writes what it gives.

    Args:
        table: The prepared table.
        splits: The table of splits.
        predictions: Parquet file to write, see ``write_evaluation``.
        scores: Parquet file to write, see ``write_evaluation``.
        coefficients: Parquet file to write, see ``write_coefficients``: the fit at the chosen penalty.
        grid: Parquet file to write: ``seed``, ``penalty``, ``fold``, ``mae``, ``chosen``, one record
            for each split, penalty and fold.
        path: Parquet file to write: ``seed``, ``penalty``, ``feature``, ``coefficient``, the fits on
            all training rows, in units of the target per unit of the feature.
        penalties: ``number``, ``smallest`` and ``standardize`` of the grid, see ``penalty_grid``.
        folds: ``number`` and ``seed`` of the folds.
        standardize: Whether the features are standardized, by the rows of each fit.
        tolerance: See ``fit_path``.
        max_iterations: See ``fit_path``.
        logger: Where to report.

    Raises:
        InputError: If a split has fewer training rows than folds, or a fit fails.
    """
    design, drawn = read_design(table), list(read_splits(splits))
    number, k = folds["number"], penalties["number"]
    if len(drawn[0].train) < number:
        raise InputError(
            f"The lasso has {number} folds for the {len(drawn[0].train)} training rows of a split: lower folds.number."
        )
    solver = {"standardize": standardize, "tolerance": tolerance, "max_iterations": max_iterations}
    fits, predicted, grids, paths = [], [], [], []
    for split in drawn:
        X, y = design.X[split.train], design.y[split.train]
        searched = penalty_grid(X, y, **penalties)
        errors = cross_validate(X, y, searched, folds, **solver)
        fitted = fit_path(X, y, searched, **solver)
        chosen = int(errors.mean(axis=0).argmin())
        fits.append((fitted.coefficients[:, chosen], float(fitted.intercepts[chosen])))
        predicted.append(fitted.predict(design.X[split.test])[:, chosen])
        grids.append((searched, errors.T, np.arange(k) == chosen))
        paths.append(fitted.coefficients.T)
        logger.info("Split %d: penalty %.6g chosen.", split.seed, searched[chosen])

    seeds = np.array([split.seed for split in drawn], dtype=np.int64)
    searched = np.concatenate([penalty for penalty, _, _ in grids])
    write_evaluation(design, drawn, predicted, predictions, scores)
    write_coefficients(drawn, design.features, fits, coefficients)
    write_table(
        {
            "seed": np.repeat(seeds, k * number),
            "penalty": np.repeat(searched, number),
            "fold": np.tile(np.arange(1, number + 1, dtype=np.int32), len(seeds) * k),
            "mae": np.concatenate([errors.ravel() for _, errors, _ in grids]),
            "chosen": np.repeat(np.concatenate([mark for _, _, mark in grids]), number),
        },
        grid,
    )
    write_table(
        {
            "seed": np.repeat(seeds, k * len(design.features)),
            "penalty": np.repeat(searched, len(design.features)),
            "feature": design.features * (len(seeds) * k),
            "coefficient": np.concatenate([coefficients.ravel() for coefficients in paths]),
        },
        path,
    )


if __name__ == "__main__":
    with job(snakemake) as logger:
        fit_lasso(**snakemake.input, **outputs(snakemake), **snakemake.params.spec["settings"], logger=logger)
