"""The part of the door to Snakemake's insides behind which a scheduler starts the jobs, see snakemake_port.py."""

import signal
import sys
from collections.abc import AsyncIterator, Callable
from itertools import takewhile

from snakemake import api  # noqa: F401  (snakemake.workflow imports it, and the other way round)
from snakemake.logging import logger
from snakemake.settings.types import SharedFSUsage
from snakemake.workflow import Workflow
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface

from lineup.nodes import Request


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
