"""Runs of snakemake, and folders to run it in."""

import atexit
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from support.kept import lend_remembered, take_remembered
from support.tree import ROOT, contents
from support.waiting import PATIENCE
from support.warm import SHARED, Folder, Warm

from lineup.ledger.libraries import VARIABLES

# The plugins for clusters stand apart, because Snakemake loads each one that it finds at every start.
PLUGINS = ROOT / ".venv" / "cluster"
# Those that submit jobs here. Each of the others imports a library of a cloud, at every start of every job.
SUBMITTING = ("cluster_generic", "slurm", "slurm_jobstep")
_submitting = tempfile.TemporaryDirectory(prefix="plugins-")


def reproducible(project):
    """Maps the results that are the same in every run to their bytes: all that records no time."""
    return {
        name: data
        for name, data in contents(project.results).items()
        if not name.startswith(("logs/", "manifest/")) and not name.endswith("/timings.csv")
    }


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


# An empty folder for the settings of a user, who so has none, but can have some written: matplotlib wants to.
_settings = tempfile.TemporaryDirectory(prefix="settings-")


# A training in the process of the tests sets some of the variables that count in a specification.
_unset = {name for names in VARIABLES.values() for name in names} - os.environ.keys()


def environment(**more):
    """Gives the environment for a run: that which the tests began with, without settings for snakemake."""
    left = ("SNAKEMAKE", SHARED, *_unset)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left)}
    return kept | {"XDG_CONFIG_DIRS": "/nonexistent", "XDG_CONFIG_HOME": _settings.name} | more


def snakemake(*options, cwd, timeout=PATIENCE, cold=False, **more):
    """Runs snakemake in a folder, with more environment variables, and waits for it.

    Args:
        options: Its options.
        cwd: The folder.
        timeout: Seconds after which it is given up.
        cold: Whether it has to be a new process that imports all, as at a user's; else it is a warm one if it can be.
        more: Variables.
    """
    options, environs = [str(option) for option in options], environment(**more)
    if not _warm:
        if SHARED not in os.environ:
            own = Folder()
            os.environ[SHARED] = own.name
            atexit.register(own.close)
        _warm.append(Warm(environment(), os.environ[SHARED]))
    if not cold and _warm[0].can(environs):
        project = Path(cwd, options[options.index("--directory") + 1] if "--directory" in options else "")
        is_new = lend_remembered(project, _warm[0].folder)
        run = Run(*_warm[0].run(options, str(cwd), environs, timeout))
        if is_new:
            take_remembered(project, _warm[0].folder)
        return run
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *options],
        cwd=cwd,
        env=environs,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout,
    )
    return Run(done.returncode, done.stdout)


_warm: list[Warm] = []


def with_plugins(all_of_them=False):
    """Gives the environment in which snakemake finds the plugins that submit jobs here, or all plugins for clusters.

    The test is skipped if they are missing.
    """
    if find_spec("snakemake_executor_plugin_slurm"):
        return {}
    if not (PLUGINS / "snakemake_executor_plugin_slurm").is_dir():
        pytest.skip("the plugins of requirements-cluster.txt are not here: `make test` gets them")
    folder = PLUGINS if all_of_them else Path(_submitting.name)
    if not any(folder.iterdir()):
        for name in SUBMITTING:
            (folder / f"snakemake_executor_plugin_{name}").symlink_to(
                PLUGINS / f"snakemake_executor_plugin_{name}"
            )
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))}


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

    @property
    def left_behind(self):
        """The temporary files that are left."""
        return list(contents(self.temporary))

    def command(self, *options):
        """Writes the config and gives the options of a run with it."""
        configfile = self.folder.with_name(f"{self.folder.name}.yaml")
        configfile.write_text(yaml.safe_dump(self.config, sort_keys=False), encoding="utf-8")
        where = ["--snakefile", self.tree / "Snakefile", "--directory", self.folder]
        return [str(part) for part in [*where, "--configfile", configfile, *options]]

    def run(self, *options, cold=False):
        """Runs the workflow on two cores, unless the options say otherwise."""
        command = self.command(*(options or ("--cores", "2")))
        return snakemake(*command, cwd=self.folder.parent, TMPDIR=str(self.temporary), cold=cold)

    def dry_run(self):
        """Lists what would run."""
        return self.run("--dry-run")

    def run_with(self, profile, *options, **more):
        """Runs the workflow with a profile of the tree and the plugins for clusters."""
        profile = self.tree / "profiles" / profile
        command = self.command("--workflow-profile", profile, *options)
        more = {"TMPDIR": str(self.temporary)} | with_plugins(all_of_them=profile.name == "kubernetes") | more
        return snakemake(*command, cwd=self.folder.parent, **more)
