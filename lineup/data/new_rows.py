"""Reads a file of new rows as the columns of a prepared table were read, and codes them as these are coded."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lineup.data.coding import code_again, refuse_infinity
from lineup.data.column import Column
from lineup.data.columns import marks_of, type_columns
from lineup.data.header import nearest
from lineup.data.parts import parts_of
from lineup.data.reading import read_file
from lineup.errors import InputError, ended


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
    # A row of values in front of a few others may look like one of names, and the other way round.
    table, dialect = read_file(path, {"header": True} | told if is_text else told)
    absent = [name for name in known if name not in table.column_names]
    if absent:
        more = f" (and {len(absent) - 1} more)" if len(absent) > 1 else ""
        raise InputError(
            f"has no column {absent[0]!r}{more}, which the models predict from: {nearest(absent[0], table.column_names)}"
        )
    columns = _typed(
        _without_words(table.select(list(known)), known), known, marks_of(told, dialect.separator)
    )
    features: list = [None] * len(schema["features"])
    can, doubts = np.ones(len(table), dtype=bool), []
    for column in columns:
        if column.kind == "number":
            refuse_infinity(column.name, column.values)
        mine = [place for place, about in enumerate(schema["features"]) if about["column"] == column.name]
        coded, is_new = code_again(column, [schema["features"][place] for place in mine])
        for place, values in zip(mine, coded, strict=True):
            features[place] = pc.fill_null(pc.cast(values, pa.float64()), np.nan).to_numpy()
        is_new = is_new.to_numpy()
        if is_new.any():
            doubts.append(_of_level(column, is_new))
        missing = pc.is_null(column.values, nan_is_null=True).to_numpy()
        if missing.any() and not imputes:
            doubts.append(_of_missing(column, missing))
            can &= ~missing
        can &= ~is_new
        doubts += _of_unit(column, known[column.name].get("unit", ""))
    X = np.column_stack(features) if len(table) else np.empty((0, len(features)))
    return NewRows(table, X[can], can, doubts)


def _without_words(table: pa.Table, known: Mapping[str, dict]) -> pa.Table:
    """Takes out the words that counted as missing in the columns of the table."""
    columns = []
    for name in table.column_names:
        words, column = known[name].get("words", []), table[name]
        if words and pa.types.is_string(column.type):
            is_word = pc.is_in(pc.utf8_trim_whitespace(column), pa.array(words))
            column = pc.if_else(is_word, pa.scalar(None, pa.string()), column)
        columns.append(column)
    return pa.table(columns, names=table.column_names)


def _typed(table: pa.Table, known: Mapping[str, dict], marks: object) -> list[Column]:
    """Reads each column as what it is in the prepared table; dates in the order of its own."""
    dated = [name for name in table.column_names if known[name].get("order")]
    others = table.drop_columns(dated)
    columns, _ = type_columns(others, {name: known[name]["kind"] for name in others.column_names}, marks)
    for name in dated:
        of_date = replace(marks, dates=known[name]["order"])
        columns += type_columns(table.select([name]), {name: "date"}, of_date)[0]
    return columns


def _of_level(column: Column, is_new: np.ndarray) -> str:
    row = int(np.argmax(is_new))
    value = column.values[row].as_py()
    return (
        f"{_rows(is_new)}: column {column.name!r} holds {str(value)!r}, which no row of the table has, so that the models do not "
        "know it."
    )


def _of_missing(column: Column, missing: np.ndarray) -> str:
    return f"{_rows(missing)}: column {column.name!r} is empty. With missing_features: impute it is filled."


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
