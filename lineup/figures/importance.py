"""Draws the permutation importance of the columns for a model."""

import numpy as np

from lineup.data.tables import read_table
from lineup.figures.style import BLUE, label, new_figure, save_figure, shortened, with_unit
from lineup.metrics import HIGHER_IS_BETTER, LABELS

# ASSUME: more columns than this cannot be read; the most important ones are drawn.
MOST = 25
LONGEST = 34  # characters of a name


def plot_importance(model: str, importance: str, metric: str, unit: str, svg: str, png: str) -> None:
    """Draws the mean importance of each column over the splits, with the central 90 % of them.

    Args:
        model: Name of the model.
        importance: What ``importance`` wrote.
        metric: The metric that ranks.
        unit: Unit of the target, empty if it has none.
        svg: SVG file to write.
        png: PNG file to write.
    """
    columns = read_table(importance)
    names = list(dict.fromkeys(columns["feature"]))
    values = columns["increase"].reshape(-1, len(names))
    drawn = np.argsort(-values.mean(axis=0), kind="stable")[:MOST]
    rows = np.arange(len(drawn))[::-1]
    figure, axes = new_figure(6.3, 1.3 + 0.22 * len(rows))
    axes.axvline(0, color="#444444", linewidth=1, linestyle="--")
    if len(values) > 1:
        low, high = np.quantile(values[:, drawn], [0.05, 0.95], axis=0)
        axes.hlines(rows, low, high, color=BLUE, linewidth=1.8, alpha=0.6)
    axes.plot(values[:, drawn].mean(axis=0), rows, "o", color=BLUE, markersize=5)
    axes.set_yticks(rows, [_short(names[place]) for place in drawn])
    axes.grid(axis="y", visible=False)
    worse = "loss" if metric in HIGHER_IS_BETTER else "increase"
    axes.set_xlabel(with_unit(f"{worse} of {LABELS[metric]} when shuffled", unit))
    which = f"{len(values):,} splits" if len(values) > 1 else "one split"
    some = f", the first {len(rows)} of {len(names)}" if len(names) > len(rows) else ""
    axes.set_title(f"Importance of columns for {label(model)}, {which}{some}")
    save_figure(figure, svg, png)


def _short(name: str) -> str:
    """Shortens the name of a group of columns, and says how many it has beside the first."""
    first, *others = name.split(" + ")
    return shortened(f"{first} + {len(others)} others" if len(others) > 2 else name, LONGEST)
