"""Sets of images: read as they stand in the files, and refused when they are damaged."""

import shutil
import struct
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from support.data import IMAGE_FILES, small_images

from lineup.data import images as module
from lineup.data.design import read_design
from lineup.data.images import preprocess_images
from lineup.data.tables import read_schema
from lineup.errors import InputError

CLASSES = ["top", "upper", "lower"]


def read_idx(path):
    """Reads a file of the format by itself: 4 bytes of head, big-endian lengths, and bytes."""
    data = Path(path).read_bytes()
    assert data[:3] == b"\0\0\x08"
    shape = struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def prepared(folder, output, classes=CLASSES, target="row", logger=None):
    paths = {key: str(folder / name) for key, name in IMAGE_FILES.items()}
    preprocess_images(**paths, table=str(output), target=target, classes=classes, logger=logger)
    return str(output)


@pytest.mark.parametrize("group", [5000, 7], ids=["one row group a side", "many row groups"])
def test_the_table_holds_what_is_in_the_files(monkeypatch, tmp_path, logger, group):
    monkeypatch.setattr(module, "GROUP", group)
    folder = small_images(tmp_path / "raw", seed=3)
    table = prepared(folder, tmp_path / "table.parquet", logger=logger)
    images = [read_idx(folder / IMAGE_FILES[f"{side}_images"]) for side in ("train", "test")]
    labels = [read_idx(folder / IMAGE_FILES[f"{side}_labels"]) for side in ("train", "test")]
    design = read_design(table)
    np.testing.assert_array_equal(design.X, np.concatenate(images).reshape(84, 36))
    np.testing.assert_array_equal(design.y, np.concatenate(labels))
    assert (design.X.dtype, design.y.dtype, design.scale) == (np.uint8, np.int64, 255.0)
    assert design.classes == CLASSES and design.target == "row"
    assert design.features[:2] == ["pixel_0_0", "pixel_0_1"] and design.features[-1] == "pixel_5_5"
    assert len(set(design.y)) == 3 and design.X.std() > 10
    assert pq.ParquetFile(table).num_row_groups == (2 if group == 5000 else 13)
    assert read_schema(table) == {
        "task": "classification",
        "target": {"name": "row", "classes": CLASSES},
        "images": {"height": 6, "width": 6},
        "features": [],
        "rows": {"read": 84, "dropped": 0, "kept": 84, "train": 60, "test": 24},
    }


def test_the_same_bytes_are_written_twice(tmp_path, logger):
    folder = small_images(tmp_path / "raw", seed=3)
    first, second = (prepared(folder, tmp_path / name, logger=logger) for name in ("one", "two"))
    assert Path(first).read_bytes() == Path(second).read_bytes()


def cut(folder):
    path = folder / IMAGE_FILES["test_images"]
    path.write_bytes(path.read_bytes()[:-5])
    return "The files t10k-\\* in .* cannot be read as images and labels: check that"


def no_format(folder):
    (folder / IMAGE_FILES["train_labels"]).write_bytes(b"<html>not found</html>")
    return "The files train-\\* in .* cannot be read as images and labels: check that"


def fewer_labels(folder):
    small_images(folder / "other", seed=1, train=59)
    shutil.copy(folder / "other" / IMAGE_FILES["train_labels"], folder)
    return "raw has 60 images and 59 labels in its files train-\\*: check that"


def other_size(folder):
    small_images(folder / "other", seed=1, size=5)
    for key in ("test_images", "test_labels"):
        shutil.copy(folder / "other" / IMAGE_FILES[key], folder)
    return "The images to train on in .* have 6 by 6 pixels, and those to test on 5 by 5: check that"


def none_at_all(folder):
    small_images(folder, seed=1, test=0)
    return "The files t10k-\\* in .* cannot be read as images and labels: check that"


def more_classes(folder):
    small_images(folder, seed=1, classes=4)
    return "Image [0-9]+ of train-labels-idx1-ubyte has the label 3, and the config has names for the labels 0 to 2: complete"


@pytest.mark.parametrize("damage", [cut, no_format, fewer_labels, other_size, none_at_all, more_classes])
def test_what_is_no_set_of_images_is_refused(tmp_path, logger, damage):
    folder, output = small_images(tmp_path / "raw", seed=3), tmp_path / "table.parquet"
    problem = damage(folder)
    with pytest.raises(InputError, match=problem) as refused:
        prepared(folder, output, logger=logger)
    assert "\n" not in str(refused.value) and str(refused.value).endswith(".")
    assert not output.exists()


def test_a_target_named_as_the_pixels_is_refused(tmp_path, logger):
    folder = small_images(tmp_path / "raw", seed=3)
    with pytest.raises(InputError, match="The target is named 'pixels'"):
        prepared(folder, tmp_path / "table.parquet", target="pixels", logger=logger)


@pytest.mark.long
def test_the_images_of_mnist(mnist_table):
    """Counts, pixel sums and label counts by an independent reading of the files, and the counts that are printed."""
    design, schema = read_design(mnist_table), read_schema(mnist_table)
    assert (schema["rows"]["train"], schema["rows"]["test"]) == (60_000, 10_000)
    assert design.X.shape == (70_000, 784)
    for side, rows in (("train", slice(0, 60_000)), ("test", slice(60_000, 70_000))):
        images = read_idx(Path(mnist_table).parent / IMAGE_FILES[f"{side}_images"])
        labels = read_idx(Path(mnist_table).parent / IMAGE_FILES[f"{side}_labels"])
        sums = images.sum(axis=0, dtype=np.int64).ravel()
        np.testing.assert_array_equal(design.X[rows].sum(axis=0, dtype=np.int64), sums)
        assert sums.sum() > 0
        assert np.bincount(design.y[rows]).tolist() == np.bincount(labels).tolist()
    # The first three digits to train on, as everybody has seen them.
    assert design.y[:3].tolist() == [5, 0, 4]
