"""Draws what the scores of models vary by, where some were trained several times."""

from lineup.figures.variance import plot_variance
from lineup.ledger.recorder import job, outputs

if __name__ == "__main__":
    with job(snakemake):
        plot_variance(snakemake.input[0], **snakemake.params.spec["settings"], **outputs(snakemake))
