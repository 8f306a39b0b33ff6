"""Fits the lasso on every split, with a penalty chosen by cross-validation."""

import logging
import warnings
from dataclasses import dataclass

import numpy as np

from lineup.comparison.scores import write_evaluation
from lineup.data.tables import parquet_writer, read_design, read_splits, write_coefficients, write_table
from lineup.errors import InputError
from lineup.ledger.recorder import job, outputs
from lineup.models.homotopy import duality_gaps, lasso_paths
from lineup.progress import Progress


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
    # Rarely needed, and it takes more time to import than a thousand splits take to search.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import lasso_path

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


@dataclass(frozen=True)
class Problems:
    """The lasso problems of S splits: for each split one for each of F folds held out, and one for all rows.

    Attributes:
        centre: Means of the features and of the target, shape (S, F + 1, p + 1).
        scale: Standard deviations of the features, 1 for a constant one, shape (S, F + 1, p).
        gram: Correlations of the features, shape (S, F + 1, p, p).
        correlation: Covariances of the standardized features with the target, shape (S, F + 1, p).
        variance: Variances of the target, shape (S, F + 1).
    """

    centre: np.ndarray
    scale: np.ndarray
    gram: np.ndarray
    correlation: np.ndarray
    variance: np.ndarray


def fold_rows(rows: int, folds: dict[str, int]) -> list[np.ndarray]:
    """Draws the rows of each held-out fold, as scikit-learn's ``KFold`` does.

    Args:
        rows: Number of training rows.
        folds: Their ``number`` and ``seed``.
    """
    shuffled = np.arange(rows)
    np.random.RandomState(folds["seed"]).shuffle(shuffled)
    return [np.sort(held) for held in np.array_split(shuffled, folds["number"])]


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


def solve(found: Problems, penalties: np.ndarray, standardize: bool) -> tuple[np.ndarray, np.ndarray]:
    """Solves the problems of S splits at all penalties.

    Args:
        found: The problems.
        penalties: The penalties of each split, from the largest down, shape (S, k).
        standardize: Whether the penalty is on the coefficients of the standardized features.

    Returns:
        The coefficients of the standardized features, shape (S, F + 1, k, p), and the duality gaps
        relative to the variance of the target, shape (S, F + 1, k).
    """
    weights = np.ones_like(found.scale) if standardize else 1 / found.scale
    flat = [part.reshape(-1, *part.shape[2:]) for part in (found.gram, found.correlation, weights)]
    repeated = np.repeat(penalties, found.scale.shape[1], axis=0)
    paths = lasso_paths(*flat, repeated)
    gaps = duality_gaps(*flat, found.variance.ravel(), repeated, paths)
    shape = (*found.scale.shape[:2], penalties.shape[1])
    return paths.reshape(*shape, -1), gaps.reshape(shape)


@dataclass(frozen=True)
class Search:
    """The grid searches of S splits.

    Attributes:
        penalties: The penalties, from the largest down, shape (S, k).
        errors: Mean absolute errors on each held-out fold, shape (S, F, k), in the unit of the target.
        chosen: Which penalty has the lowest mean error, the largest of several, shape (S,).
        coefficients: Of the fits on all training rows, per unit of the feature, shape (S, k, p).
        intercepts: Shape (S, k).
        solved_again: For how many folds the solution was not within the tolerance and was found by
            coordinate descent.
    """

    penalties: np.ndarray
    errors: np.ndarray
    chosen: np.ndarray
    coefficients: np.ndarray
    intercepts: np.ndarray
    solved_again: int


def search(
    X: np.ndarray,
    y: np.ndarray,
    grid: dict,
    folds: dict[str, int],
    standardize: bool,
    tolerance: float,
    max_iterations: int,
) -> Search:
    """Searches the grid of penalties by cross-validation, for S splits at once.

    Args:
        X: Training features of the splits, shape (S, m, p).
        y: Training targets, shape (S, m).
        grid: ``number``, ``smallest`` and ``standardize``, see ``penalty_grid``.
        folds: Their ``number`` and ``seed``.
        standardize: Whether to standardize the features, inside each fold.
        tolerance: Largest duality gap, see ``fit_path``.
        max_iterations: See ``fit_path``.

    Returns:
        The searches.

    Raises:
        InputError: If there is no penalty to choose, or a fit fails.
    """
    penalties = np.array(
        [penalty_grid(features, target, **grid) for features, target in zip(X, y, strict=True)]
    )
    held = fold_rows(X.shape[1], folds)
    kept = [np.setdiff1d(np.arange(X.shape[1]), fold) for fold in held] + [np.arange(X.shape[1])]
    found = problems(X, y, held)
    paths, gaps = solve(found, penalties, standardize)
    coefficients = paths / found.scale[:, :, None, :]
    intercepts = found.centre[..., None, -1] - (coefficients @ found.centre[..., :-1, None])[..., 0]
    again = np.argwhere(~(gaps.max(axis=2) <= tolerance))
    for split, fold in again:
        rows = kept[fold]
        solved = fit_path(
            X[split, rows], y[split, rows], penalties[split], standardize, tolerance, max_iterations
        )
        coefficients[split, fold], intercepts[split, fold] = solved.coefficients.T, solved.intercepts
    errors = np.empty((len(X), len(held), penalties.shape[1]))
    for fold, rows in enumerate(held):
        predicted = X[:, rows] @ np.swapaxes(coefficients[:, fold], 1, 2) + intercepts[:, fold, None, :]
        errors[:, fold] = np.abs(predicted - y[:, rows, None]).mean(axis=1)
    return Search(
        penalties=penalties,
        errors=errors,
        chosen=errors.mean(axis=1).argmin(axis=1),
        coefficients=coefficients[:, -1],
        intercepts=intercepts[:, -1],
        solved_again=len(again),
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
    """Fits the lasso on a block of splits and writes what it gives.

    Args:
        table: The prepared table.
        splits: The block of splits.
        predictions: Parquet file to write, see ``write_evaluation``.
        scores: Parquet file to write, see ``write_evaluation``.
        coefficients: Parquet file to write, see ``write_coefficients``: the fit at the chosen penalty.
        grid: Parquet file to write: ``seed``, ``penalty``, ``fold``, ``mae``, ``chosen``, one record
            for each split, penalty and fold.
        path: Parquet file to write: ``seed``, ``penalty``, ``feature``, ``coefficient``, the fits on
            all training rows of the first split of the block, in units of the target per unit of the feature.
        penalties: ``number``, ``smallest`` and ``standardize`` of the grid, see ``penalty_grid``.
        folds: ``number`` and ``seed`` of the folds.
        standardize: Whether the features are standardized, by the rows of each fit.
        tolerance: See ``fit_path``.
        max_iterations: See ``fit_path``.
        logger: Where to report.

    Raises:
        InputError: If a split has fewer training rows than folds, or a fit fails.
    """
    design, drawn = read_design(table), read_splits([splits])
    number, k = folds["number"], penalties["number"]
    rows, features = drawn.train.shape[1], len(design.features)
    if rows < number:
        raise InputError(
            f"The lasso has {number} folds for the {rows} training rows of a split: lower folds.number."
        )
    progress = Progress(logger, "splits searched", len(drawn))
    slopes, intercepts, predicted, again = [], [], [], 0
    with parquet_writer(grid) as write_grid:
        for chunk in drawn.chunks((number + 1) * (features**2 + k * features) + rows * features):
            found = search(
                design.X[chunk.train],
                design.y[chunk.train],
                penalties,
                folds,
                standardize,
                tolerance,
                max_iterations,
            )
            if not slopes:
                write_path(int(chunk.seeds[0]), design.features, found, path)
            each = np.arange(len(chunk))
            slopes.append(found.coefficients[each, found.chosen])
            intercepts.append(found.intercepts[each, found.chosen])
            predicted.append(
                (design.X[chunk.test] @ slopes[-1][:, :, None])[:, :, 0] + intercepts[-1][:, None]
            )
            write_grid(
                {
                    "seed": np.repeat(chunk.seeds, k * number),
                    "penalty": np.repeat(found.penalties.ravel(), number),
                    "fold": np.tile(np.arange(1, number + 1, dtype=np.int32), len(chunk) * k),
                    "mae": np.swapaxes(found.errors, 1, 2).ravel(),
                    "chosen": np.repeat((np.arange(k) == found.chosen[:, None]).ravel(), number),
                }
            )
            again += found.solved_again
            progress.advance(len(chunk))
    write_evaluation(design, drawn, np.concatenate(predicted), predictions, scores)
    write_coefficients(
        drawn, design.features, np.concatenate(slopes), np.concatenate(intercepts), coefficients
    )
    logger.info(
        "%d splits searched; %d of %d fits were solved again by coordinate descent.",
        len(drawn),
        again,
        len(drawn) * (number + 1),
    )


def write_path(seed: int, features: list[str], found: Search, path: str) -> None:
    """Writes the coefficient path of the first split of a search."""
    k = found.penalties.shape[1]
    write_table(
        {
            "seed": np.full(k * len(features), seed, dtype=np.int64),
            "penalty": np.repeat(found.penalties[0], len(features)),
            "feature": features * k,
            "coefficient": found.coefficients[0].ravel(),
        },
        path,
    )


if __name__ == "__main__":
    with job(snakemake) as logger:
        fit_lasso(**snakemake.input, **outputs(snakemake), **snakemake.params.spec["settings"], logger=logger)
