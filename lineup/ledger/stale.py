"""Compares the manifest with what the config, the code and the files are now, before Snakemake plans a run.

Snakemake decides by the times of files and by notes of its own. Here the records decide: a job whose
specification, input files or output files are not those of its record is marked to run again, and the
reasons are told in words.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import lineup.snakemake_port as port
from lineup.errors import InputError
from lineup.files import STATE, Digests
from lineup.ledger.cache import cache_folder, damaged_entries, drop_entry
from lineup.ledger.code import code_of, drop_stale_bytecode
from lineup.ledger.cutoff import spare_jobs
from lineup.ledger.forecast import tell_forecast
from lineup.ledger.lock import begin_run, follow_no_run, is_running
from lineup.ledger.modules import ROOT, check_package
from lineup.ledger.opened import NAMES, look_at
from lineup.ledger.others import other_jobs, run_unknown_again, watch_jobs
from lineup.ledger.recorded_job import RecordedJob, reasons
from lineup.ledger.records import FOLDER, RECORD, changes, damage, read_record
from lineup.ledger.remembered import forget_the_oldest
from lineup.ledger.specification import listed
from lineup.ledger.times import order_times
from lineup.snakemake_port import Workflow, logger

HEAD = "To be made again, with what stands on it if it comes out otherwise:"


def mark_stale(workflow: Workflow, is_in_config: Callable[[str, dict[str, str]], bool]) -> list[str]:
    """Has Snakemake run each job again that is not as the manifest says, and says why.

    It is the input function of the rules that stand on no other, so it is called in every DAG as this
    is built. A run that executes jobs first makes sure that it is the only one.

    Args:
        workflow: The workflow.
        is_in_config: Tells of a rule and its wildcards whether the config has this job.

    Returns:
        No input file.

    Raises:
        SystemExit: With status 1 if another run is going on, if the cache to use is not
            there, or if a script cannot be read.
    """
    if not workflow.is_main_process or workflow in _planned:
        return []
    _planned.append(workflow)
    _take_folder(workflow)
    digests = Digests(STATE / "digests.json")
    _check_cache(workflow, digests)
    with _refusing():
        check_package()
        for script in port.scripts(workflow):
            code_of(script)
        drop_stale_bytecode()
    forget_the_oldest()
    jobs = recorded_jobs(workflow, is_in_config, digests)
    digests.save()
    order_times(workflow, jobs)
    stale = [job for job in jobs if job.causes]
    port.run_again(workflow, [job.record for job in stale])
    run_unknown_again(workflow)
    wanted = _wanted(workflow, jobs)
    lines = reasons(job for job in stale if job.outputs & wanted)
    if lines:
        logger.info("\n  ".join([HEAD, *lines]))
    if port.executes(workflow):
        spare_jobs(workflow, jobs, digests)
        watch_jobs(workflow)
    if workflow.dryrun:
        tell_forecast(workflow)
    if port.runs_touched_scripts(workflow):
        logger.info(
            "Without the settings of profiles/default, more is made again than has to be: touched scripts and "
            "touched results count as changed."
        )
    return []


_planned: list[Workflow] = []


def recorded_jobs(
    workflow: Workflow, is_in_config: Callable[[str, dict[str, str]], bool], digests: Digests
) -> list[RecordedJob]:
    """Reads the manifest and compares it with the present.

    Args:
        workflow: The workflow.
        is_in_config: Tells of a rule and its wildcards whether the config has this job.
        digests: Gives the digests of files.

    Returns:
        The jobs of the manifest that the workflow could run with this config, by record.
    """
    jobs = []
    for path in sorted(FOLDER.glob("*/*.json")):
        rule = path.parent.name
        wildcards = port.wildcards_of(workflow, rule, RECORD, str(path))
        if wildcards is None or not is_in_config(rule, wildcards):
            continue
        record = read_record(path)
        name = " ".join([rule, ".".join(wildcards.values())]).strip()
        current = port.param_of(workflow, rule, "spec", wildcards)
        reads = frozenset(listed(current["inputs"]))
        if record is None:
            jobs.append(
                RecordedJob(
                    name,
                    rule,
                    str(path),
                    {},
                    reads,
                    frozenset([str(path)]),
                    ["its record cannot be read"],
                )
            )
            continue
        damaged = damage(record, digests)
        causes = [
            *changes(record["specification"], current),
            *(f"{file} {what}" for file, what in damaged.items()),
            *(f"{file}, which it opened, has changed" for file in _opened_and_changed(record, digests)),
        ]
        outputs = frozenset([*record["outputs"], str(path)])
        jobs.append(RecordedJob(name, rule, str(path), record["inputs"], reads, outputs, causes))
    jobs += other_jobs(workflow, digests)
    made_again = {file for job in jobs if job.causes for file in job.outputs}
    for job in jobs:
        for file, digest in job.inputs.items():
            # What is made again comes out as it was, or else what stands on it runs anyway.
            if file not in made_again and digests.of(file) not in (digest, None):
                job.causes.append(f"{file} is not the file that it was made of")
    return jobs


def _opened_and_changed(record: dict, digests: Digests) -> list[str]:
    def now(file: str, digest: str | None) -> str | None:
        is_list = digest is not None and digest.startswith(NAMES)
        return look_at(ROOT / file) if is_list else digests.of(str(ROOT / file))

    return [file for file, digest in record.get("opened", {}).items() if now(file, digest) != digest]


def _take_folder(workflow: Workflow) -> None:
    """Makes sure that this is the only run, and clears Snakemake's locks if a run that was killed left some."""
    if port.executes(workflow) and port.locks(workflow):
        with _refusing():
            begin_run("results")
        alone = True
    else:
        if port.executes(workflow):
            follow_no_run()
        alone = not is_running()
    if alone:
        port.clear_locks(workflow)


@contextmanager
def _refusing() -> Iterator[None]:
    """Ends Snakemake with one sentence after an InputError."""
    try:
        yield
    except InputError as error:
        logger.error(str(error))
        raise SystemExit(1) from error


def _check_cache(workflow: Workflow, digests: Digests) -> None:
    """Removes damaged entries from the between-workflow cache, if the run takes results from it."""
    if not port.takes_from_cache(workflow):
        return
    with _refusing():
        folder = cache_folder()
    for key in damaged_entries(folder, digests):
        if port.executes(workflow):
            drop_entry(folder, key)
        logger.info(f"The entry {key} of the cache is damaged: it is not used, and its job runs.")


def _wanted(workflow: Workflow, jobs: list[RecordedJob]) -> set[str]:
    """Lists the files that the targets of a run stand on, as far as the manifest knows them."""
    wanted, maker = set(), {file: job for job in jobs for file in job.outputs}
    waiting = port.targets(workflow)
    while waiting:
        file = waiting.pop()
        if file not in wanted:
            wanted.add(file)
            waiting += maker[file].reads if file in maker else []
    return wanted
