"""What the searches of a penalty for classes share, whatever solves them."""

import math
from dataclasses import dataclass

import numpy as np

from lineup.data.design import Design
from lineup.data.stratification import stratified_folds
from lineup.errors import InputError
from lineup.models.grid_search import Folds, check_folds

# Slopes below this come of rounding alone: numbers of a table are no smaller than 1e-15.
NOTHING = 1e-30


@dataclass(frozen=True)
class Penalties:
    """The grid of penalties: how many, and the last one as a share of the first."""

    number: int
    smallest: float


@dataclass(frozen=True)
class Settings:
    """The settings of a penalized logistic regression, see logistic_lasso.yaml."""

    standardize: bool
    penalties: Penalties
    validation: str | float
    folds: Folds
    solver: str
    seed: int
    tolerance: float
    max_iterations: int
    failures: str = "leave_out"

    def shares(self) -> np.ndarray:
        """Gives the penalties as shares of the largest, from this down."""
        return np.geomspace(1, self.penalties.smallest, self.penalties.number)


@dataclass(frozen=True)
class Search:
    """What the search of the penalty on one split gave, of F held-out sets, G penalties and p features."""

    penalties: np.ndarray  # from the largest to the smallest, shape (G,)
    log_loss: np.ndarray  # on the rows held out, shape (F, G)
    accuracy: np.ndarray  # on the rows held out, shape (F, G)
    nonzero: np.ndarray  # number of coefficients that are not zero, shape (F, G)
    converged: np.ndarray  # whether the solver reached its tolerance, shape (F, G)
    refit: bool  # whether it did in the fit on all training rows
    # Of that fit, per unit of the feature in the table: of two classes the change of the logit of the second, shape (1, p),
    # of K more those of each, shape (K, p).
    coefficients: np.ndarray
    intercepts: np.ndarray  # shape (1,) or (K,)
    probabilities: np.ndarray  # predicted for the test rows, shape (t, K)

    @property
    def chosen(self) -> int:
        """The place of the penalty with the lowest mean log loss, the largest of several."""
        return int(self.log_loss.mean(axis=0).argmin())


def held_out_sets(
    y: np.ndarray, train: np.ndarray, split_seed: int, settings: Settings
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draws the sets of training rows to fit on and to hold out: the folds, or a share that is rounded up.

    Raises:
        InputError: If nothing would be left to fit on.
    """
    if settings.validation == "folds":
        check_folds("The penalized logistic regression", len(train), settings.folds)
        folds = stratified_folds(y[train], settings.folds.number, settings.folds.seed)
        return [(np.delete(train, rows), train[rows]) for rows in folds]
    held = math.ceil(settings.validation * len(train))
    if held >= len(train):
        raise InputError(
            f"A validation share of {settings.validation} leaves none of the {len(train)} training rows: lower it."
        )
    shuffled = np.random.default_rng([settings.seed, split_seed]).permutation(train)
    return [(shuffled[held:], shuffled[:held])]


def coded_for(design: Design, fitted: np.ndarray, *sides: np.ndarray) -> list[np.ndarray]:
    """Gives the features of rows (r,) of one split, with what the rows that are fitted on say: (r, p) for each side."""
    return [X[0] for X in design.coded(fitted[None], *(rows[None] for rows in sides))]


def check_penalty(largest: float, split_seed: int) -> None:
    """Raises an InputError if the largest penalty is 0, as where no feature varies, or what rounding leaves of that."""
    if not largest > NOTHING:
        raise InputError(
            f"The penalized logistic regression has no penalty to choose: in the training rows of split {split_seed} no feature "
            "has to do with the classes. Look at the features."
        )
