"""The costs of the models, from records as Snakemake writes them."""

import csv

import pytest
from snakemake.benchmark import BenchmarkRecord

from scripts.timings import read_benchmark, timings


@pytest.fixture
def benchmark(tmp_path):
    """Gives a function that writes a benchmark file, as Snakemake itself does, and returns its path."""

    def write(name, *records):
        path = tmp_path / f"{name}.tsv"
        lines = ["\t".join(BenchmarkRecord.get_header())]
        lines += [record.to_tsv(extended_fmt=False) for record in records]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return str(path)

    return write


def record(seconds, memory, cpu):
    made = BenchmarkRecord(running_time=seconds, max_rss=memory, cpu_time=cpu)
    made.data_collected = True
    return made


def test_the_costs_stand_in_the_order_of_the_models(tmp_path, benchmark, logger):
    paths = [benchmark("network", record(4.25, 512.5, 3.5)), benchmark("lasso", record(1.5, 128.25, 1.25))]
    output = tmp_path / "costs" / "timings.csv"
    timings(["network", "lasso"], paths, str(output), logger)
    with output.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["model", "wall_seconds", "cpu_seconds", "peak_memory_mib"]
    assert [row[0] for row in rows[1:]] == ["network", "lasso"]
    figures = [[float(value) for value in row[1:]] for row in rows[1:]]
    assert figures == [[4.25, 3.5, 512.5], [1.5, 1.25, 128.25]]


def test_the_last_of_several_records_counts(benchmark):
    path = benchmark("lasso", record(1.5, 128.25, 1.25), record(2.5, 256.5, 2.25))
    assert float(read_benchmark(path)["s"]) == 2.5


def test_a_figure_that_was_not_measured_stays_so(tmp_path, benchmark, logger):
    """Of a job that is over at once Snakemake knows the time only, and writes NA."""
    made = record(0.01, None, None)
    made.data_collected = False
    timings(["quick"], [benchmark("quick", made)], str(tmp_path / "timings.csv"), logger)
    assert (tmp_path / "timings.csv").read_text(encoding="utf-8").splitlines()[1] == "quick,0.01,NA,NA"


def test_a_record_for_each_model(tmp_path, benchmark, logger):
    with pytest.raises(ValueError, match="zip"):
        timings(["a", "b"], [benchmark("a", record(1, 1, 1))], str(tmp_path / "timings.csv"), logger)
    assert not (tmp_path / "timings.csv").exists()
