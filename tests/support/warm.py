"""Runs of snakemake without the imports: processes that have imported all there is fork for each run, and for each job.

A run so takes a third of the processor time, and gives the same bytes (see test_warm.py). Run as a script, this is
such a process.
"""

import atexit
import fcntl
import gc
import importlib.util
import logging
import marshal
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
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]
if __name__ == "__main__":
    sys.path[:1] = [str(ROOT), str(ROOT / "tests")]

from support.kept import (  # noqa: E402
    compile_patterns,
    keep_compiled,
    keep_configs,
    keep_parsed,
    keep_patterns,
    keep_plugins,
    keep_templates,
    keep_yaml,
)
from support.stand_in import STANDARD, ask  # noqa: E402

# What snakemake imports on the way to its jobs, what these import, and what those that need torch import. The modules of
# the project are those of the tree that a run is of; but its door to torch can be gone through once in a process.
SNAKEMAKE, JOB, TORCH_JOB = "snakemake", "job", "torch_job"
IMPORTED = {
    SNAKEMAKE: [
        "snakemake.cli",
        "snakemake.api",
        "snakemake.assets",
        "snakemake.benchmark",
        "snakemake.dag",
        "snakemake.executors.dryrun",
        "snakemake.executors.local",
        "snakemake.profiles",
        "snakemake.report.html_reporter",
        "snakemake.scheduling.job_scheduler",
        "snakemake.script",
        "snakemake.storage",
        # What it imports only when it needs them, in every run.
        "argparse_dataclass",
        "jsonschema",
        "nbformat",
        "smart_open",
    ],
    JOB: [
        "jinja2",
        "jsonschema",
        "matplotlib.backends.backend_agg",
        "matplotlib.backends.backend_svg",
        "matplotlib.figure",
        "matplotlib.style",
        "PIL.BmpImagePlugin",
        "PIL.GifImagePlugin",
        "PIL.JpegImagePlugin",
        "PIL.PngImagePlugin",
        "PIL.PpmImagePlugin",
        "pyarrow.csv",
        "pyarrow.parquet",
        "requests",
        "safetensors",
        "scipy.special",
        "sklearn.linear_model",
        "snakemake.io",
        "snakemake.iocontainers",
        "snakemake.logging",
        "yaml",
    ],
}
IMPORTED[TORCH_JOB] = [
    "lineup.torch_setup",
    *IMPORTED[JOB],
    "safetensors.torch",
    "torchinfo",
    "torchvision.datasets",
]

# Of these a run may have its own. Whatever else its environment has of its own, a library may look at while it is imported.
OWN = {"TMPDIR", "PYTEST_CURRENT_TEST", "SNAKEMAKE_OUTPUT_CACHE"}
OWN |= {"PYTHONDONTWRITEBYTECODE"}  # at any time the same, see become()
OWN |= {proxy for name in ("http_proxy", "https_proxy", "all_proxy") for proxy in (name, name.upper())}
# And this one, if nothing can be imported from there.
FOLDERS = "PYTHONPATH"


# The workers of a session share the processes: this variable names the folder of their sockets.
SHARED = "WARM_FOLDER"


def folders_of(environment: Mapping[str, str]) -> list[str]:
    """Lists the folders that an environment adds to those of the modules."""
    return [folder for folder in environment.get(FOLDERS, "").split(os.pathsep) if folder]


def holds_no_module(folder: str) -> bool:
    """Tells whether there is nothing in a folder but what tells of an installation."""
    return Path(folder).is_dir() and all(path.suffix == ".dist-info" for path in Path(folder).iterdir())


class Folder:
    """A folder for the processes, which end when it is closed, or when who made it ends."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="warm-")  # the path of a socket has to be short
        alive = Path(self.folder.name, "alive")
        os.mkfifo(alive)
        self.alive = os.open(alive, os.O_RDWR)
        # Where snakemake starts a job, this stands for Python.
        words = [sys.executable, "-I", "-S", HERE.with_name("stand_in.py")]
        words += [Path(self.name, kind) for kind in (JOB, TORCH_JOB)]
        quoted = " ".join(f"'{word}'" for word in words)
        stand_in = Path(self.name, "python")
        stand_in.write_text(f'#!/bin/sh\nexec {quoted} "$@"\n', encoding="utf-8")
        stand_in.chmod(0o755)

    @property
    def name(self) -> str:
        """Its path."""
        return self.folder.name

    def close(self) -> None:
        """Ends the processes, and removes it."""
        os.close(self.alive)
        self.folder.cleanup()


class Warm:
    """The processes that fork, started when they are first needed, by whoever needs them first.

    Args:
        environment: The environment that they import in.
        folder: Where their sockets are.
    """

    def __init__(self, environment: dict[str, str], folder: str) -> None:
        self.environment = environment
        self.folder = folder

    def path(self, kind: str) -> str:
        """Gives the path of the socket of one of the processes."""
        return str(Path(self.folder, kind))

    def can(self, environment: dict[str, str]) -> bool:
        """Tells whether a run with this environment may be warm."""
        names = {name for name, _ in self.environment.items() ^ environment.items()}
        before, after = set(folders_of(self.environment)), set(folders_of(environment))
        if before <= after and all(map(holds_no_module, after - before)):
            names -= {FOLDERS}
        return sys.platform == "linux" and names <= OWN

    def start(self, kinds: list[str]) -> None:
        """Starts these of the processes, if they are not there, and waits until they have imported all."""
        with Path(self.folder, "lock").open("w") as lock, Path(self.folder, "alive").open("rb") as alive:
            fcntl.flock(lock, fcntl.LOCK_EX)
            new = [kind for kind in kinds if not Path(self.path(kind)).exists()]
            started = [
                subprocess.Popen(
                    [sys.executable, str(HERE), kind, self.path(kind)],
                    env=self.environment,
                    stdin=alive,
                    stdout=subprocess.PIPE,
                )
                for kind in new
            ]
            for kind, server in zip(new, started, strict=True):
                with server.stdout as said:
                    if said.readline() != b"ready\n":
                        raise RuntimeError(f"The process for warm runs ({kind}) did not start.")

    def run(
        self, arguments: list[str], cwd: str, environment: dict[str, str], timeout: float
    ) -> tuple[int, str]:
        """Runs snakemake, and gives its exit status and what it printed."""
        looks = "-n" in arguments or "--dry-run" in arguments
        self.start([SNAKEMAKE] if looks else [SNAKEMAKE, JOB, TORCH_JOB])
        with tempfile.TemporaryFile() as output, Path(os.devnull).open("rb") as nothing:
            files = [nothing.fileno(), output.fileno(), output.fileno()]
            request = {
                "arguments": arguments,
                "cwd": cwd,
                "environment": environment,
                "stand_in": str(Path(self.folder, "python")),
            }
            status = ask(self.path(SNAKEMAKE), request, files, timeout)
            output.seek(0)
            return status, output.read().decode()


def serve(kind: str, path: str) -> dict:
    """Forks for each request until standard input ends; returns in what was forked, with the request."""
    for name in IMPORTED[kind]:
        importlib.import_module(name)
    if kind == SNAKEMAKE:
        keep_plugins()
    else:
        keep_templates(str(Path(path).parent))
    for name in [name for name in sys.modules if name.partition(".")[0] in ("lineup", "scripts")]:
        del sys.modules[name]
    gc.collect()
    gc.freeze()  # so that no collection writes to, and copies, the pages that all share
    # By its file descriptor: a process, and who waits for it.
    forked: dict[int, tuple[int, socket.socket]] = {}
    is_ready = kind != SNAKEMAKE
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        os.write(1, b"ready\n")
        while True:
            ready, _, _ = select.select([listener, 0, *forked], [], [])
            if 0 in ready:
                os._exit(0)
            for file in forked.keys() & set(ready):
                pid, client = forked.pop(file)
                os.close(file)
                _, status = os.waitpid(pid, 0)
                with suppress(OSError), client:
                    client.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
            if listener not in ready:
                continue
            client, _ = listener.accept()
            head, files, _, _ = socket.recv_fds(client, 8, len(STANDARD))
            with client.makefile("rb") as text:
                request = marshal.loads(text.read(int.from_bytes(head, "big")))
            is_ready = is_ready or compile_patterns(str(Path(path).parent))
            pid = os.fork()
            if pid == 0:
                break
            for file in files:
                os.close(file)
            client.sendall(f"{pid}\n".encode())
            forked[os.pidfd_open(pid)] = pid, client
    for file in forked:
        os.close(file)
    for _, other in forked.values():
        other.close()
    client.close()
    for number, file in zip(STANDARD, files, strict=True):
        os.dup2(file, number)
        os.close(file)
    return request


def become(request: dict) -> None:
    """Makes this process what a new one would be, and does what is asked."""
    gc.disable()  # it ends soon
    atexit._clear()  # what was imported asks at the end for what takes its time and does nothing here
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    tempfile.tempdir = None
    sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    arguments, stand_in = request["arguments"], request.get("stand_in")
    sys.path[:] = [place for place in sys.path if Path(place).resolve() not in (ROOT, ROOT / "tests")]
    sys.path[:0] = [folder for folder in folders_of(os.environ) if folder not in sys.path]
    if stand_in is None:
        script, *_ = sys.argv = arguments
        sys.path.insert(0, str(Path(script).parent))
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        main.__file__ = script
        exec(compile(Path(script).read_text(encoding="utf-8"), script, "exec"), main.__dict__)
    else:
        import snakemake.cli

        for keep in (keep_parsed, keep_compiled, keep_configs, keep_yaml):
            keep(str(Path(stand_in).parent))
        sys.executable = stand_in
        sys.argv = [importlib.util.find_spec("snakemake.__main__").origin, *arguments]
        sys.path.insert(0, request["cwd"])
        try:
            snakemake.cli.main()
        finally:
            keep_patterns(str(Path(stand_in).parent))


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
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    end_after(become, serve(*sys.argv[1:]))
