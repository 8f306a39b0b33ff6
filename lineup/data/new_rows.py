"""Reads a file of new rows as the columns of a prepared table were read, and codes them as these are coded."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lineup.data.coding import code_again, refuse_infinity
from lineup.data.column import Column, Marks
from lineup.data.columns import marks_of, type_columns
from lineup.data.header import nearest
from lineup.data.parts import parts_of
from lineup.data.reading import read_file
from lineup.errors import InputError, ended

# Types of columns by what they are, where no value is there to tell.
EMPTY = {"number": pa.float64(), "category": pa.string(), "boolean": pa.bool_(), "date": pa.timestamp("s")}
NUMBER = re.compile(r"[+-]?[0-9]+([.][0-9]+)?")


@dataclass(frozen=True)
class NewRows:
    """The n rows of a file, of which models can predict m."""

    table: pa.Table  # the rows as the file has them
    features: np.ndarray  # of those that can be predicted, shape (m, p); NaN where a value is missing
    can: np.ndarray  # which these are, shape (n,)
    doubts: list[str]  # what may be wrong, as sentences


def read_new_rows(path: str, schema: dict, reading: Mapping, imputes: bool) -> NewRows:
    """Reads the features of new rows; a target is not needed.

    Args:
        path: The file, in any format that a table may have.
        schema: What the prepared table says of itself.
        reading: What the config says of how the file of the table is written, which holds for this one.
        imputes: Whether missing values are filled; a row with one has no prediction otherwise.

    Raises:
        InputError: If a column is not there, or not what it is in the table.
    """
    if not Path(path).exists():
        raise InputError(
            f"There is no file {path!r} in {Path.cwd()}: write its path from there, or from the root."
        )
    try:
        return _read(path, schema, reading, imputes)
    except InputError as error:
        raise InputError(ended(f"{path} {error}")) from error


def _read(path: str, schema: dict, reading: Mapping, imputes: bool) -> NewRows:
    known: dict[str, dict] = schema["columns"]
    is_text = parts_of(path)[0].format == "CSV"
    told = {key: value for key, value in reading.items() if is_text or key in ("missing", "dates")}
    if is_text:
        # A row of values beside few others may look like one of names; the names of a table without any are made up.
        has_names = not all(re.fullmatch(r"column_[0-9]+", name) for name in known)
        decimal = {"decimal": schema["decimal"]} if schema.get("decimal") else {}
        told = {"header": has_names} | decimal | told
    table, dialect = read_file(path, told)
    absent = [name for name in known if name not in table.column_names]
    if absent:
        more = f" (and {len(absent) - 1} more)" if len(absent) > 1 else ""
        raise InputError(
            f"has no column {absent[0]!r}{more}, which the models predict from: {nearest(absent[0], table.column_names)}"
        )
    likened = pa.table({name: _likened(table[name], name, about) for name, about in known.items()})
    features: list = [None] * len(schema["features"])
    can, doubts = np.ones(len(table), dtype=bool), []
    for column in _typed(likened, known, marks_of(told, dialect.separator)):
        if column.kind == "number":
            refuse_infinity(column.name, column.values)
        mine = [place for place, about in enumerate(schema["features"]) if about["column"] == column.name]
        column = _with_known_levels(column, [schema["features"][place] for place in mine])
        coded, is_new, is_rare = code_again(column, [schema["features"][place] for place in mine])
        for place, values in zip(mine, coded, strict=True):
            features[place] = pc.fill_null(pc.cast(values, pa.float64()), np.nan).to_numpy()
        missing = pc.is_null(column.values, nan_is_null=True).to_numpy()
        unknown = is_new.to_numpy() & ~is_rare.to_numpy()
        doubts += _of_levels(column, unknown, is_rare.to_numpy())
        doubts += _of_unit(column, known[column.name].get("unit", ""))
        if missing.any() and not imputes:
            doubts.append(
                f"{_rows(missing)}: column {column.name!r} is empty. With missing_features: impute it is filled."
            )
        can &= ~(unknown | missing) if not imputes else ~unknown
    X = np.column_stack(features) if len(table) else np.empty((0, len(features)))
    return NewRows(table, X[can], can, doubts)


def _likened(values: pa.ChunkedArray, name: str, about: Mapping) -> pa.ChunkedArray:
    """Gives a column so that it can be read as what it is in the table.

    Words that counted as missing there are taken out. What is true or false may be 1 or 0.

    Raises:
        InputError: If its type cannot be that.
    """
    kind, stored, is_boolean = about["kind"], values.type, about["kind"] == "boolean"
    if pa.types.is_null(stored):
        return pc.cast(values, pa.string())
    is_read = not (
        pa.types.is_nested(stored) or pa.types.is_binary(stored) or pa.types.is_large_binary(stored)
    )
    if not is_read or (kind == "number" and pa.types.is_boolean(stored)):
        raise InputError(f"holds values of type {stored} in column {name!r}, which is a {kind} in the table")
    if is_boolean and pa.types.is_integer(stored):
        values, stored = pc.cast(values, pa.string()), pa.string()
    if pa.types.is_string(stored):
        trimmed = pc.utf8_trim_whitespace(values)
        values = pc.if_else(pc.is_in(trimmed, pa.array(about.get("words", []), pa.string())), None, values)
        for digit, truth in (("1", "true"), ("0", "false")) if is_boolean else ():
            values = pc.if_else(pc.fill_null(pc.equal(trimmed, digit), False), truth, values)
    return values


def _typed(table: pa.Table, known: Mapping[str, dict], marks: Marks) -> list[Column]:
    """Reads each column as what it is in the prepared table; dates in the order of its own."""
    dated = [name for name in table.column_names if known[name].get("order")]
    others = table.drop_columns(dated)
    columns, _ = type_columns(others, {name: known[name]["kind"] for name in others.column_names}, marks)
    for name in dated:
        of_date = replace(marks, dates=known[name]["order"])
        columns += type_columns(table.select([name]), {name: "date"}, of_date)[0]
    # Of what is missing everywhere, the values do not say their type.
    return [
        replace(column, values=pc.cast(column.values, EMPTY[column.kind]))
        if column.values.null_count == len(column.values)
        else column
        for column in columns
    ]


def _with_known_levels(column: Column, features: list[dict]) -> Column:
    """Writes levels as the table does where they are the same number: 1.0 or 01 for 1."""
    known = {
        level for about in features if "level" in about for level in (about["level"], about.get("baseline"))
    }
    if column.kind != "category" or not all(NUMBER.fullmatch(level) for level in known):
        return column
    by_number = {float(level): level for level in known}
    if len(by_number) < len(known):
        return column  # 1 and 01 are two levels
    coded = column.values.combine_chunks().dictionary_encode()
    words = [
        by_number.get(float(word), word) if NUMBER.fullmatch(word) and word not in known else word
        for word in coded.dictionary.to_pylist()
    ]
    values = pc.take(pa.array(words, pa.string()), coded.indices)
    return replace(column, values=pa.chunked_array([values]))


def _of_levels(column: Column, unknown: np.ndarray, is_rare: np.ndarray) -> list[str]:
    """Says which rows have levels that the table does not have."""
    found = []
    for which, what in (
        (unknown, "so that the models do not know it"),
        (is_rare, "and which counts as a rare one"),
    ):
        if which.any():
            value = column.values[int(np.argmax(which))].as_py()
            has = f"column {column.name!r} holds {str(value)!r}, which no row of the table has, {what}"
            found.append(f"{_rows(which)}: {has}." if which is unknown else f"{_counted(which)}: {has}.")
    return found


def _counted(which: np.ndarray) -> str:
    number, first = int(which.sum()), int(np.argmax(which)) + 1
    return f"In row {first}" if number == 1 else f"In {number} rows, the first of them row {first}"


def _rows(which: np.ndarray) -> str:
    """Says how many rows are not predicted, and which is the first."""
    number, first = int(which.sum()), int(np.argmax(which)) + 1
    return (
        f"Row {first} has no prediction"
        if number == 1
        else f"{number} rows have no prediction, the first of them row {first}"
    )


def _of_unit(column: Column, unit: str) -> list[str]:
    """Says that numbers are written with other signs than those of the table."""
    if set(column.unit) == set(unit) or column.values.null_count == len(column.values):
        return []
    words = [f"with {' and '.join(signs)}" if signs else "without a sign" for signs in (column.unit, unit)]
    return [
        f"Column {column.name!r} is written {words[0]}, and in the table {words[1]}: are they of one unit?"
    ]
