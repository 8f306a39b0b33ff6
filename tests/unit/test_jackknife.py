"""The interval by leaving rows out: its definition by brute force, and how often it holds the truth."""

from itertools import combinations

import numpy as np
import pytest

from lineup.comparison.intervals import corrected
from lineup.comparison.jackknife import Tested, row_jackknife


def least_squares_less_mean(X, y, train, test):
    """The absolute errors of least squares on some test rows, less those of the mean."""
    A = np.column_stack([np.ones(len(train)), X[train]])
    slopes = np.linalg.lstsq(A, y[train], rcond=None)[0]
    return np.abs(slopes[0] + X[test] @ slopes[1:] - y[test]) - np.abs(y[train].mean() - y[test])


def over_splits(X, y, splits, test, chance):
    """The differences on random splits, and the rows that they test on."""
    drawn = np.stack([chance.permutation(len(y)) for _ in range(splits)])
    losses = [least_squares_less_mean(X, y, rows[test:], rows[:test]) for rows in drawn]
    return np.concatenate(losses), Tested(drawn[:, :test].ravel(), splits, len(y))


def table(rows, chance):
    X = chance.normal(size=(rows, 3))
    return X, X[:, 0] + chance.normal(size=rows)


@pytest.mark.parametrize("test", [2, 3, 4])
def test_with_all_splits_it_is_the_jackknife(test):
    """Ten rows, and all of their splits. Without row i, the mean is one over the splits of nine rows: written out."""
    X, y = table(10, np.random.default_rng(test))
    splits = [np.array(rows) for rows in combinations(range(10), test)]
    losses = [least_squares_less_mean(X, y, np.setdiff1d(range(10), rows), rows) for rows in splits]
    found = row_jackknife(np.concatenate(losses), Tested(np.concatenate(splits), len(splits), 10))
    without = np.array(
        [
            np.mean(
                [loss[rows != left].mean() for rows, loss in zip(splits, losses, strict=True) if left in rows]
            )
            for left in range(10)
        ]
    )
    variance = 9 / 10 * ((without - without.mean()) ** 2).sum()
    # What it takes out as the noise of the number of splits is in the margin, too.
    raw = found.plain + found.margin / np.sqrt(2 / 10)
    assert raw == pytest.approx(variance, rel=1e-12) and variance > 0.001
    assert found.mean == pytest.approx(np.mean([loss.mean() for loss in losses]), rel=1e-12)


def test_the_noise_of_few_splits_is_taken_out():
    """Over many draws of 60 splits of one table, the mean of the estimate is that of 6,000 splits; with the noise it is not."""
    chance = np.random.default_rng(1)
    X, y = table(40, chance)
    many = row_jackknife(*over_splits(X, y, 6000, 10, chance))
    few = [row_jackknife(*over_splits(X, y, 60, 10, chance)) for _ in range(60)]
    plain = np.mean([one.plain for one in few])
    error = np.std([one.plain for one in few]) / np.sqrt(60)
    assert abs(plain - many.plain) < 4 * error + many.margin
    noise = np.mean([one.margin for one in few]) / np.sqrt(2 / 40)
    assert noise > 10 * error


def test_the_luck_of_a_seed_is_noise():
    """Each split's difference gets a part of its own, as by the seed of a training: the estimate stays, the old one grows."""
    chance = np.random.default_rng(2)
    X, y = table(60, chance)
    losses, tested = over_splits(X, y, 3000, 20, chance)
    seeded = losses + np.repeat(chance.normal(0, 0.3, 3000), 20)
    plain, with_seed = row_jackknife(losses, tested), row_jackknife(seeded, tested)
    assert abs(with_seed.plain - plain.plain) < 4 * with_seed.margin
    old = [corrected(values.reshape(3000, 20).mean(axis=1), 20, 40).error for values in (losses, seeded)]
    assert old[1] > 2 * old[0] and with_seed.half(0.95) < 0.6 * 2 * old[1]


def test_equal_models_differ_by_nothing():
    _, tested = over_splits(*table(20, np.random.default_rng(3)), 50, 5, np.random.default_rng(3))
    found = row_jackknife(np.zeros(250), tested)
    assert (found.mean, found.half(0.95), found.splits_needed) == (0, 0, 0)


def test_a_margin_that_is_large_asks_for_more_splits():
    chance = np.random.default_rng(4)
    X, y = table(60, chance)
    losses, tested = over_splits(X, y, 80, 20, chance)
    few = row_jackknife(losses + np.repeat(chance.normal(0, 0.4, 80), 20), tested)
    losses, tested = over_splits(X, y, 4000, 20, chance)
    assert few.splits_needed > 1 > row_jackknife(losses, tested).splits_needed


def test_the_variance_is_never_below_what_leaving_rows_out_gives():
    """Not even where the means of all splits are the same, since the test rows of each balance one another."""
    chance = np.random.default_rng(5)
    drawn = np.stack([chance.permutation(30)[:10] for _ in range(400)])
    losses = chance.normal(size=30)[drawn]
    losses -= losses.mean(axis=1, keepdims=True)
    found = row_jackknife(losses.ravel(), Tested(drawn.ravel(), 400, 30))
    assert found.noise == pytest.approx(0, abs=1e-30) and found.plain > 0.001
    assert found.variance == found.plain


@pytest.mark.parametrize(
    ("rows", "enough"),
    [
        ([[0, 1], [2, 3], [0, 1], [2, 3]], True),
        ([[0, 1], [2, 3], [0, 1], [2, 0]], False),  # row 3 is tested on once
        ([[0, 1], [0, 2], [0, 3], [1, 2], [3, 1], [2, 3], [1, 2], [0, 3]], True),
        ([[0], [1], [2], [3]] * 2, False),  # one test row has no rest
    ],
)
def test_every_row_needs_two_splits_on_each_side(rows, enough):
    assert Tested(np.ravel(rows), len(rows), 4).are_enough == enough


@pytest.mark.parametrize("rows", [50, pytest.param(100, marks=pytest.mark.slow)])
def test_the_interval_holds_the_truth(rows):
    """Of 200 tables and 200 splits, between 91 and 99.5 % of the intervals hold the truth.

    That is the difference over 3,000 new training sets. Monte Carlo alone is good to 1.5 %.
    """
    chance = np.random.default_rng(rows)
    test = rows // 3
    train, new = rows - test, np.random.default_rng(0)
    truth = []
    for _ in range(3000):
        X, y = table(train + 200, new)
        truth.append(least_squares_less_mean(X, y, np.arange(train), np.arange(train, train + 200)).mean())
    held = 0
    for _ in range(200):
        found = row_jackknife(*over_splits(*table(rows, chance), 200, test, chance))
        held += abs(found.mean - np.mean(truth)) < found.half(0.95)
    assert 0.91 <= held / 200 <= 0.995
