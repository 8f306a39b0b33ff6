"""Rules that a person adds without a record: what their jobs made, of what, and by which code.

The records of the jobs of such a rule stand in one file beside the manifest. A job without
one is Snakemake's to judge.
"""

import json
from contextlib import suppress
from types import CodeType, FunctionType, ModuleType

import lineup.snakemake_port as port
from lineup.files import STATE, Digests, file_digest, keep, kept
from lineup.ledger.code import code_of
from lineup.ledger.modules import ROOT, file_of
from lineup.ledger.outline import sha256
from lineup.ledger.records import FOLDER, RECORD
from lineup.snakemake_port import Workflow

RECORDS = FOLDER / "others.json"


def other_records(workflow: Workflow) -> list[dict]:
    """Gives the records of the jobs of rules without one, as ``note_jobs`` writes them."""
    records = kept(RECORDS) or {}
    rules = port.rules_without(workflow, RECORD) if records else []
    return [record for record in records.values() if record["rule"] in rules]


def other_changes(workflow: Workflow, record: dict, digests: Digests) -> list[str]:
    """Says in words what of a job is not as its record says: its code, or its outputs."""
    causes = [] if record["code"] == code_of_rule(workflow, record["rule"]) else ["its code has changed"]
    for file, digest in record["outputs"].items():
        now = digests.of(file)
        if now != digest:
            causes.append(f"{file} {'is missing' if now is None else 'was changed after it was made'}")
    return causes


def note_jobs(workflow: Workflow) -> None:
    """Writes records of the jobs of rules without one that this run has finished."""
    rules = port.rules_without(workflow, RECORD)
    done = [job for job in port.finished_jobs(workflow) if job.rule in rules]
    if not done:
        return
    digests = Digests(STATE / "digests.json")
    records = kept(RECORDS) or {}
    for job in done:
        records[json.dumps(job.outputs)] = {
            "rule": job.rule,
            "name": job.name,
            "code": code_of_rule(workflow, job.rule),
            "inputs": {file: digests.of(file) for file in job.inputs},
            "outputs": {file: digests.of(file) for file in job.outputs},
        }
    keep(RECORDS, records)


def code_of_rule(workflow: Workflow, rule: str) -> str:
    """Gives the digest of what a rule runs: its text, its script, or its function with those that this calls."""
    text, script, function = port.action_of(workflow, rule)
    parts: list[object] = [text]
    if script:
        parts.append(code_of(script) if script.endswith(".py") else file_digest(ROOT / script))
    if function:
        parts += _parts_of(function, set())
    return sha256(json.dumps(parts))


def _parts_of(function: FunctionType, seen: set[str]) -> list[object]:
    """Lists what decides what a function of a Snakefile does: its code, and what its names stand for there."""
    parts: list[object] = []
    for code in _codes_of(function.__code__):
        constants = [_as_text(one) for one in code.co_consts if not isinstance(one, CodeType)]
        parts.append([code.co_code.hex(), constants, list(code.co_names)])
        for name in [name for name in code.co_names if name not in seen]:
            seen.add(name)
            value = function.__globals__.get(name)
            module = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
            file = file_of(module) if isinstance(module, str) else None
            if file:
                parts.append(code_of(file))
            elif isinstance(value, FunctionType):
                parts += _parts_of(value, seen)
            elif name != "config":
                with suppress(TypeError, ValueError):  # of what is no plain value
                    parts.append([name, json.dumps(value, sort_keys=True)])
    return parts


def _as_text(constant: object) -> str:
    """Writes a constant of a function. The order of a set is another one in each process."""
    return f"set of {sorted(map(repr, constant))}" if isinstance(constant, frozenset) else repr(constant)


def _codes_of(code: CodeType) -> list[CodeType]:
    return [code, *(inner for one in code.co_consts if isinstance(one, CodeType) for inner in _codes_of(one))]
