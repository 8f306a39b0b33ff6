"""Fits the lasso on every split, with a penalty chosen by cross-validation."""

import logging
from dataclasses import dataclass

import numpy as np

from lineup.data.design import read_design
from lineup.data.tables import Splits, parquet_writer, read_splits, write_table
from lineup.models.coordinate_descent import fit_path, penalty_grid
from lineup.models.failures import fitted_parts, kept_of
from lineup.models.grid_search import (
    ChosenFits,
    Folds,
    Training,
    check_folds,
    fold_rows,
    held_out_errors,
)
from lineup.models.homotopy import duality_gaps, lasso_paths
from lineup.models.moments import Problems, problems
from lineup.models.wide_lasso import solve_wide
from lineup.progress import Progress


@dataclass(frozen=True)
class Penalties:
    """The grid of penalties, see ``penalty_grid``."""

    number: int
    smallest: float
    standardize: bool


@dataclass(frozen=True)
class Settings:
    """The settings of a lasso, see lasso.yaml."""

    standardize: bool
    penalties: Penalties
    folds: Folds
    tolerance: float
    max_iterations: int
    failures: str = "leave_out"


def solve(found: Problems, penalties: np.ndarray, standardize: bool) -> tuple[np.ndarray, np.ndarray]:
    """Solves the problems of S splits at all penalties.

    Args:
        found: The problems.
        penalties: The penalties of each split, from the largest down, shape (S, k).
        standardize: Whether the penalty is on the coefficients of the standardized features.

    Returns:
        Those coefficients, shape (S, F + 1, k, p), and duality gaps as shares of the target's variance, (S, F + 1, k).
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
    """The grid searches of S splits."""

    penalties: np.ndarray  # the penalties, from the largest down, shape (S, k)
    # Mean absolute errors on each held-out fold, shape (S, F, k), in the unit of the target.
    errors: np.ndarray
    chosen: np.ndarray  # which penalty has the lowest mean error, the largest of several, shape (S,)
    coefficients: np.ndarray  # of the fits on all training rows, per unit of the feature, shape (S, k, p)
    intercepts: np.ndarray  # shape (S, k)
    # For how many folds the solution was not within the tolerance and was found by coordinate descent.
    solved_again: int


def search(training: Training, settings: Settings) -> Search:
    """Searches the grid of penalties by cross-validation, for S splits at once.

    Args:
        training: The training rows of the splits.
        settings: Those of the model.

    Raises:
        InputError: If there is no penalty to choose, or a fit fails.
    """
    grid, solver = (
        vars(settings.penalties),
        (settings.standardize, settings.tolerance, settings.max_iterations),
    )
    X, held = training.X, fold_rows(training.X.shape[1], settings.folds)
    whole = [training.left(split, len(held), held) for split in range(len(X))]
    penalties = np.array([penalty_grid(x, y, **grid, weights=weights) for x, y, weights in whole])
    if X.shape[2] > X.shape[1]:
        coefficients = np.zeros((len(X), len(held) + 1, penalties.shape[1], X.shape[2]))
        intercepts, gaps = np.empty(coefficients.shape[:3]), np.empty(coefficients.shape[:3])
        for split, fold in np.ndindex(len(X), len(held) + 1):
            x, y, weights = training.left(split, fold, held)
            given = (penalties[split], settings.standardize, weights, coefficients[split, fold])
            intercepts[split, fold], gaps[split, fold] = solve_wide(x, y, *given)
    else:
        found = problems(X, training.y, held, training.weights, training.coded)
        paths, gaps = solve(found, penalties, settings.standardize)
        coefficients = paths / found.scale[:, :, None, :]
        intercepts = found.centre[..., None, -1] - (coefficients @ found.centre[..., :-1, None])[..., 0]
    again = np.argwhere(~(gaps.max(axis=2) <= settings.tolerance))
    for split, fold in again:
        x, y, weights = training.left(split, fold, held)
        solved = fit_path(x, y, penalties[split], *solver, weights)
        coefficients[split, fold], intercepts[split, fold] = solved.coefficients.T, solved.intercepts
    errors = held_out_errors(training, held, coefficients, intercepts)
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
    settings: Settings,
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
        settings: Those of the model.
        logger: Where to report.

    Raises:
        InputError: If a split has fewer training rows than folds, or a fit fails, and that is to be an error, or all do.
    """
    design, drawn = read_design(table), read_splits([splits])
    number, k = settings.folds.number, settings.penalties.number
    rows, features = drawn.sizes()[0], len(design.features)
    check_folds("The lasso", int(rows.min()), settings.folds)
    progress = Progress(logger, "splits searched", len(drawn))
    fits, again, parts, failures = ChosenFits(design), 0, [], []

    def searched(part: Splits) -> Search:
        return search(Training.of(design, part.train, settings.folds), settings)

    with parquet_writer(grid) as write_grid:
        for chunk in drawn.chunks(
            (number + 1) * (features**2 + k * features)
            + int(rows.max()) * features * (2 if design.unlearned else 1)
        ):
            for part, found in fitted_parts(chunk, searched, failures):
                if not parts:
                    write_path(int(part.seeds[0]), design.features, found, path)
                parts.append(part)
                write_grid(fits.add(part, found))
                again += found.solved_again
            progress.advance(len(chunk))
        kept = kept_of(drawn, parts, failures, settings.failures)
    fits.write(predictions, scores, coefficients, kept, failures)
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
