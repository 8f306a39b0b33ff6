"""Runs some code in a process of its own, in a folder where runs are."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager

import psutil
from support.tree import ROOT
from support.waiting import PATIENCE

HEAD = """
import os, subprocess, sys, tempfile, time
from pathlib import Path
from lineup.files import replacing
from lineup.ledger import lease, lock, submissions
from lineup.ledger.lock import begin_run, follow_no_run, follow_run, is_running
from lineup.ledger.submissions import join_run
"""


def environment(more):
    return {name: value for name, value in os.environ.items() if not name.startswith("LINEUP_")} | {
        "PYTHONPATH": str(ROOT),
        **more,
    }


@contextmanager
def process(code, **more):
    """Starts a process that runs some code, and kills it in the end."""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment(more),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as started:
        try:
            yield started
        finally:
            started.kill()


def said(code, **more):
    """Runs some code in a process of its own; gives its status and what it says."""
    done = subprocess.run(
        [sys.executable, "-c", HEAD + code],
        env=environment(more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def gone(pid, seconds=PATIENCE):
    """Waits until a process has ended, and tells whether it has."""
    until = time.monotonic() + seconds
    while True:
        # A process whose parent is gone and that nobody waits for is a zombie.
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
