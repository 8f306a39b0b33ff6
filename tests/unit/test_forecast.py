"""Forecasts of what jobs take, by records that are made up."""

import json
from pathlib import Path

import pytest
from support.records import RECORD_OF_NOTHING

from lineup.ledger.forecast import Fits, forecast, forecast_of_plan
from lineup.snakemake_port import Job


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def record(name, seconds, memory=100.0, rule="fit_lasso"):
    """Writes the record of a job, and gives its path."""
    path = Path("results/manifest") / rule / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    cost = {"wall_seconds": 1.0, "cpu_seconds": seconds, "peak_memory_mib": memory}
    path.write_text(json.dumps(RECORD_OF_NOTHING | {"cost": cost}), encoding="utf-8")
    return str(path)


def planned(name, rule="fit_lasso"):
    return Job(f"{rule} {name}", rule, [], [f"results/{name}", f"results/manifest/{rule}/{name}.json"])


def test_a_dry_run_adds_what_jobs_took_and_says_of_which_it_does_not_know():
    record("t.m.1", 4.0, 300.0)
    record("t.m.2", 8.0, 200.0)
    record("t.one", 2.0, 500.0, "compare")
    record("t.other.1", 1000.0, 9000.0)
    # A few splits, or one fit to all rows, are no block like the others.
    for block in ("tried_1", "tried_10", "all_rows", "training_sizes"):
        record(f"t.m.{block}", 2000.0, 9000.0)
    jobs = [planned("t.m.1"), planned("t.m.3"), planned("t.one", "compare"), Job("all", "all", [], [])]
    # The third block, of which there is no record, as the two others on average.
    expected = (
        "Forecast, by the records of before: 12 s of processor time for 3 jobs, and at most 500 MiB for one."
    )
    each = [
        "6.0 s    300 MiB  fit_lasso t.m.3",
        "4.0 s    300 MiB  fit_lasso t.m.1",
        "2.0 s    500 MiB  compare t.one",
    ]
    each = [f"     {line}" for line in each]
    assert list(forecast_of_plan(jobs, Path())) == [expected, *each]
    first, *lines, second = forecast_of_plan([*jobs, planned("t.new.1"), planned("u", "compare")], Path())
    assert [first, *lines] == [expected, *each]
    assert second.startswith(
        "Of 2 jobs there is no record, of fit_lasso and compare: `snakemake forecast` tries"
    )
    # Nothing is known, and nothing is said.
    assert list(forecast_of_plan([planned("t.new.1")], Path())) == list(forecast_of_plan([], Path())) == []


def test_the_dearest_jobs_are_named_and_the_others_added():
    for number in range(1, 31):
        record(f"t.m.{number}", float(number), 100.0 + number)
    _, *each, rest = forecast_of_plan([planned(f"t.m.{number}") for number in range(1, 31)], Path())
    assert [line.split()[-1] for line in each] == [f"t.m.{number}" for number in range(30, 18, -1)]
    assert rest.split()[:4] == ["2.9", "min", "118", "MiB"] and "18 jobs more" in rest


def fits(model, blocks, tried=None):
    records = {block: f"results/manifest/fit_lasso/t.{model}.{block}.json" for block in blocks}
    return Fits("t", model, blocks, records, tried or {})


@pytest.mark.parametrize(
    ("costs", "blocks", "seconds", "source"),
    [
        ({"1": 3.0, "2": 1.5}, {"1": 100, "2": 50}, "4.5 s", "its records"),
        # The blocks without a record take what a split of the others does.
        ({"1": 3.0}, {"1": 100, "2": 50, "3": 100}, "7.5 s", "the records of 1 of them"),
        # A line through what was tried: a start of 2 s, and half a second a split; once for each job.
        ({"tried_1": 2.5, "tried_10": 7.0}, {"1": 100, "2": 50}, "79 s", "1 and 10 splits, tried"),
        # Nothing takes less for more splits.
        ({"tried_1": 2.5, "tried_10": 2.4}, {"1": 1000}, "2.5 s", "1 and 10 splits, tried"),
        ({"tried_1": 300.0}, {"1": 3}, "15 min", "1 split, tried"),
        ({"tried_1": 3000.0}, {"1": 3}, "2.5 h", "1 split, tried"),
    ],
)
def test_fits_are_forecast_from_records_or_from_what_was_tried(costs, blocks, seconds, source):
    paths = {block: record(f"t.m.{block}", cost, 50.0) for block, cost in costs.items()}
    tried = {int(block.removeprefix("tried_")): path for block, path in paths.items() if "tried" in block}
    header, line, last = forecast([fits("m", blocks, tried)], cores=1)
    assert header.split() == ["dataset", "model", "splits", "jobs", "processor", "time", "memory", "by"]
    cells = [f"{sum(blocks.values()):,}", str(len(blocks)), *seconds.split(), "50", "MiB", *source.split()]
    assert line.split() == ["t", "m", *cells]
    assert last == f"All fits: {seconds} of processor time, at best {seconds} with 1 core."


def test_all_models_are_added_and_shared_out():
    record("t.a.1", 30.0)
    record("t.b.1", 90.0)
    *_, last = forecast([fits("a", {"1": 5}), fits("b", {"1": 5})], cores=4)
    assert last == "All fits: 2.0 min of processor time, at best 30 s with 4 cores."
