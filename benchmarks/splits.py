"""Measures what the whole pipeline costs by the number of splits: time, and the most memory held at once.

Run it from the checkout: ``python -m benchmarks.splits``. It writes the table into docs/splits.md, between its
marks, and draws docs/splits.png from it. The data is fetched and the packages are installed before anything is
timed; every run starts from the raw file and ends with the report.
"""

import argparse
import re
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
import yaml
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from benchmarks.bench import ROOT, Bench
from lineup.figures.style import BLUE, ORANGE, logarithmic_x, new_figure

NUMBERS = [1, 10, 100, 1_000, 3_000, 10_000]
BEGIN, END = "<!-- Measured by benchmarks/splits.py, from here to the end mark. -->\n", "<!-- End. -->\n"


def memory(process: psutil.Process) -> float:
    """Adds up the memory of a process and its descendants in MiB, what they share counted once."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        with suppress(psutil.Error):
            total += one.memory_full_info().pss
    return total / 2**20


def measure(bench: Bench, folder: Path, splits: int) -> tuple[float, float]:
    """Runs the pipeline with the seeds 1 to ``splits``.

    Args:
        bench: Has fetched the data.
        folder: Where to run it.
        splits: Number of splits.

    Returns:
        The seconds that it took, and the most memory that it held at once, in MiB.

    Raises:
        SystemExit: If it fails.
    """
    bench.start_from_raw(folder)
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    config["datasets"]["hitters"]["splits"]["seeds"] = {"first": 1, "last": splits}
    configfile = folder.with_suffix(".yaml")
    configfile.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    started, most = time.perf_counter(), 0.0
    with (folder / "log").open("w", encoding="utf-8") as log:
        run = psutil.Popen(
            [*bench.snakemake, "--configfile", str(configfile)],
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        while run.poll() is None:
            most = max(most, memory(run))
            time.sleep(0.1)
    seconds = time.perf_counter() - started
    if run.returncode:
        raise SystemExit((folder / "log").read_text(encoding="utf-8")[-3000:])
    return seconds, most


def read_page(page: str) -> list[tuple[int, float, float]]:
    """Reads the table of the page: number of splits, seconds and MiB."""
    rows = re.findall(r"^\| ([\d,]+) \| ([\d.]+) \|[^|]*\| ([\d,]+) \|$", page, re.MULTILINE)
    return [(int(n.replace(",", "")), float(s), float(m.replace(",", ""))) for n, s, m in rows]


def draw(rows: list[tuple[int, float, float]], path: Path) -> None:
    """Draws seconds and memory by the number of splits."""
    numbers, seconds, memories = zip(*rows, strict=True)
    figure, axes = new_figure(5.6, 3.4)
    axes.plot(numbers, seconds, marker="o", color=BLUE)
    logarithmic_x(axes)
    axes.set(yscale="log", xlabel="splits", ylabel="time (s)", title="From raw file to report")
    axes.yaxis.label.set_color(BLUE)
    axes.xaxis.set_major_locator(LogLocator())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    right = axes.twinx()
    right.plot(numbers, memories, marker="s", color=ORANGE)
    right.set(ylim=(0, 2048), ylabel="most memory at once (MiB)")
    right.yaxis.label.set_color(ORANGE)
    right.grid(visible=False)
    figure.savefig(path, dpi=150, metadata={"Software": None})


def main() -> None:
    """Measures, writes the table and draws the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=NUMBERS[-1], help="largest number of splits")
    options = parser.parse_args()
    lines = ["| Splits | Time (s) | Time a split (ms) | Most memory at once (MiB) |\n|---|---|---|---|\n"]
    with tempfile.TemporaryDirectory(prefix="lineup-splits-") as name:
        bench = Bench(Path(name), cores=4)
        for splits in [number for number in NUMBERS if number <= options.most]:
            seconds, most = measure(bench, Path(name) / str(splits), splits)
            lines.append(f"| {splits:,} | {seconds:.1f} | {1000 * seconds / splits:,.3g} | {most:,.0f} |\n")
            print(lines[-1], end="", flush=True)
    page = ROOT / "docs" / "splits.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(before + BEGIN + "\n" + "".join(lines) + "\n" + END + after, encoding="utf-8")
    draw(read_page("".join(lines)), ROOT / "docs" / "splits.png")


if __name__ == "__main__":
    main()
