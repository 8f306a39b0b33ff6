"""The error that a user can mend, and the warning of what looks wrong."""

import logging
import sys


class InputError(Exception):
    """Something the user gave is wrong. The message says what, where, and what to do."""


def warn(logger: logging.Logger, text: str) -> None:
    """Warns where people look: in the log of a job and on the terminal."""
    logger.warning("%s", text)
    tell(f"Warning: {text}")


def tell(line: str) -> None:
    """Writes a line on the terminal, in one piece beside those of other jobs."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def ended(sentence: str) -> str:
    """Ends a sentence, unless it is a question."""
    return sentence if sentence[-1] == "?" else f"{sentence}."
