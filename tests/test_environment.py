"""The packages: what the code imports, what the project asks for, and what is locked are one and the same."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from support.tree import ROOT, files_of_tree

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GROUPS = {
    group: [Requirement(text) for text in texts] for group, texts in PROJECT["dependency-groups"].items()
}
DIRECT = [requirement for group in GROUPS.values() for requirement in group]


def lines_of(lock):
    text = (ROOT / lock).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def versions_in(lines):
    return {canonicalize_name(line.partition("==")[0]): line.partition("==")[2] for line in lines}


LOCK, CLUSTER_LOCK = lines_of("requirements.txt"), lines_of("requirements-cluster.txt")
LOCKED = versions_in(LOCK)
# Modules of the project itself.
OWN = {
    "benchmarks",
    "lineup",
    "scripts",
    "support",
    "tests",
    *(path.stem for path in files_of_tree() if path.suffix == ".py"),
}


def by_name(name):
    return next(requirement for requirement in DIRECT if requirement.name == name)


def imported_modules(path):
    """Lists the packages that a file imports; of a file of rules, those of its import lines."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if path.suffix != ".py":
        text = "\n".join(re.findall(r"^(?:from|import) .*$", text, re.MULTILINE))
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_lock_has_exact_versions():
    for line in LOCK + CLUSTER_LOCK:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line), line
    assert len(LOCKED | versions_in(CLUSTER_LOCK)) == len(LOCK + CLUSTER_LOCK), "a package is locked twice"


def test_conda_and_pip_install_the_same():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    pip = [entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict)]
    assert pip == [LOCK]


def test_python_is_one_that_the_lock_is_for():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python = next(entry for entry in conda["dependencies"] if str(entry).startswith("python="))
    target = PROJECT["tool"]["ruff"]["target-version"]
    assert python.replace("python=", "py").replace(".", "") == target


@pytest.mark.parametrize(
    ("group", "requirement"),
    [(group, requirement) for group, requirements in GROUPS.items() for requirement in requirements],
    ids=lambda value: getattr(value, "name", value),
)
def test_direct_dependency_is_locked(group, requirement):
    locked = {
        "cluster": versions_in(CLUSTER_LOCK),
        "estimators": versions_in(lines_of("requirements-estimators.txt")),
        "onnx": versions_in(lines_of("requirements-onnx.txt")),
    }.get(group, LOCKED)
    version = locked.get(canonicalize_name(requirement.name))
    assert version is not None, f"{requirement.name} is not in the lock"
    assert requirement.specifier.contains(version, prereleases=True)


def test_direct_dependencies_are_named_once():
    names = [canonicalize_name(requirement.name) for requirement in DIRECT]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("name", "refused", "taken"),
    [
        ("pytorch-lightning", ["2.6.2", "2.6.3", "2.5.9"], ["2.6.1", "2.6.4"]),
        ("torch", ["2.9.1"], ["2.10.0"]),
        ("snakemake", ["9.26.0", "10.0.0"], ["9.27.0"]),
    ],
)
def test_bad_versions_are_refused(name, refused, taken):
    specifier = by_name(name).specifier
    assert not list(specifier.filter(refused))
    assert list(specifier.filter(taken)) == taken
    assert Version(LOCKED[name]) not in map(Version, refused)


def test_imports_are_direct_dependencies():
    distributions = packages_distributions()
    direct = {canonicalize_name(requirement.name) for requirement in DIRECT}
    paths = [path for path in files_of_tree() if path.suffix in (".py", ".smk") or path.name == "Snakefile"]
    assert len(paths) > 100
    for path in paths:
        for module in imported_modules(path) - sys.stdlib_module_names - OWN:
            names = {canonicalize_name(name) for name in distributions.get(module, [module])}
            assert names & direct, f"{path} imports {module}, and pyproject.toml does not name its package"
