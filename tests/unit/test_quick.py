"""The tests that ``make quick`` runs for a file."""

import os
import re
import subprocess
import sys

import pytest
from support import quick
from support.tree import ROOT
from support.waiting import PATIENCE


def stems(file):
    """Names the files of tests that a file can reach."""
    found = quick.tests_of(file)
    assert all((ROOT / path).is_file() for path in found)
    return {path.rpartition("/")[2].removeprefix("test_").removesuffix(".py") for path in found}


def test_a_script_of_a_rule_reaches_its_own_tests():
    assert stems("scripts/compare.py") == {"compare", "style"}
    assert stems("scripts/plot_lasso.py") == {"figures", "style"}


def test_a_module_reaches_the_rules_that_use_it():
    assert stems("lineup/models/homotopy.py") == {"homotopy", "fit_lasso", "style"}
    assert {"errors", "fetch", "fit_linear", "fit_mlp", "figures", "report"} - {"errors"} <= stems(
        "lineup/errors.py"
    )


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("lineup/data/tables.py", {"test_tables"}),
        (
            "lineup/models/ridge.py",
            {"test_failed_splits", "test_fit_ridge", "test_imputation", "test_kinds", "test_weights"},
        ),
        ("lineup/data/packages.py", {"test_fetch", "test_islp"}),
        ("scripts/plot_lasso.py", {"test_figures"}),
        ("lineup/errors.py", set()),
    ],
)
def test_which_tests_are_a_files_own(file, expected):
    assert quick.own(file) == expected


def test_other_files_reach_what_reads_them():
    assert {"fit_lasso", "looking", "style"} <= stems("workflow/rules/lasso.smk")
    assert {"environment", "style"} <= stems("environment.yml")
    assert stems("profiles/slurm/profile.yaml") == {"profiles", "style"}
    assert {"kinds", "config"} <= stems("lineup/models/lasso.yaml")
    assert quick.tests_of("tests/unit/test_split.py") == ["tests/unit/test_split.py"]


def test_a_file_that_is_not_there_is_told_in_a_sentence():
    with pytest.raises(SystemExit, match=r"There is no file scripts/nothing\.py\."):
        quick.main("scripts/nothing.py")


@pytest.mark.long
def test_the_long_tests_and_the_changes_of_other_files_are_left_out():
    command = [
        sys.executable,
        "-m",
        "support.quick",
        "lineup/models/homotopy.py",
        "--collect-only",
        "-q",
        "-n0",
    ]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    files = set(re.findall(r"^tests/\w+/(\w+)\.py::", done.stdout, re.MULTILINE))
    assert {"test_homotopy", "test_fit_lasso"} <= files
    assert "test_many_splits_are_fitted_as_by_coordinate_descent" not in done.stdout
    changes = re.findall(r"test_runs_exactly_what_is_stale\[(.*)\]", done.stdout)
    assert all("homotopy" in change for change in changes)
