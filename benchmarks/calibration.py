"""Measures how often the intervals and verdicts of a comparison are right: ``make calibration``.

A population is a rule that draws rows, or a large table whose rows are drawn. From it come many tables; on each, models are fitted on
random splits, as the workflow does, and compared. What is true is the mean difference over new training sets and new rows. It writes
the table in docs/calibration.md, between its marks, and docs/calibration.png.
"""

import argparse
import io
import logging
import multiprocessing
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from lineup.comparison.differences import differences
from lineup.comparison.evidence import Evidence
from lineup.comparison.intervals import CONFIDENCE
from lineup.comparison.jackknife import Tested
from lineup.data.packages import open_wheel
from lineup.data.splits import draw_splits
from lineup.figures.style import BLUE, GREY, ORANGE, new_figure
from lineup.models.linear import least_squares

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- Measured by benchmarks/calibration.py, from here to the end mark. -->\n", "<!-- End. -->\n"

Sample = tuple[np.ndarray, np.ndarray]  # features (n, p) and targets (n,)


@dataclass(frozen=True)
class Cell:
    """A population, and how many rows, splits and tables to draw."""

    name: str
    draw: Callable[[int, np.random.Generator], Sample]
    rows: int
    splits: int
    tables: int
    features: int = 10
    test_share: float = 1 / 3


def linear(rows: int, chance: np.random.Generator, features: int = 10, heavy: float = 0.0) -> Sample:
    """Draws rows of a linear rule; with heavy tails, targets are log-normal, with this deviation of the logarithm."""
    X = chance.normal(size=(rows, features))
    signal = X @ np.linspace(1, 0, features) ** 2
    if heavy:
        both = signal / signal.std() + chance.normal(size=rows)
        return X, np.exp(heavy * both / np.sqrt(2))
    return X, signal + 1.5 * chance.normal(size=rows)


def bent(rows: int, chance: np.random.Generator, features: int = 10) -> Sample:
    """Draws rows of a rule that a line misses."""
    X = chance.normal(size=(rows, features))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.5 * chance.normal(size=rows)


def bikeshare() -> Callable[[int, np.random.Generator], Sample]:
    """Draws rows of the 8,645 hours of Bikeshare, of the book's package: the numbers that do not give the target away."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    source = next(one for one in config["datasets"]["hitters"]["sources"] if "wheel" in one)
    with (
        open_wheel(source, logging.getLogger("bench")) as opener,
        opener("ISLP/data/Bikeshare.csv") as (stream, _),
    ):
        frame = pd.read_csv(io.BytesIO(stream.read())).select_dtypes("number")
    y = frame.pop("bikers").to_numpy(dtype=float)
    X = frame.drop(columns=["casual", "registered"]).to_numpy(dtype=float)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    return partial(_some_of, X, y)


def _some_of(X: np.ndarray, y: np.ndarray, rows: int, chance: np.random.Generator) -> Sample:
    some = chance.choice(len(y), rows, replace=False)
    return X[some], y[some]


def ridge(X: np.ndarray, y: np.ndarray, chance: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Fits ridge regression with a penalty of a tenth of the rows."""
    centre, mean = X.mean(axis=0), y.mean()
    Z = X - centre
    slopes = np.linalg.solve(Z.T @ Z + 0.1 * len(y) * np.eye(Z.shape[1]), Z.T @ (y - mean))
    return lambda new: mean + (new - centre) @ slopes


def plain(X: np.ndarray, y: np.ndarray, chance: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Fits least squares."""
    slopes, intercept = least_squares(X, y)
    return lambda new: intercept + new @ slopes


def half(X: np.ndarray, y: np.ndarray, chance: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Fits least squares to every other feature."""
    fitted = plain(X[:, ::2], y, chance)
    return lambda new: fitted(new[:, ::2])


def seeded(X: np.ndarray, y: np.ndarray, chance: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Fits ridge regression to 20 random features: a network whose hidden layer is drawn and not trained."""
    hidden = chance.normal(size=(X.shape[1], 20)) / np.sqrt(X.shape[1])
    shift = chance.normal(size=20)
    fitted = ridge(np.maximum(X @ hidden + shift, 0), y, chance)
    return lambda new: fitted(np.maximum(new @ hidden + shift, 0))


def constant(X: np.ndarray, y: np.ndarray, chance: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Predicts the mean."""
    return lambda new: np.full(len(new), y.mean())


MODELS = {"least squares": plain, "ridge": ridge, "half": half, "random features": seeded, "mean": constant}
PAIRS = list(combinations(MODELS, 2))


def losses(sample: Sample, train: np.ndarray, test: np.ndarray, seed: list[int]) -> np.ndarray:
    """Computes the absolute errors of all models on some test rows, (models, t)."""
    X, y = sample
    chance = np.random.default_rng(seed)
    fitted = [fit(X[train], y[train], chance) for fit in MODELS.values()]
    return np.array([np.abs(model(X[test]) - y[test]) for model in fitted])


def truth(cell: Cell, seed: int) -> np.ndarray:
    """Computes the mean errors of all models over new training sets, each on new rows."""
    chance, found = np.random.default_rng([seed, 1]), []
    train = cell.rows - int(np.ceil(cell.test_share * cell.rows))
    new = max(200, min(1000, train))
    for number in range(min(3000, max(100, 2_000_000 // cell.rows))):
        sample = cell.draw(train + new, chance)
        side = np.arange(train + new)
        found.append(losses(sample, side[:train], side[train:], [seed, number]).mean(axis=1))
    return np.mean(found, axis=0)


def table(cell: Cell, number: int) -> list[dict]:
    """Draws a table, fits all models on its splits, and compares them."""
    sample = cell.draw(cell.rows, np.random.default_rng([number, 2]))
    drawn = draw_splits(cell.rows, cell.test_share, list(range(cell.splits)))
    sides = enumerate(zip(drawn.train, drawn.test, strict=True))
    found = np.stack([losses(sample, *side, [number, place]) for place, side in sides], axis=1)
    by_model = dict(zip(MODELS, found, strict=True))
    evidence = Evidence(
        metric="mae",
        scores={name: values.mean(axis=1) for name, values in by_model.items()},
        losses={name: values.ravel() for name, values in by_model.items()},
        tested=Tested(drawn.test.ravel(), cell.splits, cell.rows),
        train_rows=drawn.train.shape[1],
        test_rows=drawn.test.shape[1],
        are_random=True,
        are_given=False,
        are_alone=True,
        region=0.01 * by_model["mean"].mean(),
    )
    return differences(evidence, "mean")


def measure(cell: Cell, workers: int) -> dict:
    """Counts over the tables of a cell how often the intervals hold the truth and the verdicts are wrong."""
    means = dict(zip(MODELS, truth(cell, len(cell.name) + cell.rows), strict=True))
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        tables = pool.map(partial(table, cell), range(cell.tables), chunksize=1)
    held, old, widths, together, wrong = [], [], [], [], []
    spread = {
        pair: np.std([_of(records, pair)["difference"] for records in tables], ddof=1) for pair in PAIRS
    }
    for records in tables:
        within, right = True, True
        for pair in PAIRS:
            record = _of(records, pair)
            actual = means[record["model"]] - means[record["other"]]
            seed = "random features" in pair
            held.append((pair, record["low"] <= actual <= record["high"]))
            old.append((pair, record["corrected_low"] <= actual <= record["corrected_high"]))
            widths.append(
                (
                    seed,
                    *(
                        (record[f"{kind}high"] - record[f"{kind}low"]) / 2 / spread[pair]
                        for kind in ("", "corrected_")
                    ),
                )
            )
            within &= record["together_low"] <= actual <= record["together_high"]
            right &= _is_right(record["verdict"], actual, record["region"])
        together.append(within)
        wrong.append(not right)
    by_pair = [np.mean([inside for one, inside in held if one == pair]) for pair in PAIRS]
    return {
        "cell": cell,
        "held": np.mean([inside for _, inside in held]),
        "lowest": min(by_pair),
        "highest": max(by_pair),
        "old": np.mean([inside for _, inside in old]),
        "width": [np.median([one[1] for one in widths if one[0] == seed]) for seed in (False, True)],
        "old_width": [np.median([one[2] for one in widths if one[0] == seed]) for seed in (False, True)],
        "together": np.mean(together),
        "wrong": np.mean(wrong),
    }


def _of(records: list[dict], pair: tuple[str, str]) -> dict:
    return next(one for one in records if {one["model"], one["other"]} == set(pair))


def _is_right(verdict: str, actual: float, region: float) -> bool:
    """Tells whether a verdict is not a wrong one; what is open is never wrong."""
    return {"better": actual < 0, "worse": actual > 0, "equivalent": abs(actual) <= region, "open": True}[
        verdict
    ]


def rows_needed(draw: Callable, rows: int, splits: int, tables: int, workers: int) -> float:
    """Measures how often the number of rows that is said to settle a pair is right within a factor of two.

    What is right is n times the square of the interval's typical width over the region, measured on tables of four times the rows.
    """
    few, many = (Cell("", draw, n, splits, tables) for n in (rows, 4 * rows))
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        found, later = (
            pool.map(partial(table, cell), range(cell.tables), chunksize=1) for cell in (few, many)
        )
    hits = []
    for pair in PAIRS:
        width = np.median(
            [one["together_high"] - one["together_low"] for one in (_of(records, pair) for records in later)]
        )
        needed = 4 * rows * (width / np.median([_of(records, pair)["region"] for records in later])) ** 2
        said = [_of(records, pair)["rows_needed"] for records in found]
        hits += [needed / 2 <= one <= 2 * needed for one in said if one]
    return float(np.mean(hits))


def cells(quick: bool) -> list[Cell]:
    """Lists what is measured."""
    # Of the book's salaries the skewness is 1.6, as of about the first.
    skewed, very = (partial(linear, heavy=deviation) for deviation in (0.6, 1.0))
    made = [
        Cell(f"{name}, {n:,} rows", draw, n, splits, 40 if quick else count)
        for name, draw in (("linear", linear), ("skewed", skewed), ("very skewed", very), ("bent", bent))
        for n, splits, count in ((50, 200, 400), (100, 200, 400), (263, 200, 300), (1000, 200, 150))
    ]
    made.append(Cell("linear, 263 rows, 1,000 splits", linear, 263, 1000, 40 if quick else 150))
    made.append(Cell("linear, 263 rows, 50 splits", linear, 263, 50, 40 if quick else 300))
    made.append(Cell("linear, 100,000 rows, 30 splits", linear, 100_000, 30, 8 if quick else 60))
    hours = bikeshare()
    made += [Cell(f"Bikeshare, {n} of its rows", hours, n, 200, 40 if quick else 300) for n in (100, 263)]
    return made


def line(found: dict) -> str:
    """Writes a line of the table."""
    cell, width, old = found["cell"], found["width"], found["old_width"]
    ends = f"{100 * found['held']:.1f} ({100 * found['lowest']:.0f} to {100 * found['highest']:.0f})"
    sizes = f"{width[0]:.1f}, {width[1]:.1f} | {100 * found['old']:.1f} | {old[0]:.1f}, {old[1]:.1f}"
    return f"| {cell.name} | {cell.tables} | {ends} | {sizes} | {100 * found['together']:.1f} | {100 * found['wrong']:.1f} |"


def draw(found: list[dict], path: Path) -> None:
    """Draws the coverage of each cell, of both intervals."""
    figure, axes = new_figure(6.9, 1.2 + 0.27 * len(found))
    places = np.arange(len(found))[::-1]
    axes.axvspan(93, 97, color=GREY, alpha=0.2, linewidth=0)
    axes.axvline(100 * CONFIDENCE, color="#444444", linewidth=1, linestyle="--")
    for one, place in zip(found, places, strict=True):
        axes.plot([100 * one["lowest"], 100 * one["highest"]], [place, place], color=BLUE, linewidth=2.2)
    axes.scatter([100 * one["held"] for one in found], places, color=BLUE, zorder=3, label="leaving out rows")
    axes.scatter(
        [100 * one["old"] for one in found],
        places,
        color=ORANGE,
        marker="D",
        s=24,
        zorder=3,
        label="corrected t-test",
    )
    axes.set_yticks(places, [one["cell"].name for one in found])
    axes.set(
        title="How often the 95 % interval holds the truth",
        xlabel="tables (%); the bar spans the pairs of models",
    )
    axes.legend(loc="lower left", fontsize=8)
    figure.savefig(path, dpi=150, metadata={"Software": None})


def main() -> None:
    """Measures all cells, and writes the page and the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer tables, and nothing written")
    options = parser.parse_args()
    workers, found = os.cpu_count() or 1, []
    for cell in cells(options.quick):
        found.append(measure(cell, workers))
        print(line(found[-1]), flush=True)
    share = rows_needed(linear, 100, 200, 20 if options.quick else 100, workers)
    print(f"rows needed within a factor of two: {share:.2f}", flush=True)
    if options.quick:
        return
    page, head = (
        ROOT / "docs" / "calibration.md",
        (
            "| Population | Tables | Covers (%) | Half-width | Corrected t-test covers (%) | Half-width | All pairs at once (%) | A wrong word (%) |\n"
            "|---|---|---|---|---|---|---|---|\n"
        ),
    )
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    said = f"\nThe rows that are said to settle a pair in any case were right within a factor of two in {100 * share:.0f} % of cases.\n"
    lines = "\n".join(map(line, found))
    page.write_text(f"{before}{BEGIN}\n{head}{lines}\n{said}\n{END}{after}", encoding="utf-8")
    draw(found, ROOT / "docs" / "calibration.png")


if __name__ == "__main__":
    main()
