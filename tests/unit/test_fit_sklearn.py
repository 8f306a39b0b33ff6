"""Any estimator of scikit-learn: each is compared with the same one fitted by hand, to the last bit."""

import copy
import importlib.util
import json
import logging
import re
import sys
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy import stats
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import ElasticNet, LinearRegression
from sklearn.model_selection import GridSearchCV, KFold, ParameterSampler, RandomizedSearchCV, StratifiedKFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeRegressor
from support.tree import ROOT
from threadpoolctl import threadpool_limits

from lineup.comparison.scores import read_predicted
from lineup.config import validate
from lineup.data.design import read_design
from lineup.data.tables import read_splits, read_table
from lineup.errors import InputError
from lineup.models.candidates import candidates_of
from lineup.models.estimators import estimator_of, made_of, paths_in, problem_of, with_seed
from lineup.models.sklearn import Settings, fit_sklearn, seed_of
from lineup.settings import typed

SHIPPED = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
SEEDS = (3, 8)
BY_TASK = {"regression": "hitters", "classification": "mnist"}


def model(name=None, **changes):
    """Gives a model of config.yaml, or one with the defaults, with all settings."""
    block = copy.deepcopy(SHIPPED["models"][name]) if name else {"kind": "sklearn"}
    config = copy.deepcopy(SHIPPED) | {"models": SHIPPED["models"] | {"mine": block | changes}}
    validate(config)
    return config["models"]["mine"]


@pytest.fixture
def data(tmp_path, prepare):
    """Gives a function that writes a small table and its splits: a number or three classes as the target, or weighted rows."""

    def write(task="regression", **more):
        chance = np.random.default_rng(5)
        X = chance.normal(size=(60, 4))
        y = X @ [3.0, -2.0, 1.0, 0.0] + np.sin(3 * X[:, 0]) + chance.normal(size=60)
        if task == "classification":
            y = np.array(["low", "middle", "high"])[np.digitize(y, [-1.5, 1.5])]
        columns = dict(zip("abcd", X.T, strict=True)) | {"y": y}
        return prepare(tmp_path, columns, SEEDS, task=task, **more)

    return write


@pytest.fixture
def fitted(tmp_path, logger, data):
    """Gives a function that fits a model, and reads what it wrote."""

    def fit(block, files, processes=1, name="out"):
        paths = {
            part: str(tmp_path / name / f"{part}.parquet") for part in ("predictions", "scores", "search")
        }
        settings = typed(Settings, block)
        fit_sklearn(*files, **paths, settings=settings, processes=processes, logger=logger)
        return paths

    return fit


def by_hand(estimator, files, scaled, **fit):
    """Fits an estimator on each split of a table by hand, and gives the predictions one below the other."""
    design, drawn = read_design(files[0]), read_splits([files[1]])
    found = []
    for split_seed, train, test in zip(drawn.seeds, drawn.train, drawn.test, strict=True):
        one = estimator(seed_of(0, int(split_seed)))
        one = make_pipeline(StandardScaler(), one) if scaled else one
        with threadpool_limits(1):
            one.fit(design.X[train], design.y[train], **fit)
            found.append(one.predict_proba(design.X[test]) if design.classes else one.predict(design.X[test]))
    return np.concatenate(found)


BOOSTING = {"learning_rate": 0.05, "max_iter": 200, "early_stopping": False}
ENTRIES = {
    "forest": lambda seed: RandomForestRegressor(200, min_samples_leaf=2, random_state=seed),
    "boosting": lambda seed: HistGradientBoostingRegressor(**BOOSTING, random_state=seed),
    "forest_of_classes": lambda seed: RandomForestClassifier(200, min_samples_leaf=2, random_state=seed),
    "boosting_of_classes": lambda seed: HistGradientBoostingClassifier(**BOOSTING, random_state=seed),
    "support_vectors_of_classes": lambda seed: CalibratedClassifierCV(
        SVC(C=1, random_state=seed), ensemble=False
    ),
}
SEARCHES = {
    "nearest_neighbours": (KNeighborsRegressor(), {"n_neighbors": [3, 5, 8, 12, 20]}),
    "support_vectors": (
        TransformedTargetRegressor(SVR(gamma="scale"), transformer=StandardScaler()),
        {"regressor__C": [0.1, 1, 10, 100]},
    ),
    "elastic_net": (ElasticNet(max_iter=100000), {"alpha": [0.1, 1, 10, 100], "l1_ratio": [0.1, 0.5, 0.9]}),
}


def test_every_shipped_entry_is_compared():
    shipped = {name for name, block in SHIPPED["models"].items() if block["kind"] == "sklearn"}
    assert shipped == {*ENTRIES, *SEARCHES, "lightgbm"}


@pytest.mark.parametrize("name", ENTRIES)
def test_predictions_are_those_by_hand(fitted, data, name):
    files = data("classification" if "classes" in name else "regression")
    block = model(name)
    found = read_table(fitted(block, files)["predictions"])
    expected = by_hand(ENTRIES[name], files, block["standardize"])
    if "classes" in name:
        design = read_design(files[0])
        found = np.stack(list(found["probabilities"]))
        np.testing.assert_array_equal(found, expected.astype(np.float32))
        assert (
            len(design.classes) == 3
            and (found.argmax(axis=1) == design.y[np.concatenate(list(read_splits([files[1]]).test))]).mean()
            > 0.5
        )
    else:
        np.testing.assert_array_equal(found["predicted"], expected)
        assert np.corrcoef(found["predicted"], found["actual"])[0, 1] > 0.6


@pytest.mark.parametrize("name", SEARCHES)
def test_searches_are_those_of_scikit_learn(fitted, data, name):
    """With the features standardized inside each fold, as a pipeline has it."""
    files, (estimator, values) = data(), SEARCHES[name]
    paths = fitted(model(name), files)
    found, searched = read_table(paths["predictions"]), read_table(paths["search"])
    design, drawn = read_design(files[0]), read_splits([files[1]])
    predicted = []
    for split_seed, train, test in zip(drawn.seeds, drawn.train, drawn.test, strict=True):
        grid = {f"estimator__{key}": choices for key, choices in values.items()}
        pipeline = make_pipeline(StandardScaler(), estimator)
        pipeline.steps[-1] = ("estimator", estimator)
        search = GridSearchCV(
            pipeline, grid, scoring="neg_mean_absolute_error", cv=KFold(5, shuffle=True, random_state=1)
        )
        search.fit(design.X[train], design.y[train])
        predicted.append(search.predict(design.X[test]))
        own = {key: column[searched["seed"] == split_seed] for key, column in searched.items()}
        chosen = json.loads(own["settings"][own["chosen"]][0])
        assert {f"estimator__{key}": value for key, value in chosen.items()} == search.best_params_
        means = [
            own["value"][own["candidate"] == place].mean()
            for place in range(1, len(search.cv_results_["params"]) + 1)
        ]
        np.testing.assert_allclose(means, -search.cv_results_["mean_test_score"], rtol=1e-12)
    np.testing.assert_array_equal(found["predicted"], np.concatenate(predicted))
    assert set(searched["metric"]) == {"mae"} and set(searched["fold"]) == {1, 2, 3, 4, 5}


def test_a_search_for_classes_has_stratified_folds(fitted, data):
    files = data("classification")
    values = {"min_samples_leaf": [1, 5, 15]}
    block = model(
        "forest_of_classes", settings={"n_estimators": 10}, search={"settings": values, "metric": "accuracy"}
    )
    searched = read_table(fitted(block, files)["search"])
    design, drawn = read_design(files[0]), read_splits([files[1]])
    for split_seed, train in zip(drawn.seeds, drawn.train, strict=True):
        forest = RandomForestClassifier(10, random_state=seed_of(0, int(split_seed)))
        search = GridSearchCV(
            forest, values, scoring="accuracy", cv=StratifiedKFold(5, shuffle=True, random_state=1)
        )
        search.fit(design.X[train], design.y[train])
        own = searched["value"][searched["seed"] == split_seed].reshape(3, 5).mean(axis=1)
        np.testing.assert_allclose(own, search.cv_results_["mean_test_score"], rtol=1e-12)


def test_a_random_search_draws_as_scikit_learn(data, fitted):
    values = {"max_depth": [1, 2, 3, 4, 5], "min_samples_leaf": [1, 2, 3]}
    block = model(
        estimator="sklearn.tree.DecisionTreeRegressor",
        search={"settings": values, "method": "random", "number": 4},
    )
    drawn = candidates_of(typed(Settings, block).search)
    assert drawn == list(ParameterSampler(values, 4, random_state=1)) and len(drawn) == 4
    searched = read_table(fitted(block, data())["search"])
    assert len(searched["seed"]) == 2 * 4 * 5 and searched["chosen"].sum() == 2 * 5


def test_a_random_search_draws_from_distributions_as_scikit_learn(data, fitted):
    files, values = (
        data(),
        {
            "alpha": {"log_uniform": [1e-3, 10.0]},
            "l1_ratio": {"uniform": [0.1, 0.9]},
            "positive": [True, False],
        },
    )
    block = model(
        estimator="sklearn.linear_model.ElasticNet",
        search={"settings": values, "method": "random", "number": 8},
    )
    drawn = candidates_of(typed(Settings, block).search)
    assert len(drawn) == 8 and {type(value) for one in drawn for value in one.values()} == {float, bool}
    assert len({one["alpha"] for one in drawn}) == 8 and all(0.1 <= one["l1_ratio"] <= 0.9 for one in drawn)
    searched = read_table(fitted(block, files)["search"])
    design, drawn = read_design(files[0]), read_splits([files[1]])
    reference = RandomizedSearchCV(
        ElasticNet(),
        {
            "alpha": stats.loguniform(1e-3, 10.0),
            "l1_ratio": stats.uniform(0.1, 0.8),
            "positive": [True, False],
        },
        n_iter=8,
        random_state=1,
        scoring="neg_mean_absolute_error",
        cv=KFold(5, shuffle=True, random_state=1),
    ).fit(design.X[drawn.train[0]], design.y[drawn.train[0]])
    found = searched["value"][searched["seed"] == drawn.seeds[0]].reshape(8, 5).mean(axis=1)
    np.testing.assert_allclose(found, -reference.cv_results_["mean_test_score"], rtol=1e-9)


def test_whole_numbers_are_drawn_from_one_end_to_the_other():
    values = {"max_depth": {"integers": [2, 4]}}
    block = model(
        estimator="sklearn.tree.DecisionTreeRegressor",
        search={"settings": values, "method": "random", "number": 40},
    )
    drawn = candidates_of(typed(Settings, block).search)
    assert {one["max_depth"] for one in drawn} == {2, 3, 4} and {type(one["max_depth"]) for one in drawn} == {
        int
    }
    assert problem_of(block, ["regression"]) is None


@pytest.mark.parametrize("name", ["forest", "elastic_net"])
def test_the_same_bytes_on_any_number_of_processes(fitted, data, name):
    files = data()
    one, two = (fitted(model(name), files, processes, str(processes)) for processes in (1, 2))
    assert all(Path(one[part]).read_bytes() == Path(two[part]).read_bytes() for part in one)
    other = fitted(model(name, seed=1), files, name="other")
    same = Path(one["predictions"]).read_bytes() == Path(other["predictions"]).read_bytes()
    assert same == (name == "elastic_net")  # which has no chance in it


def test_weights_of_rows(fitted, tmp_path, prepare, monkeypatch, data):
    files = data()
    design = replace(read_design(files[0]), weights=np.linspace(0.1, 1, 60))
    monkeypatch.setattr("lineup.models.sklearn.read_design", lambda path: design)
    drawn = read_splits([files[1]])
    found = read_table(
        fitted(model(estimator="sklearn.linear_model.LinearRegression"), files)["predictions"]
    )["predicted"]
    expected = [
        LinearRegression()
        .fit(design.X[train], design.y[train], design.weights[train])
        .predict(design.X[test])
        for train, test in zip(drawn.train, drawn.test, strict=True)
    ]
    np.testing.assert_array_equal(found, np.concatenate(expected))
    import pyarrow.parquet as pq

    paths = fitted(model(estimator="sklearn.neighbors.KNeighborsRegressor"), files, name="without")
    assert json.loads(pq.read_schema(paths["scores"]).metadata[b"lineup"]) == {"is_weighted": False}


class Failing(DecisionTreeRegressor):
    """Fails on some splits, and predicts nothing that is a number on others."""

    def __init__(self, fail="", random_state=None):
        super().__init__()
        self.fail, self.random_state = fail, random_state

    def fit(self, X, y):
        if str(self.random_state) in self.fail.split():
            raise ValueError("it is\n too hard")
        return super().fit(X, y)

    def predict(self, X):
        return super().predict(X) + (np.nan if f"nan{self.random_state}" in self.fail.split() else 0.0)


@pytest.fixture
def failing(monkeypatch):
    """Makes the class a module of one's own."""
    monkeypatch.setitem(sys.modules, "my_trees", sys.modules[__name__])
    return {"estimator": "my_trees.Failing", "packages": ["my_trees"]}


def test_a_split_that_cannot_be_fitted_is_left_out(fitted, data, failing):
    import pyarrow.parquet as pq

    files = data()
    first, second = (seed_of(0, seed) for seed in SEEDS)
    whole = fitted(model(**failing), files, name="whole")
    for fail, reason in (
        (f"{first}", "ValueError: it is too hard"),
        (f"nan{first}", "it predicts what is no finite number"),
    ):
        paths = fitted(model(**failing, settings={"fail": fail}), files, name=fail)
        for part in ("predictions", "scores"):
            all_of, left = (read_table(one[part]) for one in (whole, paths))
            kept = all_of["seed"] == SEEDS[1]
            assert all((left[key] == all_of[key][kept]).all() for key in all_of) and len(left["seed"])
        said = json.loads(pq.read_schema(paths["scores"]).metadata[b"lineup"])
        assert said == {"failures": [[SEEDS[0], reason]]}
        with pytest.raises(InputError, match=re.escape(f"1 of 2 splits: {reason} (split {SEEDS[0]}).")):
            fitted(model(**failing, settings={"fail": fail}, failures="error"), files)
    with pytest.raises(InputError, match=r"my_trees\.Failing could not be fitted on 2 of 2 splits"):
        fitted(model(**failing, settings={"fail": f"{first} {second}"}), files)


def test_a_block_of_one_split_may_fail(fitted, prepare, tmp_path, failing):
    files = prepare(tmp_path, {"a": np.arange(20.0), "y": np.arange(20.0) ** 2}, [3])
    paths = fitted(model(**failing, settings={"fail": f"{seed_of(0, 3)}"}), files)
    assert len(read_table(paths["scores"])["seed"]) == len(read_table(paths["predictions"])["seed"]) == 0


def test_a_solver_that_stops_short_is_counted(fitted, data, caplog):
    import pyarrow.parquet as pq

    block = model(estimator="sklearn.neural_network.MLPRegressor", settings={"max_iter": 2})
    with caplog.at_level(logging.INFO):
        paths = fitted(block, data())
    assert json.loads(pq.read_schema(paths["scores"]).metadata[b"lineup"]) == {"warned": 2}


NESTED = {
    "estimator": "sklearn.pipeline.Pipeline",
    "settings": {
        "steps": [
            ["scale", {"estimator": "sklearn.preprocessing.StandardScaler"}],
            [
                "trees",
                {
                    "estimator": "sklearn.ensemble.BaggingRegressor",
                    "settings": {"estimator": {"estimator": "sklearn.svm.SVR"}},
                },
            ],
        ]
    },
}


def test_estimators_may_hold_others():
    assert list(paths_in(NESTED)) == [
        "sklearn.pipeline.Pipeline", "sklearn.preprocessing.StandardScaler", "sklearn.ensemble.BaggingRegressor", "sklearn.svm.SVR",
    ]  # fmt: skip
    made = made_of(NESTED, ["sklearn"])
    assert [type(step).__name__ for _, step in made.steps] == ["StandardScaler", "BaggingRegressor"]
    assert type(made.steps[1][1].estimator).__name__ == "SVR"
    whole = estimator_of(model(**NESTED), {"trees__n_estimators": 3})
    assert whole.get_params()["trees__n_estimators"] == 3 and whole.get_params()["trees__n_jobs"] == 1
    assert problem_of(model(**NESTED), ["regression"]) is None


WRONG = [
    ({"estimator": "sklearn.ensemble.RandomForrestRegressor"}, "regression", "estimator is sklearn.ensemble.RandomForrestRegressor, and sklearn.ensemble has no RandomForrestRegressor: did you mean RandomForestRegressor?"),
    ({"estimator": "sklearn.ensembles.RandomForestRegressor"}, "regression", "estimator is sklearn.ensembles.RandomForestRegressor, and sklearn has no ensembles: did you mean ensemble?"),
    ({"estimator": "xgbost.XGBRegressor", "packages": ["xgbost"]}, "regression", "estimator is xgbost.XGBRegressor, and there is no package xgbost: install it, or correct its name"),
    ({"estimator": "subprocess.Popen"}, "regression", "estimator is subprocess.Popen, and only sklearn may be imported: add subprocess to packages if you trust it"),
    ({"estimator": "subprocess.Popen", "packages": ["subprocess"]}, "regression", "estimator is subprocess.Popen, which is no estimator: name the class of one"),
    ({"estimator": "sklearn.metrics.mean_absolute_error"}, "regression", "estimator is sklearn.metrics.mean_absolute_error, which is no estimator: name the class of one"),
    ({"estimator": "sklearn.preprocessing.StandardScaler"}, "regression", "estimator is sklearn.preprocessing.StandardScaler, which does not fit and predict: name an estimator that does"),
    ({"estimator": "sklearn.svm.SVR", "settings": {"c": 1}}, "regression", "settings.c is not a setting of sklearn.svm.SVR: the settings are C, "),
    ({"estimator": "sklearn.svm.SVR", "settings": {"C": -1}}, "regression", "settings: The 'C' parameter of SVR must be a float in the range (0.0, inf]. Got -1 instead."),
    ({"estimator": "sklearn.svm.SVR", "search": {"settings": {"D": [1]}}}, "regression", "search.settings.D is not a setting of sklearn.svm.SVR: the settings are C, "),
    ({"estimator": "sklearn.svm.SVR", "search": {"settings": {"C": [1, -1]}}}, "regression", "search.settings: The 'C' parameter of SVR must be"),
    ({"estimator": "sklearn.svm.SVR", "search": {"settings": {"C": {"uniform": [1, 2]}}}}, "regression", "search.settings.C is a distribution, and a grid search takes lists: set search.method to random"),
    ({"estimator": "sklearn.svm.SVR", "search": {"settings": {"C": {"uniform": [2, 1]}}, "method": "random"}}, "regression", "search.settings.C.uniform goes from 2 to 1: write the lower value first"),
    ({"estimator": "sklearn.svm.SVR", "search": {"settings": {"C": {"log_uniform": [0, 1]}}, "method": "random"}}, "regression", "search.settings.C.log_uniform begins at 0: its values are above 0"),
    ({"estimator": "sklearn.svm.SVR", "search": {"settings": {"degree": {"integers": [1.5, 3]}}, "method": "random"}}, "regression", "search.settings.degree.integers has to go from a whole number to another"),
    ({"estimator": "sklearn.svm.SVR", "search": {"settings": {"C": {"uniform": [-1, 1]}}, "method": "random"}}, "regression", "search.settings: The 'C' parameter of SVR must be"),
    ({"estimator": "sklearn.svm.SVC"}, "regression", "estimator is sklearn.svm.SVC, which is none for a regression: take a regressor"),
    ({"estimator": "sklearn.svm.SVR"}, "classification", "estimator is sklearn.svm.SVR, which is none for a classification: take a classifier"),
    ({"estimator": "sklearn.svm.LinearSVC"}, "classification", "estimator is sklearn.svm.LinearSVC, which gives no probabilities: put it into"),
    ({"estimator": "sklearn.ensemble.StackingRegressor"}, "regression", "settings needs estimators: sklearn.ensemble.StackingRegressor has no value for it by itself"),
    ({"estimator": "sklearn.svm.SVR", "search": {"metric": "auc"}}, "regression", "search.metric is auc, which is none of a regression: take mae, rmse or r2"),
    (NESTED | {"settings": {"steps": [["one", {"estimator": "sklearn.svm.SVX"}]]}}, "regression", "settings.steps[0][1].estimator is sklearn.svm.SVX, and sklearn.svm has no SVX: did you mean SVR?"),
]  # fmt: skip


@pytest.mark.parametrize(("block", "task", "sentence"), WRONG)
def test_what_is_wrong_is_said_in_a_sentence(block, task, sentence):
    assert (problem_of(model(**block), [task]) or "").startswith(sentence)


def test_the_page_of_all_estimators_is_true():
    spec = importlib.util.spec_from_file_location("estimators_page", ROOT / "docs" / "estimators.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = module.PAGE.read_text(encoding="utf-8")
    assert module.page(text) == text


def test_lightgbm(fitted, data):
    """It comes with requirements-estimators.txt, which `make test` installs."""
    lightgbm = pytest.importorskip("lightgbm")
    files, block = data(), model("lightgbm")
    found = read_table(fitted(block, files)["predictions"])["predicted"]
    expected = by_hand(
        lambda seed: lightgbm.LGBMRegressor(**block["settings"], random_state=seed, n_jobs=1), files, False
    )
    np.testing.assert_array_equal(found, expected)
    two = fitted(block, files, processes=2, name="two")
    np.testing.assert_array_equal(read_table(two["predictions"])["predicted"], found)


def test_a_stack_as_the_page_has_it(fitted, data):
    """The block of docs/models.md."""
    text = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    block = yaml.safe_load(re.search(r"  ```yaml\n(    stack:.*?)  ```", text, re.DOTALL)[1])["stack"]
    found = read_table(fitted(model(**block), data())["predictions"])
    assert np.corrcoef(found["predicted"], found["actual"])[0, 1] > 0.6


@pytest.mark.parametrize(
    ("inside", "can"), [("sklearn.tree.DecisionTreeClassifier", True), ("sklearn.svm.LinearSVC", False)]
)
def test_probabilities_may_come_from_inside(inside, can):
    last = {
        "estimators": [["one", {"estimator": "sklearn.naive_bayes.GaussianNB"}]],
        "final_estimator": {"estimator": inside},
    }
    problem = problem_of(
        model(estimator="sklearn.ensemble.StackingClassifier", settings=last), ["classification"]
    )
    assert (problem is None) == can


class Odd(DecisionTreeRegressor):
    """Predicts no number with one of its settings."""

    def __init__(self, is_odd=False):
        super().__init__(random_state=0)
        self.is_odd = is_odd

    def predict(self, X):
        return super().predict(X) + (np.nan if self.is_odd else 0.0)


def test_a_candidate_that_predicts_no_number_is_not_chosen(fitted, data, failing):
    block = model(**failing | {"estimator": "my_trees.Odd"}, search={"settings": {"is_odd": [True, False]}})
    paths = fitted(block, data())
    searched = read_table(paths["search"])
    assert set(searched["settings"][searched["chosen"]]) == {'{"is_odd": false}'}
    assert (
        np.isinf(searched["value"][~searched["chosen"]]).all()
        and len(read_table(paths["scores"])["seed"]) == 2
    )


def test_folds_without_a_score_do_not_count(fitted, prepare, tmp_path):
    """The area under the curve needs both classes, and a fold of two rows may have one."""
    chance = np.random.default_rng(0)
    x = chance.normal(size=40)
    y = np.where(np.arange(40) < 6, "rare", "usual")
    files = prepare(tmp_path, {"x": x + 3 * (y == "rare"), "y": y}, [1], task="classification")
    block = model(
        estimator="sklearn.neighbors.KNeighborsClassifier",
        search={"settings": {"n_neighbors": [20, 3]}, "metric": "auc", "folds": {"number": 10, "seed": 1}},
    )
    searched = read_table(fitted(block, files)["search"])
    means = [np.nanmean(searched["value"][searched["candidate"] == one]) for one in (1, 2)]
    assert (
        np.isnan(searched["value"]).any()
        and searched["chosen"][searched["candidate"] == 1 + int(np.argmax(means))].all()
    )


def test_a_shortage_of_memory_is_no_cell(fitted, data, failing, monkeypatch):
    monkeypatch.setattr(Failing, "fit", lambda self, X, y: (_ for _ in ()).throw(MemoryError))
    with pytest.raises(MemoryError):
        fitted(model(**failing), data())


def test_a_block_of_classes_without_a_fit_can_be_read(fitted, prepare, tmp_path):
    x = np.arange(20.0)
    files = prepare(tmp_path, {"a": x, "y": np.where(x % 2, "odd", "even")}, [3], task="classification")
    block = model(estimator="sklearn.neighbors.KNeighborsClassifier", settings={"n_neighbors": 50})
    paths = fitted(block, files)
    assert read_predicted([paths["predictions"]], "classification").shape == (0, 2)


class Lazy(DecisionTreeRegressor):
    """Lists a setting only when it is set, and has two names for its seed."""

    def __init__(self, depth=3, random_seed=None, random_state=None, thread_count=None):
        self.given = {
            "depth": depth,
            "random_seed": random_seed,
            "random_state": random_state,
            "thread_count": thread_count,
        }

    def get_params(self, deep=True):
        return {name: value for name, value in self.given.items() if value is not None}

    def set_params(self, **params):
        self.given |= params
        assert not (self.given["random_seed"] is not None and self.given["random_state"] is not None)
        return self


class Greedy(DecisionTreeRegressor):
    """Takes any setting, as those of boosting do."""

    def __init__(self, n_estimators=10, **others):
        self.n_estimators, self.others = n_estimators, others

    def get_params(self, deep=True):
        return {"n_estimators": self.n_estimators} | self.others

    def set_params(self, **params):
        self.others |= params
        return self


def test_settings_that_an_estimator_does_not_list_are_set_and_misspelt_ones_told(monkeypatch):
    """CatBoost lists the settings that were set, XGBoost and LightGBM take any."""
    package = types.ModuleType("others")
    package.Lazy, package.Greedy = Lazy, Greedy
    monkeypatch.setitem(sys.modules, "others", package)
    lazy = model(estimator="others.Lazy", packages=["others"])
    made = with_seed(estimator_of(lazy, {"depth": 2}), 7)
    assert made.get_params() == {"depth": 2, "random_seed": 7, "thread_count": 1}
    own = model(estimator="others.Lazy", packages=["others"], settings={"random_state": 5, "thread_count": 2})
    assert with_seed(estimator_of(own), 7).get_params() == {"depth": 3, "random_state": 5, "thread_count": 2}
    assert problem_of(
        lazy | {"search": lazy["search"] | {"settings": {"deptH": [1]}}}, ["regression"]
    ).startswith("search.settings.deptH is not a setting of others.Lazy: ")
    greedy = model(estimator="others.Greedy", packages=["others"], settings={"n_estimator": 5})
    said = "settings.n_estimator is not a setting of others.Greedy: did you mean n_estimators?"
    assert problem_of(greedy, ["regression"]) == said
    assert problem_of(greedy | {"settings": {"eta": 0.1}}, ["regression"]) is None
