"""Draws the figures of the lasso: its cross-validation, coefficient paths, selection and predictions."""

from lineup.figures.lasso import plot_grid, plot_path, plot_selection, read_grid
from lineup.figures.predictions import plot_predictions
from lineup.ledger.recorder import job

if __name__ == "__main__":
    with job(snakemake):
        model, files, out = snakemake.wildcards.model, snakemake.input, snakemake.output
        unit = snakemake.params.spec["settings"]["target_unit"]
        grid = read_grid(list(files.grid))
        plot_grid(model, grid, unit, out.grid_svg, out.grid_png)
        plot_path(model, files.path, grid.chosen[0], files.table, unit, out.path_svg, out.path_png)
        plot_selection(model, grid, list(files.coefficients), out.selection_svg, out.selection_png)
        plot_predictions(
            model, list(files.predictions), files.table, unit, out.predictions_svg, out.predictions_png
        )
