"""The splits: those of scikit-learn, in the order that it draws the rows in."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.model_selection import train_test_split

from lineup.data.splits import draw_splits, split
from lineup.data.tables import read_splits, write_table
from lineup.errors import InputError


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
    drawn = draw_splits(rows, share, list(range(51)))
    assert drawn.seeds.tolist() == list(range(51))
    for seed in range(51):
        train, test = train_test_split(np.arange(rows), test_size=share, random_state=seed)
        np.testing.assert_array_equal(drawn.train[seed], train)
        np.testing.assert_array_equal(drawn.test[seed], test)


def test_a_thousand_splits_at_once_are_those_of_scikit_learn():
    """In any order of the seeds, large ones among them."""
    seeds = np.random.default_rng(0).choice(2**32, 1000, replace=False).tolist()
    drawn = draw_splits(263, 1 / 3, seeds)
    assert (drawn.seeds.tolist(), drawn.train.shape, drawn.test.shape) == (seeds, (1000, 175), (1000, 88))
    for place in np.random.default_rng(1).choice(1000, 60, replace=False):
        train, test = train_test_split(np.arange(263), test_size=1 / 3, random_state=seeds[place])
        np.testing.assert_array_equal(drawn.train[place], train)
        np.testing.assert_array_equal(drawn.test[place], test)
    # No two splits are the same, and none leaves a row out.
    assert len({tuple(sorted(test)) for test in drawn.test}) == 1000
    both = np.sort(np.concatenate([drawn.train, drawn.test], axis=1), axis=1)
    np.testing.assert_array_equal(both, np.tile(np.arange(263), (1000, 1)))


def test_the_book_trains_on_175_rows_and_tests_on_88(hitters, book_split):
    X_train, X_test, y_train, y_test = train_test_split(hitters.X, hitters.y, test_size=1 / 3, random_state=1)
    assert (book_split.train.shape, book_split.test.shape) == ((1, 175), (1, 88))
    assert book_split.seeds.tolist() == [1]
    np.testing.assert_array_equal(hitters.X[book_split.train[0]], X_train)
    np.testing.assert_array_equal(hitters.X[book_split.test[0]], X_test)
    np.testing.assert_array_equal(hitters.y[book_split.train[0]], y_train)
    np.testing.assert_array_equal(hitters.y[book_split.test[0]], y_test)


@pytest.mark.parametrize("share", ["1/3", "1/2", "0.2", 0.2, "2/7"])
def test_what_is_written_is_read_again(tmp_path, table_of, logger, share):
    output = str(tmp_path / "splits.parquet")
    seeds = [7, 0, 50, 2**32 - 1]
    split(table_of(101), output, share, seeds, logger)
    read = read_splits([output])
    assert read.seeds.tolist() == seeds
    for place, seed in enumerate(seeds):
        train, test = train_test_split(np.arange(101), test_size=float(Fraction(share)), random_state=seed)
        np.testing.assert_array_equal(read.train[place], train)
        np.testing.assert_array_equal(read.test[place], test)
    # The seeds draw different rows.
    assert len({tuple(sorted(test)) for test in read.test}) == len(seeds)


def test_the_columns_and_their_types(hitters_splits):
    table = pq.read_table(hitters_splits)
    assert table.num_rows == 1
    assert table.column_names == ["seed", "train", "test"]
    assert table["seed"].type == pa.int64()
    for side, rows in (("train", 175), ("test", 88)):
        assert (table[side].type.value_type, table[side].type.list_size) == (pa.int32(), rows)
    (train,), (test,) = table["train"].to_pylist(), table["test"].to_pylist()
    assert sorted(train + test) == list(range(263))


def test_the_file_grows_by_less_than_two_bytes_for_a_row_of_a_split(tmp_path, hitters_table, logger):
    """A row number below 263 has 8.04 bits, and Parquet's dictionary takes 9 for it."""
    sizes = {}
    for splits in (100, 1100):
        output = tmp_path / f"splits{splits}.parquet"
        split(hitters_table, str(output), "1/3", {"first": 1, "last": splits}, logger)
        sizes[splits] = output.stat().st_size
    assert sizes[1100] < 2 * 263 * 1100
    # More than the bits that the order of the rows holds at least, log2(263!) of each split.
    assert 1726 / 8 < (sizes[1100] - sizes[100]) / 1000 < 2 * 263


def test_a_range_of_seeds_is_the_list_of_them(tmp_path, table_of, logger):
    one, other = tmp_path / "range.parquet", tmp_path / "list.parquet"
    split(table_of(30), str(one), "1/3", {"first": 3, "last": 6}, logger)
    split(table_of(30), str(other), "1/3", [3, 4, 5, 6], logger)
    assert one.read_bytes() == other.read_bytes()
    assert read_splits([one]).seeds.tolist() == [3, 4, 5, 6]


def test_the_blocks_of_some_seeds_are_the_splits_of_them_all(tmp_path, table_of, logger):
    paths = [tmp_path / f"{name}.parquet" for name in ("whole", "first", "second")]
    for path, seeds in zip(paths, ([5, 1, 9], [5, 1], [9]), strict=True):
        split(table_of(30), str(path), "1/3", seeds, logger)
    whole, cut = read_splits(paths[:1]), read_splits(paths[1:])
    assert whole.seeds.tolist() == cut.seeds.tolist() == [5, 1, 9]
    np.testing.assert_array_equal(cut.train, whole.train)
    np.testing.assert_array_equal(cut.test, whole.test)


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
    drawn = read_splits([tmp_path / "splits.parquet"])
    assert len(drawn) == 1
    assert sorted([*drawn.train[0], *drawn.test[0]]) == [0, 1, 2, 3]
