"""Draws the weights of a linear model of classes as one picture for each class."""

from lineup.figures.weights import plot_weights
from lineup.ledger.recorder import job

if __name__ == "__main__":
    with job(snakemake):
        plot_weights(
            model=snakemake.wildcards.model,
            table=snakemake.input.table,
            weights=snakemake.input.weights,
            svg=snakemake.output.weights_svg,
            png=snakemake.output.weights_png,
        )
