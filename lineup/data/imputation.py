"""What is learned of a table from the training rows of each split: what missing values are filled with, and which levels are rare.

All of it is computed for many splits at once, and equals what an imputer fitted to each split alone gives.
"""

from dataclasses import dataclass, field

import numpy as np

# ASSUME: weights of rows have no say in what fills a gap, nor in which levels are rare.

# Numbers that a step over all splits and rows may hold at once.
AT_ONCE = 2**24


@dataclass(frozen=True)
class Factor:
    """A factor of n rows with L levels, of which the first is the baseline and has no feature."""

    # The level of each row, shape (n,): L where it is missing, L + 1 where it is none of these.
    codes: np.ndarray
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
        learned = self.learn(members(train, len(X)), X)
        return [learned.code(X, rows) for rows in sides]

    def learn(self, inside: np.ndarray, X: np.ndarray) -> "Learned":
        """Learns from R sets of rows of X, given as a table (R, n) of which rows are in each."""
        fills = {place: np.zeros(len(inside)) for place in self.gaps}
        levels = [np.zeros((len(inside), len(one.features) + 3), dtype=np.int64) for one in self.factors]
        size = max(1, AT_ONCE // max(len(X), 1))
        for some in (slice(start, start + size) for start in range(0, len(inside), size)):
            for place, gap in self.gaps.items():
                fills[place][some] = _fills(X[:, place], gap, inside[some], self.numbers)
            for factor, known in zip(self.factors, levels, strict=True):
                known[some] = _levels_as_known(factor, inside[some], self.rare)
        return Learned(self, fills, levels)


@dataclass(frozen=True)
class Learned:
    """What is learned from R sets of rows."""

    of: Unlearned
    fills: dict[int, np.ndarray]  # by the place of a feature, what its gaps are filled with, shape (R,)
    levels: list[np.ndarray]  # for each factor, what its levels count as, see ``_levels_as_known``

    def some(self, sets: slice) -> "Learned":
        """Takes what was learned from some of the sets."""
        fills = {place: values[sets] for place, values in self.fills.items()}
        return Learned(self.of, fills, [known[sets] for known in self.levels])

    def code(self, X: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Gives the features of rows (R, r), coded by what was learned from each set: (R, r, p)."""
        coded = X[rows]
        for place, fills in self.fills.items():
            gap = self.of.gaps[place][rows]
            coded[:, :, place][gap] = np.repeat(fills, gap.sum(axis=1))
        for factor, levels in zip(self.of.factors, self.levels, strict=True):
            known = np.take_along_axis(levels, factor.codes[rows], axis=1)
            coded[:, :, factor.features] = known[:, :, None] == np.arange(1, len(factor.features) + 1)
            if factor.other is not None:
                coded[:, :, factor.other] = known == len(factor.features) + 1
        return coded


def _fills(values: np.ndarray, gap: np.ndarray, inside: np.ndarray, numbers: str | None) -> np.ndarray:
    """Computes the median or the mean of the rows of each set with a value, shape (R,); 0 if there are none."""
    given = np.flatnonzero(~gap)
    given = given[np.argsort(values[given], kind="stable")]
    if not len(given):
        return np.zeros(len(inside))
    ordered, inside = values[given], np.ascontiguousarray(inside[:, given])
    if numbers == "mean":
        centre = ordered.mean()  # a large mean would cost digits
        total = inside.sum(axis=1)
        # Row by row: a product of a matrix would round by how many sets there are.
        sums = (inside * (ordered - centre)).sum(axis=1)
        return np.where(total > 0, centre + sums / np.maximum(total, 1), 0.0)
    counts = np.cumsum(inside, axis=1, dtype=np.int32)
    total = counts[:, -1]
    middle = [
        (counts >= np.maximum(place, 1)[:, None]).argmax(axis=1)
        for place in ((total + 1) // 2, total // 2 + 1)
    ]
    return np.where(total > 0, (ordered[middle[0]] + ordered[middle[1]]) / 2, 0.0)


def _levels_as_known(factor: Factor, inside: np.ndarray, rare: int) -> np.ndarray:
    """Tells what each level, a missing value and another level count as in each set, shape (R, L + 2): L is the rare ones together.

    A missing value is the most frequent level. So is a level without rows in the set if no other is rare.
    """
    count = len(factor.features) + 1
    counts = np.stack([np.bincount(factor.codes[rows], minlength=count + 1)[:count] for rows in inside])
    known = np.tile(np.arange(count + 2), (len(inside), 1))
    frequent = counts.argmax(axis=1)
    known[:, count + 1] = frequent
    if factor.other is not None:
        few = counts < rare
        # The most frequent level stands for itself, however few rows there are.
        few[np.arange(len(inside)), frequent] = False
        together = (counts * few).sum(axis=1, keepdims=True) > 0
        known[:, :count] = np.where(few, np.where(together, count, frequent[:, None]), known[:, :count])
        known[:, count + 1] = np.where(together[:, 0], count, frequent)
    known[:, count] = frequent
    return known


def members(train: np.ndarray, rows: int) -> np.ndarray:
    """Tells which of n rows are in each of R sets of row numbers (R, m): shape (R, n)."""
    inside = np.zeros((len(train), rows), dtype=bool)
    np.put_along_axis(inside, train, True, axis=1)
    return inside
