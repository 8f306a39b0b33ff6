"""Collects what each model of a dataset cost, from the record of its job."""

import csv
import logging

from scripts.files import replacing
from scripts.job import job
from scripts.manifest import read_record


def timings(models: list[str], records: list[str], output: str, logger: logging.Logger) -> None:
    """Writes the cost of fitting each model on all splits.

    The costs are those of the job: reading, fitting and writing, without the start of Python and its
    imports. They differ from run to run, which is why they have a file of their own.

    Args:
        models: Names of the models.
        records: The records of their jobs in the manifest, in the same order.
        output: CSV file to write: ``model``, ``wall_seconds``, ``cpu_seconds``, ``peak_memory_mib`` (2^20 bytes).
        logger: Where to report.
    """
    with replacing(output) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["model", "wall_seconds", "cpu_seconds", "peak_memory_mib"])
        for model, path in zip(models, records, strict=True):
            cost = read_record(path)["cost"]
            writer.writerow([model, cost["wall_seconds"], cost["cpu_seconds"], cost["peak_memory_mib"]])
    logger.info("Costs of %d models collected.", len(models))


if __name__ == "__main__":
    with job(snakemake) as logger:
        timings(
            models=snakemake.params.spec["settings"]["models"],
            records=list(snakemake.input.records),
            output=snakemake.output.timings,
            logger=logger,
        )
