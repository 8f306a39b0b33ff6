"""Collects what each model of a dataset cost, from the record of its job."""

import csv
import logging
from pathlib import Path

from lineup.files import replacing
from lineup.ledger.recorder import job
from lineup.ledger.records import cost_of


def timings(models: list[str], records: list[str], output: str, logger: logging.Logger) -> None:
    """Writes the cost of fitting each model on all splits.

    The costs are those of the jobs, one for each block of splits: reading, fitting and writing, without
    the start of Python and its imports. They differ from run to run, which is why they have a file of
    their own.

    Args:
        models: Names of the models.
        records: The records of their jobs in the manifest, one for each block of a model: ``{dataset}.{model}.{block}.json``.
        output: CSV file to write: ``model``; ``jobs``, their number; ``wall_seconds`` and
            ``cpu_seconds``, the sums over them; ``peak_memory_mib`` (2^20 bytes), the largest of one process.
        logger: Where to report.
    """
    with replacing(output) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["model", "jobs", "wall_seconds", "cpu_seconds", "peak_memory_mib"])
        for model in models:
            costs = [cost_of(path) for path in records if Path(path).name.split(".")[1] == model]
            wall, cpu = (
                round(sum(cost[key] for cost in costs), 3) for key in ("wall_seconds", "cpu_seconds")
            )
            writer.writerow([model, len(costs), wall, cpu, max(cost["peak_memory_mib"] for cost in costs)])
    logger.info("Costs of %d models collected.", len(models))


if __name__ == "__main__":
    with job(snakemake) as logger:
        timings(
            models=snakemake.params.spec["settings"]["models"],
            records=list(snakemake.input.records),
            output=snakemake.output.timings,
            logger=logger,
        )
