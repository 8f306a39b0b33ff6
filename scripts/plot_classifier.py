"""Draws what a model makes of the classes: which it takes for which, its calibration, and how well it tells them apart."""

from lineup.figures.classes import plot_classifier
from lineup.ledger.recorder import job, outputs

if __name__ == "__main__":
    with job(snakemake):
        plot_classifier(
            model=snakemake.wildcards.model,
            table=snakemake.input.table,
            predictions=list(snakemake.input.predictions),
            **outputs(snakemake),
            **snakemake.params.spec["settings"],
        )
