"""Fits a logistic regression, or of many classes a multinomial one, on every split, by maximum likelihood."""

from lineup.ledger.recorder import job, outputs
from lineup.models.logistic import fit_logistic

if __name__ == "__main__":
    with job(snakemake) as logger:
        fit_logistic(**snakemake.input, **outputs(snakemake), processes=snakemake.threads, logger=logger)
