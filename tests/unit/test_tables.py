"""The tables that jobs hand on: written whole or not at all, with the same bytes, and read in order."""

import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.tree import ROOT
from support.waiting import PATIENCE

from lineup.data.design import pixels, read_design
from lineup.data.tables import (
    CHUNK,
    Splits,
    lists,
    parquet_writer,
    read_parts,
    read_schema,
    read_splits,
    read_table,
    read_tables,
    write_coefficients,
    write_splits,
    write_table,
)

COLUMNS = {"seed": np.array([1, 2, 2]), "name": ["a", "b", "é"], "value": np.array([0.1, np.nan, -1e300])}


def test_a_table_is_read_as_it_was_written(tmp_path):
    write_table(COLUMNS, tmp_path / "deep" / "table.parquet")
    read = read_table(tmp_path / "deep" / "table.parquet")
    assert list(read) == list(COLUMNS)
    for name, values in COLUMNS.items():
        np.testing.assert_array_equal(read[name], np.array(values, dtype=read[name].dtype))


def test_the_same_table_has_the_same_bytes(tmp_path):
    first, second = tmp_path / "first.parquet", tmp_path / "second.parquet"
    write_table(COLUMNS, first)
    write_table(pa.table(COLUMNS), second)
    assert first.read_bytes() == second.read_bytes()
    write_table(COLUMNS | {"value": np.array([0.1, np.nan, -1e299])}, second)
    assert first.read_bytes() != second.read_bytes()


def test_a_failing_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "table.parquet"
    write_table(COLUMNS, path)
    old = path.read_bytes()

    def write_a_part(table, where, **_):
        where.write_bytes(b"PAR1 and then the disk was full")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", write_a_part)
    with pytest.raises(OSError, match="No space left"):
        write_table({"a": [1]}, path)
    assert path.read_bytes() == old
    assert [entry.name for entry in tmp_path.iterdir()] == ["table.parquet"]


def test_tables_are_read_one_below_the_other(tmp_path):
    paths = [tmp_path / f"{name}.parquet" for name in "ab"]
    write_table(COLUMNS, paths[0])
    write_table({"seed": [9], "name": ["z"], "value": [0.5]}, paths[1])
    read = read_tables(paths)
    assert list(read) == list(COLUMNS)
    assert read["seed"].tolist() == [1, 2, 2, 9]
    assert read["name"].tolist() == ["a", "b", "é", "z"]
    np.testing.assert_array_equal(read["value"], [0.1, np.nan, -1e300, 0.5])
    assert read_tables(reversed(paths))["seed"].tolist() == [9, 1, 2, 2]


def test_parts_are_read_as_they_were_written(tmp_path):
    """Of several files, in their order; together they are the table."""
    paths = [tmp_path / f"{name}.parquet" for name in "ab"]
    parts = [[3, 1], [2], [7, 7, 8], [0]]
    for path, some in zip(paths, (parts[:3], parts[3:]), strict=True):
        with parquet_writer(path) as write:
            for part in some:
                write({"seed": np.array(part)})
    assert [columns["seed"].tolist() for columns in read_parts(paths)] == parts
    assert read_tables(paths)["seed"].tolist() == [3, 1, 2, 7, 7, 8, 0]


def test_parts_cut_short_leave_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "parts.parquet"
    write_table(COLUMNS, path)
    old = path.read_bytes()
    with pytest.raises(OSError, match="No space left"), parquet_writer(path) as write:
        write({"a": np.arange(3)})
        raise OSError(28, "No space left on device")
    assert path.read_bytes() == old
    assert [entry.name for entry in tmp_path.iterdir()] == ["parts.parquet"]


# Splits by hand; neither the seeds nor the rows are sorted.
BY_HAND = Splits(
    seeds=np.array([0, 9, 2**32 - 1]),
    train=np.array([[2, 4, 0], [2, 3, 4], [2, 0, 1]], dtype=np.int32),
    test=np.array([[1, 3], [1, 0], [4, 3]], dtype=np.int32),
)


def as_lists(splits):
    return splits.seeds.tolist(), splits.train.tolist(), splits.test.tolist()


def test_the_splits_are_read_in_the_order_of_the_file_and_the_rows_in_that_drawn(tmp_path):
    write_splits(BY_HAND, tmp_path / "splits.parquet")
    read = read_splits([tmp_path / "splits.parquet"])
    assert as_lists(read) == (
        [0, 9, 2**32 - 1],
        [[2, 4, 0], [2, 3, 4], [2, 0, 1]],
        [[1, 3], [1, 0], [4, 3]],
    )
    assert len(read) == 3
    assert pq.read_table(tmp_path / "splits.parquet").to_pydict() == {
        "seed": read.seeds.tolist(),
        "train": read.train.tolist(),
        "test": read.test.tolist(),
    }


def test_blocks_of_splits_are_read_in_the_order_of_their_files(tmp_path):
    first, second = tmp_path / "block_1.parquet", tmp_path / "block_2.parquet"
    write_splits(BY_HAND[:2], first)
    write_splits(BY_HAND[2:], second)
    assert as_lists(read_splits([first, second])) == as_lists(BY_HAND)
    assert read_splits([second, first]).seeds.tolist() == [2**32 - 1, 0, 9]


def test_some_of_the_splits_keep_their_rows():
    assert as_lists(BY_HAND[1:]) == ([9, 2**32 - 1], [[2, 3, 4], [2, 0, 1]], [[1, 0], [4, 3]])
    assert len(BY_HAND[:0]) == 0


@pytest.mark.parametrize(
    ("numbers", "sizes"),
    [
        (1, [3]),
        (CHUNK // 8 // 3, [3]),
        (CHUNK // 8 // 2, [2, 1]),
        (CHUNK // 8, [1, 1, 1]),
        (CHUNK, [1, 1, 1]),  # more than a chunk may hold, and yet one split at a time
    ],
)
def test_the_chunks_are_all_splits_in_their_order(numbers, sizes):
    chunks = list(BY_HAND.chunks(numbers))
    assert [len(chunk) for chunk in chunks] == sizes
    for field in ("seeds", "train", "test"):
        np.testing.assert_array_equal(
            np.concatenate([getattr(chunk, field) for chunk in chunks]), getattr(BY_HAND, field)
        )


def test_lists_of_one_length_are_an_array():
    """Of any number of parts, of which one may be a part of a larger array."""
    whole = pa.array([[9, 9], [1, 2], [3, 4], [5, 6]], pa.list_(pa.int32(), 2))
    column = pa.chunked_array([whole[1:3], whole[3:]])
    np.testing.assert_array_equal(lists(column), [[1, 2], [3, 4], [5, 6]])


def test_a_design_has_the_features_that_the_table_names(tmp_path):
    """The description decides what is a feature and in which order, not the place of the columns."""
    schema = {
        "task": "regression",
        "target": {"name": "t"},
        "features": [{"name": "b", "coding": "number"}, {"name": "a", "coding": "number"}],
    }
    table = pa.table({"t": [5, 6], "a": [1, 2], "b": pa.array([0, 1], pa.int8()), "left over": ["x", "y"]})
    write_table(table.replace_schema_metadata({b"lineup": json.dumps(schema)}), tmp_path / "prepared.parquet")
    design = read_design(tmp_path / "prepared.parquet")
    assert (design.features, design.target) == (["b", "a"], "t")
    np.testing.assert_array_equal(design.X, [[0.0, 1.0], [1.0, 2.0]])
    np.testing.assert_array_equal(design.y, [5.0, 6.0])
    assert design.X.dtype == design.y.dtype == np.float64
    assert read_schema(tmp_path / "prepared.parquet") == schema


def test_the_intercept_stands_before_the_coefficients_of_each_split(tmp_path):
    splits = Splits(np.array([4, 2]), np.array([[0], [0]]), np.array([[1], [1]]))
    coefficients, intercepts = np.array([[1.0, 2.0], [-1.0, 0.0]]), np.array([3.0, -3.0])
    write_coefficients(splits, ["a", "b"], coefficients, intercepts, tmp_path / "coefficients.parquet")
    assert pq.read_table(tmp_path / "coefficients.parquet").to_pydict() == {
        "seed": [4, 4, 4, 2, 2, 2],
        "term": ["(intercept)", "a", "b"] * 2,
        "coefficient": [3.0, 1.0, 2.0, -3.0, -1.0, 0.0],
    }


def test_pandas_is_not_imported(hitters_table):
    """Its import takes a third of a second, and pyarrow would swallow a Ctrl-C in it. Others may still import it."""
    code = "import sys; from lineup.data.tables import read_table\n"
    code += "read_table(sys.argv[1]); assert 'pandas' not in sys.modules\n"
    code += "import pandas; print(pandas.DataFrame({'a': [1]}).a.sum())"
    done = subprocess.run(
        [sys.executable, "-c", code, hitters_table],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr


def test_pixels_of_a_part_of_a_column():
    images = np.arange(60, dtype=np.uint8).reshape(10, 6)
    whole = pa.array([image.tobytes() for image in images], pa.binary(6))
    column = pa.chunked_array([whole.slice(2, 3), whole.slice(7, 2)])
    np.testing.assert_array_equal(pixels(column), images[[2, 3, 4, 7, 8]])
