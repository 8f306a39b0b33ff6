"""What is learned of a table from the training rows of each split: what missing values are filled with, and which levels are rare.

All of it is computed for many splits at once, and equals what an imputer fitted to each split alone gives.
"""

from dataclasses import dataclass, field

import numpy as np

# ASSUME: the folds of a grid search take the fills and the rare levels of their split, learned from all its training rows.

# Numbers that a step over all splits and rows may hold at once.
AT_ONCE = 2**24


@dataclass(frozen=True)
class Factor:
    """A factor of n rows with L levels, of which the first is the baseline and has no feature."""

    codes: np.ndarray  # the level of each row, L where it is missing, shape (n,)
    features: np.ndarray  # places of the features of the other levels, shape (L - 1,)
    other: int | None  # place of the feature of rare levels together; None if there is none


@dataclass(frozen=True)
class Unlearned:
    """What of a table hangs on the training rows of a split.

    Attributes:
        gaps: Rows with a missing value, shape (n,), by the place of a feature that is a number.
        factors: Factors with missing values or rare levels.
        numbers: What missing numbers are filled with: the ``median`` or the ``mean``. None where none is missing.
        rare: A level with fewer training rows is rare.
    """

    gaps: dict[int, np.ndarray] = field(default_factory=dict)
    factors: list[Factor] = field(default_factory=list)
    numbers: str | None = None
    rare: int = 1

    def code(self, X: np.ndarray, train: np.ndarray, *sides: np.ndarray) -> list[np.ndarray]:
        """Codes rows of S splits by what the training rows of each say.

        Args:
            X: The features, shape (n, p).
            train: Row numbers of the training rows, shape (S, m).
            sides: Row numbers of the rows to code, shape (S, r) each.

        Returns:
            The features of these rows, shape (S, r, p) each.
        """
        coded = [X[rows] for rows in sides]
        for place, gap in self.gaps.items():
            fills = _fills(X[:, place], gap, train, self.numbers)
            for values, rows in zip(coded, sides, strict=True):
                values[:, :, place] = np.where(gap[rows], fills[:, None], values[:, :, place])
        for factor in self.factors:
            levels = _levels_as_known(factor, train, self.rare)
            for values, rows in zip(coded, sides, strict=True):
                known = np.take_along_axis(levels, factor.codes[rows], axis=1)
                values[:, :, factor.features] = known[:, :, None] == np.arange(1, len(factor.features) + 1)
                if factor.other is not None:
                    values[:, :, factor.other] = known == len(factor.features) + 1
        return coded


def _fills(values: np.ndarray, gap: np.ndarray, train: np.ndarray, numbers: str | None) -> np.ndarray:
    """Computes the median or the mean of the training rows with a value for each split, shape (S,); 0 if there are none."""
    given = np.flatnonzero(~gap)
    given = given[np.argsort(values[given], kind="stable")]
    ordered = values[given]
    fills = np.zeros(len(train))
    for some in _portions(train, len(values)):
        inside = _members(train[some], len(values))[:, given]
        if numbers == "mean":
            centre = ordered.mean() if len(ordered) else 0.0  # a large mean would cost digits
            fills[some] = centre + inside @ (ordered - centre) / np.maximum(inside.sum(axis=1), 1)
            continue
        counts = np.cumsum(inside, axis=1, dtype=np.int32)
        total = counts[:, -1] if len(given) else np.zeros(len(inside), dtype=np.int32)
        middle = [
            (counts >= np.maximum(place, 1)[:, None]).argmax(axis=1)
            for place in ((total + 1) // 2, total // 2 + 1)
        ]
        found = (ordered[middle[0]] + ordered[middle[1]]) / 2 if len(given) else fills[some]
        fills[some] = np.where(total > 0, found, 0.0)
    return fills


def _levels_as_known(factor: Factor, train: np.ndarray, rare: int) -> np.ndarray:
    """Tells for each split what each level, and a missing value, counts as: shape (S, L + 1), with L for the rare ones together.

    A missing value is the most frequent level. So is a level without training rows if no other is rare.
    """
    count = len(factor.features) + 1
    codes = factor.codes[train]
    counts = np.stack([(codes == level).sum(axis=1) for level in range(count)], axis=1)
    known = np.tile(np.arange(count + 1), (len(train), 1))
    frequent = counts.argmax(axis=1)
    if factor.other is not None:
        few = counts < rare
        # The most frequent level stands for itself, however few rows there are.
        few[np.arange(len(train)), frequent] = False
        together = (counts * few).sum(axis=1, keepdims=True) > 0
        known[:, :count] = np.where(few, np.where(together, count, frequent[:, None]), known[:, :count])
    known[:, count] = frequent
    return known


def _members(train: np.ndarray, rows: int) -> np.ndarray:
    """Tells which rows are training rows, shape (S, n)."""
    inside = np.zeros((len(train), rows), dtype=bool)
    np.put_along_axis(inside, train, True, axis=1)
    return inside


def _portions(train: np.ndarray, rows: int) -> list[slice]:
    """Cuts splits so that no step holds more than AT_ONCE numbers."""
    size = max(1, AT_ONCE // max(rows, 1))
    return [slice(start, start + size) for start in range(0, len(train), size)]
