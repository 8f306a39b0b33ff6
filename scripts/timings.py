"""Collects what each model of a dataset cost, from the benchmark records of its job."""

import csv
import logging
from pathlib import Path

from scripts.files import replacing
from scripts.job import job


def read_benchmark(path: str) -> dict[str, str]:
    """Reads the last record of a benchmark file that Snakemake wrote."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))[-1]


def timings(models: list[str], benchmarks: list[str], output: str, logger: logging.Logger) -> None:
    """Writes the cost of fitting each model on all splits.

    The costs are those of the whole job: start-up, imports, reading, fitting and writing. They differ
    from run to run, which is why they have a file of their own.

    Args:
        models: Names of the models.
        benchmarks: Their benchmark files, in the same order.
        output: CSV file to write: ``model``, ``wall_seconds``, ``cpu_seconds``, ``peak_memory_mib`` (2^20 bytes).
        logger: Where to report.
    """
    with replacing(output) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["model", "wall_seconds", "cpu_seconds", "peak_memory_mib"])
        for model, path in zip(models, benchmarks, strict=True):
            record = read_benchmark(path)
            writer.writerow([model, record["s"], record["cpu_time"], record["max_rss"]])
    logger.info("Costs of %d models collected.", len(models))


if __name__ == "__main__":
    with job(snakemake) as logger:
        timings(
            models=snakemake.params.spec["settings"]["models"],
            benchmarks=list(snakemake.input.benchmarks),
            output=snakemake.output.timings,
            logger=logger,
        )
