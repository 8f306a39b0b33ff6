"""Draws the figures of an estimator."""

from lineup.figures.predictions import plot_predictions
from lineup.ledger.recorder import job, outputs

if __name__ == "__main__":
    with job(snakemake):
        plot_predictions(
            model=snakemake.wildcards.model,
            unit=snakemake.params.spec["settings"]["target_unit"],
            predictions=list(snakemake.input.predictions),
            table=snakemake.input.table,
            **outputs(snakemake),
        )
