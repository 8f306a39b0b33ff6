"""Draws the scores of all models of a dataset side by side, and their differences to the reference."""

import csv
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from scripts.config import NULL_MODEL
from scripts.figures import BLUE, GREY, ORANGE, label, new_figure, save_figure, with_unit
from scripts.job import job
from scripts.tables import read_table

# ASSUME: from this many splits on, the outline of their distribution says more than a dot for each.
OUTLINE = 30


def draw_distributions(
    axes: Axes, values: dict[str, np.ndarray], seed: int, bars: dict[str, tuple[float, float]], bar: str
) -> None:
    """Draws the values of each model over the splits on a line of its own, the first model at the bottom.

    Args:
        axes: Where to draw.
        values: By label, the values over the splits, the first split first.
        seed: Seed of the first split, which is marked.
        bars: By label, the ends of a bar to draw; may be empty.
        bar: What the bar is.
    """
    jitter = np.random.default_rng(0)
    for place, (name, points) in enumerate(values.items()):
        color = GREY if name.startswith("null model (") else BLUE
        mean = points.mean()
        if len(points) >= OUTLINE:
            outline = axes.violinplot(
                points, [place], orientation="horizontal", widths=0.8, showextrema=False
            )
            for body in outline["bodies"]:
                body.set(facecolor=color, edgecolor="none", alpha=0.28)
        elif len(points) > 1:
            height = place + jitter.uniform(-0.2, 0.2, len(points))
            axes.scatter(points, height, s=12, color=color, alpha=0.4, linewidths=0)
        if name in bars:
            axes.plot(bars[name], [place, place], color=color, linewidth=2.2, solid_capstyle="butt")
        axes.scatter([mean], [place], s=55, color=color, edgecolors="white", zorder=4)
        if len(points) > 1:
            axes.scatter(points[:1], [place], s=38, marker="D", color=ORANGE, edgecolors="white", zorder=3)
        axes.annotate(
            f"{mean:.1f}", (mean, place), xytext=(0, 7), textcoords="offset points", ha="center", fontsize=8
        )
    axes.set_yticks(range(len(values)), list(values))
    axes.set_ylim(-0.6, len(values) - 0.3)
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.06)
    splits = len(next(iter(values.values())))
    if splits > 1:
        dot = {"linestyle": "none", "markeredgecolor": "white"}
        handles = [
            Line2D([], [], marker="o", markersize=7, color=BLUE, label=f"mean over {splits:,} splits", **dot),
            Line2D([], [], marker="D", markersize=6, color=ORANGE, label=f"split seed {seed}", **dot),
        ]
        if bars:
            handles.insert(1, Line2D([], [], color=BLUE, linewidth=2.2, label=bar))
        axes.figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def errors_by_model(scores: str) -> tuple[dict[str, np.ndarray], int]:
    """Reads the MAE of each model over the splits, the highest mean first, and the seed of the first split."""
    columns = read_table(scores)
    errors = {name: columns["mae"][columns["model"] == name] for name in dict.fromkeys(columns["model"])}
    return {name: errors[name] for name in sorted(errors, key=lambda name: -errors[name].mean())}, columns[
        "seed"
    ][0]


def plot_scores(scores: str, target_unit: str, null_model: str, svg: str, png: str) -> None:
    """Draws the mean absolute error of each model over the splits, the central 90 % as a bar.

    Args:
        scores: The scores of all models, as ``compare`` wrote them.
        target_unit: Unit of the target, empty if it has none.
        null_model: ``mean`` or ``median``.
        svg: SVG file to write.
        png: PNG file to write.
    """
    errors, seed = errors_by_model(scores)
    named = {model_label(name, null_model): values for name, values in errors.items()}
    splits = len(next(iter(named.values())))
    bars = {name: tuple(np.quantile(values, [0.05, 0.95])) for name, values in named.items()}
    figure, axes = new_figure(6.3, 1.4 + 0.5 * len(named))
    draw_distributions(axes, named, seed, bars if splits >= OUTLINE else {}, "90 % of the splits")
    where = f"split seed {seed}" if splits == 1 else f"{splits:,} splits"
    axes.set(title=f"Test MAE, {where}", xlabel=with_unit("MAE on the test rows", target_unit))
    save_figure(figure, svg, png)


def plot_differences(
    scores: str, differences: str, reference: str, target_unit: str, null_model: str, svg: str, png: str
) -> None:
    """Draws the MAE of each model minus that of the reference on the same split, with the interval of the mean.

    Args:
        scores: The scores of all models, as ``compare`` wrote them.
        differences: The differences of each pair, as ``compare`` wrote them.
        reference: The model that the others are compared with.
        target_unit: Unit of the target, empty if it has none.
        null_model: ``mean`` or ``median``.
        svg: SVG file to write.
        png: PNG file to write.
    """
    errors, seed = errors_by_model(scores)
    named = {
        model_label(name, null_model): values - errors[reference]
        for name, values in errors.items()
        if name != reference
    }
    with Path(differences).open(newline="", encoding="utf-8") as file:
        records = [record for record in csv.DictReader(file) if record["other"] == reference]
    bars = {
        model_label(record["model"], null_model): (
            float(record["mae_difference_low"]),
            float(record["mae_difference_high"]),
        )
        for record in records
        if record["mae_difference_low"]
    }
    figure, axes = new_figure(6.3, 1.4 + 0.5 * len(named))
    axes.axvline(0, color="#444444", linewidth=1, linestyle="--")
    draw_distributions(axes, named, seed, bars, "95 % interval of the mean, corrected")
    axes.set(
        title=f"Test MAE minus that of {label(reference)}, split by split",
        xlabel=with_unit("difference of the MAE: below 0 is better", target_unit),
    )
    save_figure(figure, svg, png)


def model_label(name: str, null_model: str) -> str:
    """Turns the name of a model into words; those of the null model say what it predicts."""
    return f"null model ({null_model})" if name == NULL_MODEL else label(name)


if __name__ == "__main__":
    with job(snakemake):
        files, out, settings = snakemake.input, snakemake.output, snakemake.params.spec["settings"]
        unit, null_model = settings["target_unit"], settings["null_model"]
        plot_scores(files.scores, unit, null_model, out.comparison_svg, out.comparison_png)
        plot_differences(
            files.scores,
            files.differences,
            settings["reference"],
            unit,
            null_model,
            out.differences_svg,
            out.differences_png,
        )
