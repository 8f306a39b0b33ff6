"""The manifest: for each job a record of what it made and of all that this was made of.

The record is an output of its job like the others, written when these are complete.
"""

import json
import os
import platform
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from lineup.errors import InputError
from lineup.files import Digests, file_digest, replacing
from lineup.ledger.specification import listed

# The name of the record among the outputs of a rule.
RECORD = "record"
FOLDER = Path("results") / "manifest"

# The wildcards that the place of a file shows are the name of the record of its job, with points between them.
PLACE = re.compile(r"results/([^/]+)/(?:models/([^/]+)/)?(?:splits/)?(?:block_(\w+))?")

# What a record has to hold for a job to be known by it: under this key stands the form of all values.
EVERY = "*"
NUMBERS = (int, int | float)  # which true and false are not
FORM = {
    "rule": str,
    "wildcards": {EVERY: str},
    "cost": dict.fromkeys(("wall_seconds", "cpu_seconds", "peak_memory_mib"), int | float),
    "outputs": {EVERY: {"sha256": str, "bytes": int}},
    "inputs": {EVERY: str},
    "specification": {
        "code": {EVERY: str},
        "inputs": {EVERY: str | list},
        "outputs": {EVERY: str | list},
        "settings": {EVERY: object},
    },
}

ENTRIES = 6  # of a list that are named
LONGEST = 60  # characters of a value in a message


def write_record(
    path: str,
    rule: str,
    wildcards: dict[str, str],
    specification: dict,
    inputs: dict[str, str],
    opened: dict[str, str | None],
    outputs: list[str],
    threads: int,
    started: datetime,
    cost: dict[str, float],
) -> None:
    """Writes the record of a job that is done.

    Args:
        path: JSON file to write.
        rule: Name of its rule.
        wildcards: Its wildcards.
        specification: What its result depends on, see ``lineup/ledger/specification.py``.
        inputs: The digest of each file that it read.
        opened: The digest of each other file of the project that it opened and its specification does not name.
        outputs: The files that it wrote.
        threads: Number of threads that it had.
        started: When it started.
        cost: What it took: ``wall_seconds``, ``cpu_seconds`` and ``peak_memory_mib`` (2^20 bytes).
    """
    record = {
        "rule": rule,
        "wildcards": wildcards,
        "started": started.isoformat(timespec="milliseconds"),
        "cost": cost,
        "software": {
            "python": platform.python_version(),
            "snakemake": version("snakemake"),
            "system": _system(),
        },
        "hardware": {"processor": _processor(), "cores": os.cpu_count(), "threads": threads, "gpu": _gpu()},
        "outputs": {
            file: {"sha256": file_digest(file), "bytes": Path(file).stat().st_size} for file in outputs
        },
        "inputs": inputs,
        "opened": opened,
        "specification": specification,
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_record(path: str | Path) -> dict | None:
    """Reads a record, or gives None if there is none that can be read."""
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    is_sound = (
        _has_form(record, FORM)
        and _is_whole(record)
        and _has_form(record.get("opened", {}), {EVERY: str | None})
    )
    return record if is_sound else None


def _is_whole(record: dict) -> bool:
    """Tells whether a record has all inputs and outputs of its specification, of which it is one."""
    specified = record["specification"]
    made, read = (len(set(listed(specified[part]))) for part in ("outputs", "inputs"))
    return len(record["outputs"]) + 1 >= made and len(record["inputs"]) >= read


def _has_form(value: object, form: object) -> bool:
    """Tells whether a value has a form: a type, a dict with a form for each key, or one form for all of its values."""
    if not isinstance(form, dict):
        return isinstance(value, form) and not (isinstance(value, bool) and form in NUMBERS)
    if not isinstance(value, dict):
        return False
    if every := form.get(EVERY):
        return all(isinstance(key, str) and _has_form(one, every) for key, one in value.items())
    return all(key in value and _has_form(value[key], inner) for key, inner in form.items())


def cost_of(path: str) -> dict[str, float]:
    """Gives the cost of a job by its record.

    Raises:
        InputError: If the record cannot be read.
    """
    record = read_record(path)
    if record is None:
        raise InputError(f"{path} cannot be read: run again.")
    return record["cost"]


def damage(record: dict, digests: Digests) -> dict[str, str]:
    """Finds the outputs of a job that are not what it wrote.

    Args:
        record: The record of the job.
        digests: Gives the digests of files.

    Returns:
        For each such file, what is wrong with it.
    """
    found = {}
    for path, written in record["outputs"].items():
        digest = digests.of(path)
        if digest is None:
            found[path] = "is missing"
        elif digest != written["sha256"]:
            size = Path(path).stat().st_size
            shorter = size < written["bytes"]
            found[path] = (
                f"was cut off: it has {size:,} of {written['bytes']:,} bytes"
                if shorter
                else "was changed after it was made"
            )
    return found


def altered(files: dict[str, str]) -> list[str]:
    """Finds the files that are not what their jobs wrote.

    Args:
        files: Their digests.

    Returns:
        Their paths. A file that no record names is not among them, nor is one that any record names as it
        is: the record of a job that the workflow no longer has may name it, too.
    """
    found = []
    for file, digest in files.items():
        place = PLACE.match(file)
        # The record of files at the top has their name.
        name = ".".join(filter(None, place.groups())) if place else Path(file).stem
        records = filter(None, map(read_record, FOLDER.glob(f"*/{name}.json")))
        written = {record["outputs"][file]["sha256"] for record in records if file in record["outputs"]}
        if written and digest not in written:
            found.append(file)
    return found


def changes(old: object, new: object, key: str = "") -> Iterator[str]:
    """Says in words in what a specification differs from a new one.

    Args:
        old: The recorded specification, or a part of it.
        new: The current one, or the same part.
        key: Where the part stands, with points between keys.

    Yields:
        A clause for each difference, such as ``folds.number was 10, is 5``.
    """
    if _text(old) == _text(new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(name for name in new if name not in old)]:
            yield from changes(old.get(name, _NONE), new.get(name, _NONE), f"{key}.{name}")
    else:
        _, part, *names = key.split(".", 2)
        name = names[0] if names else part
        if part in ("code", "files") and _NONE not in (old, new):
            yield f"{name} has changed"
        elif part in ("code", "files", "libraries") and _NONE in (old, new):
            yield f"{name} is {'no longer used' if new is _NONE else 'used now'}"
        else:
            what = {"inputs": "input ", "outputs": "output "}.get(part, "")
            yield f"{what}{name}{_difference(old, new)}"


_NONE = object()


def _difference(old: object, new: object) -> str:
    """Says what a value was and is; of a list of names, and of one too long to be shown, what came and went."""
    lists = [value for value in (old, new) if isinstance(value, list)]
    names = all(isinstance(one, str) for value in lists for one in value)
    if len(lists) < 2 or not (names or max(map(len, map(_text, lists))) > LONGEST):
        return f" was {_shown(old)}, is {_shown(new)}"
    before, after = ([one if isinstance(one, str) else _text(one) for one in value] for value in lists)
    parts = [(set(before) - set(after), "no longer used"), (set(after) - set(before), "used now")]
    told = [f"{_named(one, before + after)} {what}" for one, what in parts if one]
    return f": {'; '.join(told)}" if told else " has the same entries, in another order or number"


def _named(entries: set[str], order: list[str]) -> str:
    """Names some entries in an order, the first of them if they are many, with the verb."""
    ordered = [one for one in dict.fromkeys(order) if one in entries]
    shown = [one if len(one) <= LONGEST else f"{one[: LONGEST - 1]}…" for one in ordered[:ENTRIES]]
    more = [f"{len(ordered) - ENTRIES} more"] if len(ordered) > ENTRIES else []
    return f"{', '.join(shown + more)} {'is' if len(ordered) == 1 else 'are'}"


def _text(value: object) -> str:
    """Writes a value as JSON, in which 1, 1.0, true and "1" differ."""
    return "not set" if value is _NONE else json.dumps(value, ensure_ascii=False)


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else _text(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _system() -> str:
    return f"{platform.system()} {platform.release()} {platform.machine()}"


def _processor() -> str:
    """Gives the model of the processor, whose instructions decide the last digits of a result."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _gpu() -> str | None:
    """Gives the name of the GPU that torch can use, if the job has loaded torch."""
    torch = sys.modules.get("torch")
    return torch.cuda.get_device_name() if torch and torch.cuda.is_available() else None
