"""Lasso paths by homotopy: against coordinate descent, and on designs that are awkward for it."""

import numpy as np
import pytest
from sklearn.linear_model import Lasso

from lineup.models.grid_search import Folds, Training
from lineup.models.homotopy import duality_gaps, lasso_paths
from lineup.models.lasso import Penalties, Settings, search

FOLDS = Folds(5, 3)
# Of the objective, relative to the variance of the target. Rounding leaves about 1e-14.
OPTIMAL = 1e-11


def problem(X, y, penalties, weights=None):
    """Writes one problem in the form that ``lasso_paths`` takes: a batch of one."""
    X, y = X - X.mean(axis=0), y - y.mean()
    scale = np.where(X.std(axis=0) > 0, X.std(axis=0), 1.0)
    Z = X / scale
    weights = np.ones(X.shape[1]) if weights is None else weights
    return (
        (Z.T @ Z / len(y))[None],
        (Z.T @ y / len(y))[None],
        weights[None],
        np.array([y @ y / len(y)]),
        penalties[None],
    )


def made(seed, rows=60, features=6):
    """Makes a table whose target depends on half of its features."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, features))
    return X, X[:, ::2].sum(axis=1) * 2 + random.normal(size=rows)


def grid(largest, number=25):
    return largest * np.logspace(0, -3, number)


@pytest.mark.parametrize("weighted", [False, True])
def test_each_solution_is_that_of_coordinate_descent(weighted):
    X, y = made(0)
    weights = np.linspace(0.5, 2, 6) if weighted else np.ones(6)
    Z = (X - X.mean(axis=0)) / X.std(axis=0) / weights
    largest = np.abs(Z.T @ (y - y.mean())).max() / len(y)
    gram, correlation, weights_, variance, penalties = problem(X, y, grid(largest), weights)
    (path,) = lasso_paths(gram, correlation, weights_, penalties)
    for penalty, mine in zip(penalties[0], path, strict=True):
        expected = Lasso(penalty, tol=1e-14, max_iter=10**6).fit(Z, y).coef_ / weights
        np.testing.assert_allclose(mine, expected, rtol=0, atol=1e-7)
    assert duality_gaps(gram, correlation, weights_, variance, penalties, path[None]).max() < OPTIMAL
    # From nothing to everything, so that features did join on the way.
    assert not path[0].any() and path[-1].all()


def test_the_gap_is_large_where_a_solution_is_wrong():
    gram, correlation, weights, variance, penalties = problem(*made(1), grid(3.0))
    path = lasso_paths(gram, correlation, weights, penalties)
    wrong = path.copy()
    wrong[0, 12, 0] += 0.01
    gaps = duality_gaps(gram, correlation, weights, variance, penalties, wrong)
    assert gaps[0, 12] > 1e-6 and np.delete(gaps[0], 12).max() < OPTIMAL


def test_a_coefficient_can_leave_again():
    """With many features that resemble each other, some join and leave on the way down."""
    left = 0
    for seed in range(10):
        random = np.random.default_rng(seed)
        X = random.normal(size=(40, 1)) + 0.7 * random.normal(size=(40, 20))
        y = X @ random.normal(size=20) + 0.5 * random.normal(size=40)
        gram, correlation, weights, variance, penalties = problem(X, y, grid(2.0, 200))
        path = lasso_paths(gram, correlation, weights, penalties)
        assert duality_gaps(gram, correlation, weights, variance, penalties, path).max() < OPTIMAL
        nonzero = path[0] != 0
        left += (nonzero[:-1] & ~nonzero[1:]).sum()
    assert left > 5


def test_problems_of_a_batch_do_not_meet():
    parts = [problem(*made(seed), grid(2.0 + seed)) for seed in range(4)]
    batch = [np.concatenate(part) for part in zip(*parts, strict=True)]
    together = lasso_paths(batch[0], batch[1], batch[2], batch[4])
    for place, (gram, correlation, weights, _, penalties) in enumerate(parts):
        np.testing.assert_array_equal(lasso_paths(gram, correlation, weights, penalties)[0], together[place])


def awkward():
    """Yields designs on which a path can go wrong, by name: features and target."""
    random = np.random.default_rng(7)
    X, y = made(2)
    yield "plain", X, y
    yield "a feature twice", np.column_stack([X, X[:, 0]]), y
    yield "a feature and its opposite", np.column_stack([X, -X[:, 0]]), y
    yield "a feature three times", np.column_stack([X, X[:, 0], X[:, 0]]), y
    yield "nearly the same feature", np.column_stack([X, X[:, 0] + 1e-9 * random.normal(size=60)]), y
    yield "a sum of others", np.column_stack([X, X[:, 0] + X[:, 1]]), y
    yield "a constant feature", np.column_stack([X, np.full(60, 0.1)]), y
    yield "all dummies of a factor", np.eye(4)[np.arange(60) % 4], y
    yield "a dummy that is rarely one", np.column_stack([X, np.arange(60) == 17]), y
    yield "more features than rows", random.normal(size=(30, 50)), random.normal(size=30)
    yield "as many features as rows", random.normal(size=(30, 30)), random.normal(size=30)
    yield "orthogonal and tied", np.linalg.qr(random.normal(size=(60, 6)))[0], np.ones(60) + y * 0
    hadamard = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]] * 10, dtype=float)
    yield "ties in everything", hadamard[:, 1:], hadamard[:, 1:].sum(axis=1)
    yield "a perfect fit", X, X @ np.arange(6.0)
    yield "a perfect fit of one", X, X[:, 3]
    yield "whole numbers", np.round(X * 2), np.round(y)
    yield "a mean of 1e8 standard deviations", X + 1e8, y
    yield "features of very different scales", X * np.logspace(-6, 6, 6), y
    yield "one feature", X[:, :1], y


TIED = ("orthogonal and tied", "ties in everything")


@pytest.mark.parametrize(
    ("X", "y"), [pytest.param(*rest, id=name) for name, *rest in awkward() if name not in TIED]
)
def test_features_that_depend_on_others_do_not_stop_a_path(X, y):
    Z = X - X.mean(axis=0)
    scale = np.where(np.ptp(X, axis=0) > 0, Z.std(axis=0), 1.0)
    largest = np.abs(Z.T @ (y - y.mean()) / scale).max() / len(y)
    gram, correlation, weights, variance, penalties = problem(X, y, grid(largest))
    path = lasso_paths(gram, correlation, weights, penalties)
    assert path[0, -1].any()
    assert duality_gaps(gram, correlation, weights, variance, penalties, path).max() < OPTIMAL


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize(("X", "y"), [pytest.param(*rest, id=name) for name, *rest in awkward()])
def test_awkward_designs_are_solved(X, y, standardize):
    """After the check, and coordinate descent where it fails, every fit has a gap within the tolerance."""
    if np.ptp(y) == 0:
        y = y + np.arange(len(y)) % 2
    penalties = Penalties(number=15, smallest=0.01, standardize=standardize)
    found = search(Training(X[None], y[None]), Settings(standardize, penalties, FOLDS, 1e-9, 10**6))
    assert np.isfinite(found.errors).all()
    residuals = y[:, None] - X @ found.coefficients[0].T - found.intercepts[0]
    centred, y0 = X - X.mean(axis=0), y - y.mean()
    scale = centred.std(axis=0) if standardize else np.ones(X.shape[1])
    scale = np.where(np.ptp(X, axis=0) > 0, scale, 1.0)
    correlations = np.abs((centred / scale).T @ residuals) / len(y)
    # A gap of g bounds the breach of the optimality conditions by about its root.
    assert (correlations.max(axis=0) <= found.penalties[0] * (1 + 1e-3) + 1e-4 * y0.std()).all()
    objective = (residuals**2).mean(axis=0) / 2 + found.penalties[0] * (
        np.abs(found.coefficients[0]) * scale
    ).sum(axis=1)
    for k in (0, 7, 14):
        lasso = Lasso(found.penalties[0, k], tol=1e-10, max_iter=10**6).fit(centred / scale, y0)
        best = ((y0 - lasso.predict(centred / scale)) ** 2).mean() / 2
        best += found.penalties[0, k] * np.abs(lasso.coef_).sum()
        assert objective[k] <= best + 2e-9 * y0.var()
    assert found.coefficients[0, -1].any()
