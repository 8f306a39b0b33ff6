"""Codes the columns of a table as numbers, as every model sees them."""

import calendar
from itertools import chain, count

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lineup.data.column import Column
from lineup.data.features import DAYS, factor_of, is_pooled
from lineup.errors import InputError

MISSING = "1 where it is missing, else 0"
RARE = "1 for levels with fewer than {} training rows, else 0"

Coded = list[tuple[dict, pa.ChunkedArray]]  # for each feature, its description for the schema and its values


def code_column(column: Column) -> Coded:
    """Codes a column: numbers as they are, a category as one 0/1 column a level but the first, a date by its parts.

    What is missing stays missing in all that is made of the column.
    """
    if column.kind == "number":
        power = power_of_ten(column.values)
        if power:
            values = pc.divide(pc.cast(column.values, pa.float64()), 10.0**power)
            coding = f"number, divided by 1e{power}"
            return [_feature(f"{column.name} / 1e{power}", values, column, coding, power=power)]
        return [_feature(column.name, column.values, column, "number")]
    if column.kind == "boolean":
        return [
            _feature(
                column.name, pc.cast(column.values, pa.int8()), column, "true is 1, false is 0", level="true"
            )
        ]
    if column.kind == "date":
        return _code_date(column)
    return _code_levels(
        column,
        column.name,
        column.values,
        sorted(pc.unique(column.values.drop_null()).to_pylist(), key=rank),
    )


def _feature(
    name: str, values: pa.ChunkedArray, column: Column, coding: str, **more: object
) -> tuple[dict, pa.ChunkedArray]:
    return {"name": name, "column": column.name, "coding": coding} | more, values


def _code_levels(column: Column, name: str, values: pa.ChunkedArray, levels: list[str]) -> Coded:
    """Codes levels; the first is the baseline, as in R and in the book."""
    return [
        _feature(
            f"{name}[{level}]",
            pc.cast(pc.equal(values, level), pa.int8()),
            column,
            "1 for the level, else 0",
            level=level,
            baseline=levels[0],
        )
        for level in levels[1:]
    ]


def rank(level: str) -> tuple:
    """Ranks levels alphabetically, and those that are whole numbers by their size."""
    return (0, int(level), level) if level.isascii() and level.isdigit() else (1, 0, level)


def _code_date(column: Column) -> Coded:
    """Codes a date by the days since 1970, its year, month and weekday, and the hour if it has one."""
    parts, coded = _parts_of_date(column.values), []
    for part, coding in (("days", DAYS), ("year", "year")):
        coded.append(_feature(f"{column.name}.{part}", parts[part], column, coding))
    # ASSUME: what comes back each year or week is a category, since its effect need not rise from first to last.
    for part, names in (("month", calendar.month_abbr), ("weekday", calendar.day_abbr)):
        present = set(pc.unique(parts[part].drop_null()).to_pylist())
        levels = [name for name in names if name in present]
        coded += _code_levels(column, f"{column.name}.{part}", parts[part], levels)
    coded.append(_feature(f"{column.name}.hour", parts["hour"], column, "hours since midnight"))
    return [(about, values) for about, values in coded if pc.count_distinct(values).as_py() > 1]


def _parts_of_date(dates: pa.ChunkedArray) -> dict[str, pa.ChunkedArray]:
    """Takes dates apart: numbers, and the names of months and weekdays."""
    seconds = pc.cast(pc.cast(dates, pa.int64()), pa.float64())
    hours = pc.add(pc.hour(dates), pc.divide(pc.cast(pc.minute(dates), pa.float64()), 60.0))
    names = {
        "month": (pc.month(dates), calendar.month_abbr),
        "weekday": (pc.day_of_week(dates), calendar.day_abbr),
    }
    words = {part: pc.take(pa.array(list(known)), numbers) for part, (numbers, known) in names.items()}
    days = pc.cast(pc.floor(pc.divide(seconds, 86400.0)), pa.int64())
    return {"days": days, "year": pc.year(dates), "hour": hours} | words


def code_again(
    column: Column, features: list[dict]
) -> tuple[list[pa.ChunkedArray], pa.ChunkedArray, pa.ChunkedArray]:
    """Codes a column of new rows as the columns of a prepared table are coded.

    Args:
        column: The column, of the kind that it has there.
        features: The descriptions of the features that are made of it there.

    Returns:
        The values of these features; which rows have a level that the table does not have; and which of them have only such as
        count as a rare one, because a feature stands for these.
    """
    parts = _parts_of_date(column.values) if column.kind == "date" else {}
    values = {f"{column.name}.{part}": numbers for part, numbers in parts.items()}
    pooled = {about["factor"] for about in features if is_pooled(about)}
    levels, new = {}, {}
    for about in features:
        if "level" in about and column.kind != "boolean":
            levels.setdefault(factor_of(about), {about["baseline"]}).add(about["level"])
    for factor, known in levels.items():
        given = values.get(factor, column.values)
        is_known = pc.or_(pc.is_null(given), pc.is_in(given, pa.array(sorted(known))))
        new[factor] = pc.invert(is_known)
    found = [
        _coded_again(about, values.get(factor_of(about), column.values), column, new) for about in features
    ]
    unseen = unknown = pa.chunked_array([np.zeros(len(column.values), dtype=bool)])
    for factor, is_new in new.items():
        unseen = pc.or_(unseen, is_new)
        unknown = unknown if factor in pooled else pc.or_(unknown, is_new)
    return found, unseen, pc.and_not(unseen, unknown)


def _coded_again(
    about: dict, values: pa.ChunkedArray, column: Column, new: dict[str, pa.ChunkedArray]
) -> pa.ChunkedArray:
    if about["coding"] == MISSING:
        return pc.cast(pc.is_null(column.values, nan_is_null=True), pa.int8())
    if is_pooled(about):
        nothing = pa.chunked_array([np.zeros(len(values), dtype=bool)])
        return pc.cast(new.get(about["factor"], nothing), pa.int8())
    if "level" in about:
        return pc.cast(values if column.kind == "boolean" else pc.equal(values, about["level"]), pa.int8())
    return pc.divide(pc.cast(values, pa.float64()), 10.0 ** about["power"]) if "power" in about else values


def power_of_ten(values: pa.ChunkedArray) -> int:
    """Gives the power of ten that numbers are divided by, so that their squares are numbers of 32 bits; 0 for nearly all."""
    largest = np.nanmax(np.abs(values.to_numpy().astype(float)), initial=0.0)
    # ASSUME: what is beyond these is a unit, as of atoms or of galaxies.
    return 0 if largest == 0 or 1e-15 < largest < 1e15 else int(np.floor(np.log10(largest)))


def refuse_infinity(name: str, values: pa.ChunkedArray) -> None:
    """Raises an InputError if a column holds an infinite number."""
    infinite = np.isinf(values.to_numpy().astype(float))
    if infinite.any():
        row = int(np.argmax(infinite)) + 1
        raise InputError(
            f"holds an infinite number in column {name!r}, row {row}: correct it or leave it empty"
        )


def indicator(column: Column) -> tuple[dict, pa.ChunkedArray]:
    """Codes where a column is missing."""
    missing = pc.cast(pc.is_null(column.values, nan_is_null=True), pa.int8())
    return _feature(f"{column.name}[missing]", missing, column, MISSING)


def with_rare_levels(coded: Coded, rare: int) -> Coded:
    """Adds to each factor that may have rare levels a feature for all of them together, which each split fills in.

    Args:
        coded: The features of a column.
        rare: A level with fewer training rows is rare.
    """
    levels = [(about, values) for about, values in coded if "level" in about]
    if rare == 1 and not any(values.null_count for _, values in levels):
        return coded
    for about, _ in levels:
        about["factor"] = about["name"].removesuffix(f"[{about['level']}]")
    found = []
    for factor in dict.fromkeys(about["factor"] for about, _ in levels):
        mine = [(about, values) for about, values in levels if about["factor"] == factor]
        counts = [pc.sum(values).as_py() or 0 for _, values in mine]
        counts.append(pc.count(mine[0][1]).as_py() - sum(counts))  # the baseline
        # ASSUME: a level with ten times as many rows is rare in no training set.
        if min(counts) < 10 * rare and rare > 1:
            taken = {about["level"] for about, _ in mine} | {mine[0][0].get("baseline")}
            names = chain(["other"], (f"other_{number}" for number in count(2)))
            name = next(name for name in names if name not in taken)
            about = {"name": f"{factor}[{name}]", "column": mine[0][0]["column"], "factor": factor}
            about["coding"] = RARE.format(rare)
            found.append((about, pa.chunked_array([np.zeros(len(mine[0][1]), dtype=np.int8)])))
    return coded + found
