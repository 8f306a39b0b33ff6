"""Gets a dataset's file: the first of its sources that gives a file with the SHA-256 in the config."""

from lineup.data.sources import fetch
from lineup.ledger.recorder import job

if __name__ == "__main__":
    # Snakemake puts the object `snakemake` into this script.
    with job(snakemake) as logger:
        fetch(
            **snakemake.params.spec["settings"],
            **snakemake.params.ladder,
            output=snakemake.output.raw,
            logger=logger,
        )
