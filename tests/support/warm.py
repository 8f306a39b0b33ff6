"""Runs of snakemake without the imports: processes that have imported all there is fork for each run, and for each job.

A run so takes a third of the processor time, and gives the same bytes (see test_warm.py). Run as a script, this is
such a process, or the client that stands for Python where snakemake starts a job.
"""

import atexit
import gc
import importlib.util
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import types
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).resolve()
STANDARD = (0, 1, 2)

# What snakemake imports on the way to its jobs, and what these import. The modules of the project are those of the tree
# that a run is of; but its door to torch can be gone through once in a process.
DOOR = "scripts.torch_setup"
IMPORTED = {
    "snakemake": [
        "snakemake.cli",
        "snakemake.api",
        "snakemake.benchmark",
        "snakemake.dag",
        "snakemake.executors.dryrun",
        "snakemake.executors.local",
        "snakemake.report",
        "snakemake.scheduling.job_scheduler",
        "snakemake.script",
    ],
    "job": [
        DOOR,
        "jinja2",
        "matplotlib.backends.backend_agg",
        "matplotlib.backends.backend_svg",
        "networkx",
        "pyarrow.csv",
        "pyarrow.parquet",
        "requests",
        "safetensors.torch",
        "scipy.special",
        "sklearn.linear_model",
        "snakemake.iocontainers",
        "snakemake.logging",
        "torchinfo",
        "torchvision.datasets",
        "yaml",
    ],
}

# Of these a run may have its own. Whatever else its environment has of its own, a library may look at while it is imported.
OWN = {"TMPDIR", "PYTEST_CURRENT_TEST", "SNAKEMAKE_OUTPUT_CACHE"}


class Warm:
    """The two processes that fork, started when they are first needed.

    Args:
        environment: The environment that they import in.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.folder = tempfile.TemporaryDirectory(prefix="warm-")  # the path of a socket has to be short
        self.servers: dict[str, subprocess.Popen] = {}
        self.lock = threading.Lock()
        # Where snakemake starts a job, this stands for Python.
        self.stand_in = Path(self.folder.name, "python")
        words = (sys.executable, "-I", "-S", HERE, "job", Path(self.folder.name, "job"))
        quoted = " ".join(f"'{word}'" for word in words)
        self.stand_in.write_text(f'#!/bin/sh\nexec {quoted} "$@"\n', encoding="utf-8")
        self.stand_in.chmod(0o755)

    def can(self, environment: dict[str, str]) -> bool:
        """Tells whether a run with this environment may be warm."""
        names = {name for name, _ in self.environment.items() ^ environment.items()}
        return sys.platform == "linux" and names <= OWN

    def start(self, kinds: list[str]) -> None:
        """Starts these of the two processes, if they are not there, and waits until they have imported all."""
        with self.lock:
            new = [kind for kind in kinds if kind not in self.servers]
            for kind in new:
                # It ends when the other end of its standard input does.
                command = [sys.executable, str(HERE), "serve", kind, str(Path(self.folder.name, kind))]
                pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
                self.servers[kind] = subprocess.Popen(command, env=self.environment, **pipes)
            for kind in new:
                if self.servers[kind].stdout.readline() != b"ready\n":
                    raise RuntimeError(f"The process for warm runs ({kind}) did not start.")

    def run(
        self, arguments: list[str], cwd: str, environment: dict[str, str], timeout: float
    ) -> tuple[int, str]:
        """Runs snakemake, and gives its exit status and what it printed."""
        looks = "-n" in arguments or "--dry-run" in arguments
        self.start(["snakemake"] if looks else ["snakemake", "job"])
        with tempfile.TemporaryFile() as output, Path(os.devnull).open("rb") as nothing:
            files = [nothing.fileno(), output.fileno(), output.fileno()]
            request = {
                "arguments": arguments,
                "cwd": cwd,
                "environment": environment,
                "stand_in": str(self.stand_in),
            }
            status = ask(str(Path(self.folder.name, "snakemake")), request, files, timeout)
            output.seek(0)
            return status, output.read().decode()

    def close(self) -> None:
        """Ends both."""
        for server in self.servers.values():
            server.stdin.close()
            server.stdout.close()
            server.kill()
            server.wait()
        self.folder.cleanup()


def ask(path: str, request: dict, files: list[int], timeout: float | None = None) -> int:
    """Has a process fork for a request, and gives the exit status of what it forked; negative for a signal."""
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
            raise subprocess.TimeoutExpired(request["arguments"], timeout) from None


def serve(kind: str, path: str) -> dict:
    """Forks for each request until standard input ends; returns in what was forked, with the request."""
    for name in IMPORTED[kind]:
        importlib.import_module(name)
    for name in [name for name in sys.modules if name.partition(".")[0] == "scripts"]:
        del sys.modules[name]
    gc.collect()
    gc.freeze()  # so that no collection writes to, and copies, the pages that all share
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        os.write(1, b"ready\n")
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            ready, _, _ = select.select([listener, 0], [], [])
            if 0 in ready:
                os._exit(0)
            client, _ = listener.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                break
            client.close()
    head, files, _, _ = socket.recv_fds(client, 8, len(STANDARD))
    text = client.makefile("rb").read(int.from_bytes(head, "big"))
    pid = os.fork()
    if pid:
        # This one waits, and tells.
        client.sendall(f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        with suppress(OSError):
            client.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os._exit(0)
    client.close()
    for number, file in zip(STANDARD, files, strict=True):
        os.dup2(file, number)
        os.close(file)
    return json.loads(text)


def become(request: dict) -> None:
    """Makes this process what a new one would be, and does what is asked."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    tempfile.tempdir = None
    sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    arguments, stand_in = request["arguments"], request.get("stand_in")
    sys.path[:] = [place for place in sys.path if Path(place).resolve() not in (HERE.parent, HERE.parents[2])]
    sys.path_importer_cache.clear()
    if stand_in is None:
        script, *_ = sys.argv = arguments
        sys.path.insert(0, str(Path(script).parent))
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        main.__file__ = script
        exec(compile(Path(script).read_text(encoding="utf-8"), script, "exec"), main.__dict__)
    else:
        import snakemake.cli

        sys.executable = stand_in
        sys.argv = [importlib.util.find_spec("snakemake.__main__").origin, *arguments]
        sys.path.insert(0, request["cwd"])
        snakemake.cli.main()


def end_after(work: object, *arguments: object) -> None:
    """Ends this process as Python would after some work, but without taking down what was imported."""
    status = 0
    try:
        work(*arguments)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        traceback.print_exc()
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def stand_in(path: str, arguments: list[str]) -> None:
    """Has a script run by the process that forks for jobs, and ends as it ends."""
    request = {"arguments": arguments, "cwd": str(Path.cwd()), "environment": dict(os.environ)}
    status = ask(path, request, list(STANDARD))
    if status < 0:
        os.kill(os.getpid(), -status)
    os._exit(status)


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    if what == "job":
        stand_in(words[0], words[1:])
    else:
        sys.path[:] = [
            str(HERE.parents[2]),
            *(place for place in sys.path if Path(place).resolve() != HERE.parent),
        ]
        end_after(become, serve(*words))
