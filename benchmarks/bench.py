"""Times the pipeline of 1,000 splits beside the lab's one, its parts beside the lab's, and a run with nothing to do.

Times drift from machine to machine and from minute to minute, so what counts are the ratios: both sides of each are
measured in turn, A B A B. The packages are installed and the data is fetched before anything is timed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

ROOT = Path(__file__).parents[1]
SNAKEMAKE = [sys.executable, "-m", "snakemake"]
PIPELINE_TARGET, NOTHING_TARGET = 2.0, 1.3  # the highest ratios that the project allows itself
SPLITS = 1000
LASSO_TARGET, NETWORK_TARGET = 150, 250  # the lowest gains a split
IMAGES_TARGET = 4  # the lowest gain an epoch

Timed = Callable[[], float]


def run(command: list[str], folder: Path) -> tuple[float, str]:
    """Runs a command to its end.

    Args:
        command: The program and its arguments.
        folder: Where to run it.

    Returns:
        The seconds that it took, and what it wrote.

    Raises:
        SystemExit: With what it wrote last, if it fails.
    """
    environment = os.environ | {"MPLBACKEND": "Agg"}
    started = perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    seconds = perf_counter() - started
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}")
    return seconds, done.stdout


class Bench:
    """The commands to time, each in a folder of its own under a temporary one.

    Args:
        folder: The temporary folder. The data is fetched into it.
        cores: Passed to Snakemake.
    """

    def __init__(self, folder: Path, cores: int) -> None:
        self.folder, self.fetched, self.finished = folder, folder / "fetched", folder / "finished"
        self.snakemake = [*SNAKEMAKE, "--snakefile", str(ROOT / "Snakefile"), "--cores", str(cores)]
        self.raw = self.fetched / "results" / "hitters" / "raw.data"
        self.fetched.mkdir()
        if (ROOT / "data").is_dir():
            (self.fetched / "data").symlink_to(ROOT / "data")
        run([*self.snakemake, str(self.raw.relative_to(self.fetched))], self.fetched)
        (folder / "empty").mkdir()
        (folder / "empty" / "Snakefile").write_text("rule all:\n", encoding="utf-8")

    def script(self, lasso: str) -> Timed:
        """Gives what times the plain script, with the lasso ``meant``, ``printed`` or ``both``."""

        def timed() -> float:
            with tempfile.TemporaryDirectory(dir=self.folder) as folder:
                command = ["-m", "benchmarks.lab", str(self.raw), folder, "--lasso", lasso]
                return run([sys.executable, *command], ROOT)[0]

        return timed

    def part(self, side: str) -> Timed:
        """Gives what times a side of ``benchmarks.parts``."""
        command = [
            sys.executable,
            "-m",
            "benchmarks.parts",
            side,
            str(self.raw),
            str(self.folder / "parts"),
            str(SPLITS),
        ]
        return lambda: float(run(command, ROOT)[1].splitlines()[-1])

    def start_from_raw(self, folder: Path) -> None:
        """Makes a folder where nothing is there but the raw file."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.fetched, folder, symlinks=True)

    def pipeline(self) -> float:
        """Times the pipeline from the raw file to the report, in a fresh folder."""
        self.start_from_raw(self.finished)
        seconds, text = run(self.snakemake, self.finished)
        if "rule fetch:" in text or not (self.finished / "results" / "report.html").exists():
            sys.exit(f"The pipeline did not go from the raw file to the report:\n{text[-3000:]}")
        return seconds

    def nothing(self) -> float:
        """Times a run with nothing to do, in the folder that the last run of the pipeline left."""
        seconds, text = run(self.snakemake, self.finished)
        if "Nothing to be done" not in text:
            sys.exit(f"There was something to do:\n{text[-3000:]}")
        return seconds

    def empty(self) -> float:
        """Times a dry run of a workflow with one rule that has neither input nor output."""
        return run([*SNAKEMAKE, "--dry-run"], self.folder / "empty")[0]


def compare(names: tuple[str, str], sides: tuple[Timed, Timed], pairs: int, target: float | None) -> None:
    """Times two sides in turn, after one of each that does not count, and prints a table.

    Args:
        names: What the sides are called.
        sides: What times them.
        pairs: How many times.
        target: The highest median of the ratios, second to first, that the project allows itself.
    """
    wanted = "" if target is None else f", target at most {target}"
    print(f"\n{names[1]} / {names[0]}: {pairs} in turn, after a warm-up{wanted}", flush=True)
    for side in sides:
        side()
    rows: dict[str, list[float]] = {f"{name} (s)": [] for name in names} | {"ratio": []}
    for pair in range(1, pairs + 1):
        first, second = (side() for side in sides)
        for column, value in zip(rows.values(), (first, second, second / first), strict=True):
            column.append(value)
        print(f"  {pair:2}  {first:7.2f} s {second:7.2f} s  ratio {second / first:.2f}", flush=True)
    width = max(map(len, [*rows, "difference (s)"]))
    print(f"  {'':{width}} minimum  median maximum")
    for name, values in rows.items():
        print(f"  {name:{width}} {min(values):7.2f} {median(values):7.2f} {max(values):7.2f}", flush=True)
    first, second, _ = rows.values()
    more = [after - before for before, after in zip(first, second, strict=True)]
    print(f"  {'difference (s)':{width}} {min(more):7.2f} {median(more):7.2f} {max(more):7.2f}", flush=True)


def gain(what: str, sides: tuple[Timed, Timed], rounds: int, target: int) -> None:
    """Times the lab's way on one split and ours on many in turn, and prints how much faster a split is.

    Args:
        what: What is timed.
        sides: What times the lab's way, and ours.
        rounds: How many times.
        target: The lowest median gain that the project allows itself.
    """
    print(f"\n{what}: 1 split the lab's way, {SPLITS:,} splits ours; a split at least {target} times as fast")
    gains = []
    for number in range(1, rounds + 1):
        slow, fast = (side() for side in sides)
        gains.append(slow / (fast / SPLITS))
        print(f"  {number:2}  {slow:7.2f} s {fast:7.2f} s  {gains[-1]:8,.0f} times", flush=True)
    print(f"  median {median(gains):,.0f} times", flush=True)


def images(bench: Bench, rounds: int) -> None:
    """Times an epoch of the network on MNIST the lab's way and ours in turn, and prints how much faster ours is."""
    raw, table = (bench.fetched / "results" / "mnist" / name for name in ("raw", "table.parquet"))
    target = str(table.relative_to(bench.fetched))
    run([*bench.snakemake, target, "--config", "build=[mnist]"], bench.fetched)
    print(f"\nNetwork on MNIST, an epoch: at least {IMAGES_TARGET} times as fast", flush=True)

    def timed(side: str) -> float:
        command = ["-m", "benchmarks.images", side, str(raw), str(table), str(bench.folder / "images")]
        return float(run([sys.executable, *command], ROOT)[1].splitlines()[-1])

    gains: dict[str, list[float]] = {"ours": [], "ours-2-threads": []}
    for number in range(1, rounds + 1):
        slow = timed("lab")
        for side, values in gains.items():
            fast = timed(side)
            values.append(slow / fast)
            print(
                f"  {number:2}  lab {slow:6.2f} s  {side} {fast:6.2f} s  {values[-1]:5.1f} times", flush=True
            )
    for side, values in gains.items():
        print(f"  median, {side}: {median(values):.1f} times", flush=True)


def main() -> None:
    """Times everything and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5, help="pairs of the pipeline and the script")
    parser.add_argument("--others", type=int, default=1, help="pairs with the script's other lassos")
    parser.add_argument("--nothing", type=int, default=11, help="pairs with nothing to do")
    parser.add_argument("--parts", type=int, default=3, help="rounds of the lasso and the network alone")
    parser.add_argument("--images", type=int, default=3, help="rounds of an epoch on images")
    parser.add_argument("--cores", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lineup-bench-") as folder:
        bench = Bench(Path(folder), options.cores)
        scripts = {
            "meant": ("script", options.pairs, PIPELINE_TARGET),
            "printed": ("script with the lasso as printed", options.others, None),
            "both": ("script with both lassos", options.others, None),
        }
        for lasso, (name, pairs, target) in scripts.items():
            if pairs:
                compare((name, "pipeline"), (bench.script(lasso), bench.pipeline), pairs, target)
        if options.parts:
            for what, lab, ours, target in [
                ("Lasso, scaled, 100 penalties and 10 folds", "lab-lasso", "lasso", LASSO_TARGET),
                (
                    "Network, the lab's with 4 processes that load batches",
                    "lab-network",
                    "network",
                    NETWORK_TARGET,
                ),
                ("Network, the lab's without them", "lab-network-alone", "network", NETWORK_TARGET),
            ]:
                gain(what, (bench.part(lab), bench.part(ours)), options.parts, target)
        if options.images:
            images(bench, options.images)
        if options.nothing:
            if not bench.finished.exists():
                bench.pipeline()
            sides = (bench.empty, bench.nothing)
            compare(("empty workflow", "nothing to do"), sides, options.nothing, NOTHING_TARGET)


if __name__ == "__main__":
    main()
