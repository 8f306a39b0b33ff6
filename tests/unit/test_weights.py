"""Weights of rows: in fits and scores as scikit-learn has them, and rows that are repeated."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Lasso, LinearRegression, Ridge
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler
from support.data import NETWORK, NETWORK_FILES

from lineup.comparison.null_model import null_predictions
from lineup.comparison.scores import doubts_of_fits, score_columns
from lineup.data.design import Design, read_design
from lineup.data.tables import Splits, read_schema, read_splits, read_table
from lineup.errors import InputError
from lineup.models.lasso import Settings as LassoSettings
from lineup.models.lasso import fit_lasso
from lineup.models.linear import fit_linear
from lineup.models.mlp import fit_mlp
from lineup.models.ridge import Settings as RidgeSettings
from lineup.models.ridge import fit_ridge
from lineup.networks.settings import Settings as NetworkSettings
from lineup.settings import typed

WEIGHTED = {"w": "weight"}
FOLDS = {"number": 4, "seed": 2}
RIDGE = {"penalties": {"number": 6, "largest": 10.0, "smallest": 1e-4}, "folds": FOLDS, "standardize": True}
LASSO = {
    "penalties": {"number": 12, "smallest": 0.01, "standardize": True},
    "folds": FOLDS, "standardize": True, "tolerance": 1e-9, "max_iterations": 10**6,
}  # fmt: skip


def weighted(rows=90, seed=0):
    """Makes a curve, which a line fits otherwise where other rows weigh more."""
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame(chance.normal(size=(rows, 3)), columns=["a", "b", "c"])
    frame["y"] = np.exp(frame["a"]) + frame["b"] + chance.normal(size=rows)
    frame["w"] = np.exp(chance.normal(size=rows)) * 1000
    return frame


@pytest.fixture
def table(tmp_path, prepare):
    return prepare(tmp_path, weighted(), seeds=range(1, 7), told=WEIGHTED)


def fitted(fit, folder, table, splits, names, **settings):
    """Fits, and gives the tables by name."""
    paths = {name: str(folder / f"{name}.parquet") for name in ("predictions", "scores", *names)}
    fit(table=table, splits=splits, **paths, **settings)
    return {name: read_table(path) for name, path in paths.items()}


def check_scores(found, splits):
    """Compares the scores of all splits with scikit-learn's."""
    frame, drawn = weighted(), read_splits([splits])
    for place, test in enumerate(drawn.test):
        y, w = frame["y"].iloc[test], frame["w"].iloc[test]
        predicted = found["predictions"]["predicted"].reshape(len(drawn), -1)[place]
        for name, score in {
            "mae": mean_absolute_error,
            "rmse": root_mean_squared_error,
            "r2": r2_score,
        }.items():
            assert found["scores"][name][place] == pytest.approx(
                score(y, predicted, sample_weight=w), rel=1e-10
            )
            assert found["scores"][name][place] != pytest.approx(score(y, predicted), rel=1e-6)


def test_the_weight_is_no_feature(table):
    design = read_design(table[0])
    assert design.features == ["a", "b", "c"]
    np.testing.assert_allclose(design.weights, weighted()["w"] / weighted()["w"].max())


def test_least_squares_is_that_of_scikit_learn(tmp_path, table, logger):
    found = fitted(fit_linear, tmp_path, *table, ["coefficients"], logger=logger)
    frame = weighted()
    for place, train in enumerate(read_splits([table[1]]).train):
        some = frame.iloc[train]
        expected = LinearRegression().fit(some[["a", "b", "c"]], some["y"], sample_weight=some["w"])
        mine = found["coefficients"]["coefficient"].reshape(-1, 4)[place]
        np.testing.assert_allclose(mine, [expected.intercept_, *expected.coef_], rtol=1e-9)
    check_scores(found, table[1])


class Scaled:
    """A model of scikit-learn on features that are standardized by weighted rows."""

    def __init__(self, model, X, y, w):
        self.scaler = StandardScaler().fit(X, sample_weight=w)
        self.model = model.fit(self.scaler.transform(X), y, sample_weight=w)

    def predict(self, X):
        return self.model.predict(self.scaler.transform(X))


def check_search(found, splits, model_of):
    """Compares the grid search of each split with one that is written out by means of scikit-learn."""
    frame, drawn, chosen = weighted(), read_splits([splits]), set()
    penalties = found["grid"]["penalty"].reshape(len(drawn), -1, FOLDS["number"])[:, :, 0]
    errors = found["grid"]["mae"].reshape(len(drawn), -1, FOLDS["number"])
    folds = KFold(FOLDS["number"], shuffle=True, random_state=FOLDS["seed"])
    for place, train in enumerate(drawn.train):
        X, y, w = (frame[columns].to_numpy()[train] for columns in (["a", "b", "c"], "y", "w"))
        expected = np.empty(errors.shape[1:])
        for fold, (inside, held) in enumerate(folds.split(X)):
            for step, penalty in enumerate(penalties[place]):
                # The ridge's penalty is a share of a sum of weights, which are divided by the largest one here.
                model = Scaled(model_of(penalty), X[inside], y[inside], w[inside] / frame["w"].max())
                expected[step, fold] = mean_absolute_error(
                    y[held], model.predict(X[held]), sample_weight=w[held]
                )
        np.testing.assert_allclose(errors[place], expected, rtol=1e-6)
        best = expected.mean(axis=1).argmin()
        chosen.add(best)
        model = Scaled(model_of(penalties[place][best]), X, y, w / frame["w"].max())
        predicted = found["predictions"]["predicted"].reshape(len(drawn), -1)[place]
        tested = frame[["a", "b", "c"]].to_numpy()[drawn.test[place]]
        np.testing.assert_allclose(predicted, model.predict(tested), rtol=1e-6, atol=1e-6)
    assert len(chosen) > 1
    check_scores(found, splits)


def test_ridge_is_that_of_scikit_learn(tmp_path, table, logger):
    settings = typed(RidgeSettings, RIDGE)
    found = fitted(fit_ridge, tmp_path, *table, ["coefficients", "grid"], settings=settings, logger=logger)
    check_search(found, table[1], lambda penalty: Ridge(penalty, solver="cholesky"))


@pytest.mark.parametrize("solver", ["homotopy", "coordinate descent"])
def test_the_lasso_is_that_of_scikit_learn(tmp_path, table, logger, monkeypatch, solver):
    if solver == "coordinate descent":
        monkeypatch.setattr(
            "lineup.models.lasso.duality_gaps", lambda *parts: np.full(parts[-1].shape[:2], np.nan)
        )
    settings, names = typed(LassoSettings, LASSO), ["coefficients", "grid", "path"]
    found = fitted(fit_lasso, tmp_path, *table, names, settings=settings, logger=logger)
    check_search(found, table[1], lambda penalty: Lasso(penalty, tol=1e-12, max_iter=10**6))
    np.testing.assert_allclose(found["path"]["coefficient"][:3], 0, atol=1e-12)


def test_a_row_of_weight_2_counts_as_two(tmp_path, prepare, logger):
    """On splits that hold both copies on one side; one of weight 0 counts as none, and is dropped."""
    frame = weighted(40).assign(w=[0, 1, 2, 3] * 10)
    folders = [tmp_path / name for name in ("weighted", "repeated")]
    for folder in folders:
        folder.mkdir()
    once, _ = prepare(folders[0], frame, told=WEIGHTED)
    kept = frame[frame["w"] > 0].reset_index(drop=True)
    copies = np.repeat(np.arange(30), kept["w"])
    twice, _ = prepare(folders[1], kept.drop(columns="w").iloc[copies])
    assert len(read_design(once).y) == 30
    test = np.arange(0, 30, 3)
    tested = np.isin(copies, test)
    sides = [
        Splits.of([1], [np.setdiff1d(np.arange(30), test)], [test]),
        Splits.of([1], [np.flatnonzero(~tested)], [np.flatnonzero(tested)]),
    ]
    for null_model in ("mean", "median"):
        scores = [
            score_columns(design, splits, null_predictions(design, splits, null_model))
            for design, splits in zip(map(read_design, (once, twice)), sides, strict=True)
        ]
        for name in ("mae", "rmse", "r2"):
            assert scores[0][name] == pytest.approx(scores[1][name], rel=1e-12)


@pytest.mark.parametrize(
    ("y", "w", "median"),
    [
        ([3.0, 1, 2], [1.0, 1, 1], 2),
        ([3.0, 1, 2, 4], [1.0, 1, 1, 1], 2.5),
        ([3.0, 1, 2, 4], [0.1, 0.1, 0.1, 0.1], 2.5),
        ([3.0, 1, 2], [1.0, 5, 1], 1),
        ([3.0, 1, 2], [2.0, 1, 1], 2.5),
        ([1.0, 2], [0.9, 1], 2),
    ],
)
def test_the_weighted_median_by_hand(y, w, median):
    rows = np.arange(len(y))
    design = Design(["a"], np.zeros((len(y), 1)), np.array(y), "y", weights=np.array(w))
    assert null_predictions(design, Splits(np.array([1]), rows[None], rows[None, :1]), "median") == [median]


def test_a_network_says_that_it_has_no_weights(tmp_path, table, logger):
    paths = {key: str(tmp_path / name) for key, name in NETWORK_FILES.items()}
    settings = typed(NetworkSettings, NETWORK)
    fit_mlp(table=table[0], splits=table[1], settings=settings, threads=1, logger=logger, **paths)
    found = {name: read_table(paths[name]) for name in ("predictions", "scores")}
    check_scores(found, table[1])
    (doubt,) = doubts_of_fits([paths["scores"]], 6)
    assert "weights" in doubt


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([1, 2, -1, 4], "holds the weight -1 in column 'w', row 3"),
        (["1", "2", "inf", "4"], "row 3: a weight is 0 or more, and finite"),
        ([0, 0, 0, 0], "no row left with a weight above 0"),
        ([1, 2, None, 4], "has 1 missing value in column 'w', the first in row 3"),
        ([1, 2, "x", 4], "holds 'x' in column 'w', row 3, which has to be a number"),
    ],
)
def test_a_wrong_weight_is_refused_in_a_sentence(tmp_path, prepare, weights, said):
    columns = {"a": [1.0, 2, 3, 5], "y": [1.0, 2, 4, 3], "w": weights}
    with pytest.raises(InputError, match=said):
        prepare(tmp_path, columns, told=WEIGHTED)


def test_rows_without_weight_are_no_rows_that_were_dropped_for_a_gap(tmp_path, prepare):
    frame = weighted(40).assign(w=[0, 1] * 20)
    frame.loc[0, "y"] = None
    table, _ = prepare(tmp_path, frame, told=WEIGHTED)
    assert "doubts" not in read_schema(table) and read_schema(table)["rows"]["kept"] == 20
