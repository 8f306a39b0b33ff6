"""The one door to Snakemake's insides: whatever is asked of them beyond its documentation is a function here.

The tests in tests/workflow/test_snakemake_port.py hold each to what is asked of it, and say what an upgrade has changed.
"""

import os
import shlex
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import FunctionType

from snakemake import api  # noqa: F401  (snakemake.workflow imports it, and the other way round)
from snakemake.io import Mtime, apply_wildcards
from snakemake.iocontainers import Wildcards
from snakemake.logging import logger
from snakemake.settings.types import Quietness, RerunTrigger
from snakemake.workflow import Workflow

# The releases that the tests were run with.
TRIED = ("9.27.0", "9.27.1")

# The reasons for a job that say no more than that its inputs are newer.
OF_INPUTS = {"input files updated by another job", "updated input files"}

# Where Snakemake looks for the between-workflow cache.
CACHE = "SNAKEMAKE_OUTPUT_CACHE"


def warn_of_untried_release(release: str | None = None) -> None:
    """Says so if this release of Snakemake was not tried."""
    release = release or version("snakemake")
    if release not in TRIED:
        logger.warning(
            f"Snakemake {release} was not tried with this workflow, which was with {' and '.join(TRIED)}: take one of "
            "these if anything looks wrong."
        )


# At the start


def quote_python() -> None:
    """Has jobs start with Python in a folder with a space: Snakemake writes its path into a shell command as it is."""
    if shlex.quote(sys.executable) != sys.executable and not sys.executable.startswith("'"):
        sys.executable = shlex.quote(sys.executable)


def hide_pandas() -> None:
    """Hides pandas in a process of its own: its import, to see if a param is a data frame, takes a quarter of a second."""
    if "snakemake.cli" in sys.modules:
        sys.modules.setdefault("pandas", None)


# Of the run


def executes(workflow: Workflow) -> bool:
    """Tells whether jobs will run: not on a dry run, nor when only the plan is drawn or listed."""
    return workflow.executor_plugin is not None and not workflow.dryrun


def locks(workflow: Workflow) -> bool:
    """Tells whether the run is to lock its folder."""
    return workflow.execution_settings.lock


def clear_locks(workflow: Workflow) -> None:
    """Removes the locks that a killed run left."""
    workflow.persistence.cleanup_locks()
    # Snakemake removes the folder with the locks, and makes it only when it starts.
    (workflow.persistence.path / "locks").mkdir(exist_ok=True)


def runs_touched_scripts(workflow: Workflow) -> bool:
    """Tells whether Snakemake by itself runs jobs again whose script has another time."""
    return RerunTrigger.CODE in workflow.rerun_triggers


def takes_from_cache(workflow: Workflow) -> bool:
    """Tells whether the run takes results from the between-workflow cache, in a folder of this machine."""
    return (
        workflow.workflow_settings.cache is not None
        and not workflow.storage_settings.default_storage_provider
    )


def cached_file(folder: Path, key: str, output: str, file: str) -> Path:
    """Gives the path in the between-workflow cache of a file, which is the named output of the job with a key."""
    return folder / f"{key}_{output}{Path(file).suffix}"


def run_again(workflow: Workflow, files: Iterable[str], rules: Iterable[str] = ()) -> None:
    """Has the jobs that make these files, and those of these rules, run, whatever Snakemake finds."""
    workflow.dag.forcefiles.update(files)
    workflow.dag.forcerules.update(map(workflow.get_rule, rules))


def believe_times(workflow: Workflow, times: dict[str, float]) -> None:
    """Has Snakemake take these for the times of files, in seconds, until jobs begin to run."""
    workflow.iocache.mtime.update({file: Mtime(local=time) for file, time in times.items()})


def before_each_job(workflow: Workflow, can_be_spared: Callable[[list[list[str]]], bool]) -> None:
    """Has each job that would begin only because its inputs are newer looked at first, by its outputs.

    One that can be spared counts as finished, and those that wait for it alone are looked at next. A group is spared whole.
    """
    dag = workflow.dag
    finish = dag.finish

    def parts(job: object) -> list:
        return list(job) if job.is_group() else [job]

    def is_spared(job: object) -> bool:
        is_for_inputs = all(OF_INPUTS.issuperset(dag.reason(part).get_names()) for part in parts(job))
        return is_for_inputs and can_be_spared([[str(file) for file in part.output] for part in parts(job)])

    async def finish_and_spare(job: object, *arguments: object, **more: object) -> None:
        following = {one for part in parts(job) for one in dag.depending[part]}
        await finish(job, *arguments, **more)
        for one in [one for one in dag.ready_jobs if not following.isdisjoint(parts(one))]:
            if is_spared(one):
                dag.register_running({one})
                await dag.finish(one)

    dag.finish = finish_and_spare


def targets(workflow: Workflow) -> list[str]:
    """Lists the files that were asked for, and those that the rules that were asked for have or need."""
    names = workflow.dag_settings.targets or [workflow.default_target]
    found = []
    for name in names:
        if workflow.is_rule(name):
            rule = workflow.get_rule(name)
            found += [str(file) for file in [*rule.input, *rule.output] if not callable(file)]
        else:
            found.append(os.path.relpath(name))
    return found


def is_silent(workflow: Workflow) -> bool:
    """Tells whether the run was asked to say nothing at all, not even of errors."""
    return Quietness.ALL in (workflow.output_settings.quiet or ())


def end_timers() -> None:
    """Ends the timers that Snakemake leaves behind: it has one to look for more jobs, and waits a second for it at its end."""
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()


# Of the rules


def scripts(workflow: Workflow) -> list[str]:
    """Lists the scripts of all rules that are in Python, relative to the root of the project."""
    found = [script_of(workflow, rule.name) for rule in workflow.rules if rule.script]
    return [script for script in found if script and script.endswith(".py")]


def script_of(workflow: Workflow, rule: str) -> str | None:
    """Gives the path of the script of a rule, relative to the root of the project, or None if it has none on this machine."""
    known = workflow.get_rule(rule)
    named = known.script or known.notebook
    if not named or known.basedir is None:
        return None
    path = Path(known.basedir.get_path_or_uri(secret_free=True), named)
    return os.path.relpath(path, workflow.basedir) if path.is_file() else None


def rules_without(workflow: Workflow, output: str) -> list[str]:
    """Lists the rules that make files, and none by this name."""
    return [rule.name for rule in workflow.rules if rule.output and output not in dict(rule.output.items())]


def makers_of(workflow: Workflow, rules: Iterable[str], file: str) -> list[str]:
    """Lists which of some rules may make a file."""
    return [rule for rule in rules if any(one.match(file) for one in workflow.get_rule(rule).output)]


def number_of_outputs(workflow: Workflow, rule: str) -> int:
    """Counts the files that a job of a rule makes."""
    return len(workflow.get_rule(rule).output)


def declared(workflow: Workflow, rule: str) -> list[object]:
    """Gives the inputs and the params of a rule as they stand in the Snakefile: texts, values and functions."""
    known = workflow.get_rule(rule)
    named = [[name for name, _ in part.items()] for part in (known.input, known.params)]
    return [*named, [str(one) if isinstance(one, str) else one for one in known.input], list(known.params)]


def names_of(workflow: Workflow) -> dict[str, object]:
    """Gives the names of the Snakefile, with what they stand for."""
    return workflow.globals


def action_of(workflow: Workflow, rule: str) -> tuple[str, str | None, FunctionType | None]:
    """Gives what a rule runs: a text, a script, or a function."""
    known = workflow.get_rule(rule)
    named = (known.shellcmd, known.script, known.notebook, known.wrapper, known.template_engine, known.cwl)
    function = known.run_func if known.is_run else None
    return " ".join(str(one) for one in named if one), script_of(workflow, rule), function


@dataclass(frozen=True)
class Job:
    """A job of this run."""

    name: str  # its rule and wildcards
    rule: str
    inputs: list[str]
    outputs: list[str]


def watch(
    workflow: Workflow, begin: Callable[[list[Job]], None], finish: Callable[[list[Job]], None]
) -> None:
    """Has functions called with the jobs that are about to begin, and with those that have finished."""
    dag = workflow.dag
    register, end = dag.register_running, dag.finish

    def register_and_begin(jobs: set) -> None:
        register(jobs)
        begin([known for job in jobs for known in _known(job)])

    async def end_and_finish(job: object, *arguments: object, **more: object) -> None:
        await end(job, *arguments, **more)
        finish(_known(job))

    dag.register_running, dag.finish = register_and_begin, end_and_finish


def _known(job: object) -> list[Job]:
    """Gives what is to be known of a job, or of those of a group."""
    return [
        Job(
            " ".join([one.rule.name, ".".join(one.wildcards_dict.values())]).strip(),
            one.rule.name,
            [str(file) for file in one.input],
            [str(file) for file in one.output],
        )
        for one in (job if job.is_group() else [job])
    ]


def wildcards_of(workflow: Workflow, rule: str, output: str, file: str) -> dict[str, str] | None:
    """Gives the wildcards of the job that makes a file, or None if the rule is gone, or has no such named output."""
    pattern = workflow.get_rule(rule).output.get(output) if workflow.is_rule(rule) else None
    match = pattern.match(file) if pattern else None
    return match.groupdict() if match else None


def param_of(workflow: Workflow, rule: str, name: str, wildcards: dict[str, str]) -> object:
    """Gives a param of a job, which the rule has as a function of the wildcards."""
    return getattr(workflow.get_rule(rule).params, name)(Wildcards(fromdict=wildcards))


def resource_of(workflow: Workflow, rule: str, name: str, wildcards: Wildcards) -> object:
    """Gives a resource of a job as the profile and the command line have it, or None if they have none."""
    resources = workflow.get_rule(rule).resources
    if name not in resources:
        return None
    # What a profile says in text is evaluated with all of these, what a rule says with those that it names.
    given = {"input": [], "attempt": 1, "threads": 1, "rulename": rule, "async_run": workflow.async_run}
    return resources[name].evaluate(wildcards, **given).value


def filled(pattern: str, wildcards: dict[str, str]) -> str:
    """Puts wildcards into a pattern. That of a file in a bucket is no mere text."""
    in_bucket = getattr(pattern, "is_storage", False)
    return pattern.apply_wildcards(wildcards) if in_bucket else apply_wildcards(pattern, wildcards)


def named_files(workflow: Workflow, rule: str, part: str, wildcards: Wildcards) -> dict[str, str | list[str]]:
    """Lists the files of a job, ``input`` or ``output``, by their names in the rule; those without one under the empty name."""

    def of(value: str | list | Callable) -> str | list[str]:
        if callable(value):
            value = value(wildcards)
        return apply_wildcards(value, wildcards) if isinstance(value, str) else [of(one) for one in value]

    files = getattr(workflow.get_rule(rule), part)
    named = dict(files.items())
    known = {id(one) for value in named.values() for one in (value if isinstance(value, list) else [value])}
    loose = [of(one) for one in files if id(one) not in known]
    flat = [file for one in loose for file in ([one] if isinstance(one, str) else one)]
    return {name: of(value) for name, value in named.items()} | ({"": flat} if flat else {})
