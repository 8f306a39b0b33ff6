"""Draws what the scores of models vary by: the rows that they see, and the seed of their training."""

import csv
from pathlib import Path

import numpy as np

from lineup.figures.style import BLUE, ORANGE, label, new_figure, save_figure
from lineup.metrics import LABELS


def plot_variance(
    leaderboard: str, metric: str, trained_again: list[str], seedless: list[str], svg: str, png: str
) -> None:
    """Draws for each model the variance of its score over the splits, by rows and by seed, beside the largest.

    Args:
        leaderboard: The leaderboard, as ``compare`` wrote it.
        metric: The metric that models are ranked by.
        trained_again: The models that were trained several times on some splits.
        seedless: Those whose fit has no seed.
        svg: SVG file to write.
        png: PNG file to write.
    """
    with Path(leaderboard).open(newline="", encoding="utf-8") as file:
        records = {record["model"]: record for record in csv.DictReader(file)}
    names = [model for model in reversed(records) if model in (*trained_again, *seedless)]
    totals = np.array([float(records[model][f"{metric}_sd"] or 0) ** 2 for model in names])
    seeds = np.array([float(records[model]["seed_share"] or 0) for model in names])
    percent = 100 * totals / (totals.max() or 1)
    figure, axes = new_figure(6.3, 1.3 + 0.42 * len(names))
    places = np.arange(len(names))
    axes.barh(places, percent * (1 - seeds), 0.55, color=BLUE, label="rows")
    axes.barh(places, percent * seeds, 0.55, percent * (1 - seeds), color=ORANGE, label="seed")
    for place, end, share, model in zip(places, percent, seeds, names, strict=True):
        text = f"{100 * share:.0f} % seed" if model in trained_again else "no seed"
        axes.annotate(text, (end, place), (4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(places, [label(model) for model in names])
    axes.set_xlim(0, 118)
    axes.grid(axis="y", visible=False)
    axes.set(
        title=f"What the {LABELS[metric]} varies by over the splits",
        xlabel="variance (% of the largest)",
    )
    figure.legend(loc="outside lower center", ncols=2)
    save_figure(figure, svg, png)
