"""Fits a logistic regression with the penalty of the lasso on each of many splits."""

from lineup.ledger.recorder import job, outputs
from lineup.models.logistic import Settings, fit_logistic
from lineup.settings import typed

if __name__ == "__main__":
    with job(snakemake) as logger:
        fit_logistic(
            **snakemake.input,
            **outputs(snakemake),
            settings=typed(Settings, snakemake.params.spec["settings"]),
            processes=snakemake.threads,
            logger=logger,
        )
