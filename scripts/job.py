"""What every job does around its work: write its log, and say what is wrong in one sentence."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InputError(Exception):
    """Something the user gave is wrong. The message says what, where, and what to do."""


@contextmanager
def job(log: str) -> Iterator[logging.Logger]:
    """Runs the body of a script as a job that logs to a file.

    Args:
        log: Path of the log file.

    Yields:
        The logger that the body should report to.

    Raises:
        SystemExit: With status 1 after an ``InputError``; its message is then the last line of
            the log and of standard error. Any other exception is logged with its traceback and
            raised again.
    """
    logger = logging.getLogger("lineup")
    logger.setLevel(logging.INFO)
    to_file = logging.FileHandler(log, mode="w", encoding="utf-8")
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(to_file)
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").addHandler(to_file)
    try:
        yield logger
    except InputError as error:
        logger.error(str(error))
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(1)
    except Exception:
        logger.exception("The job failed.")
        raise


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Gives a temporary path beside ``path`` that takes its place when the body succeeds.

    A reader thus sees the old file or the whole new one, never a part of it.

    Args:
        path: The file to write. Its folder is created.

    Yields:
        The temporary path to write to, with the same suffix.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
