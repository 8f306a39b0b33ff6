"""Stands for Python where snakemake starts a job: has a process fork for it that has imported all, see warm.py.

It runs once for each job, so it imports only what is built in: `json` and `socket` take three times as long as its start.
"""

import _socket
import marshal
import os
import sys

STANDARD = (0, 1, 2)
KILL = 9


def ask(path: str, request: dict, files: list[int], timeout: float | None = None) -> int:
    """Has a process fork for a request, and gives the exit status of what it forked; negative for a signal.

    Raises:
        TimeoutError: If it takes longer than so many seconds. What was forked is killed then.
    """
    server = _socket.socket(_socket.AF_UNIX)
    try:
        server.connect(path)
        text = marshal.dumps(request)
        handed = b"".join(file.to_bytes(4, sys.byteorder) for file in files)
        server.sendmsg([len(text).to_bytes(8, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, handed)])
        server.sendall(text)
        pid, _, status = _until_newline(server, b"").partition(b"\n")
        server.settimeout(timeout)
        try:
            return int(_until_newline(server, status) or 1)
        except TimeoutError:
            os.kill(int(pid), KILL)
            raise
    finally:
        server.close()


def _until_newline(server: _socket.socket, text: bytes) -> bytes:
    while b"\n" not in text and (more := server.recv(100)):
        text += more
    return text


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
