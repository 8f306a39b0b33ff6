"""Has Snakemake take no job for stale by the times of its files when its record says that nothing has changed."""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import lineup.snakemake_port as port
from lineup.ledger.recorded_job import RecordedJob
from lineup.snakemake_port import Workflow


def order_times(workflow: Workflow, jobs: Iterable[RecordedJob]) -> None:
    """Tells Snakemake of the files of jobs times in the order in which they were made, for this plan alone.

    The outputs of a sound job count as no older than its inputs. A file from the future counts as made now, and in
    a run it is so: Snakemake lets a job fail whose input is newer than what it has just written.

    Args:
        workflow: The workflow.
        jobs: The jobs of the manifest.
    """
    sound = {job.record: job for job in jobs if not job.causes}
    # Of a job that is not sound, what it wrote then and what it reads now need not go together.
    makers = {file: job.record for job in sound.values() for file in job.outputs}
    files = {file for job in jobs for file in [*job.reads, *job.outputs]}
    times = _present(files, port.executes(workflow))
    graph = {record: {makers[file] for file in job.reads if file in makers} for record, job in sound.items()}
    with suppress(
        CycleError
    ):  # of rules of one's own whose inputs were changed: these are Snakemake's to judge
        for job in map(sound.get, TopologicalSorter(graph).static_order()):
            newest = max((times[file] for file in job.reads if file in times), default=0.0)
            times |= {file: max(times[file], newest) for file in job.outputs if file in times}
    port.believe_times(workflow, times)


def _present(files: Iterable[str], executes: bool) -> dict[str, float]:
    """Gives the time of each file that is there, at most now; if asked, gives files from the future that time."""
    now, times = time.time(), {}
    for file in files:
        with suppress(OSError):
            times[file] = Path(file).lstat().st_mtime
        if times.get(file, 0.0) > now:
            times[file] = now
            if executes:
                with suppress(OSError):
                    os.utime(file, (now, now), follow_symlinks=False)
    return times
