"""A table of one's own: a file and a target are enough."""

import os

import pytest
import yaml
from support.data import small_csv
from support.runs import Project
from support.tree import ROOT

PLAIN = ["--cores", "2"]
ALL = {"fetch", "preprocess", "split", "compare", "plot_comparison", "report", "timings"}
ALL |= {f"{what}_{kind}" for what in ("fit", "plot") for kind in ("linear", "ridge", "lasso")}


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """A project of two lines, after its first run."""
    folder = tmp_path_factory.mktemp("mine") / "work"
    folder.mkdir()
    small_csv(folder / "mine.csv", seed=1, rows=60)
    config = {"build": ["mine"], "datasets": {"mine": {"file": "mine.csv", "target": "strength"}}}
    config["datasets"]["mine"]["splits"] = {"seeds": [1, 2]}
    project = Project(folder, ROOT, config)
    run = project.run(*PLAIN)
    assert run.status == 0, run.text
    assert {job.split(".")[0] for job in run.jobs} == ALL
    return project


def test_the_page_shows_what_holds(mine):
    page = (mine.results / "report.html").read_text(encoding="utf-8")
    for written in ("file: mine.csv", "missing_features: drop", "test_share: 0.25"):
        assert written in page
    board = (mine.results / "mine" / "leaderboard.csv").read_text(encoding="utf-8")
    assert {line.split(",")[0] for line in board.splitlines()[1:]} == {
        "least_squares",
        "ridge",
        "lasso",
        "null_model",
    }


def test_a_default_that_is_written_out_runs_nothing(mine):
    again = yaml.safe_load(yaml.safe_dump(mine.config))
    again["datasets"]["mine"] |= {"reference": "least_squares", "missing_target": "drop", "title": "mine"}
    again["models"] = {"ridge": {"kind": "ridge", "standardize": True, "folds": {"seed": 1}}}
    assert Project(mine.folder, mine.tree, again).dry_run().jobs == []


def test_a_change_of_the_file_is_a_change_of_the_data(mine):
    file = mine.folder / "mine.csv"
    before = file.read_bytes()
    os.utime(file)
    assert mine.dry_run().jobs == []
    file.write_bytes(before.replace(b"\n", b"\n", 1) + before.splitlines()[1] + b"\n")
    run = mine.dry_run()
    assert {job.split(".")[0] for job in run.jobs} == ALL and "sha256 was" in run.text
    file.unlink()
    run = mine.dry_run()
    assert run.status == 1 and "datasets.mine.file is 'mine.csv', and there is no such file in " in run.text
    assert "Traceback" not in run.text
    file.write_bytes(before)
    assert mine.dry_run().jobs == []
