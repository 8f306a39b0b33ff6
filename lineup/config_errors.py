"""Puts what is wrong with a config into sentences."""

import re

from jsonschema.exceptions import ValidationError

from lineup.errors import ended
from lineup.hints import hint_of, listed


def outermost_first(error: ValidationError) -> tuple:
    """Ranks errors, for sorting."""
    # The outermost mistake comes first: a wrong type explains what is wrong inside it. Then the
    # outermost rule: that a source is of one kind stands above the keys of each kind.
    path = [str(part) for part in error.absolute_path]
    return len(path), path, error.validator != "type", len(error.absolute_schema_path), str(error.validator)


def key_of(path: list) -> str:
    """Writes the path of a key, with points between its parts."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = part if isinstance(part, str) and re.fullmatch(r"[\w-]+", part) else shown(part)
            text += f".{plain}" if text else plain
    return text


def shown(value: object) -> str:
    """Writes a value on one line, about as it stands in YAML."""
    if value is None:
        return "empty"
    if isinstance(value, dict | list) and value:
        return "a list" if isinstance(value, list) else "a block of keys"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 100 else f"{text[:99]}…"


_NUMBER = re.compile(r"[-+]?[0-9.]+([eE][-+]?[0-9]+)?")


_TYPES = {
    "array": "a list",
    "object": "a block of keys",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}


def sentence(error: ValidationError) -> str:
    """Puts an error of the schema into one sentence that names the key."""
    path, value, rule = list(error.absolute_path), error.instance, error.validator_value
    schema = error.schema
    if error.validator == "additionalProperties":
        known = schema["properties"]
        extra = next(key for key in value if key not in known)
        problem = f"{key_of([*path, str(extra)])} is not a known key: {hint_of(extra, known, 'key')}"
    elif error.validator == "required":
        missing = next(key for key in rule if key not in value)
        problem = f"{key_of([*path, missing])} is missing: docs/config.md describes it"
    elif "propertyNames" in error.absolute_schema_path:
        problem = f"the name {shown(value)} under {key_of(path)} is not allowed: use {schema['words']}"
    else:
        problem = f"{key_of(path)} {_wrong(error)}"
    return ended(f"In the config, {problem}")


def _wrong(error: ValidationError) -> str:
    """Says what is wrong with the value of a key."""
    value, rule, schema = error.instance, error.validator_value, error.schema
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if error.validator in ("minItems", "minProperties"):
        return f"needs at least {rule} {'entry' if rule == 1 else 'entries'}"
    if error.validator == "minLength":
        return "must not be empty"
    if error.validator == "uniqueItems":
        return f"has {shown(next(one for place, one in enumerate(value) if one in value[:place]))} twice"
    if error.validator == "oneOf":
        kinds = [kind["required"][0] for kind in rule]
        given = [kind for kind in kinds if kind in value]
        if not given:
            return f"needs one of the keys {listed(kinds)}"
        what = "take one of them" if "file" in kinds and "sources" in kinds else "make a source of each"
        return f"has the keys {listed(given)}: {what}"
    wanted = {
        "enum": lambda: listed(rule, "or"),
        "type": lambda: schema.get("words") or listed((_TYPES[name] for name in types), "or"),
        "minimum": lambda: f"at least {rule}",
        "maximum": lambda: f"at most {rule}",
        "exclusiveMinimum": lambda: f"more than {rule}",
        "exclusiveMaximum": lambda: f"less than {rule}",
    }.get(error.validator, lambda: schema["words"])()
    if isinstance(value, str) and _NUMBER.fullmatch(value) and {"number", "integer"} & set(types):
        return (
            f"has to be {wanted}, not the text {shown(value)}: leave out quotes, and write an exponent "
            "with a point and a sign, as in 1.0e-8"
        )
    return f"has to be {wanted}, not {shown(value)}"
