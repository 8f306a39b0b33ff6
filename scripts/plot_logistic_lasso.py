"""Draws the cross-validation of a penalized logistic regression."""

from lineup.figures.lasso import plot_grid, read_grid
from lineup.ledger.recorder import job, outputs

if __name__ == "__main__":
    with job(snakemake):
        grid = read_grid(list(snakemake.input.grid), "log_loss")
        plot_grid(snakemake.wildcards.model, grid, "", **outputs(snakemake))
