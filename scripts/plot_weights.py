"""Draws the weights of a linear model of images as one picture for each class."""

from lineup.figures.weights import plot_weights
from lineup.ledger.recorder import job, outputs

if __name__ == "__main__":
    with job(snakemake):
        plot_weights(snakemake.wildcards.model, **snakemake.input, **outputs(snakemake))
