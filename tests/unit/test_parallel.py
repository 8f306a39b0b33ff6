"""Work in several processes: what comes back, in which order, and how the processes end."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import numpy as np
import psutil
import pytest
from support.tree import ROOT
from support.waiting import PATIENCE

from lineup.errors import InputError
from lineup.parallel import map_in_processes

# Tells the number of each process once it works, and then works for ever.
ENDLESS = """
import os, signal, sys, time
from lineup.parallel import map_in_processes

if len(sys.argv) > 1:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
def work(item):
    os.write(1, f"{os.getpid()}\\n".encode())
    while True:
        time.sleep(0.05)
list(map_in_processes(work, range(5), 3))
"""


def children():
    return {process.pid for process in psutil.Process().children(recursive=True)}


@pytest.fixture
def endless():
    """Gives a function that starts a process with three children at work, and gives it and their numbers."""
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", ENDLESS, *arguments],
            cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        at_work = [psutil.Process(int(process.stdout.readline())) for _ in range(3)]
        started.append((process, at_work))
        return process, at_work

    yield start
    for process, at_work in started:
        for one in (process, *at_work):
            if psutil.pid_exists(one.pid):
                one.kill()
        process.communicate()


@pytest.mark.parametrize("processes", [1, 2, 3, 10])
def test_the_results_come_in_the_order_of_the_items(processes):
    def slowest_first(item):
        time.sleep(0.02 * (6 - item))
        return item, os.getpid()

    found = list(map_in_processes(slowest_first, range(6), processes))
    assert [item for item, _ in found] == list(range(6))
    pids = {pid for _, pid in found}
    assert pids == {os.getpid()} if processes == 1 else os.getpid() not in pids and len(pids) > 1
    assert not pids & children()


def test_one_process_works_when_asked_and_in_this_process():
    """Nothing is forked, so what the function notes stays."""
    noted = []
    results = map_in_processes(noted.append, range(3), 1)
    assert noted == []
    next(results)
    assert noted == [0]
    assert list(results) == [None, None]
    assert noted == [0, 1, 2]


def test_no_items_give_no_results():
    assert list(map_in_processes(abs, [], 1)) == list(map_in_processes(abs, [], 2)) == []


def test_the_function_may_be_a_closure_over_large_arrays():
    """It is not pickled: a lambda could not be, and neither could the lock beside the array."""
    large = np.arange(10_000_000.0)
    unpicklable = (value for value in range(3))
    found = map_in_processes(lambda start: (large[start::4].sum(), unpicklable is None), range(4), 2)
    assert list(found) == [(large[start::4].sum(), False) for start in range(4)]


def test_calls_follow_one_another():
    """The function of the first pool is not that of the second, nor is a pool in a pool."""
    assert list(map_in_processes(lambda item: item + 1, range(3), 2)) == [1, 2, 3]
    assert list(map_in_processes(lambda item: item * 10, range(3), 2)) == [0, 10, 20]
    nested = map_in_processes(
        lambda item: sum(map_in_processes(lambda other: other * item, range(3), 2)), range(3), 2
    )
    assert list(nested) == [0, 3, 6]


@pytest.mark.parametrize("processes", [1, 2])
def test_what_goes_wrong_in_a_child_goes_wrong_here(processes):
    def fail(item):
        if item == 1:
            raise InputError("Item 1 is none.")
        if item > 1:
            time.sleep(900)
        return item

    before, started = children(), time.monotonic()
    results = map_in_processes(fail, range(6), processes)
    assert next(results) == 0
    with pytest.raises(InputError, match=r"^Item 1 is none\.$"):
        next(results)
    # The others would have slept on.
    assert time.monotonic() - started < 30
    assert children() <= before


def test_the_status_that_a_child_exits_with_is_that_of_the_parent():
    with pytest.raises(SystemExit) as caught:
        list(map_in_processes(lambda _: sys.exit(143), range(4), 2))
    assert caught.value.code == 143


def test_a_child_that_is_killed_is_an_error():
    def die(item):
        if item == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(900 if item else 0)

    before, started = children(), time.monotonic()
    with pytest.raises(Exception, match="terminated abruptly"):
        list(map_in_processes(die, range(6), 2))
    assert time.monotonic() - started < 30
    assert children() <= before


def test_results_that_nobody_waits_for_end_the_children():
    before = children()
    results = map_in_processes(lambda item: time.sleep(900 if item else 0), range(6), 2)
    next(results)
    assert children() > before
    results.close()
    assert children() <= before


def test_the_children_end_with_a_parent_that_is_killed(endless):
    process, at_work = endless()
    assert len({one.pid for one in at_work}) == 3
    process.kill()
    assert process.wait(20) == -signal.SIGKILL
    assert psutil.wait_procs(at_work, timeout=PATIENCE)[1] == []


def test_the_children_end_with_a_parent_that_stops(endless):
    process, at_work = endless("stops")
    process.terminate()
    assert process.wait(20) == 143
    assert psutil.wait_procs(at_work, timeout=PATIENCE)[1] == []


def test_the_parent_ends_with_a_child_that_is_killed(endless):
    process, at_work = endless()
    at_work[1].kill()
    assert process.wait(20) == 1
    assert "BrokenProcessPool" in process.stderr.read()
    assert psutil.wait_procs(at_work, timeout=PATIENCE)[1] == []


STOPPED_AT_THE_FORK = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
held = bytearray(300 * 2**20)  # a fork takes longer with more memory
from lineup.parallel import map_in_processes
print("begun", flush=True)
list(map_in_processes(lambda item: time.sleep(100), range(2), 2))
"""


@pytest.mark.parametrize(
    "places", [range(0, 20, 2), pytest.param(range(20), marks=pytest.mark.slow)], ids=len
)
@pytest.mark.long
def test_a_stop_in_the_middle_of_a_fork_is_not_forgotten(places):
    """Without care, one in six is: Python drops what its functions raise around a fork."""
    for place in places:
        with subprocess.Popen(
            [sys.executable, "-c", STOPPED_AT_THE_FORK],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            try:
                assert process.stdout.readline() == b"begun\n"
                time.sleep(0.0015 * place)
                os.killpg(process.pid, signal.SIGINT)
                assert process.wait(timeout=PATIENCE) != 0
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
