"""Draws how well predictions fit: beside the targets, what is left of these, and intervals made of what is left."""

from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes

from lineup.comparison.conformal import coverage
from lineup.comparison.metrics import decimals, digits_of
from lineup.data.tables import read_schema, read_tables
from lineup.figures.style import BLUE, GREY, ORANGE, label, new_figure, save_figure, shortened, with_unit

LEVELS = np.arange(0.5, 0.96, 0.05)
NINETY = 8


def plot_predictions(model: str, predictions: list[str], table: str, unit: str, svg: str, png: str) -> None:
    """Draws predicted against actual targets of the test rows, residuals against predictions, and the coverage of intervals.

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
    figure, (first, second, third) = new_figure(10.4, 3.9, columns=3, width_ratios=[1, 1, 0.8])
    _draw_targets(first, columns)
    _draw_residuals(second, columns)
    _draw_coverage(third, columns)
    actual, predicted, seed = columns["actual"], columns["predicted"], columns["seed"]
    of_first = seed == seed[0]
    mae = np.abs(predicted[of_first] - actual[of_first]).mean()
    first.set_title(
        f"{shortened(label(model), 24)}, split seed {seed[0]}: MAE {mae:.{decimals('mae', [mae], 4)}f}"
    )
    first.set_xlabel(with_unit(f"actual {target}", unit))
    first.set_ylabel(with_unit(f"predicted {target}", unit))
    second.set_title("Residuals")
    second.set_xlabel(with_unit(f"predicted {target}", unit))
    second.set_ylabel(with_unit("actual minus predicted", unit))
    save_figure(figure, svg, png)


def _draw_targets(axes: Axes, columns: dict[str, np.ndarray]) -> None:
    actual, predicted, seed = columns["actual"], columns["predicted"], columns["seed"]
    first = seed == seed[0]
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


def _draw_residuals(axes: Axes, columns: dict[str, np.ndarray]) -> None:
    """Draws the residuals of the first split, and their means in tenths of the predictions of all splits: 0 if these are calibrated."""
    predicted, left = columns["predicted"], columns["actual"] - columns["predicted"]
    first = columns["seed"] == columns["seed"][0]
    axes.axhline(0, color=GREY, linewidth=1, linestyle="--", zorder=1)
    axes.scatter(predicted[first], left[first], s=22, color=BLUE, alpha=0.7, linewidths=0)
    edges = np.unique(np.quantile(predicted, np.linspace(0, 1, 11)))
    tenth = np.clip(np.searchsorted(edges, predicted, side="right") - 1, 0, max(len(edges) - 2, 0))
    tenths = [tenth == number for number in np.unique(tenth)]
    axes.plot(
        [predicted[one].mean() for one in tenths],
        [left[one].mean() for one in tenths],
        "D-",
        color=ORANGE,
        markersize=4,
        linewidth=1.2,
        label="means in tenths, all splits" if not first.all() else "means in tenths",
    )
    axes.legend(loc="upper left")


def _draw_coverage(axes: Axes, columns: dict[str, np.ndarray]) -> None:
    """Draws how often intervals by the residuals of half of the test rows hold the targets of the other half."""
    edges = np.flatnonzero(np.diff(columns["seed"], prepend=columns["seed"][0] - 1))
    residuals = np.abs(columns["actual"] - columns["predicted"])
    by_split = [residuals[start:end] for start, end in pairwise([*edges, len(residuals)])]
    shares, widths = coverage(by_split, LEVELS)
    axes.plot([50, 95], [50, 95], color=GREY, linewidth=1, linestyle="--")
    told = np.isfinite(shares).all(axis=0)
    if told.any():
        axes.plot(100 * LEVELS[told], 100 * shares[:, told].mean(axis=0), "o-", color=BLUE, markersize=4)
    if told.any() and len(shares) > 1:
        low, high = np.quantile(100 * shares[:, told], [0.05, 0.95], axis=0)
        axes.fill_between(100 * LEVELS[told], low, high, color=BLUE, alpha=0.15, linewidth=0)
    half = widths[:, NINETY].mean()
    wide = f"of 90 %: ± {half:.{digits_of(half, 3)}f}" if np.isfinite(half) and half > 0 else ""
    axes.set(
        title=f"Intervals {wide}",
        xlabel="should hold (%)",
        ylabel="hold the target (%)",
        xlim=(48, 97),
    )
