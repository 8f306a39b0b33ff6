"""Turns the CSV file of a dataset into the table that every model sees."""

from lineup.data.preparation import preprocess
from lineup.ledger.recorder import job

if __name__ == "__main__":
    with job(snakemake) as logger:
        preprocess(
            raw=snakemake.input.raw,
            output=snakemake.output.table,
            file=snakemake.params.file,
            logger=logger,
            **snakemake.params.spec["settings"],
        )
