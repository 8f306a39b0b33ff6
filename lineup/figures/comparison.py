"""Draws the scores of all models of a dataset side by side, and their differences to the reference."""

import csv
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from lineup.comparison.metrics import decimals, signed
from lineup.data.tables import read_table
from lineup.figures.ranks import draw_bars
from lineup.figures.style import BLUE, GREY, ORANGE, label, new_figure, save_figure, with_unit
from lineup.metrics import HIGHER_IS_BETTER, LABELS, NULL_MODEL

# ASSUME: from this many splits on, the outline of their distribution says more than a dot for each.
OUTLINE = 30

# Significant digits of an error.
SIGNIFICANT = 4

Values = dict[int, float]  # of a model, by the seeds of the splits that it has


def draw_distributions(
    axes: Axes,
    values: dict[str, Values],
    seed: int,
    bars: dict[str, tuple[float, float]],
    bar: str,
    digits: int,
    what: str,
) -> None:
    """Draws the values of each model over the splits on a line of its own, the first model at the bottom.

    Args:
        axes: Where to draw.
        values: By label, the values by the seeds of the splits that a model has.
        seed: Seed of the first split, which is marked.
        bars: By label, the ends of a bar to draw; may be empty.
        bar: What the bar is.
        digits: How many to write after the point of a mean.
        what: What the values are of, ``split`` or ``training``.
    """
    jitter = np.random.default_rng(0)
    most = max(map(len, values.values()))
    for place, (name, by_seed) in enumerate(values.items()):
        points = np.array(list(by_seed.values()))
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
        if len(points) > 1 and seed in by_seed:
            axes.scatter(
                [by_seed[seed]], [place], s=38, marker="D", color=ORANGE, edgecolors="white", zorder=3
            )
        axes.annotate(
            f"{mean:.{digits}f}",
            (mean, place),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    names = [
        name if len(of) == most else f"{name}\n{len(of):,} of {most:,} {what}s" for name, of in values.items()
    ]
    axes.set_yticks(range(len(values)), names)
    axes.set_ylim(-0.6, len(values) - 0.3)
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.06)
    if most > 1:
        over = f"{most:,} {what}s" if names == list(values) else f"the {what}s of each"
        dot = {"linestyle": "none", "markeredgecolor": "white"}
        handles = [
            Line2D([], [], marker="o", markersize=7, color=BLUE, label=f"mean over {over}", **dot),
            Line2D([], [], marker="D", markersize=6, color=ORANGE, label=f"{what} seed {seed}", **dot),
        ]
        if bars:
            handles.insert(1, Line2D([], [], color=BLUE, linewidth=2.2, label=bar))
        axes.figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def scores_by_model(scores: str, metric: str) -> tuple[dict[str, Values], int]:
    """Reads a metric of each model by the seeds of the splits that it has, the worst mean first, and the seed of the first split."""
    columns = read_table(scores)
    by_name: dict[str, Values] = {name: {} for name in dict.fromkeys(columns["model"])}
    lines = zip(columns["model"], columns["seed"], columns[metric], columns["failure"], strict=True)
    for name, seed, value, failure in lines:
        if not failure:
            by_name[name][int(seed)] = value
    all_seeds = list(max(by_name.values(), key=len))
    shared = [seed for seed in all_seeds if all(seed in values for values in by_name.values())]
    means = {name: np.mean([values[seed] for seed in shared]) for name, values in by_name.items()}
    return {
        name: by_name[name] for name in sorted(means, key=lambda name: -signed(means[name], metric))
    }, all_seeds[0]


def read_bars(path: str, low: str, high: str, null_model: str, **only: str) -> dict[str, tuple[float, float]]:
    """Reads the ends of the bars of the models, by label, from two columns of a CSV file of ``compare``.

    Args:
        path: The file.
        low: The column of the lower ends.
        high: The column of the upper ends.
        null_model: What the null model predicts.
        only: Of some columns, what they hold in the lines to read.
    """
    with Path(path).open(newline="", encoding="utf-8") as file:
        records = [record for record in csv.DictReader(file) if only.items() <= record.items()]
    return {
        model_label(record["model"], null_model): (float(record[low]), float(record[high]))
        for record in records
        if record.get(low)
    }


def without_far_null_model(values: dict[str, Values]) -> tuple[dict[str, Values], str]:
    """Leaves the null model out if it is so far away that the models could not be told apart beside it.

    Args:
        values: By label, the values by split.

    Returns:
        What to draw, and what to say of the null model if it is not drawn.
    """
    null = next((name for name in values if name.startswith("null model (")), None)
    if null is None or len(values) < 3:
        return values, ""
    models = [value for name, points in values.items() if name != null for value in points.values()]
    low, high, mean = min(models), max(models), np.mean(list(values[null].values()))
    # ASSUME: three times the range of the models is far.
    if max(low - mean, mean - high) <= 3 * (high - low):
        return values, ""
    drawn = {name: points for name, points in values.items() if name != null}
    return drawn, f"not drawn: {null}, {mean:.4g}"


def plot_scores(
    scores: str,
    leaderboard: str,
    differences: str,
    metric: str,
    method: str,
    target_unit: str,
    null_model: str,
    svg: str,
    png: str,
) -> None:
    """Draws the metric that ranks of each model over the splits, and at the edge which models cannot be told apart.

    A bar is the central 90 % of many splits; of an accuracy it is the interval in the leaderboard, if there
    is one.

    Args:
        scores: The scores of all models, as ``compare`` wrote them.
        leaderboard: The leaderboard, as ``compare`` wrote it.
        differences: The differences of each pair, likewise.
        metric: The metric that models are ranked by.
        method: How the splits were made; ``given`` where only the trainings differ.
        target_unit: Unit of the target, empty if it has none.
        null_model: What the null model predicts.
        svg: SVG file to write.
        png: PNG file to write.
    """
    name, what = LABELS[metric], "training" if method == "given" else "split"
    values, seed = scores_by_model(scores, metric)
    named, note = without_far_null_model(
        {model_label(model, null_model): points for model, points in values.items()}
    )
    splits = max(map(len, named.values()))
    means = means_of(values)
    bars, bar = read_bars(leaderboard, f"{metric}_low", f"{metric}_high", null_model), "95 % interval"
    if not bars and splits >= OUTLINE:
        bars = read_bars(leaderboard, f"{metric}_q05", f"{metric}_q95", null_model)
        bar = "90 % of the splits"
    figure, axes = new_figure(6.3, 1.4 + 0.5 * len(named))
    draw_distributions(axes, named, seed, bars, bar, decimals(metric, means, SIGNIFICANT), what)
    where = f"{what} seed {seed}" if splits == 1 else f"{splits:,} {what}s"
    measured = with_unit(f"{name} on the test rows", target_unit)
    axes.set(title=f"Test {name}, {where}", xlabel=f"{measured}\n{note}" if note else measured)
    places = {model: place for place, model in reversed(list(enumerate(named)))}
    apart = pairs_apart(differences, metric, null_model)
    draw_bars(axes, places, lambda one, other: frozenset((one, other)) in apart)
    save_figure(figure, svg, png)


def pairs_apart(differences: str, metric: str, null_model: str) -> set[frozenset[str]]:
    """Lists the pairs of models, by label, of which one is better by a metric."""
    with Path(differences).open(newline="", encoding="utf-8") as file:
        return {
            frozenset(model_label(record[key], null_model) for key in ("model", "other"))
            for record in csv.DictReader(file)
            if record["metric"] == metric and record["verdict"] in ("better", "worse")
        }


def plot_differences(
    scores: str,
    differences: str,
    reference: str,
    metric: str,
    method: str,
    target_unit: str,
    null_model: str,
    svg: str,
    png: str,
) -> None:
    """Draws the metric that ranks of each model minus that of the reference, with the interval of the mean.

    Args:
        scores: The scores of all models, as ``compare`` wrote them.
        differences: The differences of each pair, as ``compare`` wrote them.
        reference: The model that the others are compared with.
        metric: The metric that models are ranked by.
        method: How the splits were made; ``given`` where only the trainings differ.
        target_unit: Unit of the target, empty if it has none.
        null_model: What the null model predicts.
        svg: SVG file to write.
        png: PNG file to write.
    """
    name, what = LABELS[metric], "training" if method == "given" else "split"
    values, seed = scores_by_model(scores, metric)
    named, note = without_far_null_model(
        {
            model_label(model, null_model): {
                seed: value - values[reference][seed]
                for seed, value in points.items()
                if seed in values[reference]
            }
            for model, points in values.items()
            if model != reference
        }
    )
    bars = read_bars(differences, "low", "high", null_model, other=reference, metric=metric)
    means = means_of(values)
    figure, axes = new_figure(6.3, 1.4 + 0.5 * len(named))
    axes.axvline(0, color="#444444", linewidth=1, linestyle="--")
    bar = "95 % interval of the mean"
    draw_distributions(axes, named, seed, bars, bar, decimals(metric, means, SIGNIFICANT), what)
    better = "above" if metric in HIGHER_IS_BETTER else "below"
    measured = with_unit(f"difference of the {name}: {better} 0 is better", target_unit)
    axes.set(
        title=f"Test {name} minus that of {label(reference)}, {what} by {what}",
        xlabel=f"{measured}\n{note}" if note else measured,
    )
    save_figure(figure, svg, png)


def means_of(values: dict[str, Values]) -> list[float]:
    """Gives the mean of each model; numbers beside each other have digits by these."""
    return [float(np.mean(list(points.values()))) for points in values.values()]


def model_label(name: str, null_model: str) -> str:
    """Turns the name of a model into words; those of the null model say what it predicts."""
    return f"null model ({null_model})" if name == NULL_MODEL else label(name)
