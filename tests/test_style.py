"""The checks of style, and of what is in git."""

import subprocess
import sys

import pytest
from support.tree import ROOT, files_of_tree, tracked_files

LARGEST = 600 * 1024  # bytes
PYTHON = [path for path in files_of_tree() if path.suffix == ".py"]
SNAKEMAKE = [path for path in files_of_tree() if path.suffix == ".smk" or path.name == "Snakefile"]


@pytest.mark.parametrize(
    ("tool", "options", "files"),
    [
        ("ruff", ["check", "--no-cache"], PYTHON),
        ("ruff", ["format", "--check", "--no-cache"], PYTHON),
        ("snakefmt", ["--check"], SNAKEMAKE),
        ("codespell_lib", [], files_of_tree()),
    ],
    ids=["ruff check", "ruff format", "snakefmt", "codespell"],
)
def test_tool_finds_nothing(tool, options, files):
    command = [sys.executable, "-m", tool, *options, *map(str, files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_code_knows_no_dataset():
    """Every dataset is described in the config, also the shipped one."""
    code = [
        path for path in files_of_tree() if path.parts[0] in ("lineup", "scripts", "workflow", "Snakefile")
    ]
    assert len(code) > 30
    named = [str(path) for path in code if "hitters" in (ROOT / path).read_text(encoding="utf-8").lower()]
    assert not named


def test_no_result_is_in_git():
    results = [str(path) for path in tracked_files() if path.parts[0] == "results"]
    assert results == ["results/.gitignore"]


def test_no_large_file_is_in_git():
    large = [str(path) for path in tracked_files() if (ROOT / path).stat().st_size > LARGEST]
    assert not large
