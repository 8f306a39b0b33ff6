"""Early cutoff: a job whose inputs were made again, and came out as they were, need not run.

The plan cannot know how they come out, so it has the most that can run. See Mokhov, Mitchell and Peyton Jones (2018),
Build systems à la carte, section 2.3.
"""

from collections.abc import Iterable

import lineup.snakemake_port as port
from lineup.files import Digests
from lineup.ledger.recorded_job import RecordedJob
from lineup.snakemake_port import Workflow, logger

_spared: list[str] = []


def spare_jobs(workflow: Workflow, jobs: Iterable[RecordedJob], digests: Digests) -> None:
    """Has a run spare each job that is as its record says once its inputs are there.

    Args:
        workflow: The workflow.
        jobs: The jobs of the manifest.
        digests: Gives the digests of files.
    """
    sound = {frozenset(job.outputs): job for job in jobs if not job.causes}

    def is_as_it_was(job: RecordedJob | None) -> bool:
        is_known = job is not None and job.reads == job.inputs.keys()
        return is_known and all(digests.of(file) == digest for file, digest in job.inputs.items())

    def are_spared(outputs: list[list[str]]) -> bool:
        found = [sound.get(frozenset(files)) for files in outputs]
        if not all(map(is_as_it_was, found)):
            return False
        _spared.extend(job.name for job in found)
        return True

    if sound:
        port.before_each_job(workflow, are_spared)


def tell_of_spared_jobs() -> None:
    """Says at the end of a run why fewer jobs ran than were planned."""
    if _spared:
        what = "1 job was" if len(_spared) == 1 else f"{len(_spared)} jobs were"
        logger.info(f"{what} spared, since all that they are made of came out as it was.")
