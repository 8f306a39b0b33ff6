"""Runs the tests that a file can reach: ``make quick FILE=lineup/data/tables.py``.

They are its own, those of the rules whose scripts reach it, but for the long ones, and the changes of the tables of
exactness that name it, which are planned only.
"""

import re
import sys
from pathlib import Path

import pytest
from support.tree import ROOT

from lineup.ledger.code import CODE, code_of

# What draws shares its code, and so its tests.
SHARED = {name: "figures" for name in ("style", "plot_linear", "plot_lasso", "plot_mlp", "plot_comparison")}


def own(file: str) -> str:
    """Names the file of tests that is a file's own, without its ending."""
    stem = Path(file).stem
    return f"test_{SHARED.get(stem, stem)}"


def rules_of(text: str) -> list[str]:
    """Lists the rules of a file of rules."""
    return re.findall(r"^rule (\w+):", text, re.MULTILINE)


def rules() -> list[str]:
    """Lists all rules that run a script."""
    files = sorted((ROOT / "workflow" / "rules").glob("*.smk"))
    return [rule for file in files for rule in rules_of(file.read_text(encoding="utf-8"))]


def tests_of(file: str) -> list[str]:
    """Lists the files of tests that a file of the project can reach.

    Args:
        file: Its path, relative to the root.
    """
    path = Path(file)
    if path.parts[0] == "tests":
        return [file] if path.name.startswith("test_") else ["tests"]
    if path.suffix == ".smk":
        names = ["looking", "stale", *rules_of((ROOT / file).read_text(encoding="utf-8"))]
    elif path.parts[0] in CODE:
        names = [path.stem, *(rule for rule in rules() if file in code_of(f"scripts/{rule}.py"))]
    else:
        names = ["looking", "reference", "environment"]
    stems = {*map(own, names), "test_style"}
    found = sorted(path for path in (ROOT / "tests").rglob("test_*.py") if path.stem in stems)
    return [str(path.relative_to(ROOT)) for path in found]


def main(file: str, *options: str) -> int:
    """Runs the tests with some options of pytest, and gives its exit status."""
    file = str(Path(file).resolve().relative_to(ROOT))
    if not (ROOT / file).is_file():
        sys.exit(f"There is no file {file}.")
    exactness = sorted((ROOT / "tests" / "promises").glob("test_exactness_*.py"))
    return pytest.main(
        ["--numprocesses=logical", "--quick", file, *options, *tests_of(file), *map(str, exactness)]
    )


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
