"""Sets out which rows each split trains on and which it tests on."""

from lineup.data.splits import split
from lineup.ledger.recorder import job

if __name__ == "__main__":
    with job(snakemake) as logger:
        split(
            table=snakemake.input.table,
            file=snakemake.input.file or None,
            output=snakemake.output.splits,
            logger=logger,
            **snakemake.params.spec["settings"],
        )
