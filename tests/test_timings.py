"""The costs of the models, from the records of their jobs."""

import csv
import json

import pytest

from scripts.timings import timings


@pytest.fixture
def record(tmp_path):
    """Gives a function that writes the record of a job with a cost, and returns its path."""

    def write(name, wall, cpu, memory):
        path = tmp_path / f"{name}.json"
        parts = {part: {} for part in ("rule", "wildcards", "outputs", "inputs", "specification")}
        cost = {"wall_seconds": wall, "peak_memory_mib": memory, "cpu_seconds": cpu}
        path.write_text(json.dumps(parts | {"rule": "fit", "cost": cost}), encoding="utf-8")
        return str(path)

    return write


def test_the_costs_stand_in_the_order_of_the_models(tmp_path, record, logger):
    paths = [record("network", 4.25, 3.5, 512.5), record("lasso", 1.5, 1.25, 128.25)]
    output = tmp_path / "costs" / "timings.csv"
    timings(["network", "lasso"], paths, str(output), logger)
    with output.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["model", "wall_seconds", "cpu_seconds", "peak_memory_mib"]
    assert [row[0] for row in rows[1:]] == ["network", "lasso"]
    figures = [[float(value) for value in row[1:]] for row in rows[1:]]
    assert figures == [[4.25, 3.5, 512.5], [1.5, 1.25, 128.25]]


def test_a_record_for_each_model(tmp_path, record, logger):
    with pytest.raises(ValueError, match="zip"):
        timings(["a", "b"], [record("a", 1, 1, 1)], str(tmp_path / "timings.csv"), logger)
    assert not (tmp_path / "timings.csv").exists()
