"""Draws the figures of least squares."""

from scripts.figures import plot_predictions
from scripts.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        plot_predictions(model=snakemake.wildcards.model, **snakemake.input, **snakemake.output)
