"""The rooms of the package stand on each other in one direction, and scripts on the package alone."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter

import pytest
from support.tree import ROOT

# Each room, and those that it may stand on beside the modules of no room.
ROOMS = {
    "": set(),
    "ledger": set(),
    "data": set(),
    "comparison": {"data"},
    "networks": {"data", "ledger"},
    "models": {"comparison", "data", "networks"},
    "figures": {"comparison", "data"},
}
# What stands in no room but above some.
ABOVE = {"lineup.report": {"comparison", "data"}, "lineup.estimator_check": {"ledger", "models"}}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for path in (ROOT / "lineup").rglob("*.py")
    if path.name != "__init__.py"
}


def imported(path):
    """Lists the modules of the project that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        found |= {name for name in names if name.partition(".")[0] in ("lineup", "scripts")}
    return found


def room(module):
    """Names the room of a module."""
    parts = module.split(".")
    return parts[1] if len(parts) > 2 else ""


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_stands_on_its_own_room_and_those_below(module):
    allowed = {"", room(module)} | ABOVE.get(module, ROOMS[room(module)])
    uses = imported(MODULES[module])
    assert uses <= MODULES.keys()
    assert {room(used) for used in uses} <= allowed and not uses & ABOVE.keys()


def test_there_is_no_circle():
    order = TopologicalSorter({module: imported(path) for module, path in MODULES.items()})
    assert len(list(order.static_order())) == len(MODULES) > 40


@pytest.mark.parametrize("path", sorted((ROOT / "scripts").glob("*.py")), ids=lambda path: path.stem)
def test_a_script_is_a_screen_long_and_imports_no_other(path):
    assert imported(path) <= MODULES.keys()
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 60


def code_lines(node, lines):
    """Counts the lines of a function or class and of its docstring, without empty ones."""
    text = node.body[0]
    told = len([line for line in ast.get_docstring(node).splitlines() if line])
    own = lines[node.lineno - 1 : text.lineno - 1] + lines[text.end_lineno : node.end_lineno]
    return told, len([line for line in own if line])


@pytest.mark.parametrize(
    "path", [*MODULES.values(), *(ROOT / "scripts").glob("*.py")], ids=lambda path: path.stem
)
def test_functions_and_docstrings_are_short(path):
    text = path.read_text(encoding="utf-8")
    lines = [line.strip() for line in text.splitlines()]
    described = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node)
    ]
    counts = {node.name: code_lines(node, lines) for node in described}
    assert [name for name, (told, own) in counts.items() if told >= own > 1] == []
    functions = [node for node in described if isinstance(node, ast.FunctionDef)]
    assert [
        node.name for node in functions if node.end_lineno - node.lineno >= 60 + counts[node.name][0]
    ] == []
    assert len(lines) <= 300


def test_every_folder_of_the_package_is_a_room():
    folders = {
        path.name for path in (ROOT / "lineup").iterdir() if path.is_dir() and path.name != "__pycache__"
    }
    assert folders | {""} == set(ROOMS)


def test_a_fit_imports_little():
    """A job is a new process: what it imports takes longer than the fits of a small table."""
    heavy = ["matplotlib", "pandas", "pyarrow.compute", "requests", "scipy", "sklearn", "torch", "yaml"]
    code = f"import sys, lineup.models.linear, lineup.ledger.recorder; print([one for one in {heavy} if one in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
