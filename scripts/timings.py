"""Collects what each model of a dataset cost, from the record of its job."""

import csv
import logging

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
        records: The records of their jobs in the manifest: for each model those of the B blocks.
        output: CSV file to write: ``model``; ``jobs``, their number B; ``wall_seconds`` and
            ``cpu_seconds``, the sums over them; ``peak_memory_mib`` (2^20 bytes), the largest of one process.
        logger: Where to report.

    Raises:
        ValueError: If there are not as many records for each model.
    """
    blocks, rest = divmod(len(records), len(models))
    if rest:
        raise ValueError(f"{len(records)} records of {len(models)} models: one is missing, or too many.")
    with replacing(output) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["model", "jobs", "wall_seconds", "cpu_seconds", "peak_memory_mib"])
        for k, model in enumerate(models):
            costs = [cost_of(path) for path in records[k * blocks : (k + 1) * blocks]]
            wall, cpu = (
                round(sum(cost[key] for cost in costs), 3) for key in ("wall_seconds", "cpu_seconds")
            )
            writer.writerow([model, blocks, wall, cpu, max(cost["peak_memory_mib"] for cost in costs)])
    logger.info("Costs of %d models collected.", len(models))


if __name__ == "__main__":
    with job(snakemake) as logger:
        timings(
            models=snakemake.params.spec["settings"]["models"],
            records=list(snakemake.input.records),
            output=snakemake.output.timings,
            logger=logger,
        )
