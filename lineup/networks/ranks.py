"""Trains networks in several processes that share each batch: on this machine, or as the tasks of a Slurm job.

``launch`` starts the processes and waits for them. Each of them runs this file, reads what to do from a
folder that all of them see, and trains as one rank of Lightning's ``ddp``. The first writes what that gave.
"""

import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from lineup.data.design import read_design
from lineup.data.tables import read_splits
from lineup.errors import InputError
from lineup.files import replacing
from lineup.ledger.modules import ROOT
from lineup.ledger.recorder import log_to
from lineup.networks.batches import Rows
from lineup.networks.checkpoints import Checkpoints
from lineup.networks.settings import Settings
from lineup.networks.training import Place, Trained, train
from lineup.progress import Progress
from lineup.torch_setup import set_threads, torch

LOOK = 0.1  # seconds between two looks whether a process has ended
PATIENCE = 30.0  # seconds to let one end by itself


def launch(task: dict, folder: Path, processes: int, mpi: str | None, cards: Sequence[int]) -> list[Trained]:
    """Trains in several processes and waits for them.

    Args:
        task: The arguments of ``work`` that JSON can hold, and ``log``: the log file that all add lines to.
        folder: Where to tell them, which all of them see.
        processes: How many.
        mpi: ``srun`` to start them as the tasks of the Slurm job that this process is in; None to start them
            on this machine.
        cards: The GPUs of this machine for them, one for each; empty on a CPU, or if Slurm gives them theirs.

    Returns:
        What the training of each chunk of splits gave.

    Raises:
        InputError: If ``mpi`` is another launcher, or this is no job of Slurm.
        RuntimeError: If a process failed. The others are then ended.
    """
    if mpi is not None and (mpi != "srun" or "SLURM_JOB_ID" not in os.environ):
        raise InputError(
            f"The resource mpi of fit_mlp is {mpi}, which starts processes only as srun in a job of Slurm: leave it out "
            "to have all processes on one machine."
        )
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "task.json") as temporary:
        told = task | {"processes": processes, "mpi": mpi}
        temporary.write_text(json.dumps(told), encoding="utf-8")
    command = [sys.executable, "-m", "lineup.networks.ranks", str(folder.absolute())]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    common = os.environ | {"PYTHONPATH": path, "MASTER_PORT": str(_free_port())}
    if mpi is None:
        common |= {"CUDA_VISIBLE_DEVICES": _visible(cards)} if cards else {}
        started = _start_here(command, common, processes)
    else:
        step = [mpi, f"--ntasks={processes}", f"--cpus-per-task={task['settings']['threads_per_network']}"]
        # The first task of a step runs on the first machine of the job, which is this one.
        common |= {"MASTER_ADDR": socket.gethostname()}
        command = [*step, "--kill-on-bad-exit=1", *command]
        started = [subprocess.Popen(command, env=common, stdin=subprocess.DEVNULL)]
    try:
        failed = _first_failure(started)
    finally:
        for process in started:
            process.terminate()
        for process in started:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=PATIENCE)
            process.kill()
            process.wait()
    if failed:
        raise RuntimeError(f"One of the {processes} processes of the training ended with status {failed}.")
    return [_read(folder / f"trained_{chunk}.npz") for chunk in range(len(task["chunks"]))]


def work(
    table: str,
    splits: str,
    settings: Settings,
    chunks: list[list[int]],
    checkpoint_seconds: float,
    place: Place,
    folder: Path,
    logger: logging.Logger,
) -> None:
    """Trains as one of several processes.

    Args:
        table: The prepared table.
        splits: The block of splits.
        settings: Those of the model.
        chunks: Which splits are trained side by side: the first, and that after the last.
        checkpoint_seconds: The least time between two checkpoints.
        place: Which of the processes this is, and where they train.
        folder: For the checkpoints, and for what the first process writes: ``trained_{chunk}.npz``.
        logger: Where to report.
    """
    set_threads(settings.threads_per_network)
    for library in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(library).setLevel(logging.WARNING)
    rows, drawn = Rows.of(read_design(table)), read_splits([splits])
    progress = Progress(logger, "networks trained", len(drawn)) if place.rank == 0 else None
    checkpoints = Checkpoints(folder, checkpoint_seconds, logger)
    for number, (start, stop) in enumerate(chunks):
        trained = train(rows, drawn[start:stop], settings, progress, checkpoints, place)
        if place.rank == 0:
            _write(trained, folder / f"trained_{number}.npz")
    logger.info(
        "Rank %d of a world of %d, on %s.",
        torch.distributed.get_rank(),
        torch.distributed.get_world_size(),
        os.environ.get("SLURMD_NODENAME", socket.gethostname()),
    )


def place_in_step(environment: dict[str, str], accelerator: str, processes: int) -> tuple[Place, dict]:
    """Finds out which task of a step of Slurm this process is.

    Args:
        environment: The environment variables.
        accelerator: ``cpu`` or ``gpu``.
        processes: How many tasks there should be.

    Returns:
        Its place, and the variables that Lightning looks for.

    Raises:
        InputError: If there are more or fewer tasks, or not as many on each machine.
    """
    tasks, nodes = int(environment["SLURM_STEP_NUM_TASKS"]), int(environment["SLURM_STEP_NUM_NODES"])
    if tasks != processes or tasks % nodes:
        raise InputError(
            f"The training asks for {processes} processes, as many on each machine, and Slurm gives {tasks} tasks on "
            f"{nodes} machines: set the resources tasks and nodes of fit_mlp in the profile."
        )
    rank = environment["SLURM_PROCID"]
    variables = {
        "RANK": rank,
        "LOCAL_RANK": environment["SLURM_LOCALID"],
        "GROUP_RANK": environment["SLURM_NODEID"],
        "WORLD_SIZE": str(tasks),
    }
    return Place(accelerator, (), int(rank), tasks, nodes), variables


def _start_here(command: list[str], environment: dict[str, str], processes: int) -> list[subprocess.Popen]:
    """Starts the processes on this machine. One ends when its standard input does, so none outlives this process."""
    world = {"MASTER_ADDR": "127.0.0.1", "WORLD_SIZE": str(processes), "GROUP_RANK": "0"}
    ranks = [{"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(processes)]
    return [
        subprocess.Popen(command, env=environment | world | rank, stdin=subprocess.PIPE) for rank in ranks
    ]


def _first_failure(processes: list[subprocess.Popen]) -> int | None:
    """Waits until all have ended or one has failed, and gives the status of that one."""
    while True:
        statuses = [process.poll() for process in processes]
        failures = [status for status in statuses if status]
        if failures or None not in statuses:
            return failures[0] if failures else None
        time.sleep(LOOK)


def _visible(cards: Sequence[int]) -> str:
    """Names some of the cards that this process sees, for another one to see them alone."""
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    return ",".join(seen.split(",")[card] if seen else str(card) for card in cards)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("", 0))
        return free.getsockname()[1]


def _write(trained: Trained, path: Path) -> None:
    arrays = {f"weights {name}": values for name, values in trained.weights.items()}
    arrays |= {f"curves {name}": values for name, values in trained.curves.items()}
    with replacing(path) as temporary:
        np.savez(temporary, lasted=trained.lasted, predicted=trained.predicted, **arrays)


def _read(path: Path) -> Trained:
    with np.load(path, allow_pickle=False) as found:
        weights, curves = (
            {name.partition(" ")[2]: found[name] for name in found if name.startswith(part)}
            for part in ("weights ", "curves ")
        )
        return Trained(weights, curves, found["lasted"], found["predicted"])


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)
    os._exit(143)


def main(folder: Path) -> None:
    """Reads the task and does this process's part of it."""
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    log, mpi, accelerator, processes = (task.pop(key) for key in ("log", "mpi", "accelerator", "processes"))
    with log_to(log, append=True) as logger:
        if mpi is None:
            threading.Thread(target=_end_with_parent, daemon=True).start()
            place = Place(accelerator, (), int(os.environ["RANK"]), processes)
        else:
            place, variables = place_in_step(dict(os.environ), accelerator, processes)
            os.environ.update(variables)
        settings = Settings(**task.pop("settings"))
        work(**task, settings=settings, place=place, folder=folder, logger=logger.getChild("fit_mlp"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
