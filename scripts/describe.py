"""Writes the block of the config that a file would be read with, and says what is doubtful."""

from lineup.data.description import describe
from lineup.errors import InputError
from lineup.ledger.recorder import log_to

if __name__ == "__main__":
    with log_to(snakemake.log[0]) as logger:
        if not snakemake.params.file:
            raise InputError(
                "Say which file: snakemake describe --config file=PATH, and target=COLUMN if it is known."
            )
        print(describe(snakemake.params.file, snakemake.params.target), end="")
