"""Draws the figures of the neural network: its learning curves and its predictions."""

from lineup.figures.learning_curves import plot_learning_curve
from lineup.figures.predictions import plot_predictions
from lineup.ledger.recorder import job

if __name__ == "__main__":
    with job(snakemake):
        model, files, out = snakemake.wildcards.model, snakemake.input, snakemake.output
        settings = snakemake.params.spec["settings"]
        plot_learning_curve(
            model,
            list(files.learning_curves),
            settings["target_unit"],
            settings["validation"],
            out.learning_curves_svg,
            out.learning_curves_png,
        )
        plot_predictions(
            model,
            list(files.predictions),
            files.table,
            settings["target_unit"],
            out.predictions_svg,
            out.predictions_png,
        )
