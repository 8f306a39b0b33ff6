"""Draws the worst mistakes of a model that tells images apart."""

from lineup.figures.mistakes import plot_mistakes
from lineup.ledger.recorder import job, outputs

if __name__ == "__main__":
    with job(snakemake):
        plot_mistakes(snakemake.wildcards.model, **snakemake.input, **outputs(snakemake))
