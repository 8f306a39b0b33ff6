"""Tests of the specification of a job: what changes it, and what does not."""

import json
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from support.tree import MAKE_NOTHING, ROOT

from lineup.errors import InputError
from lineup.ledger import code, imports, modules
from lineup.ledger import libraries as libraries_module
from lineup.ledger import specification as module
from lineup.ledger.specification import canonical, specification

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
    for one in (code, imports, module, modules):
        monkeypatch.setattr(one, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)

    def specify(file=None, old="", new=""):
        if file:
            assert old in files[file]
            (tmp_path / file).write_text(files[file].replace(old, new), encoding="utf-8")
        forget()
        return specification("scripts/run.py", {"a": 1})

    yield specify
    forget()


def forget():
    """Has all files read again."""
    for cached in (
        *(code._summary, code._all_code, code._reach, imports.outline_in, imports.steps, imports.held_by),
        *(modules.file_of, modules.packages_above),
    ):
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


@pytest.mark.parametrize(
    "line",
    ["from scripts.deep import f", "import scripts.deep as deep", "from . import deep", "from math import *"],
)
def test_refuses_an_import_inside_a_function_that_it_cannot_follow(project, line):
    with pytest.raises(InputError, match=r"scripts/shared.py, line 8, imports a part of the project inside"):
        project("scripts/shared.py", "return x + fixed", f"{line}; return x")


@pytest.mark.parametrize("line", ["import scipy.special", "from scipy.special import erf"])
def test_counts_a_library_that_is_imported_inside_a_function(project, line):
    before = project()
    after = project("scripts/shared.py", "return x + fixed", f"{line}; return x + fixed")
    assert "scipy" not in before["libraries"] and "scipy" in after["libraries"]


@pytest.mark.parametrize(
    "line",
    [
        "from scripts import deep",
        "from scripts.deep import *",
        "from .deep import constant",
        "from . import deep",
        "import scripts.deep",
    ],
)
def test_refuses_an_import_that_does_not_say_what_it_binds(project, line):
    with pytest.raises(InputError, match=r"scripts/shared.py, line 3, imports in a way that cannot be"):
        project("scripts/shared.py", "import torch", line)


@pytest.mark.parametrize("source", ["scripts.gone", "lineup.ledger"])
def test_an_import_from_what_is_no_file_is_refused(project, source):
    """A folder of the package is none, and its modules would not be followed."""
    with pytest.raises(InputError, match=rf"scripts/shared.py imports from {source}, which is no file"):
        project("scripts/shared.py", "from scripts.deep import constant", f"from {source} import constant")


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
    cached = list((tmp_path / ".snakemake" / "lineup").glob("outline-*.json"))
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
    code = "from lineup.ledger.specification import specification as s; print(s('scripts/fit_mlp.py', {'b': 1, 'a': 2}))"
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
    assert runs[0].stdout == runs[1].stdout and "lineup/networks/network.py" in runs[0].stdout, runs[0].stderr


def test_every_rule_carries_the_specification_of_its_script():
    text = "\n".join(
        path.read_text(encoding="utf-8") for path in sorted((ROOT / "workflow" / "rules").glob("*.smk"))
    )
    rules = dict(re.findall(r"^rule (\w+):\n(.*?)(?=^rule |\Z)", text, flags=re.MULTILINE | re.DOTALL))
    assert len(rules) > 20
    for rule in MAKE_NOTHING:
        assert "spec=" not in rules.pop(rule)
    for name, body in rules.items():
        assert re.search(rf'\n        spec=spec\(\s*"{name}"', body), name
        assert f"scripts/{name}.py" in body
    # What is fetched has its digest in the config. Of all else the code counts.
    assert [name for name, body in rules.items() if "code=False" in body] == [
        "fetch",
        "fetch_images",
        "fetch_splits",
    ]


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Gives a function that installs a distribution in one of two folders that come first on the path."""
    for place in ("second", "first"):
        (tmp_path / place).mkdir()
        monkeypatch.syspath_prepend(str(tmp_path / place))

    def install(folder, version, needs=(), place="first", name=None, file="METADATA"):
        path = tmp_path / place / folder
        path.mkdir()
        lines = [f"Name: {name or folder.partition('-')[0]}", f"Version: {version}"]
        lines += [f"Requires-Dist: {need}" for need in needs]
        (path / file).write_text("\n".join(["Metadata-Version: 2.1", *lines, ""]), encoding="utf-8")
        libraries_module._installed.cache_clear()

    libraries_module._installed.cache_clear()
    yield install
    libraries_module._installed.cache_clear()


def libraries(project, *imported):
    """Gives what the script uses when it imports these instead of numpy, but for Python."""
    lines = "\n".join(f"import {name}" for name in imported)
    used = project("scripts/run.py", "import numpy as np", lines + "\nnp = " + " + ".join(imported))
    assert used["libraries"].pop("python") == platform.python_version()
    return used["libraries"]


def test_what_a_library_needs_counts_too(project, packages):
    packages(
        "alpha-1.5.dist-info", "1.5", ["Beta_Two>=1; python_version > '3'", "absent", "tests; extra == 'all'"]
    )
    packages("beta_two-0.2.dist-info", "0.2", ["gamma[fast] (>=1)", "Alpha"])  # they need each other
    packages("gamma-7.dist-info", "7")
    packages("tests-1.dist-info", "1")
    packages("unused-1.dist-info", "1")
    assert libraries(project, "alpha") == {"alpha": "1.5", "beta-two": "0.2", "gamma": "7"}


def test_another_version_of_what_a_library_needs_is_noticed(project, packages, tmp_path):
    packages("alpha-1.5.dist-info", "1.5", ["beta"])
    packages("beta-1.dist-info", "1")
    before = libraries(project, "alpha")
    (tmp_path / "first" / "beta-1.dist-info").rename(tmp_path / "first" / "beta-2.dist-info")
    metadata = tmp_path / "first" / "beta-2.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("Version: 1", "Version: 2"), encoding="utf-8")
    libraries_module._installed.cache_clear()
    assert (before["beta"], libraries(project, "alpha")["beta"]) == ("1", "2")


def test_a_library_that_is_not_installed_has_no_version(project, packages):
    packages("alpha-1.5.dist-info", "1.5")
    assert libraries(project, "alpha", "nowhere") == {"alpha": "1.5", "nowhere": None}
    packages("nowhere-3.dist-info", "3")
    assert libraries(project, "alpha", "nowhere") == {"alpha": "1.5", "nowhere": "3"}


def test_of_a_library_that_was_not_installed_the_code_counts(project, packages, tmp_path):
    """As of a module of a person's own, in a folder that PYTHONPATH names."""

    def versions():
        for cached in (libraries_module._code_of, modules.elsewhere):
            cached.cache_clear()
        return libraries(project, "helper_of_mine", "tools_of_mine")

    (tmp_path / "first" / "helper_of_mine.py").write_text("x = 1\n", encoding="utf-8")
    (tmp_path / "second" / "tools_of_mine" / "inner").mkdir(parents=True)
    for name in ("__init__.py", "inner/lines.py"):
        (tmp_path / "second" / "tools_of_mine" / name).write_text("x = 1\n", encoding="utf-8")
    before = versions()
    assert all(value.startswith("code ") for value in before.values()) and before == versions()
    (tmp_path / "second" / "tools_of_mine" / "inner" / "lines.py").write_text("x = 2\n", encoding="utf-8")
    middle = versions()
    assert [name for name in before if before[name] != middle[name]] == ["tools-of-mine"]
    (tmp_path / "first" / "helper_of_mine.py").write_text("x = 2\n", encoding="utf-8")
    assert [name for name in before if versions()[name] != middle[name]] == ["helper-of-mine"]
    for cached in (libraries_module._code_of, modules.elsewhere):
        cached.cache_clear()


def test_names_of_distributions_are_normalized(project, packages, monkeypatch):
    packages("Big_Name.X-1.dist-info", "1", name="Big_Name.X")
    packages("old.egg-info", "4", name="Old--Style", file="PKG-INFO")
    monkeypatch.setitem(libraries_module.DISTRIBUTIONS, "bignamex", "big.name-X")
    assert libraries(project, "bignamex", "old_style") == {"big-name-x": "1", "old-style": "4"}


def test_of_two_of_a_name_the_one_that_python_takes_counts(project, packages):
    packages("alpha-1.dist-info", "1", place="second")
    packages("alpha-2.dist-info", "2", place="first")
    assert libraries(project, "alpha") == {"alpha": "2"}


def test_real_libraries_are_as_the_packages_say():
    """Compared with importlib.metadata, for all that the network uses."""
    used = libraries_module.libraries_of("scripts/fit_mlp.py")
    assert {"numpy", "torch", "pytorch-lightning", "pyarrow", "torchmetrics", "safetensors"} <= set(used)
    assert "sklearn" not in used and "scikit-learn" in libraries_module.libraries_of("scripts/fit_lasso.py")
    found = {name: version(name) for name in used if name != "python"}
    assert used == {"python": platform.python_version()} | found
    assert len(used) > 10


CODE = [path.relative_to(ROOT) for folder in modules.CODE for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize("file", CODE, ids=str)
def test_each_library_of_the_project_is_installed(file):
    missing = [name for name, found in libraries_module.libraries_of(str(file)).items() if found is None]
    assert missing == [], "its name as a distribution is missing from DISTRIBUTIONS"


def test_a_variable_counts_where_its_library_is_used(monkeypatch):
    for names in libraries_module.VARIABLES.values():
        for name in names:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    monkeypatch.setenv("NPY_DISABLE_CPU_FEATURES", "AVX512F")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    numpy_alone, both = {"NPY_DISABLE_CPU_FEATURES": "AVX512F"}, {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    assert specification("scripts/fit_linear.py", {})["environment"] == numpy_alone
    assert specification("scripts/fit_mlp.py", {})["environment"] == numpy_alone | both
    assert specification("scripts/timings.py", {})["environment"] == {}
    monkeypatch.delenv("NPY_DISABLE_CPU_FEATURES")
    assert specification("scripts/fit_linear.py", {})["environment"] == {}


def test_where_the_code_does_not_count_neither_do_its_libraries(monkeypatch):
    monkeypatch.setenv("NPY_DISABLE_CPU_FEATURES", "AVX512F")
    spec = specification(None, {"sha256": "0"}, outputs={"raw": "raw.csv"})
    assert (spec["code"], spec["libraries"], spec["environment"]) == ({}, {}, {})
    assert spec["settings"] == {"sha256": "0"} and spec["outputs"] == {"raw": "raw.csv"}


def test_names_of_files_are_part_of_it(project):
    """With the same settings, another file to read or to write makes another job."""
    one = specification("scripts/run.py", {}, inputs={"b": ["x", "y"], "a": "z"}, outputs={"o": "p"})
    assert json.dumps(one["inputs"]) == '{"a": "z", "b": ["x", "y"]}'
    assert one["outputs"] == {"o": "p"}
    assert one != specification("scripts/run.py", {}, inputs={"b": ["y", "x"], "a": "z"}, outputs={"o": "p"})


def test_a_file_that_is_missing_has_no_digest(project):
    assert specification("scripts/run.py", {}, ["gone.html"])["files"] == {"gone.html": None}


def test_is_plain_json_with_a_fixed_set_of_parts():
    spec = specification("scripts/report.py", {"a": [1, {"b": None}]}, ["workflow/report/report.html.j2"])
    parts = ["code", "environment", "files", "inputs", "libraries", "outputs", "script", "settings"]
    assert list(spec) == parts
    assert json.loads(json.dumps(spec)) == spec
