"""Fits a logistic regression with the penalty of the lasso on each of many splits."""

import logging
import math
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from lineup.comparison.scores import write_evaluation
from lineup.data.design import Design, read_design
from lineup.data.tables import Splits, read_splits, write_table
from lineup.errors import InputError
from lineup.models.saga import Scaler, fit, largest_penalty, predict
from lineup.parallel import map_in_processes
from lineup.progress import Progress


@dataclass(frozen=True)
class Penalties:
    """The grid of penalties: how many, and the last one as a share of the first."""

    number: int
    smallest: float


@dataclass(frozen=True)
class Settings:
    """The settings of a penalized logistic regression, see logistic.yaml."""

    standardize: bool
    penalties: Penalties
    validation: float
    seed: int
    tolerance: float
    max_iterations: int


@dataclass(frozen=True)
class Search:
    """What the search of the penalty on one split gave, of G penalties, K classes and p features."""

    penalties: np.ndarray  # from the largest to the smallest, shape (G,)
    log_loss: np.ndarray  # on the rows held out, shape (G,)
    accuracy: np.ndarray  # on the rows held out, shape (G,)
    nonzero: np.ndarray  # number of coefficients that are not zero, shape (G,)
    converged: np.ndarray  # whether the solver reached its tolerance, shape (G,)
    chosen: int  # place of the penalty with the lowest log loss
    # Of the fit on all training rows, per unit of the feature in the table, shape (K, p).
    coefficients: np.ndarray
    intercepts: np.ndarray  # shape (K,)
    probabilities: np.ndarray  # predicted for the test rows, shape (t, K)


def held_out(train: np.ndarray, share: float, seed: int, split_seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws the rows to fit on and those held out, a share that is rounded up, or raises an InputError if it is all."""
    held = math.ceil(share * len(train))
    if held >= len(train):
        raise InputError(
            f"A validation share of {share} leaves none of the {len(train)} training rows: lower it."
        )
    shuffled = np.random.default_rng([seed, split_seed]).permutation(train)
    return shuffled[held:], shuffled[:held]


def search(
    design: Design, train: np.ndarray, test: np.ndarray, split_seed: int, settings: Settings
) -> Search:
    """Chooses the penalty on rows held out of the training rows, and fits all of them with it.

    Args:
        design: The prepared table.
        train: The training rows.
        test: The test rows.
        split_seed: Seed of the split.
        settings: Those of the model.

    Raises:
        InputError: If a class has no row to fit on, or no row is left to fit on.
    """
    fitted, held = held_out(train, settings.validation, settings.seed, split_seed)
    check_classes(design, fitted, split_seed)
    scaler = Scaler(design.X[fitted], design.scale, settings.standardize)
    X, y = scaler.apply(design.X[fitted]), design.y[fitted]
    shares = np.geomspace(1, settings.penalties.smallest, settings.penalties.number)
    grid = largest_penalty(X, y, len(design.classes)) * shares
    model = solver(settings, split_seed)
    scored, best = search_grid(model, X, y, scaler.apply(design.X[held]), design.y[held], grid)
    chosen = int(scored["log_loss"].argmin())
    del X  # a fifth more rows come now

    scaler = Scaler(design.X[train], design.scale, settings.standardize)
    model = solver(settings, split_seed)
    model.coef_, model.intercept_ = best
    fit(model, scaler.apply(design.X[train]), design.y[train], grid[chosen])
    probabilities = predict(model, scaler.apply(design.X[test]))
    coefficients, intercepts = model.coef_.astype(np.float64), model.intercept_.astype(np.float64)
    slopes = coefficients / scaler.scale
    intercepts = intercepts - slopes @ scaler.centre
    if len(design.classes) == 2:  # scikit-learn has coefficients for the second class only
        slopes, intercepts = np.vstack([-slopes, slopes]) / 2, np.append(-intercepts, intercepts) / 2
    return Search(
        penalties=grid,
        **scored,
        chosen=chosen,
        coefficients=slopes,
        intercepts=intercepts,
        probabilities=probabilities,
    )


def solver(settings: Settings, split_seed: int) -> LogisticRegression:
    """Makes what fits, each time from the coefficients that it has."""
    return LogisticRegression(
        l1_ratio=1,
        solver="saga",
        tol=settings.tolerance,
        max_iter=settings.max_iterations,
        warm_start=True,
        random_state=int(np.random.SeedSequence([settings.seed, split_seed]).generate_state(1)[0]),
    )


def check_classes(design: Design, fitted: np.ndarray, split_seed: int) -> None:
    """Raises an InputError if a class has no row to fit on."""
    counts = np.bincount(design.y[fitted], minlength=len(design.classes))
    if (counts == 0).any():
        name = design.classes[int(counts.argmin())]
        raise InputError(
            f"Split {split_seed} has no row of the class {name!r} to fit on: take the class out of the data, or lower "
            "validation."
        )


def search_grid(
    model: LogisticRegression,
    X: np.ndarray,
    y: np.ndarray,
    X_held: np.ndarray,
    y_held: np.ndarray,
    grid: np.ndarray,
) -> tuple[dict[str, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Fits at each penalty, from the largest down, and scores on the rows held out.

    Args:
        model: What fits, see ``solver``.
        X: Features to fit on, shape (n, p).
        y: Places of the classes, shape (n,).
        X_held: Features of the rows held out, shape (h, p).
        y_held: Places of their classes, shape (h,).
        grid: The penalties, shape (G,).

    Returns:
        ``log_loss``, ``accuracy``, ``nonzero`` and ``converged``, see ``Search``; and the coefficients and intercepts
        with the lowest log loss.
    """
    found, best = [], None
    for penalty in grid:
        converged = fit(model, X, y, penalty)
        predicted = predict(model, X_held)
        loss = log_loss(y_held, predicted, labels=model.classes_)
        if not found or loss < min(found)[0]:
            best = model.coef_.copy(), model.intercept_.copy()
        hits = predicted.argmax(axis=1) == y_held
        found.append((loss, hits.mean(), np.count_nonzero(model.coef_), converged))
    names = ("log_loss", "accuracy", "nonzero", "converged")
    return dict(zip(names, map(np.array, zip(*found, strict=True)), strict=True)), best


def fit_logistic(
    table: str,
    splits: str,
    predictions: str,
    scores: str,
    coefficients: str,
    grid: str,
    settings: Settings,
    processes: int,
    logger: logging.Logger,
) -> None:
    """Fits a penalized logistic regression on each split of a block and writes what that gives.

    Args:
        table: The prepared table.
        splits: The block of splits.
        predictions: Parquet file to write, see ``write_evaluation``.
        scores: Parquet file to write, see ``write_evaluation``.
        coefficients: Parquet file to write: ``seed``, ``class`` (its place), ``term``, ``coefficient``, per
            unit of the feature in the table. The intercept is the term ``(intercept)``. Of two classes each
            has half of the difference.
        grid: Parquet file to write: ``seed``, ``penalty``, ``log_loss`` and ``accuracy`` on the rows held
            out, ``nonzero``, ``converged``, ``chosen``.
        settings: Those of the model.
        processes: How many splits are worked on at once. The result does not depend on it.
        logger: Where to report.

    Raises:
        InputError: If a class has no row to fit on, or no row is left to fit on.
    """
    design, drawn = read_design(table), read_splits([splits])
    progress = Progress(logger, "splits searched", len(drawn))

    def work(place: int) -> Search:
        found = search(design, drawn.train[place], drawn.test[place], int(drawn.seeds[place]), settings)
        progress.advance(1)
        return found

    found = list(map_in_processes(work, range(len(drawn)), min(processes, len(drawn))))
    write_evaluation(design, drawn, np.concatenate([one.probabilities for one in found]), predictions, scores)
    write_coefficients_of_classes(design, drawn, found, coefficients)
    size = settings.penalties.number
    columns = {
        "seed": np.repeat(drawn.seeds, size),
        "penalty": np.concatenate([one.penalties for one in found]),
    }
    for name in ("log_loss", "accuracy", "nonzero", "converged"):
        columns[name] = np.concatenate([getattr(one, name) for one in found])
    columns["chosen"] = np.concatenate([np.arange(size) == one.chosen for one in found])
    write_table(columns, grid)
    stopped = int((~columns["converged"]).sum())
    if stopped:
        logger.warning(
            "In %d of %d fits the solver did not reach its tolerance within max_iterations.",
            stopped,
            size * len(found),
        )
    logger.info("%d splits searched, %d penalties each.", len(drawn), size)


def write_coefficients_of_classes(design: Design, splits: Splits, found: list[Search], path: str) -> None:
    """Writes the coefficients of each split, class and term, see ``fit_logistic``."""
    terms, classes = ["(intercept)", *design.features], len(design.classes)
    values = np.array([np.column_stack([one.intercepts, one.coefficients]) for one in found])
    write_table(
        {
            "seed": np.repeat(splits.seeds, classes * len(terms)),
            "class": np.tile(np.repeat(np.arange(classes, dtype=np.int16), len(terms)), len(splits)),
            "term": terms * (classes * len(splits)),
            "coefficient": values.ravel(),
        },
        path,
    )
