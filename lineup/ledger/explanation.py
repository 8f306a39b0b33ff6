"""Says in what the results of two manifests differ, and why: which setting, function, library, row of the data, or machine."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path

from lineup.errors import InputError
from lineup.ledger.names import changed_names
from lineup.ledger.recorded_job import RecordedJob, reasons
from lineup.ledger.records import FOLDER, changes, read_record

ROWS = 5  # of the data that are shown
NAMED = 3  # columns that are named
LONGEST_ROW = 100  # characters


@dataclass(frozen=True)
class Manifest:
    """The records of a folder of results.

    Attributes:
        folder: The folder of the results, of which the manifest may be all that is there.
        records: The records, by rule and name.
    """

    folder: Path
    records: dict[tuple[str, str], dict]

    def file(self, path: str) -> Path:
        """Gives the path of a result, which need not be there."""
        return self.folder / path.removeprefix("results/")


def read_manifest(folder: str) -> Manifest:
    """Reads the records of a folder of results, or of a folder that is a manifest.

    Raises:
        InputError: If there is none that can be read.
    """
    place = Path(folder)
    results = place.parent if place.name == FOLDER.name else place
    records = {
        (path.parent.name, path.stem): read_record(path) for path in results.glob(f"{FOLDER.name}/*/*.json")
    }
    records = {key: record for key, record in sorted(records.items()) if record}
    if not records:
        raise InputError(f"{folder} holds no records: name a copy of results/, or of results/manifest/.")
    return Manifest(results, records)


def explain(before: Manifest, after: Manifest) -> Iterator[str]:
    """Says line by line in what two manifests differ, and why."""
    yield "Scores:"
    yield from _indented(_scores(before, after), "no comparison is in both")
    common = [key for key in after.records if key in before.records]
    told: list[RecordedJob] = []
    idle: list[RecordedJob] = []
    follow = 0
    for rule, name in common:
        old, new = before.records[rule, name], after.records[rule, name]
        differs = old["outputs"] != new["outputs"]
        causes = list(_causes(before, after, old, new))
        if differs and not causes and old["inputs"] != new["inputs"]:
            follow += 1
        elif differs:
            causes = causes or list(_machine(old, new)) or ["nothing that is recorded is another"]
            told.append(_job(rule, name, causes))
        elif causes:
            idle.append(_job(rule, name, causes))
    yield "Changed, and so are the results:"
    yield from _indented(reasons(told), "nothing")
    if follow:
        yield f"  what stands on these: {follow} more job{'s' * (follow > 1)}"
    yield "Changed, and the results are the same:"
    yield from _indented(reasons(idle), "nothing")
    for word, one, other in (("new", after, before), ("gone", before, after)):
        names = [" ".join(key) for key in one.records if key not in other.records]
        if names:
            yield f"Results that are {word}: {', '.join(names[:ROWS])}{' …' if len(names) > ROWS else ''} ({len(names)})"


def _job(rule: str, name: str, causes: list[str]) -> RecordedJob:
    return RecordedJob(
        rule if rule == name else f"{rule} {name}", rule, name, {}, frozenset(), frozenset(), causes
    )


def _indented(lines: Iterator[str] | list[str], nothing: str) -> Iterator[str]:
    found = list(lines) or [nothing]
    yield from (f"  {line}" for line in found)


def _causes(before: Manifest, after: Manifest, old: dict, new: dict) -> Iterator[str]:
    """Says what of one job itself is another: its specification, and the rows of a file that it fetched."""
    specifications = old["specification"], new["specification"]
    folders = before.folder / FOLDER.name, after.folder / FOLDER.name
    codes = specifications[0]["code"], specifications[1]["code"]
    for change in changes(*specifications):
        file = change.removesuffix(" has changed")
        names = changed_names(folders, codes, file) if file in codes[1] else []
        yield change + (f" ({', '.join(names)})" if names else "")
    for file, digest in new.get("opened", {}).items():
        if old.get("opened", {}).get(file, digest) != digest:
            yield f"{file}, which it opened, has changed"
    if new["specification"].get("script", "") is None:  # what is fetched: the data themselves
        for file, written in new["outputs"].items():
            if old["outputs"].get(file, written)["sha256"] != written["sha256"]:
                yield f"{file} has other bytes{_rows(before.file(file), after.file(file))}"


def _rows(one: Path, other: Path) -> str:
    """Says which rows of two files of text differ, if both are there: the first of them."""
    try:
        lines = [path.read_text(encoding="utf-8").splitlines() for path in (one, other)]
    except (OSError, ValueError):
        return ""
    pairs = enumerate(zip_longest(*lines, fillvalue="not there"), start=1)
    differing = ((row, *pair) for row, pair in pairs if pair[0] != pair[1])
    shown = [f"row {row} was {_short(was)}, is {_short(now)}" for row, was, now in islice(differing, ROWS)]
    more = sum(1 for _ in differing)
    return ": " + "; ".join([*shown, *([f"and {more} more rows"] if more else [])])


def _short(row: str) -> str:
    return row if len(row) <= LONGEST_ROW else f"{row[: LONGEST_ROW - 1]}…"


def _machine(old: dict, new: dict) -> Iterator[str]:
    """Says in what the machines of two jobs differ."""
    for part in ("hardware", "software"):
        yield from changes({part: old.get(part, {})}, {part: new.get(part, {})})


def _scores(before: Manifest, after: Manifest) -> Iterator[str]:
    """Says for each comparison that is in both which models have other scores, and how they rank now."""
    for rule, dataset in after.records:
        if rule != "compare" or (rule, dataset) not in before.records:
            continue
        path = f"results/{dataset}/leaderboard.csv"
        digests = [
            one.records[rule, dataset]["outputs"].get(path, {}).get("sha256") for one in (before, after)
        ]
        if digests[0] == digests[1]:
            yield f"{dataset}: all are the same"
            continue
        boards = [_leaderboard(one.file(path)) for one in (before, after)]
        if None in boards:
            yield f"{dataset}: they differ; the leaderboards are not both here, so it cannot be said where"
            continue
        yield from (f"{dataset}: {line}" for line in _differences(*boards))


def _leaderboard(path: Path) -> dict[str, dict[str, str]] | None:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return {row["model"]: row for row in csv.DictReader(file)}
    except (OSError, ValueError, KeyError):
        return None


def _differences(old: dict[str, dict[str, str]], new: dict[str, dict[str, str]]) -> Iterator[str]:
    for model in [*new, *(model for model in old if model not in new)]:
        if model not in old or model not in new:
            yield f"{model} is {'new' if model in new else 'gone'}"
            continue
        # The metrics themselves are the columns of which others say more.
        metrics = [name for name in new[model] if f"{name}_sd" in new[model]]
        differing = [name for name, value in new[model].items() if old[model].get(name) != value]
        told = [
            f"{name}{_both(old[model].get(name), new[model][name])}" for name in metrics if name in differing
        ]
        if differing and not told:
            more = len(differing) - NAMED
            others = f" and {more} more columns" if more > 0 else ""
            told = [f"{', '.join(differing[:NAMED])}{others} differ{'s' * (len(differing) == 1)}"]
        if told:
            yield f"{model}: {'; '.join(told)}"
    if list(old) != list(new) and set(old) == set(new):
        yield f"the order was {', '.join(old)}, is {', '.join(new)}"


def _both(old: str | None, new: str) -> str:
    """Writes two scores with six digits, or with all if they differ only further on."""
    short = [_six_digits(text) for text in (old, new)]
    shown = short if short[0] != short[1] else [old, new]
    return f" was {shown[0]}, is {shown[1]}"


def _six_digits(text: str | None) -> str:
    try:
        return f"{float(text):.6g}" if text else "not there"
    except ValueError:
        return text
