"""What the difference of two models would be on other tables of the same kind, from the predictions on random splits of one."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy.special import stdtrit

# Each row has to be trained on and tested on in so many splits.
FEWEST = 2


@dataclass(frozen=True)
class Tested:
    """Which rows S random splits of n rows test on, t each, as flat arrays split after split, with N = S t entries.

    Attributes:
        rows: Row of each entry, shape (N,).
        splits: The number of splits S.
        total: The number of rows n.
    """

    rows: np.ndarray
    splits: int
    total: int

    @property
    def size(self) -> int:
        """The number t of test rows of a split."""
        return len(self.rows) // self.splits

    def per_row(self, values: np.ndarray) -> np.ndarray:
        """Adds up values (N,) by row, shape (n,)."""
        return np.bincount(self.rows, values, self.total)

    @cached_property
    def counts(self) -> np.ndarray:
        """How many splits test on each row, shape (n,)."""
        return np.bincount(self.rows, minlength=self.total)

    @cached_property
    def are_enough(self) -> bool:
        """Whether each row is trained on and tested on in splits enough for a variance."""
        counts = self.counts
        return counts.min() >= FEWEST and (self.splits - counts).min() >= FEWEST and self.size > 1


@dataclass(frozen=True)
class Jackknife:
    """The mean of a difference over the splits, and how far off it may be for tables of the same kind."""

    covers: ClassVar[str] = "other tables of this kind"
    mean: float
    variance: float  # of the mean over all splits of a table, from table to table
    noise: float  # what the finite number of splits adds to the variance of the mean
    margin: float  # the standard error of the first, as far as it comes from the number of splits
    plain: float  # the first without its margin and its bounds
    rows: int

    def half(self, level: float) -> float:
        """Computes half of the width of the interval of a confidence level."""
        return float(stdtrit(self.dof, (1 + level) / 2) * self.error)

    @property
    def dof(self) -> int:
        """The degrees of freedom: the rows are the sample."""
        return self.rows - 1

    @property
    def error(self) -> float:
        """The standard error of the mean."""
        return float(np.sqrt(self.variance + self.noise))

    @property
    def splits_needed(self) -> float:
        """How many times as many splits would make the interval sharp; 1 or less if it is, infinite if that cannot be told."""
        if self.margin == 0:
            return 0.0
        return 2 * self.margin / self.plain if self.plain > 0 else np.inf


def row_jackknife(losses: np.ndarray, tested: Tested) -> Jackknife:
    """Estimates the variance of a mean difference by leaving out one row after the other, from what is stored.

    Averaged over all splits, the difference is a U-statistic of the n rows. Without row i it is the average, over the
    splits that test on i, of the *other* test rows, for which nothing is trained again. The jackknife's variance of it is
    too large rather than too small (Efron and Stein, "The Jackknife Estimate of Variance", Annals of Statistics 9, 1981).
    The noise of finitely many splits is estimated and subtracted (as Wager, Hastie and Efron, JMLR 15, 2014, do for
    forests), and with it the luck of a training's seed, which is another in each split. The standard error of the noise is
    added to the estimate, as far as that leaves it below the variance of Nadeau and Bengio (2003).

    Args:
        losses: What each test row adds to the difference: its mean over a split is that of the split. Shape (N,).
        tested: The rows that these are of. They have to be enough.
    """
    n, test, splits = tested.total, tested.size, tested.splits
    train, counts = n - test, tested.counts
    k, others = train * (n - 1) / n, splits - counts
    own = tested.per_row(losses) / counts  # the mean of each row over the splits that test on it
    rest = losses - own[tested.rows]
    rest_of_split = rest.reshape(splits, test).sum(axis=1) / (test - 1)
    spread = np.repeat(rest_of_split, test)
    # What a row does to the rest of the test rows, by being tested on or trained on.
    tested_on = tested.per_row(spread) / counts
    trained_on = -counts * tested_on / others
    influence = own - own.mean() + k * (trained_on - tested_on)

    squares = tested.per_row(spread**2)
    when_tested = (squares - counts * tested_on**2) / (counts - 1)
    when_trained = ((rest_of_split**2).sum() - squares - others * trained_on**2) / (others - 1)
    of_own = tested.per_row(rest**2) / (counts - 1)
    together = tested.per_row(rest * spread) / (counts - 1)
    noise = (
        k**2 * (when_tested / counts + when_trained / others) + of_own / counts - 2 * k * together / counts
    )
    noise = noise.mean() / n
    plain = influence.var(ddof=1) / n - noise

    differences = losses.reshape(splits, test).mean(axis=1)
    between = differences.var(ddof=1)
    bound, margin = test / train * between, noise * np.sqrt(2 / n)
    variance = max(min(plain + margin, bound), plain)
    return Jackknife(
        mean=float(differences.mean()),
        variance=float(variance if variance > 0 else bound),
        noise=float(between / splits),
        margin=float(margin),
        plain=float(plain),
        rows=n,
    )
