"""Turns the CSV file of a dataset into the table that every model sees."""

from lineup.data.coding import preprocess
from lineup.ledger.recorder import job

if __name__ == "__main__":
    with job(snakemake) as logger:
        preprocess(
            raw=snakemake.input.raw,
            output=snakemake.output.table,
            logger=logger,
            **snakemake.params.spec["settings"],
        )
