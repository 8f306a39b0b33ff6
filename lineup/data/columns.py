"""What each column of a table is: a number, a category, a date, or something that no model can use.

What the config says of a column holds. The rest is told by rules that were measured on 1,313 columns of 89 tables.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from lineup.data.column import Column, Marks, quoted
from lineup.data.dates import read_dates
from lineup.data.dialect import MISSING
from lineup.data.numbers import CODE, Numbers, read_numbers
from lineup.data.stored import as_time, typed_column
from lineup.data.told import as_told, decided, refuse_ambiguous, truths, words_of

# ASSUME: text with more levels, or with levels for more than this share of its values, is an identifier or free text.
MOST_LEVELS, MOST_SHARE = 200, 0.7
# ASSUME: where so many values are numbers and the others are at most so many different words, these are missing values.
MOST_NUMBERS, FEW_WORDS = 0.9, 3
FEW_CODES = 0.05
# What stands for missing in columns of numbers, and seldom is a level.
NO_LEVELS = MISSING - {"", "na", "nan", "null", "none", "nil"} | {"k.a."}
# Names that identifiers have.
IDENTIFIER = re.compile(
    r"(column_[0-9]+|unnamed.*|__index_level_[0-9]+__|#|index|key|row_?(names?|num(ber)?|id)?|(.*[-_. ])?(id|nr|no)\.?)|(?-i:.*[a-z]I[Dd])",
    re.IGNORECASE,
)


def marks_of(reading: Mapping, separator: str) -> Marks:
    """Takes what the config says of how a file is written, and what separates its columns, as what it says of numbers and dates."""
    decimal = reading.get("decimal", "")
    words = [read_numbers(pa.chunked_array([[word]]), decimal) for word in reading.get("missing", [])]
    numbers = [number for found in words if found for number in found.values.drop_null().to_pylist()]
    return Marks(decimal, reading.get("dates", "auto"), separator, tuple(map(float, numbers)))


def type_columns(table: pa.Table, told: Mapping[str, str], marks: Marks) -> tuple[list[Column], str]:
    """Decides what each column of a table of text is.

    Args:
        table: The table, of text or of any types, null where a value is missing.
        told: What the config says of columns, by name.
        marks: What it says of numbers and dates.

    Returns:
        The columns, and the decimal mark, empty where none shows it.

    Raises:
        InputError: If a value is not what the config says, or a mark may mean two things.
    """
    typed = {
        name: typed_column(name, table[name], told.get(name), marks)
        for name in table.column_names
        if not pa.types.is_string(table[name].type)
    }
    texts = {name: typed.get(name, table[name]) for name in table.column_names}
    texts = {name: text for name, text in texts.items() if isinstance(text, pa.ChunkedArray)}
    texts = {name: pc.utf8_trim_whitespace(text) for name, text in texts.items()}
    texts = {name: pc.if_else(pc.equal(text, ""), None, text) for name, text in texts.items()}
    read = {
        name: read_numbers(text, marks.decimal, marks.missing)
        for name, text in texts.items()
        if told.get(name, "number") in ("number", "weight")
    }
    shown = {found.decimal for found in read.values() if found and found.decimal and _is_number(found)}
    if not marks.decimal and len(shown) == 1:
        marks = replace(marks, decimal=shown.pop())
    columns = []
    for name in table.column_names:
        if name not in texts:
            column = _stored(name, typed[name], told.get(name))
        else:
            text, numbers = texts[name], read.get(name)
            if numbers and numbers.ambiguous:
                numbers = decided(name, numbers, text, marks)
            column = (
                as_told(name, told[name], text, numbers, marks)
                if name in told
                else _inferred(name, text, numbers, marks)
            )
        if told.get(name) in ("time", "order"):
            columns.append(as_time(column))
        if told.get(name) != "order":
            columns.append(column)
    return [_without_shared_words(column, texts) for column in columns], marks.decimal


def _without_shared_words(column: Column, texts: Mapping[str, pa.ChunkedArray]) -> Column:
    """Takes back the advice to name a word as missing if it is a value of another column, where it would be missing, too."""
    for word in column.words:
        if any(name != column.name and pc.any(pc.equal(text, word)).as_py() for name, text in texts.items()):
            doubt = column.doubt.replace(
                "if that is right, add it to reading.missing, else", "if that is wrong,"
            )
            return replace(column, words=(), shared=column.words, doubt=doubt)
    return column


def _stored(name: str, found: Column | Numbers, told: str | None) -> Column:
    """Decides what a column is whose type says it, but for numbers that only number the rows."""
    is_column = isinstance(found, Column)
    if not told and (not is_column or found.is_used) and found.values.null_count == len(found.values):
        return Column(name, "empty", found.values, "no value")
    if not is_column:
        if not told:
            return _number(name, found)
        found = Column(name, "number" if told in ("time", "order") else told, found.values, "as told")
    return found


def _is_number(numbers: Numbers | None) -> bool:
    """Tells whether a column is one of numbers, with few words among them."""
    if numbers is None:
        return False
    count = len(numbers.values) - numbers.values.null_count
    others = sum(numbers.words.values())
    return count > 0 and len(numbers.words) <= FEW_WORDS and count >= MOST_NUMBERS * (count + others)


def _inferred(name: str, text: pa.ChunkedArray, numbers: Numbers | None, marks: Marks) -> Column:
    """Decides what a column is that the config says nothing of."""
    if _is_number(numbers):
        return _number(name, numbers)
    count = len(text) - text.null_count
    if count == 0:
        return Column(name, "empty", text, "no value")
    dates = read_dates(words_of(text), marks.dates)
    if dates:
        refuse_ambiguous(name, dates)
        doubt = _words_in_doubt(name, dates.words, "dates", "category")
        return Column(name, "date", dates.values, "dates", doubt, tuple(dates.words), order=dates.order)
    levels = pc.unique(text.drop_null())
    if {level.lower() for level in levels[:7].to_pylist()} <= {"true", "false"}:
        return Column(name, "boolean", truths(name, text), "true and false")
    if len(levels) > MOST_LEVELS or len(levels) > max(2, MOST_SHARE * count):
        kind = "identifier" if len(levels) == count else "text"
        doubt = (
            f"Column {name!r} is left out: it has {len(levels)} different values in {count} rows. If it is a factor, write "
            f"columns: {{{quoted(name)}: category}}."
        )
        if 2 * len(levels) <= count:
            doubt += (
                f" If it says which rows belong together, as those of a person, write columns: {{{quoted(name)}: group}}, so that "
                "these are on one side of each split."
            )
        doubt = " ".join([doubt, *_numbers_in_doubt(name, text.drop_null(), numbers)])
        return Column(name, kind, text, f"{len(levels)} different values in {count} rows", doubt)
    doubt = _numbers_in_doubt(name, text.drop_null(), numbers)
    doubt += [
        f"Column {name!r} has the level {level!r}, in {pc.sum(pc.equal(text, level)).as_py()} rows: if it is a missing value, add it "
        "to reading.missing."
        for level in levels.to_pylist()
        if level.lower() in NO_LEVELS
    ]
    return Column(name, "category", text, f"{len(levels)} levels", " ".join(doubt))


def _numbers_in_doubt(name: str, given: pa.ChunkedArray, numbers: Numbers | None) -> list[str]:
    """Says that a column of text may be one of numbers: half of its values are, or all but for a few with a 0 in front."""
    if numbers is not None:
        found = len(numbers.values) - numbers.values.null_count
        if found < 0.5 * len(given):
            return []
        return [
            f"Column {name!r} is text with {found} numbers among its {len(given)} values: if these are numbers, correct the others, "
            "or add them to reading.missing."
        ]
    codes = pc.match_substring_regex(given, CODE)
    plain = pc.sum(pc.match_substring_regex(given, r"^[+-]?[0-9]+([.,][0-9]*)?$")).as_py()
    # ASSUME: codes that begin with 0 are more than a few of those that there are.
    if plain < MOST_NUMBERS * len(given) or pc.sum(codes).as_py() > FEW_CODES * len(given):
        return []
    code = given.filter(codes)
    return (
        [
            f"Column {name!r} is text, since it holds {code[0].as_py()!r}, as codes are written: if it is a number, write columns: "
            f"{{{quoted(name)}: number}}."
        ]
        if len(code)
        else []
    )


def _number(name: str, numbers: Numbers) -> Column:
    """Takes a column as one of numbers, unless they only number the rows."""
    values = numbers.values
    doubt = _words_in_doubt(name, numbers.words, "numbers", "category")
    reason = "numbers" if pa.types.is_floating(values.type) else "whole numbers"
    reason += f", without {numbers.unit}" if numbers.unit else ""
    if len(numbers.unit) > 1:
        doubt += " " if doubt else ""
        doubt += f"Column {name!r} holds numbers with {' and with '.join(numbers.unit)}, which count as if they were of one unit: write all in one."
    given = values.drop_null()
    if pa.types.is_integer(values.type) and len(given) > 2:
        different = pc.count_distinct(given).as_py()
        ends = pc.min_max(given)
        dense = different == len(given) and ends["max"].as_py() - ends["min"].as_py() + 1 <= 1.1 * len(given)
        named = bool(IDENTIFIER.fullmatch(name))
        made_up = name.startswith("column_")
        if named and (dense or (different > 0.5 * len(given) and not made_up)):
            return Column(
                name,
                "identifier",
                values,
                f"{different} different whole numbers, and a name that identifiers have",
                f"Column {name!r} is left out, as an identifier: {different} of its {len(given)} whole numbers are different. "
                f"If it is a number, write columns: {{{quoted(name)}: number}}.",
            )
        if pc.all(
            pc.match_substring_regex(
                pc.cast(given, pa.string()), r"^(19|20)[0-9]{2}(0[1-9]|1[0-2])([0-2][0-9]|3[01])$"
            )
        ).as_py():
            doubt += " " if doubt else ""
            doubt += f"Column {name!r} holds numbers such as {given[0].as_py()}, which look like dates: write them as 2024-05-03."
        if dense and len(given) >= 10:
            doubt += " " if doubt else ""
            doubt += (
                f"Column {name!r} numbers the rows, as an identifier does: to leave it out, write columns: "
                f"{{{quoted(name)}: ignore}}."
            )
    return Column(name, "number", values, reason, doubt, tuple(numbers.words), unit=numbers.unit)


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
