"""Who lives, and who has a job, where machines share a folder and perhaps not their locks.

A run touches its lease every few seconds as long as it lives. Its age is the time of a file that was touched just now
less the time of the lease: both are stamped by the server of the files, so no machine's own clock counts.

To take the place of another, a process first removes or replaces the file that the other must find unchanged before
it puts anything in place, and then removes the other's temporary files. Whatever the other does in between, it then
has no right or no file. A file that must be there is opened, because that asks the server; that one is *not* there
may be remembered for a minute.
"""

import errno
import json
import os
import platform
import sys
import uuid
from pathlib import Path

BEAT = 5.0  # seconds from touch to touch of a lease
LEASE = 60.0  # seconds without a touch after which a run counts as gone

# Holds the folder of the run that a job belongs to, or nothing for a run without locks; and the claim of a job that was
# submitted: its file and what has to stand in it.
RUN, CLAIM = "LINEUP_RUN", "LINEUP_CLAIM"


def machine() -> str:
    """Names the running system, within which locks hold whatever the file system is."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return platform.node()


def is_absence(error: OSError) -> bool:
    """Tells whether an error says that a file is gone."""
    return error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)


def write(path: Path, value: dict) -> None:
    """Writes a lease or a claim, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(json.dumps(value))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read(path: Path, *keys: str) -> dict | None:
    """Reads a lease or a claim, or gives None if it is gone, or damaged as by a loss of power, so that it lacks some keys."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) and found.keys() >= {*keys} else None
    except ValueError:
        return None
    except OSError as error:
        if is_absence(error):
            return None
        raise


def touch(path: Path) -> None:
    """Stamps a lease or a claim with the time of its server, by writing its first byte again."""
    with path.open("r+b") as file:
        file.write(b"{")
        file.flush()
        os.fsync(file.fileno())


def age(path: Path, probe: Path) -> float | None:
    """Tells how many seconds ago a lease or a claim was touched, by touching another one; None if either is gone."""
    try:
        before = modified(path)
        touch(probe)
        return modified(probe) - before
    except OSError as error:
        if is_absence(error):
            return None
        raise


def modified(path: Path) -> float:
    """Tells when a file was touched, as its server has it."""
    with path.open("rb") as file:
        return os.fstat(file.fileno()).st_mtime


def check_right() -> None:
    """Ends this process, a job, with status 143 if its run is gone or another process has its job."""
    if read(Path(os.environ[RUN]) / "lease") is None:
        leave("its run is gone")
    if CLAIM in os.environ:
        claim, token = os.environ[CLAIM].rsplit(" ", 1)
        if (read(Path(claim)) or {}).get("token") != token:
            leave("another try of it has begun")


def leave(why: str) -> None:
    """Ends this process, a job, which has changed nothing."""
    print(f"Error: This job ends and changes nothing: {why}.", file=sys.stderr)
    sys.exit(143)
