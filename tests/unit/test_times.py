"""The order of the times of files, as Snakemake is told it."""

import os
import time

import pytest

from lineup.ledger import times as module
from lineup.ledger.recorded_job import RecordedJob


@pytest.fixture
def told(tmp_path, monkeypatch):
    """Gives the function that writes files with times, in seconds from now, and says what Snakemake is told of jobs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module.port, "executes", lambda workflow: False)
    now = time.time()

    def of(ages, *jobs):
        for name, age in ages.items():
            (tmp_path / name).touch()
            os.utime(name, (now + age, now + age))
        found = {}
        monkeypatch.setattr(module.port, "believe_times", lambda workflow, times: found.update(times))
        module.order_times(None, jobs)
        return {name: round(when - now) for name, when in found.items()}

    return of


def job(record, reads, *outputs, causes=()):
    return RecordedJob(
        record, record, record, {}, frozenset(reads), frozenset([*outputs, record]), list(causes)
    )


def test_what_a_sound_job_made_is_no_older_than_what_it_is_made_of(told):
    ages = {"a": -10, "b": -30, "c": -50, "one": -30, "two": -50}
    assert told(ages, job("two", "b", "c"), job("one", "a", "b")) == dict.fromkeys(
        ("a", "b", "c", "one", "two"), -10
    )


def test_what_a_stale_job_made_keeps_its_time(told):
    found = told({"a": -10, "b": -30, "one": -30}, job("one", "a", "b", causes=["a reason"]))
    assert found == {"a": -10, "b": -30, "one": -30}


def test_a_file_from_the_future_is_of_now(told):
    assert told({"a": 500, "b": -30, "one": -30}, job("one", "a", "b")) == {"a": 0, "b": 0, "one": 0}


def test_a_job_that_now_reads_what_it_wrote_is_no_failure(told):
    """As after two rules have traded their outputs; and the same of jobs whose records are of different times."""
    stale = job("one", "b", "b", causes=["output b was a"])
    assert told({"b": -30, "one": -30}, stale) == {"b": -30, "one": -30}
    assert told({"a": -10, "b": -20}, job("one", "b", "a"), job("two", "a", "b"))["a"] == -10
