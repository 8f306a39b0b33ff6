"""Fits a logistic regression with the penalty of the lasso on each of many splits."""

import logging

import numpy as np

from lineup.comparison.scores import GridEnds, write_evaluation
from lineup.data.design import Design, read_design
from lineup.data.tables import Splits, read_splits, write_table
from lineup.models.class_search import Search, Settings, held_out_sets
from lineup.models.failures import Failures, fitted_parts, kept_of
from lineup.models.grid_search import ends_of
from lineup.models.logistic import write_coefficients_of_classes
from lineup.models.newton_search import search_by_newton
from lineup.models.saga import search_by_saga
from lineup.parallel import map_in_processes
from lineup.progress import Progress

SOLVERS = {"newton": search_by_newton, "saga": search_by_saga}


def search(
    design: Design, train: np.ndarray, test: np.ndarray, split_seed: int, settings: Settings
) -> Search:
    """Chooses the penalty on rows held out of the training rows of a split, and fits all of them with it."""
    held = held_out_sets(design.y, train, split_seed, settings)
    return SOLVERS[settings.solver](design, train, test, held, split_seed, settings)


def searches_of(
    design: Design, drawn: Splits, settings: Settings, processes: int, logger: logging.Logger
) -> tuple[Failures, list[tuple[Splits, Search]]]:
    """Searches each split, some side by side: those that could not be, and why, and the others with what was found."""
    progress = Progress(logger, "splits searched", len(drawn))

    def searched(one: Splits) -> Search:
        return search(design, one.train[0], one.test[0], int(one.seeds[0]), settings)

    def work(place: int) -> tuple[list[tuple[Splits, Search]], Failures]:
        failures: Failures = []
        found = list(fitted_parts(drawn[place : place + 1], searched, failures))
        progress.advance(1)
        return found, failures

    worked = list(map_in_processes(work, range(len(drawn)), min(processes, len(drawn))))
    return [one for _, noted in worked for one in noted], [one for found, _ in worked for one in found]


def fit_logistic_lasso(
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
            unit of the feature in the table. The intercept is the term ``(intercept)``. Of two classes they
            change the logit of the second.
        grid: Parquet file to write: ``seed``, ``penalty``, ``fold``, ``log_loss`` and ``accuracy`` on the rows held
            out, ``nonzero``, ``converged``, ``chosen``.
        settings: Those of the model.
        processes: How many splits are worked on at once. The result does not depend on it.
        logger: Where to report.

    Raises:
        InputError: If a class has no row to fit on, or no row is left to fit on.
    """
    design, drawn = read_design(table), read_splits([splits])
    failures, found = searches_of(design, drawn, settings, processes, logger)
    drawn = kept_of(drawn, [part for part, _ in found], failures, settings.failures)
    found = [one for _, one in found]
    chosen = np.array([one.chosen for one in found])
    means = np.array([one.log_loss.mean(axis=0) for one in found])
    write_evaluation(
        design,
        drawn,
        np.concatenate([one.probabilities for one in found]),
        predictions,
        scores,
        GridEnds(*ends_of(means, chosen), len(drawn)),
        counts={"unfinished": sum(not one.refit for one in found)},
        failures=failures,
    )
    write_coefficients_of_classes(
        design, drawn, [one.coefficients for one in found], [one.intercepts for one in found], coefficients
    )
    folds, size = found[0].log_loss.shape
    columns = {
        "seed": np.repeat(drawn.seeds, size * folds),
        "penalty": np.concatenate([np.repeat(one.penalties, folds) for one in found]),
        "fold": np.tile(np.arange(1, folds + 1, dtype=np.int32), len(drawn) * size),
    }
    for name in ("log_loss", "accuracy", "nonzero", "converged"):
        columns[name] = np.concatenate([getattr(one, name).T.ravel() for one in found])
    columns["chosen"] = np.repeat((np.arange(size) == chosen[:, None]).ravel(), folds)
    write_table(columns, grid)
    stopped = int((~columns["converged"]).sum())
    if stopped:
        logger.warning(
            "In %d of %d fits on the way the solver did not reach its tolerance within max_iterations.",
            stopped,
            len(columns["converged"]),
        )
    logger.info("%d splits searched, %d penalties each.", len(drawn), size)
