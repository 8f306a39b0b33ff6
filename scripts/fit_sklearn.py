"""Fits an estimator that keeps scikit-learn's conventions on every split."""

from lineup.ledger.recorder import job, outputs
from lineup.models.sklearn import Settings, fit_sklearn
from lineup.settings import typed

if __name__ == "__main__":
    with job(snakemake) as logger:
        fit_sklearn(
            **snakemake.input,
            **outputs(snakemake),
            settings=typed(Settings, snakemake.params.spec["settings"]),
            processes=snakemake.threads,
            logger=logger,
        )
