"""Splits on which a model cannot be fitted: they are noted and left out, or end the job."""

from collections.abc import Callable, Iterator

import numpy as np

from lineup.data.tables import Splits
from lineup.errors import InputError

Failures = list[tuple[int, str]]  # the seeds of splits, and why they could not be fitted


def fitted_parts(
    chunk: Splits, fit: Callable[[Splits], object], failures: Failures
) -> Iterator[tuple[Splits, object]]:
    """Yields a chunk of splits with what a fit gives, or those of its splits that can be fitted one by one, and notes the others."""
    try:
        found = fit(chunk)
    except InputError as error:
        if len(chunk) == 1:
            failures.append((int(chunk.seeds[0]), str(error)))
            return
        for place in range(len(chunk)):
            yield from fitted_parts(chunk[place : place + 1], fit, failures)
        return
    yield chunk, found


def kept_of(drawn: Splits, parts: list[Splits], failures: Failures, how: str) -> Splits:
    """Gives the splits that could be fitted, of all those drawn; raises an InputError if others are to be one, or if none could."""
    if not failures:
        return drawn
    if how == "error" or not parts:
        seed, reason = failures[0]
        if not parts and len({reason for _, reason in failures}) == 1:
            raise InputError(reason)
        others = f" {len(failures)} of {len(drawn)} splits cannot be fitted." if len(failures) > 1 else ""
        raise InputError(f"On split {seed}: {reason}{others}")
    sides = [
        [rows for part in parts for rows in side(part)]
        for side in (lambda one: one.train, lambda one: one.test)
    ]
    return Splits.of(np.concatenate([part.seeds for part in parts]), *sides)
