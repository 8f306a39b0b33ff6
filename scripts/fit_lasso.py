"""Fits the lasso on every split, with a penalty chosen by cross-validation."""

from lineup.ledger.recorder import job, outputs
from lineup.models.lasso import Settings, fit_lasso
from lineup.settings import typed

if __name__ == "__main__":
    with job(snakemake) as logger:
        fit_lasso(
            **snakemake.input,
            **outputs(snakemake),
            settings=typed(Settings, snakemake.params.spec["settings"]),
            logger=logger,
        )
