"""A job as its record has it, and why it has to run again."""

from collections.abc import Iterable
from dataclasses import dataclass

NAMED = 6  # jobs of a rule that are named one by one in a message


@dataclass(frozen=True)
class RecordedJob:
    """A job of the manifest that the workflow still has."""

    name: str  # its rule and wildcards, as in ``fit_lasso trial.lasso``
    rule: str  # its rule
    record: str  # the path of its record, or of another output
    inputs: dict[str, str]  # digests of the files that it read
    reads: frozenset[str]  # the files that it reads now
    outputs: frozenset[str]  # the files that it wrote, with the record
    causes: list[str]  # why it has to run again, in words; empty if it need not


def reasons(jobs: Iterable[RecordedJob]) -> list[str]:
    """Says of some jobs why they run again: a line for all jobs with the same causes.

    Args:
        jobs: The jobs.

    Returns:
        The lines.
    """
    groups: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for job in jobs:
        groups.setdefault(tuple(job.causes), {}).setdefault(job.rule, []).append(job.name)
    return [
        ", ".join(
            ", ".join(names) if len(names) <= NAMED else f"{rule} ({len(names)} jobs)"
            for rule, names in rules.items()
        )
        + f": {'; '.join(causes)}"
        for causes, rules in groups.items()
    ]
