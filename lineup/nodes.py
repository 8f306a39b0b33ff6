"""What the nodes of a Slurm have, beside what the jobs of a run ask for."""

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from lineup.errors import tell


@dataclass(frozen=True)
class Request:
    """What a submission asks of one node."""

    name: str  # the rule with its wildcards, or the group
    cpus: int
    megabytes: int  # 0 where the cluster decides
    minutes: int  # likewise
    partition: str  # several with commas between them; empty for the default one


@dataclass(frozen=True)
class Nodes:
    """Nodes of a partition that are alike; a limit that there is not is infinite."""

    partition: str
    is_default: bool
    cpus: int
    megabytes: int
    minutes: float


def nodes() -> list[Nodes]:
    """Lists the kinds of nodes of the cluster, or none if it cannot be asked."""
    asked = ["sinfo", "--noheader", "--exact", "--format=%P %c %m %l"]
    try:
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    lines = [line.split() for line in answer.splitlines()]
    return [
        Nodes(name.rstrip("*"), name.endswith("*"), int(cpus), int(megabytes), minutes_of(limit))
        for name, cpus, megabytes, limit in (line for line in lines if len(line) == 4)
        if cpus.isdecimal() and megabytes.isdecimal()
    ]


def minutes_of(limit: str) -> float:
    """Reads a time as Slurm writes it: ``[days-][hours:]minutes:seconds``, or a word where there is no limit."""
    parts = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", limit)
    if parts is None:
        return float("inf")
    days, hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    return (days * 24 + hours) * 60 + minutes + seconds / 60


def warning(request: Request, cluster: list[Nodes]) -> str | None:
    """Says that no node has what a submission asks for, or gives None."""
    names = request.partition.split(",") if request.partition else []
    fit = [one for one in cluster if one.partition in names or (not names and one.is_default)]
    if not fit or any(
        one.cpus >= request.cpus and one.megabytes >= request.megabytes and one.minutes >= request.minutes
        for one in fit
    ):
        return None
    wanted = _amounts(request.cpus, request.megabytes, request.minutes)
    there = sorted({_amounts(one.cpus, one.megabytes, one.minutes) for one in fit})
    place = " and ".join(sorted({one.partition for one in fit}))
    return (
        f"{request.name} asks for {wanted}, and no node of the partition {place} has that "
        f"({'; or '.join(there)}): Slurm refuses it, or lets it wait for ever. Lower `cores`, take rules out of its "
        "group, set its `mem_mb` or `runtime`, or name another `slurm_partition`, all in the profile."
    )


def _amounts(cpus: int, megabytes: int, minutes: float) -> str:
    time = f" for {minutes:,.0f} minutes" if 0 < minutes < float("inf") else ""
    return f"{cpus} CPU{'' if cpus == 1 else 's'}" + (f" and {megabytes:,} MB" if megabytes else "") + time


def watch_requests() -> Callable[[Request], None]:
    """Gives the function that warns of each submission that no node can take, once for each name and amount."""
    cluster = nodes()
    told = set()

    def look(request: Request) -> None:
        text = warning(request, cluster)
        if text and text not in told:
            told.add(text)
            tell(f"Warning: {text}")

    return look
