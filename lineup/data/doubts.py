"""What may be wrong with the rows of a table, told before anything is fitted."""

import re
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lineup.data.coding import Coded, power_of_ten
from lineup.data.column import Column, quoted
from lineup.data.features import is_pooled
from lineup.data.leaks import COPY, leaks, leaks_of_classes

# Numbers that stand for missing in many files.
NEGATIVE = {-7, -8, -9, -77, -88, -99, -777, -888, -999, -9999, -99999}
NINES = {sign * (10**digits - 1) for digits in range(2, 7) for sign in (1, -1)}

TOTAL = re.compile(r"((grand |sub)?totals?|sum|mean|average|summe|gesamt|suma)\b", re.IGNORECASE)
NOTE = re.compile(r"(sources?|quelle|fuente|notes?|hinweis|stand|copyright)\b *:|©", re.IGNORECASE)
# ASSUME: beyond this skewness a tail is long; docs/calibration.md has what it does to intervals.
SKEWED = 2.5
# Checks of all pairs of columns, or of all features at once, take long for more.
MOST_FEATURES = 500
# ASSUME: rows that stand twice are told if there are so many, and so many times more than chance would give.
SHARE_TWICE, PAIRS_TWICE, TIMES_CHANCE = 0.01, 2, 20


def doubts_of_text(text: pa.Table) -> list[str]:
    """Says that the last row seems to sum up the others, or that a quote seems to be missing."""
    found = []
    for column in text.columns:
        words = [value.strip() for value in column.slice(max(0, len(column) - 5)).to_pylist() if value]
        if words and TOTAL.match(words[-1]):
            found.append(
                f"The last row holds {words[-1]!r}: if it sums up the others, delete it from the file."
            )
            break
        if words and NOTE.match(words[-1]):
            found.append(
                f"The last row holds {words[-1]!r}: if it is a note below the table, delete it from the file."
            )
            break
    for name, column in zip(text.column_names, text.columns, strict=True):
        if pc.any(pc.match_substring_regex(column, r"\n.*[,;\t|]")).as_py():
            found.append(
                f"A field of column {name!r} runs over several lines that hold separators: look for a quote that is missing."
            )
    return found


def doubts_of_constants(columns: list[Column]) -> list[str]:
    """Says of columns with one value, or none, that they are left out."""
    found = []
    for column in columns:
        given = column.values.drop_null()
        what = f"one value, {str(given[0].as_py())!r}, in all rows" if len(given) else "no value in any row"
        found.append(f"Column {column.name!r} has {what}: no model can use it.")
    return found


def doubts_of_rows(
    columns: list[Column], coded: Coded, target: str, answer: pa.ChunkedArray, is_class: bool = False
) -> list[str]:
    """Says what may be wrong with the rows of a table; where several columns are looked at together, with the complete rows.

    Args:
        columns: The columns that features are made of, with n rows.
        coded: The features.
        target: Name of the target.
        answer: The target, length n, or the places of its classes.
        is_class: Whether it has classes.
    """
    found = [sentence for column in columns for sentence in _doubts_of_column(column)]
    if not is_class:
        found += _doubt_of_skewness(target, answer.drop_null().to_numpy().astype(float))
        found += _doubt_of_two_values(target, answer)
    complete = reduce(pc.and_, (pc.is_valid(column.values) for column in columns), pc.is_valid(answer))
    columns = [column.only(complete) for column in columns]
    coded = [(about, values.filter(complete)) for about, values in coded if not is_pooled(about)]
    y = answer.filter(complete).to_numpy().astype(float)
    if len(y) < 3:
        return found
    if not coded or len(coded) > MOST_FEATURES:
        return found + _twice_rows(columns, y)
    X = np.column_stack([values.to_numpy().astype(float) for _, values in coded])
    names, column_of = (
        [about["name"] for about, _ in coded],
        {about["name"]: about["column"] for about, _ in coded},
    )
    return [
        *found,
        *_equal_columns(names, column_of, X),
        *(
            leaks_of_classes(columns, column_of, names, X, target, y)
            if is_class
            else leaks(columns, column_of, names, X, target, y)
        ),
        *_twice_rows(columns, y),
    ]


def _doubts_of_column(column: Column) -> list[str]:
    """Finds a column of one value, and numbers that stand for missing."""
    values = column.values.drop_null()
    if column.values.null_count > 0.5 * len(column.values):
        return [
            f"Column {column.name!r} is missing in {column.values.null_count} of {len(column.values)} rows: to leave it out, write "
            f"columns: {{{quoted(column.name)}: ignore}}."
        ]
    if pc.count_distinct(values).as_py() == 1:
        return doubts_of_constants([column])
    if column.kind != "number":
        return []
    if power := power_of_ten(values):
        return [
            f"Column {column.name!r} is divided by 1e{power}, because its numbers are too large or too small to compute with."
        ]
    word = sentinel(values.to_numpy().astype(float))
    if word is None:
        return []
    count = int((values.to_numpy() == word).sum())
    return [
        f"Column {column.name!r} is {word:g} in {count} rows, which may stand for missing: if so, write reading: {{missing: "
        f"['{word:g}']}}."
    ]


def _doubt_of_skewness(target: str, y: np.ndarray) -> list[str]:
    """Says that a target has so long a tail that few rows decide its errors."""
    scaled = y / max(np.abs(y).max(initial=0.0), np.finfo(float).tiny)
    centred = scaled - scaled.mean()
    spread = centred.std()
    skewness = float((centred**3).mean() / spread**3) if spread > 0 else 0.0
    if abs(skewness) < SKEWED:
        return []
    return [
        f"The target {target!r} has a long tail (a skewness of {skewness:.1f}): a few rows decide the errors, and the intervals of "
        "the comparison hold less often than they say. Its logarithm may be the better target."
    ]


def _doubt_of_two_values(target: str, answer: pa.ChunkedArray) -> list[str]:
    """Says that a target with two values may be one of classes."""
    values = (
        sorted(pc.unique(answer.drop_null()).to_pylist()) if pc.count_distinct(answer).as_py() == 2 else []
    )
    if not values:
        return []
    return [
        f"The target {target!r} has two values, {values[0]:g} and {values[1]:g}: if these are classes, set task: classification."
    ]


def sentinel(values: np.ndarray) -> float | None:
    """Finds a number that stands for missing: the only negative ones, or one far off the rest that stands there twice."""
    different, counts = np.unique(values, return_counts=True)
    if len(different) < 4:
        return None
    negative = different[different < 0]
    if 1 <= len(negative) <= 3 and set(negative) <= NEGATIVE:
        return float(negative[np.argmax(counts[: len(negative)])])
    for place, rest in ((0, different[1:]), (-1, different[:-1])):
        gap = abs(different[place] - rest[place])
        if different[place] in NINES and counts[place] >= 2 and gap > (rest[-1] - rest[0]) / 2:
            return float(different[place])
    return None


def _equal_columns(names: list[str], column_of: dict[str, str], X: np.ndarray) -> list[str]:
    """Finds columns of which features say the same."""
    R, varying = _correlations(X)
    pairs = [
        (names[varying[a]], names[varying[b]])
        for a, b in zip(*np.nonzero(np.triu(np.abs(R) > COPY, 1)), strict=True)
    ]
    found = {}
    for first, second in pairs:
        if column_of[first] != column_of[second]:
            found.setdefault((column_of[first], column_of[second]), (first, second))
    return [
        f"{first!r} and {second!r} say the same: to leave one of them out, write columns: {{{quoted(column)}: ignore}}."
        for (_, column), (first, second) in list(found.items())[:5]
    ]


def _correlations(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Computes the correlations of the columns that vary, and says which these are."""
    scale = np.abs(X).max(axis=0)
    Z = X / np.where(scale > 0, scale, 1.0)
    Z = Z - Z.mean(axis=0)
    norms = np.linalg.norm(Z, axis=0)
    varying = np.flatnonzero(norms > 1e-12 * len(X) ** 0.5)
    Z = Z[:, varying] / norms[varying]
    return Z.T @ Z, varying


def _twice_rows(columns: list[Column], y: np.ndarray) -> list[str]:
    """Finds rows that stand there twice, more often than chance would have it."""
    codes = [np.unique(y, return_inverse=True)[1]]
    codes += [column.values.combine_chunks().dictionary_encode().indices.to_numpy() for column in columns]
    key = np.zeros(len(y), dtype=np.int64)
    chance = 1.0
    for code in codes:
        shares = np.bincount(code) / len(y)
        chance *= float(shares @ shares)
        key = np.unique(key * (int(code.max()) + 1) + code, return_inverse=True)[1].astype(np.int64)
    counts = np.bincount(key)
    again, pairs = int((counts - 1).sum()), float((counts * (counts - 1) / 2).sum())
    expected = len(y) * (len(y) - 1) / 2 * chance
    if again < SHARE_TWICE * len(y) or pairs < PAIRS_TWICE or pairs < TIMES_CHANCE * expected:
        return []
    return [
        f"{again} of the {len(y)} rows repeat another one, far more than by chance: a split may train on the row that it "
        "tests on. Leave copies out of the file."
    ]
