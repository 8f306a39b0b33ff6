"""What searches of a grid of penalties by cross-validation share."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lineup.comparison.scores import GridEnds, write_evaluation
from lineup.data.design import Design
from lineup.data.imputation import Learned, members
from lineup.data.tables import Splits, write_coefficients
from lineup.errors import InputError
from lineup.models.failures import Failures

# ASSUME: a smaller penalty would not help where the last tenth of the grid lowers the error by less than this share.
FLAT = 0.001


@dataclass(frozen=True)
class Folds:
    """How many folds there are, and the seed that they are drawn with."""

    number: int
    seed: int


def fold_rows(rows: int, folds: Folds) -> list[np.ndarray]:
    """Draws which of some training rows are held out in each fold, as scikit-learn's ``KFold`` does."""
    shuffled = np.arange(rows)
    np.random.RandomState(folds.seed).shuffle(shuffled)
    return [np.sort(held) for held in np.array_split(shuffled, folds.number)]


def check_folds(model: str, rows: int, folds: Folds) -> None:
    """Raises an InputError if there are fewer training rows than folds."""
    if rows < folds.number:
        raise InputError(
            f"{model} has {folds.number} folds for the {rows} training rows of a split: lower folds.number."
        )


@dataclass(frozen=True)
class CodedFolds:
    """Training rows (S, m) as the rows that each of F folds leaves code them, one fold at a time."""

    X: np.ndarray  # the features of the table, shape (n, p)
    train: np.ndarray  # row numbers, shape (S, m)
    learned: Learned  # from the rows that each fold leaves, the S splits of the first fold first

    @classmethod
    def of(cls, design: Design, train: np.ndarray, held: list[np.ndarray]) -> "CodedFolds":
        """Learns from the rows that each fold leaves."""
        inside = np.tile(members(train, len(design.X)), (len(held), 1, 1))
        for fold, rows in zip(inside, held, strict=True):
            np.put_along_axis(fold, train[:, rows], False, axis=1)
        return cls(design.X, train, design.unlearned.learn(inside.reshape(-1, len(design.X)), design.X))

    def __call__(self, fold: int, rows: np.ndarray) -> np.ndarray:
        """Gives the features of r of the training rows, by their places, shape (S, r, p)."""
        start = fold * len(self.train)
        return self.learned.some(slice(start, start + len(self.train))).code(self.X, self.train[:, rows])


@dataclass(frozen=True)
class Training:
    """The training rows of S splits, m each, as a search sees them.

    Attributes:
        X: Features, shape (S, m, p).
        y: Targets, shape (S, m).
        weights: Weights of the rows, shape (S, m); None where they count alike.
        coded: The features as the rows that each fold leaves code them; None where that is X.
    """

    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None = None
    coded: CodedFolds | None = None

    @classmethod
    def of(cls, design: Design, train: np.ndarray, folds: Folds) -> "Training":
        """Takes training rows of a table by their numbers, shape (S, m)."""
        (X,) = design.coded(train, train)
        weights = None if design.weights is None else design.weights[train]
        held = fold_rows(train.shape[1], folds)
        return cls(X, design.y[train], weights, design.unlearned and CodedFolds.of(design, train, held))

    def left(
        self, split: int, fold: int, held: list[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Gives what a fold leaves of the rows of a split, all for the number after the last: features, targets and weights."""
        rows = np.arange(self.X.shape[1])
        rows = np.delete(rows, held[fold]) if fold < len(held) else rows
        X = self.coded(fold, rows) if self.coded and fold < len(held) else self.X[:, rows]
        return X[split], self.y[split, rows], None if self.weights is None else self.weights[split, rows]


def held_out_errors(
    training: Training, held: list[np.ndarray], coefficients: np.ndarray, intercepts: np.ndarray
) -> np.ndarray:
    """Computes the mean absolute errors on the held-out folds of S splits.

    Args:
        training: The training rows.
        held: The rows of each of the F held-out folds.
        coefficients: Of the fits without each fold at k penalties, shape (S, F or more, k, p).
        intercepts: Shape (S, F or more, k). The result has shape (S, F, k), and the unit of the target.
    """
    errors = np.empty((len(training.X), len(held), coefficients.shape[2]))
    for fold, rows in enumerate(held):
        X = training.coded(fold, rows) if training.coded else training.X[:, rows]
        predicted = X @ np.swapaxes(coefficients[:, fold], 1, 2) + intercepts[:, fold, None, :]
        off = np.abs(predicted - training.y[:, rows, None])
        if training.weights is None:
            errors[:, fold] = off.mean(axis=1)
        else:
            weights = training.weights[:, rows, None]
            errors[:, fold] = (off * weights).sum(axis=1) / weights.sum(axis=1)
    return errors


def grid_columns(
    seeds: np.ndarray, penalties: np.ndarray, errors: np.ndarray, chosen: np.ndarray
) -> dict[str, np.ndarray]:
    """Gives the columns of the table of a search: one record for each split, penalty and fold.

    Args:
        seeds: Seeds of the S splits.
        penalties: Shape (S, k).
        errors: Shape (S, F, k).
        chosen: Which penalty was chosen, shape (S,).
    """
    folds, k = errors.shape[1:]
    return {
        "seed": np.repeat(seeds, k * folds),
        "penalty": np.repeat(penalties.ravel(), folds),
        "fold": np.tile(np.arange(1, folds + 1, dtype=np.int32), len(seeds) * k),
        "mae": np.swapaxes(errors, 1, 2).ravel(),
        "chosen": np.repeat((np.arange(k) == chosen[:, None]).ravel(), folds),
    }


def ends_of(means: np.ndarray, chosen: np.ndarray) -> tuple[int, int]:
    """Counts how many of c splits chose the first penalty, and how many the last one while the mean error (c, k) still fell."""
    k = means.shape[1]
    falls = means[:, -1] < (1 - FLAT) * means[:, -1 - max(1, k // 10)]
    return int((chosen == 0).sum()), int(((chosen == k - 1) & falls).sum())


class Searched(Protocol):
    """The grid searches of c splits."""

    penalties: np.ndarray  # shape (c, k)
    errors: np.ndarray  # on the F held-out folds, shape (c, F, k)
    chosen: np.ndarray  # which penalty was chosen, shape (c,)
    coefficients: np.ndarray  # of the fits on all training rows, shape (c, k, p)
    intercepts: np.ndarray  # shape (c, k)


class ChosenFits:
    """Collects the fits at the chosen penalties, chunk by chunk of the splits, and writes what they give.

    Args:
        design: The prepared table.
    """

    def __init__(self, design: Design) -> None:
        self.design = design
        self.slopes, self.intercepts, self.predicted = [], [], []
        self.largest = self.smallest = 0  # how often an end of the grid was chosen

    def add(self, part: Splits, found: Searched) -> dict[str, np.ndarray]:
        """Takes the fits of some splits more, and gives the columns of the table of their search, see ``grid_columns``."""
        each, chosen = np.arange(len(part)), found.chosen
        (X,) = self.design.coded(part.train, part.test)
        largest, smallest = ends_of(found.errors.mean(axis=1), chosen)
        self.largest += largest
        self.smallest += smallest
        slopes, constants = found.coefficients[each, chosen], found.intercepts[each, chosen]
        self.slopes.append(slopes)
        self.intercepts.append(constants)
        self.predicted.append((X @ slopes[:, :, None])[:, :, 0] + constants[:, None])
        return grid_columns(part.seeds, found.penalties, found.errors, chosen)

    def write(
        self, predictions: str, scores: str, coefficients: str, drawn: Splits, failures: Failures
    ) -> None:
        """Writes the three tables for the splits that were fitted, see ``write_evaluation`` and ``write_coefficients``."""
        slopes, intercepts = map(np.concatenate, (self.slopes, self.intercepts))
        predicted = np.concatenate([chunk.ravel() for chunk in self.predicted])
        ends = GridEnds(self.largest, self.smallest, len(drawn))
        write_evaluation(self.design, drawn, predicted, predictions, scores, ends, failures=failures)
        write_coefficients(drawn, self.design.features, slopes, intercepts, coefficients)
