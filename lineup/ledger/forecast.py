"""What jobs are going to take: by the records of before, or by a few splits that are tried first."""

import atexit
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import lineup.snakemake_port as port
from lineup.errors import tell
from lineup.hints import listed
from lineup.ledger.records import FOLDER, read_record
from lineup.snakemake_port import Job, Workflow

SHOWN = 12  # jobs that a dry run forecasts each by itself, the dearest


@dataclass(frozen=True)
class Cost:
    """What a job takes."""

    seconds: float  # of processor time
    mebibytes: float  # the most memory that one of its processes holds


@dataclass(frozen=True)
class Fits:
    """The jobs that fit a model on a dataset."""

    dataset: str
    model: str
    blocks: Mapping[str, int]  # how many splits each block has
    records: Mapping[str, str]  # the record of the job of each block; it need not be there
    tried: Mapping[int, str]  # the record of fits on so many splits, where no job of the model has one


def cost_by_record(path: str | Path) -> Cost | None:
    """Gives the cost of a job by its record; None if there is none that can be read."""
    record = read_record(path)
    return record and Cost(record["cost"]["cpu_seconds"], record["cost"]["peak_memory_mib"])


def tell_forecast(workflow: Workflow) -> None:
    """Has a dry run say at its end what the jobs that it lists take, by the records of before."""
    planned, here = [], Path.cwd()  # which is another when Snakemake is done
    port.watch(workflow, planned.extend, lambda jobs: None)
    atexit.register(lambda: list(map(tell, forecast_of_plan(planned, here))))


def forecast_of_plan(planned: Iterable[Job], folder: Path) -> Iterator[str]:
    """Says what jobs take: each as it did last, or as those of the other blocks of its model did on average.

    Args:
        planned: The jobs.
        folder: The folder that the run is in.
    """

    @cache
    def of_others(rule: str, name: str) -> Cost | None:
        known = [
            cost
            for path in sorted((folder / FOLDER / rule).glob(f"{name}.[1-9]*.json"))
            if (cost := cost_by_record(path))
        ]
        return (
            known
            and Cost(sum(cost.seconds for cost in known) / len(known), max(cost.mebibytes for cost in known))
        ) or None

    known, unknown = {}, []
    for job in planned:
        record = next((file for file in job.outputs if Path(file).is_relative_to(FOLDER)), None)
        if record is None:
            continue  # of a rule that keeps none
        name = Path(record).stem.rpartition(".")[0]
        cost = cost_by_record(folder / record) or (of_others(job.rule, name) if name else None)
        if cost:
            known[job.name] = cost
        else:
            unknown.append(job.rule)
    if known:
        yield (
            f"Forecast, by the records of before: {_together(known.values())} of processor time for "
            f"{_jobs(len(known))}, and at most {_most(known.values())} for one."
        )
        dearest = sorted(known, key=lambda name: -known[name].seconds)
        for name in dearest[:SHOWN]:
            yield f"{_duration(known[name].seconds):>10} {_most([known[name]]):>10}  {name}"
        if rest := [known[name] for name in dearest[SHOWN:]]:
            yield f"{_together(rest):>10} {_most(rest):>10}  {_jobs(len(rest))} more together, and the most memory of one"
        if unknown:
            yield (
                f"Of {_jobs(len(unknown))} there is no record, of {listed(dict.fromkeys(unknown))}: `snakemake forecast` tries a "
                "few splits of each model."
            )


def forecast(fits: Sequence[Fits], cores: int) -> Iterator[str]:
    """Says what the fits of each model take, in lines of a table, and all of them together.

    A job takes what its record says, or the mean of those of the other blocks. Where a model has none, the time is a line
    through that of a few splits and that of one, and the memory what they took.

    Args:
        fits: Those of each model.
        cores: How many processors there are for them.
    """
    rows, total = [("dataset", "model", "splits", "jobs", "processor time", "memory", "by")], 0.0
    for one in fits:
        seconds, memory, source = _cost_of_fits(one)
        total += seconds
        splits = f"{sum(one.blocks.values()):,}"
        rows.append(
            (
                one.dataset,
                one.model,
                splits,
                str(len(one.blocks)),
                _duration(seconds),
                f"{memory:,.0f} MiB",
                source,
            )
        )
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(width) if place in (0, 1, 6) else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
    yield f"All fits: {_duration(total)} of processor time, at best {_duration(total / cores)} with {cores} core{'' if cores == 1 else 's'}."


def _cost_of_fits(one: Fits) -> tuple[float, float, str]:
    found = {block: cost for block, path in one.records.items() if (cost := cost_by_record(path))}
    if found:
        each = sum(cost.seconds for cost in found.values()) / sum(one.blocks[block] for block in found)
        seconds = sum(
            found[block].seconds if block in found else each * size for block, size in one.blocks.items()
        )
        source = "its records" if len(found) == len(one.blocks) else f"the records of {len(found)} of them"
        return seconds, max(cost.mebibytes for cost in found.values()), source
    tried = {number: cost for number, path in one.tried.items() if (cost := cost_by_record(path))}
    few, many = min(tried), max(tried)
    slope = (
        max(0.0, (tried[many].seconds - tried[few].seconds) / (many - few))
        if many > few
        else tried[few].seconds
    )
    start = max(0.0, tried[few].seconds - few * slope)
    seconds = sum(start + slope * size for size in one.blocks.values())
    return (
        seconds,
        max(cost.mebibytes for cost in tried.values()),
        f"{listed(sorted(tried))} split{'' if many == 1 else 's'}, tried",
    )


def _duration(seconds: float) -> str:
    """Writes a time with the digits that a forecast has."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.{0 if seconds >= 10 * length else 1}f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{max(seconds, 0.1):.1f} s"


def _together(costs: Iterable[Cost]) -> str:
    return _duration(sum(cost.seconds for cost in costs))


def _most(costs: Iterable[Cost]) -> str:
    return f"{max(cost.mebibytes for cost in costs):,.0f} MiB"


def _jobs(number: int) -> str:
    return "1 job" if number == 1 else f"{number:,} jobs"
