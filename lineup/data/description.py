"""Describes a file: the block of the config that it would be read with, with the reasons."""

from pathlib import Path

import pyarrow.compute as pc
import yaml

from lineup.data.classes import ClassSettings
from lineup.data.column import Column
from lineup.data.header import check_names
from lineup.data.missing import Missing
from lineup.data.preparation import Read, prepare, read_columns
from lineup.errors import InputError, ended

# Rows that are looked at, about: enough for what is common, and a matter of seconds for any file.
MOST = 200_000

# What is done with missing values where nothing is said.
AS_DEFAULT = Missing("drop", "drop", None, 5)

UNKNOWN = "the_column_to_predict"


def describe(file: str, target: str | None) -> str:
    """Writes the block of a dataset, to be pasted into a config.

    Args:
        file: The file.
        target: Name of the target; None if it is to be chosen.

    Raises:
        InputError: If the file cannot be read.
    """
    if not Path(file).exists():
        raise InputError(
            f"There is no file {file!r} in {Path.cwd()}: write its path from there, or from the root."
        )
    doubts = []
    try:
        read = read_columns(file, None, {}, {}, MOST)
        check_names([column.name for column in read.columns], target, {})
    except InputError as error:
        raise InputError(ended(f"{file} {error}")) from error
    kind = next((column.kind for column in read.columns if column.name == target), "")
    of_classes = ClassSettings(2, None) if kind in ("category", "boolean") else None
    if target and kind != "number" and not of_classes:
        doubts = [
            f"The target {target!r} has to be a number or a category, and was taken as {kind}: correct the file, or choose another."
        ]
    elif target:
        try:
            if of_classes:
                read = read_columns(file, target, {}, {}, MOST, "classification")
            doubts = prepare(read, target, AS_DEFAULT, of_classes).doubts
        except InputError as error:
            doubts = [ended(f"With this block no model can be fitted. The file {error}")]
    name = "".join(
        letter if letter.isascii() and letter.isalnum() else "_"
        for letter in Path(file).name.partition(".")[0]
    )
    name = f"table_{name}".lower() if not name[:1].isalpha() else name.lower()
    rows = len(read.columns[0].values)
    lines = [
        f"# {file}: {'the first ' if rows >= MOST else ''}{rows} rows of {len(read.columns)} columns.",
        *(f"# {doubt}" for doubt in [*read.doubts, *doubts]),
        f"build: [{name}]",
        "datasets:",
        f"  {name}:",
        f"    file: {_yaml(file)}",
        f"    target: {_yaml(target) if target else UNKNOWN}{'' if target else _choices(read)}",
        *(["    task: classification"] if of_classes else []),
        f"    reading: {_flow(_reading(read, target))}",
        "    columns:",
        *_aligned([_line(column) for column in read.columns if column.name != target]),
    ]
    return "\n".join(lines) + "\n"


def _reading(read: Read, target: str | None) -> dict:
    """Gives what was found out of how the file is written, as the config has it."""
    # The target has to be a number, whatever its words are elsewhere.
    shared = [word for column in read.columns if column.name == target for word in column.shared]
    words = sorted({word for column in read.columns for word in column.words} | set(shared))
    missing = {"missing": words} if words else {}
    if read.dialect.format != "CSV":
        return missing
    found = {"encoding": read.dialect.encoding, "header": read.dialect.header}
    if ord(read.dialect.separator) >= 32 or read.dialect.separator == "\t":
        found["separator"] = read.dialect.separator
    if read.dialect.quote != '"':
        found["quote"] = read.dialect.quote
    if read.dialect.before:
        found["skip_lines"] = read.dialect.before
    if read.decimal:
        found["decimal"] = read.decimal
    return found | missing


def _choices(read: Read) -> str:
    fit = [column.name for column in read.columns if column.kind in ("number", "category", "boolean")]
    return f"  # one of {', '.join(fit[:20])}{' and others' if len(fit) > 20 else ''}" if fit else ""


def _line(column: Column) -> tuple[str, str]:
    """Writes the line of a column: what it is, and why."""
    kind = {"empty": "ignore"}.get(column.kind, column.kind)
    given = column.values.drop_null()
    some = [
        str(value).removesuffix(" 00:00:00")
        for value in pc.unique(given.slice(0, 1000)).slice(0, 3).to_pylist()
    ]
    shown = ", ".join(text if len(text) <= 20 else f"{text[:19]}…" for text in some)
    missing = f", {column.values.null_count} missing" if column.values.null_count else ""
    left_out = "" if column.is_used else "left out: "
    reason = f"{left_out}{column.reason}{missing}" + (f"; {shown}" if shown else "")
    # What the config cannot say without a loss elsewhere is left to be inferred again.
    comment = "# " if column.shared else ""
    reason += "; not written, since what is missing here is a value elsewhere" if column.shared else ""
    return f"      {comment}{_yaml(column.name)}: {kind}", " ".join(reason.split())


def _aligned(lines: list[tuple[str, str]]) -> list[str]:
    width = max((len(line) for line, _ in lines), default=0)
    return [f"{line:<{min(width, 50)}}  # {reason}" for line, reason in lines]


def _yaml(text: str) -> str:
    """Writes a text as a scalar of YAML, on one line."""
    style = None if text.isprintable() else '"'
    return (
        yaml.safe_dump(text, allow_unicode=True, default_style=style, width=10**6)
        .removesuffix("...\n")
        .strip()
    )


def _flow(block: dict) -> str:
    return yaml.safe_dump(
        block, allow_unicode=True, default_flow_style=True, sort_keys=False, width=10**6
    ).strip()
