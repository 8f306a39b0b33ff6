"""Draws the figures of ridge regression: its cross-validation and its predictions."""

from lineup.figures.lasso import plot_grid, read_grid
from lineup.figures.predictions import plot_predictions
from lineup.ledger.recorder import job

if __name__ == "__main__":
    with job(snakemake):
        model, files, out = snakemake.wildcards.model, snakemake.input, snakemake.output
        unit = snakemake.params.spec["settings"]["target_unit"]
        plot_grid(model, read_grid(list(files.grid)), unit, out.grid_svg, out.grid_png)
        plot_predictions(
            model, list(files.predictions), files.table, unit, out.predictions_svg, out.predictions_png
        )
