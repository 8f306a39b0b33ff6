"""The learning curves of classifiers: those of the first split, and the others around them."""

import numpy as np
import pytest

from lineup.data.tables import write_table
from lineup.figures import training as module
from lineup.figures.training import curves_by_split, plot_training


def curves(folder, lengths, seed=0):
    """Writes curves of some lengths, a split each, in two blocks if there are several."""
    random = np.random.default_rng(seed)
    epochs = [np.arange(1, length + 1, dtype=np.int32) for length in lengths]
    columns = {
        "seed": np.repeat(np.arange(7, 7 + len(lengths)), lengths),
        "epoch": np.concatenate(epochs),
    }
    for stage in ("train", "valid"):
        columns[f"{stage}_accuracy"] = random.uniform(0.5, 1, len(columns["seed"]))
        columns[f"{stage}_loss"] = random.uniform(0, 2, len(columns["seed"]))
    paths = []
    for block, here in enumerate((columns["seed"] == 7, columns["seed"] > 7)):
        if here.any():
            paths.append(str(folder / f"curves{block}.parquet"))
            write_table({name: values[here] for name, values in columns.items()}, paths[-1])
    return columns, paths


@pytest.fixture
def drawn(monkeypatch):
    figures = []
    real = module.new_figure
    monkeypatch.setattr(module, "new_figure", lambda *a, **b: figures.append(real(*a, **b)) or figures[-1])
    return figures


def draw(folder, paths, validation=0.2):
    out = [folder / "one.svg", folder / "one.png"]
    plot_training("some_model", paths, validation, *map(str, out))
    return [path.read_bytes() for path in out]


def test_curves_are_sorted_by_split(tmp_path):
    columns, _ = curves(tmp_path, [3, 1, 2])
    found = curves_by_split(columns, "valid_loss")
    values = columns["valid_loss"]
    np.testing.assert_array_equal(
        found, [values[:3], [values[3], np.nan, np.nan], [values[4], values[5], np.nan]]
    )


@pytest.mark.parametrize("lengths", [[5], [5, 3], [1], [4] * 12, [6, *[3] * 11]], ids=str)
def test_the_lines_are_those_of_the_first_split(tmp_path, drawn, lengths):
    columns, paths = curves(tmp_path, lengths)
    draw(tmp_path, paths)
    figure, axes = drawn[0]
    first = columns["seed"] == 7
    for one, metric in zip(axes, ("accuracy", "loss"), strict=True):
        strong = [line for line in one.get_lines() if not line.get_label().startswith("_")]
        for line, stage in zip(strong, ("train", "valid"), strict=True):
            values = np.asarray(line.get_ydata())
            np.testing.assert_array_equal(values[: lengths[0]], columns[f"{stage}_{metric}"][first])
            assert np.isnan(values[lengths[0] :]).all()
        # Of few splits each has a line, of many there is a band.
        few = len(lengths) < module.BAND
        assert len(one.get_lines()) == 2 * (len(lengths) if few else 1)
        assert len(one.collections) == (0 if few else 2)
    words = "some model, split seed 7" + (f" of {len(lengths)}" if len(lengths) > 1 else "")
    assert figure.get_suptitle() == words


@pytest.mark.parametrize(("validation", "words"), [("test", "test rows"), (0.2, "20% held out")])
def test_the_rows_that_are_validated_on_are_named(tmp_path, drawn, validation, words):
    draw(tmp_path, curves(tmp_path, [3])[1], validation)
    assert [text.get_text() for text in drawn[0][1][0].get_legend().get_texts()] == ["training", words]


def test_the_same_bytes_are_drawn_twice(tmp_path):
    _, paths = curves(tmp_path, [3, 2])
    assert draw(tmp_path, paths) == draw(tmp_path, paths)
