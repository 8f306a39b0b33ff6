"""What is read of files is kept from start to start: reading all code and packages anew would take some tenths of a second."""

import json
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from lineup.files import STATE, keep, kept, sha256

OLD = 30 * 86_400  # seconds


def remembered(
    kind: str,
    key: object,
    make: Callable[[], dict],
    made_by: tuple[str, ...] = (),
    keep_if: Callable[[dict], bool] = lambda made: True,
) -> dict:
    """Gives what was made for the same key before, by the same code on this Python, or else makes it.

    Args:
        kind: What it is, for the name of the file.
        key: All that it depends on, beside the code.
        make: Makes it.
        made_by: The files with the code that makes it.
        keep_if: Tells whether it may be kept.
    """
    made_of = [platform.python_version(), *map(_text, made_by), key]
    path = STATE / f"{kind}-{sha256(json.dumps(made_of))}.json"
    found = kept(path)
    if found is None:
        made = make()
        if keep_if(made):
            keep(path, made)
        found = json.loads(json.dumps(made))  # as it is read another time, with lists for tuples
    return found


def forget_the_oldest() -> None:
    """Removes what was remembered long ago: what is still of use is made again."""
    for path in STATE.glob("*-*.json"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > OLD:
                path.unlink()


@cache
def _text(file: str) -> str:
    return Path(file).read_text(encoding="utf-8")
