"""Lasso paths by homotopy for tables with more features than rows, which have no Gram matrix of all features.

At most as many features as rows have a coefficient, so the systems are small; what a knot costs is one product of all features
with the residuals. The steps are those of ``lineup/models/homotopy.py``, where the method is named.
"""

import numpy as np

from lineup.models.homotopy import SAME
from lineup.models.moments import centred

# A feature whose correlation keeps so close to the penalty on the way down is a combination of those that are active.
DEPENDENT = 1e-9


def wide_path(
    Z: np.ndarray, y: np.ndarray, penalties: np.ndarray, paths: np.ndarray
) -> tuple[np.ndarray, list[int]]:
    """Solves the lasso of n rows and p features, which minimizes ``|y - Z b|^2 / (2 n) + penalty |b|_1``, at k penalties.

    Args:
        Z: Features, each with mean 0, shape (n, p).
        y: Target with mean 0, shape (n,).
        penalties: From the largest down, shape (k,).
        paths: Zeros, shape (k, p), in whose place the coefficients are put. Most of it is never touched.

    Returns:
        The gap between each objective and its dual, relative to the variance of the target, shape (k,), see
        ``duality_gaps``, infinite where the path was not followed so far; and the features that have a coefficient anywhere.
    """
    n, p = Z.shape
    gaps, used = np.full(len(penalties), np.inf), set()
    covariance, variance = y @ Z / n, y @ y / n
    first = int(np.abs(covariance).argmax())
    penalty = abs(covariance[first]) * (1 - SAME)
    active, signs = [first], [np.sign(covariance[first])]
    place = int((penalties > penalty).sum())
    gaps[:place] = 0.0  # no coefficient is any
    sides, up, down = np.empty((2, n)), np.empty(p), np.empty(p)
    # A path has about as many knots as rows; one with many more is left to the check.
    for _ in range(20 * n + 100):
        if place == len(penalties) or len(active) > n:
            break
        own = Z[:, active].T
        try:
            start, slope = np.linalg.solve(own @ own.T / n, np.stack([covariance[active], signs], axis=1)).T
        except np.linalg.LinAlgError:
            break
        # The solution is start - penalty * slope, and the correlations left are rest + penalty * lift.
        sides[0], sides[1] = y - start @ own, slope @ own
        rest, lift = sides @ Z / n
        below = penalty * (1 - SAME)
        with np.errstate(divide="ignore", invalid="ignore"):
            np.divide(rest, 1 - lift, out=up)
            np.divide(-rest, 1 + lift, out=down)
            zero = start / slope
        for event in (up, down, zero):
            event[~(event < below)] = 0.0
        # What says the same as the active ones never joins them, whatever rounding leaves of it.
        up[1 - lift < DEPENDENT] = down[1 + lift < DEPENDENT] = 0.0
        up[active] = down[active] = 0.0
        joins, falls, leaves = int(up.argmax()), int(down.argmax()), int(zero.argmax())
        knot = max(up[joins], down[falls], zero[leaves])
        end = int((penalties > knot).sum())
        if end > place:
            here = penalties[place:end, None]
            solutions = start - here * slope
            left, residual = np.abs(rest + here * lift).max(axis=1), sides[0] + here * sides[1]
            paths[place:end, active] = solutions
            used.update(active)
            gaps[place:end] = _gaps(here[:, 0], solutions, residual, left, y) / variance
            place = end
        if knot <= 0:
            break
        penalty = knot
        if zero[leaves] == knot:
            del active[leaves], signs[leaves]
        else:
            active.append(joins if up[joins] == knot else falls)
            signs.append(1.0 if up[joins] == knot else -1.0)
    return gaps, sorted(used)


def _gaps(
    penalties: np.ndarray, solutions: np.ndarray, residual: np.ndarray, steepest: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """Computes the gaps of k solutions (k, a) from their residuals (k, n) and their largest correlations left (k,)."""
    n = len(y)
    scale = np.minimum(1.0, penalties / np.maximum(steepest, np.finfo(float).tiny))
    squares = (residual**2).sum(axis=1) / n
    norm = np.abs(solutions).sum(axis=1)
    return np.abs(0.5 * squares * (1 + scale**2) + penalties * norm - scale * (residual @ y) / n)


def solve_wide(
    X: np.ndarray,
    y: np.ndarray,
    penalties: np.ndarray,
    standardize: bool,
    weights: np.ndarray | None,
    paths: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Fits the lasso with an intercept to some rows at k penalties.

    Args:
        X: Features, shape (n, p).
        y: Target, shape (n,).
        penalties: From the largest down, shape (k,).
        standardize: Whether the penalty is on the coefficients of the features as these rows standardize them.
        weights: Weights of the rows, shape (n,).
        paths: Zeros, shape (k, p), in whose place the coefficients per unit of the feature are put.

    Returns:
        The intercepts (k,), and the gaps (k,), see ``wide_path``.
    """
    Z, target, centre, scale, mean = centred(X, y, standardize, weights)
    gaps, used = wide_path(Z, target, penalties, paths)
    paths[:, used] /= scale[used]
    return mean - paths[:, used] @ centre[used], gaps
