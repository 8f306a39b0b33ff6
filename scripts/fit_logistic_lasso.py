"""Fits a logistic regression with the penalty of the lasso on each of many splits."""

from lineup.ledger.recorder import job, outputs
from lineup.models.class_search import Settings
from lineup.models.logistic_lasso import fit_logistic_lasso
from lineup.settings import typed

if __name__ == "__main__":
    with job(snakemake) as logger:
        fit_logistic_lasso(
            **snakemake.input,
            **outputs(snakemake),
            settings=typed(Settings, snakemake.params.spec["settings"]),
            processes=snakemake.threads,
            logger=logger,
        )
