"""The splits: those of scikit-learn, in the order that it draws the rows in."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.model_selection import train_test_split

from scripts.errors import InputError
from scripts.split import draw_split, split
from scripts.tables import read_splits, write_table


@pytest.fixture
def table_of(tmp_path):
    """Gives a function that writes a table of n rows."""

    def write(rows):
        path = str(tmp_path / f"table{rows}.parquet")
        write_table({"y": np.arange(float(rows))}, path)
        return path

    return write


@pytest.mark.parametrize("share", [1 / 3, 0.5, 0.2, 0.9])
@pytest.mark.parametrize("rows", [10, 99, 100, 263])
def test_a_split_is_that_of_scikit_learn(rows, share):
    for seed in range(51):
        expected = train_test_split(np.arange(rows), test_size=share, random_state=seed)
        for drawn, reference in zip(draw_split(rows, share, seed), expected, strict=True):
            np.testing.assert_array_equal(drawn, reference)


def test_the_book_trains_on_175_rows_and_tests_on_88(hitters, book_split):
    X_train, X_test, y_train, y_test = train_test_split(hitters.X, hitters.y, test_size=1 / 3, random_state=1)
    assert (len(book_split.train), len(book_split.test)) == (175, 88)
    np.testing.assert_array_equal(hitters.X[book_split.train], X_train)
    np.testing.assert_array_equal(hitters.X[book_split.test], X_test)
    np.testing.assert_array_equal(hitters.y[book_split.train], y_train)
    np.testing.assert_array_equal(hitters.y[book_split.test], y_test)


@pytest.mark.parametrize("share", ["1/3", "1/2", "0.2", 0.2, "2/7"])
def test_what_is_written_is_read_again(tmp_path, table_of, logger, share):
    output = str(tmp_path / "splits.parquet")
    seeds = [7, 0, 50, 2**32 - 1]
    split(table_of(101), output, share, seeds, logger)
    read = list(read_splits(output))
    assert [one.seed for one in read] == seeds
    for one in read:
        train, test = train_test_split(
            np.arange(101), test_size=float(Fraction(share)), random_state=one.seed
        )
        np.testing.assert_array_equal(one.train, train)
        np.testing.assert_array_equal(one.test, test)
    # The seeds draw different rows.
    assert len({tuple(sorted(one.test)) for one in read}) == len(seeds)


def test_the_columns_and_their_types(hitters_splits):
    table = pq.read_table(hitters_splits)
    types = {"seed": pa.int64(), "row": pa.int32(), "test": pa.bool_(), "order": pa.int32()}
    assert {field.name: field.type for field in table.schema} == types
    assert table["row"].to_pylist() == list(range(263))


def test_a_range_of_seeds_is_the_list_of_them(tmp_path, table_of, logger):
    one, other = tmp_path / "range.parquet", tmp_path / "list.parquet"
    split(table_of(30), str(one), "1/3", {"first": 3, "last": 6}, logger)
    split(table_of(30), str(other), "1/3", [3, 4, 5, 6], logger)
    assert one.read_bytes() == other.read_bytes()
    assert [drawn.seed for drawn in read_splits(one)] == [3, 4, 5, 6]


def test_the_same_bytes_are_written_twice(tmp_path, hitters_table, hitters_splits, logger):
    again = tmp_path / "again.parquet"
    split(hitters_table, str(again), "1/3", [1], logger)
    assert again.read_bytes() == Path(hitters_splits).read_bytes()


@pytest.mark.parametrize(
    ("rows", "share", "sides"),
    [
        (3, "1/3", "2 to train on and 1 to test on"),
        (5, "3/4", "1 to train on and 4 to test on"),
        (1, 0.5, "0 to train on and 1 to test on"),
    ],
)
def test_too_few_rows_are_refused(tmp_path, table_of, logger, rows, share, sides):
    output = tmp_path / "splits.parquet"
    with pytest.raises(InputError, match=rf"{sides}: change splits.test_share"):
        split(table_of(rows), str(output), share, [1], logger)
    assert not output.exists()


def test_two_rows_a_side_are_enough(tmp_path, table_of, logger):
    split(table_of(4), str(tmp_path / "splits.parquet"), 0.5, [1], logger)
    (drawn,) = read_splits(tmp_path / "splits.parquet")
    assert sorted([*drawn.train, *drawn.test]) == [0, 1, 2, 3]
