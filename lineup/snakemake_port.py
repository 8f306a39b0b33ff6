"""The one door to Snakemake's insides: whatever is asked of them beyond its documentation is a function here.

The tests in tests/workflow/test_snakemake_port.py hold each to what is asked of it, and say what an upgrade has changed.
"""

import os
import shlex
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path

from snakemake import api  # noqa: F401  (snakemake.workflow imports it, and the other way round)
from snakemake.io import apply_wildcards
from snakemake.iocontainers import Wildcards
from snakemake.logging import logger
from snakemake.settings.types import Quietness, RerunTrigger, SharedFSUsage
from snakemake.workflow import Workflow
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface

from lineup.nodes import Request

# The releases that the tests were run with.
TRIED = ("9.27.0", "9.27.1")

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


def run_again(workflow: Workflow, files: Iterable[str]) -> None:
    """Has the jobs that make these files run, whatever Snakemake finds."""
    workflow.dag.forcefiles.update(files)


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


# Of a scheduler


def submits(workflow: Workflow) -> bool:
    """Tells whether this is a run whose jobs a scheduler starts."""
    return workflow.is_main_process and workflow.executor_plugin.common_settings.non_local_exec


def is_submitted(workflow: Workflow) -> bool:
    """Tells whether this process is one that a scheduler started to run jobs."""
    return workflow.remote_exec


def shares_files(workflow: Workflow) -> bool:
    """Tells whether the jobs of a scheduler see the folder of the run."""
    return SharedFSUsage.INPUT_OUTPUT in workflow.storage_settings.shared_fs_usage


def submitted_jobs() -> tuple[list[str], int]:
    """Gives the names of the jobs that this process is to run, and which try of them it is.

    Snakemake has not unpacked its own command line yet when it reads the rules.
    """
    given = sys.argv[sys.argv.index("--target-jobs") + 1 :]
    jobs = list(takewhile(lambda part: not part.startswith("--"), given))
    return jobs, int(sys.argv[sys.argv.index("--attempt") + 1])


def name_of_submissions(workflow: Workflow) -> str | None:
    """Gives the name that all jobs of this run have in Slurm, or None with another scheduler."""
    return getattr(workflow.scheduler._executor, "run_uuid", None)


def end_submissions_with_run(workflow: Workflow) -> None:
    """Has SIGTERM cancel the jobs, as Ctrl-C does, where Snakemake would wait for them; and failed jobs remove no file."""
    # A job that finds another one in its place fails, and what Snakemake beside it would remove is the other's. What is
    # left half-made needs no removing: it has no record.
    workflow.execution_settings.keep_incomplete = True
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


def ask_again_for_jobs(workflow: Workflow) -> None:
    """Has Snakemake ask again for jobs that a check said nothing of, instead of waiting forever for them.

    The plugin for Slurm says nothing of any job if all attempts of a check fail, as while the controller is away.
    """
    executor = workflow.scheduler._executor
    check, reported = executor.check_active_jobs, set()

    def noting(report: Callable) -> Callable:
        def note(job: SubmittedJobInfo, *arguments: object, **more: object) -> None:
            reported.add(id(job))
            report(job, *arguments, **more)

        return note

    async def check_active_jobs(jobs: list[SubmittedJobInfo]) -> AsyncIterator[SubmittedJobInfo]:
        active = set()
        reported.clear()  # of jobs that are gone, whose ids may come again
        async for job in check(jobs):
            active.add(id(job))
            yield job
        forgotten = [job for job in jobs if id(job) not in active | reported]
        if forgotten:
            logger.warning(f"The scheduler said nothing of {len(forgotten)} of the jobs: it is asked again.")
        for job in forgotten:
            yield job

    executor.report_job_success = noting(executor.report_job_success)
    executor.report_job_error = noting(executor.report_job_error)
    executor.check_active_jobs = check_active_jobs


def look_at_requests(workflow: Workflow, look: Callable[[Request], None]) -> None:
    """Has each submission looked at before it is handed to Slurm: only then the sizes of its inputs are known."""
    executor = workflow.scheduler._executor
    run_jobs = executor.run_jobs

    def looked_at(jobs: list[JobExecutorInterface]) -> None:
        for job in jobs:
            look(_request(job))
        run_jobs(jobs)

    executor.run_jobs = looked_at


def _request(job: JobExecutorInterface) -> Request:
    """Reads what a submission asks of one node, as the plugin for Slurm does."""
    resources = job.resources
    name = (
        f"The group {job.groupid}"
        if job.is_group()
        else f"{job.name} of {', '.join(job.wildcards_dict.values())}"
    )
    cpus = resources.get("cpus_per_task") or job.threads
    megabytes = resources.get("mem_mb") or (resources.get("mem_mb_per_cpu") or 0) * cpus
    partition = str(resources.get("slurm_partition") or "")
    return Request(name, cpus, int(megabytes), int(resources.get("runtime") or 0), partition)


def logs_of_jobs_to_run(workflow: Workflow) -> list[str]:
    """Lists the logs of the jobs that are going to run."""
    return [str(log) for job in workflow.dag.needrun_jobs() for log in job.log]


# Of the rules


def rules_with_scripts(workflow: Workflow) -> list[str]:
    """Lists the rules that run a script."""
    return [rule.name for rule in workflow.rules if rule.script]


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
    """Lists the files of a job by their names in the rule.

    Args:
        workflow: The workflow.
        rule: The rule of the job.
        part: ``input`` or ``output``.
        wildcards: The wildcards of the job.
    """

    def of(value: str | list | Callable) -> str | list[str]:
        if callable(value):
            value = value(wildcards)
        if isinstance(value, str):
            return apply_wildcards(value, wildcards)
        return [of(one) for one in value]

    return {name: of(value) for name, value in getattr(workflow.get_rule(rule), part).items()}
