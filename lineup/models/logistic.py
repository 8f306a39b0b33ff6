"""Fits a logistic regression, or of many classes a multinomial one, on every split, by maximum likelihood."""

import logging
from dataclasses import dataclass

import numpy as np

from lineup.comparison.scores import write_evaluation
from lineup.data.design import Design, read_design
from lineup.data.tables import Splits, read_splits, write_table
from lineup.errors import InputError
from lineup.models.proximal_newton import Fits, Path, probabilities_of
from lineup.parallel import map_in_processes

# How steep the mean log loss may still be, by standardized feature, and after how many steps a fit is given up.
TOLERANCE, STEPS = 1e-9, 200
# More coefficients would take too long to solve for.
MOST = 4000
# Directions that features vary less in than this share of the most are dependent.
DEPENDENT = 1e-10


@dataclass(frozen=True)
class Fit:
    """A fit on one split, for K classes and p features."""

    # Of two classes the change of the logit of the second per unit of a feature, shape (1, p), of K more those of each, (K, p).
    coefficients: np.ndarray
    intercepts: np.ndarray  # shape (1,) or (K,)
    is_separated: bool  # whether the training rows are told apart without a mistake, so that there is no largest likelihood
    has_converged: bool

    def probabilities(self, X: np.ndarray) -> np.ndarray:
        """Predicts for features (n, p) the probabilities of the classes, shape (n, K)."""
        P = probabilities_of(X @ self.coefficients.T + self.intercepts)
        return np.column_stack([1 - P, P]) if P.shape[1] == 1 else P


def maximum_likelihood(X: np.ndarray, y: np.ndarray, classes: int, weights: np.ndarray | None = None) -> Fit:
    """Fits a logistic regression to features (n, p) and the places of K classes (n,), of rows with weights (n,) if they have.

    Of linearly dependent features, the coefficients are those of smallest norm, of the standardized features. Where the
    classes can be told apart, the fit goes on until its slopes are small.

    Raises:
        InputError: If there are too many coefficients.
    """
    number = min(len(X) - 1, X.shape[1]) * (1 if classes == 2 else classes)
    if number > MOST:
        raise InputError(
            f"A logistic regression without a penalty would have {number:,} coefficients, and {MOST:,} are the most: take logistic_lasso, "
            "or a network with hidden: []."
        )
    share = np.full(len(X), 1 / len(X)) if weights is None else weights / weights.sum()
    centre = share @ X
    spread = np.sqrt(share @ (X - centre) ** 2)
    spread = np.where(X.min(axis=0) < X.max(axis=0), spread, 1.0)
    Z = (X - centre) / spread
    # The directions that the rows vary in: fewer than the features, if these are many or dependent.
    _, strength, axes = np.linalg.svd(Z, full_matrices=False)
    kept = strength > DEPENDENT * max(strength.max(initial=0.0), 1e-300)
    # Each of them of about unit variance, so that no Hessian is nearly singular for the features' sake.
    axes = axes[kept] * (np.sqrt(len(X)) / strength[kept])[:, None]
    Z = np.column_stack([np.ones(len(X)), Z @ axes.T])
    Y = (y == 1)[None].astype(np.float64) if classes == 2 else np.eye(classes)[:, y]
    path = Path(Fits(Z, Y, share[None], np.zeros((1, Z.shape[1]))), TOLERANCE, STEPS)
    converged = path.step_to(1.0)[0]
    slopes = (path.B[0, 1:].T @ axes) / spread
    P = path.P[0]
    best = P[0] > 0.5 if classes == 2 else P.argmax(axis=0)
    separated = bool((best == y).all())
    return Fit(slopes, path.B[0, 0] - slopes @ centre, separated, bool(converged or separated))


def fit_logistic(
    table: str,
    splits: str,
    predictions: str,
    scores: str,
    coefficients: str,
    processes: int,
    logger: logging.Logger,
) -> None:
    """Fits a logistic regression on the training rows of a block of splits and writes what it gives.

    Args:
        table: The prepared table.
        splits: The block of splits.
        predictions: Parquet file to write, see ``write_evaluation``.
        scores: Parquet file to write, see ``write_evaluation``.
        coefficients: Parquet file to write, see ``write_coefficients_of_classes``.
        processes: How many splits are worked on at once. The result does not depend on it.
        logger: Where to report.
    """
    design, drawn = read_design(table), read_splits([splits])

    def work(place: int) -> tuple[Fit, np.ndarray]:
        train, test = drawn.train[place], drawn.test[place]
        X, X_test = (side[0] / design.scale for side in design.coded(train[None], train[None], test[None]))
        weights = None if design.weights is None else design.weights[train]
        fit = maximum_likelihood(X, design.y[train], len(design.classes), weights)
        return fit, fit.probabilities(X_test)

    found = list(map_in_processes(work, range(len(drawn)), min(processes, len(drawn))))
    fits, predicted = zip(*found, strict=True)
    counts = {
        "separated": sum(fit.is_separated for fit in fits),
        "unfinished": sum(not fit.has_converged for fit in fits),
    }
    write_evaluation(design, drawn, np.concatenate(predicted), predictions, scores, counts=counts)
    slopes = [fit.coefficients / design.scale for fit in fits]
    write_coefficients_of_classes(design, drawn, slopes, [fit.intercepts for fit in fits], coefficients)
    logger.info("Logistic regression fitted on %d splits.", len(drawn))


def write_coefficients_of_classes(
    design: Design, splits: Splits, slopes: list[np.ndarray], intercepts: list[np.ndarray], path: str
) -> None:
    """Writes the coefficients of each of S splits.

    Args:
        design: The prepared table.
        splits: The splits.
        slopes: Of each, per unit of the feature: of two classes those of the second, shape (1, p), else (K, p).
        intercepts: Of each, shape (1,) or (K,).
        path: Parquet file to write: ``seed``, ``class`` (its place), ``term`` and ``coefficient``, per unit of the feature in
            the table. The intercept is the term ``(intercept)``.
    """
    terms, classes = ["(intercept)", *design.features], np.arange(len(design.classes), dtype=np.int16)
    of = classes[1:] if len(classes) == 2 else classes
    values = [np.column_stack(pair) for pair in zip(intercepts, slopes, strict=True)]
    write_table(
        {
            "seed": np.repeat(splits.seeds, len(of) * len(terms)),
            "class": np.tile(np.repeat(of, len(terms)), len(splits)),
            "term": terms * (len(of) * len(splits)),
            "coefficient": np.concatenate(values).ravel(),
        },
        path,
    )
