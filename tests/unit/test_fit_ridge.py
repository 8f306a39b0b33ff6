"""Ridge regression: equal to scikit-learn's, and the same in any company."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lineup.comparison.scores import doubts_of_fits
from lineup.data.design import read_design
from lineup.data.splits import draw_splits, split
from lineup.data.tables import read_table
from lineup.errors import InputError
from lineup.models import ridge
from lineup.models.grid_search import Training, fold_rows
from lineup.models.ridge import Settings, fit_ridge
from lineup.models.ridge import search as search_training
from lineup.settings import typed

PENALTIES = {"number": 12, "largest": 10.0, "smallest": 1.0e-6}
FOLDS = {"number": 5, "seed": 3}


def settings_with(standardize, **changes):
    return typed(Settings, {"penalties": PENALTIES, "folds": FOLDS, "standardize": standardize} | changes)


def search(X, y, settings):
    return search_training(Training(X, y), settings)


def fit(folder, table, splits, logger, **changes):
    """Fits and gives the tables that were written, by name."""
    names = ("predictions", "scores", "coefficients", "grid")
    paths = {name: str(folder / f"{name}.parquet") for name in names}
    fit_ridge(table=table, splits=splits, **paths, settings=settings_with(True, **changes), logger=logger)
    return {name: read_table(path) for name, path in paths.items()}


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("splits", [12, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.long
def test_splits_are_searched_as_by_scikit_learn(hitters, standardize, splits):
    drawn = draw_splits(263, 1 / 3, list(range(splits)))
    found = search(hitters.X[drawn.train], hitters.y[drawn.train], settings_with(standardize))
    for place, rows in enumerate(drawn.train):
        steps = [StandardScaler()] if standardize else []
        grid = GridSearchCV(
            make_pipeline(*steps, Ridge(solver="svd")),
            {"ridge__alpha": found.penalties[place]},
            scoring="neg_mean_absolute_error",
            cv=KFold(5, shuffle=True, random_state=3),
        ).fit(hitters.X[rows], hitters.y[rows])
        np.testing.assert_allclose(
            found.errors[place].mean(axis=0), -grid.cv_results_["mean_test_score"], rtol=1e-7
        )
        assert found.chosen[place] == grid.best_index_
        chosen = found.coefficients[place, found.chosen[place]], found.intercepts[place, found.chosen[place]]
        np.testing.assert_allclose(
            hitters.X[drawn.test[place]] @ chosen[0] + chosen[1],
            grid.predict(hitters.X[drawn.test[place]]),
            rtol=1e-7,
        )
    assert len(set(found.chosen)) >= 3


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("standardize", [True, False])
def test_more_features_than_rows_are_searched_by_the_products_of_rows(standardize, weighted):
    """By scikit-learn, and by the decomposition of the features."""
    chance = np.random.default_rng(0)
    X = chance.normal(size=(2, 40, 90)) * chance.uniform(0.2, 5, 90)
    X[:, :, 7] = 3.0
    y = X[:, :, 0] - X[:, :, 1] + chance.normal(size=(2, 40))
    weights = chance.uniform(0.2, 1, (2, 40)) if weighted else None
    training, settings = Training(X, y, weights), settings_with(standardize)
    held = fold_rows(40, settings.folds)
    grid, coefficients, intercepts = ridge._solve_wide(training, held, settings)
    by_features = ridge._solve(training, held, settings)
    for wide, other in zip((grid, coefficients, intercepts), by_features, strict=True):
        np.testing.assert_allclose(wide, other, rtol=1e-6, atol=1e-7)
    assert (coefficients[..., 7] == 0).all()
    found = search_training(training, settings)
    np.testing.assert_array_equal(found.coefficients, coefficients[:, -1])
    if weighted or standardize:
        return
    for place, penalty in enumerate(grid[1]):
        expected = Ridge(penalty, solver="svd").fit(
            np.delete(X[1], held[2], axis=0), np.delete(y[1], held[2])
        )
        np.testing.assert_allclose(coefficients[1, 2, place], expected.coef_, rtol=1e-7, atol=1e-9)


def test_the_fits_are_those_of_ridge_cv_on_all_rows(hitters):
    """RidgeCV fits all training rows with the penalty that it is given."""
    X, y = hitters.X[None, :200], hitters.y[None, :200]
    found = search(X, y, settings_with(False))
    assert found.penalties.shape == (1, 12) and (np.diff(found.penalties[0]) < 0).all()
    centred = X[0] - X[0].mean(axis=0)
    largest = np.linalg.svd(centred, compute_uv=False)[0] ** 2
    assert found.penalties[0][[0, -1]] == pytest.approx([10 * largest, 1e-6 * largest], rel=1e-9)
    for place, penalty in enumerate(found.penalties[0]):
        expected = RidgeCV(alphas=[penalty]).fit(X[0], y[0])
        np.testing.assert_allclose(found.coefficients[0, place], expected.coef_, rtol=1e-5, atol=1e-9)
        assert found.intercepts[0, place] == pytest.approx(expected.intercept_, rel=1e-7)


@pytest.mark.parametrize("standardize", [True, False])
def test_a_split_does_not_depend_on_those_beside_it(hitters, standardize):
    drawn = draw_splits(263, 1 / 3, [4, 8, 15, 16, 23])
    together = search(hitters.X[drawn.train], hitters.y[drawn.train], settings_with(standardize))
    for some in ([3], [4, 1]):
        apart = search(hitters.X[drawn.train[some]], hitters.y[drawn.train[some]], settings_with(standardize))
        for name in ("penalties", "errors", "chosen", "coefficients", "intercepts"):
            np.testing.assert_array_equal(getattr(apart, name), getattr(together, name)[some])


def test_no_test_row_can_change_a_fit(tmp_path, hitters_table, logger):
    splits = str(tmp_path / "splits.parquet")
    split(table=hitters_table, output=splits, test_share="1/3", seeds=[1, 2], logger=logger)
    found = fit(tmp_path, hitters_table, splits, logger)
    design, drawn = read_design(hitters_table), draw_splits(263, 1 / 3, [1, 2])
    for place in range(2):
        X, y = design.X.copy(), design.y.copy()
        X[drawn.test[place]], y[drawn.test[place]] = 1e6, -1e6
        again = search(
            X[drawn.train[place : place + 1]], y[drawn.train[place : place + 1]], settings_with(True)
        )
        slopes = found["coefficients"]["coefficient"].reshape(2, 20)[place]
        np.testing.assert_array_equal(slopes[1:], again.coefficients[0, again.chosen[0]])
        predicted = design.X[drawn.test[place]] @ slopes[1:] + slopes[0]
        np.testing.assert_allclose(
            found["predictions"]["predicted"].reshape(2, -1)[place], predicted, rtol=1e-12
        )
    assert found["grid"]["chosen"].sum() == 2 * 5 and len(found["grid"]["mae"]) == 2 * 12 * 5
    # Better than least squares would be on the book's split, which is 259.7.
    assert found["scores"]["mae"][0] < 259


def test_the_tables_do_not_depend_on_the_chunks(tmp_path, hitters_table, logger, monkeypatch):
    splits = str(tmp_path / "splits.parquet")
    split(table=hitters_table, output=splits, test_share="1/3", seeds=[3, 1, 2], logger=logger)
    whole = fit(tmp_path, hitters_table, splits, logger)
    monkeypatch.setattr("lineup.data.tables.CHUNK", 1)
    cut = fit(tmp_path, hitters_table, splits, logger)
    for name, columns in whole.items():
        for key, values in columns.items():
            np.testing.assert_array_equal(values, cut[name][key], err_msg=f"{name} {key}")


def test_a_constant_feature_has_no_coefficient(hitters):
    X = np.column_stack([hitters.X[:150], np.full(150, 0.1)])[None]
    for standardize in (True, False):
        found = search(X, hitters.y[None, :150], settings_with(standardize))
        assert (found.coefficients[..., -1] == 0).all() and np.isfinite(found.errors).all()
        without = search(X[..., :-1], hitters.y[None, :150], settings_with(standardize))
        np.testing.assert_allclose(found.errors, without.errors, rtol=1e-9)


def test_constant_features_are_refused_in_a_sentence(hitters):
    with pytest.raises(InputError, match="every feature is constant"):
        search(np.ones((1, 20, 2)), hitters.y[None, :20], settings_with(True))


def test_more_folds_than_rows_are_refused_in_a_sentence(tmp_path, prepare, logger):
    table, splits = prepare(tmp_path, {"a": np.arange(6.0), "y": [1.0, 2, 3, 5, 8, 9]})
    with pytest.raises(InputError, match="Ridge regression has 5 folds for the 4 training rows"):
        fit(tmp_path, table, splits, logger)


def test_a_penalty_at_an_end_of_its_grid_is_told(tmp_path, hitters_table, hitters_splits, logger):
    narrow = {"number": 2, "largest": 1.0e-7, "smallest": 1.0e-8}
    fit(tmp_path, hitters_table, hitters_splits, logger, penalties=narrow)
    assert doubts_of_fits([str(tmp_path / "scores.parquet")], 1)[0].startswith(
        "in 1 of 1 splits the chosen penalty is the "
    )
