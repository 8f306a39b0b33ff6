"""Draws the ranks of models over several tables, and which models cannot be told apart."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from lineup.figures.style import BLUE, GREY, label, new_figure, save_figure


def groups_of(names: Sequence[str], are_apart: Callable[[str, str], bool]) -> list[list[str]]:
    """Lists the longest runs of models, in their order, of which no two are apart; none of one model alone."""
    found, end = [], 0
    for start in range(len(names)):
        stop = start + 1
        while stop < len(names) and not any(are_apart(names[stop], one) for one in names[start:stop]):
            stop += 1
        if stop > max(end, start + 1):
            found.append(list(names[start:stop]))
        end = max(end, stop)
    return found


def draw_bars(axes: Axes, places: dict[str, float], are_apart: Callable[[str, str], bool]) -> None:
    """Draws a bar at the right edge beside each run of models that cannot be told apart.

    Args:
        axes: What to draw on.
        places: By model, its place on the y axis, the best first.
        are_apart: Tells whether two models can be told apart.
    """
    for number, group in enumerate(groups_of(list(places), are_apart)):
        low, high = places[group[-1]] - 0.25, places[group[0]] + 0.25
        # Across it goes by the axes, from the right edge on.
        where = {"transform": axes.get_yaxis_transform(), "clip_on": False}
        axes.add_patch(Rectangle((1.02 + 0.03 * number, low), 0.012, high - low, color=GREY, **where))


def plot_ranks(ranks: str, svg: str, png: str) -> None:
    """Draws the mean ranks over several tables, with bars beside models that are no further apart than the critical difference."""
    with Path(ranks).open(newline="", encoding="utf-8") as file:
        records = list(csv.DictReader(file))
    means = {record["model"]: float(record["mean_rank"]) for record in records}
    apart, tables = float(records[0]["critical_difference"]), int(records[0]["tables"])
    figure, axes = new_figure(6.3, 1.3 + 0.42 * len(means))
    places = {name: len(means) - 1 - place for place, name in enumerate(means)}
    for name, mean in means.items():
        axes.plot(mean, places[name], "o", color=BLUE, markersize=6, zorder=3)
        where = {"textcoords": "offset points", "ha": "center", "fontsize": 8}
        axes.annotate(f"{mean:.2f}", (mean, places[name]), (0, 6), **where)
    draw_bars(axes, places, lambda one, other: abs(means[one] - means[other]) > apart)
    axes.set_yticks(list(places.values()), [label(name) for name in means])
    axes.set_ylim(-0.6, len(means) - 0.4)
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.1)
    axes.set(
        title=f"Mean rank on {tables} tables, 1 is best",
        xlabel=f"mean rank; a bar beside models: no further apart than {apart:.2f}",
    )
    save_figure(figure, svg, png)
