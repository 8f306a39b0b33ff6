"""The kinds of models. Each is described once, in lineup/models/{kind}.yaml beside its computation.

Such a file has these keys:
    words: What the kind is, in a few words.
    description: The same in sentences, for docs/config.md.
    tasks: By task, ``figures``, the rules that draw a model of the kind, each with its figures in the order of the
        report; and ``allowed``, the values that a setting may have there, if not all.
    linear: For a kind whose models can be linear in the features: ``when`` they are, as settings and their values, and
        ``weights``, the output of its fit with a weight for each feature and class.
    fitted: The output of a fit that predictions can be made from; none where the fit is made again for that.
    settings: The schema of each setting, see workflow/schemas/config.schema.yaml.
    same_length: Lists that need as many entries as another.
    refused: Settings that do not go together: ``when`` they have these values, ``unless`` they have those, the
        ``key`` to name, and what is wrong with it, ``because``.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import yaml

FOLDER = Path(__file__).parent / "models"
# Rules that draw linear models only, and those that draw datasets of one format only.
OF_LINEAR = {"plot_weights", "plot_coefficients"}
OF_FORMAT = {"plot_weights": "images", "plot_mistakes": "images", "plot_coefficients": "csv"}
# The settings that every kind has.
COMMON = {"splits": {"$ref": "#/$defs/first_splits", "default_words": "all of the dataset"}}
# What a node of the schema has if its key need not be there.
DEFAULTS = {"default", "default_words"}


@cache
def kinds() -> dict[str, dict]:
    """Reads the description of each kind, by name."""
    return {
        path.stem: yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
        for path in sorted(FOLDER.glob("*.yaml"))
    }


def kinds_for(task: str) -> list[str]:
    """Lists the kinds that can do a task."""
    return [name for name, kind in kinds().items() if task in kind["tasks"]]


def is_linear(model: dict) -> bool:
    """Tells whether a model has one weight for each feature, and class."""
    linear = kinds()[model["kind"]].get("linear")
    return linear is not None and _has(model, linear.get("when", {}))


def has_seed(model: dict) -> bool:
    """Tells whether chance has a part in a model: in its training, or in the folds that choose a setting."""
    return _has_key("seed", kinds()[model["kind"]]["settings"])


def weights_of(model: dict) -> str:
    """Names the output of the fit of a linear model that has its weights."""
    return kinds()[model["kind"]]["linear"]["weights"]


def figures_by_rule(model: dict, dataset: dict) -> dict[str, list[str]]:
    """Lists by rule the figures that are drawn of a model on a dataset, in the order of the report."""
    rules = kinds()[model["kind"]]["tasks"][dataset["task"]]["figures"]
    return {
        rule: figures
        for rule, figures in rules.items()
        if (rule not in OF_LINEAR or is_linear(model))
        and OF_FORMAT.get(rule, dataset["format"]) == dataset["format"]
    }


def add_to(schema: dict) -> dict:
    """Adds the kinds and their settings to the schema of the config, and gives it."""
    model = schema["$defs"]["model"]
    for name, kind in kinds().items():
        model["properties"]["kind"]["enum"].append(name)
        condition = {"type": "object", "required": ["kind"], "properties": {"kind": {"const": name}}}
        model["allOf"].append({"if": condition, "then": {"$ref": f"#/$defs/{name}"}})
        of_kind = {"const": name, "description": "The kind of the model."}
        schema["$defs"][name] = {
            "description": kind["description"],
            "additionalProperties": False,
            "required": [
                "kind",
                *(key for key, node in kind["settings"].items() if not DEFAULTS & node.keys()),
            ],
            "properties": {"kind": of_kind} | kind["settings"] | COMMON,
        }
    words = [f"`{name}` is {kind['words']}" for name, kind in kinds().items()]
    model["properties"]["kind"]["description"] += f" {', '.join(words)}."
    return schema


def problems(model: dict) -> Iterator[tuple[str, str]]:
    """Yields each setting of a model that does not go with the others, and what is wrong with it."""
    kind = kinds()[model["kind"]]
    for key, other in kind.get("same_length", {}).items():
        if len(model[key]) != len(model[other]):
            yield (
                key,
                f"needs as many entries as {other}, which has {len(model[other])}, not {len(model[key])}",
            )
    yield from _keys_of_numbers(model, "")
    for rule in kind.get("refused", []):
        if _has(model, rule["when"]) and not ("unless" in rule and _has(model, rule["unless"])):
            yield rule["key"], rule["because"]


def _keys_of_numbers(value: object, where: str) -> Iterator[tuple[str, str]]:
    """Yields each block that has a key that is no text."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                yield where, f"has the key {key}, which is no text: write it in quotes"
            yield from _keys_of_numbers(inner, f"{where}.{key}".lstrip("."))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _keys_of_numbers(inner, f"{where}[{place}]")


def _has_key(key: str, node: object) -> bool:
    """Tells whether a block, or one inside it, has a key."""
    return isinstance(node, dict) and (key in node or any(_has_key(key, inner) for inner in node.values()))


def _has(model: dict, settings: dict) -> bool:
    return all(model[key] == value for key, value in settings.items())
