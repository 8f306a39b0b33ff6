"""Checks the configuration, and says in one sentence what is wrong with it."""

import difflib
import math
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from scripts.job import InputError

SCHEMA = Path(__file__).parents[1] / "workflow" / "schemas" / "config.schema.yaml"

# Under this name the null model stands in the tables, beside the models of the config.
NULL_MODEL = "null_model"


def _is_integer(_checker: object, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(_checker: object, value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


# JSON Schema takes 5.0 for an integer, and infinity and NaN for numbers; the scripts could not.
StrictValidator = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_integer, "number": _is_number}
    ),
)


def validate(config: dict, files: list[str | Path] = ()) -> None:
    """Checks a configuration against the schema and the rules across keys.

    Args:
        config: The merged configuration.
        files: The YAML files that it was read from, looked through for duplicate keys.

    Raises:
        InputError: If anything is wrong. The message is one sentence that names the key.
    """
    for file in files:
        _refuse_duplicate_keys(Path(file))
    schema = yaml.load(SCHEMA.read_text(encoding="utf-8"), yaml.CSafeLoader)
    errors = sorted(StrictValidator(schema).iter_errors(config), key=_place)
    if errors:
        raise InputError(_sentence(errors[0]))
    for key, problem in _problems_across_keys(config):
        raise InputError(f"In the config, {key} {problem}.")


def split_seeds(seeds: list[int] | dict[str, int]) -> list[int]:
    """Lists the seeds that a dataset's ``splits.seeds`` stands for.

    Args:
        seeds: A list, or a range with its ``first`` and its ``last`` seed.

    Returns:
        The seeds, in the order given.
    """
    return list(range(seeds["first"], seeds["last"] + 1)) if isinstance(seeds, dict) else list(seeds)


def _place(error: ValidationError) -> tuple:
    # The outermost mistake comes first: a wrong type explains what is wrong inside it.
    return len(error.absolute_path), [str(part) for part in error.absolute_path], str(error.validator)


def _key(path: list) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "the config"


_NUMBER = re.compile(r"[-+]?[0-9.]+([eE][-+]?[0-9]+)?")
_TYPES = {
    "array": "a list",
    "object": "a block of keys",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}


def _sentence(error: ValidationError) -> str:
    """Puts an error of the schema into one sentence that names the key."""
    path, value, rule = list(error.absolute_path), error.instance, error.validator_value
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        extra = next(key for key in value if key not in known)
        near = difflib.get_close_matches(str(extra), known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"the keys here are {', '.join(known)}."
        return f"In the config, {_key([*path, extra])} is not a known key: {hint}"
    if error.validator == "required":
        missing = next(key for key in rule if key not in value)
        return f"In the config, {_key([*path, missing])} is missing: docs/config.md describes it."
    if "propertyNames" in error.absolute_schema_path:
        return f"In the config, the name {value!r} under {_key(path)} is not allowed: use lower-case letters, digits and underscores, starting with a letter."
    types = [rule] if isinstance(rule, str) else rule
    entries = "entry" if rule == 1 else "entries"
    problem = {
        "enum": lambda: f"has to be one of {', '.join(map(str, rule))}",
        "type": lambda: f"has to be {' or '.join(_TYPES[name] for name in types)}",
        "minimum": lambda: f"has to be at least {rule}",
        "maximum": lambda: f"has to be at most {rule}",
        "exclusiveMinimum": lambda: f"has to be more than {rule}",
        "exclusiveMaximum": lambda: f"has to be less than {rule}",
        "minItems": lambda: f"needs at least {rule} {entries}",
        "minProperties": lambda: f"needs at least {rule} {entries}",
        "minLength": lambda: "must not be empty",
        "uniqueItems": lambda: "names something twice",
        "anyOf": lambda: "needs one of the keys file, url, wheel and npm",
    }.get(
        error.validator, lambda: f"does not fit its description, {error.schema['description'].rstrip('.')!r}"
    )()
    if (
        error.validator == "type"
        and "string" not in types
        and isinstance(value, str)
        and _NUMBER.fullmatch(value)
    ):
        problem += ", and YAML reads this as text: take off the quotes, and write 1.0e-8 for 1e-8"
    shown = (
        ""
        if isinstance(value, dict | list) and value
        else f", not {'empty' if value is None else repr(value)}"
    )
    return f"In the config, {_key(path)} {problem}{shown}."


def _problems_across_keys(config: dict) -> Iterator[tuple[str, str]]:
    """Yields each breach of a rule that involves several keys, as its key and what is wrong."""
    datasets, models = config["datasets"], config["models"]
    for place, name in enumerate(config["build"]):
        if name not in datasets:
            yield f"build[{place}]", _unknown(name, "dataset", datasets)
    for name, model in models.items():
        if name == NULL_MODEL:
            yield f"models.{name}", "takes a name that is kept for the null model: choose another"
        if model["kind"] == "mlp" and len(model["hidden"]) != len(model["dropout"]):
            yield (
                f"models.{name}.dropout",
                f"needs one entry for each of the {len(model['hidden'])} hidden layers, not {len(model['dropout'])}",
            )
    for name, dataset in datasets.items():
        key = f"datasets.{name}"
        for place, model in enumerate(dataset["models"]):
            if model not in models:
                yield f"{key}.models[{place}]", _unknown(model, "model", models)
        if dataset["reference"] not in dataset["models"]:
            yield f"{key}.reference", f"is {dataset['reference']!r}, which is not among the dataset's models"
        share, seeds = dataset["splits"]["test_share"], dataset["splits"]["seeds"]
        if isinstance(share, str) and Fraction(share) >= 1:
            yield f"{key}.splits.test_share", f"has to be less than 1, not {share}"
        if isinstance(seeds, dict) and seeds["last"] < seeds["first"]:
            yield f"{key}.splits.seeds.last", f"has to be at least {seeds['first']}, which is the first seed"
        for place, published in enumerate(dataset["published"]):
            for model in published["mae"]:
                if model not in models:
                    yield f"{key}.published[{place}].mae.{model}", _unknown(model, "model", models)


def _unknown(name: str, what: str, known: dict) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"the {what}s are {', '.join(known)}"
    return f"names the {what} {name!r}, which is not described under {what}s: {hint}".removesuffix(".")


class _UniqueKeyLoader(yaml.CSafeLoader):
    """Reads YAML, and refuses a mapping that has a key twice."""


def _construct_mapping(loader: yaml.Loader, node: yaml.MappingNode) -> dict:
    seen = set()
    for key_node, _ in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            continue
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            mark = key_node.start_mark
            raise InputError(
                f"In {Path(mark.name).name}, line {mark.line + 1}, the key {key!r} stands a second time in "
                "its block: remove one of the two."
            )
        seen.add(key)
    loader.flatten_mapping(node)
    return yaml.CSafeLoader.construct_mapping(loader, node, deep=True)


_UniqueKeyLoader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)


def _refuse_duplicate_keys(file: Path) -> None:
    with file.open(encoding="utf-8") as stream:
        yaml.load(stream, _UniqueKeyLoader)
