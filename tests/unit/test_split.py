"""The splits: those of scikit-learn, in the order that it draws the rows in."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, KFold, TimeSeriesSplit, train_test_split

from lineup.data.followed import follow_column
from lineup.data.splits import (
    doubts_of_copies,
    draw_folds,
    draw_groups,
    draw_splits,
    roll_on,
    split,
)
from lineup.data.tables import SCHEMA_KEY, Splits, read_splits, write_table
from lineup.errors import InputError


@pytest.fixture
def table_of(tmp_path):
    """Gives a function that writes a table of n rows, with columns that have roles in the splits."""

    def write(rows, **roles):
        path = str(tmp_path / f"table{rows}.parquet")
        schema = {"roles": {role: role for role in roles}} if roles else {}
        table = pa.table(
            {"y": np.arange(float(rows))} | {f"({role})": values for role, values in roles.items()}
        )
        write_table(table.replace_schema_metadata({SCHEMA_KEY: json.dumps(schema)}), path)
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


# Other splits than random ones

GROUPS = np.random.default_rng(0).integers(0, 23, 150)


def same(mine, expected):
    """Compares splits with pairs of training and test rows, in any order."""
    pairs = list(expected)
    assert len(mine) == len(pairs)
    for train, test, (their_train, their_test) in zip(mine.train, mine.test, pairs, strict=True):
        np.testing.assert_array_equal(np.sort(train), np.sort(their_train))
        np.testing.assert_array_equal(np.sort(test), np.sort(their_test))


@pytest.mark.parametrize("share", [0.25, 1 / 3, 0.6])
def test_groups_are_those_of_scikit_learn(share):
    seeds, rows = list(range(30)), np.arange(len(GROUPS))
    expected = [
        next(GroupShuffleSplit(1, test_size=share, random_state=seed).split(rows, groups=GROUPS))
        for seed in seeds
    ]
    mine = draw_groups(GROUPS, share, seeds)
    same(mine, expected)
    assert len(set(mine.sizes()[1])) > 3


@pytest.mark.parametrize(("rows", "folds"), [(20, 4), (23, 5), (150, 10)])
def test_folds_are_those_of_scikit_learn(rows, folds):
    """The seeds number the folds, repeat after repeat; a repeat tests on each row once."""
    mine = draw_folds(rows, None, folds, list(range(1, 3 * folds + 1)))
    for repeat in range(3):
        some = slice(repeat * folds, (repeat + 1) * folds)
        assert sorted(np.concatenate(list(mine.test[some]))) == list(range(rows))
        shuffled = KFold(folds, shuffle=True, random_state=repeat).split(np.arange(rows))
        # Ours take their rows from the same shuffle, fold by fold.
        same(mine[some], shuffled)


def test_folds_of_groups_are_those_of_scikit_learn():
    mine = draw_folds(len(GROUPS), GROUPS, 5, list(range(1, 11)))
    for repeat in range(2):
        expected = GroupKFold(5, shuffle=True, random_state=repeat).split(np.arange(150), groups=GROUPS)
        same(mine[slice(5 * repeat, 5 * repeat + 5)], expected)


@pytest.mark.parametrize("share", [0.1, 0.2])
def test_time_rolls_as_in_scikit_learn(share):
    """Backwards: the first split tests on the last rows."""
    chance = np.random.default_rng(1)
    times = chance.permutation(60).astype(float)
    order = np.argsort(times)
    size = round(60 * share)
    expected = [
        (order[train], order[test]) for train, test in TimeSeriesSplit(4, test_size=size).split(order)
    ]
    same(roll_on(times, share, [4, 3, 2, 1]), expected)
    same(roll_on(times, share, [1]), expected[3:])


def test_rows_of_one_time_are_on_one_side():
    times = np.array([1, 1, 2, 2, 2, 3, 3, 4.0])
    found = roll_on(times, 0.25, [1, 2, 3])
    assert [times[test].tolist() for test in found.test] == [[3, 3, 4], [2, 2, 2], []]
    for train, test in zip(found.train[:2], found.test[:2], strict=True):
        assert times[train].max() < times[test].min()


def test_a_column_gives_the_splits():
    sides = np.array(["train", "Test", "train", "test ", "train", "train"])
    same(follow_column(sides, [1]), [([0, 2, 4, 5], [1, 3])])
    parts = np.array(["b", "a", "a", "c", "b", "c"])
    same(follow_column(parts, [1, 3]), [([0, 3, 4, 5], [1, 2]), ([0, 1, 2, 4], [3, 5])])


DAYS = np.arange(40.0)
# The columns with roles, the settings, and what the sentence says.
REFUSED = {
    "no time": ({}, {"method": "time"}, ["no column is named for it", "NAME: time"]),
    "no split": ({}, {"method": "column"}, ["no column is named for it", "NAME: split"]),
    "too many parts": ({"split": ["a", "b", "c", "c"] * 10}, {"method": "column", "seeds": [1, 2, 4]}, ["makes 3", "last: 3"]),
    "other words": ({"split": ["train", "val"] * 20}, {"method": "column"}, ["'train' and 'val'", "write train and test"]),
    "too long a time": ({"time": DAYS}, {"method": "time", "seeds": [1, 2, 3, 4]}, ["at least 2 rows", "0 to train on"]),
    "too many folds": ({}, {"method": "k_fold", "folds": 41}, ["folds is 41", "40 rows"]),
    "too many folds of groups": ({"group": [0, 1] * 20}, {"method": "k_fold", "folds": 3}, ["folds is 3", "2 groups"]),
    "a seed of 0": ({}, {"method": "k_fold", "folds": 3, "seeds": [0, 1]}, ["number the splits, from 1 on"]),
    "groups and time": ({"group": [0, 1] * 20, "time": DAYS}, {"method": "time"}, ["group on both sides"]),
    "one group": ({"group": [0] * 40}, {}, ["at least 2 rows", "0 to train on and 40 to test on"]),
}  # fmt: skip


@pytest.mark.parametrize(("roles", "settings", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_split_is_said(tmp_path, table_of, logger, roles, settings, said):
    output = tmp_path / "splits.parquet"
    with pytest.raises(InputError) as caught:
        split(
            table_of(40, **roles),
            str(output),
            **{"test_share": 0.25, "seeds": [1], "logger": logger} | settings,
        )
    assert all(part in str(caught.value) for part in said), caught.value
    assert not output.exists() and "\n" not in str(caught.value)


def test_splits_of_different_sizes_are_written_and_read(tmp_path, table_of, logger):
    output = str(tmp_path / "splits.parquet")
    split(table_of(150, group=GROUPS), output, 0.25, list(range(1, 9)), logger)
    again, mine = read_splits([output]), draw_groups(GROUPS, 0.25, list(range(1, 9)))
    same(again, zip(mine.train, mine.test, strict=True))
    sizes = np.stack(again.sizes())
    parts = list(again.parts())
    assert sum(map(len, parts)) == 8 and 1 < len(parts) <= 8
    assert all(part.train.ndim == 2 and part.train.dtype == np.int32 for part in parts)
    np.testing.assert_array_equal(np.concatenate([np.stack(part.sizes()) for part in parts], axis=1), sizes)
    both = read_splits([output, output])
    assert len(both) == 16 and isinstance(both[3:5], Splits)
    assert [len(chunk) for chunk in again.chunks(10**9)] == [1] * 8


@pytest.fixture
def of_file(tmp_path, table_of, logger):
    """Gives a function that makes splits of ten rows, of which the third was dropped, from the text of a file."""

    def make(text, seeds):
        file, output = tmp_path / "given.csv", str(tmp_path / "splits.parquet")
        if isinstance(text, str):
            file.write_text(text, encoding="utf-8")
        else:
            pq.write_table(pa.table({"part": [value or None for value in text]}), file)
        rows = np.delete(np.arange(10), 2)
        table = table_of(9, row=rows)
        schema = pq.read_schema(table).metadata[SCHEMA_KEY]
        told = json.loads(schema) | {"rows": {"read": 10}}
        write_table(pq.read_table(table).replace_schema_metadata({SCHEMA_KEY: json.dumps(told)}), table)
        split(table, output, 0.25, seeds, logger, method="file", file=str(file))
        return read_splits([output])

    return make


WORDS = ["train,test", "TRAIN, test", "test,test", "test,train", "train,", "train,train"] + [
    "train,train"
] * 3
GIVEN = "\n".join(["first,second", *WORDS, "test,train"])


def test_splits_follow_a_file(of_file):
    """A row that was dropped, row 3, is on no side, and neither is one with an empty field."""
    made = of_file(GIVEN, [2, 1])
    assert made.seeds.tolist() == [2, 1]
    assert [rows.tolist() for rows in made.test] == [[0, 1], [2, 8]]
    assert [rows.tolist() for rows in made.train] == [[2, 4, 5, 6, 7, 8], [0, 1, 3, 4, 5, 6, 7]]


def test_one_column_of_a_file_holds_folds(of_file):
    made = of_file("fold\n" + "\n".join("aabbccaabb"), [1, 2, 3])
    assert [rows.tolist() for rows in made.test] == [[0, 1, 5, 6], [2, 7, 8], [3, 4]]


def test_empty_fields_of_one_column_are_left_out(of_file):
    """In a file of text and in one of Parquet: rows 1 and 9 are on no side."""
    words = ["", "train", "train", *["train"] * 4, "test", "", "test"]
    for made in (
        of_file('part,"b"\n' + "\n".join(f"{word},{word}" for word in words), [1]),
        of_file(words, [1]),
    ):
        assert [rows.tolist() for rows in made.test] == [[6, 8]]
        assert [rows.tolist() for rows in made.train] == [[1, 2, 3, 4, 5]]


def test_folds_that_are_numbers_are_in_their_order(of_file):
    made = of_file([1.0, 2.0, 3.0, 10.0, 10.0, 1.0, 2.0, 10.0, 1.0, 2.0], [1, 2, 3])
    assert [rows.tolist() for rows in made.test] == [[0, 4, 7], [1, 5, 8], [2, 3, 6]]


def test_splits_that_are_the_same_are_told():
    rows = [np.array([0, 1]), np.array([2, 3]), np.array([1, 0])]
    splits = Splits.of([1, 2, 3], [np.array([4, 5])] * 3, rows)
    assert doubts_of_copies(splits) == [
        "The splits 1 and 3 test on the same rows: leave one out of splits.seeds."
    ]
    assert doubts_of_copies(splits[:2]) == []


@pytest.mark.parametrize(
    ("text", "seeds", "said"),
    [
        (
            GIVEN,
            [3],
            r"has 2 columns, and splits\.seeds asks for number 3: set splits\.seeds to {first: 1, last: 2}",
        ),
        (GIVEN + "\ntest,test", [1], "has 11 rows, and that of the table has 10"),
        (
            GIVEN.replace("train,\n", "train,left\n"),
            [2],
            "holds 'left' in column 'second', row 5: write train",
        ),
        (GIVEN.replace("test,train", "train,train"), [1], "at least 2 rows on each side"),
        (GIVEN, [0], "the seeds number the splits, from 1 on"),
        ("a,a\n1,2\n", [1], "The file that gives the splits has more than one column named 'a'"),
    ],
)
def test_a_file_of_splits_that_does_not_fit_is_refused(of_file, text, seeds, said):
    with pytest.raises(InputError, match=said):
        of_file(text, seeds)
