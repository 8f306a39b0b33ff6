"""Numbers as people write them: $4,200, 12.3 %, 1.234,5, (300)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lineup.data.dialect import MISSING

# What cannot be a number though it looks like one: codes such as 007, hexadecimal numbers, and more digits than one holds.
CODE = r"^[+-]?0[0-9xX]"
TOO_LONG = r"^[+-]?[0-9]{16,}$"

DIGITS = r"[0-9]"
BODY = re.compile(rf"({DIGITS}[0-9.,' \u00a0\u202f\u2019]*)?[.,]?{DIGITS}+[.,]?([eE][+-]?{DIGITS}+)?")
GROUPS = " '\u00a0\u202f\u2019"  # marks between thousands that are nothing else
UNITS = "$€£¥%"


@dataclass
class Numbers:
    """A column read as numbers."""

    values: pa.ChunkedArray  # int64 or double, null where there is none
    words: dict[str, int] = field(default_factory=dict)  # what is neither a number nor missing, and how often
    decimal: str = ""  # the decimal mark, where the column shows it
    ambiguous: str = ""  # a value with a mark that may be either, where the column does not decide
    unit: str = ""  # a sign that was taken off


def read_numbers(values: pa.ChunkedArray, decimal: str = "", missing: Sequence[float] = ()) -> Numbers | None:
    """Reads a column of text as numbers, in one way for all of it; gives None if it is one of codes.

    The text has no spaces around it. Numbers in ``missing`` stand for missing, however they are written.
    """
    found = _read(values, decimal)
    if found and missing:
        gone = pc.is_in(pc.cast(found.values, pa.float64()), pa.array(missing, pa.float64()))
        found.values = pc.if_else(gone, pa.scalar(None, found.values.type), found.values)
    return found


def _read(values: pa.ChunkedArray, decimal: str) -> Numbers | None:
    words = pc.utf8_lower(values)
    values = pc.if_else(pc.is_in(words, pa.array(sorted(MISSING))), pa.scalar(None, pa.string()), values)
    if _any(values, CODE) or _any(values, TOO_LONG):
        return None
    plain = _plain(values)
    if plain is not None and not (decimal == "," and _any(values, r"\.")):
        dots = values.filter(pc.match_substring(values, "."))
        grouped = len(dots) > 0 and not _any(
            dots, r"^(?:[+-]?0?\.|.*\.(?:.{0,2}$|.{4})|[+-]?0|[+-]?[0-9]{4,}\.)"
        )
        known = "." if len(dots) and not grouped else ""
        return Numbers(plain, decimal=known, ambiguous=dots[0].as_py() if grouped else "")
    return _read_written(values, decimal)


def _any(values: pa.ChunkedArray, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(values, pattern)).as_py())


def _plain(values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Reads numbers written as computers do, which is fast; None if any is not."""
    for kind in (pa.int64(), pa.float64()):
        try:
            found = pc.cast(values, kind)
        except pa.ArrowInvalid:
            continue
        # As C writes what is no number, with a sign.
        return found if kind == pa.int64() else pc.if_else(pc.is_nan(found), pa.scalar(None, kind), found)
    return None


def _read_written(values: pa.ChunkedArray, decimal: str) -> Numbers:
    """Reads numbers written as people do."""
    coded = values.combine_chunks().dictionary_encode()
    counts = np.bincount(coded.indices.drop_null().to_numpy(), minlength=len(coded.dictionary))
    texts = coded.dictionary.to_pylist()
    units = {sign for text in texts for sign in UNITS if sign in text}
    bodies = [_body(text) for text in texts]
    shown, thousands, doubtful = _marks(body for body in bodies if body)
    mark = shown or decimal or {",": ".", ".": ","}.get(thousands, "")
    if not mark and units & set("$£"):
        mark = "."  # ASSUME: amounts in dollars and pounds are written as in English
    if doubtful and not mark and sum(map(bool, bodies)) >= 0.5 * len(bodies):
        return Numbers(pc.cast(pc.if_else(True, None, values), pa.float64()), ambiguous=doubtful)
    numbers = [_number(body, mark or ".") if body else None for body in bodies]
    if "%" in units and not all(
        "%" in text for text, number in zip(texts, numbers, strict=True) if number is not None
    ):
        numbers = [None if "%" in text else number for text, number in zip(texts, numbers, strict=True)]
    whole = all(isinstance(number, int) for number in numbers if number is not None)
    found = pa.array(numbers, pa.int64() if whole else pa.float64())
    taken = pa.chunked_array([pc.take(found, coded.indices)])
    words = {
        text: int(count)
        for text, number, count in zip(texts, numbers, counts, strict=True)
        if number is None and count
    }
    return Numbers(taken, words, decimal=shown, unit="".join(sorted(units)))


def _body(text: str) -> str:
    """Takes signs of money and shares off, and writes a negative number with a minus; empty if it is no number."""
    body = text.replace("\u2212", "-")
    for sign in UNITS:
        body = body.replace(sign, "", 1)
    body = body.strip()
    if body.startswith("(") and body.endswith(")"):
        body = "-" + body[1:-1]
    sign = body[:1] if body[:1] in "+-" else ""
    body = body.removeprefix(sign).strip()
    return sign.replace("+", "") + body if BODY.fullmatch(body) else ""


def _marks(bodies: Iterable[str]) -> tuple[str, str, str]:
    """Finds the decimal mark and the mark of thousands of a column, and a value that may be either.

    The last of two marks is the decimal one. One that stands twice, or always before three digits, is of thousands;
    before any other number of digits it is decimal.
    """
    decimals, thousands, doubtful = set(), set(), ""
    for body in bodies:
        digits = re.sub(r"[eE].*", "", body.lstrip("-"))
        marks = [mark for mark in digits if mark in ".,"]
        if len(set(marks)) == 2:
            decimals.add(marks[-1])
            thousands.add(marks[0])
        elif len(marks) > 1:
            thousands.add(marks[0])
        elif marks:
            before, after = digits.split(marks[0])
            if len(after) == 3 and re.fullmatch(r"[1-9][0-9]{0,2}", before):
                doubtful = doubtful or body
            else:
                decimals.add(marks[0])
    shown = decimals.pop() if len(decimals) == 1 else ""
    group = thousands.pop() if len(thousands) == 1 else ""
    return ("", "", doubtful) if shown and shown == group else (shown, group, doubtful)


def _number(body: str, decimal: str) -> int | float | None:
    """Reads a number with a known decimal mark; None if its thousands are not grouped in threes."""
    group = re.escape("," if decimal == "." else ".") + GROUPS
    digits = rf"([0-9]{{1,3}}([{group}][0-9]{{3}})+|[0-9]+)?"
    found = re.fullmatch(rf"(-?){digits}({re.escape(decimal)}[0-9]*)?([eE][+-]?[0-9]+)?", body)
    if not found or not re.search(r"[0-9]", body):
        return None
    plain = re.sub(rf"[{group}]", "", body).replace(decimal, ".")
    if len(plain) > 16 and plain.lstrip("-").isdigit():
        return None
    return float(plain) if "." in plain or "e" in plain.lower() else int(plain)
