"""What no node has is told before it waits for ever."""

import math
import subprocess

import pytest

from lineup import nodes
from lineup.nodes import Nodes, Request

SMALL = Nodes("all", True, 2, 4000, math.inf)
CLUSTER = [SMALL, Nodes("all", True, 8, 2000, math.inf), Nodes("short", False, 64, 256000, 30)]


@pytest.mark.parametrize(
    ("limit", "minutes"),
    [
        ("30:00", 30),
        ("1:30", 1.5),
        ("2:00:00", 120),
        ("1-00:00:00", 1440),
        ("infinite", math.inf),
        ("n/a", math.inf),
    ],
)
def test_times_of_slurm(limit, minutes):
    assert nodes.minutes_of(limit) == minutes


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (Request("a", 2, 4000, 60, ""), None),
        (Request("a", 8, 2000, 0, ""), None),
        # Each of the two amounts is to be had, but not on one node.
        (Request("a", 8, 4000, 0, ""), "8 CPUs and 4,000 MB, and no node of the partition all has that"),
        (Request("a", 1, 0, 30, "short"), None),
        (Request("a", 1, 0, 31, "short"), "for 31 minutes, and no node of the partition short"),
        (Request("a", 64, 0, 10, "all,short"), None),
        (
            Request("a", 65, 0, 10, "all,short"),
            "(2 CPUs and 4,000 MB; or 64 CPUs and 256,000 MB for 30 minutes",
        ),
        # Of a partition that Slurm does not show us nothing can be said.
        (Request("a", 1000, 0, 10, "hidden"), None),
    ],
)
def test_what_no_node_has(request_, told):
    text = nodes.warning(request_, CLUSTER)
    assert text is told is None or told in text, text


def test_a_warning_is_given_once(monkeypatch, capsys):
    monkeypatch.setattr(nodes, "nodes", lambda: [SMALL])
    look = nodes.watch_requests()
    for cpus in (1, 3, 3, 4):
        look(Request("The group report", cpus, 100, 10, ""))
    said = capsys.readouterr().err.splitlines()
    assert [line[:41] for line in said] == [
        f"Warning: The group report asks for {cpus} CPUs" for cpus in (3, 4)
    ]


def test_what_sinfo_says(monkeypatch):
    said = "all* 2 4000 infinite\nshort 64 256000 30:00\nodd 2+ 4000 n/a\nbroken\n"
    monkeypatch.setattr(
        nodes.subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0, said)
    )
    assert nodes.nodes() == [SMALL, CLUSTER[2]]


@pytest.mark.parametrize("fault", [OSError(), subprocess.TimeoutExpired("sinfo", 1)])
def test_a_cluster_that_cannot_be_asked(monkeypatch, fault):
    def fail(*_, **__):
        raise fault

    monkeypatch.setattr(nodes.subprocess, "run", fail)
    assert nodes.nodes() == []
