"""Lasso paths by homotopy, for many small problems at once.

Between two penalties at which a coefficient joins or leaves, the lasso solution is linear in the
penalty, so a path is known from its knots alone (Osborne, Presnell and Turlach 2000; Efron, Hastie,
Johnstone and Tibshirani 2004). All problems of a batch take a knot at each step.
"""

import numpy as np

# Added to the diagonal of each system, in units of the variance of a feature, so that duplicated
# features do not stop the batch.
JITTER = 1e-14
# An event closer than this to the last one, relative to the penalty, is that event.
SAME = 1e-10


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
    problem = np.arange(count)
    strength = np.abs(correlation) / weights
    joined = strength.argmax(axis=1)
    # At the very penalty where the first coefficient joins, it is zero.
    penalty = strength[problem, joined] * (1 - SAME)
    active = np.zeros((count, features), dtype=bool)
    sign = np.zeros((count, features))
    active[problem, joined] = True
    sign[problem, joined] = np.sign(correlation[problem, joined]) * weights[problem, joined]
    state = [problem, gram, correlation, weights, penalties, penalty, active, sign]
    # A path of the lasso has about as many knots as features; one with many more is left to the check.
    for _ in range(10 * features + 100):
        unfinished = state[5] > state[4][:, -1]
        if not unfinished.all():
            state = [part[unfinished] for part in state]
        if not len(state[0]):
            break
        state = _next_knot(paths, *state)
    return paths


def _next_knot(
    paths: np.ndarray,
    problem: np.ndarray,
    gram: np.ndarray,
    correlation: np.ndarray,
    weights: np.ndarray,
    penalties: np.ndarray,
    penalty: np.ndarray,
    active: np.ndarray,
    sign: np.ndarray,
) -> list[np.ndarray]:
    """Follows each path down to its next knot, and writes the solutions at the penalties on the way."""
    rows, features = np.arange(len(problem)), gram.shape[1]
    system = np.where(active[:, :, None] & active[:, None, :], gram, 0.0)
    system[:, np.arange(features), np.arange(features)] += np.where(active, JITTER, 1.0)
    # The solution is start - penalty * slope, and the correlations left are rest + penalty * lift.
    sides = np.stack([np.where(active, correlation, 0.0), sign], axis=2)
    start, slope = np.moveaxis(np.linalg.solve(system, sides), 2, 0)
    rest = correlation - (gram @ start[:, :, None])[:, :, 0]
    lift = (gram @ slope[:, :, None])[:, :, 0]
    below = (penalty * (1 - SAME))[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        up, down, zero = rest / (weights - lift), -rest / (weights + lift), start / slope
    up = np.where(~active & (up < below) & (up > 0), up, 0.0)
    down = np.where(~active & (down < below) & (down > 0), down, 0.0)
    event = np.where(active, np.where((zero < below) & (zero > 0), zero, 0.0), np.maximum(up, down))
    which = event.argmax(axis=1)
    knot = event[rows, which]
    i, k = np.nonzero((penalties <= penalty[:, None]) & (penalties > knot[:, None]))
    paths[problem[i], k] = start[i] - penalties[i, k][:, None] * slope[i]
    leaves = active[rows, which]
    direction = np.where(up[rows, which] >= down[rows, which], 1.0, -1.0)
    sign[rows, which] = np.where(leaves, 0.0, direction * weights[rows, which])
    active[rows, which] = ~leaves
    return [problem, gram, correlation, weights, penalties, knot, active, sign]


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
    left = correlation[:, None, :] - paths @ gram
    explained = (paths @ correlation[:, :, None])[:, :, 0]
    residual = variance[:, None] - explained - (paths * left).sum(axis=2)
    steepest = (np.abs(left) / weights[:, None, :]).max(axis=2)
    scale = np.minimum(1.0, penalties / np.maximum(steepest, np.finfo(float).tiny))
    norm = (np.abs(paths) * weights[:, None, :]).sum(axis=2)
    gap = 0.5 * residual * (1 + scale**2) + penalties * norm - scale * (variance[:, None] - explained)
    return np.abs(gap) / variance[:, None]
