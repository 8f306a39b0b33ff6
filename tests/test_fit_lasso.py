"""The lasso: the figures of the book, scikit-learn's grid search, and the conditions of an optimum."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import Lasso
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from scripts import fit_lasso as fit_lasso_module
from scripts import homotopy
from scripts.errors import InputError
from scripts.fit_lasso import Search, fit_lasso, fit_path, penalty_grid, search, standardization
from scripts.split import split
from scripts.tables import read_splits, read_table

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


@pytest.fixture
def fitted(tmp_path, logger):
    """Gives a function that fits a prepared table and returns the paths of what is written."""

    def fit(table, splits, standardize=True, name="fit", **settings):
        keys = ("predictions", "scores", "coefficients", "grid", "path")
        paths = {key: str(tmp_path / name / f"{key}.parquet") for key in keys}
        fit_lasso(
            table=table, splits=splits, standardize=standardize, logger=logger, **paths, **(BOOK | settings)
        )
        return paths

    return fit


@pytest.fixture
def training(hitters, book_split):
    return hitters.X[book_split.train], hitters.y[book_split.train]


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
    return search(X[None], y[None], grid, folds or BOOK["folds"], standardize, **(SOLVER | solver))


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


@pytest.mark.parametrize("standardize", [True, False], ids=["as meant", "as printed"])
def test_the_printed_figures_are_those_of_scikit_learns_default_tolerance(
    hitters, book_split, training, standardize
):
    """The arithmetic of one solver, so the last digits may differ between builds of BLAS, not more."""
    search = grid_search(*training, book_grid(*training), standardize, max_iter=30_000)
    mae = np.abs(search.predict(hitters.X[book_split.test]) - hitters.y[book_split.test]).mean()
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


@pytest.mark.parametrize("seed", [2, 3])
def test_the_curve_is_that_of_a_grid_search(hitters, tmp_path, hitters_table, logger, seed):
    """scikit-learn's solver stops at a duality gap of 1e-8: its errors on a fold are off by a few 1e-8."""
    splits = str(tmp_path / "splits.parquet")
    split(hitters_table, splits, "1/3", [seed], logger)
    train = next(read_splits(splits)).train
    X, y = hitters.X[train], hitters.y[train]
    errors = searched(X, y, 30).errors[0]
    search = grid_search(X, y, book_grid(X, y, 30), True, tol=1e-8, max_iter=1_000_000)
    expected = np.array([search.cv_results_[f"split{fold}_test_score"] for fold in range(10)])
    assert errors.shape == (10, 30)
    np.testing.assert_allclose(errors, -expected, rtol=1e-6)
    np.testing.assert_allclose(errors.mean(axis=0), -search.cv_results_["mean_test_score"], rtol=1e-6)
    assert errors.mean(axis=0).argmin() == search.best_index_
    # The curve has its minimum inside, and the fits are not all the same.
    assert 0 < search.best_index_ < 29
    assert np.ptp(errors.mean(axis=0)) > 10


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
    paths = fitted(hitters_table, splits, penalties=BOOK["penalties"] | {"number": 20})
    predictions, scores, grid = (read_table(paths[key]) for key in ("predictions", "scores", "grid"))
    assert scores["seed"].tolist() == [5, 4]
    for place, drawn in enumerate(read_splits(splits)):
        here = grid["seed"] == drawn.seed
        penalty = grid["penalty"][here & grid["chosen"]][0]
        lasso = Lasso(penalty, tol=1e-10, max_iter=1_000_000)
        reference = Pipeline([("scaler", StandardScaler()), ("lasso", lasso)])
        reference.fit(hitters.X[drawn.train], hitters.y[drawn.train])
        expected = reference.predict(hitters.X[drawn.test])
        mine = predictions["predicted"][predictions["seed"] == drawn.seed]
        # In thousands of dollars. A gap of 1e-8 leaves 1.4e-4; ten times that is allowed.
        np.testing.assert_allclose(mine, expected, rtol=0, atol=1.4e-3)
        assert scores["mae"][place] == pytest.approx(
            np.abs(expected - hitters.y[drawn.test]).mean(), rel=1e-5
        )
        assert np.ptp(mine) > 100


def test_the_tables_have_a_record_for_everything(tmp_path, hitters, hitters_table, logger, fitted):
    splits = str(tmp_path / "splits.parquet")
    split(hitters_table, splits, "1/3", [5, 4], logger)
    folds, penalties = {"number": 4, "seed": 9}, {"number": 6, "smallest": 0.1, "standardize": True}
    paths = fitted(hitters_table, splits, folds=folds, penalties=penalties)
    drawn_splits = list(read_splits(splits))

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
    first = hitters.X[drawn_splits[0].train], hitters.y[drawn_splits[0].train]
    assert set(path["seed"]) == {5}
    np.testing.assert_array_equal(path["penalty"], np.repeat(penalty_grid(*first, **penalties), 19))
    terms = read_table(paths["coefficients"])
    for drawn in drawn_splits:
        X, y = hitters.X[drawn.train], hitters.y[drawn.train]
        tried = penalty_grid(X, y, **penalties)
        here = grid[grid["seed"] == drawn.seed]
        np.testing.assert_array_equal(here["penalty"], np.repeat(tried, 4))
        np.testing.assert_allclose(here["mae"], curve(X, y, tried, folds, True).T.ravel(), rtol=1e-6)
        means = here.groupby("penalty", sort=False)["mae"].mean()
        assert set(here["penalty"][here["chosen"]]) == {means.idxmin()}
        assert here["chosen"].sum() == 4

        fits = fit_path(X, y, tried, True, tolerance=1e-11, max_iterations=10**7).coefficients.T
        chosen = terms["coefficient"][terms["seed"] == drawn.seed][1:]
        np.testing.assert_allclose(
            chosen, fits[np.flatnonzero(tried == means.idxmin())[0]], rtol=1e-5, atol=1e-6
        )
        assert (np.count_nonzero(fits, axis=1)[1:] > 0).all()
        if drawn.seed == 5:
            np.testing.assert_allclose(path["coefficient"].reshape(6, 19), fits, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("standardize", [True, False])
def test_many_splits_are_searched_as_one_by_one(hitters, standardize):
    """By an independent coordinate descent: the same curve, and the same penalty chosen, on each split."""
    rows = np.array([np.random.RandomState(seed).permutation(263)[88:] for seed in range(20)])
    X, y = hitters.X[rows], hitters.y[rows]
    grid = {"number": 30, "smallest": 0.01, "standardize": True}
    together = search(X, y, grid, BOOK["folds"], standardize, **SOLVER)
    assert together.solved_again == 0
    for place in range(len(rows)):
        expected = curve(X[place], y[place], together.penalties[place], BOOK["folds"], standardize)
        np.testing.assert_allclose(together.errors[place], expected, rtol=1e-6)
        assert together.chosen[place] == expected.mean(axis=0).argmin()
    assert len(set(together.chosen)) > 5


@pytest.mark.parametrize("standardize", [True, False])
def test_a_split_does_not_depend_on_those_beside_it(hitters, standardize):
    rows = np.array([np.random.RandomState(seed).permutation(263)[88:] for seed in range(7)])
    X, y = hitters.X[rows], hitters.y[rows]
    settings = ({"number": 20, "smallest": 0.01, "standardize": True}, BOOK["folds"], standardize)
    together = search(X, y, *settings, **SOLVER)
    for some in ([4], [6, 4], [1, 2, 3, 4]):
        apart = search(X[some], y[some], *settings, **SOLVER)
        for name in ("penalties", "errors", "chosen", "coefficients", "intercepts"):
            np.testing.assert_array_equal(getattr(apart, name), getattr(together, name)[some])


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
