"""What the tests of the whole workflow share: a copy of the tree, a small dataset, and runs of snakemake."""

import copy
import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import yaml
from snakemake.iocontainers import InputFiles, Log, OutputFiles, Params, ResourceList, Snakemake, Wildcards

from scripts.specification import specification

ROOT = Path(__file__).resolve().parent.parent
# The plugins for clusters stand apart, because Snakemake loads each one that it finds at every start.
PLUGINS = ROOT / ".venv" / "cluster"
# What stands in the tree and is no part of it, where there is no git to tell.
LEFT_BY_USE = {
    ".git",
    ".venv",
    ".snakemake",
    ".pytest_cache",
    ".ruff_cache",
    "__pycache__",
    "data",
    "results",
}


def tracked_files():
    """Lists the files in git, relative to the root; skips the test where the tree is no checkout."""
    listed = _git("--cached")
    if listed is None:
        pytest.skip("this is not a git checkout")
    return listed


def files_of_tree():
    """Lists the files that make up the tree, relative to the root: those in git, and new ones not ignored."""
    listed = _git("--cached", "--others", "--exclude-standard")
    if listed is None:
        every = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
        listed = sorted(path for path in every if not LEFT_BY_USE & set(path.parts))
    return listed


def _git(*options):
    command = ["git", "ls-files", "-z", *options]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        return None
    return sorted(
        path for path in map(Path, filter(None, listed.stdout.split("\0"))) if (ROOT / path).is_file()
    )


def copy_of_tree(folder):
    """Copies the tree, with its modification times, so that nothing that happens to it meanwhile is seen."""
    for path in files_of_tree():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, folder / path)
    return folder


def second_tree(tree, folder):
    """Copies a copy of the tree, to edit it: what became of the tree itself meanwhile does not count."""
    return shutil.copytree(tree, folder, ignore=shutil.ignore_patterns("__pycache__"))


def contents(folder):
    """Maps each file under a folder, but compiled modules, to its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def reproducible(project):
    """Maps the results that are the same in every run to their bytes: all that records no time."""
    return {
        name: data
        for name, data in contents(project.results).items()
        if not name.startswith(("logs/", "manifest/")) and not name.endswith("/timings.csv")
    }


def small_csv(path, seed, rows=40, target="strength"):
    """Writes a table of four numbers, a factor of two levels, one of three and a target."""
    random = np.random.default_rng(seed)
    numbers = random.normal(size=(rows, 4))
    treated, dose = random.choice(["no", "yes"], rows), random.choice(["high", "low", "mid"], rows)
    y = 10 + numbers @ [1.0, -2.0, 0.0, 0.5] + 3 * (treated == "yes") + random.normal(size=rows)
    lines = [f"width,depth,heat,age,treated,dose,{target}"]
    for row, *factors, value in zip(numbers, treated, dose, y, strict=True):
        lines.append(",".join([*(f"{number:.4f}" for number in row), *factors, f"{value:.4f}"]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def small_dataset(csv, **changes):
    """Describes a table of ``small_csv`` as config.yaml does, with two splits."""
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    dataset = next(iter(shipped["datasets"].values()))
    return dataset | {
        "sources": [{"file": str(csv)}],
        "sha256": hashlib.sha256(csv.read_bytes()).hexdigest(),
        "title": "Strength of made-up beams",
        "target": "strength",
        "target_unit": "newton",
        "splits": {"test_share": 0.25, "seeds": [3, 4], "block_size": 10},
        "models": ["plain", "lasso_one", "lasso_two", "net"],
        "reference": "plain",
        "published": [],
        **changes,
    }


def small_models():
    """Describes a model of each kind and a second lasso, of config.yaml but soon fitted."""
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["models"]
    first = {model["kind"]: model for model in reversed(shipped.values())}
    lasso = first["lasso"] | {
        "penalties": {"number": 8, "smallest": 0.01, "standardize": True},
        "folds": {"number": 3, "seed": 1},
    }
    net = first["mlp"] | {
        "hidden": [6],
        "dropout": [0.2],
        "epochs": 2,
        "batch_size": 8,
        "threads": 2,
        "accelerator": "cpu",
    }
    models = {
        "plain": first["linear"],
        "lasso_one": lasso,
        "lasso_two": lasso | {"standardize": not lasso["standardize"]},
        "net": net,
    }
    return {name: copy.deepcopy(model) for name, model in models.items()}


# What the rule that trains networks writes, but for its record.
NETWORK_FILES = {
    "predictions": "predictions.parquet",
    "scores": "scores.parquet",
    "training_log": "training_log.csv",
    "learning_curves": "learning_curves.parquet",
    "summary": "summary.txt",
    "weights": "weights.safetensors",
}


IMAGE_FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}


def small_images(folder, seed, train=60, test=24, size=6, classes=3):
    """Writes the four files of a set of images: a class has a bright row of its own, under noise."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for side, rows in (("train", train), ("test", test)):
        labels = random.integers(0, classes, rows).astype(np.uint8)
        images = random.integers(0, 120, (rows, size, size)).astype(np.uint8)
        images[np.arange(rows), labels] += 90
        for what, values in (("images", images), ("labels", labels)):
            # The format: two zeros, 8 for bytes, the number of axes, their lengths, and the values.
            head = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">i4").tobytes()
            (folder / IMAGE_FILES[f"{side}_{what}"]).write_bytes(head + values.tobytes())
    return folder


def small_images_dataset(folder, **changes):
    """Describes a set of ``small_images`` as config.yaml does, with two splits."""
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["datasets"]["mnist"]
    return shipped | {
        "sources": [{"file": str(folder)}],
        "sha256": {
            key: hashlib.sha256((folder / name).read_bytes()).hexdigest() for key, name in IMAGE_FILES.items()
        },
        "title": "Made-up rows",
        "target": "row",
        "classes": ["top", "upper", "lower"],
        "splits": {"test_share": "given", "seeds": [3, 4], "block_size": 1},
        "models": ["linear_net", "sparse", "deep_net"],
        "reference": "linear_net",
        "published": [],
        **changes,
    }


def small_models_of_classes():
    """Describes models of classes, of config.yaml but soon fitted."""
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["models"]
    soon = {"epochs": 3, "batch_size": 16, "accelerator": "cpu"}
    models = {
        "linear_net": shipped["multinomial"] | soon,
        "sparse": shipped["multinomial_lasso"] | {"penalties": {"number": 3, "smallest": 0.05}},
        "deep_net": shipped["digits_network"] | soon | {"hidden": [8], "dropout": [0.2]},
    }
    return {name: copy.deepcopy(model) for name, model in models.items()}


def given(
    rule,
    folder,
    inputs=None,
    outputs=None,
    settings=None,
    params=None,
    wildcards=None,
    files=(),
    threads=1,
    resources=None,
):
    """Makes the object that Snakemake gives to the script of a rule.

    Its log and its record are in a folder, as ``log`` and ``record.json``.
    """
    outputs = {"record": str(Path(folder) / "record.json")} | (outputs or {})
    spec = specification(f"scripts/{rule}.py", settings or {}, files, inputs, outputs)
    return Snakemake(
        input_=_named(InputFiles(), inputs or {}),
        output=_named(OutputFiles(), outputs),
        params=Params(fromdict={"spec": spec} | (params or {})),
        wildcards=Wildcards(fromdict=wildcards or {}),
        threads=threads,
        resources=ResourceList(fromdict=resources or {}),
        log=Log([str(Path(folder) / "log")]),
        config={},
        rulename=rule,
        bench_iteration=None,
    )


def _named(files, paths):
    """Adds paths and lists of paths to a list of files as Snakemake does: in a row, with names for parts."""
    for name, value in paths.items():
        first = len(files)
        files.extend([value] if isinstance(value, str) else value)
        files._set_name(name, first, end=None if isinstance(value, str) else len(files))
    return files


@dataclass(frozen=True)
class Run:
    """What a run of snakemake gave.

    Attributes:
        status: Its exit status.
        text: What it printed.
    """

    status: int
    text: str

    @property
    def jobs(self):
        """The jobs that it started, or would have, but ``all``: each as its rule and wildcards."""
        found = re.findall(r"^(?:local)?rule (\w+):\n((?: {4}.*\n)*)", self.text, re.MULTILINE)
        names = []
        for rule, block in found:
            wildcards = re.search(r"^ {4}wildcards: (.*)$", block, re.MULTILINE)
            values = [pair.split("=")[1] for pair in wildcards[1].split(", ")] if wildcards else []
            names.append(".".join([rule, *values]))
        return sorted(name for name in names if name != "all")


def environment(**more):
    """Gives the environment for a run: that of the tests, without settings for snakemake."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SNAKEMAKE")}
    return kept | {"XDG_CONFIG_DIRS": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent"} | more


def snakemake(*options, cwd, timeout=300, **more):
    """Runs snakemake in a folder, with more environment variables, and waits for it."""
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *map(str, options)],
        cwd=cwd,
        env=environment(**more),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout,
    )
    return Run(done.returncode, done.stdout)


def with_plugins():
    """Gives the environment in which snakemake finds the plugins for clusters; skips the test if they are missing."""
    if find_spec("snakemake_executor_plugin_slurm"):
        return {}
    if not (PLUGINS / "snakemake_executor_plugin_slurm").is_dir():
        pytest.skip("the plugins of requirements-cluster.txt are not here: `make test` gets them")
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(PLUGINS), os.environ.get("PYTHONPATH")]))}


def heavy_imports(*options, cwd):
    """Lists the packages that snakemake loads on a dry run though it needs them for a job at most."""
    run = snakemake("--dry-run", *options, cwd=cwd, PYTHONPROFILEIMPORTTIME="1")
    assert run.status == 0, run.text
    lines = [line for line in run.text.splitlines() if line.startswith("import time:")]
    imported = {line.rsplit("|", 1)[1].strip() for line in lines}
    assert "snakemake" in imported
    heavy = {"pandas", "torch", "pytorch_lightning", "sklearn", "scipy", "matplotlib", "pyarrow.parquet"}
    return sorted(imported & heavy)


@dataclass
class Project:
    """A folder to run the workflow in, with a config of its own.

    Attributes:
        folder: The working directory of the runs. It holds what they write, and nothing else.
        tree: The tree of the workflow.
        config: The config, complete.
    """

    folder: Path
    tree: Path
    config: dict

    def __post_init__(self):
        """Makes the folders."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.temporary.mkdir(exist_ok=True)

    @property
    def results(self):
        """The folder of the results."""
        return self.folder / "results"

    @property
    def temporary(self):
        """The folder for temporary files of the runs."""
        return self.folder.with_name(f"{self.folder.name}_temporary")

    def command(self, *options):
        """Writes the config and gives the options of a run with it."""
        configfile = self.folder.with_name(f"{self.folder.name}.yaml")
        configfile.write_text(yaml.safe_dump(self.config, sort_keys=False), encoding="utf-8")
        where = ["--snakefile", self.tree / "Snakefile", "--directory", self.folder]
        return [str(part) for part in [*where, "--configfile", configfile, *options]]

    def run(self, *options):
        """Runs the workflow on two cores, unless the options say otherwise."""
        options = options or ("--cores", "2")
        return snakemake(*self.command(*options), cwd=self.folder.parent, TMPDIR=str(self.temporary))

    def dry_run(self):
        """Lists what would run."""
        return self.run("--dry-run")

    def run_with(self, profile, *options, **more):
        """Runs the workflow with a profile of the tree and the plugins for clusters."""
        profile = self.tree / "profiles" / profile
        command = self.command("--workflow-profile", profile, *options)
        more = {"TMPDIR": str(self.temporary)} | with_plugins() | more
        return snakemake(*command, cwd=self.folder.parent, **more)
