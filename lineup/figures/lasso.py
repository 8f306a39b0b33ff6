"""Draws the figures of the lasso: its cross-validation, coefficient paths, selection and predictions."""

from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import MaxNLocator, PercentFormatter

from lineup.data.tables import read_parts, read_schema, read_table, read_tables
from lineup.figures.style import (
    BLUE,
    GREY,
    ORANGE,
    PALETTE,
    label,
    logarithmic_x,
    new_figure,
    save_figure,
    with_unit,
)
from lineup.metrics import LABELS

# ASSUME: a reader tells this many paths apart; the other features are drawn in grey.
NAMED_PATHS = 6

# ASSUME: of more features than this, those that are kept most often are named.
NAMED_FEATURES = 40


@dataclass(frozen=True)
class Grid:
    """The grid searches of S splits: k penalties, from the largest down, and F folds."""

    seeds: np.ndarray  # seeds of the splits, shape (S,)
    penalties: np.ndarray  # shape (S, k)
    errors: np.ndarray  # mean absolute errors or log losses, as means over the held-out folds, shape (S, k)
    chosen: np.ndarray  # the chosen penalties, shape (S,)
    first: np.ndarray  # those of the first split on each held-out fold, shape (k, F)
    metric: str = "mae"


def read_grid(paths: list[str], metric: str = "mae") -> Grid:
    """Reads the grid searches that ``fit_lasso`` or another search wrote, one file a block of splits, with their metric."""
    seeds, penalties, means, chosen, first = [], [], [], [], None
    for columns in read_parts(paths):
        folds = int(columns["fold"].max())
        per_split = len(columns["fold"]) // int((np.diff(columns["seed"]) != 0).sum() + 1)
        searched, errors = columns["penalty"][::folds], columns[metric].reshape(-1, per_split // folds, folds)
        first = errors[0] if first is None else first
        seeds.append(columns["seed"][::per_split])
        penalties.append(searched.reshape(-1, per_split // folds))
        means.append(errors.mean(axis=2))
        chosen.append(searched[columns["chosen"][::folds]])
    return Grid(*map(np.concatenate, (seeds, penalties, means, chosen)), first, metric)


def plot_grid(model: str, grid: Grid, unit: str, svg: str, png: str) -> None:
    """Draws the cross-validation curve of the first split.

    Its band is one standard error of the mean over the folds, ``sd / sqrt(folds)`` (Hastie,
    Tibshirani and Friedman 2009, section 7.10). Of several splits, a grey band spans the central 90 %
    of their curves, each at the same share of its largest penalty, which the axis takes at its median.

    Args:
        model: Name of the model.
        grid: Its grid searches.
        unit: Unit of the target, empty if it has none.
        svg: SVG file to write.
        png: PNG file to write.
    """
    folds, mean = grid.first.shape[1], grid.errors
    figure, axes = new_figure()
    if len(grid.seeds) > 1:
        below, above = np.quantile(mean, [0.05, 0.95], axis=0)
        axes.fill_between(
            np.median(grid.penalties, axis=0),
            below,
            above,
            color=GREY,
            alpha=0.25,
            linewidth=0,
            label=f"90 % of {len(grid.seeds):,} splits",
        )
    if folds > 1:
        error = grid.first.std(axis=1, ddof=1) / np.sqrt(folds)
        axes.fill_between(
            grid.penalties[0],
            mean[0] - error,
            mean[0] + error,
            color=BLUE,
            alpha=0.22,
            linewidth=0,
            label="one standard error",
        )
    middle = f"mean over {folds} folds" if folds > 1 else "rows held out"
    axes.plot(grid.penalties[0], mean[0], color=BLUE, label=middle)
    best = grid.chosen[0]
    axes.axvline(best, color=ORANGE, linestyle="--", linewidth=1.2, label=f"chosen penalty {best:.4g}")
    logarithmic_x(axes)
    axes.set(
        title=f"{label(model)}: cross-validation, split seed {grid.seeds[0]}",
        xlabel="penalty (log scale)",
        ylabel=with_unit(f"held-out {LABELS[grid.metric]}", unit),
    )
    axes.legend()
    save_figure(figure, svg, png)


def plot_selection(model: str, grid: Grid, coefficients: list[str], svg: str, png: str) -> None:
    """Draws the chosen penalties over the splits, and in how many splits each coefficient is kept.

    A coefficient is kept where the fit at the chosen penalty does not set it to zero.

    Args:
        model: Name of the model.
        grid: Its grid searches.
        coefficients: Its coefficients, one file a block of splits.
        svg: SVG file to write.
        png: PNG file to write.
    """
    columns = read_tables(coefficients)
    splits = len(grid.seeds)
    terms = list(dict.fromkeys(columns["term"]))
    kept = (columns["coefficient"].reshape(splits, -1) != 0)[:, 1:]
    share, features = kept.mean(axis=0), terms[1:]
    shown = np.argsort(-share, kind="stable")[:NAMED_FEATURES][::-1]
    figure = new_figure(6.9, max(3.2, 0.9 + 0.19 * len(shown)))[0]
    figure.clear()
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.15])
    lowest, highest = grid.penalties.min(), grid.penalties.max()
    left.hist(grid.chosen, bins=np.geomspace(lowest, highest * (1 + 1e-9), 26), color=BLUE, alpha=0.75)
    first = f"split seed {grid.seeds[0]}: {grid.chosen[0]:.3g}"
    left.axvline(grid.chosen[0], color=ORANGE, linestyle="--", linewidth=1.2, label=first)
    logarithmic_x(left)
    left.tick_params(axis="x", labelsize=7.5)
    left.set(
        title=f"{label(model)}: {splits:,} split{'s' if splits > 1 else ''}",
        xlabel="chosen penalty (log scale)",
        ylabel="splits",
    )
    left.yaxis.set_major_locator(MaxNLocator(integer=True))
    left.legend(fontsize=8)
    places = np.arange(len(shown))
    right.barh(places, share[shown], color=BLUE, alpha=0.75, height=0.7)
    marked = kept[0][shown]
    right.scatter(
        share[shown][marked],
        places[marked],
        s=16,
        marker="D",
        color=ORANGE,
        edgecolors="white",
        linewidths=0.5,
        zorder=3,
        label=f"kept on split seed {grid.seeds[0]}",
    )
    right.set_yticks(places, [features[j] for j in shown], fontsize=8)
    right.set_xlim(0, 1.04)
    right.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    right.grid(axis="y", visible=False)
    right.set(title="coefficients kept", xlabel="share of the splits")
    right.legend(loc="lower right", fontsize=8)
    save_figure(figure, svg, png)


def plot_path(model: str, path: str, best: float, table: str, unit: str, svg: str, png: str) -> None:
    """Draws the coefficients of the first split against the penalty.

    Each coefficient is multiplied by the standard deviation of its feature over all rows, so that
    features of different units can share an axis.

    Args:
        model: Name of the model.
        path: Its coefficient paths on the first split, as ``fit_lasso`` wrote them.
        best: The penalty that was chosen.
        table: The prepared table, for the standard deviations of the features.
        unit: Unit of the target, empty if it has none.
        svg: SVG file to write.
        png: PNG file to write.
    """
    columns, schema, rows = read_table(path), read_schema(table), read_table(table)
    features = [feature["name"] for feature in schema["features"]]
    scale = np.array([np.nanstd(rows[name].astype(float)) for name in features])
    penalties = columns["penalty"].reshape(-1, len(features))[:, 0]
    coefficients = columns["coefficient"].reshape(-1, len(features)) * scale
    figure, axes = new_figure()
    largest = np.argsort(-np.abs(coefficients).max(axis=0), kind="stable")
    for j in largest[NAMED_PATHS:]:
        axes.plot(penalties, coefficients[:, j], color=GREY, linewidth=0.8, alpha=0.7)
    named = [
        axes.plot(penalties, coefficients[:, j], color=color)[0]
        for color, j in zip(PALETTE, largest[:NAMED_PATHS], strict=False)
    ]
    named.append(axes.axvline(best, color="#444444", linestyle="--", linewidth=1))
    axes.axhline(0, color="#444444", linewidth=0.6)
    logarithmic_x(axes)
    axes.set(
        title=f"{label(model)}: coefficient paths, split seed {columns['seed'][0]}",
        xlabel="penalty (log scale)",
        ylabel=with_unit("coefficient per standard deviation", unit),
    )
    # Named here, because matplotlib leaves a line out whose own label starts with an underscore.
    names = [*(features[j] for j in largest[:NAMED_PATHS]), "chosen penalty"]
    axes.legend(named, names, ncols=1, loc="center left", bbox_to_anchor=(1, 0.5))
    save_figure(figure, svg, png)
