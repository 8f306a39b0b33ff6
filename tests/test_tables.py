"""The tables that jobs hand on: written whole or not at all, with the same bytes, and read in order."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scripts.tables import (
    Split,
    read_design,
    read_schema,
    read_splits,
    read_table,
    write_coefficients,
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


def test_the_splits_are_read_in_the_order_of_the_file_and_the_rows_in_that_drawn(tmp_path):
    """The orders are written by hand; neither the seeds nor the rows are sorted."""
    write_table(
        {
            "seed": np.array([0] * 5 + [9] * 5 + [-1] * 5),
            "row": np.array([0, 1, 2, 3, 4] * 3),
            "test": np.array([0, 1, 0, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1], dtype=bool),
            "order": np.array([2, 0, 0, 1, 1, 1, 0, 0, 1, 2, 1, 2, 0, 1, 0]),
        },
        tmp_path / "splits.parquet",
    )
    read = [
        (one.seed, one.train.tolist(), one.test.tolist()) for one in read_splits(tmp_path / "splits.parquet")
    ]
    assert read == [(0, [2, 4, 0], [1, 3]), (9, [2, 3, 4], [1, 0]), (-1, [2, 0, 1], [4, 3])]


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
    splits = [Split(seed, np.array([0]), np.array([1])) for seed in (4, 2)]
    fits = [(np.array([1.0, 2.0]), 3.0), (np.array([-1.0, 0.0]), -3.0)]
    write_coefficients(splits, ["a", "b"], fits, tmp_path / "coefficients.parquet")
    assert pq.read_table(tmp_path / "coefficients.parquet").to_pydict() == {
        "seed": [4, 4, 4, 2, 2, 2],
        "term": ["(intercept)", "a", "b"] * 2,
        "coefficient": [3.0, 1.0, 2.0, -3.0, -1.0, 0.0],
    }
