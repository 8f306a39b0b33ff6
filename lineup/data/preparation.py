"""Turns the file of a dataset into the table that every model sees."""

import json
import logging
import re
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from lineup.data.classes import Classes, ClassSettings, find_classes
from lineup.data.coding import (
    Coded,
    code_column,
    indicator,
    power_of_ten,
    refuse_infinity,
    with_rare_levels,
)
from lineup.data.column import Column, row_numbers
from lineup.data.columns import marks_of, type_columns
from lineup.data.dialect import Dialect
from lineup.data.doubts import doubts_of_constants, doubts_of_rows, doubts_of_text
from lineup.data.features import is_pooled
from lineup.data.header import TARGETS, check_names
from lineup.data.missing import Missing, doubt_of_dropped_rows, drop_missing, drop_weightless
from lineup.data.reading import doubts_of_dialect, how_it_is_written, read_file
from lineup.data.tables import SCHEMA_KEY, role_column, write_table
from lineup.errors import InputError, ended, warn


@dataclass(frozen=True)
class Read:
    """The columns of a file, as models are going to see them."""

    columns: list[Column]
    dialect: Dialect
    decimal: str  # the decimal mark, empty where none shows it
    doubts: list[str]  # what may be wrong, as sentences


@dataclass(frozen=True)
class Prepared:
    """The rows of a file of n rows that are used, coded."""

    coded: Coded  # the features
    answer: pa.ChunkedArray  # the target
    rows: int  # n
    doubts: list[str]  # what may be wrong, as sentences
    roles: dict[str, Column]  # what says how the rows are split, or how much they count, by what it says
    classes: Classes | None = None  # of a classification; the target is then their places


def read_columns(
    path: str,
    target: str | None,
    reading: dict,
    told: dict[str, str],
    most: int | None = None,
    task: str = "regression",
) -> Read:
    """Reads a file, and decides what its columns are.

    Args:
        path: The file.
        target: Name of the target, which has to be a number, or of a classification is read as text; None if it is not known.
        reading: What the config says of how the file is written.
        told: What it says of the columns, by name.
        most: How many rows to read, about; all if nothing is said.
        task: The task.

    Raises:
        InputError: If the file cannot be read so. The sentence begins with what is wrong, for the caller to name the file.
    """
    table, dialect = read_file(path, reading, most)
    check_names(table.column_names, target, told, task)
    told = told | ({target: TARGETS[task][0]} if target else {})
    try:
        columns, decimal = type_columns(table, told, marks_of(reading, dialect.separator))
    except InputError as error:
        if (
            target
            and re.search(rf"in column {re.escape(repr(target))}, .* a number", str(error))
            and task == "regression"
        ):
            raise InputError(f"{error}; or, if the target has classes, set task: classification") from error
        raise
    text = table.select([field.name for field in table.schema if pa.types.is_string(field.type)])
    start = [
        *text.column_names,
        *(value for column in text.columns for value in pc.unique(column.slice(0, 1000)).to_pylist()),
    ]
    words = sorted(
        {word for value in start for word in re.findall(r"[^\W\d_]{2,}", value or "") if not word.isascii()}
    )
    doubts = (
        doubts_of_dialect(dialect, words[:3])
        + doubts_of_text(text)
        + [column.doubt for column in columns if column.doubt]
    )
    return Read(columns, dialect, decimal, doubts)


def prepare(read: Read, target: str, missing: Missing, of_classes: ClassSettings | None = None) -> Prepared:
    """Drops the rows with missing values, or leaves these to be filled split by split, and codes the columns.

    Args:
        read: The columns of a file.
        target: Name of the target.
        missing: What to do with missing values and rare levels.
        of_classes: What the config says of the classes; None for a regression.

    Raises:
        InputError: If the rows or columns cannot be used. The sentence begins with what is wrong.
    """
    used, constant = [], []
    for column in read.columns:
        if column.is_used:
            varies = column.name == target or pc.count_distinct(column.values).as_py() > 1
            (used if varies else constant).append(column)
    counted = drop_weightless(read.columns)
    kept, classes = drop_missing(used, target, missing, counted), None
    if of_classes:
        values = next(column.values for column in used if column.name == target)
        classes = find_classes(values, kept, target, of_classes)
        kept = classes.kept
    roles = roles_of([column for column in read.columns if column.is_role], kept)
    rows = pc.sum(kept).as_py()
    left = {column.name: column.only(kept) for column in used}
    answer = left.pop(target).values if classes is None else classes.places
    left.pop(target, None)
    for column in used:
        if column.kind == "number":
            refuse_infinity(column.name, pc.if_else(kept, column.values, None))
    if classes is None and (power := power_of_ten(answer)):
        raise InputError(
            f"holds numbers of about 1e{power} in column {target!r}, the target: write them in another unit"
        )
    coded = [
        (about, values)
        for column in left.values()
        for about, values in with_rare_levels(code_column(column), missing.rare_levels)
        if pc.count_distinct(values).as_py() > 1 or is_pooled(about)
    ]
    gaps = [column for column in left.values() if column.values.null_count]
    if missing.imputation and missing.imputation["indicators"]:
        coded += [indicator(column) for column in gaps]
    if not coded:
        raise InputError(
            f"has no feature that takes two values or more beside the target {target!r}{_left_out(read.columns)}: add columns, or "
            "say what these are under columns"
        )
    names = [about["name"] for about, _ in coded] + [target, *map(role_column, roles)]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(
            f"gives two columns the name {repeated[0]!r} when its factors are coded: rename one in the file"
        )
    doubts = [
        *doubts_of_constants(constant),
        *doubt_of_dropped_rows(used, target, counted, rows),
        *(classes.doubts if classes else []),
        *doubts_of_rows([*left.values()], coded, target, answer, classes is not None),
    ]
    return Prepared(coded, answer, len(kept), doubts, roles, classes)


def _left_out(columns: list[Column]) -> str:
    """Names the first columns that are left out, with what they are taken for."""
    names = [f"{column.name!r} as {column.kind}" for column in columns if not column.is_used]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"; left out are {', '.join(names[:5])}{more}" if names else ""


def roles_of(columns: list[Column], kept: pa.ChunkedArray) -> dict[str, Column]:
    """Gives the columns that say how the rows are split, or how much they count, by what they say.

    Raises:
        InputError: If one cannot say it.
    """
    roles = {}
    for column in columns:
        if column.kind in roles:
            raise InputError(
                f"has two columns told to be {column.kind!r}, {roles[column.kind].name!r} and {column.name!r}: name one of them"
            )
        absent = pc.and_(pc.is_null(column.values), kept)
        if missing := pc.sum(absent).as_py():
            row = pc.index(absent, True).as_py() + 1
            raise InputError(
                f"has {missing} missing {'value' if missing == 1 else 'values'} in column {column.name!r}, the first in row {row}, "
                f"which tells the {column.kind} of each row: fill it"
            )
        roles[column.kind] = column.only(kept)
    return roles


def preprocess(
    raw: str,
    output: str,
    target: str,
    task: str,
    missing_target: str,
    missing_features: str,
    imputation: dict | None,
    rare_levels: int,
    reading: dict,
    columns: dict[str, str],
    logger: logging.Logger,
    file: str | None = None,
    numbered: bool = False,
    rare_classes: int = 1,
    positive: str | None = None,
) -> None:
    """Writes the prepared table: coded features, then the target.

    The Parquet file says under the key ``lineup`` what each column is and what may be wrong, as JSON.

    Args:
        raw: The file of the dataset.
        output: The Parquet file to write.
        target: Name of the target.
        task: The task.
        missing_target: See ``Missing``, as the next three.
        missing_features: See there.
        imputation: See there.
        rare_levels: See there.
        reading: What the config says of how the file is written.
        columns: What it says of its columns, by name.
        logger: Where to report.
        file: What people call the file; ``raw`` if nothing else.
        numbered: Whether to keep the number of each row in the file, from 0, for a file that gives the splits.
        rare_classes: For a classification, see ``ClassSettings``.
        positive: See there.

    Raises:
        InputError: If the table cannot be prepared.
    """
    try:
        read = read_columns(raw, target, reading, columns, task=task)
        if numbered:
            read.columns.append(row_numbers(len(read.columns[0].values)))
        missing = Missing(missing_target, missing_features, imputation, rare_levels)
        of_classes = ClassSettings(rare_classes, positive) if task == "classification" else None
        prepared = prepare(read, target, missing, of_classes)
    except InputError as error:
        raise InputError(ended(f"{file or raw} {error}")) from error
    kept = len(prepared.answer)
    doubts, of_features = read.doubts + prepared.doubts, {about["column"] for about, _ in prepared.coded}
    schema = {
        "task": task,
        "target": {"name": target},
        "features": [about for about, _ in prepared.coded],
        "columns": {column.name: column.about() for column in read.columns if column.name in of_features},
        "rows": {"read": prepared.rows, "dropped": prepared.rows - kept, "kept": kept},
    } | {key: value for key, value in (("decimal", read.decimal), ("doubts", doubts)) if value}
    if prepared.classes:
        schema["target"] |= {"classes": prepared.classes.names, "counts": prepared.classes.counts}
    if any(values.null_count or is_pooled(about) for about, values in prepared.coded):
        # What each split learns from its training rows.
        schema["learned"] = {"rare_levels": rare_levels, "numbers": (imputation or {}).get("numbers")}
    columns_of_table = {about["name"]: values for about, values in prepared.coded} | {target: prepared.answer}
    if prepared.roles:
        schema["roles"] = {kind: column.name for kind, column in prepared.roles.items()}
        columns_of_table |= {role_column(kind): column.values for kind, column in prepared.roles.items()}
    metadata = {SCHEMA_KEY: json.dumps(schema, sort_keys=True, ensure_ascii=False)}
    write_table(pa.table(columns_of_table).replace_schema_metadata(metadata).combine_chunks(), output)
    logger.info("Read as %s.", ", ".join(how_it_is_written(read.dialect, read.decimal)))
    for column in read.columns:
        logger.info("Column %r: %s, %s.", column.name, column.kind, column.reason)
    logger.info(
        "%d of %d rows kept, %d features, target %s.", kept, prepared.rows, len(prepared.coded), target
    )
    for doubt in doubts:
        warn(logger, f"{file or raw}: {doubt}")
