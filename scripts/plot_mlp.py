"""Draws the figures of the neural network: its learning curve and its predictions."""

import numpy as np

from scripts.figures import BLUE, GREY, ORANGE, label, new_figure, plot_predictions, save_figure, with_unit
from scripts.job import job
from scripts.tables import read_table


def plot_learning_curve(
    model: str, learning_curves: str, unit: str, validation: str | float, svg: str, png: str
) -> None:
    """Draws the mean absolute error by epoch, in training and on the validation rows.

    The first split is in colour; the validation curves of other splits lie behind it in grey.

    Args:
        model: Name of the model.
        learning_curves: Its learning curves, as ``fit_mlp`` wrote them.
        unit: Unit of the target, empty if it has none.
        validation: ``test``, or the share of the training rows that is held out.
        svg: SVG file to write.
        png: PNG file to write.
    """
    columns = read_table(learning_curves)
    seeds = np.unique(columns["seed"])
    epoch, training, valid = (
        columns[name].reshape(len(seeds), -1) for name in ("epoch", "train_mae", "valid_mae")
    )
    rows = "the test rows" if validation == "test" else f"{validation:.0%} of the training rows, held out"
    figure, axes = new_figure()
    for k in range(1, min(len(seeds), 200)):
        axes.plot(epoch[k], valid[k], color=GREY, linewidth=0.5, alpha=0.3)
    axes.plot(epoch[0], training[0], color=BLUE, label="training, with dropout")
    axes.plot(epoch[0], valid[0], color=ORANGE, label=f"validation: {rows}")
    # The axis starts at 0, as in the book, and ends above what follows the first epochs.
    settled = max(training[0, len(epoch[0]) // 10 :].max(), valid[0, len(epoch[0]) // 10 :].max())
    axes.set_ylim(0, 100 * np.ceil(settled * 1.1 / 100) if settled > 100 else settled * 1.2)
    axes.set(
        title=f"{label(model)}: MAE by epoch, split seed {columns['seed'][0]}",
        xlabel="epoch",
        ylabel=with_unit("MAE", unit),
    )
    axes.legend()
    save_figure(figure, svg, png)


if __name__ == "__main__":
    with job(snakemake):
        model, files, out = snakemake.wildcards.model, snakemake.input, snakemake.output
        settings = snakemake.params.spec["settings"]
        plot_learning_curve(
            model,
            files.learning_curves,
            settings["target_unit"],
            settings["validation"],
            out.learning_curves_svg,
            out.learning_curves_png,
        )
        plot_predictions(
            model,
            files.predictions,
            files.table,
            settings["target_unit"],
            out.predictions_svg,
            out.predictions_png,
        )
