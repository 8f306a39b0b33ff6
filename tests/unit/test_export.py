"""Models as ONNX: what another runtime computes from the file is what the models here predict."""

import json

import numpy as np
import pytest
import yaml
from support.tree import ROOT

from lineup.data.design import read_design
from lineup.data.tables import read_parquet, read_schema, read_splits
from lineup.errors import InputError
from lineup.models.linear import fit_linear
from lineup.models.logistic import fit_logistic
from lineup.models.mlp import fit_mlp
from lineup.models.onnx import export
from lineup.models.predictors import layers_of
from lineup.networks.settings import Settings
from lineup.settings import typed

NETWORK = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["models"][
    "network_of_classes"
] | {
    "hidden": [5, 4],
    "dropout": [0.1, 0.0],
    "epochs": 2,
    "accelerator": "cpu",
    "processes": 1,
    "validation": 0.2,
    "weights": "last",
}
NAMES = {"two": ["no", "yes", "yes"], "three": ["low", "middle", "top"]}
PARTS = ("coefficients", "training_log", "learning_curves", "summary")


@pytest.fixture
def data(tmp_path, prepare):
    """Gives a function that writes a table with a factor and, if asked, gaps and rare levels; and three splits."""

    def write(task, has_gaps):
        chance = np.random.default_rng(3)
        x = chance.normal(3.0, 2.0, size=(80, 2))
        factor = np.array(["u", "v", "w", "x"])[chance.choice(4, 80, p=[0.1, 0.5, 0.35, 0.05])].astype(object)
        y = x @ [3.0, -1.0] + 4.0 * (factor == "v") + chance.normal(size=80)
        if task != "regression":
            y = np.array(NAMES[task])[np.digitize(y, np.quantile(y, [0.3, 0.7]))]
        columns = {"a": x[:, 0].copy(), "b": x[:, 1], "f": factor, "y": y}
        if has_gaps:
            columns["a"][chance.random(80) < 0.1] = np.nan
            factor[chance.random(80) < 0.1] = None
        more = {"imputation": {"numbers": "median", "indicators": True}, "rare_levels": 5} if has_gaps else {}
        kind = "regression" if task == "regression" else "classification"
        return prepare(tmp_path, columns, (4, 5, 6), task=kind, **more)

    return write


def fitted_to(kind, table, splits, folder, logger):
    """Fits a linear model or a network; gives the files of its predictions and of what it left."""
    has_classes = bool(read_schema(table)["target"].get("classes"))
    paths = {part: str(folder / f"{part}.parquet") for part in ("predictions", "scores")}
    if kind == "network":
        weights, block = (
            str(folder / "weights.safetensors"),
            NETWORK | ({} if has_classes else {"loss": "squared_error"}),
        )
        more = {part: str(folder / part) for part in PARTS[1:]}
        fit_mlp(
            table,
            splits,
            **paths,
            **more,
            weights=weights,
            settings=typed(Settings, block),
            threads=1,
            logger=logger,
        )
        return paths["predictions"], weights
    fit, more = (fit_logistic, {"processes": 1}) if has_classes else (fit_linear, {})
    fit(table, splits, **paths, coefficients=str(folder / "coefficients.parquet"), **more, logger=logger)
    return paths["predictions"], str(folder / "coefficients.parquet")


def as_stored(table):
    """Reads the features as the prepared table has them, NaN where one is missing."""
    columns = read_parquet(table).select([about["name"] for about in read_schema(table)["features"]])
    return np.column_stack(
        [np.array([np.nan if one is None else one for one in column.to_pylist()]) for column in columns]
    )


@pytest.mark.parametrize("has_gaps", [False, True])
@pytest.mark.parametrize("task", ["regression", "two", "three"])
@pytest.mark.parametrize("kind", ["linear", "network"])
def test_another_runtime_predicts_the_same(kind, task, has_gaps, data, tmp_path, logger):
    """They come with requirements-onnx.txt, which `make test` installs."""
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    table, splits = data(task, has_gaps)
    predictions, fitted = fitted_to(kind, table, splits, tmp_path, logger)
    design, drawn = read_design(table), read_splits([splits])
    X, everything, expected = as_stored(table), np.arange(80)[None], []
    assert np.isnan(X).any() == has_gaps
    if has_gaps:
        # A level that no row of the table has, as new rows may.
        (rare,) = (place for place, name in enumerate(design.features) if name == "f[other]")
        X[0, [place for place, name in enumerate(design.features) if name.startswith("f[")]] = 0.0
        X[0, rare] = 1.0
        design, everything = read_design(table, X[:1], "median"), np.array([[80, *range(1, 80)]])
    for train, model in zip(drawn.train, layers_of(design, drawn, fitted), strict=True):
        (coded,) = design.coded(train[None], everything)
        expected.append(model(coded[0]))
    expected = np.array(expected)
    assert np.abs(expected[0] - expected[1]).max() > 1e-3
    imputation = "median" if has_gaps else None

    for seed in (None, 5):
        output = str(tmp_path / "model.onnx")
        said = export(table, [splits], [predictions], [fitted], output, imputation, logger, seed)
        assert (
            said
            == f"{'3 models together are' if seed is None else 'One model is'} written as ONNX, in {output}."
        )
        session = runtime.InferenceSession(output)
        (found,) = session.run(None, {"features": X})
        # Standardized numbers of single precision differ by how they are rounded, where they are divided first.
        tolerance = {"rtol": 1e-9, "atol": 1e-9} if kind == "linear" else {"rtol": 1e-5, "atol": 1e-5}
        np.testing.assert_allclose(found, expected.mean(axis=0) if seed is None else expected[1], **tolerance)
        (name,) = (one.name for one in session.get_outputs())
        assert name == ("predicted" if task == "regression" else "probabilities")
    about = json.loads(session.get_modelmeta().custom_metadata_map["lineup"])
    assert [feature["name"] for feature in about["features"]] == design.features
    assert about["target"].get("classes", []) == design.classes
    first = (tmp_path / "model.onnx").read_bytes()
    export(table, [splits], [predictions], [fitted], output, imputation, logger, 5)
    assert (tmp_path / "model.onnx").read_bytes() == first and onnx.load(output).opset_import[0].version == 17


@pytest.mark.parametrize("task", ["regression", "three"])
def test_a_gap_where_the_table_has_none_is_filled_or_gives_nothing(task, data, tmp_path, logger):
    runtime = pytest.importorskip("onnxruntime")
    table, splits = data(task, False)
    predictions, fitted = fitted_to("linear", table, splits, tmp_path, logger)
    X = as_stored(table)[:3]
    X[1, 0] = np.nan
    X[2, 2:] = np.nan  # the factor
    output, found = str(tmp_path / "model.onnx"), {}
    for imputation in (None, "median"):
        export(table, [splits], [predictions], [fitted], output, imputation, logger, 5)
        (found[imputation],) = runtime.InferenceSession(output).run(None, {"features": X})
    np.testing.assert_array_equal(np.isnan(found[None].reshape(3, -1)).all(axis=1), [False, True, True])
    design, drawn = read_design(table, X, "median"), read_splits([splits])
    one = drawn[drawn.seeds == 5]
    (model,) = layers_of(design, one, fitted)
    (coded,) = design.coded(one.train, np.arange(80, 83)[None])
    np.testing.assert_allclose(found["median"], model(coded[0]), rtol=1e-9)
    np.testing.assert_allclose(found[None][0], found["median"][0], rtol=1e-12)


def test_what_cannot_be_written_is_said(data, tmp_path, logger, monkeypatch):
    with pytest.raises(InputError, match="Only linear models and networks can be written as ONNX"):
        export("table", ["splits"], ["predictions"], [], "out.onnx", None, logger)
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(InputError, match=r"onnx is not installed: pip install -r requirements-onnx.txt"):
        export("table", ["splits"], ["predictions"], ["fitted"], "out.onnx", None, logger)
