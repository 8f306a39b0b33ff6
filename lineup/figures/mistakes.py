"""Draws the worst mistakes of a model that tells classes of images apart."""

import numpy as np
import pyarrow.parquet as pq

from lineup.data.design import pixels
from lineup.data.tables import read_schema
from lineup.figures.classes import Predictions, read_predictions
from lineup.figures.style import label, new_figure, save_figure, shortened

ROWS, COLUMNS = 5, 8  # of the sheet


def worst_mistakes(found: Predictions, most: int) -> np.ndarray:
    """Lists the places of the mistakes whose actual class has the lowest probability, the worst first."""
    wrong = np.flatnonzero(found.actual != found.predicted)
    of_actual = found.probabilities[wrong, found.actual[wrong]]
    return wrong[np.argsort(of_actual, kind="stable")][:most]


def read_images(table: str, rows: np.ndarray) -> np.ndarray:
    """Reads the pixels of some rows of a prepared table of images, one row group in memory at a time.

    Args:
        table: The prepared table.
        rows: Row numbers, shape (n,).

    Returns:
        Shape (n, height, width), uint8.
    """
    size = read_schema(table)["images"]
    images = np.zeros((len(rows), size["height"] * size["width"]), dtype=np.uint8)
    with pq.ParquetFile(table) as file:
        start = 0
        for group in range(file.num_row_groups):
            end = start + file.metadata.row_group(group).num_rows
            here = (rows >= start) & (rows < end)
            if here.any():
                column = file.read_row_group(group, ["pixels"], use_threads=False)["pixels"]
                images[here] = pixels(column)[rows[here] - start]
            start = end
    return images.reshape(-1, size["height"], size["width"])


def plot_mistakes(model: str, table: str, predictions: str, svg: str, png: str) -> None:
    """Draws a sheet of the worst mistakes, each with its actual and its predicted class.

    Args:
        model: Name of the model.
        table: The prepared table, for the images and the names of the classes.
        predictions: The predictions of the first block of splits.
        svg: SVG file to write.
        png: PNG file to write.
    """
    found, names = read_predictions(predictions), read_schema(table)["target"]["classes"]
    worst = worst_mistakes(found, ROWS * COLUMNS)
    images = read_images(table, found.row[worst])
    rows = max(1, -(-len(worst) // COLUMNS))
    figure, axes = new_figure(7.2, 0.6 + 1.12 * rows, rows=rows, columns=COLUMNS, squeeze=False)
    for one in axes.flat:
        one.set_axis_off()
    for one, place, image in zip(axes.flat, worst, images, strict=False):
        one.imshow(image, cmap="gray_r", vmin=0, vmax=255, interpolation="none")
        actual, predicted = (shortened(names[at[place]], 8) for at in (found.actual, found.predicted))
        sure = found.probabilities[place, found.predicted[place]]
        one.set_title(f"{actual} → {predicted}  {sure:.0%}", loc="center", fontsize=7.5, pad=2.5)
    number = int((found.actual != found.predicted).sum())
    which = f"{label(model)}, split seed {found.seed}"
    if number == 0:
        title = f"{which}: no mistake among {len(found.actual):,} test rows"
    elif number <= len(worst):
        title = (
            f"{which}: {'the only mistake' if number == 1 else f'all {number} mistakes'}, actual → predicted"
        )
    else:
        title = f"{which}: the worst {len(worst)} of {number:,} mistakes, actual → predicted"
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    save_figure(figure, svg, png)
