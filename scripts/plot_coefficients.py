"""Draws the coefficients of a linear model of classes."""

from lineup.figures.coefficients import plot_coefficients
from lineup.ledger.recorder import job, outputs

if __name__ == "__main__":
    with job(snakemake):
        plot_coefficients(
            model=snakemake.wildcards.model,
            table=snakemake.input.table,
            weights=list(snakemake.input.weights),
            **outputs(snakemake),
        )
