"""Writes the table of docs/exactness.md: makes each change, and looks what Lineup and plain Snakemake run after it.

Beside the finished projects stand copies that work the way of plain Snakemake: settings as params, default triggers,
no specification and no manifest. It takes some minutes: ``make exactness``.
"""

import importlib
import re
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "promises")]

from support.changes import Change, Place, measure  # noqa: E402
from support.jobs import (  # noqa: E402
    ALL,
    ALL_OF_IMAGES,
    COMPARED_CODED,
    FIGURES,
    FIGURES_OF_CODED,
    FITTED_CODED,
    LASSOS,
    MODELLED,
    MODELS,
    NETWORKS,
    NOTHING,
    PREPARED,
    PREPARED_IMAGES,
    SECOND_SPLIT,
    SPLIT,
    TOGETHER,
    of,
    of_images,
)
from support.projects import PROJECTS, place_of  # noqa: E402

PAGE = ROOT / "docs" / "exactness.md"
BEGIN, END = "<!-- Written by docs/exactness.py, from here to the end mark. -->\n", "<!-- End. -->\n"
SUBJECTS = ["config", "smaller", "code", "python", "files", "environment", "images", "classes", "estimators"]

IN_WORDS = {
    "nothing": NOTHING,
    f"all {len(ALL)} jobs": ALL,
    "all but fetch": PREPARED,
    "all but fetch and preprocess": SPLIT,
    "all that is fitted, and what stands on it": MODELLED,
    "all figures and the report": FIGURES,
    "what stands on all models": TOGETHER,
    "fit and plot of both lassos, what stands on all models": of(*LASSOS),
    "fit and plot of the two linear kinds, what stands on all models": of("plain", *LASSOS),
    f"all {len(ALL_OF_IMAGES)} jobs": ALL_OF_IMAGES,
    "all but fetch_images": PREPARED_IMAGES,
    "fit and plot of both networks, what stands on all models": of_images(*NETWORKS),
    "all figures of the project with unusual code, and its report": FIGURES_OF_CODED,
    "the fit, what stands on it": FITTED_CODED,
    "what compares, what stands on it": COMPARED_CODED,
    "the second split, its fits, what stands on it": SECOND_SPLIT,
} | {f"fit and plot of {model}, what stands on all models": of(model) for model in MODELS}
IN_WORDS |= {
    f"fit and plot of {model}, what stands on all models": of_images(model) for model in [*NETWORKS, "sparse"]
}


# What a record has beside settings, where nothing else counts.
NO_SPECIFICATION = {"code": {}, "files": {}, "inputs": {}, "outputs": {}, "script": None}


def changes() -> list[Change]:
    """Lists the changes of all subjects."""
    modules = [importlib.import_module(f"test_exactness_{subject}") for subject in SUBJECTS]
    return [change for module in modules for change in module.CHANGES]


def made_plain(tree: Path) -> None:
    """Turns a tree into what is usual with Snakemake: settings as params, code by the time of the script."""
    rules = tree / "workflow" / "rules"
    common = (rules / "common.smk").read_text(encoding="utf-8")
    common, found = re.subn(
        r"def spec\((.*?)\):\n.*?(?=\n\n\ndef )",
        r'def spec(\1):\n    return lambda wildcards: {"settings": settings(wildcards)} | '
        + repr(NO_SPECIFICATION),
        common,
        flags=re.DOTALL,
    )
    common, checked = re.subn(
        r"def manifest_checked\(wildcards\):\n.*?(?=\n\n\ndef )",
        "def manifest_checked(wildcards):\n    return []",
        common,
        flags=re.DOTALL,
    )
    assert (found, checked) == (1, 1)
    (rules / "common.smk").write_text(common, encoding="utf-8")
    for path in rules.glob("*.smk"):
        text = re.sub(r"ancient\(str\((.*?)\)\)", r"\1", path.read_text(encoding="utf-8"))
        # The template of the report is an input, as it should be. Its path is the same in each copy.
        text = text.replace(
            "rule report:\n",
            'TEMPLATE = os.path.relpath(f"{workflow.basedir}/workflow/report/report.html.j2")\n\n\nrule report:\n',
        )
        text = re.sub(
            r"(rule report:\n.*?    input:\n)", r"\1        template=TEMPLATE,\n", text, flags=re.DOTALL
        )
        path.write_text(text, encoding="utf-8")


def plain_place(name: str, base: Path) -> Place:
    """Makes a finished project that works the way of plain Snakemake."""
    place, _ = place_of(name, base)
    made_plain(place.tree)
    place.options = ("--workflow-profile", "none")
    run = place.run()
    if run.status:
        raise RuntimeError(run.text)
    return place


def planned(change: Change, place: Place, folder: Path) -> list[str]:
    """Makes a change to a copy of a project, and lists what is planned then."""
    place = place.copied_to(folder)
    change.make(place)
    return place.dry_run().jobs


def in_words(jobs: list[str]) -> str:
    """Says shortly which jobs these are."""
    for words, known in IN_WORDS.items():
        if sorted(known) == sorted(jobs):
            return words
    return ", ".join(jobs) if len(jobs) <= 4 else f"{len(jobs)} jobs: {', '.join(jobs[:2])} …"


def how(change: Change) -> str:
    """Says whether the workflow is run after a change, or only planned."""
    return "run" if change.jobs and not change.planned else "planned"


def must_run(change: Change) -> str:
    """Says which jobs must run after a change, and how many of them are spared when it comes to it."""
    spared = len(change.spared) if how(change) == "run" else 0
    return in_words(change.jobs) + (
        f"; {spared} of them spared, being made of the same bytes" if spared else ""
    )


def verdict(expected: list[str], jobs: list[str] | None) -> str:
    """Says in how many jobs a run or a plan differs from what must run."""
    if jobs is None:
        return "-"
    misses, surplus = len(set(expected) - set(jobs)), len(set(jobs) - set(expected))
    parts = [f"misses {misses}"] * bool(misses) + [f"{surplus} too many"] * bool(surplus)
    return ", ".join(parts) or "exact"


@dataclass(frozen=True)
class Row:
    """A row of the table: a change, and what is said of both ways to work after it."""

    change: Change
    ours: str
    plain: str

    def __str__(self) -> str:
        """Writes the row."""
        return f"| {self.change.name} | {must_run(self.change)} | {self.ours} ({how(self.change)}) | {self.plain} |"


def rows(folder: Path) -> list[Row]:
    """Makes all changes, two at a time."""
    made = {
        name: (place_of(name, folder / name)[0], plain_place(name, folder / f"plain_{name}"))
        for name in PROJECTS
    }
    for ours, _ in made.values():
        ours.run()

    def row(numbered: tuple[int, Change]) -> Row:
        number, change = numbered
        project, plain = made[change.dataset]
        base = folder / str(number)
        outcome = measure(change, project, base / "ours")
        beside = planned(change, plain, base / "plain") if change.plain else None
        shutil.rmtree(base)
        spared = change.spared if how(change) == "run" else []
        ours = verdict([job for job in change.jobs if job not in spared], outcome.jobs)
        return Row(change, ours, verdict(change.jobs, beside))

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(row, enumerate(changes())))


def text_of(found: list[Row]) -> str:
    """Writes the table."""
    exact = sum(row.ours == "exact" for row in found)
    asked = [row for row in found if row.plain != "-"]
    plain = sum(row.plain == "exact" for row in asked)
    lines = [
        f"Lineup is exact in {exact} of {len(found)} changes, plain Snakemake in {plain} of {len(asked)}.",
        "",
        f"| change | must run | Lineup | plain Snakemake {version('snakemake').rpartition('.')[0]} |",
        "|---|---|---|---|",
        *map(str, found),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Makes all changes, and writes the table into the page."""
    with tempfile.TemporaryDirectory() as folder:
        table = text_of(rows(Path(folder)))
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    PAGE.write_text(f"{before}{begin}\n{table}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
