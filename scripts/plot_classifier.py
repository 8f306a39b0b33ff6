"""Draws what a model makes of the classes: which it takes for which, its worst mistakes, and its calibration."""

from lineup.figures.classes import plot_classifier
from lineup.ledger.recorder import job, outputs

if __name__ == "__main__":
    with job(snakemake):
        plot_classifier(snakemake.wildcards.model, **snakemake.input, **outputs(snakemake))
