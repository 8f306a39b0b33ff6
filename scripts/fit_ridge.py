"""Fits ridge regression on every split, with a penalty chosen by cross-validation."""

from lineup.ledger.recorder import job, outputs
from lineup.models.ridge import Settings, fit_ridge
from lineup.settings import typed

if __name__ == "__main__":
    with job(snakemake) as logger:
        fit_ridge(
            **snakemake.input,
            **outputs(snakemake),
            settings=typed(Settings, snakemake.params.spec["settings"]),
            logger=logger,
        )
