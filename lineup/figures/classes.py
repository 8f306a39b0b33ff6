"""Draws what a model makes of the classes: which it takes for which, and its calibration."""

from dataclasses import dataclass, replace

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullLocator, StrMethodFormatter

from lineup.comparison.intervals import wilson_interval
from lineup.comparison.rates import predicted_classes
from lineup.data.tables import lists, read_parquet, read_schema
from lineup.errors import InputError
from lineup.figures.roc import plot_roc
from lineup.figures.style import BLUE, GREY, label, new_figure, save_figure, shortened

BINS = 10  # of the probabilities, in the calibration
COUNTED = 20  # classes up to which counts are written into the confusion matrix

# Light for little, so that a dark number can be read on it.
MISTAKES = LinearSegmentedColormap.from_list("mistakes", ["#FFFFFF", "#F0A070"])


@dataclass(frozen=True)
class Predictions:
    """The predictions of the first split, for t test rows and K classes."""

    seed: int  # seed of the split
    row: np.ndarray  # row numbers in the table, shape (t,)
    actual: np.ndarray  # places of the classes, shape (t,)
    predicted: np.ndarray  # those of the most probable classes, shape (t,)
    probabilities: np.ndarray  # shape (t, K)


def read_predictions(*paths: str) -> Predictions:
    """Reads the predictions of the first split in the files that ``write_evaluation`` wrote for some blocks.

    Raises:
        InputError: If there are none.
    """
    table = next((read for read in map(read_parquet, paths) if len(read)), None)
    if table is None:
        raise InputError("The model could not be fitted on any split, and there is nothing to draw.")
    first = table["seed"].to_numpy() == table["seed"][0].as_py()
    columns = [table[name].to_numpy()[first].astype(np.int64) for name in ("row", "actual", "predicted")]
    return Predictions(table["seed"][0].as_py(), *columns, lists(table["probabilities"])[first])


def confusion_matrix(actual: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts how often each class, by row, is taken for which, by column: shape (K, K)."""
    return np.bincount(actual * classes + predicted, minlength=classes**2).reshape(classes, classes)


def calibration(probability: np.ndarray, right: np.ndarray) -> tuple[list[dict], float]:
    """Compares how sure a model is with how often it is right.

    Args:
        probability: Of a class, shape (t,).
        right: Whether that is the actual class, shape (t,).

    Returns:
        For each bin of equal width with rows in it: their ``number``, the mean ``probability``, the share
        ``right``, and the ends ``low`` and ``high`` of Wilson's 95 % interval for it. Then the expected
        calibration error: the mean over the rows of how far the two are apart in their bins (Guo et al.,
        "On Calibration of Modern Neural Networks", ICML 2017).
    """
    place = np.minimum((probability * BINS).astype(int), BINS - 1)
    bins = []
    for number in np.unique(place):
        here = place == number
        low, high = wilson_interval(right[here].mean(), int(here.sum()))
        bins.append(
            {
                "number": int(here.sum()),
                "probability": float(probability[here].mean()),
                "right": float(right[here].mean()),
                "low": low,
                "high": high,
            }
        )
    apart = sum(one["number"] * abs(one["probability"] - one["right"]) for one in bins)
    return bins, apart / len(probability)


def plot_confusion(model: str, found: Predictions, names: list[str], svg: str, png: str) -> None:
    """Draws the confusion matrix. The colours are those of the mistakes; the diagonal is apart.

    Args:
        model: Name of the model.
        found: Its predictions.
        names: Names of the K classes.
        svg: SVG file to write.
        png: PNG file to write.
    """
    classes = len(names)
    counts = confusion_matrix(found.actual, found.predicted, classes)
    mistakes = counts - np.diag(np.diag(counts))
    size = min(7.5, 2.2 + 0.42 * classes)
    figure, axes = new_figure(size + 0.6, size)
    axes.imshow(mistakes, cmap=MISTAKES, vmin=0, vmax=max(1, mistakes.max()), interpolation="none")
    font = 8 if classes <= 12 else 6
    for row in range(classes):
        share = counts[row, row] / max(1, counts[row].sum())
        # The darker, the more of the class are right.
        alpha = 0.25 + 0.6 * share
        axes.add_patch(Rectangle((row - 0.5, row - 0.5), 1, 1, color=BLUE, alpha=alpha, linewidth=0))
        right = f"{share:.1%}" if counts[row].any() else "no row"
        axes.text(classes - 0.3, row, right, va="center", fontsize=font)
        for column in range(classes):
            if classes <= COUNTED and (counts[row, column] or row == column):
                color = "white" if row == column and share > 0.5 else "#222222"
                axes.text(
                    column, row, counts[row, column], ha="center", va="center", fontsize=font, color=color
                )
    axes.text(classes - 0.3, -0.75, "right", va="center", fontsize=font)
    turned = {"rotation": 90} if max(map(len, names)) > 3 else {}
    axes.set_xticks(range(classes), [shortened(name) for name in names], fontsize=font, **turned)
    axes.set_yticks(range(classes), [shortened(name) for name in names], fontsize=font)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set(xlabel="predicted", ylabel="actual")
    accuracy = np.trace(counts) / counts.sum()
    figure.suptitle(
        f"{label(model)}, split seed {found.seed}: accuracy {accuracy:.4f}", x=0.01, ha="left", fontsize=10
    )
    save_figure(figure, svg, png)


def plot_calibration(model: str, found: Predictions, names: list[str], svg: str, png: str) -> None:
    """Draws how often predictions of about the same probability are right, and how many there are; of two classes, the second.

    Args:
        model: Name of the model.
        found: Its predictions.
        names: Names of the K classes.
        svg: SVG file to write.
        png: PNG file to write.
    """
    probability, right, of = (
        found.probabilities.max(axis=1),
        found.actual == found.predicted,
        "the predicted class",
    )
    share = "share that is right"
    if len(names) == 2:
        probability, right, of = found.probabilities[:, 1], found.actual == 1, shortened(names[1], 20)
        share = f"share that is {of}"
    probability = probability.astype(np.float64)
    bins, error = calibration(probability, right)
    figure, (upper, lower) = new_figure(5.2, 4.8, rows=2, height_ratios=[3, 1], sharex=True)
    upper.axline((0, 0), slope=1, color=GREY, linewidth=1, linestyle="--")
    x, y = ([one[key] for one in bins] for key in ("probability", "right"))
    upper.vlines(x, [one["low"] for one in bins], [one["high"] for one in bins], color=BLUE, linewidth=1.4)
    upper.plot(x, y, "o-", color=BLUE, linewidth=1, markersize=4.5)
    upper.set(ylim=(0, 1.02), ylabel=share)
    upper.set_title(f"{label(model)}, split seed {found.seed}: calibration error {error:.3f}")
    lower.hist(probability, bins=np.linspace(0, 1, BINS + 1), color=BLUE, alpha=0.6)
    lower.set(xlim=(0, 1.02), xlabel=f"probability of {of}", ylabel="predictions", yscale="log")
    lower.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    lower.yaxis.set_minor_locator(NullLocator())
    save_figure(figure, svg, png)


def plot_classifier(
    model: str,
    table: str,
    predictions: list[str],
    confusion_svg: str,
    confusion_png: str,
    calibration_svg: str,
    calibration_png: str,
    roc_svg: str,
    roc_png: str,
    threshold: float = 0.5,
) -> None:
    """Draws the three figures of a model.

    Args:
        model: Name of the model.
        table: The prepared table.
        predictions: The predictions, a file for each block of splits.
        confusion_svg: SVG file to write, see ``plot_confusion``.
        confusion_png: PNG file to write.
        calibration_svg: SVG file to write, see ``plot_calibration``.
        calibration_png: PNG file to write.
        roc_svg: SVG file to write, see ``plot_roc``.
        roc_png: PNG file to write.
        threshold: The probability above which the second of two classes is predicted.
    """
    found, names = read_predictions(*predictions), read_schema(table)["target"]["classes"]
    found = replace(found, predicted=predicted_classes(found.probabilities, threshold))
    plot_confusion(model, found, names, confusion_svg, confusion_png)
    plot_calibration(model, found, names, calibration_svg, calibration_png)
    plot_roc(model, names, predictions, table, roc_svg, roc_png)
