"""What is learned from the training rows of each split: fills, and levels that are rare. scikit-learn does it split by split."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from support.data import NETWORK, NETWORK_FILES

from lineup.data.design import read_design
from lineup.data.imputation import Factor, Unlearned
from lineup.data.tables import read_schema, read_splits, read_table
from lineup.models.linear import fit_linear
from lineup.models.mlp import fit_mlp
from lineup.models.ridge import Settings as RidgeSettings
from lineup.models.ridge import fit_ridge
from lineup.networks.settings import Settings
from lineup.settings import typed

MEDIAN = {"numbers": "median", "indicators": True}
MEAN = {"numbers": "mean", "indicators": False}
LINEAR = ("predictions", "scores", "coefficients")


def gappy(rows=150, seed=0):
    """Makes columns with gaps, and factors with rare levels, of which some splits have no training row."""
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": chance.normal(size=rows), "b": chance.exponential(size=rows).round(1) * 1e3})
    frame["c"] = chance.choice(["x", "y", "z"], rows, p=[0.5, 0.3, 0.2])
    frame["d"] = chance.choice([f"k{level}" for level in range(12)], rows, p=[0.4, 0.3, *[0.03] * 10])
    frame["y"] = frame["a"] * 2 + frame["b"] / 1e3 + (frame["c"] == "x") + chance.normal(size=rows)
    for name, share in (("a", 0.1), ("b", 0.3), ("c", 0.2)):
        frame.loc[chance.random(rows) < share, name] = None
    return frame


def fitted(folder, table, splits, logger):
    """Fits least squares; gives the predictions, the scores and the coefficients."""
    paths = {name: str(folder / f"{name}.parquet") for name in LINEAR}
    fit_linear(table, splits, **paths, logger=logger)
    return {name: read_table(path) for name, path in paths.items()}


@pytest.mark.filterwarnings("ignore:Found unknown categories")
@pytest.mark.parametrize("imputation", [MEDIAN, MEAN], ids=["median", "mean"])
def test_scores_are_those_of_a_pipeline_of_scikit_learn(tmp_path, prepare, logger, imputation):
    """Imputer, encoder and least squares, all fitted to the training rows of each of 40 splits."""
    frame = gappy()
    table, splits = prepare(tmp_path, frame, seeds=range(1, 41), rare_levels=5, imputation=imputation)
    mine = fitted(tmp_path, table, splits, logger)["scores"]["mae"]
    drawn, pooled = read_splits([splits]), 0
    numbers = make_pipeline(
        SimpleImputer(strategy=imputation["numbers"], add_indicator=imputation["indicators"])
    )
    factors = make_pipeline(
        SimpleImputer(strategy="most_frequent", add_indicator=False),
        OneHotEncoder(min_frequency=5, handle_unknown="infrequent_if_exist", sparse_output=False),
    )
    for place, (train, test) in enumerate(zip(drawn.train, drawn.test, strict=True)):
        X = frame[["a", "b", "c", "d"]].assign(c_missing=frame["c"].isna().astype(float))
        parts = [("numbers", numbers, ["a", "b"]), ("factors", factors, ["c", "d"])]
        parts += [("indicator", "passthrough", ["c_missing"])] if imputation["indicators"] else []
        model = make_pipeline(ColumnTransformer(parts), LinearRegression())
        model.fit(X.iloc[train], frame["y"].iloc[train])
        expected = np.abs(model.predict(X.iloc[test]) - frame["y"].iloc[test]).mean()
        assert mine[place] == pytest.approx(expected, rel=1e-9)
        pooled += sum((frame["d"].iloc[train] == level).sum() < 5 for level in frame["d"].unique())
    assert pooled > 100


def test_no_fitted_number_hangs_on_the_test_rows(tmp_path, prepare, logger):
    """Every feature of every test row is changed, or taken away: fills, levels, scales and fits stay as they are."""
    frame = gappy()
    folders = [tmp_path / name for name in ("before", "after")]
    for folder in folders:
        folder.mkdir()
    table, splits = prepare(folders[0], frame, seeds=[1], rare_levels=5, imputation=MEDIAN)
    (test,) = read_splits([splits]).test
    other = frame.copy()
    chance = np.random.default_rng(9)
    other.loc[test, "a"] = chance.normal(size=len(test)) * 100
    other.loc[test, "b"] = np.where(chance.random(len(test)) < 0.5, np.nan, 7e5)
    other.loc[test, "c"] = chance.choice(["x", "y", "z"], len(test))
    other.loc[test, "d"] = chance.choice([f"k{level}" for level in range(12)], len(test))
    again, _ = prepare(folders[1], other, seeds=[1], rare_levels=5, imputation=MEDIAN)
    assert read_schema(table)["features"] == read_schema(again)["features"]
    found = [fitted(folder, one, splits, logger) for folder, one in zip(folders, (table, again), strict=True)]
    np.testing.assert_array_equal(
        found[0]["coefficients"]["coefficient"], found[1]["coefficients"]["coefficient"]
    )
    assert not np.array_equal(found[0]["predictions"]["predicted"], found[1]["predictions"]["predicted"])


@pytest.mark.parametrize("numbers", ["median", "mean"])
def test_fills_are_those_of_numpy(numbers):
    chance = np.random.default_rng(2)
    values = chance.normal(size=(50, 1)) * 1e3 + 1e6
    gap = chance.random(50) < 0.4
    train = np.stack([chance.permutation(50)[:rows] for rows in [30] * 60])
    (coded,) = Unlearned({0: gap}, [], numbers).code(np.where(gap[:, None], 0.0, values), train, train)
    with_gaps = np.where(gap, np.nan, values[:, 0])
    for mine, rows in zip(coded[:, :, 0], train, strict=True):
        fill = {"median": np.nanmedian, "mean": np.nanmean}[numbers](with_gaps[rows])
        np.testing.assert_allclose(
            mine, np.where(gap[rows], fill, values[rows, 0]), rtol=0 if numbers == "median" else 1e-12
        )


def test_a_feature_without_a_training_value_is_filled_with_0():
    X, gap = np.array([[5.0], [0.0], [0.0]]), np.array([False, True, True])
    (coded,) = Unlearned({0: gap}, [], "median").code(X, np.array([[1, 2]]), np.array([[0, 1, 2]]))
    np.testing.assert_array_equal(coded[0, :, 0], [5, 0, 0])


def levels_of(train, everything, rare=3):
    """Codes a factor with the levels a (the baseline), b, c and d; ? is missing, and o stands for the rare ones."""
    codes = np.array(["abcd?".index(letter) for letter in train + everything])
    features, other = np.array([0, 1, 2]), 3
    rows = np.arange(len(train), len(codes))[None]
    unlearned = Unlearned({}, [Factor(codes, features, other)], None, rare)
    (coded,) = unlearned.code(np.full((len(codes), 4), 7.0), np.arange(len(train))[None], rows)
    assert (coded[0].sum(axis=1) <= 1).all()
    return "".join("abcdo"[int(row @ [1, 2, 3, 4])] for row in coded[0])


@pytest.mark.parametrize(
    ("train", "known"),
    [
        ("aaabbbcccddd?", "abcda"),  # nothing is rare
        ("aaabbbbcccd", "abcob"),  # d is rare
        ("aabbbbcc", "oboob"),  # the baseline, too; d has no row, and goes with the rare ones
        ("aaabbbbccc", "abcbb"),  # d has no row, and nothing is rare: it counts as the most frequent one
        ("abcd", "aoooa"),  # the first of the most frequent ones stands for itself
        ("bbb", "bbbbb"),  # only one level
    ],
)
def test_rare_and_unseen_levels_by_hand(train, known):
    assert levels_of(train, "abcd?") == known


def test_without_pooling_an_unseen_level_counts_as_the_baseline(tmp_path, prepare):
    frame = pd.DataFrame({"a": ["x"] * 30 + ["y"] * 29 + ["z"], "y": np.arange(60.0)})
    design = read_design(prepare(tmp_path, frame)[0])
    assert design.features == ["a[y]", "a[z]"] and design.unlearned is None
    pooled = read_design(prepare(tmp_path, frame, rare_levels=5)[0])
    assert pooled.features == ["a[y]", "a[z]", "a[other]"] and pooled.unlearned is not None
    # A level that stands there often enough in every training set needs no such feature.
    often = frame.assign(a=["x"] * 30 + ["y"] * 30)
    assert read_design(prepare(tmp_path, often, rare_levels=3)[0]).unlearned is None


def test_networks_side_by_side_are_each_filled_by_their_own_rows(tmp_path, prepare, logger):
    """Bit by bit as one that is trained alone."""
    settings = typed(Settings, NETWORK)

    def predicted(folder, table, splits):
        folder.mkdir()
        paths = {key: str(folder / name) for key, name in NETWORK_FILES.items()}
        fit_mlp(table=table, splits=splits, settings=settings, threads=1, logger=logger, **paths)
        return read_table(paths["predictions"])

    frame = gappy(80)
    table, splits = prepare(tmp_path, frame, seeds=[1, 2, 3], rare_levels=5, imputation=MEDIAN)
    drawn = read_splits([splits])
    together = predicted(tmp_path / "together", table, splits)
    for place, seed in enumerate(drawn.seeds):
        (tmp_path / f"alone{seed}").mkdir()
        one = prepare(tmp_path / f"alone{seed}", frame, seeds=[seed], rare_levels=5, imputation=MEDIAN)[1]
        alone = predicted(tmp_path / f"one{seed}", table, one)
        rows = slice(place * drawn.test.shape[1], (place + 1) * drawn.test.shape[1])
        np.testing.assert_array_equal(alone["predicted"], together["predicted"][rows])
    assert len(set(together["predicted"].round(9))) > 10


@pytest.mark.filterwarnings("ignore:Found unknown categories")
def test_a_grid_search_learns_the_fills_anew_in_each_fold(tmp_path, prepare, logger):
    """As a pipeline with imputer, encoder and scaler does in a grid search."""
    frame = gappy().drop(columns="y")
    frame["y"] = (
        np.random.default_rng(3).normal(size=len(frame)) + frame["b"].fillna(0) / 1e3 + (frame["d"] == "k0")
    )
    table, splits = prepare(tmp_path, frame, seeds=range(1, 6), rare_levels=5, imputation=MEAN)
    settings = {
        "penalties": {"number": 5, "largest": 1.0, "smallest": 1e-3},
        "folds": {"number": 5, "seed": 3},
    }
    names = ("predictions", "scores", "coefficients", "grid")
    paths = {name: str(tmp_path / f"{name}.parquet") for name in names}
    fit_ridge(
        table, splits, **paths, settings=typed(RidgeSettings, settings | {"standardize": True}), logger=logger
    )
    grid, drawn = read_table(paths["grid"]), read_splits([splits])
    penalties, errors = (grid[name].reshape(5, 5, 5) for name in ("penalty", "mae"))
    encoder = OneHotEncoder(
        min_frequency=5, handle_unknown="infrequent_if_exist", sparse_output=False, drop="first"
    )
    factors = make_pipeline(SimpleImputer(strategy="most_frequent"), encoder)
    model = make_pipeline(
        ColumnTransformer([("numbers", SimpleImputer(), ["a", "b"]), ("factors", factors, ["c", "d"])]),
        StandardScaler(),
        Ridge(),
    )
    apart = 0.0
    for place, train in enumerate(drawn.train):
        search = GridSearchCV(
            model,
            {"ridge__alpha": penalties[place, :, 0]},
            scoring="neg_mean_absolute_error",
            cv=KFold(5, shuffle=True, random_state=3),
        ).fit(frame.iloc[train].drop(columns="y"), frame["y"].iloc[train])
        expected = -np.stack([search.cv_results_[f"split{fold}_test_score"] for fold in range(5)], axis=1)
        apart = max(apart, np.abs(errors[place] / expected - 1).max())
    assert apart < 1e-7


def test_a_fill_does_not_hang_on_the_sets_beside_it():
    """To the last digit, of medians and means, also in the middle of many."""
    chance = np.random.default_rng(4)
    values, gap = chance.normal(size=(80, 1)) * 1e3, chance.random(80) < 0.3
    train = np.stack([chance.permutation(80)[:50] for _ in range(33)])
    for numbers in ("median", "mean"):
        unlearned = Unlearned({0: gap}, [], numbers)
        (together,) = unlearned.code(values, train, train)
        for place in (0, 7, 32):
            (alone,) = unlearned.code(values, train[place : place + 1], train[place : place + 1])
            np.testing.assert_array_equal(alone[0], together[place])
