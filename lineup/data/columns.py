"""What each column of a table is: a number, a category, a date, or something that no model can use.

What the config says of a column holds. The rest is told by rules that were measured on 1,313 columns of 89 tables.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from lineup.data.dates import Dates, read_dates
from lineup.data.numbers import Numbers, read_numbers
from lineup.errors import InputError

# ASSUME: text with more levels, or with levels for more than this share of its values, is an identifier or free text.
MOST_LEVELS, MOST_SHARE = 200, 0.7
# ASSUME: where so many values are numbers and the others are at most so many different words, these are missing values.
MOST_NUMBERS, FEW_WORDS = 0.9, 3
# Names that identifiers have.
IDENTIFIER = re.compile(
    r"(column_[0-9]+|unnamed.*|#|index|key|row_?(names?|num(ber)?|id)?|(.*[-_. ])?(id|nr|no)\.?)|(?-i:.*[a-z]I[Dd])",
    re.IGNORECASE,
)


USED = {"number", "category", "date", "boolean"}  # what becomes a feature
ROLES = ("group", "time", "split")  # what says how the rows are split


@dataclass(frozen=True)
class Column:
    """A column of a table of n rows, with what was decided about it."""

    name: str
    kind: str  # number, category, date, boolean; or what is left out: identifier, text, empty, ignore
    values: pa.ChunkedArray  # length n; null where missing
    reason: str = ""  # why it is of this kind, in words
    doubt: str = ""  # what may be wrong, and what to write then, as a sentence; empty if all is clear
    words: tuple[str, ...] = ()  # what counts as missing in it beside what always does

    @property
    def is_used(self) -> bool:
        """Whether models see it."""
        return self.kind in USED

    @property
    def is_role(self) -> bool:
        """Whether it says how the rows are split."""
        return self.kind in ROLES

    def only(self, kept: pa.ChunkedArray) -> "Column":
        """Gives the column with some of its rows."""
        return replace(self, values=self.values.filter(kept))


@dataclass(frozen=True)
class Marks:
    """What a file as a whole says of its numbers and dates."""

    decimal: str = ""  # the decimal mark, where it is known
    dates: str = "auto"  # or day_first, or month_first
    separator: str = ","


def type_columns(table: pa.Table, told: Mapping[str, str], marks: Marks) -> tuple[list[Column], str]:
    """Decides what each column of a table of text is.

    Args:
        table: The table, all of it text, null where a value is missing.
        told: What the config says of columns, by name.
        marks: What it says of numbers and dates.

    Returns:
        The columns, and the decimal mark, empty where none shows it.

    Raises:
        InputError: If a value is not what the config says, or a mark may mean two things.
    """
    texts = {name: pc.utf8_trim_whitespace(table[name]) for name in table.column_names}
    texts = {name: pc.if_else(pc.equal(text, ""), None, text) for name, text in texts.items()}
    read = {
        name: read_numbers(text, marks.decimal)
        for name, text in texts.items()
        if told.get(name, "number") == "number"
    }
    shown = {found.decimal for found in read.values() if found and found.decimal and _is_number(found)}
    if not marks.decimal and len(shown) == 1:
        marks = replace(marks, decimal=shown.pop())
    columns = []
    for name, text in texts.items():
        numbers = read.get(name)
        if numbers and numbers.ambiguous:
            numbers = _decided(name, numbers, text, marks)
        columns.append(
            _told(name, told[name], text, numbers, marks)
            if name in told
            else _inferred(name, text, numbers, marks)
        )
    return columns, marks.decimal


def _decided(name: str, numbers: Numbers, text: pa.ChunkedArray, marks: Marks) -> Numbers | None:
    """Reads again the numbers whose mark may be either, by the mark of the rest of the file."""
    if marks.decimal:
        return read_numbers(text, marks.decimal)
    if "." in numbers.ambiguous and marks.separator == ",":
        return numbers  # a point in a file of commas
    raise InputError(
        f"holds {numbers.ambiguous!r} in column {name!r}, which may be a number of thousands or one with three "
        "decimals: write '.' or ',' under reading.decimal, whichever is the decimal mark"
    )


def _is_number(numbers: Numbers | None) -> bool:
    """Tells whether a column is one of numbers, with few words among them."""
    if numbers is None:
        return False
    count = len(numbers.values) - numbers.values.null_count
    others = sum(numbers.words.values())
    return count > 0 and len(numbers.words) <= FEW_WORDS and count >= MOST_NUMBERS * (count + others)


def _told(name: str, kind: str, text: pa.ChunkedArray, numbers: Numbers | None, marks: Marks) -> Column:
    """Reads a column as the config says."""
    if kind == "number":
        # Codes such as 007 are numbers where a person says so.
        numbers = numbers or read_numbers(
            pc.replace_substring_regex(text, r"^([+-]?)0+([0-9])", r"\1\2"), marks.decimal
        )
        if numbers is None or numbers.words:
            word = next(iter(numbers.words)) if numbers else text.drop_null()[0].as_py()
            row = pc.index(text, word).as_py() + 1
            raise InputError(
                f"holds {word!r} in column {name!r}, row {row}, which has to be a number: correct it, leave it empty, or add "
                "the word to reading.missing"
            )
        return Column(name, kind, numbers.values, "as told")
    if kind == "date":
        dates = read_dates(text, marks.dates, told=True)
        _refuse_ambiguous(name, dates)
        if dates.words:
            word = next(iter(dates.words))
            raise InputError(
                f"holds {word!r} in column {name!r}, row {pc.index(text, word).as_py() + 1}, which has to be a date: correct "
                "it, leave it empty, or add the word to reading.missing"
            )
        return Column(name, kind, dates.values, "as told")
    if kind == "boolean":
        return Column(name, kind, _truths(name, _words(text)), "as told")
    if kind == "time":
        return _time(name, text, numbers, marks)
    return Column(name, kind, _words(text), "as told")


def _time(name: str, text: pa.ChunkedArray, numbers: Numbers | None, marks: Marks) -> Column:
    """Reads a column of times: dates, or numbers such as years."""
    numbers = numbers or read_numbers(text, marks.decimal)
    if numbers and not numbers.words and not numbers.ambiguous:
        return Column(name, "time", pc.cast(numbers.values, pa.float64()), "as told")
    dates = _told(name, "date", text, None, marks)
    return replace(dates, kind="time", values=pc.cast(pc.cast(dates.values, pa.int64()), pa.float64()))


def _truths(name: str, words: pa.ChunkedArray) -> pa.ChunkedArray:
    """Reads true and false, in any case."""
    lower = pc.utf8_lower(words)
    others = words.filter(pc.invert(pc.is_in(lower, pa.array(["true", "false"])))).drop_null()
    if len(others):
        row = pc.index(words, others[0]).as_py() + 1
        raise InputError(
            f"holds {others[0].as_py()!r} in column {name!r}, row {row}, which has to be true or false: correct it"
        )
    return pc.equal(lower, "true")


def _refuse_ambiguous(name: str, dates: Dates) -> None:
    if dates.ambiguous:
        raise InputError(
            f"holds {dates.ambiguous!r} in column {name!r}, whose day and month may be meant either way: write day_first or "
            "month_first under reading.dates"
        )


def _words(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Gives text whose missing values are those of text: NA is one, none is a level that people use."""
    missing = pa.array(["NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null"])
    return pc.if_else(pc.is_in(text, missing), pa.scalar(None, pa.string()), text)


def _inferred(name: str, text: pa.ChunkedArray, numbers: Numbers | None, marks: Marks) -> Column:
    """Decides what a column is that the config says nothing of."""
    if _is_number(numbers):
        return _number(name, text, numbers)
    words = _words(text)
    count = len(words) - words.null_count
    if count == 0:
        return Column(name, "empty", words, "no value")
    dates = read_dates(words, marks.dates)
    if dates:
        _refuse_ambiguous(name, dates)
        doubt = _words_in_doubt(name, dates.words, "dates", "category")
        return Column(name, "date", dates.values, "dates", doubt, tuple(dates.words))
    levels = pc.unique(words.drop_null())
    if {level.lower() for level in levels[:7].to_pylist()} <= {"true", "false"}:
        return Column(name, "boolean", _truths(name, words), "true and false")
    if len(levels) > MOST_LEVELS or len(levels) > max(2, MOST_SHARE * count):
        kind = "identifier" if len(levels) == count else "text"
        return Column(
            name,
            kind,
            words,
            f"{len(levels)} different values in {count} rows",
            f"Column {name!r} is left out: it has {len(levels)} different values in {count} rows. If it is a factor, write "
            f"columns: {{{quoted(name)}: category}}.",
        )
    reason, doubt = f"{len(levels)} levels", ""
    if (
        numbers is not None
        and count
        and (found := len(numbers.values) - numbers.values.null_count) >= 0.5 * count
    ):
        doubt = (
            f"Column {name!r} is text with {found} numbers among its {count} values: if these are numbers, correct the others, "
            "or add them to reading.missing."
        )
    return Column(name, "category", words, reason, doubt)


def _number(name: str, text: pa.ChunkedArray, numbers: Numbers) -> Column:
    """Takes a column as one of numbers, unless they only number the rows."""
    values = numbers.values
    doubt = _words_in_doubt(name, numbers.words, "numbers", "category")
    reason = "numbers" if pa.types.is_floating(values.type) else "whole numbers"
    reason += f", without {numbers.unit}" if numbers.unit else ""
    given = values.drop_null()
    if pa.types.is_integer(values.type) and len(given) > 2:
        different = pc.count_distinct(given).as_py()
        ends = pc.min_max(given)
        dense = different == len(given) and ends["max"].as_py() - ends["min"].as_py() + 1 <= 1.1 * len(given)
        named = bool(IDENTIFIER.fullmatch(name))
        if named and (dense or different > 0.5 * len(given)):
            return Column(
                name,
                "identifier",
                values,
                f"{different} different whole numbers, and a name that identifiers have",
                f"Column {name!r} is left out, as an identifier: {different} of its {len(given)} whole numbers are different. "
                f"If it is a number, write columns: {{{quoted(name)}: number}}.",
            )
        if dense and len(given) >= 10:
            doubt += " " if doubt else ""
            doubt += (
                f"Column {name!r} numbers the rows, as an identifier does: to leave it out, write columns: "
                f"{{{quoted(name)}: ignore}}."
            )
    return Column(name, "number", values, reason, doubt, tuple(numbers.words))


def _words_in_doubt(name: str, words: dict[str, int], what: str, other: str) -> str:
    """Says which words count as missing in a column of numbers or dates."""
    if not words:
        return ""
    shown = ", ".join(repr(word) for word in list(words)[:3])
    count = sum(words.values())
    return (
        f"In column {name!r}, of {what}, {shown} {'counts' if count == 1 else f'count in {count} rows'} as missing: if that is right, "
        f"add it to reading.missing, else write columns: {{{quoted(name)}: {other}}}."
    )


def quoted(name: str) -> str:
    """Writes a name as a key of YAML."""
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", name) and name.lower() not in (
        "y", "n", "yes", "no", "on", "off", "true", "false", "null",
    )  # fmt: skip
    return name if plain else "'" + name.replace("'", "''") + "'"
