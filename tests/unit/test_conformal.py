"""Split conformal intervals, and how often they hold."""

import numpy as np
import pytest

from lineup.comparison.conformal import coverage


def test_by_hand():
    """Of 9 rows that are known, 80 % of 10 is the eighth; the other 9 are 0.5, 1.5, ... 8.5."""
    known, others = np.arange(1.0, 10), np.arange(9) + 0.5
    own = np.empty(18)
    own[::2], own[1::2] = known, others
    shares, reach = coverage([own], np.array([0.8, 0.5, 0.9, 0.95]))
    np.testing.assert_array_equal(reach, [[8, 5, 9, np.nan]])
    np.testing.assert_allclose(shares, [[8 / 9, 5 / 9, 1, np.nan]])


@pytest.mark.parametrize("heavy", [False, True])
def test_they_hold_as_often_as_they_should(heavy):
    """With 49 known rows the place of a level is a whole number, so the chance is the level itself; standard errors are .002."""
    chance = np.random.default_rng(0)
    left = chance.standard_cauchy((2000, 98)) if heavy else chance.normal(size=(2000, 98))
    levels = np.array([0.5, 0.7, 0.9])
    shares, _ = coverage(list(np.abs(left)), levels)
    np.testing.assert_allclose(shares.mean(axis=0), levels, atol=0.008)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_few_rows(rows):
    shares, reach = coverage([np.ones(rows)], np.array([0.4, 0.9]))
    assert np.isnan(shares[:, 1]).all() and np.isnan(reach[:, 1]).all()
    assert np.isnan(shares[0, 0]) == (rows == 1)
