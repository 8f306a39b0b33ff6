"""What follows from the differences of pairs: verdicts, intervals that hold together, rows that are needed, and the words."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.stats

from lineup.comparison.answer import answer, beside
from lineup.comparison.differences import (
    differences,
    level_together,
    probabilities,
    region_of,
    splits_needed,
    times_as_many,
    verdict,
)
from lineup.comparison.evidence import Evidence
from lineup.comparison.intervals import corrected
from lineup.comparison.jackknife import Tested


def evidence(losses, splits=200, test=10, total=40, **changes):
    """Makes evidence of losses by model, shape (S, t), on random splits."""
    chance = np.random.default_rng(0)
    rows = np.stack([chance.permutation(total)[:test] for _ in range(splits)])
    scores = {name: values.mean(axis=1) for name, values in losses.items()}
    flat = {name: values.ravel() for name, values in losses.items()}
    known = {
        "metric": "mae", "scores": scores, "losses": flat, "tested": Tested(rows.ravel(), splits, total), "test_rows": test,
        "train_rows": total - test, "are_random": True, "are_given": False, "are_alone": True, "region": 0.1,
    }  # fmt: skip
    return Evidence(**known | changes)


def three_models(splits=200, test=10):
    chance = np.random.default_rng(1)
    hard = chance.exponential(size=(splits, test))
    return {
        name: hard + shift + chance.normal(0, 0.3, (splits, test))
        for name, shift in (("a", 0.0), ("b", 0.5), ("c", 3.0))
    }


@pytest.mark.parametrize(
    ("mean", "half", "metric", "said"),
    [
        (-2.0, 1.0, "mae", "better"),
        (2.0, 1.0, "mae", "worse"),
        (2.0, 1.0, "r2", "better"),
        (-2.0, 1.0, "accuracy", "worse"),
        (0.5, 1.0, "mae", "open"),
        (0.05, 0.04, "mae", "equivalent"),  # it leaves 0 out, by less than matters
        (0.05, 0.06, "mae", "open"),
        (0.0, 0.0, "mae", "equivalent"),
    ],
)
def test_verdicts_by_hand(mean, half, metric, said):
    assert verdict(mean, half, 0.1, metric) == said


def test_the_region_is_a_share_of_the_null_models_error():
    assert region_of(0.01, "mae", 300.0) == 3 and region_of(0.01, "log_loss", 2.3) == pytest.approx(0.023)
    assert region_of(0.01, "accuracy", 0.1) == region_of(0.01, "r2", -0.2) == 0.01


@pytest.mark.parametrize(
    ("mean", "half", "rows", "needed"),
    [
        (1.0, 2.0, 100, 400),
        (1.0, 1.9, 100, 370),
        (-3.0, 4.0, 263, 470),
        (2.0, 1.0, 9, 3),
        (0.0009, 1.0, 50, None),
        (0.0, 1.0, 9, None),
    ],
)
def test_rows_needed_by_hand(mean, half, rows, needed):
    """Twice as wide as the mean: four times the rows. The figure is rounded up to two digits."""
    assert times_as_many(half, mean, rows) == needed


def test_the_probabilities_are_those_of_baycomp():
    """The figures are those of baycomp 1.0.3 for the same scores: ``CorrelatedTTest.probs(x, y, rope=0.3, runs=2)``."""
    chance = np.random.default_rng(0)
    x, y = chance.normal(1, 2, 20), chance.normal(0, 2, 20)
    interval = corrected(y - x, 1, 9)
    found = list(probabilities(interval, 0.3, "mae"))
    assert found == pytest.approx([0.5901054761109961, 0.2186228195895683, 0.19127170429943563], rel=1e-10)
    assert list(probabilities(interval, 0.3, "r2")) == pytest.approx(found[::-1], rel=1e-10)
    assert list(probabilities(corrected(np.zeros(5), 1, 9), 0.3, "mae")) == [0, 1, 0]


def test_the_intervals_together_are_those_of_the_largest_t():
    """Of models whose scores are independent, by a simulation of its own; of three pairs it is below Bonferroni's."""
    losses = {name: np.random.default_rng(place).normal(size=(400, 10)) for place, name in enumerate("abc")}
    known = evidence(losses, splits=400)
    level = level_together(known, [corrected(np.arange(3.0), 1, 1)] * 3)
    assert level_together(known, [corrected(np.arange(41.0), 1, 1)] * 3) < 1 - 0.05 / 3
    drawn = np.random.default_rng(5).normal(size=(200_000, 3))
    scale = np.sqrt(np.random.default_rng(6).chisquare(2, 200_000) / 2)
    pairs = drawn - np.roll(drawn, 1, axis=1)
    largest = np.abs(pairs).max(axis=1) / np.sqrt(2) / scale
    expected = 2 * scipy.stats.t.cdf(np.quantile(largest, 0.95), 2) - 1
    assert level == pytest.approx(expected, abs=0.003) and level > 0.96


def test_two_models_alone_need_no_wider_interval():
    losses = {name: values for name, values in three_models().items() if name != "c"}
    (record,) = differences(evidence(losses), "b")
    assert (record["low"], record["high"]) == (record["together_low"], record["together_high"])


def test_the_records_hang_together():
    records = differences(evidence(three_models()), "a")
    assert [(one["model"], one["other"]) for one in records] == [("b", "c"), ("b", "a"), ("c", "a")]
    assert [one["verdict"] for one in records] == ["better", "worse", "worse"]
    for one in records:
        width = one["high"] - one["low"]
        assert one["low"] < one["difference"] < one["high"]
        assert 1.1 * width < one["together_high"] - one["together_low"] < 1.5 * width
    assert records[2]["effect_size"] > records[1]["effect_size"] > 1


def test_copies_of_a_model_are_equivalent():
    losses = three_models()
    losses["b"] = losses["a"]
    records = differences(evidence(losses), "a")
    record = next(one for one in records if (one["model"], one["other"]) == ("b", "a"))
    assert (record["verdict"], record["low"], record["high"], record["difference"]) == ("equivalent", 0, 0, 0)
    assert record["effect_size"] is None and record["p_equivalent"] == 1


def test_a_metric_that_is_no_number_has_no_verdict():
    losses = three_models()
    losses["c"] = np.full_like(losses["c"], np.nan)
    records = differences(evidence(losses), "a")
    assert [one["verdict"] for one in records] == [None, "worse", None]
    # The others are compared as if it were not there.
    del losses["c"]
    (alone,) = differences(evidence(losses), "a")
    assert (alone["together_low"], alone["together_high"]) == (
        records[1]["together_low"],
        records[1]["together_high"],
    )


@pytest.mark.parametrize(
    ("changes", "covers"),
    [
        ({}, "other tables of this kind"),
        ({"are_random": False}, "other tables of this kind, by the splits"),
        ({"are_given": True}, "other rows of this kind and other trainings on these"),
    ],
)
def test_each_interval_says_what_it_is_for(changes, covers):
    (record, *_) = differences(evidence(three_models(), **changes), "a")
    assert record["covers"] == covers
    old = [record["corrected_low"], record["corrected_high"]]
    assert (old == [None, None]) == (covers == "other rows of this kind and other trainings on these")
    if covers.endswith("by the splits"):
        assert old == [record["low"], record["high"]]


def test_few_splits_fall_back_on_the_corrected_interval():
    (record, *_) = differences(evidence(three_models(3), splits=3), "a")
    assert record["covers"] == "other tables of this kind, by the splits"


def said(board, records):
    lines = [
        {"model": name, "label": name.upper(), "mean_on_shared": 1.0, "splits": 200, "shared_splits": 200}
        for name in board
    ]
    return answer(lines, records, lambda value, sign="+": f"{value:{sign}.1f}", "MAE", "split")


def test_the_answer_in_words():
    """The best model is compared with each other one, also where it stands second in the pair."""
    losses = three_models()
    losses["d"] = losses["a"] + np.random.default_rng(2).normal(0, 2.0, losses["a"].shape)
    found = said("adbc", differences(evidence(losses), "a"))
    assert found[0] == "A has the best MAE, 1.0 on average over 200 splits."
    assert found[1].startswith("It is better than B (-0.5, -0.") and " and C (-3.0, -3." in found[1]
    assert found[2].startswith("Whether it is better than D (") and found[2].endswith("is open.")


def test_a_model_that_is_open_says_how_many_rows_would_settle_it():
    losses = {"a": three_models()["a"], "b": three_models()["a"]}
    losses["b"] = losses["a"] + 0.02 + np.random.default_rng(2).normal(0, 1.0, losses["a"].shape)
    (record,) = differences(evidence(losses, region=0.001), "b")
    assert record["verdict"] == "open" and record["rows_needed"] > record["rows_for_sign"] > 40
    (_, sentence) = said("ab", [record])
    for key, words in (("rows_for_sign", "rows would tell"), ("rows_needed", "in any case")):
        assert f"{record[key]:,.0f} {words}" in sentence
    # Where the region is wider than the difference, fewer rows settle it than show its sign.
    (_, sentence) = said("ab", [record | {"rows_for_sign": 500.0, "rows_needed": 400.0}])
    assert "; about 400 rows would tell)" in sentence and "500" not in sentence


def test_two_models_that_are_nearly_the_same_spoil_no_other_verdict():
    losses = three_models()
    losses["b"] = losses["a"] * (1 + 1e-11 * np.random.default_rng(3).normal(size=losses["a"].shape))
    near = {(one["model"], one["other"]): one for one in differences(evidence(losses), "a")}
    alone = differences(evidence({name: losses[name] for name in "ac"}), "a")[0]
    pair = near["c", "a"]
    assert pair["verdict"] == alone["verdict"] == "worse" and near["b", "a"]["verdict"] == "equivalent"
    assert 1 < (pair["together_high"] - pair["difference"]) / (alone["high"] - alone["difference"]) < 1.3


def test_splits_that_are_all_the_same_say_nothing():
    losses = {name: np.tile(values[:1], (50, 1)) for name, values in three_models().items()}
    records = differences(evidence(losses, splits=50, are_random=False), "a")
    assert {one["verdict"] for one in records} == {None} and records[0]["difference"] != 0


@pytest.mark.parametrize(("alone", "verdict"), [(True, "worse"), (False, None)])
def test_one_split_says_something_only_where_its_rows_are_apart(alone, verdict):
    """Rows of a group, or of days that follow each other, are no sample of so many."""
    losses = {name: values[:1] for name, values in three_models(1, 30).items()}
    record = differences(evidence(losses, splits=1, test=30, are_alone=alone), "a")[-1]
    assert record["verdict"] == verdict and record["difference"] > 2


def test_without_a_region_copies_are_equivalent_all_the_same():
    assert list(probabilities(corrected(np.zeros(5), 1, 9), 0.0, "mae")) == [0, 1, 0]
    assert list(probabilities(corrected(np.zeros(5), 1, 9), 0.0, "accuracy")) == [0, 1, 0]


@pytest.mark.parametrize(
    ("times", "needed"), [(0.0, None), (1.0, None), (1.5, 2000.0), (3.1, 4000.0), (np.inf, 4000.0)]
)
def test_splits_needed_by_hand(times, needed):
    """Rounded up to one digit; where the estimate is lost in its noise, four times as many."""
    assert splits_needed(SimpleNamespace(splits_needed=times), 1000) == needed


def test_what_is_said_of_a_pair_is_turned_round_with_it():
    pair = {
        "model": "b",
        "other": "a",
        "difference": 2.0,
        "together_low": 0.5,
        "together_high": 3.5,
        "verdict": "worse",
    }
    pair |= {"rows_for_sign": None, "rows_needed": None}
    turned = beside([pair], "a", "b")
    assert [turned[key] for key in ("difference", "together_low", "together_high", "verdict")] == [
        -2,
        -3.5,
        -0.5,
        "better",
    ]
    nothing = pair | {"difference": 0.0, "together_low": 0.0, "together_high": 0.0, "verdict": "equivalent"}
    assert str(beside([nothing], "a", "b")["difference"]) == "0.0"
    assert (
        beside([pair | {"verdict": None, "together_low": None, "together_high": None}], "a", "b")["verdict"]
        is None
    )
    assert beside([pair], "a", "c") is None
