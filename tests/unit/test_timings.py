"""The costs of the models, from the records of their jobs."""

import csv
import json

import pytest
from support.records import RECORD_OF_NOTHING

from lineup.errors import InputError
from scripts.timings import timings


@pytest.fixture
def record(tmp_path):
    """Gives a function that writes the record of a job with a cost, and returns its path."""

    def write(name, wall, cpu, memory):
        path = tmp_path / f"{name}.json"
        cost = {"wall_seconds": wall, "peak_memory_mib": memory, "cpu_seconds": cpu}
        path.write_text(json.dumps(RECORD_OF_NOTHING | {"cost": cost}), encoding="utf-8")
        return str(path)

    return write


def test_the_costs_of_the_blocks_add_up_in_the_order_of_the_models(tmp_path, record, logger):
    paths = [
        record("network1", 4.25, 3.5, 512.5),
        record("network2", 0.5, 0.25, 600.0),
        record("lasso1", 1.5, 1.25, 128.25),
        record("lasso2", 1.0, 1.0, 64.0),
    ]
    output = tmp_path / "costs" / "timings.csv"
    timings(["network", "lasso"], paths, str(output), logger)
    with output.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["model", "jobs", "wall_seconds", "cpu_seconds", "peak_memory_mib"]
    assert [row[0] for row in rows[1:]] == ["network", "lasso"]
    figures = [[float(value) for value in row[1:]] for row in rows[1:]]
    # Times are summed; memory is the most that one of the jobs held.
    assert figures == [[2, 4.75, 3.75, 600.0], [2, 2.5, 2.25, 128.25]]


def test_a_record_that_cannot_be_read_is_named(tmp_path, logger):
    (tmp_path / "one.json").write_text("null", encoding="utf-8")
    with pytest.raises(InputError, match=r"one\.json cannot be read: run again\."):
        timings(["lasso"], [str(tmp_path / "one.json")], str(tmp_path / "timings.csv"), logger)


def test_as_many_records_for_each_model(tmp_path, record, logger):
    with pytest.raises(ValueError, match="3 records of 2 models"):
        timings(["a", "b"], [record(name, 1, 1, 1) for name in "abc"], str(tmp_path / "timings.csv"), logger)
    assert not (tmp_path / "timings.csv").exists()
