"""What a person is told of long work: nothing while it is quick, and then a line now and then."""

import logging
import time
from types import SimpleNamespace

import pytest

from lineup import progress as module
from lineup.ledger.recorder import log_to
from lineup.parallel import map_in_processes
from lineup.progress import Progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture
def job_logger(tmp_path, quiet_logging):
    with log_to(tmp_path / "log") as logger:
        yield logger.getChild("fit_mlp hitters dropout 0")


def logged(tmp_path):
    return (tmp_path / "log").read_text(encoding="utf-8").splitlines()


def test_quick_work_says_nothing(tmp_path, job_logger, capfd, clock):
    progress = Progress(job_logger, "networks trained", 100)
    for _ in range(100):
        clock.now += 0.099
        progress.advance(1)
    assert capfd.readouterr() == ("", "")
    assert logged(tmp_path) == []


def test_a_line_now_and_then_says_how_far_it_is_and_what_is_left(tmp_path, job_logger, capfd, clock):
    """One in every ten seconds: 4,000 networks in 100 seconds, 40 of them in each."""
    progress = Progress(job_logger, "networks trained", 4000)
    for _ in range(100):
        clock.now += 1
        progress.advance(40)
    out, err = capfd.readouterr()
    assert out == ""
    lines = err.splitlines()
    # After 10, 20, ..., 90 seconds; at the end there is nothing left to say.
    assert lines[:2] == [
        "fit_mlp hitters dropout 0: 400 of 4,000 networks trained, about 0:01:30 left.",
        "fit_mlp hitters dropout 0: 800 of 4,000 networks trained, about 0:01:20 left.",
    ]
    assert len(lines) == 9
    written = logged(tmp_path)
    assert len(written) == 9
    for line, shown in zip(written, lines, strict=True):
        assert " INFO " in line
        assert line.endswith(shown.removeprefix("fit_mlp hitters dropout 0: "))


def test_the_time_between_two_lines_can_be_set(job_logger, capfd, clock, monkeypatch):
    monkeypatch.setattr(module, "EVERY", 3.0)
    progress = Progress(job_logger, "splits searched", 10)
    told = []
    for second in range(1, 10):
        clock.now += 1
        progress.advance(1)
        if capfd.readouterr().err:
            told.append(second)
    assert told == [3, 6, 9]


@pytest.mark.parametrize(
    ("total", "part", "shown", "left"),
    [(3, 0.75, "0.8 of 3", "6:00:00"), (400, 100.4, "100 of 400", "5:58:")],
    ids=["a few", "many"],
)
def test_parts_are_counted_and_shown_of_a_few(
    job_logger, capfd, clock, monkeypatch, total, part, shown, left
):
    monkeypatch.setattr(module, "EVERY", 1.0)
    progress = Progress(job_logger, "networks trained", total)
    clock.now += 7200
    progress.advance(part)
    line = capfd.readouterr().err
    assert line.startswith(f"fit_mlp hitters dropout 0: {shown} networks trained, about {left}")


def test_what_forked_processes_do_is_counted_together(tmp_path, job_logger, capfd, monkeypatch):
    """Of 40 steps in four processes, none is lost, and a line counts those of all."""
    monkeypatch.setattr(module, "EVERY", 0.0)
    progress = Progress(job_logger, "steps", 41)

    def work(_):
        for _ in range(10):
            time.sleep(0.001)
            progress.advance(1)

    list(map_in_processes(work, range(4), 4))
    lines = capfd.readouterr().err.splitlines()
    counted = [int(line.split(": ")[1].split(" of ")[0]) for line in lines]
    # Each is shown once; the order of the lines is that of the processes.
    assert sorted(counted) == list(range(1, 41))
    assert len(logged(tmp_path)) == 40
    progress.advance(1)
    assert capfd.readouterr().err == ""


def test_processes_share_the_time_of_the_last_line(capfd, monkeypatch):
    """Two processes do not each tell the same."""
    monkeypatch.setattr(module, "EVERY", 0.2)
    progress = Progress(logging.getLogger("lineup.here"), "steps", 10_000)

    def work(_):
        until = time.monotonic() + 0.9
        while time.monotonic() < until:
            time.sleep(0.005)
            progress.advance(1)

    list(map_in_processes(work, range(2), 2))
    lines = capfd.readouterr().err.splitlines()
    # Four in 0.9 seconds; a busy machine may take longer, to end and to fork.
    assert 1 <= len(lines) <= 6
    assert all(line.startswith("here: ") for line in lines)
