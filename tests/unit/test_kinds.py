"""The descriptions of the kinds of models: complete, and in step with the rules, the scripts and the captions."""

import dataclasses
import importlib
import re

import pytest
from support.tree import ROOT

from lineup.kinds import FOLDER, OF_LINEAR, figures_by_rule, is_linear, kinds, kinds_for, problems, weights_of
from lineup.models import ridge
from lineup.models.grid_search import Folds
from lineup.settings import typed

RULES = "".join(
    path.read_text(encoding="utf-8") for path in sorted((ROOT / "workflow" / "rules").glob("*.smk"))
)
KEYS = {"fitted", "words", "description", "tasks", "linear", "settings", "same_length", "refused"}


def rule(name):
    """Gives the text of a rule."""
    return re.search(rf"^rule {name}:\n(.*?)(?=^\S|\Z)", RULES, re.MULTILINE | re.DOTALL)[1]


@pytest.mark.parametrize("name", kinds())
def test_a_kind_is_complete(name):
    kind = kinds()[name]
    assert {"words", "description", "tasks", "settings"} <= kind.keys() <= KEYS
    assert (FOLDER / f"{name}.py").is_file()
    assert f'models_of_kind("{name}")' in rule(f"fit_{name}")
    for task, of_task in kind["tasks"].items():
        assert task in ("regression", "classification") and of_task.keys() <= {"figures", "allowed"}
        for key, values in of_task.get("allowed", {}).items():
            assert set(values) <= set(kind["settings"][key]["enum"])
        for drawing, figures in of_task["figures"].items():
            outputs = re.findall(r'models/\{model\}/(\w+)\.svg"', rule(drawing))
            assert figures == outputs
            assert (ROOT / "scripts" / f"{drawing}.py").is_file()
    if "linear" in kind:
        assert f'/{kind["linear"]["weights"]}"' in rule(f"fit_{name}")
    named = [*kind.get("same_length", {}).items(), *(one["when"] for one in kind.get("refused", []))]
    assert {key for pair in named for key in pair} <= kind["settings"].keys()
    assert {one["key"] for one in kind.get("refused", [])} <= kind["settings"].keys()


@pytest.mark.parametrize("name", kinds())
def test_the_settings_of_a_job_are_those_of_the_config(name):
    """But for what changes no result; and how many processes train a network is a resource."""
    module = importlib.import_module(f"lineup.models.{name}")
    others = {"threads", "checkpoint_seconds"}
    described = kinds()[name]["settings"].keys() - others
    if name == "mlp":
        described |= {"processes"}
    found = {field.name for field in dataclasses.fields(module.Settings)} if described else set()
    assert found == described


def test_settings_are_typed():
    block = {"kind": "ridge", "standardize": True, "folds": {"number": 5, "seed": 1}}
    block["penalties"] = {"number": 9, "largest": 10.0, "smallest": 0.1}
    found = typed(ridge.Settings, block)
    assert found == ridge.Settings(True, ridge.Penalties(9, 10.0, 0.1), Folds(5, 1))
    with pytest.raises(KeyError, match="standardize"):
        typed(ridge.Settings, {"kind": "ridge"})


def test_every_rule_of_a_model_is_of_a_kind():
    described = {f"fit_{name}" for name in kinds()}
    described |= {
        drawing for kind in kinds().values() for task in kind["tasks"].values() for drawing in task["figures"]
    }
    of_all = {"plot_comparison", "plot_variance"}
    assert described == set(re.findall(r"^rule ((?:fit|plot)_\w+):", RULES, re.MULTILINE)) - of_all


def test_each_task_has_kinds():
    assert {"linear", "lasso", "mlp"} <= set(kinds_for("regression"))
    assert {"logistic", "logistic_lasso", "mlp"} <= set(kinds_for("classification"))


def test_which_models_are_linear():
    network = {"kind": "mlp", "hidden": []}
    assert is_linear(network) and weights_of(network) == "weights.safetensors"
    images, table = ({"task": "classification", "format": name} for name in ("images", "csv"))
    assert OF_LINEAR & figures_by_rule(network, images).keys() == {"plot_weights"}
    assert OF_LINEAR & figures_by_rule(network, table).keys() == {"plot_coefficients"}
    assert "plot_mistakes" in figures_by_rule(network, images).keys() - figures_by_rule(network, table).keys()
    deep = {"kind": "mlp", "hidden": [3]}
    assert not is_linear(deep) and not OF_LINEAR & figures_by_rule(deep, images).keys()
    logistic = {"kind": "logistic_lasso"}
    assert is_linear(logistic) and weights_of(logistic) == "coefficients.parquet"


@pytest.mark.parametrize(
    ("settings", "keys"),
    [
        ({}, []),
        ({"dropout": [0.1, 0.1]}, ["dropout"]),
        ({"weights": "best"}, ["weights"]),
        ({"weights": "best", "validation": 0.2}, []),
        ({"precision": "16-mixed"}, ["precision"]),
        ({"precision": "16-mixed", "accelerator": "gpu"}, []),
        ({"patience": 3}, ["patience"]),
        ({"patience": 3, "weights": "best", "validation": 0.2}, []),
    ],
    ids=str,
)
def test_settings_that_do_not_go_together(settings, keys):
    model = {
        "kind": "mlp",
        "hidden": [4],
        "dropout": [0.1],
        "weights": "last",
        "validation": "test",
        "patience": "none",
        "precision": "32-true",
        "accelerator": "cpu",
    }
    found = dict(problems(model | settings))
    assert list(found) == keys and all(not text.endswith(".") for text in found.values())
