"""Decides whether a job trains on a GPU, and gives each job on a machine cards of its own."""

import fcntl
import logging
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from lineup.errors import InputError
from lineup.torch_setup import torch

# Where all jobs of a machine see the locks of its cards, whatever folder their runs are in.
LOCKS = Path("/tmp")
EVERY = 1.0  # seconds between two looks for a free card

_held: list[int] = []  # locked files, which this process keeps open until it ends


def accelerator_for(asked: str, precision: str, given: int) -> str:
    """Decides where a job trains.

    Args:
        asked: The setting ``accelerator``.
        precision: The setting of that name.
        given: How many GPUs the job was given: its resource ``gpu``.

    Returns:
        ``cpu``, or ``gpu`` for one of CUDA, or ``auto`` for one of another kind.

    Raises:
        InputError: If the config asks for a GPU, or for numbers that only a GPU computes with, and there
            is none for the job.
    """
    there = torch.accelerator.is_available()
    if asked == "gpu" and not there:
        raise InputError(
            "The config asks for accelerator: gpu, and this machine has none: set it to auto or cpu."
        )
    if asked == "gpu" and not given:
        raise InputError(
            "The config asks for accelerator: gpu, and the job was given none: set the resource gpu of fit_mlp to 1 in "
            "the profile, or accelerator to auto or cpu."
        )
    if asked != "cpu" and given and there:
        return "gpu" if torch.cuda.is_available() else "auto"
    if precision == "16-mixed":
        raise InputError(
            "The config asks for precision: 16-mixed, which needs a GPU, and the job has none: set it to bf16-mixed or "
            "32-true."
        )
    return "cpu"


def take_cards(number: int, logger: logging.Logger) -> tuple[int, ...]:
    """Takes cards that no other job on this machine has, see ``take``, and numbers them as this process sees them."""
    names = [str(torch.cuda.get_device_properties(place).uuid) for place in range(torch.cuda.device_count())]
    return take(number, names, logger)


def take(number: int, names: Sequence[str], logger: logging.Logger) -> tuple[int, ...]:
    """Takes some of the cards of these names, see ``take_cards``."""
    if number > len(names):
        raise InputError(
            f"The job trains in {number} processes with a GPU each, and sees {len(names)}: give it more GPUs, or fewer tasks."
        )
    told = False
    while True:
        taken = {}
        for place, name in enumerate(names):
            if len(taken) < number and (lock := _locked(LOCKS / f"lineup-gpu-{name}.lock")) is not None:
                taken[place] = lock
        if len(taken) == number:
            _held.extend(taken.values())
            return tuple(taken)
        for lock in taken.values():
            os.close(lock)
        if not told:
            logger.info("Other jobs have all GPUs of this machine: waiting for one.")
            told = True
        time.sleep(EVERY)


def _locked(path: Path) -> int | None:
    """Locks a file and gives its descriptor, or None if another process has locked it."""
    with suppress(FileExistsError):
        # Another user's file can be opened, but not with O_CREAT in a folder that all may write to.
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL, 0o644))
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
