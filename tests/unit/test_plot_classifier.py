"""Confusion, mistakes and calibration: the values drawn are those of an independent computation."""

from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix as reference_confusion
from sklearn.metrics import precision_recall_curve, recall_score, roc_auc_score, roc_curve

from lineup.comparison.scores import write_evaluation
from lineup.data.design import read_design
from lineup.data.tables import read_splits
from lineup.figures import classes as module
from lineup.figures import mistakes as mistakes_module
from lineup.figures import roc as roc_module
from lineup.figures.classes import (
    Predictions,
    calibration,
    confusion_matrix,
    plot_classifier,
    read_predictions,
)
from lineup.figures.mistakes import plot_mistakes, read_images, worst_mistakes
from lineup.figures.roc import AT, curves, plot_roc

FIGURES = ("confusion", "calibration", "roc")


def made_up(rows=397, classes=10, right=0.8, seed=0):
    """Gives predictions that are right on about so many rows."""
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet([0.3] * classes, rows)
    actual = np.where(
        random.random(rows) < right, probabilities.argmax(axis=1), random.integers(0, classes, rows)
    )
    return Predictions(1, np.arange(1400, 1400 + rows), actual, probabilities.argmax(axis=1), probabilities)


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are made, in their order; of their files the smaller one is written, without a layout."""
    figures = []
    real = module.new_figure

    def keep(*arguments, **more):
        figures.append(real(*arguments, **more))
        return figures[-1]

    def save(figure, svg, png):
        figure.set_layout_engine("none")
        figure.savefig(svg)

    for drawing in (module, mistakes_module, roc_module):
        monkeypatch.setattr(drawing, "new_figure", keep)
        monkeypatch.setattr(drawing, "save_figure", save)
    return figures


@pytest.fixture
def draw(tmp_path, digits):
    """Gives a function that writes predictions for the digits and draws their figures."""
    table, splits_of = digits
    made = []

    def run(found):
        made.append(tmp_path / f"made{len(made)}")
        made[-1].mkdir()
        splits = read_splits([splits_of(1, 2)])
        both = np.concatenate([found.probabilities, found.probabilities[::-1]])
        predictions = str(made[-1] / "predictions.parquet")
        write_evaluation(read_design(table), splits, both, predictions, str(made[-1] / "scores.parquet"))
        paths = {
            f"{name}_{kind}": str(made[-1] / f"{name}.{kind}") for name in FIGURES for kind in ("svg", "png")
        }
        plot_classifier("some_model", table, [predictions], **paths)
        files = {name: made[-1] / name.replace("_", ".") for name in paths}
        files |= {f"mistakes_{kind}": made[-1] / f"mistakes.{kind}" for kind in ("svg", "png")}
        plot_mistakes(
            "some_model", table, predictions, str(files["mistakes_svg"]), str(files["mistakes_png"])
        )
        return predictions, files

    return run


def test_the_confusion_is_that_of_scikit_learn():
    found = made_up()
    counts = confusion_matrix(found.actual, found.predicted, 10)
    np.testing.assert_array_equal(
        counts, reference_confusion(found.actual, found.predicted, labels=range(10))
    )
    assert counts.sum() == 397 and 200 < np.trace(counts) < 397


def test_the_calibration_error_is_that_of_a_plain_loop():
    """By definition, row by row; each bin has Wilson's interval by scipy."""
    found = made_up()
    probability, right = found.probabilities.max(axis=1), found.actual == found.predicted
    bins, error = calibration(probability, right)
    expected, places = 0.0, []
    for number in range(10):
        rows = [row for row in range(397) if number / 10 <= probability[row] < (number + 1) / 10]
        if number == 9:
            rows += [row for row in range(397) if probability[row] == 1]
        if not rows:
            continue
        sure, share = sum(probability[rows]) / len(rows), sum(right[rows]) / len(rows)
        expected += len(rows) / 397 * abs(sure - share)
        one = bins[len(places)]
        places.append(number)
        interval = binomtest(int(sum(right[rows])), len(rows)).proportion_ci(method="wilson")
        assert (one["number"], one["probability"], one["right"]) == pytest.approx((len(rows), sure, share))
        assert (one["low"], one["high"]) == pytest.approx(tuple(interval))
    assert error == pytest.approx(expected) and error > 0.01
    assert len(bins) == len(places) > 5


def test_a_model_that_is_as_sure_as_it_is_right_has_no_error():
    probability = np.repeat([0.25, 0.75], 400)
    right = np.concatenate([np.arange(400) % 4 == 0, np.arange(400) % 4 != 0])
    bins, error = calibration(probability, right)
    assert error == 0 and [one["right"] for one in bins] == [0.25, 0.75]
    assert calibration(probability, ~right)[1] == pytest.approx(0.5)


def test_the_worst_mistakes_come_first():
    found = made_up()
    naive = sorted(
        (row for row in range(397) if found.actual[row] != found.predicted[row]),
        key=lambda row: (found.probabilities[row, found.actual[row]], row),
    )
    assert worst_mistakes(found, 12).tolist() == naive[:12]
    assert worst_mistakes(found, 1000).tolist() == naive
    assert 12 < len(naive) < 397


def test_images_are_read_by_their_rows(digits):
    """In any order, also from several row groups."""
    design = read_design(digits[0])
    rows = np.array([1700, 3, 1400, 3])
    np.testing.assert_array_equal(read_images(digits[0], rows), design.X[rows].reshape(4, 8, 8))
    assert read_images(digits[0], np.array([], dtype=int)).shape == (0, 8, 8)


@pytest.mark.long
@pytest.mark.usefixtures("drawn")
def test_the_predictions_are_those_of_the_first_split(draw):
    found = made_up()
    read = read_predictions(draw(found)[0])
    assert read.seed == 1 and len(read.actual) == 397
    np.testing.assert_allclose(read.probabilities, found.probabilities, rtol=1e-6)


def test_what_is_drawn_is_what_is_computed(draw, drawn, digits):
    found = made_up()
    predictions, _ = draw(found)
    read = read_predictions(predictions)
    (title, confusion), (_, (upper, lower)), _, (sheet, pictures) = drawn
    counts = confusion_matrix(read.actual, read.predicted, 10)
    texts = [text.get_text() for text in confusion.texts]
    assert [text for text in texts if text.isdigit()] == [
        str(counts[row, column])
        for row in range(10)
        for column in range(10)
        if counts[row, column] or row == column
    ]
    shares = recall_score(read.actual, read.predicted, average=None)
    assert [text for text in texts if text.endswith("%")] == [f"{share:.1%}" for share in shares]
    assert f"{np.trace(counts) / 397:.4f}" in title.get_suptitle()
    mistakes = np.asarray(confusion.get_images()[0].get_array())
    assert (mistakes == counts - np.diag(np.diag(counts))).all()

    worst = worst_mistakes(read, 40)
    design = read_design(digits[0])
    for axes, place in zip(pictures.flat, worst, strict=True):
        image = np.asarray(axes.get_images()[0].get_array())
        np.testing.assert_array_equal(image, design.X[read.row[place]].reshape(8, 8))
        sure = read.probabilities[place, read.predicted[place]]
        assert axes.get_title() == f"{read.actual[place]} → {read.predicted[place]}  {sure:.0%}"
    number = int((read.actual != read.predicted).sum())
    assert f"the worst 40 of {number} mistakes" in sheet.get_suptitle()

    bins, error = calibration(read.probabilities.max(axis=1).astype(float), read.actual == read.predicted)
    line = upper.get_lines()[-1]
    assert line.get_xdata() == pytest.approx([one["probability"] for one in bins])
    assert line.get_ydata() == pytest.approx([one["right"] for one in bins])
    assert f"{error:.3f}" in upper.get_title(loc="left")
    assert sum(patch.get_height() for patch in lower.patches) == 397


@pytest.mark.long
def test_the_same_bytes_are_drawn_twice(draw):
    found = made_up()
    first, second = draw(found)[1], draw(found)[1]
    for name, path in first.items():
        assert path.read_bytes() == second[name].read_bytes()
        if path.suffix == ".svg":
            ElementTree.parse(path)


@pytest.mark.parametrize(
    "mistakes", [0, pytest.param(1, marks=pytest.mark.slow), 9], ids=["none", "one", "more than a row"]
)
@pytest.mark.long
def test_few_mistakes_are_drawn(draw, drawn, digits, mistakes):
    actual = read_design(digits[0]).y[1400:]
    probabilities = np.full((397, 10), 0.01)
    probabilities[np.arange(397), actual] = 0.91
    for row in range(mistakes):
        probabilities[row] = np.roll(probabilities[row], 1)
    draw(Predictions(1, np.arange(397), actual, probabilities.argmax(axis=1), probabilities))
    sheet, pictures = drawn[3]
    assert sum(bool(axes.get_images()) for axes in pictures.flat) == mistakes
    words = {0: "no mistake among 397 test rows", 1: "all 1 mistakes", 9: "all 9 mistakes"}
    assert words[mistakes].replace("all 1 mistakes", "the only mistake") in sheet.get_suptitle()


@pytest.mark.parametrize("classes", [2, 26, 47])
@pytest.mark.long
def test_few_and_many_classes_are_drawn(tmp_path, drawn, classes):
    found = made_up(classes=classes)
    names = [f"a very long name of the class {place}" for place in range(classes)]
    paths = [str(tmp_path / name) for name in ("one.svg", "one.png")]
    module.plot_confusion("some_model", found, names, *paths)
    figure, axes = drawn[0]
    assert isinstance(figure, Figure)
    shown = [label.get_text() for label in axes.get_yticklabels()]
    assert len(shown) == classes and all(len(name) == 12 and name.endswith("…") for name in shown)
    assert any(text.get_text().isdigit() for text in axes.texts) == (classes < 21)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_curves_are_those_of_scikit_learn(weighted):
    """At each of their corners, some probabilities being equal."""
    chance = np.random.default_rng(3)
    inside = chance.random(200) < 0.3
    probability = (chance.random(200) + 0.5 * inside).round(1)
    weights = chance.exponential(size=200) if weighted else np.ones(200)
    of_class, precision = curves(inside, probability, weights)
    false, true, _ = roc_curve(inside, probability, sample_weight=weights, drop_intermediate=False)
    np.testing.assert_allclose(of_class, np.interp(AT, false, true), atol=1e-12)
    expected, recall, _ = precision_recall_curve(inside, probability, sample_weight=weights)
    for at, value in zip(AT[1:], precision[1:], strict=True):
        enough = recall >= at - 1e-12
        # Of the thresholds with so much recall, the highest.
        assert value == pytest.approx(expected[enough][-1])
    assert of_class[100] > 0.6


def test_the_curves_of_two_classes_are_of_the_second(tmp_path, prepare, drawn):
    """Over three splits, whose mean and areas are drawn."""
    chance = np.random.default_rng(4)
    frame = {"a": chance.normal(size=90), "y": np.where(chance.random(90) < 0.4, "no", "yes")}
    table, splits = prepare(tmp_path, frame, seeds=[1, 2, 3], task="classification")
    design, parts = read_design(table), read_splits([splits])
    tests = np.concatenate(list(parts.test))
    sure = np.clip(0.3 * design.y[tests] + 0.6 * chance.random(len(tests)), 0, 1)
    paths = [str(tmp_path / name) for name in ("predictions", "scores")]
    write_evaluation(design, parts, np.column_stack([1 - sure, sure]), *paths)
    plot_roc("some", design.classes, paths[:1], table, str(tmp_path / "a.svg"), str(tmp_path / "a.png"))
    figure, (left, right) = drawn[0]
    size = parts.test.shape[1]
    areas = [
        roc_auc_score(design.y[tests[k * size :][:size]], sure[k * size :][:size].astype(np.float32))
        for k in range(3)
    ]
    assert f"area {np.mean(areas):.3f}" in left.get_title(loc="left") and 0.6 < np.mean(areas) < 1
    assert "yes against the rest" in figure.get_suptitle()
    assert f"{design.y[tests].mean():.3f} by chance" in right.get_title(loc="left")
