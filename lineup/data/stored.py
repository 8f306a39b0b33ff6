"""Tables of Parquet and Feather files, whose columns have types."""

import io
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
import pyarrow.parquet as pq

from lineup.data.column import Column, Marks
from lineup.data.numbers import Numbers
from lineup.data.parts import UNPACKING, Part
from lineup.errors import InputError

# Rows that are read at a time, where not all are wanted.
BATCH = 65_536


def read_stored(part: Part, most: int | None) -> pa.Table:
    """Reads a Parquet or Feather file, or so many rows from its start, about; text is decoded where it was numbered.

    Raises:
        InputError: If it cannot be read.
    """
    try:
        with part.open() as file:
            # What is packed is not looked up here and there.
            plain = isinstance(file, io.BufferedReader)
            table = _first_rows(file if plain else pa.BufferReader(file.read()), part.format, most)
    except (pa.ArrowException, *UNPACKING) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise InputError(f"cannot be read as {part.format}: {reason}; write it anew") from error
    columns = [as_text(column) if _is_text(column.type) else column for column in table.columns]
    return pa.table(columns, names=[name.strip() for name in table.column_names])


def _first_rows(source: object, format_: str, most: int | None) -> pa.Table:
    """Reads all rows, or so many, about."""
    if format_ == "Parquet":
        whole = pq.ParquetFile(source)
        schema, batches = whole.schema_arrow, whole.iter_batches(BATCH, use_threads=False)
    else:
        whole = pa.ipc.open_file(source)
        schema, batches = whole.schema, map(whole.get_batch, range(whole.num_record_batches))
    taken, rows = [], 0
    for batch in batches:
        taken.append(batch)
        rows += len(batch)
        if most is not None and rows >= most:
            break
    return pa.Table.from_batches(taken, schema)


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def as_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Writes values as text; whole numbers without a point."""
    if pa.types.is_dictionary(values.type):
        values = pc.cast(values, values.type.value_type)
    if pa.types.is_floating(values.type):
        values = _without_nan(pc.cast(values, pa.float64()))
        small = pc.less(pc.abs(values), 2.0**53)
        if pc.all(pc.and_(small, pc.equal(values, pc.trunc(values)))).as_py():
            values = pc.cast(values, pa.int64())
    return pc.cast(values, pa.string())


def _without_nan(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)


def typed_column(
    name: str, values: pa.ChunkedArray, told: str | None, marks: Marks
) -> Column | Numbers | pa.ChunkedArray:
    """Takes a column by its type, as far as that decides what it is.

    Args:
        name: Its name.
        values: Its values, of any type.
        told: What the config says of it.
        marks: What it says of numbers that stand for missing.

    Returns:
        The column; or its numbers, of which it is yet to be seen whether they only number the rows; or its text, where the
        config says that it is something else.
    """
    kind = values.type
    if told == "ignore":
        return Column(name, told, pa.chunked_array([pa.nulls(len(values), pa.string())]), "as told")
    if pa.types.is_dictionary(kind):
        values, kind = pc.cast(values, kind.value_type), kind.value_type
    if pa.types.is_null(kind):
        return Column(name, told or "empty", pc.cast(values, pa.string()), "no value")
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        if told in (None, "number", "weight", "time", "order"):
            return Numbers(_numbers(values, marks))
    elif pa.types.is_boolean(kind):
        if told in (None, "boolean"):
            return Column(name, "boolean", values, "true and false, as stored")
        if told == "number":
            return Numbers(pc.cast(values, pa.int64()))
    elif pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        if told in (None, "date", "time", "order"):
            zone = ", in UTC" if getattr(kind, "tz", None) else ""
            values = pc.cast(values, pa.timestamp("s")) if pa.types.is_date(kind) else values
            dates = pc.cast(values, pa.timestamp("s"), safe=False)
            return Column(name, "date", dates, f"dates, as stored{zone}")
    elif pa.types.is_duration(kind) or pa.types.is_time(kind):
        if told in (None, "number"):
            unit = pa.duration("us") if pa.types.is_duration(kind) else pa.time64("us")
            micros = pc.cast(pc.cast(pc.cast(values, unit, safe=False), pa.int64()), pa.float64())
            return Numbers(pc.divide(micros, 1e6))
    else:
        return Column(
            name,
            told or "text",
            pa.chunked_array([pa.nulls(len(values), pa.string())]),
            f"values of type {kind}",
            "" if told else f"Column {name!r} is left out: no model can use its values of type {kind}.",
        )
    return as_text(values)


def _numbers(values: pa.ChunkedArray, marks: Marks) -> pa.ChunkedArray:
    """Gives numbers as int64 or double, null where one is not a number or stands for missing."""
    whole = pa.types.is_integer(values.type) and values.type != pa.uint64()
    values = pc.cast(values, pa.int64() if whole else pa.float64(), safe=False)
    values = values if whole else _without_nan(values)
    if marks.missing:
        gone = pc.is_in(pc.cast(values, pa.float64()), pa.array(marks.missing, pa.float64()))
        values = pc.if_else(gone, pa.scalar(None, values.type), values)
    return values


def as_time(column: Column) -> Column:
    """Gives a column of dates or numbers as one that orders the rows."""
    values = column.values
    if pa.types.is_timestamp(values.type):
        values = pc.cast(values, pa.int64())
    return replace(column, kind="time", values=pc.cast(values, pa.float64()), reason="as told")
