"""Confidence intervals of scores, and of their differences."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from scipy.special import ndtri, stdtrit

CONFIDENCE = 0.95


class Interval(Protocol):
    """The mean of a difference, and how far off it may be."""

    mean: float
    rows: int  # the rows that decide how wide it is
    covers: str  # which cases it is for
    splits_needed: (
        float  # how many times as many splits would make it sharp; 1 or less if it is, or none would
    )

    def half(self, level: float) -> float:
        """Computes half of the width of the interval of a confidence level."""


@dataclass(frozen=True)
class Paired:
    """An interval that goes by a t distribution."""

    covers: ClassVar[str] = "other tables of this kind, by the splits"
    splits_needed: ClassVar[float] = 0.0
    mean: float
    error: float  # standard error of the mean
    dof: float  # degrees of freedom
    rows: int

    def half(self, level: float) -> float:
        """Computes half of the width of the interval of a confidence level."""
        return float(stdtrit(self.dof, (1 + level) / 2) * self.error)


class OverRows(Paired):
    """The interval of a mean over random rows, with the models as trained."""

    covers: ClassVar[str] = "other rows of this kind, for these trained models"

    @classmethod
    def of(cls, losses: np.ndarray, are_hits: bool = False) -> "OverRows":
        """Makes it of the differences on t rows, shape (t,), which may be those of hits."""
        t = len(losses)
        return cls(float(losses.mean()), float(np.sqrt(_variance(losses, are_hits))), t - 1, t)


def corrected(differences: np.ndarray, test_rows: float, train_rows: float) -> Paired:
    """Makes the interval for the mean of differences of two models on S > 1 random splits, shape (S,).

    Nadeau and Bengio, "Inference for the Generalization Error", Machine Learning 52 (2003), section 4.2.
    """
    splits = len(differences)
    # Splits share training rows, so the usual variance, s^2 / S, is too small. The correction is an approximation that
    # its authors recommend, not an exact result.
    error = differences.std(ddof=1) * np.sqrt(1 / splits + test_rows / train_rows)
    return Paired(float(differences.mean()), float(error), splits - 1, round(test_rows + train_rows))


def wilson_interval(accuracy: float, rows: int) -> tuple[float, float]:
    """Computes the score interval of Wilson (1927, JASA 22) for an accuracy, a share of so many random test rows."""
    z2 = ndtri((1 + CONFIDENCE) / 2) ** 2
    centre = (accuracy + z2 / (2 * rows)) / (1 + z2 / rows)
    half = np.sqrt(z2 * (accuracy * (1 - accuracy) / rows + z2 / (4 * rows**2))) / (1 + z2 / rows)
    return float(centre - half), float(centre + half)


def _variance(by_row: np.ndarray, are_hits: bool) -> float:
    """Estimates the variance of the mean over random rows.

    Of differences of hits, half a row is added to each of the four cells of who is right, so that few rows on which models
    differ, or none, do not make it certain (Agresti and Min, Statistics in Medicine 24, 2005).
    """
    if not are_hits:
        return float(by_row.var(ddof=1) / len(by_row))
    rows = len(by_row) + 2
    return float((((by_row**2).sum() + 1) / rows - (by_row.sum() / rows) ** 2) / rows)


@dataclass(frozen=True)
class RowsAndTrainings:
    """The interval of a mean over random rows and random trainings, or of the difference of two such means.

    Each source of chance has its own quantile: the rows that of the normal distribution, the few trainings that of t, with
    the degrees of freedom of Welch where two models are trained. What rows and trainings do together counts twice, which
    is small. The models' training rows are one set, whose chance no interval of given rows can hold.
    """

    covers: ClassVar[str] = "other rows of this kind and other trainings on these"
    splits_needed: ClassVar[float] = 0.0
    mean: float
    of_rows: float  # variance of the mean by the rows
    of_trainings: float  # variance of it by the trainings
    dof: float  # degrees of freedom of these
    rows: int

    @classmethod
    def of(
        cls, first: np.ndarray, second: np.ndarray | None = None, are_hits: bool = False
    ) -> "RowsAndTrainings":
        """Makes it of what t rows add to the scores of T trainings, shape (T, t), of one model or less those of another."""
        sides = [first] if second is None else [first, second]
        by_row = first.mean(axis=0) - (0.0 if second is None else second.mean(axis=0))
        variances = [side.mean(axis=1).var(ddof=1) / len(side) for side in sides]
        total, parts = (
            sum(variances),
            sum(v**2 / (len(side) - 1) for v, side in zip(variances, sides, strict=True)),
        )
        return cls(
            float(by_row.mean()),
            _variance(by_row, are_hits),
            float(total),
            float(total**2 / parts) if parts > 0 else 1.0,
            len(by_row),
        )

    def half(self, level: float) -> float:
        """Computes half of the width of the interval of a confidence level."""
        upper = (1 + level) / 2
        return float(
            np.sqrt(ndtri(upper) ** 2 * self.of_rows + stdtrit(self.dof, upper) ** 2 * self.of_trainings)
        )
