"""Draws predicted against actual targets."""

import numpy as np

from lineup.comparison.metrics import decimals
from lineup.data.tables import read_schema, read_tables
from lineup.figures.style import BLUE, GREY, label, new_figure, save_figure, with_unit


def plot_predictions(model: str, predictions: list[str], table: str, unit: str, svg: str, png: str) -> None:
    """Draws predicted against actual targets of the test rows.

    The points are those of the first split. Of several splits, a grey line spans the central 90 % of
    the predictions for each row, over the splits that test on it.

    Args:
        model: Name of the model.
        predictions: Its predictions, one file a block of splits.
        table: The prepared table, for the name of the target.
        unit: Unit of the target, empty if it has none.
        svg: SVG file to write.
        png: PNG file to write.
    """
    target, columns = read_schema(table)["target"]["name"], read_tables(predictions)
    actual, predicted, seed = columns["actual"], columns["predicted"], columns["seed"]
    first = seed == seed[0]
    figure, axes = new_figure(4.6, 4.4)
    low = min(actual.min(), predicted.min())
    axes.axline((low, low), slope=1, color=GREY, linewidth=1, linestyle="--", zorder=1)
    if not first.all():
        order = np.argsort(columns["row"], kind="stable")
        starts = np.flatnonzero(np.diff(columns["row"][order], prepend=-1))
        spans = [np.quantile(group, [0.05, 0.95]) for group in np.split(predicted[order], starts[1:])]
        below, above = np.transpose(spans)
        axes.vlines(
            actual[order][starts],
            below,
            above,
            color=GREY,
            alpha=0.45,
            linewidth=0.9,
            label=f"90 % of {len(np.unique(seed)):,} splits",
        )
    axes.scatter(
        actual[first],
        predicted[first],
        s=22,
        color=BLUE,
        alpha=0.7,
        linewidths=0,
        label=f"split seed {seed[0]}",
        zorder=3,
    )
    if not first.all():
        axes.legend(loc="upper left")
    mae = np.abs(predicted[first] - actual[first]).mean()
    axes.set_title(
        f"{label(model)}, test rows of split seed {seed[0]}: MAE {mae:.{decimals('mae', [mae], 4)}f}"
    )
    axes.set_xlabel(with_unit(f"actual {target}", unit))
    axes.set_ylabel(with_unit(f"predicted {target}", unit))
    save_figure(figure, svg, png)
