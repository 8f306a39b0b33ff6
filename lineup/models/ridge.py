"""Fits ridge regression on every split, with a penalty chosen by cross-validation."""

import logging
from dataclasses import dataclass

import numpy as np

from lineup.data.design import read_design
from lineup.data.tables import Splits, parquet_writer, read_splits
from lineup.errors import InputError
from lineup.models.failures import fitted_parts, kept_of
from lineup.models.grid_search import (
    ChosenFits,
    Folds,
    Training,
    check_folds,
    fold_rows,
    held_out_errors,
)
from lineup.models.moments import centred, problems
from lineup.progress import Progress


@dataclass(frozen=True)
class Penalties:
    """The grid of penalties: the first and the last are shares of the largest eigenvalue of X'X on all training rows."""

    number: int
    largest: float
    smallest: float


@dataclass(frozen=True)
class Settings:
    """The settings of a ridge regression, see ridge.yaml."""

    standardize: bool
    penalties: Penalties
    folds: Folds
    failures: str = "leave_out"


@dataclass(frozen=True)
class Search:
    """The grid searches of S splits."""

    penalties: np.ndarray  # the k penalties, from the largest down, shape (S, k)
    # Mean absolute errors on each of F held-out folds, shape (S, F, k), in the unit of the target.
    errors: np.ndarray
    chosen: np.ndarray  # which penalty has the lowest mean error, the largest of several, shape (S,)
    coefficients: np.ndarray  # of the fits on all training rows, per unit of the feature, shape (S, k, p)
    intercepts: np.ndarray  # shape (S, k)


def search(training: Training, settings: Settings) -> Search:
    """Searches a grid of penalties by cross-validation, for S splits at once.

    Each fit minimizes ``|y - b0 - X b|^2 + penalty * |b|^2``, the squares weighted if the rows are, over standardized
    features if asked. Raises an InputError if every feature is constant in the training rows of a split.
    """
    held = fold_rows(training.X.shape[1], settings.folds)
    solve = _solve_wide if training.X.shape[2] > training.X.shape[1] else _solve
    grid, coefficients, intercepts = solve(training, held, settings)
    errors = held_out_errors(training, held, coefficients, intercepts)
    chosen = errors.mean(axis=1).argmin(axis=1)
    return Search(grid, errors, chosen, coefficients[:, -1], intercepts[:, -1])


Solved = tuple[np.ndarray, np.ndarray, np.ndarray]


def _solve(training: Training, held: list[np.ndarray], settings: Settings) -> Solved:
    """Gives the penalties (S, k), and coefficients (S, F + 1, k, p) and intercepts (S, F + 1, k) of all fits.

    With ``X'X = Q D Q'`` of the centred features the coefficients are ``Q (D + penalty)^-1 Q' X'y`` (Hastie, Tibshirani and
    Friedman 2009, section 3.4.1), so one decomposition gives all penalties.
    """
    found = problems(training.X, training.y, held, training.weights, training.coded)
    scale = found.scale if settings.standardize else np.ones_like(found.scale)
    back = found.scale / scale  # from standardized features to those that are penalized
    counts = found.count[..., None]
    squares, vectors = np.linalg.eigh(found.gram * back[..., :, None] * back[..., None, :])
    squares = np.maximum(squares, 0.0) * counts
    grid = _grid(squares[:, -1, -1], settings.penalties)
    turned = (np.swapaxes(vectors, 2, 3) @ (found.correlation * back * counts)[..., None])[..., 0]
    shrunk = turned[:, :, None, :] / (squares[:, :, None, :] + grid[:, None, :, None])
    coefficients = (shrunk @ np.swapaxes(vectors, 2, 3)) / scale[:, :, None, :]
    intercepts = found.centre[..., None, -1] - (coefficients @ found.centre[..., :-1, None])[..., 0]
    return grid, coefficients, intercepts


def _solve_wide(training: Training, held: list[np.ndarray], settings: Settings) -> Solved:
    """Does the same where there are more features than rows, by the products of the rows: ``X' (X X' + penalty)^-1 y``."""
    k, (count, _, features) = settings.penalties.number, training.X.shape
    coefficients = np.empty((count, len(held) + 1, k, features))
    grid, intercepts = np.empty((count, k)), np.empty(coefficients.shape[:3])
    # All rows first: they say what the penalties are.
    for split, fold in ((split, fold) for split in range(count) for fold in reversed(range(len(held) + 1))):
        X, y, weights = training.left(split, fold, held)
        Z, target, centre, scale, mean = centred(X, y, settings.standardize, weights)
        if weights is not None:
            root = np.sqrt(weights.sum() / len(weights))
            Z, target = Z * root, target * root
        squares, vectors = np.linalg.eigh(Z @ Z.T)
        squares = np.maximum(squares, 0.0)
        if fold == len(held):
            grid[split] = _grid(squares[-1:], settings.penalties)[0]
        shrunk = (vectors.T @ target)[:, None] / (squares[:, None] + grid[split])
        coefficients[split, fold] = ((vectors @ shrunk).T @ Z) / scale
        intercepts[split, fold] = mean - coefficients[split, fold] @ centre
    return grid, coefficients, intercepts


def _grid(largest: np.ndarray, wanted: Penalties) -> np.ndarray:
    """Gives the penalties of S splits, shape (S, k), by the largest eigenvalue of each, shape (S,)."""
    if not (largest > 0).all():
        raise InputError(
            "Ridge regression has no penalty to choose: in the training rows of a split every feature is constant. Look "
            "at the features."
        )
    return largest[:, None] * np.geomspace(wanted.largest, wanted.smallest, wanted.number)


def fit_ridge(
    table: str,
    splits: str,
    predictions: str,
    scores: str,
    coefficients: str,
    grid: str,
    settings: Settings,
    logger: logging.Logger,
) -> None:
    """Fits ridge regression on a block of splits and writes what it gives.

    Args:
        table: The prepared table.
        splits: The block of splits.
        predictions: Parquet file to write, see ``write_evaluation``.
        scores: Parquet file to write, see ``write_evaluation``.
        coefficients: Parquet file to write, see ``write_coefficients``: the fit at the chosen penalty.
        grid: Parquet file to write, see ``grid_columns``.
        settings: Those of the model.
        logger: Where to report.

    Raises:
        InputError: If a split has fewer training rows than folds, or one has no feature that varies, and that is to be an
            error, or all have none.
    """
    design, drawn = read_design(table), read_splits([splits])
    number, k = settings.folds.number, settings.penalties.number
    rows, features = drawn.sizes()[0], len(design.features)
    check_folds("Ridge regression", int(rows.min()), settings.folds)
    progress = Progress(logger, "splits searched", len(drawn))
    fits, parts, failures = ChosenFits(design), [], []

    def searched(part: Splits) -> Search:
        return search(Training.of(design, part.train, settings.folds), settings)

    with parquet_writer(grid) as write_grid:
        for chunk in drawn.chunks(
            (number + 1) * (2 * features * min(features, int(rows.max())) + 2 * k * features)
            + int(rows.max()) * features * (2 if design.unlearned else 1)
        ):
            for part, found in fitted_parts(chunk, searched, failures):
                parts.append(part)
                write_grid(fits.add(part, found))
            progress.advance(len(chunk))
        kept = kept_of(drawn, parts, failures, settings.failures)
    fits.write(predictions, scores, coefficients, kept, failures)
    logger.info("%d splits searched, %d penalties each.", len(drawn), k)
