"""A column of a table, with what was decided about it."""

import re
from dataclasses import dataclass, replace

import pyarrow as pa

USED = {"number", "category", "date", "boolean"}  # what becomes a feature
# What says how the rows are split, or how much they count.
ROLES = ("group", "time", "split", "weight", "row")


@dataclass(frozen=True)
class Column:
    """A column of a table of n rows, with what was decided about it."""

    name: str
    kind: str  # number, category, date, boolean; or what is left out: identifier, text, empty, ignore
    values: pa.ChunkedArray  # length n; null where missing
    reason: str = ""  # why it is of this kind, in words
    doubt: str = ""  # what may be wrong, and what to write then, as a sentence; empty if all is clear
    words: tuple[str, ...] = ()  # what counts as missing in it beside what always does
    shared: tuple[str, ...] = ()  # likewise, where it is a value of another column
    unit: str = ""  # signs that were taken off its numbers
    order: str = ""  # of dates, day_first or month_first, where the year stands last

    @property
    def is_used(self) -> bool:
        """Whether models see it."""
        return self.kind in USED

    @property
    def is_role(self) -> bool:
        """Whether it says how the rows are split, or how much they count."""
        return self.kind in ROLES

    def about(self) -> dict:
        """Says what new rows are to be read by: its kind, and where there are any its ``words``, ``unit`` and ``order``."""
        more = {"words": [*self.words, *self.shared], "unit": self.unit, "order": self.order}
        return {"kind": self.kind} | {key: value for key, value in more.items() if value}

    def only(self, kept: pa.ChunkedArray) -> "Column":
        """Gives the column with some of its rows."""
        return replace(self, values=self.values.filter(kept))


def row_numbers(rows: int) -> Column:
    """Makes a column with the numbers of the rows of a file, from 0."""
    return Column(
        "(row)", "row", pa.chunked_array([range(rows)], pa.int64()), "the number of the row in the file"
    )


@dataclass(frozen=True)
class Marks:
    """What a file as a whole says of its numbers and dates."""

    decimal: str = ""  # the decimal mark, where it is known
    dates: str = "auto"  # or day_first, or month_first
    separator: str = ","
    missing: tuple[float, ...] = ()  # numbers that stand for missing, however they are written


def quoted(name: str) -> str:
    """Writes a name as a key of YAML."""
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", name) and name.lower() not in (
        "y", "n", "yes", "no", "on", "off", "true", "false", "null",
    )  # fmt: skip
    return name if plain else "'" + name.replace("'", "''") + "'"
