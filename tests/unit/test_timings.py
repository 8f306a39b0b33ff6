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
        record("hitters.net.1", 9.0, 9.0, 9.0),
        record("hitters.network.1", 4.25, 3.5, 512.5),
        record("hitters.network.2", 0.5, 0.25, 600.0),
        record("hitters.lasso.1", 1.5, 1.25, 128.25),
        record("hitters.lasso.2_first_7", 1.0, 1.0, 64.0),
    ]
    output = tmp_path / "costs" / "timings.csv"
    timings(["network", "lasso", "net"], paths, str(output), logger)
    with output.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["model", "jobs", "wall_seconds", "cpu_seconds", "peak_memory_mib"]
    assert [row[0] for row in rows[1:]] == ["network", "lasso", "net"]
    figures = [[float(value) for value in row[1:]] for row in rows[1:]]
    # Times are summed; memory is the most that one of the jobs held.
    assert figures == [[2, 4.75, 3.75, 600.0], [2, 2.5, 2.25, 128.25], [1, 9, 9, 9]]


def test_a_record_that_cannot_be_read_is_named(tmp_path, logger):
    path = tmp_path / "one.lasso.1.json"
    path.write_text("null", encoding="utf-8")
    with pytest.raises(InputError, match=r"one\.lasso\.1\.json cannot be read: run again\."):
        timings(["lasso"], [str(path)], str(tmp_path / "timings.csv"), logger)
