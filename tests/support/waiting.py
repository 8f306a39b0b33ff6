"""Waiting for what must happen, however busy the machine is."""

import time

import pytest

PATIENCE = 900.0  # seconds: only what hangs takes longer


def wait_for(condition, what, every=0.02):
    """Waits until a condition, which is a function, is true, and gives its value; fails the test if it never is."""
    until = time.monotonic() + PATIENCE
    while not (value := condition()):
        if time.monotonic() > until:
            pytest.fail(f"Waited {PATIENCE:g} s in vain: {what}")
        time.sleep(every)
    return value
