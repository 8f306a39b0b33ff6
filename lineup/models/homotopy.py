"""Lasso paths by homotopy, for many small problems at once.

Between two penalties at which a coefficient joins or leaves, the lasso solution is linear in the
penalty, so a path is known from its knots alone (Osborne, Presnell and Turlach 2000; Efron, Hastie,
Johnstone and Tibshirani 2004). All problems of a batch take a knot at each step, by a principal pivot
(a sweep, Goodnight 1979) of a tableau that holds the inverse of the Gram matrix of the active features.
"""

from dataclasses import dataclass, fields

import numpy as np

# An event closer than this to the last one, relative to the penalty, is that event.
SAME = 1e-10
# A feature of which the active ones leave this share of its variance or less depends on them, and stays out.
DEPENDENT = 1e-10
# Problems whose tableaus of some twenty features stay in the processor's cache together.
BATCH = 330


@dataclass
class _Batch:
    """Where B paths are, problems along the last axis: the inner loops of NumPy are then long.

    With the active features A, their signs s (times their weights) and the others I, the solution at a penalty is
    ``start - penalty * slope`` on A, and the correlations left are ``rest + penalty * lift`` on I.
    """

    problem: np.ndarray  # their numbers, shape (B,)
    penalties: np.ndarray  # from the largest down, shape (k, B)
    weights: np.ndarray  # shape (p, B)
    # Shape (p, p, B): on A and A the inverse of the Gram matrix G there; on I and A, G times it; on A and I, minus
    # that, transposed; on I and I, what A leaves of G.
    tableau: np.ndarray
    level: np.ndarray  # start on A, rest on I, shape (p, B)
    tilt: np.ndarray  # slope on A, lift on I, shape (p, B)
    sign: np.ndarray  # shape (p, B)
    active: np.ndarray  # shape (p, B)
    barred: np.ndarray  # what depends on the active features, shape (p, B)
    penalty: np.ndarray  # at the last knot, shape (B,)
    event: np.ndarray  # the feature that joins or leaves there, shape (B,)

    def some(self, which: np.ndarray) -> "_Batch":
        """Takes some of the problems."""
        return _Batch(
            *(np.ascontiguousarray(getattr(self, field.name)[..., which]) for field in fields(self))
        )


def lasso_paths(
    gram: np.ndarray, correlation: np.ndarray, weights: np.ndarray, penalties: np.ndarray
) -> np.ndarray:
    """Solves B lasso problems of p features, each at k penalties.

    Problem i minimizes ``b' gram b / 2 - correlation' b + penalty * sum_j weights_j |b_j|``. The
    solutions are to be checked, see ``duality_gaps``: where features tie or are linearly dependent, a
    path may go wrong.

    Args:
        gram: Shape (B, p, p), with ones or zeros on the diagonals.
        correlation: Shape (B, p).
        weights: Positive, shape (B, p).
        penalties: From the largest down, shape (B, k).

    Returns:
        The coefficients, shape (B, k, p); zero at penalties that a path did not reach.
    """
    count, features = correlation.shape
    paths = np.zeros((count, penalties.shape[1], features))
    for first in range(0, count, BATCH):
        problem = np.arange(first, min(first + BATCH, count))
        batch = _begun(problem, *(part[problem] for part in (gram, correlation, weights, penalties)))
        # A path of the lasso has about as many knots as features; one with many more is left to the check.
        for _ in range(10 * features + 100):
            unfinished = batch.penalty > batch.penalties[-1]
            if not unfinished.all():
                batch = batch.some(unfinished)
            if not len(batch.problem):
                break
            _pivot(batch)
            _next_knot(batch, paths)
    return paths


def _begun(
    problem: np.ndarray, gram: np.ndarray, correlation: np.ndarray, weights: np.ndarray, penalties: np.ndarray
) -> _Batch:
    """Begins the paths of some problems where the first coefficient joins."""
    level, place = correlation.T.copy(), np.arange(len(problem))
    sign, nothing, weights = np.zeros_like(level), np.zeros(level.shape, dtype=bool), weights.T.copy()
    strength = np.abs(level) / weights
    event = strength.argmax(axis=0)
    sign[event, place] = np.sign(level[event, place]) * weights[event, place]
    return _Batch(
        problem,
        penalties.T.copy(),
        weights,
        np.moveaxis(gram, 0, 2).copy(),  # of one problem, too, whose axes are contiguous either way
        level,
        np.zeros_like(level),
        sign,
        active=nothing,
        barred=nothing.copy(),
        # At the very penalty where the first coefficient joins, it is zero.
        penalty=strength[event, place] * (1 - SAME),
        event=event,
    )


def _pivot(batch: _Batch) -> None:
    """Lets the feature of each event join or leave; one that depends on the active features stays out until another leaves."""
    place, k = np.arange(len(batch.problem)), batch.event
    pivot, joins = batch.tableau[k, k, place], ~batch.active[k, place]
    is_barred = joins & (pivot <= DEPENDENT)
    batch.sign[k[is_barred], place[is_barred]] = 0.0
    batch.barred[k[is_barred], place[is_barred]] = True
    pivot = np.where(is_barred, 1.0, pivot)
    column = np.where(is_barred, 0.0, batch.tableau[:, k, place])
    column[k, place] = 0.0
    # The row has the entries of the column, with the other sign where one of the two is active and the other is not.
    row = np.where(batch.active == joins, -column, column) / pivot
    change = np.empty_like(row)
    for entry, part in zip(column, batch.tableau, strict=True):
        part -= np.multiply(entry, row, out=change)
    level = batch.level[k, place] / pivot
    tilt = (np.where(joins, batch.sign[k, place], 0.0) - batch.tilt[k, place]) / pivot
    batch.level += np.where(batch.active == joins, column, -column) * level
    batch.tilt += column * tilt
    some = np.flatnonzero(~is_barred)
    k, joins, pivot = k[some], joins[some], pivot[some]
    batch.tableau[k, :, some] = -row[:, some].T
    batch.tableau[:, k, some] = column[:, some] / pivot
    batch.tableau[k, k, some] = 1 / pivot
    batch.level[k, some] = level[some]
    batch.tilt[k, some] = np.where(joins, 0.0, batch.sign[k, some]) + tilt[some]
    batch.active[k, some] = joins
    batch.sign[k, some] *= joins
    batch.barred[:, some[~joins]] = False


def _next_knot(batch: _Batch, paths: np.ndarray) -> None:
    """Follows each path down to its next knot, and writes the solutions at the penalties on the way."""
    place, below = np.arange(len(batch.problem)), batch.penalty * (1 - SAME)
    with np.errstate(divide="ignore", invalid="ignore"):
        up, down = batch.level / (batch.weights - batch.tilt), -batch.level / (batch.weights + batch.tilt)
        zero = batch.level / batch.tilt
    free = ~(batch.active | batch.barred)
    up = np.where(free & (up < below) & (up > 0), up, 0.0)
    down = np.where(free & (down < below) & (down > 0), down, 0.0)
    knots = np.maximum(np.maximum(up, down), np.where(batch.active & (zero < below) & (zero > 0), zero, 0.0))
    k = knots.argmax(axis=0)
    knot = knots[k, place]
    on_the_way, which = np.nonzero((batch.penalties <= batch.penalty) & (batch.penalties > knot))
    start, slope = (np.where(batch.active, part, 0.0)[:, which] for part in (batch.level, batch.tilt))
    paths[batch.problem[which], on_the_way] = (start - batch.penalties[on_the_way, which] * slope).T
    sign = np.where(up[k, place] >= down[k, place], 1.0, -1.0) * batch.weights[k, place]
    batch.sign[k, place] = np.where(batch.active[k, place], batch.sign[k, place], sign)
    batch.penalty, batch.event = knot, k


def duality_gaps(
    gram: np.ndarray,
    correlation: np.ndarray,
    weights: np.ndarray,
    variance: np.ndarray,
    penalties: np.ndarray,
    paths: np.ndarray,
) -> np.ndarray:
    """Bounds how far each solution is from the optimum.

    The dual point is the residual, scaled down until it is feasible, as in scikit-learn's solvers (Kim,
    Koh, Lustig, Boyd and Gorinevsky 2007, section III-A).

    Args:
        gram: Shape (B, p, p).
        correlation: Shape (B, p).
        weights: Shape (B, p).
        variance: Variance of the target, shape (B,).
        penalties: Shape (B, k).
        paths: The solutions, shape (B, k, p).

    Returns:
        The gap between the objective and its dual, relative to the variance of the target, shape (B, k).
    """
    left = paths @ gram
    np.subtract(correlation[:, None, :], left, out=left)
    explained = (paths @ correlation[:, :, None])[:, :, 0]
    residual = variance[:, None] - explained - np.einsum("bkp,bkp->bk", paths, left)
    steepest = np.divide(np.abs(left, out=left), weights[:, None, :], out=left).max(axis=2)
    scale = np.minimum(1.0, penalties / np.maximum(steepest, np.finfo(float).tiny))
    norm = (np.abs(paths, out=left) @ weights[:, :, None])[:, :, 0]
    gap = 0.5 * residual * (1 + scale**2) + penalties * norm - scale * (variance[:, None] - explained)
    return np.abs(gap) / variance[:, None]
