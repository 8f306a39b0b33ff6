"""What more rows would bring: the errors of models on nested shares of their training rows, and the power law through them."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lineup.comparison.differences import interval_of
from lineup.comparison.evidence import Evidence
from lineup.comparison.intervals import CONFIDENCE, Interval
from lineup.comparison.jackknife import Tested
from lineup.comparison.leaderboard import by_model_name, write_csv
from lineup.comparison.scores import contributions_of, read_predicted
from lineup.data.design import Design, read_design
from lineup.data.tables import Splits, read_schema, read_splits, read_table
from lineup.errors import InputError, warn
from lineup.metrics import HIGHER_IS_BETTER

# How many times as many training rows the law is asked about.
MORE = 4 / 3
# ASSUME: a law that misses a mean error by more than this share of it is none.
MISS = 0.03
# A law has three numbers, so it takes four sizes to see whether it fits.
FEWEST = 4
EXPONENTS = (0.02, 4.0)
STEP = 1e-4


@dataclass(frozen=True)
class PowerLaw:
    """The error as ``floor + scale * rows ** -exponent``, none of them negative."""

    floor: float  # what is left with ever more rows, in the unit of the error
    scale: float
    exponent: float
    misfit: float  # the largest distance from an error, as a share of it

    def __call__(self, rows: np.ndarray | float) -> np.ndarray | float:
        """Gives the error with so many training rows."""
        return self.floor + self.scale * np.asarray(rows, dtype=np.float64) ** -self.exponent


def fit_power_law(rows: np.ndarray, errors: np.ndarray) -> PowerLaw:
    """Fits a power law to errors (k,) at k training sizes, by least squares of relative residuals.

    For each exponent the other two numbers solve a linear problem; the exponent is searched on finer and finer grids.
    Learning curves are close to such laws once there are rows enough (Viering and Loog, "The Shape of Learning Curves: a Review",
    IEEE TPAMI 45, 2023).
    """
    largest = rows.max()
    low, high = np.log(EXPONENTS)
    for _ in range(6):
        grid = np.exp(np.linspace(low, high, 41))
        falls = (rows / largest) ** -grid[:, None] / errors  # shape (41, k)
        flat = np.broadcast_to(1 / errors, falls.shape)
        solved = _nonnegative(flat, falls)
        missed = solved[:, :1] * flat + solved[:, 1:] * falls - 1
        best = int((missed**2).sum(axis=1).argmin())
        step = np.log(grid[1] / grid[0])
        low, high = np.log(grid[best]) - step, np.log(grid[best]) + step
        low, high = max(low, np.log(EXPONENTS[0])), min(high, np.log(EXPONENTS[1]))
    floor, scale = solved[best]
    return PowerLaw(
        float(floor),
        float(scale * largest ** grid[best]),
        float(grid[best]),
        float(np.abs(missed[best]).max()),
    )


def _nonnegative(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Solves ``a * one + b * other = 1``, shape (G, k) each, by least squares with no negative a and b, shape (G, 2)."""
    squares, others, products = (one**2).sum(axis=1), (other**2).sum(axis=1), (one * other).sum(axis=1)
    sums, totals = one.sum(axis=1), other.sum(axis=1)
    determinant = squares * others - products**2
    both = np.stack([sums * others - totals * products, totals * squares - sums * products], axis=1)
    both /= determinant[:, None]
    # Of the two that leave one out, the better one explains more.
    first = sums**2 / squares >= totals**2 / others
    alone = np.stack([np.where(first, sums / squares, 0.0), np.where(first, 0.0, totals / others)], axis=1)
    return np.where(both.min(axis=1, keepdims=True) >= 0, both, alone)


def fitting_law(rows: np.ndarray, errors: np.ndarray) -> tuple[PowerLaw, int] | None:
    """Fits the law to as many of the largest sizes as it fits, four at least: the law and the first of them, or None."""
    for first in range(len(rows) - FEWEST + 1):
        if (errors[first:] > 0).all():
            law = fit_power_law(rows[first:], errors[first:])
            if law.misfit <= MISS:
                return law, first
    return None


def gradient(value: Callable[[np.ndarray], float], at: np.ndarray) -> np.ndarray:
    """Computes the derivatives of a function of k errors by each, by central differences."""
    steps = np.diag(STEP * np.abs(at))
    return np.array([(value(at + step) - value(at - step)) / (2 * step.sum()) for step in steps])


@dataclass(frozen=True)
class Curve:
    """What one model did at k training sizes, the smallest first."""

    rows: np.ndarray  # mean numbers of training rows, shape (k,)
    losses: np.ndarray  # what each of the N test rows adds to the error, split after split, shape (k, N)
    tests: np.ndarray  # how many test rows each of the S splits has, shape (S,)
    # Makes the evidence of scores (S,) and losses (N,) beside none, with the name of the metric.
    evidence: Callable[[np.ndarray, np.ndarray, str], Evidence]
    metric: str  # of which the error is made

    def interval(self, weights: np.ndarray, metric: str = "error") -> Interval | None:
        """Gives the interval of a weighted sum of the errors, with weights of shape (k,)."""
        evidence = self.evidence(weights @ self.scores, weights @ self.losses, metric)
        return interval_of(evidence, "sum", "nothing")

    @property
    def scores(self) -> np.ndarray:
        """The errors of each split, shape (k, S)."""
        starts = np.cumsum(self.tests) - self.tests
        return np.add.reduceat(self.losses, starts, axis=1) / self.tests

    @property
    def errors(self) -> np.ndarray:
        """The mean errors, shape (k,)."""
        return self.scores.mean(axis=1)


def sizes_of(curve: Curve) -> list[dict]:
    """Gives a record for each training size: the mean error, and its interval."""
    found = []
    for each, rows, error in zip(np.eye(len(curve.rows)), curve.rows, curve.errors, strict=True):
        interval = curve.interval(each, curve.metric)
        half = interval and interval.half(CONFIDENCE)
        ends = {"low": max(error - half, 0.0), "high": error + half} if half is not None else {}
        found.append({"training_rows": round(rows), "error": float(error), "low": None, "high": None} | ends)
    return found


def law_of(curve: Curve) -> dict:
    """Says what a third more training rows would bring a model, and how far off that may be, where the law fits.

    The gain is a function of the mean errors. Its interval is that of its first order: the same weighted sum of what each
    test row adds to them, so that what the errors at several sizes have in common counts once.
    """
    rows, errors = curve.rows, curve.errors
    found = {"rows": round(rows[-1]), "more_rows": round(MORE * rows[-1])}
    fitted = fitting_law(rows, errors)
    if fitted is None:
        keys = (
            "floor", "scale", "exponent", "misfit", "from_rows", "error", "more_error", "gain", "low", "high", "covers",
        )  # fmt: skip
        return found | dict.fromkeys(keys)
    law, first = fitted

    def gain(at: np.ndarray) -> float:
        other = fit_power_law(rows[first:], at)
        return float(other(rows[-1]) - other(MORE * rows[-1]))

    weights = np.concatenate([np.zeros(first), gradient(gain, errors[first:])])
    interval, now = curve.interval(weights), gain(errors[first:])
    half = interval.half(CONFIDENCE) if interval else None
    return found | {
        "floor": law.floor,
        "scale": law.scale,
        "exponent": law.exponent,
        "misfit": law.misfit,
        "from_rows": round(rows[first]),
        "error": float(law(rows[-1])),
        "more_error": float(law(rows[-1])) - now,
        "gain": now,
        "low": None if half is None else now - half,
        "high": None if half is None else now + half,
        "covers": interval and interval.covers,
    }


def training_sizes(
    table: str,
    splits: list[str],
    predictions: list[str],
    sizes_csv: str,
    laws_csv: str,
    models: list[str],
    metric: str,
    method: str,
    logger: logging.Logger,
    threshold: float = 0.5,
) -> None:
    """Writes the errors of models on nested shares of their training rows, and the power laws through them.

    Args:
        table: The prepared table.
        splits: The first block of splits, and that with its first splits at each share, see ``lineup/data/training_shares.py``.
        predictions: Of each model those on the two.
        sizes_csv: CSV file to write: see ``sizes_of``.
        laws_csv: CSV file to write: see ``law_of``.
        models: Names of the models, in the order of the predictions.
        metric: The metric that ranks.
        method: How the splits were made; ``given`` where their rows came with the table.
        logger: Where to report.
        threshold: The probability above which the second of two classes is predicted.
    """
    design, (whole, smaller) = read_design(table), [read_splits([path]) for path in splits]
    sizes, laws = [], []
    for model, paths in by_model_name(models, predictions).items():
        if missing_from(paths, whole, smaller):
            warn(
                logger,
                f"{model} could not be fitted on all splits of training_sizes, and stands in none of its tables.",
            )
            continue
        curve = curve_of(design, table, whole, smaller, paths, metric, method, threshold)
        sizes += [{"model": model} | one for one in sizes_of(curve)]
        law = law_of(curve)
        laws.append({"model": model} | law)
        if law["gain"] is None:
            logger.info("%s: no power law fits its errors at these sizes.", model)
        else:
            logger.info("%s: %d rows would make %.5g of %.5g.", model, law["more_rows"], law["more_error"], law["error"])  # fmt: skip
    if not laws:
        raise InputError(
            "No model could be fitted on all splits of training_sizes: take it out of the config, or lower its splits."
        )
    write_csv(sizes, sizes_csv)
    write_csv(laws, laws_csv)


def missing_from(paths: list[str], whole: Splits, smaller: Splits) -> bool:
    """Tells whether a model has no predictions for some of the splits that the curves are made of, by their seeds."""
    number = len(np.unique(smaller.seeds))
    first, second = (read_table(path, ["seed"])["seed"] for path in paths)
    is_in_all = np.isin(whole.seeds[:number], first).all()
    return not is_in_all or len(second) != smaller.sizes()[1].sum()


def curve_of(
    design: Design,
    table: str,
    whole: Splits,
    smaller: Splits,
    paths: list[str],
    metric: str,
    method: str,
    threshold: float = 0.5,
) -> Curve:
    """Collects what a model did at each size: on ``smaller``, share after share, and on the same splits of ``whole``."""
    number = len(np.unique(smaller.seeds))
    full, parts = whole[:number], len(smaller) // number
    tested = Tested(np.concatenate(list(full.test)), number, len(design.y))
    first, second = (read_predicted([path], design.task) for path in paths)
    losses = np.concatenate(
        [
            contributions_of(metric, design, smaller, second, threshold).reshape(parts, -1),
            contributions_of(metric, design, full, first[: len(tested.rows)], threshold)[None],
        ]
    )
    if metric in HIGHER_IS_BETTER:
        losses = 1 - losses
    has_groups = "group" in read_schema(table).get("roles", {})
    trained = smaller.sizes()[0].reshape(parts, number).mean(axis=1)
    train_rows, test_rows = (float(side.mean()) for side in full.sizes())

    def evidence(scores: np.ndarray, values: np.ndarray, name: str) -> Evidence:
        return Evidence(
            metric=name,
            scores={"sum": scores, "nothing": np.zeros_like(scores)},
            losses={"sum": values, "nothing": np.zeros_like(values)},
            tested=tested,
            train_rows=train_rows,
            test_rows=test_rows,
            are_random=method == "random" and not has_groups,
            are_given=method == "given",
            are_alone=method != "time" and not has_groups,
            region=0.0,
        )

    return Curve(np.append(trained, train_rows), losses, full.sizes()[1], evidence, metric)
