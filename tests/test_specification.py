"""Tests of the specification of a job: what changes it, and what does not."""

import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from scripts import specification as module
from scripts.errors import InputError
from scripts.specification import canonical, specification

ROOT = Path(__file__).parents[1]
SCRIPT = """
import numpy as np
from scripts.shared import helper

SIZE = 3

def main(x):
    return helper(np.sqrt(x)) + SIZE

if __name__ == "__main__":
    main(snakemake.input[0])
"""
SHARED = """
import json
import torch
from scripts.deep import constant as fixed

def helper(x):
    "Helps."
    return x + fixed

def other(x):
    return torch.nn.Linear(x, json.loads("1"))
"""
DEEP = """
constant = 4
unrelated = 5
print("runs when it is imported")
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Makes a project of three files; gives a function that edits one and specifies the script."""
    files = {"scripts/run.py": SCRIPT, "scripts/shared.py": SHARED, "scripts/deep.py": DEEP}
    (tmp_path / "scripts").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)

    def specify(file=None, old="", new=""):
        if file:
            assert old in files[file]
            (tmp_path / file).write_text(files[file].replace(old, new), encoding="utf-8")
        for cached in (module._reach, module._outline):
            cached.cache_clear()
        return specification("scripts/run.py", {"a": 1})

    yield specify
    for cached in (module._reach, module._outline):
        cached.cache_clear()


def test_names_files_packages_and_settings(project):
    spec = project()
    assert list(spec["code"]) == ["scripts/deep.py", "scripts/run.py", "scripts/shared.py"]
    # torch is imported by a module that the script reaches, but not by what it reaches of it.
    assert list(spec["libraries"]) == ["python", "numpy"]
    assert spec["libraries"]["numpy"] == version("numpy")
    assert spec["settings"] == {"a": 1}


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("scripts/run.py", "SIZE = 3", "SIZE = 4", ["scripts/run.py"]),
        ("scripts/run.py", "input[0]", "input[1]", ["scripts/run.py"]),
        ("scripts/shared.py", "x + fixed", "x - fixed", ["scripts/shared.py"]),
        ("scripts/deep.py", "constant = 4", "constant = 6", ["scripts/deep.py"]),
        ("scripts/deep.py", "runs when", "is run when", ["scripts/deep.py"]),
        ("scripts/deep.py", "unrelated = 5", "unrelated = 6", []),
        ("scripts/shared.py", "torch.nn.Linear", "torch.nn.Bilinear", []),
        ("scripts/shared.py", "Helps.", "Helps a lot.", []),
        ("scripts/shared.py", "def helper(x):", "# a comment\n\ndef helper( x ):", []),
    ],
)
def test_counts_what_is_reached(project, file, old, new, changed):
    before, after = project()["code"], project(file, old, new)["code"]
    assert [name for name in before if before[name] != after[name]] == changed


def test_follows_a_module_that_is_imported_whole(project):
    before = project("scripts/run.py", "from scripts.shared import helper", "import scripts.shared as helper")
    after = project("scripts/shared.py", "torch.nn.Linear", "torch.nn.Bilinear")
    assert before["code"]["scripts/shared.py"] != after["code"]["scripts/shared.py"]
    assert "torch" in after["libraries"]


def test_refuses_an_import_that_it_cannot_follow(project):
    with pytest.raises(InputError, match=r"scripts/shared.py imports something inside helper"):
        project("scripts/shared.py", "return x + fixed", "import math; return x")


def test_refuses_what_is_not_python(project):
    with pytest.raises(InputError, match=r"scripts/deep.py, line 2, is not valid Python"):
        project("scripts/deep.py", "constant = 4", "constant = = 4")


def test_counts_the_other_files_that_it_names(project, tmp_path):
    (tmp_path / "page.html").write_text("one", encoding="utf-8")
    before = specification("scripts/run.py", {}, ["page.html"])["files"]
    (tmp_path / "page.html").write_text("two", encoding="utf-8")
    assert list(before) == ["page.html"]
    assert before != specification("scripts/run.py", {}, ["page.html"])["files"]


def test_a_spoiled_cache_is_made_again(project, tmp_path):
    before = project()
    cached = list((tmp_path / ".snakemake" / "lineup").glob("*.json"))
    assert len(cached) == 3
    for path in cached:
        path.write_text("{", encoding="utf-8")
    assert project() == before


def test_order_of_keys_does_not_count_and_order_of_lists_does():
    one, other = {"b": [1, 2], "a": {"d": 1, "c": None}}, {"a": {"c": None, "d": 1}, "b": [1, 2]}
    assert json.dumps(canonical(one)) == json.dumps(canonical(other))
    assert canonical([1, 2]) != canonical([2, 1])


def test_values_that_look_alike_are_told_apart():
    texts = {repr(canonical(value)) for value in (1, 1.0, "1", True, None, "None", [1])}
    assert len(texts) == 7


@pytest.mark.parametrize(
    "value", [{1, 2}, (1, 2), float("nan"), float("inf"), Path("x"), {1: 2}, b"x", object()]
)
def test_refuses_what_has_no_canonical_form(value):
    with pytest.raises(TypeError, match=r"^settings\.a\[0\]"):
        canonical({"a": [value]})


def test_is_the_same_in_every_process():
    code = "from scripts.specification import specification as s; print(s('scripts/fit_mlp.py', {'b': 1, 'a': 2}))"
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        for seed in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout and "scripts/network.py" in runs[0].stdout, runs[0].stderr


def test_every_rule_carries_the_specification_of_its_script():
    text = "\n".join(
        path.read_text(encoding="utf-8") for path in sorted((ROOT / "workflow" / "rules").glob("*.smk"))
    )
    rules = re.findall(r"^rule (\w+):\n(.*?)(?=^rule |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    assert len(rules) == 14
    for name, body in rules:
        assert re.search(rf'\n        spec=spec\(\s*"{name}"', body), name
        assert f"scripts/{name}.py" in body
