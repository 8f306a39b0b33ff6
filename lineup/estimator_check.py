"""Checks the models of kind ``sklearn`` of a config before anything runs, by making their estimators."""

import json
import subprocess
import sys

from lineup.errors import InputError, ended
from lineup.ledger.code import code_of
from lineup.ledger.libraries import libraries_of
from lineup.ledger.modules import ROOT
from lineup.ledger.remembered import remembered
from lineup.models.estimators import paths_in

SCRIPT = "lineup/models/estimators.py"


def check_estimators(config: dict) -> None:
    """Checks those that the datasets to build have, in a process of its own, and remembers what came of it.

    Raises:
        InputError: If anything is wrong. The message has a line for each problem, a sentence that names the key.
    """
    tasks: dict[str, set[str]] = {}
    for name in config["build"]:
        for model in config["datasets"][name]["models"]:
            if config["models"][model]["kind"] == "sklearn":
                tasks.setdefault(model, set()).add(config["datasets"][name]["task"])
    if not tasks:
        return
    asked = {name: [config["models"][name], sorted(of)] for name, of in tasks.items()}
    modules = tuple(sorted({path for name in tasks for path in paths_in(config["models"][name])}))
    key = [asked, code_of(SCRIPT, modules), libraries_of(SCRIPT, modules)]
    found = remembered("estimators", key, lambda: _ask(asked))
    problems = [
        ended(f"In the config, models.{name}.{problem}") for name, problem in found.items() if problem
    ]
    if problems:
        raise InputError("\n".join(problems))


def _ask(asked: dict) -> dict:
    command = [sys.executable, "-m", "lineup.models.estimators"]
    run = subprocess.run(command, cwd=ROOT, input=json.dumps(asked), capture_output=True, text=True)
    if run.returncode:
        *_, said = run.stderr.strip().splitlines() or [f"the check ended with status {run.returncode}"]
        raise InputError(f"The estimators of the config cannot be made: {said}")
    return json.loads(run.stdout)
