"""Draws the learning curves of a neural network that tells classes apart."""

from lineup.figures.training import plot_training
from lineup.ledger.recorder import job, outputs

if __name__ == "__main__":
    with job(snakemake):
        plot_training(
            model=snakemake.wildcards.model,
            learning_curves=list(snakemake.input.learning_curves),
            **snakemake.params.spec["settings"],
            **outputs(snakemake),
        )
