"""What columns are, as inferred and as told, and what may be wrong with them."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lineup.data.coding import code_column
from lineup.data.column import Column, Marks
from lineup.data.columns import MOST_LEVELS, type_columns
from lineup.data.doubts import doubts_of_rows, sentinel


def typed(told=None, marks=None, **columns):
    """Types columns that are given as lists of text."""
    table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    found, _ = type_columns(table, told or {}, marks or Marks())
    return {column.name: column for column in found}


def numbers(count, step=1):
    return [str(row * step) for row in range(count)]


# The name, the values, and the kind; then whether it is doubted.
KINDS = {
    "numbers": ("a", ["1.5", "2", "?", None], "number", False),
    "numbers with a word": ("a", [*numbers(30, 7), "rotary"], "number", True),
    "half numbers": ("a", (["1", "2", "two"] * 9), "category", True),
    "factor": ("a", ["x", "y"] * 9, "category", False),
    "two levels of three rows": ("a", ["x", "y", "x"], "category", False),
    "true and false": ("a", ["true", "FALSE", None], "boolean", False),
    "yes and no": ("a", ["yes", "no"] * 4, "category", False),
    "none is a level": ("a", ["none", "some"] * 4, "category", False),
    "numbers with one code": ("a", [*numbers(39), "01"], "identifier", True),
    "some shares among numbers": ("a", [f"{row % 7}{'%' * (row % 2)}" for row in range(30)], "category", True),
    "money of two kinds": ("a", [f"{'$€'[row % 2]}{row}.5" for row in range(30)], "number", True),
    "money of one kind": ("a", [f"${row}.5" for row in range(30)], "number", False),
    "postal codes": ("a", [f"{row % 9:02}" for row in range(30)], "category", False),
    "a mark that is no level": ("a", [*["x", "y"] * 9, "-"], "category", True),
    "names that come back": ("a", [f"name {row % 250}" for row in range(900)], "text", True),
    "codes": ("a", ["007", "008", "007"] * 3, "category", False),
    "long numbers": ("a", [f"90071992547409{row:02}" for row in range(30)], "identifier", True),
    "names": ("a", [f"name {row}" for row in range(30)], "identifier", True),
    "remarks": ("a", [f"name {row // 2}" for row in range(400)] + [f"x{row}" for row in range(400)], "text", True),
    "as many levels as allowed": ("a", [f"k{row % MOST_LEVELS}" for row in range(1000)], "category", False),
    "one level more": ("a", [f"k{row % (MOST_LEVELS + 1)}" for row in range(1000)], "text", True),
    "dates": ("a", ["2024-01-05", "2024-02-06"] * 3, "date", False),
    "years": ("a", ["1999", "2001", "1999", "2003"], "number", False),
    "nothing": ("a", [None, "", None], "empty", False),
    "the word NA": ("a", ["NA", "EU", "AS"] * 9, "category", False),
    "row numbers": ("id", numbers(30), "identifier", True),
    "row numbers by another name": ("a", numbers(30), "number", True),
    "identifiers": ("customer_id", numbers(30, 13), "identifier", True),
    "an identifier of groups": ("store_id", numbers(4) * 9, "number", False),
    "large whole numbers": ("population", numbers(30, 13), "number", False),
}  # fmt: skip


@pytest.mark.parametrize(("name", "values", "kind", "doubted"), KINDS.values(), ids=KINDS)
def test_kinds(name, values, kind, doubted):
    column = typed(**{name: values})[name]
    assert (column.kind, bool(column.doubt)) == (kind, doubted)
    assert column.reason and (not doubted or repr(name) in column.doubt)
    assert not doubted or column.doubt.endswith(".")


@pytest.mark.parametrize("kind", ["number", "category", "identifier", "text", "ignore"])
def test_what_the_config_says_holds(kind):
    column = typed({"a": kind}, a=["1", "2", "3", None])["a"]
    assert (column.kind, column.doubt) == (kind, "")
    assert column.is_used == (kind in ("number", "category"))


def test_a_word_for_missing_that_is_a_level_elsewhere_is_not_suggested_for_the_file():
    found = typed(x=[*numbers(30, 7), "A"], c=["A", "B", "C"] * 10 + ["A"])
    assert found["x"].words == () and "reading.missing" not in found["x"].doubt
    assert typed(x=[*numbers(30, 7), "Q"], c=["A", "B", "C"] * 10 + ["A"])["x"].words == ("Q",)


@pytest.mark.parametrize(
    ("values", "decimal", "read"),
    [
        (["1.123%", "1.124%"], "", [1.123, 1.124]),
        (["€1.123", "€1.200"], "", [1.123, 1.2]),
        (["1.123%", "1.124%"], ",", [1123, 1124]),
    ],
)
def test_a_sign_changes_nothing_in_how_a_mark_is_read(values, decimal, read):
    assert typed(marks=Marks(decimal=decimal), a=values)["a"].values.to_pylist() == read


def test_a_number_for_missing_is_missing_however_it_is_written():
    assert typed(marks=Marks(missing=(-999.0,)), a=["-999.0", "-999", "1.5"])["a"].values.to_pylist() == [
        None,
        None,
        1.5,
    ]


def test_a_number_for_missing_is_missing_where_the_mark_was_decided_later():
    found = typed(
        marks=Marks(separator=";", missing=(-999.0,)), a=["-999", "1.234", "2.345"], b=["1,5", "2,5", "3,5"]
    )
    assert found["a"].values.to_pylist() == [None, 1234, 2345]


def test_a_level_that_looks_like_a_number_does_not_stop_a_run():
    assert typed(marks=Marks(separator=";"), a=["aa", "bb", "3.141"] * 4)["a"].kind == "category"


def test_codes_are_numbers_where_told():
    assert typed({"a": "number"}, a=["007", "-010", "0"])["a"].values.to_pylist() == [7, -10, 0]


def test_the_decimal_mark_of_one_column_decides_for_the_others():
    found = typed(a=["1,5", "2,25"], b=["1.234", "5.678"])
    assert found["a"].values.to_pylist() == [1.5, 2.25] and found["b"].values.to_pylist() == [1234, 5678]
    found = typed(a=["1.5", "2.25"], b=["1,234", "5,678"])
    assert found["a"].values.to_pylist() == [1.5, 2.25] and found["b"].values.to_pylist() == [1234, 5678]
    assert typed(marks=Marks(decimal=","), b=["1.234", "5.678"])["b"].values.to_pylist() == [1234, 5678]
    # A point in a file of commas, where nothing says otherwise.
    assert typed(b=["1.234", "5.678"])["b"].values.to_pylist() == [1.234, 5.678]


@pytest.mark.parametrize("power", [-160, -27, 0, 20, 160, 305])
def test_numbers_of_any_size_are_brought_to_one_that_can_be_squared(power):
    column = typed(a=[f"{digit}e{power}" for digit in range(1, 10)])["a"]
    ((about, values),) = code_column(column)
    assert about["name"] == ("a" if power == 0 else f"a / 1e{power}")
    np.testing.assert_allclose(values.to_numpy(), np.arange(1, 10), rtol=1e-12)


def test_a_date_is_coded_by_its_parts():
    days = pd.date_range("2019-11-03 06:45", periods=300, freq="31h")
    column = typed(d=[str(day) for day in days])["d"]
    coded = {about["name"]: values.to_numpy() for about, values in code_column(column)}
    np.testing.assert_array_equal(coded["d.days"], (days.normalize() - pd.Timestamp("1970-01-01")).days)
    np.testing.assert_array_equal(coded["d.year"], days.year)
    np.testing.assert_allclose(coded["d.hour"], days.hour + days.minute / 60, rtol=1e-12)
    months = pd.get_dummies(days.strftime("%b"), dtype=int)
    assert {name for name in coded if ".month[" in name} == {
        f"d.month[{name}]" for name in set(months) - {"Jan"}
    }
    np.testing.assert_array_equal(coded["d.month[Nov]"], months["Nov"])
    weekdays = pd.get_dummies(days.strftime("%a"), dtype=int)
    assert {name for name in coded if ".weekday[" in name} == {
        f"d.weekday[{name}]" for name in set(weekdays) - {"Mon"}
    }
    np.testing.assert_array_equal(coded["d.weekday[Sun]"], weekdays["Sun"])


def test_numbers_as_levels_stand_in_their_order():
    column = typed({"hour": "category"}, hour=["10", "9", "2", "10"])["hour"]
    coded = code_column(column)
    assert [about["name"] for about, _ in coded] == ["hour[9]", "hour[10]"]
    assert coded[0][0]["baseline"] == "2"


# What may be wrong with the rows


def doubts(target="y", **columns):
    """Says what is doubted of columns of numbers and words."""
    made = [
        Column(
            name,
            "number" if np.issubdtype(np.asarray(values).dtype, np.number) else "category",
            pa.chunked_array([pa.array(values)]),
        )
        for name, values in columns.items()
    ]
    answer = next(column for column in made if column.name == target).values
    features = [column for column in made if column.name != target]
    coded = [one for column in features for one in code_column(column)]
    return doubts_of_rows(features, coded, target, answer)


CHANCE = np.random.default_rng(3)
A, B, C = CHANCE.normal(size=(3, 200))
NOISE = CHANCE.normal(size=200)
LEVELS = np.array(["x", "y", "z", "w"])[CHANCE.integers(0, 4, 200)]

# The columns, and what has to be said; nothing where it is empty.
DOUBTS = {
    "nothing": ({"a": A, "b": B, "y": A + B + NOISE}, []),
    "one value": ({"a": A, "b": np.full(200, 4), "y": NOISE}, ["'b' has one value, '4', in all rows"]),
    "two equal columns": ({"a": A, "b": 3 * A + 1, "y": NOISE}, ["'a' and 'b' say the same"]),
    "a copy in another unit": ({"a": A, "b": 2.54 * NOISE, "y": NOISE}, ["'b' gives the target 'y' away", "copy", "{b: ignore}"]),
    "its logarithm": ({"a": A, "b": np.log(np.exp(NOISE)), "y": np.exp(NOISE)}, ["'b' gives the target 'y' away", "rises or falls"]),
    "two parts": ({"a": A, "b": B, "c": C, "y": A + B}, ["the columns 'a', 'b' give the target 'y' exactly"]),
    "three parts and a constant": ({"a": A, "b": B, "c": C, "y": A - 2 * B + C + 7}, ["'a', 'b', 'c'", "exactly"]),
    "nearly all of it": ({"a": A, "b": B, "y": A + B + 0.05 * NOISE}, []),
    "a value for each level": ({"a": A, "b": LEVELS, "y": np.array([ord(level) ** 2 % 7 for level in LEVELS])}, ["'b' gives", "for each level"]),
    "rows that come again": ({"a": np.tile(A[:100], 2), "b": B, "y": np.tile(NOISE[:100], 2)}, []),
    "whole rows that come again": ({"a": np.tile(A[:100], 2), "y": np.tile(NOISE[:100], 2)}, ["100 of the 200 rows repeat"]),
    "rows that come again by chance": ({"a": (A > 0).astype(int), "b": (B > 0).astype(int), "y": (NOISE > 0) + (NOISE > 0.5) * 1}, []),
    "classes in numbers": ({"a": A, "b": B, "y": (NOISE > 0) * 1.0}, ["two values, 0 and 1: if these are classes, set task: classification"]),
    "-999": ({"a": np.where(np.arange(200) % 40 == 0, -999, np.abs(A)), "y": NOISE}, ["'a' is -999 in 5 rows", "missing: ['-999']"]),
    "tiny numbers": ({"a": A * 1e-160, "b": B * 1e160, "y": (A + NOISE) * 1e-160}, ["'a' is divided by 1e-160", "'b' is divided by 1e160"]),
    "a long tail": ({"a": A, "y": np.exp(2 * NOISE)}, ["The target 'y' has a long tail (a skewness of ", "Its logarithm"]),
    "a long tail downwards": ({"a": A, "y": -np.exp(2 * NOISE)}, ["(a skewness of -"]),
    "a tiny copy": ({"a": A, "b": NOISE * 1e-170, "y": NOISE * 1e150}, ["'b' gives the target"]),
}  # fmt: skip


@pytest.mark.parametrize(("columns", "said"), DOUBTS.values(), ids=DOUBTS)
def test_doubts(columns, said):
    found = doubts(**columns)
    assert bool(found) == bool(said), found
    for part in said:
        assert part in " ".join(found)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ([1, 2, 3, 4, -9], -9),
        ([1, 2, 3, 4, -9, -8], -9),
        ([1, 2, 3, 4, -1], None),
        ([-9, -8, -5, -3, 1, 2], None),
        ([1, 2, 3, 4, 99, 99], 99),
        ([1, 2, 3, 4, 99], None),
        ([10, 50, 90, 98, 99, 99], None),
        ([1, 2, 3, 4, 100, 100], None),
        ([0.1, 0.2, 0.3, -9999.0], -9999),
    ],
)
def test_numbers_that_stand_for_missing(values, word):
    assert sentinel(np.array(values, dtype=float)) == word


def test_real_numbers_raise_no_alarm():
    for seed in range(50):
        chance = np.random.default_rng(seed)
        assert sentinel(chance.normal(size=200)) is None
        assert sentinel(chance.poisson(30, 200).astype(float)) is None
        assert sentinel(chance.integers(0, 100, 200).astype(float)) is None
