"""Fits the lasso on every split, with a penalty chosen by cross-validation."""

from lineup.ledger.recorder import job, outputs
from lineup.models.lasso import fit_lasso

if __name__ == "__main__":
    with job(snakemake) as logger:
        fit_lasso(**snakemake.input, **outputs(snakemake), **snakemake.params.spec["settings"], logger=logger)
