"""Draws the scores of all models of a dataset side by side."""

import numpy as np

from scripts.config import NULL_MODEL
from scripts.figures import BLUE, GREY, label, new_figure, save_figure, with_unit
from scripts.job import job, outputs
from scripts.tables import read_table


def plot_comparison(scores: str, target_unit: str, null_model: str, svg: str, png: str) -> None:
    """Draws the mean absolute error of each model: a point a split, and the mean over the splits.

    Args:
        scores: The scores of all models, as ``compare`` wrote them.
        target_unit: Unit of the target, empty if it has none.
        null_model: ``mean`` or ``median``.
        svg: SVG file to write.
        png: PNG file to write.
    """
    columns = read_table(scores)
    errors = {name: columns["mae"][columns["model"] == name] for name in dict.fromkeys(columns["model"])}
    ranked = sorted(errors, key=lambda name: -errors[name].mean())
    splits = len(errors[ranked[0]])
    figure, axes = new_figure(6.3, 1.2 + 0.45 * len(ranked))
    jitter = np.random.default_rng(0)
    for place, name in enumerate(ranked):
        mean, color = errors[name].mean(), GREY if name == NULL_MODEL else BLUE
        if splits > 1:
            height = place + jitter.uniform(-0.22, 0.22, splits)
            axes.scatter(
                errors[name], height, s=9, color=color, alpha=0.35, linewidths=0, rasterized=splits > 500
            )
        axes.scatter([mean], [place], s=60, color=color, edgecolors="white", zorder=3)
        axes.annotate(
            f"{mean:.1f}", (mean, place), xytext=(0, 8), textcoords="offset points", ha="center", fontsize=8
        )
    axes.set_yticks(
        range(len(ranked)), [null_label(null_model) if name == NULL_MODEL else label(name) for name in ranked]
    )
    axes.set_ylim(-0.6, len(ranked) - 0.3)
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.12)
    seeds = f"split seed {columns['seed'][0]}" if splits == 1 else f"{splits} splits and their mean"
    axes.set(title=f"Test MAE, {seeds}", xlabel=with_unit("MAE on the test rows", target_unit))
    save_figure(figure, svg, png)


def null_label(null_model: str) -> str:
    """Says what the null model predicts."""
    return f"null model ({null_model})"


if __name__ == "__main__":
    with job(snakemake):
        plot_comparison(**snakemake.input, **outputs(snakemake), **snakemake.params.spec["settings"])
