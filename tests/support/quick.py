"""Runs the tests that a file can reach: ``make quick FILE=lineup/data/tables.py``.

They are its own, those of the rules whose scripts reach it, but for the long ones, and the changes of the tables of
exactness that name it, which are planned only.
"""

import re
import sys
from pathlib import Path

import pytest
from support.tree import ROOT

from lineup.ledger.code import code_of
from lineup.ledger.modules import CODE

FEW = 6  # files of tests that import a module, and may be its own


def tests() -> list[Path]:
    """Lists all files of tests."""
    return sorted((ROOT / "tests").rglob("test_*.py"))


def tests_named(name: str) -> str:
    """Names the file of tests of a script or module. What draws, and has none of its own, is in those of the figures."""
    drawn = name.startswith("plot_") and not any(test.stem == f"test_{name}" for test in tests())
    return "test_figures" if drawn else f"test_{name}"


def own(file: str) -> set[str]:
    """Names the files of tests that are a file's own, without their ending: of its name, or the few that import it."""
    path = Path(file)
    name = tests_named(path.stem)
    if path.parts[0] != "lineup" or any(test.stem == name for test in tests()):
        return {name}
    module = ".".join(path.with_suffix("").parts)
    package, _, stem = module.rpartition(".")
    imports = re.compile(rf"from {module} import|from {package} import .*\b{stem}\b")
    found = {test.stem for test in tests() if imports.search(test.read_text(encoding="utf-8"))}
    return found if len(found) <= FEW else set()


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
    elif path.parts[0] == "profiles":
        names = ["profiles"]
    elif path.suffix == ".yaml":
        names = ["kinds", "config", "reference", "looking"]
    elif path.parts[0] in CODE:
        names = [rule for rule in rules() if file in code_of(f"scripts/{rule}.py")]
    else:
        names = ["looking", "reference", "environment"]
    stems = {*map(tests_named, names)} | own(file) | {"test_style"}
    found = [path for path in tests() if path.stem in stems]
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
