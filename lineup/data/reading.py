"""Reads a table from a file as text, however it is written."""

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from lineup.data.dialect import NOTHING, UNSURE, Dialect, blanks, stored_dialect
from lineup.data.encoding import find_encoding
from lineup.data.header import dialect_of
from lineup.data.parts import UNPACKING, Part, naming, parts_of
from lineup.data.stored import read_stored
from lineup.errors import InputError

NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces", ":": "colons"}


def read_file(path: str | Path, told: dict, most: int | None = None) -> tuple[pa.Table, Dialect]:
    """Reads a table: as text, or with the types that the file has.

    Args:
        path: The file, zip archive or folder.
        told: What the config says of how it is written, see ``find_dialect``, and under ``missing`` of missing values.
        most: How many rows to read, about; all if nothing is said.

    Returns:
        The table, with null where a value is missing, and how it is written, of several files the first.

    Raises:
        InputError: If the file is no such table. The sentence begins with what is wrong, for the caller to name the file.
    """
    parts, tables, found, rows = parts_of(path), [], [], 0
    for part in parts:
        with naming(part, parts):
            table, dialect = _read_part(part, told, None if most is None else most - rows)
            if tables and set(table.column_names) != set(tables[0].column_names):
                other = sorted(set(table.column_names) ^ set(tables[0].column_names))[0]
                raise InputError(f"has other columns than {parts[0].name}: look at {other!r}")
        tables.append(table.select(tables[0].column_names) if tables else table)
        found.append(dialect)
        rows += table.num_rows
        if most is not None and rows >= most:
            break
    try:
        table = pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        column = next(name for name in table.column_names if len({one[name].type for one in tables}) > 1)
        kinds = " and ".join(sorted({str(one[column].type) for one in tables}))
        raise InputError(
            f"holds column {column!r} as {kinds}: write it as one of them in all files"
        ) from error
    if not table.num_rows:
        raise InputError("has no row below its header: name another file")
    return _without(table, told.get("missing", [])), replace(found[0], files=len(parts))


def _without(table: pa.Table, words: list[str]) -> pa.Table:
    """Takes words that stand for missing out of the columns of text."""
    missing, nothing = pa.array(words, pa.string()), pa.scalar(None, pa.string())
    columns = [
        pc.if_else(pc.is_in(pc.utf8_trim_whitespace(column), missing), nothing, column)
        if pa.types.is_string(column.type) and words
        else column
        for column in table.columns
    ]
    return pa.table(columns, names=table.column_names)


def _read_part(part: Part, told: dict, most: int | None) -> tuple[pa.Table, Dialect]:
    """Reads one file."""
    try:
        format_ = part.format
    except UNPACKING as error:
        raise InputError(f"cannot be unpacked: {error}") from error
    if format_ != "CSV":
        if useless := sorted(told.keys() - {"missing", "dates"}):
            raise InputError(f"is a {format_} file, of which reading.{useless[0]} says nothing: leave it out")
        table = read_stored(part, most)
        _refuse_repeated(table.column_names)
        return table, stored_dialect(format_, table.column_names)
    try:
        dialect = dialect_of(part, told)
        _refuse_repeated(dialect.names)
        try:
            return _read(part, dialect, most), dialect
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            if "encoding" in told or not (isinstance(error, UnicodeDecodeError) or "UTF8" in str(error)):
                raise
            # The first letter outside ASCII stands behind the sample.
            with part.open() as file:
                dialect = dialect_of(part, told | {"encoding": find_encoding(file.read())})
            return _read(part, dialect, most), dialect
    except (pa.ArrowInvalid, UnicodeDecodeError, csv.Error) as error:
        raise InputError(_reason(error)) from error
    except UNPACKING as error:
        raise InputError(f"cannot be unpacked: {error}") from error


def _refuse_repeated(names: list[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"has more than one column named {repeated[0]!r}: rename all but one")


def _read(part: Part, dialect: Dialect, most: int | None) -> pa.Table:
    if dialect.separator == " ":
        return _read_aligned(part, dialect, most)
    with part.open() as file:
        reader = pyarrow.csv.open_csv(
            file,
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False,
                block_size=4 * 2**20,
                skip_rows=dialect.skip,
                column_names=dialect.names,
                encoding="utf8" if dialect.encoding in ("utf-8", "utf-8-sig") else dialect.encoding,
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=dialect.separator,
                quote_char=dialect.quote,
                escape_char=dialect.escape or False,
                double_quote=not dialect.escape,
                newlines_in_values=True,
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(dialect.names, pa.string()),
                null_values=NOTHING,
                strings_can_be_null=True,
                quoted_strings_can_be_null=dialect.all_quoted,
            ),
        )
        batches, rows = [], 0
        for batch in reader:
            batches.append(batch)
            rows += len(batch)
            if most is not None and rows >= most:
                break
    return pa.Table.from_batches(batches, reader.schema)


def _read_aligned(part: Part, dialect: Dialect, most: int | None) -> pa.Table:
    """Reads a table with any number of spaces between its columns."""
    with part.open() as file, io.TextIOWrapper(file, encoding=dialect.encoding, newline="") as text:
        rows = csv.reader(map(blanks, text), delimiter=" ", quotechar=dialect.quote, skipinitialspace=True)
        columns: list[list[str | None]] = [[] for _ in dialect.names]
        for row in rows:
            values = [value for value in row if value]
            if rows.line_num <= dialect.skip or not values:
                continue
            if len(values) != len(columns):
                raise InputError(
                    f"has {len(values)} values in line {rows.line_num}, and {len(columns)} columns: mend the line"
                )
            for column, value in zip(columns, values, strict=True):
                column.append(None if value in NOTHING else value)
            if len(columns[0]) == most:
                break
    return pa.table([pa.array(column, pa.string()) for column in columns], names=dialect.names)


def _reason(error: Exception) -> str:
    """Puts what pyarrow or csv says in a sentence: what is wrong, and in which line."""
    text = str(error).splitlines()[0].rstrip(".")
    if found := re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", text):
        line, expected, got = found.groups()
        values = "1 value" if got == "1" else f"{got} values"
        return f"has {values} in line {line}, and {expected} columns: mend the line, or delete it if it is no row of the table"
    if isinstance(error, UnicodeDecodeError) or "UTF8" in text:
        return "is no text in its encoding: name it under reading.encoding"
    return f"cannot be read as CSV: {text}; mend the file, or say under reading how it is written"


def how_it_is_written(dialect: Dialect, decimal: str) -> list[str]:
    """Says how a file was read, in parts of a sentence."""
    files = [f"{dialect.files} files"] if dialect.files > 1 else []
    if dialect.format != "CSV":
        return [dialect.format, *files]
    separator = NAMES.get(dialect.separator, "" if ord(dialect.separator) < 32 else repr(dialect.separator))
    return [
        {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "cp1252": "Windows-1252"}.get(
            dialect.encoding, dialect.encoding
        ),
        f"{separator} between the columns" if separator else "one column",
        *([f"decimal mark {decimal!r}"] if decimal else []),
        *([] if dialect.header else ["no header"]),
        *(
            [f"{dialect.skip - dialect.header} lines before the table"]
            if dialect.skip > dialect.header
            else []
        ),
        *files,
    ]


def doubts_of_dialect(dialect: Dialect, words: Iterable[str]) -> list[str]:
    """Says what may be wrong in how a file was read, and what to write then."""
    found = []
    if dialect.encoding == "cp1252":
        shown = ", ".join(repr(word) for word in words)
        found.append(
            f"The file is not UTF-8 and was read as Windows-1252{f', with words such as {shown}' if shown else ''}: if they look "
            "wrong, name the encoding under reading.encoding."
        )
    if dialect.score < UNSURE:
        found.append(
            f"It is not sure that {NAMES.get(dialect.separator, repr(dialect.separator))} separate the columns: if not, "
            "write what does under reading.separator."
        )
    if not dialect.header:
        found.append(
            f"The first row was taken for values, so the columns are {dialect.names[0]} and so on: if it holds names, write "
            "reading: {header: true}."
        )
    return found
