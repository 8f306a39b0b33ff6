"""Dates as people write them: 2024-05-03, 3.5.2024, 5/3/2024, 3 May 2024."""

import calendar
import datetime
import re
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

TIME = r"([ T](?P<h>[0-9]{1,2}):(?P<m>[0-9]{2})(:(?P<s>[0-9]{2})([.,][0-9]+)?)? ?(?P<half>[AaPp][Mm])?(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?)?"
YEAR_FIRST = re.compile(
    rf"(?P<a>[0-9]{{4}})(?P<mark>[-/.])(?P<b>[0-9]{{1,2}})(?P=mark)(?P<c>[0-9]{{1,2}}){TIME}"
)
YEAR_MONTH = re.compile(r"(?P<a>[0-9]{4})-(?P<b>[0-9]{2})(?P<c>)")
# Of years of two digits, only those in a date of six: others may be versions, or begin with the year.
YEAR_LAST = re.compile(
    rf"(?P<a>[0-9]{{1,2}})(?P<mark>[-/.])(?P<b>[0-9]{{1,2}})(?P=mark)(?P<c>[0-9]{{4}}){TIME}"
    rf"|(?P<a2>[0-9]{{2}})(?P<mark2>[/.])(?P<b2>[0-9]{{2}})(?P=mark2)(?P<c2>[0-9]{{2}})"
)
NAMED = re.compile(rf"(?P<a>[0-9]{{1,2}})[-. /]*(?P<b>[A-Za-z]{{3,9}})[-., /]*(?P<c>[0-9]{{4}}){TIME}")
MONTH_NAMED = re.compile(rf"(?P<b>[A-Za-z]{{3,9}})\.? (?P<a>[0-9]{{1,2}}),? (?P<c>[0-9]{{4}}){TIME}")
MONTHS = {
    name.lower(): place
    for names in (calendar.month_abbr, calendar.month_name)
    for place, name in enumerate(names)
    if name
}
# ASSUME: a date in another year is none, or one that stands for missing.
YEARS = range(1600, 2200)

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
    order: str = ""  # day_first or month_first, where the year stands last


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
    if all(
        one is None or (one.re is YEAR_MONTH and int(one["b"]) == (int(one["a"]) + 1) % 100) for one in found
    ):
        return (
            None if not told else Dates(_none(values), dict(zip(texts, _counts(coded), strict=True)))
        )  # seasons, such as 2001-02
    last = [one for one in found if one and one.re is YEAR_LAST]
    parts = [(int(one["a"] or one["a2"]), int(one["b"] or one["b2"])) for one in last]
    if order == "auto" and last:
        day, month = any(first > 12 for first, _ in parts), any(second > 12 for _, second in parts)
        dotted = any("." in (one["mark"], one["mark2"]) for one in last)
        if (day and month) or (
            not day and not month and not dotted and any(first != second for first, second in parts)
        ):
            ambiguous = next(
                one[0]
                for one, (first, second) in zip(last, parts, strict=True)
                if (first != second and max(first, second) < 13) or (day and month)
            )
            return Dates(_none(values), ambiguous=ambiguous)
        order = "month_first" if month else "day_first"
    dates = [_date(one, order) if one else None for one in found]
    counts = dict(zip(texts, _counts(coded), strict=True))
    words = {text: counts[text] for text, date in zip(texts, dates, strict=True) if date is None}
    total = sum(counts.values())
    if not told and sum(words.values()) > (1 - ENOUGH) * total:
        return None
    array = pa.array(dates, pa.timestamp("s"))
    taken = pa.chunked_array([pc.take(array, coded.indices)])
    with_time = any(date.time() != datetime.time() for date in dates if date)
    return Dates(taken, words, with_time=with_time, order=order if last else "")


def _counts(coded: pa.DictionaryArray) -> list[int]:
    counted = pc.value_counts(coded.indices.drop_null())
    by_place = dict(
        zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)
    )
    return [by_place.get(place, 0) for place in range(len(coded.dictionary))]


def _none(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(pc.if_else(True, None, values), pa.timestamp("s"))


def _match(text: str) -> re.Match | None:
    for pattern in (YEAR_FIRST, YEAR_MONTH, YEAR_LAST, NAMED, MONTH_NAMED):
        if found := pattern.fullmatch(text):
            return found
    return None


def _date(found: re.Match, order: str) -> datetime.datetime | None:
    """Makes a date of what was matched, in UTC where a zone stands there; None if there is no such day."""
    parts = found.groupdict()
    first, second, third = (parts[part] or parts.get(f"{part}2") or "1" for part in "abc")
    if found.re in (YEAR_FIRST, YEAR_MONTH):
        year, month, day = int(first), int(second), int(third)
    elif found.re is YEAR_LAST:
        day, month = (int(first), int(second)) if order == "day_first" else (int(second), int(first))
        year = int(third)
        # As POSIX has it.
        year += (1900 if year >= 69 else 2000) if len(third) == 2 else 0
    else:
        day, month, year = int(first), MONTHS.get(second.lower(), 0), int(third)
    hour, minute, seconds = (int(parts.get(part) or 0) for part in "hms")
    half, zone = (parts.get("half") or "").lower(), parts.get("zone") or "Z"
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    try:
        moment = datetime.datetime(year, month, day, hour, minute, seconds)
    except ValueError:
        return None
    if zone != "Z":
        offset = int(zone[1:3]) * 60 + int(zone[-2:])
        moment -= datetime.timedelta(minutes=offset if zone[0] == "+" else -offset)
    return moment if year in YEARS else None
