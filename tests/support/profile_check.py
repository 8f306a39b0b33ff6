"""Says what is wrong with profiles: ``python tests/support/profile_check.py SNAKEFILE PROFILE...`` writes JSON.

Snakemake passes over much in silence, such as a rule that there is not. This is a process of its own, because
Snakemake looks for plugins once in a process, and those for clusters are not on the path of the tests.
"""

import contextlib
import io
import json
import re
import sys
from pathlib import Path

import yaml
from snakemake.api import SnakemakeApi
from snakemake.cli import parse_args
from snakemake.iocontainers import Wildcards
from snakemake.profiles import ProfileConfigFileParser
from snakemake.settings.types import OutputSettings, Quietness, ResourceSettings
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

# What makes a rebuild exact. It has to be the same in every profile.
EXACT = ("rerun-incomplete", "rerun-triggers", "max-checksum-file-size", "show-failed-logs")
# Minutes: a job that takes no longer is not worth a submission of its own.
SMALL = 20


def problems_of(profile, snakefile):
    """Lists what is wrong with a profile, and gives what each rule asks for with it."""
    file = profile / "profile.yaml"
    if not file.is_file():
        return [f"{file} is not there"], {}
    found = []
    try:
        found = [*problems_of_text(file), *problems_of_exactness(file)]
        args = parsed(profile, snakefile)
    except Exception as error:
        return [*found, f"Snakemake does not take it: {error}"], {}
    workflow = workflow_with(args, snakefile)
    return found + problems_of_rules(args, workflow), asked_for(workflow)


def problems_of_text(file):
    """Finds keys that stand twice, of which YAML takes the last one, and mappings that Snakemake passes over."""
    text = file.read_text(encoding="utf-8")
    keys = [line.partition(":")[0] for line in text.splitlines() if re.match(r"[a-z]", line)]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    with file.open(encoding="utf-8") as stream:
        taken = ProfileConfigFileParser().parse(stream)
    dropped = [key for key, value in yaml.safe_load(text).items() if value is not None and key not in taken]
    return [f"{key} stands twice" for key in twice] + [f"{key} is passed over" for key in dropped]


def problems_of_exactness(file):
    """Compares what decides how exact a rebuild is with the profile that is used when none is named."""
    default = yaml.safe_load((Path(__file__).parents[2] / "profiles/default/profile.yaml").read_text("utf-8"))
    settings = yaml.safe_load(file.read_text(encoding="utf-8"))
    return [
        f"{key} is {settings.get(key)}, and {default[key]} in profiles/default"
        for key in EXACT
        if settings.get(key) != default[key]
    ]


def parsed(profile, snakefile):
    """Parses a profile as Snakemake does, with the settings of its executor."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        try:
            _, args = parse_args(["--snakefile", str(snakefile), "--workflow-profile", str(profile)])
        except SystemExit:
            raise ValueError(said.getvalue().strip().splitlines()[-1]) from None
    if f"workflow specific profile {profile}" not in said.getvalue():
        raise ValueError("it was not read")
    if args.executor:
        ExecutorPluginRegistry().get_plugin(args.executor).get_settings(args)
    return args


def workflow_with(args, snakefile):
    """Loads the workflow with what a profile sets for single rules, but without its defaults for all rules."""
    resources = ResourceSettings(
        cores=1, overwrite_threads=args.set_threads, overwrite_resources=args.set_resources
    )
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        return api.workflow(resource_settings=resources, snakefile=snakefile)._workflow


def problems_of_rules(args, workflow):
    """Finds rules that there are not, and rules that a cluster could not run well."""
    rules = {rule.name: rule for rule in workflow.rules if not rule.norun}
    found = [
        f"{key} names {name}, and there is no such rule"
        for key, named in (
            ("set-resources", args.set_resources),
            ("set-threads", args.set_threads),
            ("groups", args.groups),
        )
        for name in named
        if name not in rules
    ]
    stated = rules_with_threads(workflow)
    for name, rule in rules.items():
        if name not in stated:
            found.append(f"{name} states no threads")
        small = False
        for resource in ("mem_mb", "runtime"):
            if resource not in rule.resources:
                found.append(f"{name} states no {resource}")
                continue
            first, second = (value_of(workflow, rule, resource, attempt) for attempt in (1, 2))
            if not first < second:
                found.append(f"{resource} of {name} does not grow with the attempt")
            small = resource == "runtime" and first <= SMALL
        local = name in workflow._localrules  # `is_local` says yes to all where there is no executor
        if name.startswith("fetch") and not local:
            found.append(f"{name} is not local, and nodes have no internet")
        if local and name in args.groups:
            found.append(f"{name} is local and in a group")
        if args.executor and small and not local and name not in args.groups:
            found.append(f"{name} is small, and neither local nor in a group")
    return found


def rules_with_threads(workflow):
    """Lists the rules that have a line with their threads; Snakemake itself takes 1 where there is none."""
    text = "\n".join(Path(str(file)).read_text(encoding="utf-8") for file in workflow.included)
    blocks = re.split(r"^rule (\w+):$", text, flags=re.MULTILINE)
    return {
        name
        for name, block in zip(blocks[1::2], blocks[2::2], strict=True)
        if re.search(r"^    threads:", block, re.MULTILINE)
    }


def value_of(workflow, rule, resource, attempt):
    """Evaluates a resource of a rule, for a job of the first dataset and the first network."""
    networks = [name for name, model in workflow.config["models"].items() if model["kind"] == "mlp"]
    wildcards = {"dataset": next(iter(workflow.config["datasets"])), "model": networks[0], "block": "1"}
    given = {"input": [], "attempt": attempt, "threads": 1, "rulename": rule.name, "async_run": None}
    return rule.resources[resource].evaluate(Wildcards(fromdict=wildcards), **given).value


def asked_for(workflow):
    """Gives the resources of the rule that trains networks, as a profile has them."""
    rule = workflow.get_rule("fit_mlp")
    named = [name for name in rule.resources if not name.startswith("_") and name != "tmpdir"]
    return {name: value_of(workflow, rule, name, 1) for name in named}


if __name__ == "__main__":
    snakefile, *profiles = map(Path, sys.argv[1:])
    report = {}
    for profile in profiles:
        problems, training = problems_of(profile, snakefile)
        report[str(profile)] = {"problems": problems, "fit_mlp": training}
    print(json.dumps(report))
