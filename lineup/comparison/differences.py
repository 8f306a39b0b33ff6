"""The differences of each pair of models on the same splits: how sure they are, and what follows from them."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from scipy.special import stdtr

from lineup.comparison.evidence import Evidence
from lineup.comparison.intervals import CONFIDENCE, Interval, OverRows, RowsAndTrainings, corrected
from lineup.comparison.jackknife import row_jackknife
from lineup.comparison.metrics import signed
from lineup.metrics import HIGHER_IS_BETTER

DRAWS = 20_000
MOST_TIMES = 4.0
# Models whose scores differ by less than this share of how they vary are one.
NOTHING = 1e-13
# ASSUME: so many splits that all models have tell how their scores go together.
FEWEST_TOGETHER = 30


def region_of(share: float, metric: str, null: float) -> float:
    """Gives the region of practical equivalence: a share of the null model's error, or as it is of what lies between 0 and 1."""
    return share if metric in HIGHER_IS_BETTER else share * abs(null)


def differences(evidence: Evidence, reference: str) -> list[dict]:
    """Compares each pair of models, best first, the reference second: a record each, see docs/outputs.md, None for what is unknown."""
    names = sorted(evidence.scores, key=lambda name: name == reference)
    pairs = list(combinations(names, 2))
    shared = {pair: evidence.of(pair) for pair in pairs}
    intervals = {pair: interval_of(shared[pair], *pair) for pair in pairs}
    level = level_together(evidence, [one for one in intervals.values() if one])
    return [record_of(shared[pair], pair, intervals[pair], level) for pair in pairs]


def interval_of(evidence: Evidence, model: str, other: str) -> Interval | None:
    """Gives the interval of a difference; None where nothing can be told, as with a metric that is no number."""
    losses = evidence.losses[model] - evidence.losses[other]
    if not evidence.splits or not np.isfinite(losses).all():
        return None
    difference = evidence.scores[model] - evidence.scores[other]
    if evidence.are_given:
        are_hits = evidence.metric == "accuracy"
        sides = [evidence.losses[name].reshape(evidence.splits, -1) for name in (model, other)]
        several = evidence.splits > 1
        return RowsAndTrainings.of(*sides, are_hits) if several else OverRows.of(losses, are_hits)
    if evidence.splits == 1:
        return OverRows.of(losses) if evidence.are_alone else None
    if losses.any() and np.ptp(difference) <= NOTHING * np.abs(difference).max():
        return None  # splits that are all the same say nothing of others
    if evidence.are_random and evidence.tested.are_enough:
        return row_jackknife(losses, evidence.tested)
    return corrected(difference, evidence.test_rows, evidence.train_rows)


def level_together(evidence: Evidence, intervals: list[Interval]) -> float:
    """Computes the confidence level of single intervals at which all of them hold together in ``CONFIDENCE`` of cases.

    It is that of the largest of the absolute t statistics of all pairs, which are correlated as the scores of the models
    are over the splits (Hothorn, Bretz and Westfall, Biometrical Journal 50, 2008). Of given rows, and where too few splits
    are those of all models, it is Bonferroni's.
    """
    whole = evidence.of(evidence.scores)
    is_apart = whole is not evidence and whole.splits < FEWEST_TOGETHER
    if len(intervals) < 2 or evidence.are_given or is_apart:
        return 1 - (1 - CONFIDENCE) / max(len(intervals), 1)
    evidence, rows = whole, whole.splits == 1
    scores = np.stack([*(evidence.losses if rows else evidence.scores).values()], axis=1)
    scores = scores[:, np.isfinite(scores).all(axis=0)]
    # The root of the covariance, with the digits that the difference of two models that are nearly equal needs.
    root = np.linalg.qr(scores - scores.mean(axis=0), mode="r") / np.sqrt(len(scores) - 1)
    root *= np.where(np.diagonal(root) < 0, -1.0, 1.0)[:, None]
    chance, dof = np.random.default_rng(0), min(one.dof for one in intervals)
    drawn = chance.normal(size=(DRAWS, len(root)))
    scale = np.sqrt(chance.chisquare(dof, DRAWS) / dof)
    largest, size = np.zeros(DRAWS), np.abs(root).max()
    for first, second in combinations(range(root.shape[1]), 2):
        apart = root[:, first] - root[:, second]
        spread = np.linalg.norm(apart)
        if spread > NOTHING * size:
            largest = np.maximum(largest, np.abs(drawn @ (apart / spread)))
    return float(2 * stdtr(dof, np.quantile(largest / scale, CONFIDENCE)) - 1)


def record_of(evidence: Evidence, pair: tuple[str, str], interval: Interval | None, level: float) -> dict:
    """Writes what is known of a pair."""
    difference = evidence.scores[pair[0]] - evidence.scores[pair[1]]
    several, metric = len(difference) > 1, evidence.metric
    record = {
        "model": pair[0],
        "other": pair[1],
        "metric": metric,
        "splits": len(difference),
        "difference": float(difference.mean()) if len(difference) else None,
        "difference_sd": float(difference.std(ddof=1)) if several else None,
    }
    if interval is None:
        return record | dict.fromkeys(ENDS) | {"splits_better": _wins(difference, metric)}
    mean, half, together = interval.mean, interval.half(CONFIDENCE), interval.half(level)
    found, region = verdict(mean, together, evidence.region, metric), evidence.region
    old = corrected(difference, evidence.test_rows, evidence.train_rows) if several else None
    old = None if evidence.are_given else old
    return record | {
        "low": mean - half,
        "high": mean + half,
        "together_low": mean - together,
        "together_high": mean + together,
        "corrected_low": old and mean - old.half(CONFIDENCE),
        "corrected_high": old and mean + old.half(CONFIDENCE),
        **dict(zip(PROBABILITIES, probabilities(old, region, metric), strict=True)),
        "effect_size": effect_size(evidence, *pair),
        "region": region,
        "verdict": found,
        "rows_for_sign": times_as_many(together, mean, interval.rows) if found == "open" else None,
        "rows_needed": times_as_many(2 * together, region, interval.rows) if found == "open" else None,
        "covers": interval.covers,
        "splits_needed": splits_needed(interval, len(difference)),
        "splits_better": _wins(difference, metric),
    }


PROBABILITIES = ("p_better", "p_equivalent", "p_worse")
ENDS = (
    "low", "high", "together_low", "together_high", "corrected_low", "corrected_high", *PROBABILITIES, "effect_size", "region",
    "verdict", "rows_for_sign", "rows_needed", "covers", "splits_needed",
)  # fmt: skip


def _wins(difference: np.ndarray, metric: str) -> int:
    return int((signed(difference, metric) < 0).sum())


def verdict(mean: float, half: float, region: float, metric: str) -> str:
    """Says what follows for the first model of a pair, if the difference is within so much of the mean.

    Returns:
        ``equivalent`` if it is within the region whatever it is, ``better`` or ``worse`` if it has one sign, else ``open``.
    """
    if abs(mean) + half <= region:
        return "equivalent"
    if abs(mean) <= half:
        return "open"
    return "better" if signed(mean, metric) < 0 else "worse"


def probabilities(interval: Interval | None, region: float, metric: str) -> Iterator[float | None]:
    """Computes the probabilities of better, equivalent and worse by the Bayesian correlated t-test.

    Corani and Benavoli, "A Bayesian approach for comparing cross-validated algorithms on multiple data sets", Machine
    Learning 100 (2015): the difference is a t variable about the mean, with the error of the corrected interval.
    """
    if interval is None:
        return iter([None] * 3)
    if interval.error > 0:
        ends = (np.array([-region, region]) - interval.mean) / interval.error
        below, above = map(float, stdtr(interval.dof, ends))
    else:
        below, above = float(interval.mean < -region), float(interval.mean <= region)
    found = [below, above - below, 1 - above]
    return iter(found if signed(1.0, metric) > 0 else found[::-1])


def effect_size(evidence: Evidence, model: str, other: str) -> float | None:
    """Computes Cohen's d of paired rows: the mean over its standard deviation of what rows differ by, each over its splits."""
    losses, tested = evidence.losses[model] - evidence.losses[other], evidence.tested
    counts = tested.counts
    by_row = tested.per_row(losses)[counts > 0] / counts[counts > 0]
    spread = by_row.std(ddof=1)
    return float(by_row.mean() / spread) if spread > 0 else None


def times_as_many(width: float, wanted: float, rows: int) -> float | None:
    """Computes how many rows would make a width as small as wanted, rounded up to two significant digits.

    A width is taken to shrink with the root of the number of rows. An interval that is no wider than the region is inside
    it or leaves out 0, whatever the truth is; one with half its width below the mean leaves out 0 if the mean stays. None if it
    is more than a million times as many.
    """
    if abs(wanted) * 1000 < width:
        return None
    needed = rows * (width / wanted) ** 2
    digit = 10 ** max(np.floor(np.log10(needed)) - 1, 0.0)
    return float(np.ceil(needed / digit) * digit)


def splits_needed(interval: Interval, splits: int) -> float | None:
    """Computes about how many splits would make an interval sharp; None if it is, or is none that more splits make sharper."""
    # ASSUME: where the estimate is lost in its noise, four times as many show more.
    times = min(interval.splits_needed, MOST_TIMES)
    if times <= 1:
        return None
    digit = 10 ** np.floor(np.log10(times * splits))
    return float(np.ceil(times * splits / digit) * digit)
