"""Reads a table from a file as text, however it is written."""

import csv
import io
import lzma
import re
import zlib
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from lineup.data.dialect import NOTHING, UNSURE, Dialect, blanks
from lineup.data.encoding import find_encoding
from lineup.data.header import dialect_of, open_unpacked
from lineup.errors import InputError

NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces", ":": "colons"}


def read_text(path: str | Path, told: dict, most: int | None = None) -> tuple[pa.Table, Dialect]:
    """Reads a table as text.

    Args:
        path: The file.
        told: What the config says of how it is written, see ``find_dialect``, and under ``missing`` of missing values.
        most: How many rows to read, about; all if nothing is said.

    Returns:
        The table, with null where a value is missing, and how it is written.

    Raises:
        InputError: If the file is no such table. The sentence begins with what is wrong, for the caller to name the file.
    """
    try:
        dialect = dialect_of(path, told)
        repeated = sorted({name for name in dialect.names if dialect.names.count(name) > 1})
        if repeated:
            raise InputError(f"has more than one column named {repeated[0]!r}: rename all but one")
        try:
            table = _read(path, dialect, most)
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            if "encoding" in told or not (isinstance(error, UnicodeDecodeError) or "UTF8" in str(error)):
                raise
            # The first letter outside ASCII stands behind the sample.
            with open_unpacked(path) as file:
                dialect = dialect_of(path, told | {"encoding": find_encoding(file.read())})
            table = _read(path, dialect, most)
    except (pa.ArrowInvalid, UnicodeDecodeError, csv.Error) as error:
        raise InputError(_reason(error)) from error
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise InputError(f"cannot be unpacked: {error}") from error
    if not table.num_rows:
        raise InputError("has no row below its header: name another file")
    missing = pa.array(told.get("missing", []), pa.string())
    if len(missing):
        columns = [
            pc.if_else(
                pc.is_in(pc.utf8_trim_whitespace(column), missing), pa.scalar(None, pa.string()), column
            )
            for column in table.columns
        ]
        table = pa.table(columns, names=table.column_names)
    return table, dialect


def _read(path: str | Path, dialect: Dialect, most: int | None) -> pa.Table:
    if dialect.separator == " ":
        return _read_aligned(path, dialect, most)
    with open_unpacked(path) as file:
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


def _read_aligned(path: str | Path, dialect: Dialect, most: int | None) -> pa.Table:
    """Reads a table with any number of spaces between its columns."""
    with open_unpacked(path) as file, io.TextIOWrapper(file, encoding=dialect.encoding, newline="") as text:
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
        return f"has {got} values in line {line}, and {expected} columns: mend the line"
    if isinstance(error, UnicodeDecodeError) or "UTF8" in text:
        return "is no text in its encoding: name it under reading.encoding"
    return f"cannot be read as CSV: {text}; mend the file, or say under reading how it is written"


def how_it_is_written(dialect: Dialect, decimal: str) -> list[str]:
    """Says how a file was read, in parts of a sentence."""
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
