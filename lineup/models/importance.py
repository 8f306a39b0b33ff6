"""Permutation importance: how much worse a model predicts test rows when what one column says of them is shuffled among them."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lineup.comparison.metrics import scores as scores_of
from lineup.comparison.metrics import signed
from lineup.data.coding import MISSING
from lineup.data.design import Design, read_design
from lineup.data.tables import Splits, read_schema, read_splits, read_table, write_table
from lineup.errors import InputError
from lineup.models.predictors import Predictor, predictors_of
from lineup.progress import Progress

# ASSUME: columns that are correlated by more than this say the same, and are shuffled together.
TOGETHER = 0.9
PART = 1000  # features that are compared with the others at once


@dataclass(frozen=True)
class Importance:
    """How it is measured: on how many splits, and how often a column is shuffled in each."""

    splits: int
    repeats: int
    seed: int


def groups_of(design: Design, schema: dict) -> dict[str, list[int]]:
    """Lists the features that are shuffled together, by a name for them: those of a column, and of columns that say the same.

    Where models see both of two columns that say the same, to shuffle one alone would show neither as important.
    """
    columns = [feature["column"] for feature in schema["features"]]
    X = design.X.astype(np.float64)
    for place, missing in (design.unlearned.gaps if design.unlearned else {}).items():
        X[missing, place] = X[~missing, place].mean()  # what is missing says nothing
    X -= X.mean(axis=0)
    X[:, [place for place, one in enumerate(schema["features"]) if one.get("coding") == MISSING]] = 0.0
    norms = np.linalg.norm(X, axis=0)
    X /= np.where(norms > 0, norms, 1.0)
    first = {column: place for place, column in reversed(list(enumerate(columns)))}
    links = [np.array([np.arange(len(columns)), [first[column] for column in columns]])]
    for start in range(0, len(columns), PART):
        alike = np.abs(X[:, start : start + PART].T @ X) > TOGETHER
        links.append(np.argwhere(alike).T + np.array([[start], [0]]))
    one, other = np.concatenate(links, axis=1)
    graph = coo_array((np.ones(len(one)), (one, other)), shape=(len(columns),) * 2)
    _, group = connected_components(graph, directed=False)
    found = [np.flatnonzero(group == number).tolist() for number in dict.fromkeys(group)]
    return {" + ".join(dict.fromkeys(columns[place] for place in places)): places for places in found}


def increases(
    predict: Predictor,
    X: np.ndarray,
    y: np.ndarray,
    weights: np.ndarray | None,
    groups: Mapping[str, list[int]],
    metric: str,
    task: str,
    repeats: int,
    seeds: list[int],
    threshold: float = 0.5,
) -> np.ndarray:
    """Computes how much worse the metric of a model gets on t test rows when each of G groups of features is shuffled.

    Breiman, "Random Forests", Machine Learning 45 (2001), section 10, for any model (Fisher, Rudin and Dominici, JMLR 20, 2019).

    Args:
        predict: The model.
        X: Features of the test rows, shape (t, p).
        y: Their targets, shape (t,).
        weights: Weights of the rows, shape (t,).
        groups: The groups, by name.
        metric: The metric.
        task: The task.
        repeats: How often each is shuffled; the mean counts.
        seeds: Of the permutations, which are those of the split, the same for all models.
        threshold: The probability above which the second of two classes is predicted.

    Returns:
        The increases of the error, or decreases of what is better if higher, shape (G,).
    """

    def error(rows: np.ndarray) -> np.ndarray:
        predicted = predict(rows)
        predicted = predicted.reshape(-1, len(y), *predicted.shape[1:])
        actual = np.tile(y, (len(predicted), 1))
        of_rows = None if weights is None else np.tile(weights, (len(predicted), 1))
        return signed(scores_of(task, actual, predicted, of_rows, threshold)[metric], metric)

    before, found = error(X)[0], []
    for place, features in enumerate(groups.values()):
        chance = np.random.default_rng([*seeds, place])
        shuffled = np.tile(X, (repeats, 1, 1))
        for one in shuffled:
            one[:, features] = X[chance.permutation(len(X))][:, features]
        found.append(error(shuffled.reshape(-1, X.shape[1])).mean() - before)
    return np.array(found)


def importance(
    table: str,
    splits: list[str],
    predictions: list[str],
    fitted: list[str],
    output: str,
    model: Mapping,
    measured: Importance,
    metric: str,
    logger: logging.Logger,
    threshold: float = 0.5,
) -> None:
    """Measures the importance of each column for a model on the first splits that it was fitted on.

    Args:
        table: The prepared table.
        splits: The blocks of splits.
        predictions: Those of the model, a file a block.
        fitted: What its fits left, a file a block; none of an estimator, which is fitted again.
        output: Parquet file to write: ``seed``, ``feature`` and ``increase``.
        model: The settings of the model.
        measured: How.
        metric: The metric that ranks.
        logger: Where to report.
        threshold: The probability above which the second of two classes is predicted.

    Raises:
        InputError: If the model was fitted on none of these splits.
    """
    design = read_design(table)
    groups = groups_of(design, read_schema(table))
    seeds, found, left = [], [], measured.splits
    progress = Progress(logger, "splits", left)
    for place, path in enumerate(splits):
        drawn = read_splits([path])
        has = np.isin(drawn.seeds, read_table(predictions[place], ["seed"])["seed"])
        drawn = _first(drawn[has], left)
        left -= len(drawn)
        for one, predict in enumerate(predictors_of(model, design, drawn, fitted[place] if fitted else None)):
            train, test, seed = drawn.train[one], drawn.test[one], int(drawn.seeds[one])
            (X,) = design.coded(train[None], test[None])
            weights = None if design.weights is None else design.weights[test]
            given = (groups, metric, design.task, measured.repeats, [measured.seed, seed], threshold)
            found.append(increases(predict, X[0], design.y[test], weights, *given))
            seeds.append(seed)
            progress.advance(1)
    if not found:
        raise InputError(
            "The model was fitted on none of the splits that importance is measured on: raise importance.splits."
        )
    write_table(
        {
            "seed": np.repeat(np.array(seeds, dtype=np.int64), len(groups)),
            "feature": [*groups] * len(seeds),
            "increase": np.concatenate(found),
        },
        output,
    )
    logger.info("Importance of %d columns, or groups of them, on %d splits.", len(groups), len(seeds))


def _first(splits: Splits, number: int) -> Splits:
    return splits[np.arange(len(splits)) < number]
