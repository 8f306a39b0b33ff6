"""How a CSV file is written: its encoding, its separator and quotes, the lines before its header, and its names.

All of it can be told in the config instead.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from lineup.data.encoding import decoded, find_encoding
from lineup.errors import InputError

# ASSUME: what a file looks like shows in so many bytes from its start, and in so many records of them.
SAMPLE, RECORDS = 200_000, 300

# What may separate columns, and how readily it is believed to.
SEPARATORS = {",": 1.0, ";": 1.0, "\t": 1.0, "|": 0.95, " ": 0.6, ":": 0.5}
# Of a file whose best separator scores less than the first, there is one column; below the second, it is told.
ONE_COLUMN, UNSURE = 0.15, 0.45

NUMBER = re.compile(
    r"[\s$€£¥(+-]*(\d{1,3}([,. '\u00a0\u202f\u2019]\d{3})+|\d+)?([.,]\d+)?([eE][+-]?\d+)?\s*[%€$£)]?"
)
DATE = re.compile(
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?|\d{1,2}:\d{2}(:\d{2})?"
)
# Missing in any column, where they stand without quotes or where everything is quoted. Other words, such as "?", are
# missing in columns of numbers alone.
NOTHING = ["", "NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null"]
MISSING = {"", "na", "n/a", "#n/a", "n.a.", "nan", "null", "none", "nil", "?", "-", "--", ".", "missing"}
LINE_END = r"\r\n|\n|\r"
YEAR = re.compile(r"(19|20)\d\d")


@dataclass(frozen=True)
class Dialect:
    """How the columns of a CSV file are to be told apart."""

    encoding: str  # as Python names it
    separator: str  # a character that is not in the file, where there is one column
    quote: str
    escape: str  # what stands before a quote that is a part of a field; empty where it is doubled
    before: int  # lines before the table
    skip: int  # lines before the first row of values
    names: list[str]  # of the columns; those without one are column_1, column_2 and so on
    header: bool  # whether the names stand in the file
    score: float  # from 0 to 1, how well the separator explains the file; 1 where it was told
    all_quoted: bool  # whether every field of the sample stands in quotes
    format: str = "CSV"  # or Parquet, or Feather, of which the rest says nothing but the names
    files: int = 1  # how many files of this kind the table is in


def stored_dialect(format_: str, names: list[str]) -> Dialect:
    """Describes a file that keeps names and types."""
    return Dialect("", "", "", "", 0, 0, names, True, 1.0, False, format_)


def find_dialect(sample: bytes, told: dict) -> Dialect:
    """Finds out how a file is written, from its first bytes.

    Args:
        sample: The bytes, unpacked. What is cut off at their end does not count.
        told: What is known: ``encoding``, ``separator``, ``quote``, ``skip_lines``, ``header``, each as in the config.

    Raises:
        InputError: If it is no text, or its encoding has to be told.
    """
    encoding = told.get("encoding") or find_encoding(sample)
    text = decoded(sample, encoding)
    if len(sample) >= SAMPLE and "\n" in text:
        text = text[: text.rindex("\n") + 1]
    skipped = told.get("skip_lines", 0)
    ends = [found.end() for found in islice(re.finditer(LINE_END, text), skipped)]
    begin = text if not skipped else text[ends[-1] :] if len(ends) == skipped else ""
    if named := re.match(r'"?sep=(.)"?\r?\n', begin, re.IGNORECASE):
        told = {"separator": named[1]} | told
        begin, skipped = begin[named.end() :], skipped + 1
    if not begin.strip():
        raise InputError("is empty: name another file")
    if "separator" in told and told["separator"] not in (
        blanks(begin) if told["separator"] == " " else begin
    ):
        raise InputError(f"has no {told['separator']!r}, the separator in the config, in its first lines")
    best = max(_layouts(begin, told), key=lambda layout: layout.score, default=None)
    if best is None or (best.score < ONE_COLUMN and "separator" not in told):
        best = _one_column(begin)
    if best.problem:
        raise InputError(best.problem)
    if told.get("header", True):
        best.drop_title()
    header = told.get("header", best.has_header())
    names = [name.strip() for name in best.rows[0]] if header and best.rows else [""] * best.width
    return Dialect(
        encoding=encoding,
        separator=best.separator,
        quote=best.quote,
        escape=best.escape,
        before=skipped + best.before,
        skip=skipped + (best.lines[0] if header and best.lines else best.before),
        names=[name or f"column_{place}" for place, name in enumerate(names, start=1)],
        header=header,
        score=1.0 if "separator" in told else best.score,
        all_quoted=_all_quoted(begin, best),
    )


class Layout:
    """A file cut at one separator, with one quote: the records with as many fields as most have, from the first of them on.

    Each comes with the number of lines of the file that end with it.
    """

    def __init__(self, separator: str, quote: str, escape: str, records: list[tuple[int, list[str]]]) -> None:
        self.separator, self.quote, self.escape = separator, quote, escape
        self.lines, self.rows = [line for line, _ in records], [row for _, row in records]
        self.width = len(self.rows[0]) if self.rows else 1
        self.before = 0  # lines before the first record
        self.score = 0.0
        self.problem = ""

    def drop_title(self) -> None:
        """Leaves out first records with nothing but a first field, as titles are that were padded to the width of the table."""
        while len(self.rows) > 2 and self.width > 1 and not any(field.strip() for field in self.rows[0][1:]):
            self.before = self.lines[0]
            self.rows, self.lines = self.rows[1:], self.lines[1:]

    def has_header(self) -> bool:
        """Tells whether the first record holds names: none is a number where the column holds numbers, but for years."""
        if len(self.rows) < 2:
            return bool(self.rows)
        names, body = self.rows[0], self.rows[1:]
        numeric = [
            place
            for place in range(self.width)
            if sum(_kind(row[place]) in ("n", "d") for row in body) > 0.8 * len(body)
        ]
        if numeric:
            told = [names[place] for place in numeric if _kind(names[place]) in ("n", "d")]
            return (
                not told
                or len(told) < len(numeric)
                or (len(numeric) < self.width and all(map(YEAR.fullmatch, told)))
            )
        unique = len(set(names)) == len(names)
        return unique and not any(name in {row[place] for row in body} for place, name in enumerate(names))


def _layouts(text: str, told: dict) -> Iterator[Layout]:
    """Cuts the text in each way that may be meant."""
    for separator in [told["separator"]] if "separator" in told else SEPARATORS:
        if separator not in text and "separator" not in told:
            continue
        for quote in [told["quote"]] if "quote" in told else "\"'":
            edge = re.escape(separator)
            if quote == "'" and not re.search(rf"(^|{edge})'[^\n]*'({edge}|\r?$)", text, re.MULTILINE):
                continue
            escape = "\\" if re.search(rf"\\{quote}(?!{edge}|\r?$)", text, re.MULTILINE) else ""
            layout = _cut(text, separator, quote, escape)
            if layout:
                yield layout


def _cut(text: str, separator: str, quote: str, escape: str) -> Layout | None:
    """Cuts the text at a separator, and scores what comes out; None if it cannot be that one."""
    everything = list(_records(text, separator, quote, escape))
    records = [(line, row) for line, row in everything if any(field.strip() for field in row)]
    widths = Counter(len(row) for _, row in records if not row[0].startswith("#"))
    if widths:
        usual = widths.most_common(1)[0][0]
        records = [(line, row) for line, row in records if not _is_comment(row, usual)]
        widths = Counter(len(row) for _, row in records)
    if not widths:
        return None
    width, count = max(widths.items(), key=lambda item: (item[1] * (item[0] - 1) / item[0], item[0]))
    if width < 2 or (count < 2 < len(records)):
        return None
    place = next(place for place, (_, row) in enumerate(records) if len(row) == width)
    if place > max(20, len(records) // 3):
        return None
    good, problem = [(line, row) for line, row in records if len(row) == width], ""
    if place:
        line, before = records[place - 1]
        # A header without a name for the row names, or for what a separator at the end of each line makes.
        if (
            len(before) == width - 1
            and width > 2
            and not any(_kind(name) in ("n", "d") for name in before if name)
            and all(name.strip() for name in before)
        ):
            trailing = all(not row[-1].strip() for _, row in good)
            if not trailing and len({row[0] for _, row in good}) < len(good):
                problem = (
                    f"has {width - 1} names in its header and {width} fields in its rows: name each column"
                )
            good.insert(0, (line, [*before, ""] if trailing else ["row_names", *before]))
        elif len(before) == 1 and all(_kind(field) in "nm" for field in good[0][1]):
            return None  # one column, of numbers with a decimal comma
    layout = Layout(separator, quote, escape, good)
    layout.problem = problem
    layout.before = max((line for line, _ in everything if line < layout.lines[0]), default=0)
    worth = {"n": 1.0, "d": 1.0, "m": 0.9, "w": 0.5 if separator == " " else 0.9, "x": 0.1}
    kinds = [_kind(field) for row in layout.rows[1:] or layout.rows for field in row]
    mean = sum(worth[kind] for kind in kinds) / len(kinds)
    share = count / len(records)
    layout.score = SEPARATORS.get(separator, 1.0) * share**2 * (width - 1) / width * mean
    layout.score *= 0.98 if quote == "'" else 1.0
    return layout


def _is_comment(row: list[str], width: int) -> bool:
    """Tells whether a record is a comment; a first name such as #chrom makes none of a header."""
    return row[0].startswith("# ") or (row[0].startswith("#") and len(row) != width)


def _one_column(text: str) -> Layout:
    """Takes each line for a value."""
    records = [
        (line, [field])
        for line, field in enumerate(re.split(LINE_END, text), start=1)
        if field.strip() and not field.startswith("#")
    ]
    separator = next(mark for mark in ["\x1f", "\x1e", "\x1d"] if mark not in text)
    layout = Layout(separator, '"', "", records)
    layout.score, layout.before = 1.0, layout.lines[0] - 1 if layout.lines else 0
    return layout


def _records(text: str, separator: str, quote: str, escape: str) -> Iterator[tuple[int, list[str]]]:
    """Yields the first records, each with the number of lines that end with it."""
    reader = csv.reader(
        io.StringIO(blanks(text) if separator == " " else text, newline=""),
        delimiter=separator,
        quotechar=quote,
        escapechar=escape or None,
        doublequote=not escape,
        skipinitialspace=separator == " ",
    )
    try:
        for number, row in enumerate(reader):
            if number >= RECORDS:
                return
            yield reader.line_num, [field for field in row if field] if separator == " " else row
    except csv.Error:
        return


def blanks(text: str) -> str:
    """Writes tabs as spaces, of which any number may stand between two columns."""
    return text.replace("\t", " ")


def _kind(field: str) -> str:
    """Tells what a field looks like: a number, a date, missing, a word, or something that other marks stand in."""
    field = field.strip()
    if field.lower() in MISSING:
        return "m"
    if NUMBER.fullmatch(field) and any(character.isdigit() for character in field):
        return "n"
    if DATE.fullmatch(field):
        return "d"
    return "x" if re.search(r"[,;|\t\"]|\S {2,}\S", field) else "w"


def _all_quoted(text: str, layout: Layout) -> bool:
    """Tells whether every field of the first lines of a table begins with a quote."""
    quote, separator = layout.quote, re.escape(layout.separator)
    lines = [line for line in re.split(LINE_END, text)[layout.before :][:RECORDS] if line.strip()]
    return bool(lines) and all(
        line.startswith(quote)
        and not re.search(rf"{separator}(?!{quote})", re.sub(rf"{quote}[^{quote}]*{quote}", quote * 2, line))
        for line in lines
    )
