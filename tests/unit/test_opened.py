"""Tests of what a job notes of the files that it opens."""

import contextlib
import io
import os
import subprocess
import sys

import pytest

from lineup.files import file_digest
from lineup.ledger import opened
from lineup.ledger.opened import unnamed_files


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Makes a project with some files, and goes to a folder beside it."""
    for name in ("lineup/colours.json", "lineup/named.py", "results/old.csv", ".git/config", "tools/run.sh"):
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("exit 0\n", encoding="utf-8")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(opened, "ROOT", tmp_path / "project")
    opened.OPENED.clear()
    opened.LISTED.clear()
    return tmp_path / "project"


def test_a_file_that_is_opened_counts_and_what_is_named_does_not(root):
    for name in ("lineup/colours.json", "lineup/named.py", "results/old.csv", ".git/config"):
        (root / name).read_bytes()
    (root / "written.txt").write_text("", encoding="utf-8")
    found = unnamed_files(["lineup/named.py"])
    assert found == {"lineup/colours.json": file_digest(root / "lineup" / "colours.json")}


@pytest.mark.parametrize("path", ["../project/lineup/colours.json", b"../project/lineup/colours.json"])
def test_a_path_may_be_relative(root, path):
    with open(path) as file:  # noqa: PTH123
        file.read()
    assert list(unnamed_files([])) == ["lineup/colours.json"]


def test_of_a_python_inside_the_project_only_what_lies_in_it_is_passed_over(root, monkeypatch):
    (root / "python").mkdir()
    (root / "python" / "table.json").touch()
    monkeypatch.setattr(sys, "prefix", str(root / "python"))
    for name in ("python/table.json", "python/../lineup/colours.json"):
        (root / name).read_bytes()
    assert list(unnamed_files([])) == ["lineup/colours.json"]


@pytest.mark.parametrize(
    "start",
    [
        lambda path: subprocess.run(["sh", path], check=True),
        lambda path: subprocess.run(f"sh {path} 1", shell=True, check=True),
        lambda path: subprocess.run(["sh", "-c", f"sh {path}"], check=True),
        lambda path: os.system(f"sh {path}"),
        lambda path: os.waitpid(os.posix_spawn("/bin/sh", ["sh", path], os.environ), 0),
    ],
)
def test_a_program_that_is_started_counts(root, start):
    start(str(root / "tools" / "run.sh"))
    assert list(unnamed_files([])) == ["tools/run.sh"]


def test_a_module_that_is_loaded_counts(root, monkeypatch):
    (root / "lineup" / "extra_module_of_a_test.py").write_text("x = 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(root / "lineup"))
    opened.OPENED.clear()
    __import__("extra_module_of_a_test")
    opened.OPENED.clear()
    try:
        assert list(unnamed_files([])) == ["lineup/extra_module_of_a_test.py"]
        assert unnamed_files(["lineup/extra_module_of_a_test.py"]) == {}
    finally:
        del sys.modules["extra_module_of_a_test"]


def test_what_is_looked_at_only_does_not_count(root):
    (root / "lineup" / "named.py").read_bytes()
    with opened.unnoted():
        (root / "lineup" / "colours.json").read_bytes()
        (root / "lineup" / "named.py").read_bytes()
    assert list(unnamed_files([])) == ["lineup/named.py"]


def test_what_is_not_there_counts_when_it_comes(root):
    with pytest.raises(FileNotFoundError):
        (root / "lineup" / "new.json").read_bytes()
    assert unnamed_files([]) == {"lineup/new.json": None}


def test_the_list_of_a_folder_counts(root):
    list((root / "lineup").glob("*.json"))
    os.listdir(root)  # noqa: PTH208
    before = unnamed_files([])
    assert list(before) == [".", "lineup"]
    (root / "lineup" / "more.json").touch()
    (root / ".hidden").touch()
    (root / "results" / "new").touch()
    after = unnamed_files([])
    assert after["lineup"] != before["lineup"] and after["."] == before["."]
    assert after["lineup"] == opened.look_at(root / "lineup") != opened.look_at(root / "tools")


def test_hidden_files_and_folders_of_any_name_count(root):
    for name in (".size", "lineup/.size", "lineup/results/one"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).touch()
        (root / name).read_bytes()
    assert list(unnamed_files([])) == [".size", "lineup/.size", "lineup/results/one"]


def test_a_project_behind_a_link(root, monkeypatch):
    link = root.parent / "link"
    link.symlink_to(root)
    monkeypatch.setattr(opened, "ROOT", link)
    for place in (link, root):
        opened.OPENED.clear()
        (place / "lineup" / "colours.json").read_bytes()
        assert list(unnamed_files([])) == ["lineup/colours.json"]


@pytest.mark.parametrize(
    "read",
    [
        lambda path: path.open("r+").close(),
        lambda path: io.FileIO(path).close(),
        lambda path: os.close(os.open(path, os.O_RDWR)),
    ],
)
def test_ways_to_open(root, read):
    read(root / "lineup" / "colours.json")
    (root / "written").open("w+").close()
    assert list(unnamed_files([])) == ["lineup/colours.json"]


def test_a_relative_path_is_that_of_its_time(root):
    with contextlib.chdir(root / "lineup"), open("colours.json"):  # noqa: PTH123
        pass
    assert list(unnamed_files([])) == ["lineup/colours.json"]


def test_code_that_is_read_as_a_text_counts_whole(root):
    assert unnamed_files([], ["lineup/named.py"]) == {}
    (root / "lineup" / "named.py").read_text()
    assert list(unnamed_files([], ["lineup/named.py"])) == ["lineup/named.py"]
