"""The lasso: the figures of the book, scikit-learn's grid search, and the conditions of an optimum."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import Lasso, lars_path
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from lineup.data.splits import draw_splits, split
from lineup.data.tables import read_splits, read_table
from lineup.errors import InputError
from lineup.models import homotopy
from lineup.models import lasso as fit_lasso_module
from lineup.models.coordinate_descent import fit_path, penalty_grid
from lineup.models.grid_search import Folds, Training, ends_of, fold_rows
from lineup.models.lasso import Search, Settings, fit_lasso
from lineup.models.lasso import search as search_training
from lineup.models.moments import standardization
from lineup.settings import typed

BOOK = {
    "penalties": {"number": 100, "smallest": 0.01, "standardize": True},
    "folds": {"number": 10, "seed": 1},
    "tolerance": 1e-8,
    "max_iterations": 1_000_000,
}
SOLVER = {"tolerance": 1e-8, "max_iterations": 1_000_000}
# By whether the features are standardized: the chosen penalty, the test MAE of the converged fit at
# it (computed with a tolerance of 1e-12), and that of scikit-learn's default tolerance of 1e-4.
CHOSEN = {True: 14.9739, False: 176.2148}
CONVERGED = {True: 235.67297854, False: 257.24828468}
PRINTED = {True: 235.6754837478029, False: 257.23820107995124}
# A duality gap of 1e-8 moves the test MAE by 1e-9 and 5e-9 of itself. The printed figures are 1e-5
# and 4e-5 away, so that a fit at the default tolerance would not pass.
CONVERGENCE = 2e-8


def settings_with(standardize, **changes):
    """The book's settings, with some changed."""
    return typed(Settings, BOOK | {"standardize": standardize} | changes)


@pytest.fixture
def fitted(tmp_path, logger):
    """Gives a function that fits a prepared table and returns the paths of what is written."""

    def fit(table, splits, standardize=True, name="fit", **settings):
        keys = ("predictions", "scores", "coefficients", "grid", "path")
        paths = {key: str(tmp_path / name / f"{key}.parquet") for key in keys}
        settings = settings_with(standardize, **settings)
        fit_lasso(table=table, splits=splits, settings=settings, logger=logger, **paths)
        return paths

    return fit


@pytest.fixture
def training(hitters, book_split):
    return hitters.X[book_split.train[0]], hitters.y[book_split.train[0]]


@pytest.fixture
def training_sets(hitters):
    """Gives a function that returns the training features and targets of the splits of some seeds."""

    def take(seeds):
        train = draw_splits(263, 1 / 3, list(seeds)).train
        return hitters.X[train], hitters.y[train]

    return take


def search(X, y, settings):
    return search_training(Training(X, y), settings)


def book_grid(X, y, number=100):
    """Computes the penalties as the book's notebook does."""
    Z = StandardScaler().fit_transform(X)
    largest = np.fabs(Z.T.dot(y - y.mean())).max() / len(y)
    return np.exp(np.linspace(0, np.log(0.01), number)) * largest


def grid_search(X, y, penalties, standardize, **settings):
    """Searches the penalties as the book's notebook does."""
    lasso = Lasso(**settings)
    model = Pipeline([("scaler", StandardScaler()), ("lasso", lasso)]) if standardize else lasso
    key = "lasso__alpha" if standardize else "alpha"
    folds = KFold(10, shuffle=True, random_state=1)
    return GridSearchCV(model, {key: penalties}, cv=folds, scoring="neg_mean_absolute_error").fit(X, y)


def searched(X, y, number, standardize=True, folds=None, **solver) -> Search:
    """Searches the book's grid for one split."""
    grid = {"number": number, "smallest": 0.01, "standardize": True}
    changes = {"penalties": grid, "folds": folds or BOOK["folds"]} | solver
    return search(X[None], y[None], settings_with(standardize, **changes))


def curve(X, y, penalties, folds, standardize):
    """Computes the errors on the held-out folds one fit after the other, by coordinate descent."""
    kfold = KFold(folds["number"], shuffle=True, random_state=folds["seed"])
    fits = [
        (fit_path(X[kept], y[kept], penalties, standardize, tolerance=1e-9, max_iterations=10**6), held)
        for kept, held in kfold.split(X)
    ]
    return np.array([np.abs(fit.predict(X[held]) - y[held, None]).mean(axis=0) for fit, held in fits])


@pytest.mark.parametrize("standardize", [True, False])
def test_the_converged_figures(hitters_table, hitters_splits, fitted, standardize):
    paths = fitted(hitters_table, hitters_splits, standardize)
    grid = read_table(paths["grid"])
    assert f"{grid['penalty'][grid['chosen']][0]:.4f}" == f"{CHOSEN[standardize]:.4f}"
    mae = read_table(paths["scores"])["mae"]
    assert mae == pytest.approx([CONVERGED[standardize]], rel=CONVERGENCE)
    assert abs(mae[0] - PRINTED[standardize]) > 100 * CONVERGENCE * mae[0]


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["chosen", "grid"])
@pytest.mark.parametrize("standardize", [True, False], ids=["as meant", "as printed"])
@pytest.mark.long
def test_the_printed_figures_are_those_of_scikit_learns_default_tolerance(
    hitters, book_split, training, standardize, whole
):
    """The arithmetic of one solver, so the last digits may differ between builds of BLAS, not more."""
    penalties = book_grid(*training)
    if not whole:
        penalties = penalties[[np.abs(penalties - CHOSEN[standardize]).argmin()]]
    search = grid_search(*training, penalties, standardize, max_iter=30_000)
    test = book_split.test[0]
    mae = np.abs(search.predict(hitters.X[test]) - hitters.y[test]).mean()
    assert mae == pytest.approx(PRINTED[standardize], rel=1e-9)
    (penalty,) = search.best_params_.values()
    assert f"{penalty:.4f}" == f"{CHOSEN[standardize]:.4f}"


def test_the_grid_is_that_of_the_book(training):
    grid = penalty_grid(*training, number=100, smallest=0.01, standardize=True)
    assert grid.shape == (100,)
    np.testing.assert_allclose(grid, book_grid(*training), rtol=1e-13)
    assert grid[-1] == pytest.approx(0.01 * grid[0], rel=1e-13)
    np.testing.assert_allclose(grid[1:] / grid[:-1], 0.01 ** (1 / 99), rtol=1e-12)


@pytest.mark.parametrize("standardize", [True, False])
def test_the_largest_penalty_is_the_smallest_that_leaves_nothing(training, standardize):
    X, y = training
    largest = penalty_grid(X, y, number=2, smallest=0.5, standardize=standardize)[0]
    # Rounding decides at the very penalty: a billionth above it nothing may be left.
    fits = fit_path(X, y, largest * np.array([1 + 1e-9, 1 - 1e-3]), standardize, **SOLVER)
    assert not fits.coefficients[:, 0].any()
    assert fits.intercepts[0] == pytest.approx(y.mean(), rel=1e-13)
    assert np.count_nonzero(fits.coefficients[:, 1]) == 1


def lars_curve(X, y, penalties, standardize):
    """Computes the errors on the held-out folds by scikit-learn's least-angle regression."""
    errors = []
    for kept, held in KFold(10, shuffle=True, random_state=1).split(X):
        scaler = StandardScaler(with_std=standardize).fit(X[kept])
        mean = y[kept].mean()
        knots, _, path = lars_path(scaler.transform(X[kept]), y[kept] - mean, method="lasso")
        # Linear between the knots, which come from the largest down.
        coefficients = np.array([np.interp(penalties, knots[::-1], row[::-1]) for row in path])
        predicted = scaler.transform(X[held]) @ coefficients + mean
        errors.append(np.abs(predicted - y[held, None]).mean(axis=0))
    return np.array(errors)


def check_grid_search(X, y, standardize):
    """Compares the search of one split with scikit-learn's grid search, and returns how far they are apart.

    Just below a knot, where a coefficient is tiny, a fit at a tolerance of 1e-8 can leave it at zero and be
    2.5e-5 off on a fold. The breach goes with the root of the tolerance: 1e-12 leaves less than 1e-6.
    """
    found = searched(X, y, 100, standardize)
    expected = grid_search(X, y, book_grid(X, y), standardize, tol=1e-12, max_iter=10**7)
    curves = -np.array([expected.cv_results_[f"split{fold}_test_score"] for fold in range(10)])
    assert found.errors[0].shape == (10, 100)
    np.testing.assert_allclose(found.errors[0], curves, rtol=1e-6)
    means = found.errors[0].mean(axis=0)
    np.testing.assert_allclose(means, -expected.cv_results_["mean_test_score"], rtol=1e-6)
    assert found.chosen[0] == expected.best_index_ == means.argmin()
    # The fits are not all the same, though unstandardized even the largest penalty leaves most of the fit.
    assert np.ptp(means) > (10 if standardize else 1)
    return np.abs(found.errors[0] / curves - 1).max()


@pytest.mark.parametrize("seed", [2, pytest.param(3, marks=pytest.mark.slow)])
@pytest.mark.long
def test_the_curve_is_that_of_a_grid_search(training_sets, seed):
    """All penalties of the config, on two splits."""
    X, y = (part[0] for part in training_sets([seed]))
    check_grid_search(X, y, True)
    # The curve has its minimum inside.
    assert 0 < searched(X, y, 100).chosen[0] < 99


@pytest.mark.parametrize("standardize", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.long
def test_fifty_splits_are_searched_as_by_least_angle_regression(training_sets, standardize):
    """The same curves, by penalty and fold, and the same penalty chosen on each split.

    scikit-learn's least-angle regression solves the problem of its grid search without a tolerance, in a
    hundredth of the time. The curves are 2e-11 apart, so 1e-9 is allowed. The grid search itself is compared
    on two splits above, and likewise on all fifty in the slow test below.
    """
    X, y = training_sets(range(1, 51))
    found = search(X, y, settings_with(standardize))
    assert found.solved_again == 0
    margins = []
    for place in range(50):
        expected = lars_curve(X[place], y[place], book_grid(X[place], y[place]), standardize)
        np.testing.assert_allclose(found.errors[place], expected, rtol=1e-9)
        means = expected.mean(axis=0)
        assert found.chosen[place] == means.argmin()
        best, second = np.sort(means)[:2]
        margins.append(second / best - 1)
    # The second best penalty is never so near that the tolerance decides, and the splits choose differently.
    assert min(margins) > 1e-7
    assert len(set(found.chosen)) > 15


@pytest.mark.slow
@pytest.mark.parametrize(("standardize", "splits"), [(True, 50), (False, 5)])
def test_fifty_splits_are_searched_as_by_a_grid_search(training_sets, standardize, splits):
    """The same curves and choices as scikit-learn's grid search, by coordinate descent with a tolerance.

    Without standardizing, its solver takes a minute for each split, so there are fewer.
    """
    X, y = training_sets(range(1, splits + 1))
    for place in range(splits):
        apart = check_grid_search(X[place], y[place], standardize)
        print(f"split {place + 1}: the curves are {apart:.1e} apart", flush=True)


@pytest.mark.parametrize("rows", [10, 23, 175, 176])
@pytest.mark.parametrize("number", [2, 3, 10])
@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_the_folds_are_those_of_scikit_learn(rows, number, seed):
    held = fold_rows(rows, Folds(number, seed))
    expected = [fold for _, fold in KFold(number, shuffle=True, random_state=seed).split(np.empty(rows))]
    assert len(held) == len(expected) == number
    for mine, theirs in zip(held, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    # Where the rows do not divide by the folds, the first ones have a row more.
    assert [len(fold) for fold in held] == [rows // number + (fold < rows % number) for fold in range(number)]
    # They are shuffled, and otherwise with another seed.
    assert np.concatenate(held).tolist() != list(range(rows))
    other = fold_rows(rows, Folds(number, 7))
    assert any(mine.tolist() != theirs.tolist() for mine, theirs in zip(held, other, strict=True))


def test_the_features_are_standardized_inside_each_fold(training):
    """By all training rows at once, which is the usual mistake, the errors are others."""
    X, y = training
    inside = searched(X, y, 5).errors
    outside = searched(StandardScaler().fit_transform(X), y, 5, standardize=False).errors
    assert np.abs(inside / outside - 1).max() > 1e-3


@pytest.mark.parametrize("standardize", [True, False])
def test_the_chosen_fit_meets_the_conditions_of_an_optimum(
    hitters_table, hitters_splits, fitted, training, standardize
):
    """The correlation of a feature with the residuals is the penalty, with the coefficient's sign, or less.

    A duality gap of 1e-8 leaves a breach of 1e-6 of the penalty here; ten times that is allowed.
    """
    paths = fitted(hitters_table, hitters_splits, standardize)
    grid, terms = read_table(paths["grid"]), read_table(paths["coefficients"])
    penalty = grid["penalty"][grid["chosen"]][0]
    X, y = training
    assert terms["term"][0] == "(intercept)"
    intercept, slope = terms["coefficient"][0], terms["coefficient"][1:]
    residuals = y - X @ slope - intercept
    assert abs(residuals.mean()) < 1e-10 * np.abs(y).mean()
    scale = X.std(axis=0) if standardize else np.ones(19)
    correlations = ((X - X.mean(axis=0)) / scale).T @ residuals / len(y) / penalty
    active = slope != 0
    np.testing.assert_allclose(correlations[active], np.sign(slope[active]), atol=1e-5)
    assert np.abs(correlations[~active]).max() <= 1 + 1e-5
    # Neither nothing nor everything is chosen, or there would be nothing to check.
    assert 3 <= active.sum() <= 16


def test_every_split_is_fitted_as_scikit_learn_does(tmp_path, hitters, hitters_table, logger, fitted):
    splits = str(tmp_path / "splits.parquet")
    split(hitters_table, splits, "1/3", [5, 4], logger)
    drawn = read_splits([splits])
    paths = fitted(hitters_table, splits, penalties=BOOK["penalties"] | {"number": 20})
    predictions, scores, grid = (read_table(paths[key]) for key in ("predictions", "scores", "grid"))
    assert scores["seed"].tolist() == [5, 4]
    for place, (seed, train, test) in enumerate(zip(drawn.seeds, drawn.train, drawn.test, strict=True)):
        penalty = grid["penalty"][(grid["seed"] == seed) & grid["chosen"]][0]
        lasso = Lasso(penalty, tol=1e-10, max_iter=1_000_000)
        reference = Pipeline([("scaler", StandardScaler()), ("lasso", lasso)])
        reference.fit(hitters.X[train], hitters.y[train])
        expected = reference.predict(hitters.X[test])
        mine = predictions["predicted"][predictions["seed"] == seed]
        # In thousands of dollars. A gap of 1e-8 leaves 1.4e-4; ten times that is allowed.
        np.testing.assert_allclose(mine, expected, rtol=0, atol=1.4e-3)
        assert scores["mae"][place] == pytest.approx(np.abs(expected - hitters.y[test]).mean(), rel=1e-5)
        assert np.ptp(mine) > 100


def test_the_tables_have_a_record_for_everything(tmp_path, hitters, hitters_table, logger, fitted):
    splits = str(tmp_path / "splits.parquet")
    split(hitters_table, splits, "1/3", [5, 4], logger)
    folds, penalties = {"number": 4, "seed": 9}, {"number": 6, "smallest": 0.1, "standardize": True}
    paths = fitted(hitters_table, splits, folds=folds, penalties=penalties)
    drawn = read_splits([splits])

    grid = pq.read_table(paths["grid"])
    types = {
        "seed": pa.int64(),
        "penalty": pa.float64(),
        "fold": pa.int32(),
        "mae": pa.float64(),
        "chosen": pa.bool_(),
    }
    assert {field.name: field.type for field in grid.schema} == types
    grid = grid.to_pandas()
    assert grid["seed"].tolist() == [5] * 24 + [4] * 24
    assert grid["fold"].tolist() == [1, 2, 3, 4] * 12
    path = read_table(paths["path"])
    assert path["feature"].tolist() == hitters.features * 6
    # Of the first split alone.
    first = hitters.X[drawn.train[0]], hitters.y[drawn.train[0]]
    assert set(path["seed"]) == {5}
    np.testing.assert_array_equal(path["penalty"], np.repeat(penalty_grid(*first, **penalties), 19))
    terms = read_table(paths["coefficients"])
    for seed, train in zip(drawn.seeds, drawn.train, strict=True):
        X, y = hitters.X[train], hitters.y[train]
        tried = penalty_grid(X, y, **penalties)
        here = grid[grid["seed"] == seed]
        np.testing.assert_array_equal(here["penalty"], np.repeat(tried, 4))
        np.testing.assert_allclose(here["mae"], curve(X, y, tried, folds, True).T.ravel(), rtol=1e-6)
        means = here.groupby("penalty", sort=False)["mae"].mean()
        assert set(here["penalty"][here["chosen"]]) == {means.idxmin()}
        assert here["chosen"].sum() == 4

        fits = fit_path(X, y, tried, True, tolerance=1e-11, max_iterations=10**7).coefficients.T
        chosen = terms["coefficient"][terms["seed"] == seed][1:]
        np.testing.assert_allclose(
            chosen, fits[np.flatnonzero(tried == means.idxmin())[0]], rtol=1e-5, atol=1e-6
        )
        assert (np.count_nonzero(fits, axis=1)[1:] > 0).all()
        if seed == 5:
            np.testing.assert_allclose(path["coefficient"].reshape(6, 19), fits, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("splits", [5, pytest.param(20, marks=pytest.mark.slow)])
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.long
def test_many_splits_are_searched_as_one_by_one(hitters, standardize, splits):
    """By an independent coordinate descent: the same curve, and the same penalty chosen, on each split."""
    rows = np.array([np.random.RandomState(seed).permutation(263)[88:] for seed in range(splits)])
    X, y = hitters.X[rows], hitters.y[rows]
    grid = {"number": 30, "smallest": 0.01, "standardize": True}
    together = search(X, y, settings_with(standardize, penalties=grid))
    assert together.solved_again == 0
    for place in range(len(rows)):
        expected = curve(X[place], y[place], together.penalties[place], BOOK["folds"], standardize)
        np.testing.assert_allclose(together.errors[place], expected, rtol=1e-6)
        assert together.chosen[place] == expected.mean(axis=0).argmin()
    assert len(set(together.chosen)) > splits // 4


@pytest.mark.parametrize("standardize", [True, False])
def test_a_split_does_not_depend_on_those_beside_it(hitters, standardize):
    rows = np.array([np.random.RandomState(seed).permutation(263)[88:] for seed in range(7)])
    X, y = hitters.X[rows], hitters.y[rows]
    settings = settings_with(standardize, penalties=BOOK["penalties"] | {"number": 20})
    together = search(X, y, settings)
    for some in ([4], [6, 4], [1, 2, 3, 4]):
        apart = search(X[some], y[some], settings)
        for name in ("penalties", "errors", "chosen", "coefficients", "intercepts"):
            np.testing.assert_array_equal(getattr(apart, name), getattr(together, name)[some])


@pytest.mark.parametrize("standardize", [True, False])
def test_the_tables_do_not_depend_on_the_chunks(
    tmp_path, hitters_table, logger, fitted, monkeypatch, standardize
):
    """All splits at once, some at a time, one at a time, and each in a file of its own: the same numbers."""
    settings = {"penalties": BOOK["penalties"] | {"number": 12}, "standardize": standardize}
    seeds = [3, 1, 2, 9, 8, 7, 5]
    splits = str(tmp_path / "splits.parquet")
    split(hitters_table, splits, "1/3", seeds, logger)
    sizes = []

    def counted(training, settings):
        sizes.append(len(training.X))
        return search_training(training, settings)

    monkeypatch.setattr(fit_lasso_module, "search", counted)
    together = {
        key: read_table(path) for key, path in fitted(hitters_table, splits, name="all", **settings).items()
    }
    assert sizes == [7]
    for name, chunk in (("some", 200_000), ("one", 1)):
        sizes.clear()
        monkeypatch.setattr("lineup.data.tables.CHUNK", chunk)
        paths = fitted(hitters_table, splits, name=name, **settings)
        assert sum(sizes) == 7
        assert (max(sizes) == 1) if name == "one" else (1 < max(sizes) < 7)
        for key, path in paths.items():
            columns = read_table(path)
            assert columns.keys() == together[key].keys()
            for column, values in columns.items():
                np.testing.assert_array_equal(values, together[key][column])
    for seed in seeds:
        alone = str(tmp_path / f"{seed}.parquet")
        split(hitters_table, alone, "1/3", [seed], logger)
        paths = fitted(hitters_table, alone, name=str(seed), **settings)
        # The path is that of the first split of a block alone.
        keys = paths.keys() if seed == seeds[0] else paths.keys() - {"path"}
        for key in keys:
            here = together[key]["seed"] == seed
            for column, values in read_table(paths[key]).items():
                np.testing.assert_array_equal(values, together[key][column][here])
    assert set(together["path"]["seed"]) == {3}
    assert len(set(together["scores"]["mae"])) == 7


def descend(gram, correlation, variance, penalties):
    """Solves S lasso problems by coordinate descent from zero, all of them side by side.

    Each minimizes ``b' gram b / 2 - correlation' b + sum_j penalties_j |b_j|``. It stops at a duality gap of
    1e-10 of the variance.

    Args:
        gram: Shape (S, p, p), with ones on the diagonals.
        correlation: Shape (S, p).
        variance: Shape (S,).
        penalties: Shape (S, p).
    """
    solved, unsolved = np.zeros(correlation.shape), np.arange(len(correlation))
    b = np.zeros(correlation.shape)
    for _ in range(1000):
        for _ in range(50):
            for j in range(b.shape[1]):
                towards = correlation[:, j] - np.vecdot(gram[:, j], b) + b[:, j]
                b[:, j] = towards - np.clip(towards, -penalties[:, j], penalties[:, j])
        left = correlation - np.vecdot(gram, b[:, None])
        explained = np.vecdot(b, correlation)
        residual = variance - explained - np.vecdot(b, left)
        shrink = 1 / np.maximum(1, (np.abs(left) / penalties).max(axis=1))
        primal = residual / 2 + np.vecdot(penalties, np.abs(b))
        dual = shrink * (variance - explained) - shrink**2 * residual / 2
        done = primal - dual <= 1e-10 * variance
        solved[unsolved[done]] = b[done]
        unsolved, b, gram, correlation, variance, penalties = (
            part[~done] for part in (unsolved, b, gram, correlation, variance, penalties)
        )
        if not len(unsolved):
            return solved
    raise AssertionError(f"{len(unsolved)} problems are not solved after 50000 sweeps")


@pytest.mark.parametrize("splits", [200, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.long
def test_many_splits_are_fitted_as_by_coordinate_descent(
    tmp_path, hitters, hitters_table, logger, fitted, standardize, splits
):
    """At the penalty chosen: the same objective, and the same test MAE.

    The objective is a tenth of the variance or more, so that a gap of 1e-10 of the variance moves it by
    1e-9. Between the test MAEs it leaves 3e-9; thirty times that is allowed.
    """
    file = str(tmp_path / "splits.parquet")
    split(hitters_table, file, "1/3", {"first": 1, "last": splits}, logger)
    drawn = read_splits([file])
    paths = fitted(hitters_table, file, standardize)
    grid, terms, scores = (read_table(paths[key]) for key in ("grid", "coefficients", "scores"))
    penalty = grid["penalty"][grid["chosen"]].reshape(splits, 10)[:, 0]
    intercepts, slopes = np.split(terms["coefficient"].reshape(splits, 20), [1], axis=1)

    X, y = hitters.X[drawn.train], hitters.y[drawn.train]
    means, scale, y_mean = X.mean(axis=1), X.std(axis=1), y.mean(axis=1)
    Z, centred = (X - means[:, None]) / scale[:, None], y - y_mean[:, None]
    # On the standardized scale it takes the fewest sweeps; a penalty on the features as given is then a weight.
    weights = np.ones_like(scale) if standardize else 1 / scale
    expected = (
        descend(
            np.swapaxes(Z, 1, 2) @ Z / 175,
            np.vecdot(np.swapaxes(Z, 1, 2), centred[:, None]) / 175,
            centred.var(axis=1),
            penalty[:, None] * weights,
        )
        / scale
    )

    def objective(b, intercepts):
        squares = ((y - np.vecdot(X, b[:, None]) - intercepts[:, None]) ** 2).mean(axis=1)
        return squares / 2 + penalty * (np.abs(b) * scale * weights).sum(axis=1)

    expected_intercepts = y_mean - np.vecdot(means, expected)
    best = objective(expected, expected_intercepts)
    assert (best / y.var(axis=1)).min() > 0.1
    np.testing.assert_allclose(objective(slopes, intercepts[:, 0]), best, rtol=1e-9)
    predicted = np.vecdot(hitters.X[drawn.test], expected[:, None]) + expected_intercepts[:, None]
    mae = np.abs(predicted - hitters.y[drawn.test]).mean(axis=1)
    assert scores["seed"].tolist() == list(range(1, splits + 1))
    np.testing.assert_allclose(scores["mae"], mae, rtol=1e-7)

    # Neither nothing is fitted nor the same thing, and the fits explain a part of the target.
    counts = (slopes != 0).sum(axis=1)
    assert counts.min() >= 3 and len(set(counts)) > 5
    assert len(np.unique(slopes != 0, axis=0)) > splits / 10
    assert len(set(scores["mae"])) == splits
    assert (best < 0.9 * y.var(axis=1) / 2).all()


@pytest.mark.parametrize("standardize", [True, False])
def test_what_is_not_solved_well_is_solved_again(training, monkeypatch, standardize):
    """A path that goes wrong, for one fold here, is found by its gap; coordinate descent takes its place."""
    X, y = training
    right = searched(X, y, 10, standardize)

    def spoiled(*problems):
        paths = homotopy.lasso_paths(*problems)
        paths[3, 5] *= 1.01
        return paths

    monkeypatch.setattr(fit_lasso_module, "lasso_paths", spoiled)
    helped = searched(X, y, 10, standardize, tolerance=1e-7)
    assert (right.solved_again, helped.solved_again) == (0, 1)
    np.testing.assert_allclose(helped.errors, right.errors, rtol=1e-5)


def test_a_fit_in_the_units_of_the_features(training):
    """A feature in other units has another coefficient, and the predictions are the same."""
    X, y = training
    penalties = book_grid(X, y, 10)
    factor = np.logspace(-3, 3, 19)
    plain = fit_path(X, y, penalties, True, **SOLVER)
    scaled = fit_path(X * factor + 5, y, penalties, True, **SOLVER)
    np.testing.assert_allclose(scaled.coefficients * factor[:, None], plain.coefficients, atol=1e-6)
    np.testing.assert_allclose(scaled.predict(X * factor + 5), plain.predict(X), rtol=1e-6)
    assert (plain.coefficients[:, -1] != 0).sum() > 3


@pytest.mark.parametrize("value", [0.0, 3.0, 0.1, 1e9 + 0.1])
@pytest.mark.parametrize("standardize", [True, False])
def test_a_constant_feature_changes_nothing(training, value, standardize):
    """The standard deviation of 0.1, 0.1 and so on is not quite 0 in floating point."""
    X, y = training
    constant = np.column_stack([X, np.full(len(y), value)])
    _, scale = standardization(constant)
    assert scale[-1] == 1
    penalties = penalty_grid(constant, y, 10, 0.01, standardize)
    np.testing.assert_array_equal(penalties, penalty_grid(X, y, 10, 0.01, standardize))
    with_it = fit_path(constant, y, penalties, standardize, **SOLVER)
    without = fit_path(X, y, penalties, standardize, **SOLVER)
    assert not with_it.coefficients[-1].any()
    np.testing.assert_allclose(with_it.coefficients[:-1], without.coefficients, rtol=1e-6, atol=1e-9)
    # So a row where it is not constant is predicted as any other.
    row = np.append(X[0], value + 1000)
    np.testing.assert_allclose(with_it.predict(row[None]), without.predict(X[:1]), rtol=1e-9)


@pytest.mark.parametrize("value", [0.0, 7.0, 0.1])
def test_a_constant_target_is_refused(value):
    X = np.random.default_rng(0).normal(size=(30, 3))
    with pytest.raises(InputError, match="target is constant"):
        penalty_grid(X, np.full(30, value), 10, 0.01, True)


def test_constant_features_alone_are_refused():
    y = np.random.default_rng(0).normal(size=30)
    with pytest.raises(InputError, match="no feature varies with it"):
        penalty_grid(np.full((30, 2), 0.1), y, 10, 0.01, True)


def test_a_fit_that_does_not_converge_is_refused(tmp_path, hitters_table, hitters_splits, fitted):
    with pytest.raises(
        InputError, match="did not converge to a tolerance of 1e-300 within 3 sweeps: raise max_iter"
    ):
        fitted(hitters_table, hitters_splits, standardize=False, tolerance=1e-300, max_iterations=3)
    assert not list(tmp_path.rglob("*.parquet"))


def test_more_folds_than_training_rows_are_refused(tmp_path, prepare, fitted):
    generator = np.random.default_rng(0)
    columns = {"a": generator.normal(size=12), "y": generator.normal(size=12)}
    table, splits = prepare(tmp_path, columns)
    with pytest.raises(InputError, match="10 folds for the 9 training rows"):
        fitted(table, splits)
    # One row a fold is allowed.
    grid = read_table(fitted(table, splits, folds={"number": 9, "seed": 1})["grid"])
    assert grid["fold"].max() == 9


def test_the_same_bytes_are_written_twice(hitters_table, hitters_splits, fitted):
    settings = {"penalties": BOOK["penalties"] | {"number": 10}}
    first, second = (
        fitted(hitters_table, hitters_splits, name=name, **settings) for name in ("first", "second")
    )
    for key, path in first.items():
        assert Path(path).read_bytes() == Path(second[key]).read_bytes()


def test_choices_at_an_end_of_the_grid_are_counted():
    """The last one counts where the error still falls there, and not where it is flat."""
    means = np.array([[1, 2, 3, 4], [2, 1, 3, 4], [4, 3, 2, 1], [4, 3, 1, 0.9999], [3, 2, 1, 2.0]])
    assert ends_of(means, means.argmin(axis=1)) == (1, 1)
