"""Reads columns as the config says that they are."""

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from lineup.data.column import Column, Marks
from lineup.data.dates import Dates, read_dates
from lineup.data.dialect import NOTHING
from lineup.data.numbers import CODE, TOO_LONG, Numbers, read_numbers
from lineup.errors import InputError

ZEROS = r"^([+-]?)0+([0-9])", r"\1\2"  # in front of a number, and what takes their place


def decided(name: str, numbers: Numbers, text: pa.ChunkedArray, marks: Marks) -> Numbers | None:
    """Reads again the numbers whose mark may be either, by the mark of the rest of the file."""
    decimal = marks.decimal
    if not decimal and "." in numbers.ambiguous and marks.separator == ",":
        decimal = "."  # a point in a file of commas
    if decimal:
        decided = read_numbers(text, decimal, marks.missing)
        return decided and replace(decided, ambiguous="")
    raise InputError(
        f"holds {numbers.ambiguous!r} in column {name!r}, which may be a number of thousands or one with three "
        "decimals: write '.' or ',' under reading.decimal, whichever is the decimal mark"
    )


def as_told(name: str, kind: str, text: pa.ChunkedArray, numbers: Numbers | None, marks: Marks) -> Column:
    """Reads a column as the config says."""
    if kind in ("number", "weight"):
        # Codes such as 007 are numbers where a person says so.
        numbers = numbers or read_numbers(
            pc.replace_substring_regex(text, *ZEROS), marks.decimal, marks.missing
        )
        if numbers is None or numbers.words:
            stripped = pc.replace_substring_regex(text, *ZEROS)
            wrong = (
                pc.is_in(stripped, pa.array(list(numbers.words)))
                if numbers
                else pc.match_substring_regex(stripped, f"{CODE}|{TOO_LONG}")
            )
            row = pc.index(pc.fill_null(wrong, False), True).as_py() + 1
            word = text[row - 1].as_py()
            raise InputError(
                f"holds {word!r} in column {name!r}, row {row}, which has to be a number: correct it, leave it empty, or add "
                "the word to reading.missing"
            )
        return Column(name, kind, numbers.values, "as told", unit=numbers.unit)
    if kind == "date":
        text = words_of(text)
        dates = read_dates(text, marks.dates, told=True)
        refuse_ambiguous(name, dates)
        if dates.words:
            word = next(iter(dates.words))
            raise InputError(
                f"holds {word!r} in column {name!r}, row {pc.index(text, word).as_py() + 1}, which has to be a date: correct "
                "it, leave it empty, or add the word to reading.missing"
            )
        return Column(name, kind, dates.values, "as told", order=dates.order)
    if kind == "boolean":
        return Column(name, kind, truths(name, words_of(text)), "as told")
    if kind in ("time", "order"):
        return _time(name, text, numbers, marks)
    return Column(name, kind, text, "as told")


def _time(name: str, text: pa.ChunkedArray, numbers: Numbers | None, marks: Marks) -> Column:
    """Reads a column of times: dates, or numbers such as years."""
    numbers = numbers or read_numbers(text, marks.decimal, marks.missing)
    if numbers and numbers.ambiguous:
        numbers = decided(name, numbers, text, marks)
    given = text.drop_null()
    if len(given) and pc.all(pc.match_substring_regex(given, r"^[12][0-9]{3}\.(0?[1-9]|1[0-2])$")).as_py():
        raise InputError(
            f"holds {given[0].as_py()!r} in column {name!r}, which looks like a month: write it as 2020-01"
        )
    if numbers and not numbers.words and not numbers.ambiguous:
        return Column(name, "number", numbers.values, "as told")
    return as_told(name, "date", text, None, marks)


def truths(name: str, words: pa.ChunkedArray) -> pa.ChunkedArray:
    """Reads true and false, in any case."""
    lower = pc.utf8_lower(words)
    others = words.filter(pc.invert(pc.is_in(lower, pa.array(["true", "false"])))).drop_null()
    if len(others):
        row = pc.index(words, others[0]).as_py() + 1
        raise InputError(
            f"holds {others[0].as_py()!r} in column {name!r}, row {row}, which has to be true or false: correct it"
        )
    return pc.equal(lower, "true")


def refuse_ambiguous(name: str, dates: Dates) -> None:
    """Raises an InputError if day and month of a column may be meant either way."""
    if dates.ambiguous:
        raise InputError(
            f"holds {dates.ambiguous!r} in column {name!r}, whose day and month may be meant either way: write day_first or "
            "month_first under reading.dates"
        )


def words_of(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Gives text in which a word for missing is missing, though it stands in quotes: it is no date, and neither true nor false."""
    return pc.if_else(pc.is_in(text, pa.array(NOTHING)), pa.scalar(None, pa.string()), text)
