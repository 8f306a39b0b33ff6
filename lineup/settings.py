"""Settings of the config as something typed, for the job that they are for."""

from dataclasses import MISSING, fields, is_dataclass


def typed(kind: type, block: dict) -> object:
    """Makes a dataclass of a block of the config, and of the blocks in it; keys that it has no field for are left out."""
    asked = [field for field in fields(kind) if field.name in block or field.default is MISSING]
    values = {field.name: (field.type, block[field.name]) for field in asked}
    return kind(**{name: typed(of, it) if is_dataclass(of) else it for name, (of, it) in values.items()})
