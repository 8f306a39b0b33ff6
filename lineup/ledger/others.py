"""Rules that a person adds without a record: what their jobs made, of what, and by which code.

The records of the jobs of such rules stand in one file beside the manifest, which is written as each of them finishes.
"""

import json
from collections.abc import Iterator

import lineup.snakemake_port as port
from lineup.files import STATE, Digests, keep, kept
from lineup.ledger.recorded_job import RecordedJob
from lineup.ledger.records import FOLDER, RECORD
from lineup.ledger.rule_code import code_of_rule
from lineup.snakemake_port import Job, Workflow

RECORDS = FOLDER / "others.json"


def other_jobs(workflow: Workflow, digests: Digests) -> Iterator[RecordedJob]:
    """Yields the jobs of rules without a record as ``watch_jobs`` noted them, each with what is not as it was."""
    rules = port.rules_without(workflow, RECORD)
    for record in (kept(RECORDS) or {}).values():
        makers: dict[str, list[str]] = {}
        for file in record["outputs"]:
            found = port.makers_of(workflow, rules, file)
            for rule in found if record["rule"] not in found else [record["rule"]]:
                makers.setdefault(rule, []).append(file)
        for rule, files in makers.items():
            # What is made otherwise now: by several rules, or by one that makes more.
            is_whole = len(files) == len(record["outputs"]) == port.number_of_outputs(workflow, rule)
            causes = (
                list(_causes(workflow, rule, record, digests))
                if is_whole
                else ["its rule has other outputs now"]
            )
            inputs = record["inputs"]
            yield RecordedJob(
                record["name"], rule, files[0], inputs, frozenset(inputs), frozenset(files), causes
            )


def run_unknown_again(workflow: Workflow) -> None:
    """Has the jobs run of rules of which there is no record at all, in a project that has records: nobody can say what is stale."""
    rules = port.rules_without(workflow, RECORD)
    records = (kept(RECORDS) or {}).values()
    # By what they make: a rule may have another name now.
    known = {
        rule
        for record in records
        for file in record["outputs"]
        for rule in port.makers_of(workflow, rules, file)
    }
    if FOLDER.exists() and set(rules) - known:
        port.run_again(workflow, [], set(rules) - known)


def _causes(workflow: Workflow, rule: str, record: dict, digests: Digests) -> Iterator[str]:
    if record["code"] != code_of_rule(workflow, rule):
        yield "its code has changed"
    for file, digest in record["outputs"].items():
        now = digests.of(file)
        if now != digest:
            yield f"{file} {'is missing' if now is None else 'was changed after it was made'}"


def watch_jobs(workflow: Workflow) -> None:
    """Writes a record of each job of a rule without one as it finishes, with its inputs as they were when it began."""
    rules = set(port.rules_without(workflow, RECORD))
    digests, began = Digests(STATE / "digests.json"), {}

    def begin(jobs: list[Job]) -> None:
        for job in jobs:
            if job.rule in rules:
                began[json.dumps(job.outputs)] = {file: digests.of(file) for file in job.inputs}

    def finish(jobs: list[Job]) -> None:
        done = [job for job in jobs if job.rule in rules]
        if not done:
            return
        records = kept(RECORDS) or {}
        for job in done:
            records = dict(_without(records, set(job.outputs)))
            key = json.dumps(job.outputs)
            records[key] = {
                "rule": job.rule,
                "name": job.name,
                "code": code_of_rule(workflow, job.rule),
                "inputs": began.pop(key, {}),
                "outputs": {file: digests.of(file) for file in job.outputs},
            }
        keep(RECORDS, records)

    if rules:
        port.watch(workflow, begin, finish)


def _without(records: dict, files: set[str]) -> Iterator[tuple[str, dict]]:
    """Leaves files out of records, which are those of other jobs now; what stood beside them was made by a rule that is gone."""
    for key, record in records.items():
        if files.isdisjoint(record["outputs"]):
            yield key, record
        elif left := {file: digest for file, digest in record["outputs"].items() if file not in files}:
            yield json.dumps([*left]), record | {"outputs": left, "code": ""}
