"""Draws the coefficients of a linear model of classes, over the splits."""

import json
from pathlib import Path

import numpy as np
from safetensors import safe_open

from lineup.data.tables import read_schema, read_table
from lineup.figures.style import BLUE, label, new_figure, save_figure, shortened

# ASSUME: more features than this cannot be read; those with the largest coefficients are drawn.
MOST = 25


def read_coefficients(path: str, features: int) -> np.ndarray:
    """Reads the coefficients of a block of S splits, per unit of the p features: shape (S, 1, p) of two classes, or (S, K, p).

    Args:
        path: The coefficients of a logistic regression, as Parquet, or the weights of a network without hidden layers, as
            safetensors.
        features: The number of features p.
    """
    if Path(path).suffix == ".safetensors":
        with safe_open(path, "np") as file:
            weights = file.get_tensor("layers.0.weight") / file.get_tensor("scale")[:, None, :]
            is_binary = len(json.loads(file.metadata()["lineup"])["classes"]) == 2
        return weights[:, 1:] - weights[:, :1] if is_binary else weights
    columns = read_table(path)
    slopes = columns["term"] != "(intercept)"
    return columns["coefficient"][slopes].reshape(len(np.unique(columns["seed"])), -1, features)


def plot_coefficients(model: str, table: str, weights: list[str], svg: str, png: str) -> None:
    """Draws the mean coefficients over the splits, each times the standard deviation of its feature.

    Of two classes they have the central 90 % of the splits; of more they are a map of features and classes.

    Args:
        model: Name of the model.
        table: The prepared table, for the features and the classes.
        weights: Of each block of splits, see ``read_coefficients``.
        svg: SVG file to write.
        png: PNG file to write.
    """
    schema = read_schema(table)
    features, classes = [about["name"] for about in schema["features"]], schema["target"]["classes"]
    columns = read_table(table, features)
    deviations = np.array([np.nanstd(columns[name].astype(np.float64)) for name in features])
    found = np.concatenate([read_coefficients(path, len(features)) for path in weights]) * deviations
    means = found.mean(axis=0)
    largest = np.argsort(-np.abs(means).max(axis=0), kind="stable")[:MOST]
    names = [shortened(features[place], 28) for place in largest]
    rows = np.arange(len(largest))[::-1]
    if len(classes) == 2:
        figure, axes = new_figure(6.3, 1.3 + 0.2 * len(rows))
        axes.axvline(0, color="#444444", linewidth=1, linestyle="--")
        if len(found) > 1:
            low, high = np.quantile(found[:, 0, largest], [0.05, 0.95], axis=0)
            axes.hlines(rows, low, high, color=BLUE, linewidth=1.6)
        axes.plot(means[0, largest], rows, "o", color=BLUE, markersize=4.5)
        axes.set(xlabel=f"logit of {shortened(classes[1], 20)}, for one standard deviation of the feature")
        axes.grid(axis="y", visible=False)
    else:
        figure, axes = new_figure(min(8.0, 3.4 + 0.42 * len(classes)), 1.6 + 0.2 * len(rows))
        limit = np.abs(means[:, largest]).max() or 1.0
        drawn = axes.imshow(
            means[:, largest].T, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto", interpolation="none"
        )
        rows = rows[::-1]
        axes.grid(visible=False)
        turned = {"rotation": 90} if max(map(len, classes)) > 3 else {}
        axes.set_xticks(range(len(classes)), [shortened(name) for name in classes], **turned)
        bar = figure.colorbar(drawn, ax=axes, label="logit, for one standard deviation")
        bar.outline.set_visible(False)
    axes.set_yticks(rows, names)
    which = f"{len(found):,} splits" if len(found) > 1 else "one split"
    some = f", the largest {len(rows)} of {len(features)}" if len(features) > len(rows) else ""
    axes.set_title(f"Coefficients of {label(model)}, {which}{some}")
    save_figure(figure, svg, png)
