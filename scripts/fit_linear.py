"""Fits least squares on every split."""

from lineup.ledger.recorder import job, outputs
from lineup.models.linear import fit_linear

if __name__ == "__main__":
    with job(snakemake) as logger:
        fit_linear(**snakemake.input, **outputs(snakemake), logger=logger)
