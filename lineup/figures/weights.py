"""Draws the weights of a linear model of classes as one picture for each class."""

import json
import math
from pathlib import Path

import numpy as np
from safetensors import safe_open

from lineup.data.tables import read_schema, read_table
from lineup.figures.style import label, new_figure, save_figure, shortened

COLUMNS = 5  # pictures in a row


def read_weights(path: str, classes: int, scale: float = 255.0) -> tuple[np.ndarray, int]:
    """Reads the weights of the first split.

    Args:
        path: The weights of a network without hidden layers, as safetensors, or the coefficients of a
            logistic regression, as Parquet.
        classes: Number of classes K.
        scale: What a network divides pixels by; its weights are for what it then has.

    Returns:
        The change of the logit of each class from a dark to a bright pixel, shape (K, p), and the seed of
        the split. A logistic regression of two classes has that of the second alone, shape (1, p).
    """
    if Path(path).suffix == ".safetensors":
        with safe_open(path, "np") as file:
            seed = int(json.loads(file.metadata()["lineup"])["seeds"][0])
            weights = file.get_slice("layers.0.weight")[0]
            return weights * (scale / file.get_slice("scale")[0]), seed
    columns = read_table(path)
    first = columns["seed"] == columns["seed"][0]
    slopes = first & (columns["term"] != "(intercept)")
    return columns["coefficient"][slopes].reshape(1 if classes == 2 else classes, -1) * scale, int(
        columns["seed"][0]
    )


def plot_weights(model: str, table: str, weights: str, svg: str, png: str) -> None:
    """Draws the weights of each class, all on one scale of colours.

    Args:
        model: Name of the model.
        table: The prepared table, for the size of the images and the names of the classes.
        weights: See ``read_weights``.
        svg: SVG file to write.
        png: PNG file to write.
    """
    schema = read_schema(table)
    names, shape = schema["target"]["classes"], (schema["images"]["height"], schema["images"]["width"])
    values, seed = read_weights(weights, len(names))
    names = names[-len(values) :]
    columns = min(COLUMNS, len(names))
    rows = math.ceil(len(names) / columns)
    figure, axes = new_figure(1.25 * columns + 0.9, 1.4 * rows + 0.5, rows=rows, columns=columns)
    # ASSUME: a few pixels at the rim have by far the largest weights; beyond this share colours are full.
    limit = float(np.quantile(np.abs(values), 0.995)) or 1.0
    pictures = np.ravel(axes)
    for one, name, weight in zip(pictures, names, values, strict=False):
        drawn = one.imshow(
            weight.reshape(shape), cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="none"
        )
        one.set_title(shortened(name), loc="center")
    for one in pictures:
        one.set_axis_off()
    bar = figure.colorbar(
        drawn, ax=axes, shrink=0.8, extend="both", label="logit, from a dark to a bright pixel"
    )
    bar.outline.set_visible(False)
    figure.suptitle(f"Weights of {label(model)}, split seed {seed}", x=0.01, ha="left", fontsize=10)
    save_figure(figure, svg, png)
