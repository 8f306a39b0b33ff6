"""Numbers and dates as people write them."""

from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lineup.data.dates import read_dates
from lineup.data.numbers import read_numbers


def text(*values):
    return pa.chunked_array([pa.array(values, pa.string())])


# What is written, and the numbers; None where a value is missing or no number.
READ = {
    "whole": (["1", "-2", "+3"], [1, -2, 3]),
    "points": (["1", "2.5", None], [1.0, 2.5, None]),
    "dollars": (["$4,200", "$12,300"], [4200, 12300]),
    "euros": (["4.200,50 €", "7 €"], [4200.5, 7.0]),
    "continental": (["1.234,5", "12,3"], [1234.5, 12.3]),
    "decimal commas": (["1,5", "22,75"], [1.5, 22.75]),
    "millions": (["1.234.567", "3"], [1234567, 3]),
    "millions in English": (["1,234,567.8", "2"], [1234567.8, 2.0]),
    "Swiss": (["1'234.50", "99"], [1234.5, 99.0]),
    "French": (["1 234,5", "1\u202f000,25", "7\u00a0000"], [1234.5, 1000.25, 7000.0]),
    "per cent": (["12.3%", "4 %"], [12.3, 4.0]),
    "in brackets": (["(300)", "1,200.5"], [-300.0, 1200.5]),
    "a typeset minus": (["\u22125", "4"], [-5, 4]),
    "no digit before the point": (["-.5", "4"], [-0.5, 4.0]),
    "no digit behind it": (["5.", "4."], [5.0, 4.0]),
    "exponents": (["1e3", "2E-4"], [1000.0, 0.0002]),
    "exponents with commas": (["1,5e3", "2,5"], [1500.0, 2.5]),
    "words for missing": (["?", "3", "n/a", "-", "None", "."], [None, 3, None, None, None, None]),
    "a word": (["rotary", "4"], [None, 4]),
    "per cent of some": (["12.3%", "4"], [None, 4]),
    "not in threes": (["12,34,567", "1.5"], [None, 1.5]),
    "two decimal marks": (["1,5", "1.5"], [None, 1.5]),
}


@pytest.mark.parametrize(("written", "numbers"), READ.values(), ids=READ)
def test_numbers_as_they_are_written(written, numbers):
    found = read_numbers(text(*written))
    assert found.values.to_pylist() == numbers and not found.ambiguous
    assert set(found.words) == {
        word for word, number in zip(written, numbers, strict=True) if number is None and word and word.lower() not in
        {"?", "n/a", "-", "none", "."}
    }  # fmt: skip


@pytest.mark.parametrize("written", [["007", "12"], ["0x10", "1"], ["1234567890123456", "1"]])
def test_codes_are_no_numbers(written):
    assert read_numbers(text(*written)) is None


@pytest.mark.parametrize(
    ("written", "decimal", "numbers"),
    [
        (["1,234", "2,345"], ".", [1234, 2345]),
        (["1,234", "2,345"], ",", [1.234, 2.345]),
        (["1.234", "2.345"], ".", [1.234, 2.345]),
        (["1.234", "2.345"], ",", [1234, 2345]),
    ],
)
def test_a_mark_that_may_be_either_is_read_as_told(written, decimal, numbers):
    assert read_numbers(text(*written)).ambiguous == written[0]
    assert read_numbers(text(*written), decimal).values.to_pylist() == numbers


def test_numbers_as_computers_write_them_are_those_of_pandas():
    chance = np.random.default_rng(0)
    values = chance.normal(size=1000) * 10.0 ** chance.integers(-300, 300, 1000)
    written = [repr(float(value)) for value in values]
    np.testing.assert_array_equal(read_numbers(text(*written)).values.to_numpy(), values)


@pytest.mark.parametrize(
    ("style", "order"),
    [
        ("%Y-%m-%d", "auto"),
        ("%Y/%m/%d", "auto"),
        ("%d.%m.%Y", "auto"),
        ("%d/%m/%Y", "auto"),
        ("%m/%d/%Y", "auto"),
        ("%d-%m-%Y", "day_first"),
        ("%m/%d/%Y", "month_first"),
        ("%d %B %Y", "auto"),
        ("%d-%b-%Y", "auto"),
        ("%B %d, %Y", "auto"),
        ("%Y-%m-%d %H:%M", "auto"),
        ("%Y-%m-%dT%H:%M:%SZ", "auto"),
        ("%d.%m.%y", "auto"),
    ],
)
def test_dates_of_each_style(style, order):
    """In all of them some day is after the 12th, which tells the order; the days are written by Python."""
    days = [day.to_pydatetime() for day in pd.date_range("1999-01-03 10:30", periods=200, freq="73h")]
    found = read_dates(text(*[day.strftime(style) for day in days]), order)
    clock = "%H" in style
    assert found.with_time == clock
    assert found.values.to_pylist() == [
        day.replace(second=0) if clock else datetime(day.year, day.month, day.day) for day in days
    ]


def test_days_that_may_be_months_are_told():
    assert read_dates(text("3/5/2024", "4/6/2024"), "auto").ambiguous == "3/5/2024"
    assert not read_dates(text("3/3/2024", "4/4/2024"), "auto").ambiguous
    # Nor where a few are written the other way round.
    assert read_dates(text(*["3/25/2024"] * 40, "25/12/2024"), "auto").ambiguous
    # Nobody writes a month first with points.
    assert read_dates(text("3.5.2024", "4.6.2024"), "auto").values.to_pylist()[0] == datetime(2024, 5, 3)


@pytest.mark.parametrize(
    "written",
    [
        ["a", "b"],
        ["1990-91", "1991-92"],
        ["2001-02", "2002-03"],
        ["1234-05", "2073-01"],
        ["3.1.10", "3.2.4"],
        ["24-05-01", "24-05-19"],
        ["1 Marbles 2000", "2 Marbles 2001"],
        ["1", "2"],
        ["12:30", "1:15"],
    ],
)
def test_what_are_no_dates(written):
    assert read_dates(text(*written), "auto") is None


def test_a_few_words_among_dates_are_named():
    days = [f"2024-01-{day:02}" for day in range(1, 31)]
    found = read_dates(text(*days, "unknown"), "auto")
    assert found.words == {"unknown": 1} and found.values.null_count == 1


def test_the_time_of_a_date_counts_to_the_second_and_in_its_zone():
    written = [
        "2024-05-03 10:00:01",
        "2024-05-03 10:00:19+02:00",
        "2024-05-03T10:00:00Z",
        "5/13/2024 3:45:00 PM",
        "5/13/2024 12:05 AM",
    ]
    assert read_dates(text(*written), "auto").values.to_pylist() == [
        datetime(2024, 5, 3, 10, 0, 1), datetime(2024, 5, 3, 8, 0, 19), datetime(2024, 5, 3, 10),
        datetime(2024, 5, 13, 15, 45), datetime(2024, 5, 13, 0, 5),
    ]  # fmt: skip


def test_what_would_overflow_is_no_number():
    assert read_numbers(text("$10000000000000000000010", "2")).words == {"$10000000000000000000010": 1}
    assert read_numbers(text("-nan", "+NaN", "2.5")).values.to_pylist() == [None, None, 2.5]
