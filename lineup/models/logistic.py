"""Fits a logistic regression with the penalty of the lasso on each of many splits."""

import logging
import math
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from lineup.comparison.scores import write_evaluation
from lineup.data.tables import Design, Splits, read_design, read_splits, write_table
from lineup.errors import InputError
from lineup.models.saga import Scaler, fit, largest_penalty, predict
from lineup.parallel import map_in_processes
from lineup.progress import Progress


@dataclass(frozen=True)
class Search:
    """What the search of the penalty on one split gave, of G penalties, K classes and p features.

    Attributes:
        penalties: From the largest to the smallest, shape (G,).
        log_loss: On the rows held out, shape (G,).
        accuracy: On the rows held out, shape (G,).
        nonzero: Number of coefficients that are not zero, shape (G,).
        converged: Whether the solver reached its tolerance, shape (G,).
        chosen: Place of the penalty with the lowest log loss.
        coefficients: Of the fit on all training rows, per unit of the feature in the table, shape (K, p).
        intercepts: Shape (K,).
        probabilities: Predicted for the test rows, shape (t, K).
    """

    penalties: np.ndarray
    log_loss: np.ndarray
    accuracy: np.ndarray
    nonzero: np.ndarray
    converged: np.ndarray
    chosen: int
    coefficients: np.ndarray
    intercepts: np.ndarray
    probabilities: np.ndarray


def held_out(train: np.ndarray, share: float, seed: int, split_seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws the training rows that the penalty is chosen on.

    Args:
        train: The training rows.
        share: The share to hold out; the number is rounded up.
        seed: Seed of the model.
        split_seed: Seed of the split.

    Returns:
        The rows to fit on, and those held out.

    Raises:
        InputError: If no row would be left to fit on.
    """
    held = math.ceil(share * len(train))
    if held >= len(train):
        raise InputError(
            f"A validation share of {share} leaves none of the {len(train)} training rows: lower it."
        )
    shuffled = np.random.default_rng([seed, split_seed]).permutation(train)
    return shuffled[held:], shuffled[:held]


def search(
    design: Design,
    train: np.ndarray,
    test: np.ndarray,
    split_seed: int,
    *,
    penalties: dict,
    standardize: bool,
    validation: float,
    seed: int,
    tolerance: float,
    max_iterations: int,
) -> Search:
    """Chooses the penalty on rows held out of the training rows, and fits all of them with it.

    Args:
        design: The prepared table.
        train: The training rows.
        test: The test rows.
        split_seed: Seed of the split.
        penalties: ``number`` and ``smallest``, as in the config.
        standardize: Whether the features are standardized, by the rows of each fit.
        validation: Share of the training rows that is held out.
        seed: Seed of the rows held out and of the solver.
        tolerance: The solver's tolerance.
        max_iterations: The most passes over the rows for one penalty.

    Raises:
        InputError: If a class has no row to fit on, or no row is left to fit on.
    """
    fitted, held = held_out(train, validation, seed, split_seed)
    check_classes(design, fitted, split_seed)

    def solver() -> LogisticRegression:
        return LogisticRegression(
            l1_ratio=1,
            solver="saga",
            tol=tolerance,
            max_iter=max_iterations,
            warm_start=True,
            random_state=int(np.random.SeedSequence([seed, split_seed]).generate_state(1)[0]),
        )

    scaler = Scaler(design.X[fitted], design.scale, standardize)
    X, y = scaler.apply(design.X[fitted]), design.y[fitted]
    grid = largest_penalty(X, y, len(design.classes)) * np.geomspace(
        1, penalties["smallest"], penalties["number"]
    )
    scored, best = search_grid(solver(), X, y, scaler.apply(design.X[held]), design.y[held], grid)
    chosen = int(scored["log_loss"].argmin())
    del X  # a fifth more rows come now

    scaler = Scaler(design.X[train], design.scale, standardize)
    model = solver()
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
        model: What fits, each time from the coefficients that it has.
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
    processes: int,
    logger: logging.Logger,
    **settings: object,
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
        processes: How many splits are worked on at once. The result does not depend on it.
        logger: Where to report.
        settings: The model's entry in the config, see ``search``.

    Raises:
        InputError: If a class has no row to fit on, or no row is left to fit on.
    """
    design, drawn = read_design(table), read_splits([splits])
    progress = Progress(logger, "splits searched", len(drawn))

    def work(place: int) -> Search:
        found = search(design, drawn.train[place], drawn.test[place], int(drawn.seeds[place]), **settings)
        progress.advance(1)
        return found

    found = list(map_in_processes(work, range(len(drawn)), min(processes, len(drawn))))
    write_evaluation(design, drawn, np.array([one.probabilities for one in found]), predictions, scores)
    write_coefficients_of_classes(design, drawn, found, coefficients)
    size = len(found[0].penalties)
    write_table(
        {
            "seed": np.repeat(drawn.seeds, size),
            "penalty": np.concatenate([one.penalties for one in found]),
            "log_loss": np.concatenate([one.log_loss for one in found]),
            "accuracy": np.concatenate([one.accuracy for one in found]),
            "nonzero": np.concatenate([one.nonzero for one in found]),
            "converged": np.concatenate([one.converged for one in found]),
            "chosen": np.concatenate([np.arange(size) == one.chosen for one in found]),
        },
        grid,
    )
    stopped = sum(int((~one.converged).sum()) for one in found)
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
