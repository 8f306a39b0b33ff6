"""Lasso paths of tables with more features than rows: scikit-learn's solver, and the paths by the Gram matrix."""

import numpy as np
import pytest
from sklearn.linear_model import LassoCV, lasso_path

from lineup.models import lasso, wide_lasso
from lineup.models.grid_search import Folds, Training, fold_rows
from lineup.models.lasso import Penalties, Settings, search
from lineup.models.wide_lasso import solve_wide, wide_path


def made(rows=30, features=90, seed=0):
    """Makes features and a target that a few of them decide."""
    chance = np.random.default_rng(seed)
    X = chance.normal(size=(rows, features)) * chance.uniform(0.2, 5, features)
    return X, X[:, :4] @ [3.0, -2.0, 1.0, 0.5] + chance.normal(size=rows) + 7


def centred(X, y):
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    y = y - y.mean()
    return Z, y, np.abs(Z.T @ y).max() / len(y) * np.logspace(0, -2, 30)


@pytest.mark.parametrize("seed", range(4))
def test_paths_are_those_of_scikit_learn(seed):
    Z, y, penalties = centred(*made(seed=seed))
    paths = np.zeros((30, 90))
    gaps, used = wide_path(Z, y, penalties, paths)
    _, expected, _ = lasso_path(Z, y, alphas=penalties, tol=1e-14, max_iter=10**6)
    np.testing.assert_allclose(paths, expected.T, atol=1e-7)
    assert gaps.max() < 1e-13
    assert used == np.flatnonzero(paths.any(axis=0)).tolist() and 4 < len(used) < 60


AWKWARD = {
    "duplicates": lambda X: np.concatenate([X, X[:, :40]], axis=1),
    "turned duplicates": lambda X: np.concatenate([X, -X[:, :40]], axis=1),
    "constants": lambda X: np.concatenate([X, np.ones((len(X), 3))], axis=1),
    "groups that add up to one": lambda X: np.concatenate([X, np.eye(3)[np.arange(len(X)) % 3]], axis=1),
}


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_features(name):
    X, y = made()
    X = AWKWARD[name](X)
    scale = np.where(X.std(axis=0) > 0, X.std(axis=0), 1)
    Z, y = (X - X.mean(axis=0)) / scale, y - y.mean()
    penalties = np.abs(Z.T @ y).max() / len(y) * np.logspace(0, -2, 30)
    paths = np.zeros((30, Z.shape[1]))
    gaps, _ = wide_path(Z, y, penalties, paths)
    assert gaps.max() < 1e-12
    for penalty, coefficients in zip(penalties[gaps < 1], paths[gaps < 1], strict=True):
        left = Z.T @ (y - Z @ coefficients) / len(y)
        assert np.abs(left).max() <= penalty * (1 + 1e-7)


SETTINGS = Settings(True, Penalties(20, 0.05, True), Folds(5, 1), 1e-8, 100_000)


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_search_is_that_by_the_gram_matrix(monkeypatch, standardize, weighted):
    """With a few more features than rows both ways go."""
    sets = [made(40, 44, seed) for seed in range(2)]
    weights = np.random.default_rng(9).uniform(0.2, 1, (2, 40)) if weighted else None
    training = Training(*(np.stack(part) for part in zip(*sets, strict=True)), weights)
    settings = Settings(standardize, Penalties(20, 0.05, standardize), Folds(5, 1), 1e-8, 100_000)
    calls = []
    monkeypatch.setattr(lasso, "solve_wide", lambda *given: calls.append(1) or solve_wide(*given))
    wide = search(training, settings)
    assert len(calls) == 2 * 6 and wide.solved_again == 0

    found = lasso.problems(training.X, training.y, fold_rows(40, settings.folds), weights)
    paths, gaps = lasso.solve(found, wide.penalties, standardize)
    coefficients = paths[:, -1] / found.scale[:, -1, None, :]
    assert gaps.max() < 1e-8
    np.testing.assert_allclose(wide.coefficients, coefficients, atol=1e-6)
    expected = found.centre[:, -1, None, -1] - (coefficients @ found.centre[:, -1, :-1, None])[..., 0]
    np.testing.assert_allclose(wide.intercepts, expected, atol=1e-6)


def test_the_choice_is_that_of_lasso_cv():
    """Features standardized beforehand, as LassoCV needs it; its folds and penalties are ours."""
    X, y = made(36, 200)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    settings = Settings(False, Penalties(20, 0.05, False), Folds(5, 1), 1e-8, 100_000)
    found = search(Training(Z[None], y[None]), settings)
    held = fold_rows(36, settings.folds)
    folds = [(np.delete(np.arange(36), rows), rows) for rows in held]
    reference = LassoCV(alphas=found.penalties[0], cv=folds, tol=1e-12, max_iter=10**6).fit(Z, y)
    # LassoCV chooses by squared errors: its paths are compared, and the mean absolute errors computed from them.
    for fold, (train, out) in enumerate(folds):
        _, paths, _ = lasso_path(
            Z[train] - Z[train].mean(axis=0),
            y[train] - y[train].mean(),
            alphas=found.penalties[0],
            tol=1e-14,
            max_iter=10**6,
        )
        predicted = (Z[out] - Z[train].mean(axis=0)) @ paths + y[train].mean()
        errors = np.abs(predicted - y[out, None]).mean(axis=0)
        np.testing.assert_allclose(found.errors[0, fold], errors, rtol=1e-6)
        squared = ((predicted - y[out, None]) ** 2).mean(axis=0)
        np.testing.assert_allclose(reference.mse_path_[:, fold], squared, rtol=1e-4)
    assert found.chosen[0] == found.errors[0].mean(axis=0).argmin()


def test_what_is_not_reached_is_solved_by_coordinate_descent(monkeypatch):
    X, y = made(36, 200)
    training = Training(X[None], y[None])
    whole = search(training, SETTINGS)

    def given_up(Z, y, penalties, paths):
        gaps, used = wide_path(Z, y, penalties, paths)
        return np.where(np.arange(len(gaps)) < 10, gaps, np.inf), used

    monkeypatch.setattr(wide_lasso, "wide_path", given_up)
    again = search(training, SETTINGS)
    assert (whole.solved_again, again.solved_again) == (0, 6)
    np.testing.assert_allclose(again.errors, whole.errors, rtol=1e-2)
    assert (again.chosen == whole.chosen).all()


def test_systems_that_cannot_be_solved_end_the_path(monkeypatch):
    Z, y, penalties = centred(*made())

    def fails(*given):
        raise np.linalg.LinAlgError

    monkeypatch.setattr(np.linalg, "solve", fails)
    gaps, used = wide_path(Z, y, penalties, np.zeros((30, 90)))
    assert gaps[0] == 0 and np.isinf(gaps[1:]).all() and used == []
