"""Measures how often the intervals and verdicts of a comparison are right: ``make calibration``.

A population is a rule that draws rows, or a large table whose rows are drawn. From it come many tables; on each, models are fitted on
random splits, as the workflow does, and compared. What is true is the mean difference over new training sets and new rows. It writes
the tables in docs/calibration.md, between their marks, and docs/calibration.png.
"""

import argparse
import os
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.populations import MODELS, PAIRS, Cell, bent, bikeshare, linear, record_of, tables, truth
from benchmarks.rows import gain, needed
from lineup.comparison.intervals import CONFIDENCE
from lineup.figures.style import BLUE, GREY, ORANGE, new_figure

PAGE, END = Path(__file__).parents[1] / "docs" / "calibration.md", "<!-- End. -->\n"

RULES = {
    "linear": linear,
    # Of the book's salaries the skewness is 1.6, as of about this.
    "skewed": partial(linear, heavy=0.6),
    "very skewed": partial(linear, heavy=1.0),
    "bent": bent,
}
HEAD = (
    "| Population | Tables | Covers (%) | Half-width | Corrected t-test covers (%) | Half-width | All pairs at once (%) | A wrong word (%) |",
    "|---|---|---|---|---|---|---|---|",
)
HEAD_OF_NEEDED = (
    "| Population | Open pairs | Within a factor of two (%) | Said over right, median |",
    "|---|---|---|---|",
)
HEAD_OF_GAIN = (
    "| Population | Tables | A law fits (%) | Covers (%) | Half-width |",
    "|---|---|---|---|---|",
)


def measure(cell: Cell, workers: int) -> dict:
    """Counts over the tables of a cell how often the intervals hold the truth and the verdicts are wrong."""
    means = dict(zip(MODELS, truth(cell, len(cell.name) + cell.rows), strict=True))
    found = tables(cell, workers)
    held, old, widths, together, wrong = [], [], [], [], []
    spread = {
        pair: np.std([record_of(records, pair)["difference"] for records in found], ddof=1) for pair in PAIRS
    }
    for records in found:
        within, right = True, True
        for pair in PAIRS:
            record = record_of(records, pair)
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


def _is_right(verdict: str, actual: float, region: float) -> bool:
    """Tells whether a verdict is not a wrong one; what is open is never wrong."""
    return {"better": actual < 0, "worse": actual > 0, "equivalent": abs(actual) <= region, "open": True}[
        verdict
    ]


def cells(quick: bool) -> list[Cell]:
    """Lists what is measured."""
    made = [
        Cell(f"{name}, {n:,} rows", rule, n, splits, 40 if quick else count)
        for name, rule in RULES.items()
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


def write(lines: list[str], part: str) -> None:
    """Writes lines of tables between the marks of a part of the page."""
    begin = f"<!-- Measured by benchmarks/{part}.py, from here to the end mark. -->\n"
    before, rest = PAGE.read_text(encoding="utf-8").split(begin)
    after = rest.split(END, 1)[1]
    PAGE.write_text(before + begin + "\n" + "\n".join(lines) + "\n\n" + END + after, encoding="utf-8")


def measure_intervals(quick: bool, workers: int) -> None:
    """Measures intervals and verdicts, and writes their table and the figure."""
    found = []
    for cell in cells(quick):
        found.append(measure(cell, workers))
        print(line(found[-1]), flush=True)
    if not quick:
        write([*HEAD, *map(line, found)], "calibration")
        draw(found, PAGE.with_suffix(".png"))


def measure_rows(quick: bool, workers: int) -> None:
    """Measures what is said of more rows, and writes its two tables."""
    of_needed, of_gain = list(HEAD_OF_NEEDED), list(HEAD_OF_GAIN)
    for name, rule in RULES.items():
        for n in (100, 263):
            cell = Cell(f"{name}, {n} rows", rule, n, 200 if quick else 1000, 10 if quick else 60)
            of_needed.append(needed(cell, workers).line)
            print(of_needed[-1], flush=True)
        for n in (100, 263, 1000):
            cell = Cell(f"{name}, {n:,} rows", rule, n, 100, 10 if quick else 200)
            of_gain.append(gain(cell, workers).line)
            print(of_gain[-1], flush=True)
    cell = Cell("linear, 263 rows, 1,000 splits", linear, 263, 200 if quick else 1000, 10 if quick else 50)
    of_gain.append(gain(cell, workers).line)
    print(of_gain[-1], flush=True)
    if not quick:
        write([*of_needed, "", *of_gain], "rows")


def main() -> None:
    """Measures both parts, or one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer tables, and nothing written")
    parser.add_argument("--part", choices=["intervals", "rows"], help="measure this part alone")
    options, workers = parser.parse_args(), os.cpu_count() or 1
    for part, how in (("intervals", measure_intervals), ("rows", measure_rows)):
        if options.part in (None, part):
            how(options.quick, workers)


if __name__ == "__main__":
    main()
