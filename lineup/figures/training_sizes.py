"""Draws the errors of models by the number of training rows."""

import csv
from pathlib import Path

import numpy as np

from lineup.comparison.training_sizes import PowerLaw
from lineup.figures.style import PALETTE, label, logarithmic_x, new_figure, save_figure, with_unit
from lineup.metrics import HIGHER_IS_BETTER, LABELS


def plot_training_sizes(sizes: str, laws: str, metric: str, target_unit: str, svg: str, png: str) -> None:
    """Draws the mean error of each model at each training size, and the power law through those that it fits.

    Args:
        sizes: The errors, as ``training_sizes`` wrote them.
        laws: The laws, likewise.
        metric: The metric that models are ranked by.
        target_unit: Unit of the target, empty if it has none.
        svg: SVG file to write.
        png: PNG file to write.
    """
    name = LABELS[metric]
    points = _read(sizes)
    figure, axes = new_figure(6.3, 3.9)
    names = list(dict.fromkeys(one["model"] for one in points))
    last = max(float(one["training_rows"]) for one in points)
    # Bars of several models at one size stand beside each other.
    shifts = 1 + 0.016 * (np.arange(len(names)) - (len(names) - 1) / 2)
    for place, (model, law) in enumerate(zip(names, _read(laws), strict=True)):
        own = [one for one in points if one["model"] == model]
        color, shift = PALETTE[place % len(PALETTE)], shifts[place]
        rows, errors = (np.array([float(one[key]) for one in own]) for key in ("training_rows", "error"))
        axes.plot(rows * shift, errors, "o", color=color, markersize=4.5, label=label(model), zorder=3)
        barred = [one for one in own if one["low"]]
        axes.vlines(
            [float(one["training_rows"]) * shift for one in barred],
            [float(one["low"]) for one in barred],
            [float(one["high"]) for one in barred],
            color=color,
            linewidth=1.1,
            alpha=0.6,
        )
        if law["gain"]:
            curve = PowerLaw(*(float(law[key]) for key in ("floor", "scale", "exponent", "misfit")))
            along = np.geomspace(float(law["from_rows"]), float(law["more_rows"]), 200)
            inside = along <= last
            axes.plot(along[inside], curve(along[inside]), color=color, linewidth=1.3)
            axes.plot(along[~inside], curve(along[~inside]), color=color, linewidth=1.3, linestyle=":")
    logarithmic_x(axes)
    error = f"1 - {name}" if metric in HIGHER_IS_BETTER else name
    axes.set(
        title=f"Test {error} by the number of training rows",
        xlabel="training rows (logarithmic)",
        ylabel=with_unit(error, target_unit),
    )
    figure.legend(loc="outside lower center", ncols=min(len(names), 4))
    save_figure(figure, svg, png)


def _read(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
