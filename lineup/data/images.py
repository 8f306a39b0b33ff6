"""Turns the four files of a set of images into the table that every model sees."""

import json
import logging
from pathlib import Path

import numpy as np
import pyarrow as pa

from lineup.data.tables import SCHEMA_KEY, parquet_writer
from lineup.errors import InputError
from lineup.torch_setup import torch

# isort: split
from torchvision.datasets import MNIST

# Images in a row group: what is written and read at once.
GROUP = 5000


class Images(MNIST):
    """The images of a folder that holds the four files, read as torchvision reads MNIST.

    Args:
        folder: The folder.
        train: Whether to read the images to train on, or those to test on.
    """

    def __init__(self, folder: Path, train: bool) -> None:
        self.folder = str(folder)
        super().__init__(folder, train=train)

    @property
    def raw_folder(self) -> str:
        """The folder that torchvision looks in."""
        return self.folder


def read_side(folder: Path, train: bool, classes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Reads images and their labels.

    Args:
        folder: The folder with the four files.
        train: Whether to read those to train on.
        classes: Names of the classes.

    Returns:
        The pixels, shape (n, height, width), and the labels, shape (n,), both uint8.

    Raises:
        InputError: If the files are damaged, do not go together, or have labels that are no class.
    """
    side = "train" if train else "t10k"
    try:
        found = Images(folder, train)
    except (RuntimeError, ValueError, AssertionError, OSError, EOFError) as error:
        raise InputError(
            f"The files {side}-* in {folder} cannot be read as images and labels: check that the sources give the four "
            "files of one set."
        ) from error
    pixels, labels = found.data.numpy(), found.targets.to(torch.int64).numpy()
    if len(pixels) != len(labels):
        raise InputError(
            f"{folder} has {len(pixels)} images and {len(labels)} labels in its files {side}-*: check that they are of one set."
        )
    if labels.max() >= len(classes):
        row = int((labels >= len(classes)).argmax())
        raise InputError(
            f"Image {row + 1} of {side}-labels-idx1-ubyte has the label {labels[row]}, and the config has names for "
            f"the labels 0 to {len(classes) - 1}: complete the classes in the config."
        )
    return pixels, labels.astype(np.uint8)


def as_bytes(pixels: np.ndarray) -> pa.FixedSizeBinaryArray:
    """Turns images, shape (n, height, width), into a column of their bytes."""
    buffers = [None, pa.py_buffer(np.ascontiguousarray(pixels).tobytes())]
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(pixels[0].size), len(pixels), buffers)


def preprocess_images(
    train_images: str,
    train_labels: str,
    test_images: str,
    test_labels: str,
    table: str,
    target: str,
    classes: list[str],
    logger: logging.Logger,
) -> None:
    """Writes the prepared table: ``pixels``, a byte each, row by row, and the label; images to train on first.

    The Parquet file says under the key ``lineup`` what it holds, as JSON.

    Args:
        train_images: The images to train on. The other files stand beside it, under the names of MNIST.
        train_labels: Their labels.
        test_images: The images to test on.
        test_labels: Their labels.
        table: The Parquet file to write.
        target: Name of the column of the labels.
        classes: Names of the classes.
        logger: Where to report.

    Raises:
        InputError: If the files do not hold two sets of images of one size, with labels that are classes.
    """
    if target == "pixels":
        raise InputError("The target is named 'pixels', as the column of the images is: choose another name.")
    folder = Path(train_images).parent
    sides = [read_side(folder, train, classes) for train in (True, False)]
    (_, *size), (_, *other) = (pixels.shape for pixels, _ in sides)
    if size != other:
        raise InputError(
            f"The images to train on in {folder} have {size[0]} by {size[1]} pixels, and those to test on {other[0]} by "
            f"{other[1]}: check that the files are of one set."
        )
    rows = {"train": len(sides[0][0]), "test": len(sides[1][0])}
    kept = sum(rows.values())
    schema = {
        "task": "classification",
        "target": {"name": target, "classes": classes},
        "images": {"height": size[0], "width": size[1]},
        "features": [],
        "rows": {"read": kept, "dropped": 0, "kept": kept} | rows,
    }
    metadata = {SCHEMA_KEY: json.dumps(schema, sort_keys=True, ensure_ascii=False)}
    # Pixels are no words that come back: a dictionary of them would only be in the way.
    with parquet_writer(table, metadata, use_dictionary=False) as write:
        for pixels, labels in sides:
            for start in range(0, len(pixels), GROUP):
                some = slice(start, start + GROUP)
                write({"pixels": as_bytes(pixels[some]), target: labels[some]})
    logger.info("%d images to train on and %d to test on, of %d by %d pixels.", *rows.values(), *size)
