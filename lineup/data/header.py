"""Looks at the beginning of a file, before anything runs: are the columns there that the config names?"""

import difflib
from collections.abc import Mapping

from lineup.data.dialect import SAMPLE, Dialect, find_dialect
from lineup.data.parts import UNPACKING, Part, naming, parts_of
from lineup.errors import InputError, ended

# What a target may be told to be, by task.
TARGETS = {"regression": ["number"], "classification": ["category", "boolean", "number"]}


def dialect_of(part: Part, told: dict) -> Dialect:
    """Finds out how a file is written, see ``find_dialect``."""
    with part.open() as file:
        return find_dialect(file.read(SAMPLE), told)


def names_of(part: Part, told: dict) -> list[str]:
    """Lists the columns of a file, without a look at its rows."""
    if part.format == "CSV":
        return dialect_of(part, told).names
    # Not for those with text alone, which are the most.
    import pyarrow.ipc
    import pyarrow.parquet

    with part.open() as file:
        if part.format == "Parquet":
            names = pyarrow.parquet.read_schema(file).names
        else:
            names = pyarrow.ipc.open_file(file).schema.names
    return [name.strip() for name in names]


def check_header(path: str, dataset: Mapping) -> None:
    """Raises an InputError if a file has no header with the target and the columns that a dataset names.

    Args:
        path: The file.
        dataset: The block of the dataset in the config.
    """
    try:
        parts = parts_of(path)
        with naming(parts[0], parts):
            names = names_of(parts[0], dataset["reading"])
        check_names(names, dataset["target"], dataset["columns"], dataset["task"])
    except InputError as error:
        raise InputError(ended(f"{path} {error}")) from error
    except (*UNPACKING, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error


def check_names(
    names: list[str], target: str | None, told: Mapping[str, str], task: str = "regression"
) -> None:
    """Raises an InputError if a target or a column that the config names is not among the names of a table."""
    for name in [*([target] if target else []), *told]:
        if name not in names:
            what = ", the target" if name == target else ""
            raise InputError(f"has no column {name!r}{what}: {nearest(name, names)}")
    allowed = TARGETS[task]
    if target and told.get(target, allowed[0]) not in allowed:
        raise InputError(
            f"has the target {target!r}, which the config tells to be {told[target]!r}: for a {task} it has to be a {allowed[0]}"
        )


def nearest(name: str, known: list[str]) -> str:
    """Says which name may be meant, or which there are."""
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    shown = ", ".join(known[:30]) + (f" and {len(known) - 30} more" if len(known) > 30 else "")
    return f"its columns are {shown}; if the names stand in another line, say how many are before it under reading.skip_lines"
