"""Stands for Python where snakemake starts a job: has a process fork for it that has imported all, see warm.py.

It runs once for each job, so it imports little.
"""

import json
import os
import signal
import socket
import sys

STANDARD = (0, 1, 2)


def ask(path: str, request: dict, files: list[int], timeout: float | None = None) -> int:
    """Has a process fork for a request, and gives the exit status of what it forked; negative for a signal.

    Raises:
        TimeoutError: If it takes longer than so many seconds. What was forked is killed then.
    """
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        text = json.dumps(request).encode()
        socket.send_fds(server, [len(text).to_bytes(8, "big")], files)
        server.sendall(text)
        lines = server.makefile("rb")
        pid = int(lines.readline())
        server.settimeout(timeout)
        try:
            return int(lines.readline() or 1)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise


def main(job: str, torch_job: str, script: str, *arguments: str) -> None:
    """Has a script run, and ends as it ends."""
    if script == "-m":  # what a `run:` is started with
        os.execv(sys.executable, [sys.executable, script, *arguments])
    with open(script, encoding="utf-8") as file:  # noqa: PTH123
        text = file.read()
    needs_torch = any(f"from lineup.{module} import" in text for module in ("models.mlp", "data.images"))
    request = {"arguments": [script, *arguments], "cwd": os.getcwd(), "environment": dict(os.environ)}  # noqa: PTH109
    status = ask(torch_job if needs_torch else job, request, list(STANDARD))
    if status < 0:
        os.kill(os.getpid(), -status)
    os._exit(status)


if __name__ == "__main__":
    main(*sys.argv[1:])
