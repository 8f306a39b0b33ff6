"""Runs of a project on the Slurm of the tests, that a test meddles with."""

import os
import subprocess
import sys
from contextlib import contextmanager

from support.runs import environment, reproducible, with_plugins
from support.waiting import PATIENCE

# What the cluster of the tests needs beside a profile: its nodes have two CPUs, and it has no accounting.
HERE = [
    *("--cores", "2"),
    *("--slurm-init-seconds-before-status-checks", "2"),
    *("--slurm-status-command", "squeue"),
]


def differing(project, other):
    """Lists the results that two projects do not have with the same bytes."""
    one, two = reproducible(project), reproducible(other)
    assert len(one) > 10
    return sorted(name for name in one.keys() | two.keys() if one.get(name) != two.get(name))


def line(title, **numbers):
    """Writes a line of a table."""
    return f"{title:<42}" + "".join(f"  {name.replace('_', ' ')}: {n}" for name, n in numbers.items())


@contextmanager
def running(project, slurm, *targets, **more):
    """Runs a project on Slurm while the body meddles with it, and sees that it ends well."""
    with started(project, slurm, *targets, **more) as run:
        yield run
        status = run.wait(timeout=PATIENCE)
    assert status == 0, output_of(project) + slurm.logs()


@contextmanager
def started(project, slurm, *targets, **more):
    """Runs a project on Slurm while the body meddles with it.

    Args:
        project: The project.
        slurm: The Slurm.
        targets: What to make, and more options.
        more: Variables of its environment.
    """
    with project.folder.with_name(f"{project.folder.name}_output.txt").open("w", encoding="utf-8") as file:
        run = subprocess.Popen(
            [
                *("env", "--default-signal=INT", sys.executable, "-m", "snakemake"),
                *project.command("--workflow-profile", project.tree / "profiles" / "slurm", *HERE, *targets),
            ],
            cwd=project.folder.parent,
            env=environment(**joined(with_plugins(), more), **slurm.environment),
            stdout=file,
            stderr=file,
        )
    try:
        yield run
    finally:
        if run.poll() is None:
            run.terminate()
            run.wait(timeout=PATIENCE)


def joined(some, more):
    """Joins two sets of variables: a path of both has the parts of both."""
    both = some.keys() & more.keys()
    return some | more | {name: os.pathsep.join([more[name], some[name]]) for name in both}


def output_of(project):
    """Gives what the last such run said."""
    return project.folder.with_name(f"{project.folder.name}_output.txt").read_text(encoding="utf-8")
