"""Measures what is said of more rows: how many would settle a pair, and what a third more would bring. Part of ``make calibration``."""

import multiprocessing
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from benchmarks.populations import MODELS, PAIRS, Cell, fit_all, record_of, tables
from lineup.comparison.evidence import Evidence
from lineup.comparison.jackknife import Tested
from lineup.comparison.training_sizes import MORE, Curve, law_of
from lineup.data.splits import draw_splits

SHARES = (0.3, 0.45, 0.6, 0.8, 1.0)
TIMES = 4  # as many rows have the tables that tell how many would settle a pair


@dataclass(frozen=True)
class Needed:
    """How often the rows that are said to settle a pair in any case are within a factor of two of those that do."""

    cell: Cell
    pairs: int
    right: float
    ratio: float  # the median of what is said over what is right

    @property
    def line(self) -> str:
        """A line of the table."""
        return f"| {self.cell.name} | {self.pairs:,} | {100 * self.right:.0f} | {self.ratio:.2f} |"


def needed(cell: Cell, workers: int) -> Needed:
    """Measures the numbers of rows that are said to settle pairs.

    What is right is n times the square of the interval's typical width over the region, measured on tables of four times the rows.
    """
    later = tables(replace(cell, rows=TIMES * cell.rows, tables=max(cell.tables // 3, 10)), workers)
    ratios: list[float] = []
    found = tables(cell, workers)
    for pair in PAIRS:
        of_pair = [record_of(records, pair) for records in later]
        width = np.median([one["together_high"] - one["together_low"] for one in of_pair])
        right = TIMES * cell.rows * (width / np.median([one["region"] for one in of_pair])) ** 2
        said = [record_of(records, pair)["rows_needed"] for records in found]
        ratios += [one / right for one in said if one]
    within = [0.5 <= one <= 2 for one in ratios]
    return Needed(cell, len(ratios), float(np.mean(within)), float(np.median(ratios)))


@dataclass(frozen=True)
class Gain:
    """How often the interval of what a third more training rows would bring holds what they do bring."""

    cell: Cell
    laws: float  # share of curves that a power law fits
    held: list[float]  # by model
    width: float  # median half-width, in standard deviations of the gain from table to table

    @property
    def line(self) -> str:
        """A line of the table."""
        ends = f"{100 * np.mean(self.held):.0f} ({100 * min(self.held):.0f} to {100 * max(self.held):.0f})"
        return (
            f"| {self.cell.name} | {self.cell.tables} | {100 * self.laws:.0f} | {ends} | {self.width:.1f} |"
        )


def gain(cell: Cell, workers: int) -> Gain:
    """Measures the intervals of gains on all tables of a cell, of all models but the mean."""
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        actual = np.mean(pool.map(partial(_actual, cell), range(3000), chunksize=100), axis=0)
        found = pool.map(partial(_laws, cell), range(cell.tables), chunksize=1)
    held, widths, fitted = [], [], 0
    for place, more in enumerate(actual):
        laws = [one[place] for one in found if one[place]["gain"] is not None]
        fitted += len(laws)
        spread = np.std([one["gain"] for one in laws], ddof=1)
        held.append(float(np.mean([one["low"] <= more <= one["high"] for one in laws])))
        widths += [(one["high"] - one["low"]) / 2 / spread for one in laws]
    return Gain(cell, fitted / cell.tables / len(actual), held, float(np.median(widths)))


def _train_rows(cell: Cell) -> int:
    return cell.rows - int(np.ceil(cell.test_share * cell.rows))


def _actual(cell: Cell, number: int) -> np.ndarray:
    """Fits each model to a new training set and to the same with a third more rows: what this brings on new rows, (models,)."""
    few, new = _train_rows(cell), 500
    many = round(MORE * few)
    X, y = cell.draw(many + new, np.random.default_rng([number, 3]))
    both = [
        np.abs(fit_all(X[:rows], y[:rows], X[many:], [number, 4]) - y[many:]).mean(axis=1)
        for rows in (few, many)
    ]
    return (both[0] - both[1])[:-1]


def _laws(cell: Cell, number: int) -> list[dict]:
    """Draws a table, fits all models but the mean to shares of the training rows of its splits, and asks for the gains."""
    X, y = cell.draw(cell.rows, np.random.default_rng([number, 2]))
    drawn, train = draw_splits(cell.rows, cell.test_share, list(range(cell.splits))), _train_rows(cell)
    sizes = [round(share * train) for share in SHARES]
    losses = np.array(
        [
            [
                np.abs(fit_all(X[rows[:size]], y[rows[:size]], X[test], [number, place, 5]) - y[test])
                for place, (rows, test) in enumerate(zip(drawn.train, drawn.test, strict=True))
            ]
            for size in sizes
        ]
    )  # (sizes, splits, models, test rows)
    tested = Tested(drawn.test.ravel(), cell.splits, cell.rows)

    def evidence(scores: np.ndarray, values: np.ndarray, name: str) -> Evidence:
        return Evidence(
            metric=name,
            scores={"sum": scores, "nothing": np.zeros_like(scores)},
            losses={"sum": values, "nothing": np.zeros_like(values)},
            tested=tested,
            train_rows=train,
            test_rows=drawn.test.shape[1],
            are_random=True,
            are_given=False,
            are_alone=True,
            region=0.0,
        )

    tests = np.full(cell.splits, drawn.test.shape[1])
    of_models = losses.transpose(2, 0, 1, 3).reshape(len(MODELS), len(sizes), -1)[:-1]
    return [law_of(Curve(np.array(sizes, dtype=float), one, tests, evidence, "mae")) for one in of_models]
