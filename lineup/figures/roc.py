"""Draws how well a model tells the rows of a class from the others, whatever the threshold."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lineup.comparison.roc import auc
from lineup.data.design import read_design
from lineup.data.tables import lists, read_parquet
from lineup.figures.style import BLUE, GREY, ORANGE, label, new_figure, save_figure

# Where the curves of the splits are compared.
AT = np.linspace(0, 1, 201)


@dataclass(frozen=True)
class Tests:
    """The test rows of a split: t of them, and K classes."""

    seed: int
    actual: np.ndarray  # places of the classes, shape (t,)
    probabilities: np.ndarray  # shape (t, K)
    weights: np.ndarray  # shape (t,)


def tests_of(predictions: list[str], table: str) -> Iterator[Tests]:
    """Yields the test rows of each split, from the predictions of blocks of splits and the prepared table."""
    weights = read_design(table).weights
    for path in predictions:
        read = read_parquet(path)
        seeds, rows, actual = (read[name].to_numpy() for name in ("seed", "row", "actual"))
        probabilities = lists(read["probabilities"])
        starts = np.flatnonzero(np.append(True, seeds[1:] != seeds[:-1])) if len(seeds) else []
        for start, end in zip(starts, [*starts[1:], len(seeds)], strict=True):
            some = slice(start, end)
            weight = np.ones(end - start) if weights is None else weights[rows[some]]
            yield Tests(int(seeds[start]), actual[some].astype(np.int64), probabilities[some], weight)


def curves(inside: np.ndarray, probability: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Computes the ROC curve and the precision-recall curve of a class.

    Args:
        inside: Which rows are of the class, shape (t,).
        probability: That of the class, shape (t,).
        weights: Weights of the rows, shape (t,).

    Returns:
        The share of the rows of the class above a threshold, by the share of the other rows above it; and the precision, by
        the share of the rows of the class above it; both where these are ``AT``.
    """
    order = np.argsort(-probability, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(probability[order])), len(order) - 1)
    hits, others = (np.cumsum((weights * side)[order])[ends] for side in (inside, ~inside))
    recall, false = hits / hits[-1], others / others[-1]
    of_class = np.interp(AT, np.append(0.0, false), np.append(0.0, recall))
    precision = hits / (hits + others)
    # The threshold at which so many rows of the class are above it, or just more.
    place = np.searchsorted(recall, AT - 1e-12)
    return of_class, precision[np.minimum(place, len(precision) - 1)]


def plot_roc(model: str, names: list[str], predictions: list[str], table: str, svg: str, png: str) -> None:
    """Draws the ROC and the precision-recall curve: the mean over the splits, the central 90 % of them, and the first one.

    Of two classes they are of the second; of more they are the means of those of each class against the rest, which are thin
    lines.

    Args:
        model: Name of the model.
        names: Names of the K classes.
        predictions: Its predictions, a file for each block of splits.
        table: The prepared table.
        svg: SVG file to write.
        png: PNG file to write.
    """
    classes = [1] if len(names) == 2 else range(len(names))
    found, areas, shares, seed = [], [], [], None
    for one in tests_of(predictions, table):
        seed = one.seed if seed is None else seed
        of_split = np.full((len(names), 2, len(AT)), np.nan)
        for place in classes:
            inside = one.actual == place
            if 0 < (one.weights * inside).sum() < one.weights.sum():
                of_split[place] = curves(inside, one.probabilities[:, place], one.weights)
        found.append(of_split[list(classes)])
        areas.append(auc(one.actual[None], one.probabilities[None], one.weights[None])[0][0])
        shares.append([np.average(one.actual == place, weights=one.weights) for place in classes])
    by_split = _mean(np.stack(found), axis=1)
    by_class = _mean(np.stack(found), axis=0)
    figure, axes = new_figure(7.2, 3.9, columns=2)
    for place, one in enumerate(axes):
        if len(by_class) > 1:
            one.plot(AT, by_class[:, place].T, color=GREY, linewidth=0.6, alpha=0.7)
        if len(by_split) > 1:
            low, high = np.nanquantile(by_split[:, place], [0.05, 0.95], axis=0)
            one.fill_between(
                AT, low, high, color=BLUE, alpha=0.22, linewidth=0, label=f"90 % of {len(by_split):,} splits"
            )
            one.plot(AT, by_split[0, place], color=ORANGE, linewidth=0.9, label=f"split seed {seed}")
        middle = "mean" if len(by_split) > 1 else f"split seed {seed}"
        one.plot(AT, _mean(by_split[:, place], axis=0), color=BLUE, label=middle)
        one.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes[0].axline((0, 0), slope=1, color=GREY, linewidth=1, linestyle="--")
    chance = float(np.mean(shares))
    axes[1].axhline(chance, color=GREY, linewidth=1, linestyle="--")
    which = names[1] if len(names) == 2 else "a class"
    axes[0].set(
        xlabel=f"share of the others taken for {which}",
        ylabel="share found",
        title=f"ROC, area {np.nanmean(areas):.3f}",
    )
    axes[1].set(xlabel="share found (recall)", ylabel="precision", title=f"Precision, {chance:.3f} by chance")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    figure.suptitle(
        f"{label(model)}: {names[1] if len(names) == 2 else 'each class'} against the rest",
        x=0.01,
        ha="left",
        fontsize=10,
    )
    save_figure(figure, svg, png)


def _mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Averages along an axis what is a number, NaN where nothing is."""
    there = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.where(there, values, 0.0).sum(axis=axis) / there.sum(axis=axis)
