"""Populations whose truth is known, the models that are fitted to tables drawn of them, and their comparison."""

import io
import logging
import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from lineup.comparison.differences import differences
from lineup.comparison.evidence import Evidence
from lineup.comparison.jackknife import Tested
from lineup.data.packages import open_wheel
from lineup.data.splits import draw_splits
from lineup.models.linear import least_squares

ROOT = Path(__file__).parents[1]

Sample = tuple[np.ndarray, np.ndarray]  # features (n, p) and targets (n,)


@dataclass(frozen=True)
class Cell:
    """A population, and how many rows, splits and tables to draw."""

    name: str
    draw: Callable[[int, np.random.Generator], Sample]
    rows: int
    splits: int
    tables: int
    features: int = 10
    test_share: float = 1 / 3


def linear(rows: int, chance: np.random.Generator, features: int = 10, heavy: float = 0.0) -> Sample:
    """Draws rows of a linear rule; with heavy tails, targets are log-normal, with this deviation of the logarithm."""
    X = chance.normal(size=(rows, features))
    signal = X @ np.linspace(1, 0, features) ** 2
    if heavy:
        both = signal / signal.std() + chance.normal(size=rows)
        return X, np.exp(heavy * both / np.sqrt(2))
    return X, signal + 1.5 * chance.normal(size=rows)


def bent(rows: int, chance: np.random.Generator, features: int = 10) -> Sample:
    """Draws rows of a rule that a line misses."""
    X = chance.normal(size=(rows, features))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.5 * chance.normal(size=rows)


def bikeshare() -> Callable[[int, np.random.Generator], Sample]:
    """Draws rows of the 8,645 hours of Bikeshare, of the book's package: the numbers that do not give the target away."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    source = next(one for one in config["datasets"]["hitters"]["sources"] if "wheel" in one)
    with (
        open_wheel(source, logging.getLogger("bench")) as opener,
        opener("ISLP/data/Bikeshare.csv") as (stream, _),
    ):
        frame = pd.read_csv(io.BytesIO(stream.read())).select_dtypes("number")
    y = frame.pop("bikers").to_numpy(dtype=float)
    X = frame.drop(columns=["casual", "registered"]).to_numpy(dtype=float)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    return partial(_some_of, X, y)


def _some_of(X: np.ndarray, y: np.ndarray, rows: int, chance: np.random.Generator) -> Sample:
    some = chance.choice(len(y), rows, replace=False)
    return X[some], y[some]


def ridge(X: np.ndarray, y: np.ndarray, chance: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Fits ridge regression with a penalty of a tenth of the rows."""
    centre, mean = X.mean(axis=0), y.mean()
    Z = X - centre
    slopes = np.linalg.solve(Z.T @ Z + 0.1 * len(y) * np.eye(Z.shape[1]), Z.T @ (y - mean))
    return lambda new: mean + (new - centre) @ slopes


def plain(X: np.ndarray, y: np.ndarray, chance: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Fits least squares."""
    slopes, intercept = least_squares(X, y)
    return lambda new: intercept + new @ slopes


def half(X: np.ndarray, y: np.ndarray, chance: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Fits least squares to every other feature."""
    fitted = plain(X[:, ::2], y, chance)
    return lambda new: fitted(new[:, ::2])


def seeded(X: np.ndarray, y: np.ndarray, chance: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Fits ridge regression to 20 random features: a network whose hidden layer is drawn and not trained."""
    hidden = chance.normal(size=(X.shape[1], 20)) / np.sqrt(X.shape[1])
    shift = chance.normal(size=20)
    fitted = ridge(np.maximum(X @ hidden + shift, 0), y, chance)
    return lambda new: fitted(np.maximum(new @ hidden + shift, 0))


def constant(X: np.ndarray, y: np.ndarray, chance: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Predicts the mean."""
    return lambda new: np.full(len(new), y.mean())


MODELS = {"least squares": plain, "ridge": ridge, "half": half, "random features": seeded, "mean": constant}
PAIRS = list(combinations(MODELS, 2))


def fit_all(X: np.ndarray, y: np.ndarray, new: np.ndarray, seed: list[int]) -> np.ndarray:
    """Fits all models, and predicts t new rows, (models, t)."""
    chance = np.random.default_rng(seed)
    fitted = [fit(X, y, chance) for fit in MODELS.values()]
    return np.array([model(new) for model in fitted])


def losses(sample: Sample, train: np.ndarray, test: np.ndarray, seed: list[int]) -> np.ndarray:
    """Computes the absolute errors of all models on some test rows, (models, t)."""
    X, y = sample
    return np.abs(fit_all(X[train], y[train], X[test], seed) - y[test])


def truth(cell: Cell, seed: int) -> np.ndarray:
    """Computes the mean errors of all models over new training sets, each on new rows."""
    chance, found = np.random.default_rng([seed, 1]), []
    train = cell.rows - int(np.ceil(cell.test_share * cell.rows))
    new = max(200, min(1000, train))
    for number in range(min(3000, max(100, 2_000_000 // cell.rows))):
        sample = cell.draw(train + new, chance)
        side = np.arange(train + new)
        found.append(losses(sample, side[:train], side[train:], [seed, number]).mean(axis=1))
    return np.mean(found, axis=0)


def table(cell: Cell, number: int) -> list[dict]:
    """Draws a table, fits all models on its splits, and compares them."""
    sample = cell.draw(cell.rows, np.random.default_rng([number, 2]))
    drawn = draw_splits(cell.rows, cell.test_share, list(range(cell.splits)))
    sides = enumerate(zip(drawn.train, drawn.test, strict=True))
    found = np.stack([losses(sample, *side, [number, place]) for place, side in sides], axis=1)
    by_model = dict(zip(MODELS, found, strict=True))
    evidence = Evidence(
        metric="mae",
        scores={name: values.mean(axis=1) for name, values in by_model.items()},
        losses={name: values.ravel() for name, values in by_model.items()},
        tested=Tested(drawn.test.ravel(), cell.splits, cell.rows),
        train_rows=drawn.train.shape[1],
        test_rows=drawn.test.shape[1],
        are_random=True,
        are_given=False,
        are_alone=True,
        region=0.01 * by_model["mean"].mean(),
    )
    return differences(evidence, "mean")


def tables(cell: Cell, workers: int) -> list[list[dict]]:
    """Draws all tables of a cell, side by side, and compares the models on each."""
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        return pool.map(partial(table, cell), range(cell.tables), chunksize=1)


def record_of(records: list[dict], pair: tuple[str, str]) -> dict:
    """Finds what a comparison says of a pair."""
    return next(one for one in records if {one["model"], one["other"]} == set(pair))
