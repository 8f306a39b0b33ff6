"""Permutation importance: scikit-learn's, by hand, and what is shuffled together."""

import numpy as np
import pytest
import yaml
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression
from support.tree import ROOT

from lineup.data.design import Design, read_design
from lineup.data.tables import read_schema, read_splits, read_table
from lineup.models import class_search, lasso
from lineup.models.importance import Importance, groups_of, importance, increases
from lineup.models.lasso import fit_lasso
from lineup.models.linear import fit_linear
from lineup.models.logistic import fit_logistic
from lineup.models.logistic_lasso import fit_logistic_lasso
from lineup.models.mlp import fit_mlp
from lineup.models.predictors import predictors_of
from lineup.models.sklearn import Settings, fit_sklearn
from lineup.networks.settings import Settings as OfNetworks
from lineup.settings import typed

SHIPPED = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["models"]
FEW = {"folds": {"number": 3, "seed": 1}}
SOON = {"epochs": 2, "accelerator": "cpu", "processes": 1, "validation": 0.2, "weights": "last"}
NETWORK = ("training_log", "learning_curves", "summary", "weights")
# By kind: the fit, its settings typed, what it writes beside, what else it is given, and its tasks.
KINDS = {
    "linear": (fit_linear, None, {}, ("coefficients",), {}, ["regression"]),
    "lasso": (
        fit_lasso,
        lasso.Settings,
        SHIPPED["lasso"] | FEW,
        ("coefficients", "grid", "path"),
        {},
        ["regression"],
    ),
    "logistic": (fit_logistic, None, {}, ("coefficients",), {"processes": 1}, ["two", "three"]),
    "logistic_lasso": (
        fit_logistic_lasso,
        class_search.Settings,
        SHIPPED["logistic_lasso"] | FEW | {"penalties": {"number": 4, "smallest": 0.05}},
        ("coefficients", "grid"),
        {"processes": 1},
        ["two", "three"],
    ),
    "mlp": (
        fit_mlp,
        OfNetworks,
        SHIPPED["network_of_classes"] | SOON,
        NETWORK,
        {"threads": 1},
        ["regression", "two", "three"],
    ),
    "sklearn": (
        fit_sklearn,
        Settings,
        SHIPPED["nearest_neighbours"]
        | {"search": SHIPPED["forest"]["search"] | {"settings": {"n_neighbors": [2, 5]}}},
        ("search",),
        {"processes": 1},
        ["regression"],
    ),
}


@pytest.fixture
def data(tmp_path, prepare):
    """Gives a function that writes a table with a factor and gaps, and three splits."""

    def write(task="regression"):
        chance = np.random.default_rng(3)
        x = chance.normal(size=(80, 3))
        factor = np.array(["u", "v", "w"])[chance.integers(0, 3, 80)]
        y = x @ [3.0, -1.0, 0.0] + (factor == "v") + chance.normal(size=80)
        names = {"two": ["no", "yes", "yes"], "three": ["low", "middle", "top"]}
        if task != "regression":
            y = np.array(names[task])[np.digitize(y, [-1, 1])]
        columns = {
            "a": np.where(chance.random(80) < 0.1, np.nan, x[:, 0]),
            "b": x[:, 1],
            "f": factor,
            "c": x[:, 2],
            "y": y,
        }
        kind = "regression" if task == "regression" else "classification"
        imputation = {"numbers": "median", "indicators": True}
        return prepare(tmp_path, columns, (4, 5, 6), imputation=imputation, task=kind)

    return write


@pytest.mark.parametrize(
    ("kind", "task"), [(kind, task) for kind, (*_, tasks) in KINDS.items() for task in tasks]
)
def test_what_a_fit_left_predicts_as_the_fit_did(kind, task, data, tmp_path, logger):
    fit, settings, block, more, given, _ = KINDS[kind]
    table, splits = data(task)
    if kind == "mlp" and task == "regression":
        block = block | {"loss": "squared_error", "standardize_target": True}
    paths = {
        part: str(tmp_path / f"{part}.{'safetensors' if part == 'weights' else 'parquet'}")
        for part in ("predictions", "scores", *more)
    }
    typed_settings = {"settings": typed(settings, block)} if settings else {}
    fit(table, splits, **paths, **typed_settings, **given, logger=logger)
    design, drawn = read_design(table), read_splits([splits])
    file = paths.get("weights", paths.get("coefficients"))
    predicted = read_table(paths["predictions"])
    found = []
    for train, test, predict in zip(
        drawn.train, drawn.test, predictors_of(block, design, drawn, file), strict=True
    ):
        (X,) = design.coded(train[None], test[None])
        found.append(predict(X[0]))
    found = np.concatenate(found)
    stored = np.stack(list(predicted["probabilities"])) if design.classes else predicted["predicted"]
    # Probabilities and networks are of single precision.
    np.testing.assert_allclose(
        found,
        stored,
        **({"rtol": 1e-9} if kind != "mlp" and not design.classes else {"atol": 2e-5, "rtol": 2e-5}),
    )


def test_importance_is_that_of_scikit_learn():
    """The permutations are others: means over many agree within their error."""
    chance = np.random.default_rng(0)
    X = chance.normal(size=(200, 3))
    y = X @ [3.0, 1.0, 0.0] + chance.normal(size=200)
    model = LinearRegression().fit(X[:120], y[:120])
    groups = {name: [place] for place, name in enumerate("abc")}
    found = increases(model.predict, X[120:], y[120:], None, groups, "mae", "regression", 400, [0, 1])
    reference = permutation_importance(
        model, X[120:], y[120:], scoring="neg_mean_absolute_error", n_repeats=400, random_state=0
    )
    errors = np.hypot(reference.importances_std, reference.importances_std) / np.sqrt(400)
    assert (np.abs(found - reference.importances_mean) < 4 * errors + 1e-12).all()
    assert found[0] > 3 * found[1] > 20 * abs(found[2])

    is_high = (y > 0).astype(int)
    classifier = LogisticRegression().fit(X[:120], is_high[:120])
    given = (X[120:], is_high[120:], None, groups, "accuracy", "classification", 400, [0, 1])
    found = increases(classifier.predict_proba, *given)
    reference = permutation_importance(
        classifier, X[120:], is_high[120:], scoring="accuracy", n_repeats=400, random_state=0
    )
    errors = np.hypot(reference.importances_std, reference.importances_std) / np.sqrt(400)
    assert (np.abs(found - reference.importances_mean) < 4 * errors + 1e-12).all() and found[0] > 0.2


def test_shuffling_by_hand_with_weights():
    X, y = np.arange(8.0).reshape(4, 2), np.array([1.0, 2.0, 3.0, 5.0])
    weights = np.array([1.0, 2.0, 1.0, 4.0])
    (found,) = increases(lambda rows: rows[:, 0], X, y, weights, {"a": [0]}, "mae", "regression", 1, [7])
    shuffled = X[np.random.default_rng([7, 0]).permutation(4), 0]
    off = [np.average(np.abs(values - y), weights=weights) for values in (shuffled, X[:, 0])]
    assert found == pytest.approx(off[0] - off[1]) and found != 0


def test_what_says_the_same_is_shuffled_together():
    chance = np.random.default_rng(1)
    a, b, c = chance.normal(size=(3, 200))
    X = np.column_stack([a, b, b + 0.1 * c, -a, c, np.ones(200), (c > 0)])
    columns = ["a", "b", "like b", "less a", "c", "constant", "c"]
    schema = {"features": [{"column": column} for column in columns]}
    groups = groups_of(Design(columns, X, a, "y"), schema)
    assert groups == {"a + less a": [0, 3], "b + like b": [1, 2], "c": [4, 6], "constant": [5]}


def test_what_is_missing_says_nothing_of_other_columns(tmp_path, prepare):
    """Two columns far from 0 that are missing in the same rows are two columns."""
    chance = np.random.default_rng(2)
    gone = chance.random(90) < 0.3
    a, b = (np.where(gone, np.nan, mean + chance.normal(size=90)) for mean in (170.0, 120.0))
    columns = {"a": a, "b": b, "y": chance.normal(size=90)}
    table, _ = prepare(tmp_path, columns, imputation={"numbers": "median", "indicators": True})
    assert list(groups_of(read_design(table), read_schema(table))) == ["a", "b"]


def test_importance_goes_by_the_threshold():
    chance = np.random.default_rng(4)
    x = chance.normal(size=(200, 1))
    y = (x[:, 0] > 1).astype(int)
    given = (x, y, None, {"x": [0]}, "accuracy", "classification", 20, [0])

    def predict(rows):
        found = 1 / (1 + np.exp(-4 * (rows[:, 0] - 0.2)))
        return np.column_stack([1 - found, found])

    half, most = increases(predict, *given), increases(predict, *given, threshold=0.95)
    assert half[0] != most[0] > 0


def test_it_is_measured_on_the_first_splits(data, tmp_path, logger):
    table, splits = data()
    paths = {part: str(tmp_path / f"{part}.parquet") for part in ("predictions", "scores", "coefficients")}
    fit_linear(table, splits, **paths, logger=logger)
    made = {}
    for number in (2, 9):
        output = str(tmp_path / f"importance_{number}")
        importance(
            table,
            [splits],
            [paths["predictions"]],
            [paths["coefficients"]],
            output,
            {},
            Importance(number, 3, 0),
            "rmse",
            logger,
        )
        made[number] = read_table(output)
    assert made[2]["seed"].tolist() == [4] * 4 + [5] * 4 and set(made[9]["seed"]) == {4, 5, 6}
    assert made[2]["feature"].tolist() == [*"abfc"] * 2
    by_column = made[9]["increase"].reshape(3, 4).mean(axis=0)
    assert by_column[0] > 1 > abs(by_column[3])
