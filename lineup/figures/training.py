"""Draws the learning curves of a neural network that tells classes apart."""

import numpy as np

from lineup.data.tables import read_tables
from lineup.figures.style import BLUE, ORANGE, label, new_figure, save_figure

# ASSUME: from this many splits on, a band says more than a line for each.
BAND = 10


def curves_by_split(columns: dict[str, np.ndarray], name: str) -> np.ndarray:
    """Gives one curve for each split: shape (splits, epochs), NaN after the end of a training.

    Args:
        columns: The learning curves, split by split, each from its first epoch on.
        name: The column.
    """
    starts = np.flatnonzero(columns["epoch"] == 1)
    curves = np.full((len(starts), columns["epoch"].max()), np.nan)
    split = np.cumsum(columns["epoch"] == 1) - 1
    curves[split, columns["epoch"] - 1] = columns[name]
    return curves


def plot_training(
    model: str,
    learning_curves: list[str],
    validation: str | float,
    learning_curves_svg: str,
    learning_curves_png: str,
) -> None:
    """Draws accuracy and loss by epoch, in training and on the validation rows.

    The strong lines are those of the first split. Others are thin lines; of many, a band spans the central
    90 % of the networks that are still trained at the epoch.

    Args:
        model: Name of the model.
        learning_curves: Its learning curves, one file a block of splits.
        validation: ``test``, or the share of the training rows that is held out.
        learning_curves_svg: SVG file to write.
        learning_curves_png: PNG file to write.
    """
    columns = read_tables(learning_curves)
    rows = "test rows" if validation == "test" else f"{validation:.0%} held out"
    figure, axes = new_figure(6.8, 3.4, columns=2)
    for one, metric, title in zip(axes, ("accuracy", "loss"), ("Accuracy", "Cross-entropy"), strict=True):
        for stage, color, name in (("train", BLUE, "training"), ("valid", ORANGE, rows)):
            curves = curves_by_split(columns, f"{stage}_{metric}")
            epochs = np.arange(1, curves.shape[1] + 1)
            if len(curves) >= BAND:
                low, high = np.nanquantile(curves, [0.05, 0.95], axis=0)
                one.fill_between(epochs, low, high, color=color, alpha=0.2, linewidth=0)
            else:
                for curve in curves[1:]:
                    one.plot(epochs, curve, color=color, linewidth=0.7, alpha=0.45)
            marker = "o" if curves.shape[1] == 1 else None
            one.plot(epochs, curves[0], color=color, label=name, marker=marker)
        one.set(title=title, xlabel="epoch")
        one.xaxis.get_major_locator().set_params(integer=True)
    axes[0].legend(loc="lower right")
    seeds = len(np.flatnonzero(columns["epoch"] == 1))
    others = "" if seeds == 1 else f" of {seeds:,}"
    figure.suptitle(
        f"{label(model)}, split seed {columns['seed'][0]}{others}", x=0.01, ha="left", fontsize=10
    )
    save_figure(figure, learning_curves_svg, learning_curves_png)
