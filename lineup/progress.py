"""Tells a person how far long work has got, on the terminal and in the log of the job."""

import logging
import multiprocessing
import sys
import time
from datetime import timedelta

EVERY = 10.0  # seconds between two lines; shorter work says nothing


class Progress:
    """Counts what is done, in this process and in those forked from it.

    Args:
        logger: Logs the lines. Its name stands before them on the terminal.
        what: What is counted, such as ``splits searched``.
        total: How much there is to do.
    """

    def __init__(self, logger: logging.Logger, what: str, total: float) -> None:
        self.logger, self.what, self.total = logger, what, total
        self.started = time.monotonic()
        shared = multiprocessing.get_context("fork")
        self._done, self._told = shared.Value("d", 0.0), shared.Value("d", self.started)

    def advance(self, amount: float) -> None:
        """Counts more as done, and says so if the last line is some time ago."""
        with self._done.get_lock():
            self._done.value += amount
            done, now = self._done.value, time.monotonic()
            if now - self._told.value >= EVERY and done < self.total:
                self._told.value = now
                self._tell(done, now)

    def _tell(self, done: float, now: float) -> None:
        left = timedelta(seconds=round((now - self.started) * (self.total / done - 1)))
        # Of a few, one takes long: tenths show that it gets on.
        digits = 0 if self.total > 20 else 1
        line = f"{done:,.{digits}f} of {self.total:,.0f} {self.what}, about {left} left."
        self.logger.info(line)
        # In one piece: other processes write there, too.
        sys.stderr.write(f"{self.logger.name.removeprefix('lineup.')}: {line}\n")
        sys.stderr.flush()
