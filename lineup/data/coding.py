"""Turns the CSV file of a dataset into the table that every model sees."""

import json
import logging

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from lineup.data.tables import SCHEMA_KEY, write_table
from lineup.errors import InputError, warn

# ASSUME: where more than this share of the rows is dropped for missing features, the rest may be another sample.
MANY = 0.1

# ASSUME: a text column with more levels than this is an identifier or free text, not a factor.
MAX_LEVELS = 100


def read_csv(path: str) -> pa.Table:
    """Reads a CSV file with a header, with the types that its values show.

    Args:
        path: The file.

    Returns:
        The table. Empty fields, NA and NaN are missing values, in text columns too.

    Raises:
        InputError: If the file is no such table.
    """
    try:
        table = pyarrow.csv.read_csv(
            path,
            read_options=pyarrow.csv.ReadOptions(use_threads=False),
            convert_options=pyarrow.csv.ConvertOptions(strings_can_be_null=True),
        )
        names = table.column_names
    except pa.ArrowInvalid as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise InputError(
            f"{path} cannot be read as a CSV file: {reason}. Mend the file, or name another source."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"The header of {path} is not UTF-8 text: save the file as UTF-8.") from error
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"{path} has more than one column named {repeated[0]!r}: rename all but one.")
    return table


def drop_missing(table: pa.Table, target: str, missing_target: str, missing_features: str) -> pa.Table:
    """Drops or refuses the rows with a missing value.

    Args:
        table: The table.
        target: Name of the target.
        missing_target: ``drop`` or ``error``, for rows with no target.
        missing_features: ``drop`` or ``error``, for the other rows with any value missing.

    Returns:
        The rows with nothing missing, in their order.

    Raises:
        InputError: If a value is missing where that is an error, or if no row is left.
    """
    complete = table
    steps = [([target], missing_target, "missing_target")]
    steps.append(
        ([name for name in table.column_names if name != target], missing_features, "missing_features")
    )
    for names, what_to_do, key in steps:
        for name in names:
            missing = pc.is_null(complete[name], nan_is_null=True)
            count = pc.sum(missing).as_py() or 0
            if count and what_to_do == "error":
                row = pc.index(missing, True).as_py() + 1
                raise InputError(
                    f"Column {name!r} has {count} missing {'value' if count == 1 else 'values'}, the first in row "
                    f"{row} of the rows that are left: fill it, or set {key}: drop in the config."
                )
            complete = complete.filter(pc.invert(missing))
    if complete.num_rows == 0:
        emptiest = max(table.column_names, key=lambda name: table[name].null_count)
        raise InputError(
            f"No row is left when those with missing values are dropped: look first at column {emptiest!r}, which is "
            f"empty in {table[emptiest].null_count} of {table.num_rows} rows."
        )
    return complete


def tell_of_dropped_rows(table: pa.Table, target: str, kept: int, raw: str, logger: logging.Logger) -> None:
    """Warns, in the log and on the terminal, if many rows that have a target are dropped for missing features."""
    with_target = table.filter(pc.invert(pc.is_null(table[target], nan_is_null=True)))
    dropped = with_target.num_rows - kept
    if dropped <= MANY * with_target.num_rows:
        return
    missing = {
        name: pc.sum(pc.is_null(with_target[name], nan_is_null=True)).as_py()
        for name in with_target.column_names
    }
    worst = max(missing, key=missing.__getitem__)
    warn(
        logger,
        f"In {raw}, {dropped} of the {with_target.num_rows} rows with a target are dropped, because a feature is missing; "
        f"column {worst!r} is missing in {missing[worst]} of them: fill it, or leave the column out of the file.",
    )


def code_column(name: str, values: pa.ChunkedArray) -> list[tuple[dict, pa.ChunkedArray]]:
    """Codes a feature as numbers: numbers as they are, a factor as one 0/1 column a level but the first.

    Args:
        name: Name of the column.
        values: Its values, none missing.

    Returns:
        For each column made of it, its description for the schema and its values.

    Raises:
        InputError: If the column holds neither numbers nor a factor.
    """
    kind = values.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        refuse_infinity(name, values)
        return [({"name": name, "column": name, "coding": "number"}, values)]
    if pa.types.is_boolean(kind):
        return [
            ({"name": name, "column": name, "coding": "true is 1, false is 0"}, pc.cast(values, pa.int8()))
        ]
    if pa.types.is_binary(kind):
        raise InputError(f"Column {name!r} holds text that is not UTF-8: save the file as UTF-8.")
    if not pa.types.is_string(kind):
        raise InputError(
            f"Column {name!r} holds values of type {kind}, which cannot be a feature: remove it or turn it into a number."
        )
    # The first level alphabetically is the baseline, as in R and in the book.
    levels = sorted(pc.unique(values).to_pylist())
    if len(levels) > MAX_LEVELS:
        raise InputError(
            f"Column {name!r} has {len(levels)} levels, more than {MAX_LEVELS}, and looks like an identifier: remove it from the file."
        )
    return [
        (
            {
                "name": f"{name}[{level}]",
                "column": name,
                "coding": "1 for the level, else 0",
                "level": level,
                "baseline": levels[0],
            },
            pc.cast(pc.equal(values, level), pa.int8()),
        )
        for level in levels[1:]
    ]


def refuse_infinity(name: str, values: pa.ChunkedArray) -> None:
    """Raises an InputError if a column holds an infinite number."""
    finite = np.isfinite(values.to_numpy().astype(float))
    if not finite.all():
        row = int(np.argmin(finite)) + 1
        raise InputError(
            f"Column {name!r} is infinite in row {row} of the rows that are left: correct it or leave it empty."
        )


def first_word(values: pa.ChunkedArray) -> tuple[int, object]:
    """Finds the first value that is no number, and its row, from 1."""
    for row, value in enumerate(values.to_pylist(), start=1):
        try:
            if value is None or (isinstance(value, str) and float(value) is not None):
                continue
        except ValueError:
            pass
        return row, value
    return 1, values[0].as_py()


def check_target(table: pa.Table, target: str, raw: str) -> None:
    """Raises an InputError if a table, read from a file ``raw``, has no target of numbers."""
    if target not in table.column_names:
        (first, *others) = table.column_names
        separator = next((mark for mark in (";", "\t", "|") if mark in first and not others), None)
        if separator:
            raise InputError(
                f"{raw} has one column, named {first!r}, whose parts stand between {separator!r}: save the file with commas "
                "between its columns."
            )
        raise InputError(
            f"{raw} has no column {target!r}, the target: its columns are {', '.join(table.column_names)}."
        )
    if pa.types.is_null(table[target].type):
        raise InputError(
            f"Column {target!r}, the target, is empty in every row of {raw}: name another target."
        )
    if not (pa.types.is_integer(table[target].type) or pa.types.is_floating(table[target].type)):
        row, value = first_word(table[target])
        raise InputError(
            f"Column {target!r}, the target of a regression, holds {value!r} in row {row}, which is no number: correct it, leave "
            "it empty if it is missing, or name another target."
        )


def preprocess(
    raw: str,
    output: str,
    target: str,
    task: str,
    missing_target: str,
    missing_features: str,
    logger: logging.Logger,
) -> None:
    """Writes the prepared table: complete rows, coded features, then the target.

    The Parquet file says under the key ``lineup`` what each column is, as JSON.

    Args:
        raw: The CSV file.
        output: The Parquet file to write.
        target: Name of the target.
        task: The task, ``regression``.
        missing_target: ``drop`` or ``error``.
        missing_features: ``drop`` or ``error``.
        logger: Where to report.

    Raises:
        InputError: If the table cannot be prepared.
    """
    table = read_csv(raw)
    check_target(table, target, raw)
    complete = drop_missing(table, target, missing_target, missing_features)
    tell_of_dropped_rows(table, target, complete.num_rows, raw, logger)
    refuse_infinity(target, complete[target])
    coded = [
        one for name in complete.column_names if name != target for one in code_column(name, complete[name])
    ]
    names = [description["name"] for description, _ in coded] + [target]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(
            f"Coding the factors makes two columns named {repeated[0]!r}: rename one in the file."
        )
    if not coded:
        raise InputError(
            f"{raw} has no feature that takes two values or more beside the target {target!r}: add columns."
        )
    schema = {
        "task": task,
        "target": {"name": target},
        "features": [description for description, _ in coded],
        "rows": {
            "read": table.num_rows,
            "dropped": table.num_rows - complete.num_rows,
            "kept": complete.num_rows,
        },
    }
    prepared = pa.table([values for _, values in coded] + [complete[target]], names=names)
    prepared = prepared.replace_schema_metadata(
        {SCHEMA_KEY: json.dumps(schema, sort_keys=True, ensure_ascii=False)}
    )
    write_table(prepared.combine_chunks(), output)
    logger.info(
        "%d of %d rows kept, %d features, target %s.", complete.num_rows, table.num_rows, len(coded), target
    )
