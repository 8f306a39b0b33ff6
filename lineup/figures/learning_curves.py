"""Draws the figures of the neural network: its learning curves and its predictions."""

import numpy as np

from lineup.data.tables import read_tables
from lineup.figures.style import BLUE, ORANGE, label, new_figure, save_figure, with_unit


def plot_learning_curve(
    model: str, learning_curves: list[str], unit: str, validation: str | float, svg: str, png: str
) -> None:
    """Draws the mean absolute error by epoch, in training and on the validation rows.

    The lines are those of the first split; of several splits, a band spans the central 90 % of the
    networks that are still trained at the epoch.

    Args:
        model: Name of the model.
        learning_curves: Its learning curves, one file a block of splits.
        unit: Unit of the target, empty if it has none.
        validation: ``test``, or the share of the training rows that is held out.
        svg: SVG file to write.
        png: PNG file to write.
    """
    columns = read_tables(learning_curves)
    epoch, first = columns["epoch"], columns["seed"] == columns["seed"][0]
    networks = int((epoch == 1).sum())
    rows = "the test rows" if validation == "test" else f"{validation:.0%} of the training rows, held out"
    figure, axes = new_figure()
    top = 0.0
    for name, color, what in (
        ("train_mae", BLUE, "training, with dropout"),
        ("valid_mae", ORANGE, f"validation: {rows}"),
    ):
        if networks > 1:
            epochs = np.arange(1, epoch.max() + 1)
            below, above = np.transpose(
                [np.quantile(columns[name][epoch == number], [0.05, 0.95]) for number in epochs]
            )
            band = f"90 % of {networks:,} splits"
            axes.fill_between(epochs, below, above, color=color, alpha=0.18, linewidth=0, label=band)
            top = max(top, above[len(epochs) // 10 :].max())
        curve = columns[name][first]
        axes.plot(epoch[first], curve, color=color, label=f"{what}, split seed {columns['seed'][0]}")
        top = max(top, curve[len(curve) // 10 :].max())
    # The axis starts at 0, as in the book, and ends above what follows the first epochs.
    axes.set_ylim(0, 100 * np.ceil(top * 1.1 / 100) if top > 100 else top * 1.2)
    axes.set(title=f"{label(model)}: MAE by epoch", xlabel="epoch", ylabel=with_unit("MAE", unit))
    axes.legend(ncols=1)
    save_figure(figure, svg, png)
