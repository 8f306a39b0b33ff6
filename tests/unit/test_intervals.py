"""Confidence intervals: those of scipy, small cases by hand, and how often they hold the truth."""

import numpy as np
import pytest
import scipy.stats

from lineup.comparison.intervals import OverRows, RowsAndTrainings, corrected, wilson_interval

# The last digits of a sum may differ.
ROUNDING = 1e-12
# Two ways to the quantile of a distribution: both are good to 1e-13 or so.
QUANTILE = 1e-11
# 95 % of a t distribution with 2 degrees of freedom lie within this, with 1 within that, from a printed table.
T_2, T_1 = 4.30265, 12.70620


def ends_of(interval):
    """The ends of a 95 % interval."""
    return interval.mean - interval.half(0.95), interval.mean + interval.half(0.95)


def corrected_interval(*arguments):
    return ends_of(corrected(*arguments))


# The interval of a mean difference


@pytest.mark.parametrize(("splits", "test", "train"), [(2, 88, 175), (20, 10, 90), (1000, 88, 175)])
def test_the_interval_is_that_of_nadeau_and_bengio(splits, test, train):
    """By scipy, from the formula: the variance of the mean is (1/J + n2/n1) s^2, with J - 1 degrees of freedom."""
    differences = np.random.default_rng(splits).normal(-3, 7, splits)
    mean = sum(differences) / splits
    variance = sum((differences - mean) ** 2) / (splits - 1)
    error = ((1 / splits + test / train) * variance) ** 0.5
    expected = scipy.stats.t(df=splits - 1, loc=mean, scale=error).interval(0.95)
    interval = corrected_interval(differences, test, train)
    assert interval == pytest.approx(expected, rel=QUANTILE)
    assert all(type(end) is float for end in interval)
    # Without the correction, as if each split had new rows, it is narrower, and of many splits far too narrow.
    plain = scipy.stats.t(splits - 1, mean, (variance / splits) ** 0.5).interval(0.95)
    assert interval[0] < plain[0] < plain[1] < interval[1]
    widening = (interval[1] - interval[0]) / (plain[1] - plain[0])
    assert widening == pytest.approx((1 + splits * test / train) ** 0.5, rel=1e-6)
    assert widening > (20 if splits == 1000 else 1.4 if splits == 2 else 1.7)


def test_the_interval_by_hand():
    """Of 1, 2 and 3 the variance is 1, and 1/3 + 5/12 is 3/4. The printed t has six digits."""
    low, high = corrected_interval(np.array([1.0, 2.0, 3.0]), 5, 12)
    assert (low, high) == pytest.approx((2 - T_2 * 0.75**0.5, 2 + T_2 * 0.75**0.5), rel=1e-5)
    low, high = corrected_interval(np.array([0.0, 2.0]), 1, 2)
    assert (low, high) == pytest.approx((1 - T_1 * 2**0.5, 1 + T_1 * 2**0.5), rel=1e-5)


def test_the_interval_follows_the_differences():
    """It moves with them, and is turned round and stretched with them; without test rows it is Student's own."""
    differences = np.random.default_rng(0).normal(2, 3, 30)
    low, high = corrected_interval(differences, 88, 175)
    assert corrected_interval(differences + 5, 88, 175) == pytest.approx((low + 5, high + 5), rel=ROUNDING)
    assert corrected_interval(-10 * differences, 88, 175) == pytest.approx(
        (-10 * high, -10 * low), rel=ROUNDING
    )
    assert corrected_interval(np.full(30, 2.0), 88, 175) == (2, 2)
    plain = scipy.stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    assert corrected_interval(differences, 0, 175) == pytest.approx(tuple(plain), rel=QUANTILE)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """Two models that predict a constant, 0 and c, of a target with mean 0: their squared errors differ by -c^2.

    For models that learn nothing the correction is right in expectation: the variance over the splits of one
    table, times n2/n1, is that over tables. Of 1,000 tables, 95 % has a standard error of 0.7 %, and the
    bounds are three of them away. The uncorrected interval has a fifth of the right width.
    """
    generator = np.random.default_rng(0)
    rows, test, splits, shift, tables = 60, 20, 50, 0.3, 1000
    held = {"corrected": 0, "plain": 0}
    for _ in range(tables):
        y = generator.normal(size=rows)
        tested = generator.permuted(np.tile(y, (splits, 1)), axis=1)[:, :test]
        differences = (tested**2 - (tested - shift) ** 2).mean(axis=1)
        for name, counted in (("corrected", test), ("plain", 0)):
            low, high = corrected_interval(differences, counted, rows - test)
            held[name] += low < -(shift**2) < high
    assert 0.929 < held["corrected"] / tables < 0.971
    assert held["plain"] / tables < 0.4


# On given test rows


@pytest.mark.parametrize(("hits", "rows"), [(9651, 10_000), (1, 30), (30, 30), (0, 12)])
def test_the_interval_of_an_accuracy_is_that_of_scipy(hits, rows):
    expected = scipy.stats.binomtest(hits, rows).proportion_ci(0.95, method="wilson")
    low, high = wilson_interval(hits / rows, rows)
    assert (low, high) == pytest.approx(tuple(expected), rel=QUANTILE, abs=1e-15)
    assert 0 <= low < high <= 1 and high - low > 0.005


def test_the_interval_of_a_difference_on_the_same_rows_is_that_of_scipy():
    differences = np.random.default_rng(0).choice([-1.0, 0.0, 1.0], 500, p=[0.02, 0.93, 0.05])
    expected = scipy.stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    assert ends_of(OverRows.of(differences)) == pytest.approx(tuple(expected), rel=QUANTILE)
    # Rows on which both are right or both are wrong make it narrow: as two samples it would be far wider.
    assert np.diff(expected) < 0.06


# On given test rows, over several trainings


def test_rows_and_trainings_by_hand():
    """Means of rows 1, 2, 3 have the variance 1, those of the two trainings, 1 and 3, the variance 2."""
    hits = np.array([[0.0, 1.0, 2.0], [2.0, 3.0, 4.0]])
    found = RowsAndTrainings.of(hits)
    assert (found.mean, found.of_rows, found.of_trainings, found.dof) == (2, pytest.approx(1 / 3), 1, 1)
    assert found.half(0.95) == pytest.approx(np.sqrt(1.959964**2 / 3 + T_1**2), rel=1e-5)
    # The other model is trained once and again with the same result: its part is 0, and the freedom that of the first.
    against = RowsAndTrainings.of(hits, np.zeros((2, 3)))
    assert (against.half(0.95), against.dof) == (found.half(0.95), 1)
    # Where both vary alike, there is twice the freedom.
    assert RowsAndTrainings.of(hits, hits[:, ::-1]).dof == pytest.approx(2)


def test_the_interval_of_rows_and_trainings_holds_the_truth():
    """Accuracies of .7 and .72 that vary by .015 from training to training: 4 trainings, 500 rows, 400 tables.

    The rows alone, as if the trainings were all there can be, hold it far less often. It is safe rather than exact.
    """
    generator = np.random.default_rng(0)
    held = {"both": 0, "rows": 0}
    for _ in range(400):
        hard = generator.normal(size=500)
        sides = []
        for accuracy in (0.7, 0.72):
            shares = scipy.stats.norm.ppf(accuracy + generator.normal(0, 0.015, 4))
            sides.append((0.8 * hard + 0.6 * generator.normal(size=(4, 500)) < shares[:, None]).astype(float))
        for name, interval in {
            "both": RowsAndTrainings.of(*sides),
            "rows": OverRows.of(sides[0].mean(axis=0) - sides[1].mean(axis=0)),
        }.items():
            low, high = ends_of(interval)
            held[name] += low < -0.02 < high
    assert held["both"] / 400 > 0.93 > held["rows"] / 400 + 0.05


def test_models_that_are_right_on_the_same_rows_are_not_certainly_equal():
    """On 24 rows: nothing is known of the next one but that it is seldom that they differ."""
    hits = np.ones((2, 24))
    assert OverRows.of(np.zeros(24)).half(0.95) == RowsAndTrainings.of(hits, hits).half(0.95) == 0
    half = RowsAndTrainings.of(hits, hits, are_hits=True).half(0.95)
    assert half == pytest.approx(1.959964 * np.sqrt(1 / 26**2), rel=1e-6)
    assert OverRows.of(np.zeros(24), are_hits=True).half(0.95) > half
    # Of ten thousand rows it makes no difference.
    many = np.random.default_rng(0).choice([-1.0, 0.0, 1.0], 10_000, p=[0.02, 0.93, 0.05])
    assert OverRows.of(many, True).half(0.95) == pytest.approx(OverRows.of(many).half(0.95), rel=2e-3)
