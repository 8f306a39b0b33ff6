"""Gets the file that says which rows each split tests on."""

from lineup.data.sources import fetch
from lineup.ledger.recorder import job

if __name__ == "__main__":
    with job(snakemake) as logger:
        fetch(
            **snakemake.params.spec["settings"],
            **snakemake.params.ladder,
            output=snakemake.output.splits,
            logger=logger,
        )
