"""The steps of CONTRIBUTING.md, followed on a copy of the project."""

import hashlib
import re
import subprocess
import sys
import zipfile

import yaml
from support.data import small_csv, small_dataset, small_models
from support.runs import Project
from support.tree import ROOT, copy_of_tree

STEP = re.compile(
    r"^In (?P<new>a new file )?`(?P<file>[^`]+)`(?:, (?P<how>below|instead of) `(?P<text>[^`]+)`(?P<start> at the start of a line)?)?:"
    r"\n\n```\w+\n(?P<block>.*?)^```$|^```sh\n(?P<commands>sed.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def follow(step, tree):
    """Does what a step says."""
    if step["commands"]:
        subprocess.run(["sh", "-e", "-c", step["commands"]], cwd=tree, check=True)
        return
    path, block, text = tree / step["file"], step["block"], step["text"]
    if step["new"]:
        assert not path.exists()
        path.write_text(block, encoding="utf-8")
        return
    before = path.read_text(encoding="utf-8")
    if step["how"] == "instead of":
        assert text in before, (step["file"], text)
        path.write_text(before.replace(text, block.removesuffix("\n"), 1), encoding="utf-8")
        return
    lines = before.splitlines(keepends=True)
    place = next(
        number
        for number, line in enumerate(lines)
        if (line.startswith(text) if step["start"] else text in line)
    )
    path.write_text("".join([*lines[: place + 1], block, *lines[place + 1 :]]), encoding="utf-8")


def test_the_steps_lead_to_where_they_say(tmp_path):
    tree = tmp_path / "tree"
    copy_of_tree(tree)
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    steps = list(STEP.finditer(text))
    assert len(steps) == len(re.findall(r"^In (?:a new file )?`|^```sh", text, re.MULTILINE)) > 20
    for step in steps:
        follow(step, tree)

    csv = small_csv(tmp_path / "trial.csv", seed=1)
    with zipfile.ZipFile(tmp_path / "trial.zip", "w") as archive:
        archive.write(csv, "inside/trial.csv")
    models = yaml.safe_load((tree / "config.yaml").read_text(encoding="utf-8"))["models"]
    models = {"plain": small_models()["plain"], "nearest": models["nearest"], "ridge": models["ridge"]}
    source = {"zip": str(tmp_path / "trial.zip"), "member": "inside/trial.csv"}
    dataset = small_dataset(csv, sources=[source], models=list(models))
    config = {"build": ["trial"], "datasets": {"trial": dataset}, "models": models}
    project = Project(tmp_path / "work", tree, config)
    run = project.run()
    assert run.status == 0, run.text
    assert {"fit_nearest.trial.nearest.1", "plot_nearest.trial.nearest", "plot_ridge.trial.ridge"} <= set(
        run.jobs
    )
    assert (
        hashlib.sha256((project.results / "trial" / "raw.data").read_bytes()).hexdigest() == dataset["sha256"]
    )
    page = (project.results / "report.html").read_text(encoding="utf-8")
    for part in ("models/nearest/predictions.svg", "models/ridge/residuals.svg", "by the prediction."):
        assert part in page
    assert project.dry_run().jobs == []

    # A setting counts, for its own job; and another value of it is refused in a sentence.
    models["nearest"]["weights"] = "distance"
    jobs = project.dry_run().jobs
    assert "fit_nearest.trial.nearest.1" in jobs and "fit_ridge.trial.ridge.1" not in jobs
    models["nearest"]["weights"] = "heavy"
    refused = project.dry_run()
    assert refused.status == 1 and "weights has to be uniform or distance, not 'heavy'" in refused.text
    models["nearest"]["weights"] = "uniform"

    # An edit of the new kind's code is seen, and of the project's own checks those of style hold.
    with (tree / "lineup" / "models" / "nearest.py").open("a", encoding="utf-8") as file:
        file.write("\nprint(end='')\n")
    assert "lineup/models/nearest.py has changed" in project.dry_run().text
    for command in (["ruff", "check", "lineup", "scripts"], ["snakefmt", "--check", "workflow"]):
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=tree, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    pages = subprocess.run(
        [sys.executable, "docs/reference.py"], cwd=tree, capture_output=True, text=True, check=False
    )
    assert pages.returncode == 0, pages.stderr
    assert "### A model of kind nearest" in (tree / "docs" / "config.md").read_text(encoding="utf-8")
    assert "residuals.svg" in (tree / "docs" / "outputs.md").read_text(encoding="utf-8")
