"""Dates as people write them: 2024-05-03, 3.5.2024, 5/3/2024, 3 May 2024."""

import datetime
import re
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

TIME = r"([ T]([0-9]{1,2}):([0-9]{2})(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
YEAR_FIRST = re.compile(
    rf"(?P<a>[0-9]{{4}})(?P<mark>[-/.])(?P<b>[0-9]{{1,2}})((?P=mark)(?P<c>[0-9]{{1,2}}))?{TIME}"
)
YEAR_LAST = re.compile(
    rf"(?P<a>[0-9]{{1,2}})(?P<mark>[-/.])(?P<b>[0-9]{{1,2}})(?P=mark)(?P<c>[0-9]{{4}}|[0-9]{{2}}){TIME}"
)
NAMED = re.compile(rf"(?P<a>[0-9]{{1,2}})[-. /]*(?P<b>[A-Za-z]{{3,9}})[-., /]*(?P<c>[0-9]{{4}}){TIME}")
MONTH_NAMED = re.compile(rf"(?P<b>[A-Za-z]{{3,9}})\.? (?P<a>[0-9]{{1,2}}),? (?P<c>[0-9]{{4}}){TIME}")
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

# ASSUME: of a column of dates so many may be something else, which then counts as missing.
ENOUGH = 0.95


@dataclass
class Dates:
    """A column read as dates."""

    values: pa.ChunkedArray  # timestamp[s], null where there is none
    words: dict[str, int] = field(default_factory=dict)  # what is no date, and how often
    ambiguous: str = (
        ""  # a value whose day and month may be meant the other way round, where the column does not decide
    )
    with_time: bool = False  # whether the time of the day stands there


def read_dates(values: pa.ChunkedArray, order: str, told: bool = False) -> Dates | None:
    """Reads a column of text as dates, all in one order.

    Args:
        values: The text, without spaces around it, null where it is missing.
        order: ``day_first`` or ``month_first`` where the year stands last; ``auto`` if the column is to show it.
        told: Whether it is one of dates, however few of its values are.

    Returns:
        The dates, or None if it is no such column.
    """
    sample = pc.unique(values.drop_null().slice(0, 1000)).to_pylist()
    if not told and (not sample or sum(_match(text) is not None for text in sample) < 0.5 * len(sample)):
        return None
    coded = values.combine_chunks().dictionary_encode()
    texts = coded.dictionary.to_pylist()
    found = [_match(text) for text in texts]
    last = [(int(one["a"]), int(one["b"])) for one in found if one and one.re is YEAR_LAST]
    dotted = any(one["mark"] == "." for one in found if one and one.re is YEAR_LAST)
    if order == "auto" and last:
        day, month = any(first > 12 for first, _ in last), any(second > 12 for _, second in last)
        if not day and not month and not dotted and any(first != second for first, second in last):
            ambiguous = next(one[0] for one in found if one and one.re is YEAR_LAST and one["a"] != one["b"])
            return Dates(pc.cast(pc.if_else(True, None, values), pa.timestamp("s")), ambiguous=ambiguous)
        order = "month_first" if month and not day else "day_first"
    dates = [_date(one, order) if one else None for one in found]
    counts = dict(zip(texts, _counts(coded), strict=True))
    words = {text: counts[text] for text, date in zip(texts, dates, strict=True) if date is None}
    total = sum(counts.values())
    if not told and sum(words.values()) > (1 - ENOUGH) * total:
        return None
    array = pa.array(dates, pa.timestamp("s"))
    taken = pa.chunked_array([pc.take(array, coded.indices)])
    return Dates(taken, words, with_time=any(date.time() != datetime.time() for date in dates if date))


def _counts(coded: pa.DictionaryArray) -> list[int]:
    counted = pc.value_counts(coded.indices.drop_null())
    by_place = dict(
        zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)
    )
    return [by_place.get(place, 0) for place in range(len(coded.dictionary))]


def _match(text: str) -> re.Match | None:
    for pattern in (YEAR_FIRST, YEAR_LAST, NAMED, MONTH_NAMED):
        if found := pattern.fullmatch(text):
            return found
    return None


def _date(found: re.Match, order: str) -> datetime.datetime | None:
    """Makes a date of what was matched; None if there is no such day."""
    first, second, third = found["a"], found["b"], found["c"]
    if found.re is YEAR_FIRST:
        year, month, day = int(first), int(second), int(third or 1)
    elif found.re is YEAR_LAST:
        day, month = (int(first), int(second)) if order == "day_first" else (int(second), int(first))
        year = int(third)
        # As POSIX has it.
        year += (1900 if year >= 69 else 2000) if len(third) == 2 else 0
    else:
        short = second[:3].lower()
        day, month, year = int(first), MONTHS.index(short) + 1 if short in MONTHS else 0, int(third)
    hour, minute = re.search(r"[ T]([0-9]{1,2}):([0-9]{2})", found[0]).groups() if ":" in found[0] else (0, 0)
    try:
        return datetime.datetime(year, month, day, int(hour), int(minute))
    except ValueError:
        return None
