"""The task of a table where the config does not say it."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from lineup.data.task import Tasks, task_of_file, task_of_models

HEADER = "a,y\n"


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["1", "2.5", "-3e4"], "regression"),
        (["1", "NA", "?", "3"], "regression"),
        (["$1,200", "$900", "$1"], "regression"),
        (["2024-01-02", "2024-01-03"], "classification"),
        (["yes", "no", "yes"], "classification"),
        (["TRUE", "FALSE", ""], "classification"),
        (["0", "1", "0"], "regression"),
        (["1", "2", "high"], "classification"),
        (["low", "2", "high"], "classification"),
    ],
)
def test_numbers_are_a_regression_and_words_a_classification(tmp_path, values, task):
    path = tmp_path / "table.csv"
    frame = pd.DataFrame({"a": np.arange(len(values)), "y": values})
    frame.to_csv(path, index=False)
    assert task_of_file(str(path), "y", {}) == task
    path.write_text("sep=;\n" + frame.to_csv(sep=";", index=False), encoding="utf-8")
    assert task_of_file(str(path), "y", {}) == task


def test_words_that_stand_for_missing_are_told(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,y\n1,5\n2,gone\n3,7\n", encoding="utf-8")
    assert task_of_file(str(path), "y", {}) == "classification"
    assert task_of_file(str(path), "y", {"missing": ["Gone"]}) == "regression"


@pytest.mark.parametrize("ending", ["parquet", "feather"])
def test_a_file_with_types_tells_by_them(tmp_path, ending):
    path = tmp_path / f"table.{ending}"
    columns = {"n": [1.0, 2.0], "w": ["a", "b"], "t": [True, False]}
    table = pa.table(columns | {"c": pa.array(["u", "v"]).dictionary_encode()})
    {"parquet": pq.write_table, "feather": pyarrow.feather.write_feather}[ending](table, path)
    tasks = [task_of_file(str(path), column, {}) for column in table.column_names]
    assert tasks == ["regression", *["classification"] * 3]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"a,b\n1,2\n"])
def test_what_is_wrong_with_the_file_is_told_elsewhere(tmp_path, content):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    assert task_of_file(str(path), "y", {}) == "regression"


def test_without_a_file_the_models_tell():
    models = {"one": {"kind": "logistic"}, "two": {"kind": "mlp"}, "three": {"kind": "lasso"}}
    assert task_of_models({"models": ["two", "one"]}, models) == "classification"
    assert task_of_models({"models": ["three"]}, models) == "regression"
    assert (
        task_of_models({"models": ["two", "unknown"]}, models) == task_of_models({}, models) == "regression"
    )


def test_a_job_goes_by_what_the_run_found(tmp_path):
    """The run looks at the file each time that it has changed; its jobs do not need it."""
    path, cache = tmp_path / "table.csv", tmp_path / "state" / "tasks.json"
    path.write_text("a,y\n1,no\n2,yes\n", encoding="utf-8")
    block = {"file": str(path), "target": "y"}

    def found(is_main):
        tasks = Tasks(cache, is_main)
        task = tasks.of("mine", block, {})
        tasks.save()
        return task

    assert found(False) == "classification" and not cache.exists()
    assert found(True) == "classification" and cache.exists()
    path.write_text("a,y\n1,10\n2,20\n", encoding="utf-8")
    assert found(False) == "classification"
    assert found(True) == found(False) == "regression"
    path.unlink()
    assert found(False) == found(True) == "regression"
    told = block | {"columns": {"y": "category"}}
    assert Tasks(cache, True).of("mine", told, {}) == "classification"
