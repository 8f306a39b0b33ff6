"""Measures what plans of thousands of jobs cost: dry runs, the check of the manifest, files, bytes and calls.

Run it from the checkout: ``python -m benchmarks.scale``. It writes the tables into docs/scale.md, between its
marks. The plans are for ten tables, each a copy of Hitters by name, with 10,000 splits each, cut into as many
blocks as give the number of jobs. Nothing is fitted for them: in a plan that is built, each file holds its own
name, and the records and Snakemake's notes are those that there would be. The sizes of files come from one
block of one table that is run for real. Calls to the file system are counted where there is ``strace``.
"""

import argparse
import copy
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import yaml

from benchmarks.bench import ROOT, SNAKEMAKE, run
from lineup.files import file_digest
from lineup.ledger.records import FOLDER, RECORD, altered, read_record, write_record

DATASETS, SPLITS = 10, 10_000
BLOCK_SIZES = [10_000, 500, 50, 25]  # for plans of 142, 1,092, 10,092 and 20,092 jobs
BUILT = [500, 50]  # those that are built, too
BEGIN, END = "<!-- Measured by benchmarks/scale.py, from here to the end mark. -->\n", "<!-- End. -->\n"

# What a job on a cluster starts, less what depends on the scheduler.
REMOTE = [
    "--cores",
    "1",
    "--mode",
    "remote",
    "--force",
    "--target-files-omit-workdir-adjustment",
    "--max-inventory-time",
    "0",
    "--notemp",
    "--no-hooks",
    "--nolock",
    "--ignore-incomplete",
    "--rerun-triggers",
    "mtime",
    "params",
    "input",
    "software-env",
]
FIT = "fit_linear:dataset=hitters_1,model=least_squares,block=1"
TRACED = [
    "split:dataset=hitters_1,block=1",
    FIT,
    "fit_lasso:dataset=hitters_1,model=lasso,block=1",
    "fit_mlp:dataset=hitters_1,model=network,block=1",
]


def write_config(path: Path, datasets: int, splits: int, block_size: int) -> None:
    """Writes the config of a plan: copies of Hitters by name, and the models as shipped."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    hitters = config["datasets"]["hitters"]
    hitters["splits"] |= {"seeds": {"first": 1, "last": splits}, "block_size": block_size}
    config["build"] = [f"hitters_{number}" for number in range(1, datasets + 1)]
    config["datasets"] = {name: copy.deepcopy(hitters) for name in config["build"]}
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")


def measure(command: list[str], folder: Path) -> tuple[float, float, str]:
    """Runs a command, and gives its seconds of a processor, its most memory in MiB, and what it wrote.

    What else the machine does changes these seconds less than those of the clock. Snakemake takes one processor.

    Raises:
        SystemExit: If it fails.
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{text[-3000:]}")
    seconds = usage.ru_utime + usage.ru_stime
    return seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 2**20, text


def inside(what: str, arguments: list[str]) -> None:
    """Runs Snakemake in this process, and prints how long the check of the manifest took.

    Args:
        what: ``build`` to have a dry run make the files, the record and Snakemake's notes of each job;
            ``time`` for nothing more.
        arguments: Those of Snakemake.
    """
    # The modules of Snakemake import each other, and in this order it works.
    import snakemake.api  # noqa: F401
    from snakemake.cli import main as run_snakemake
    from snakemake.executors.dryrun import Executor

    from lineup.ledger import stale

    digest, run_job, check, seconds = cache(file_digest), Executor.run_job, stale.mark_stale, []

    def timed(*arguments: object) -> list[str]:
        started = time.process_time()
        found = check(*arguments)
        seconds.append(time.process_time() - started)
        return found

    def build(executor: object, job: object) -> None:
        outputs = [str(path) for name, path in job.output.items() if name != RECORD]
        for path in map(Path, outputs):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(path), encoding="utf-8")
        if outputs:
            write_record(
                job.output[RECORD],
                rule=job.rule.name,
                wildcards=job.wildcards_dict,
                specification=job.params.spec,
                inputs={str(path): digest(str(path)) for path in job.input},
                outputs=outputs,
                threads=1,
                started=datetime.now(UTC),
                cost={"wall_seconds": 0.0, "cpu_seconds": 0.0, "peak_memory_mib": 0.0},
            )
            executor.workflow.async_run(executor.workflow.persistence.finished(job))
        run_job(executor, job)

    stale.mark_stale = timed
    if what == "build":
        Executor.run_job = build
    try:
        run_snakemake(arguments)
    finally:
        print(f"\nThe manifest was checked in {sum(seconds):.3f} s.")


class Plan:
    """A plan in a folder of its own.

    Args:
        folder: The folder to make.
        block_size: Splits a job.
        datasets: Number of tables.
        splits: Number of splits of each.
    """

    def __init__(self, folder: Path, block_size: int, datasets: int = DATASETS, splits: int = SPLITS) -> None:
        self.folder, config = folder, folder.with_suffix(".yaml")
        folder.mkdir()
        write_config(config, datasets, splits, block_size)
        self.options = ["--snakefile", str(ROOT / "Snakefile"), "--configfile", str(config)]

    def dry(self, what: str = "time") -> tuple[float, float, float, str]:
        """Makes a dry run: gives its seconds, its MiB, those of the check of the manifest, and its text."""
        command = [sys.executable, "-m", "benchmarks.scale", what, "--dry-run", "--cores", "1", *self.options]
        seconds, memory, text = measure(command, self.folder)
        return seconds, memory, float(re.search(r"checked in ([\d.]+) s", text)[1]), text

    def job(self, target: str, *options: str) -> list[str]:
        """Gives the command of a job on a cluster."""
        allowed = ["--target-jobs", target, "--allowed-rules", target.partition(":")[0]]
        return [*SNAKEMAKE, *self.options, *REMOTE, *allowed, *options]


def table(head: str, rows: list[tuple]) -> str:
    """Writes a table of Markdown."""
    lines = [head, re.sub(r"[^|]+", "---", head), *(f"| {' | '.join(map(str, row))} |" for row in rows)]
    return "\n".join(lines) + "\n"


def in_folder(folder: Path, file: str) -> float:
    """Times the check of the inputs of a job in a folder where its record says what it read."""
    os.chdir(folder)
    inputs = read_record(FOLDER / file)["inputs"]
    started = time.process_time()
    assert altered(inputs) == []
    seconds = time.process_time() - started
    os.chdir(ROOT)
    return seconds


def traffic(built: Path, real: Path) -> list[tuple]:
    """Adds up by rule what the jobs of a plan read and write.

    Args:
        built: The folder of the plan. Its records say which files there are, and are as large as they would be.
        real: The folder of a run with one table and one block of the same size, which has the sizes.

    Returns:
        For each rule its name, the number of jobs, and of files, MB and MB read; then these in all.
    """

    @cache
    def size(path: str) -> int:
        if path.startswith(f"{FOLDER}/"):
            return (built / path).stat().st_size
        path = re.sub(r"block_\d+", "block_1", re.sub(r"hitters_\d+", "hitters_1", path))
        return (real / path).stat().st_size

    found: dict[str, Counter] = defaultdict(Counter)
    for path in sorted((built / FOLDER).glob("*/*.json")):
        record = read_record(path)
        found[record["rule"]] += Counter(
            jobs=1,
            files=len(record["outputs"]) + 2,  # with its record and its log
            written=sum(map(size, record["outputs"])) + path.stat().st_size,
            read=sum(map(size, record["inputs"])),
        )
    ordered = sorted(found.items(), key=lambda item: -item[1]["read"])
    rows = []
    for rule, sums in [*ordered, ("in all", sum(found.values(), Counter()))]:
        jobs, each = sums["jobs"], 1 if rule == "in all" else sums["jobs"]
        megabytes = [f"{sums[key] / each / 1e6:,.3f}" for key in ("written", "read")]
        rows.append((rule, f"{jobs:,}", f"{sums['files'] / each:,.0f}", *megabytes))
    return rows


def calls(plan: Plan, target: str) -> tuple:
    """Counts the calls with a path that a job on a cluster makes, by where the path is.

    Returns:
        Its rule, and the calls in the folder of the run, in the checkout, and elsewhere.
    """
    trace = plan.folder.with_suffix(".trace")
    run(["strace", "-f", "-qq", "-e", "trace=%file", "-o", str(trace), *plan.job(target)], plan.folder)
    places: Counter = Counter()
    text = trace.read_text(encoding="utf-8", errors="replace")
    for path in re.findall(r'^[^"\n]*"([^"\n]+)"', text, re.MULTILINE):
        if not path.startswith("/") or path.startswith(str(plan.folder)):
            places["run"] += 1
        else:
            inside = path.startswith(f"{ROOT}/") and ".venv" not in path
            places["checkout" if inside else "elsewhere"] += 1
    return target.partition(":")[0], *(f"{places[place]:,}" for place in ("run", "checkout", "elsewhere"))


def main() -> None:
    """Measures, and writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--least", type=int, default=BLOCK_SIZES[-1], help="smallest block size")
    parser.add_argument("--keep", type=Path, help="a folder to make the plans in, and leave them")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="lineup-scale-"))
    dry, nothing, starts = [], [], []
    for block_size in [size for size in BLOCK_SIZES if size >= options.least]:
        plan = Plan(folder / str(block_size), block_size)
        seconds, memory, _, text = plan.dry()
        jobs = int(re.search(r"^total +(\d+)$", text, re.MULTILINE)[1])
        dry.append(
            (
                f"{jobs:,}",
                f"{block_size:,}",
                f"{seconds:.1f}",
                f"{1000 * seconds / jobs:.1f}",
                f"{memory:,.0f}",
            )
        )
        print(*dry[-1], flush=True)
        if block_size not in BUILT:
            continue
        plan.dry("build")
        first = plan.dry()[2]
        seconds, memory, checked, text = plan.dry()
        if "Nothing to be done" not in text:
            raise SystemExit(f"There was something to do:\n{text[-3000:]}")
        nothing.append((f"{jobs:,}", f"{seconds:.1f}", f"{first:.1f}", f"{checked:.1f}", f"{memory:,.0f}"))
        print(*nothing[-1], flush=True)
        checks = [
            in_folder(plan.folder, f"{job}.json")
            for job in ("fit_mlp/hitters_1.network.1", "compare/hitters_1")
        ]
        start = min(measure(plan.job(FIT, "--dry-run"), plan.folder)[0] for _ in range(3))
        starts.append((f"{jobs:,}", f"{start:.1f}", *(f"{1000 * check:,.1f}" for check in checks)))
        print(*starts[-1], flush=True)
    sized = [size for size in BUILT if size >= options.least][-1]
    real = Plan(folder / "real", sized, datasets=1, splits=sized)
    run([*SNAKEMAKE, *real.options, "--cores", "2"], real.folder)
    tables = [
        table("| Jobs | Splits a job | Dry run (s) | A job (ms) | Memory (MiB) |", dry),
        table(
            "| Jobs | Nothing to do (s) | Manifest, first (s) | Manifest, then (s) | Memory (MiB) |", nothing
        ),
        table(
            "| Jobs in the plan | Start of a job (s) | Check of 2 inputs (ms) | of all inputs of `compare` (ms) |",
            starts,
        ),
        table(
            "| Rule | Jobs | Files | Written (MB) | Read (MB) |", traffic(folder / str(sized), real.folder)
        ),
    ]
    if shutil.which("strace"):
        tables.append(
            table(
                "| Rule | Calls in the run's folder | in the checkout | elsewhere |",
                [calls(real, job) for job in TRACED],
            )
        )
    print(*tables, sep="\n")
    page = ROOT / "docs" / "scale.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(before + BEGIN + "\n" + "\n".join(tables) + "\n" + END + after, encoding="utf-8")
    if not options.keep:
        shutil.rmtree(folder)


if __name__ == "__main__":
    if sys.argv[1:2] in (["time"], ["build"]):
        inside(sys.argv[1], sys.argv[2:])
    else:
        main()
