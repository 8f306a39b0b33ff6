"""Trains a neural network on each of many splits, many of them side by side."""

import logging
import math
from dataclasses import replace

import numpy as np
import pyarrow.csv
import torchinfo

from lineup.comparison.scores import write_evaluation
from lineup.data.design import Design, read_design
from lineup.data.tables import Splits, read_splits, write_table
from lineup.files import replacing
from lineup.models.failures import kept_of
from lineup.networks.batches import Rows
from lineup.networks.checkpoints import Checkpoints
from lineup.networks.gpu import accelerator_for, take_cards
from lineup.networks.network import MLP, save_weights, shape_of
from lineup.networks.ranks import launch
from lineup.networks.settings import Settings
from lineup.networks.training import Place, Trained, members_at_once, train
from lineup.parallel import map_in_processes
from lineup.progress import Progress
from lineup.torch_setup import set_threads, torch

DIVERGED = (
    "The training diverged, and the network predicts no numbers: lower learning_rate of the model in the config, set "
    "standardize: true, or choose another optimizer."
)


def fit_mlp(
    table: str,
    splits: str,
    predictions: str,
    scores: str,
    training_log: str,
    learning_curves: str,
    summary: str,
    weights: str,
    settings: Settings,
    threads: int,
    logger: logging.Logger,
    gpus: int = 0,
    mpi: str | None = None,
    checkpoints: Checkpoints | None = None,
    log: str | None = None,
) -> None:
    """Trains a network on each split of a block and writes what that gives.

    Args:
        table: The prepared table.
        splits: The block of splits.
        predictions: Parquet file to write, see ``write_evaluation``.
        scores: Parquet file to write, see ``write_evaluation``.
        training_log: CSV file to write: the learning curve of the first split of the block.
        learning_curves: Parquet file to write, see ``write_curves``.
        summary: Text file to write, see ``write_summary``.
        weights: safetensors file to write, see ``save_weights``.
        settings: Those of the model.
        threads: Threads of the job. On a CPU those that one network does not take train others beside it.
        logger: Where to report.
        gpus: How many GPUs the job was given.
        mpi: What starts the processes that train one network together: ``srun``, or None for this machine.
        checkpoints: Those of the job, None to take none. Several processes are told there what to do.
        log: The log file, for these processes to add to.

    Raises:
        InputError: If there is no GPU that was asked for, too few rows are left, or a training diverges.
        SystemExit: With status 143 if a signal stopped the training.
    """
    set_threads(settings.threads_per_network)
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    design, drawn = read_design(table), read_splits([splits])
    if settings.loss == "auto":
        settings = replace(settings, loss="cross_entropy" if design.classes else "squared_error")
    files = {"table": table, "splits": splits, "log": log}
    found = train_all(Rows.of(design), drawn, settings, threads, gpus, mpi, checkpoints, files, logger)
    predicted, has = predictions_of(design, found)
    failures = [(int(seed), DIVERGED) for seed in drawn.seeds[~has]]
    kept = kept_of(drawn, [drawn[has]] if has.any() else [], failures, settings.failures)
    description = write_weights(design, drawn, found, settings, weights)
    write_evaluation(design, kept, predicted, predictions, scores, is_weighted=False, failures=failures)
    write_curves(drawn, found, has, learning_curves, training_log)
    write_summary(description, settings.batch_size, summary)


def train_all(
    rows: Rows,
    drawn: Splits,
    settings: Settings,
    threads: int,
    gpus: int,
    mpi: str | None,
    checkpoints: Checkpoints | None,
    files: dict[str, str | None],
    logger: logging.Logger,
) -> list[Trained]:
    """Trains on chunks of the splits: in this process, in some side by side, or in several that share each batch.

    The ``files``, which are the table, the splits and the log, are for these; all else is as in ``fit_mlp``.
    """
    accelerator = accelerator_for(settings.accelerator, settings.precision, gpus)
    alone = accelerator != "cpu" or settings.processes > 1
    workers = 1 if alone else max(1, min(threads // settings.threads_per_network, len(drawn)))
    chunks = rounds(drawn, members_at_once(rows, int(drawn.sizes()[0].max()), settings), workers)
    cards = take_cards(settings.processes, logger) if accelerator == "gpu" and mpi is None else ()
    if settings.processes > 1:
        task = files | {"settings": vars(settings), "chunks": chunks, "accelerator": accelerator}
        task["checkpoint_seconds"] = checkpoints.seconds
        found = launch(task, checkpoints.folder, settings.processes, mpi, cards)
    else:
        progress, place = Progress(logger, "networks trained", len(drawn)), Place(accelerator, cards)

        def work(chunk: tuple[int, int]) -> Trained:
            return train(rows, drawn[slice(*chunk)], settings, progress, checkpoints, place)

        found = list(map_in_processes(work, chunks, workers))
    logger.info("%d networks trained, %d side by side.", len(drawn), chunks[0][1])
    return found


def rounds(splits: Splits, most: int, workers: int) -> list[tuple[int, int]]:
    """Cuts splits into chunks, from the first of each to that after its last: few rounds of all workers, and equal ones.

    The splits of a chunk are of equal size.
    """
    chunks, begin = [], 0
    for part in splits.parts():
        number = math.ceil(len(part) / (most * workers))
        size = math.ceil(len(part) / (number * workers))
        end = begin + len(part)
        chunks += [(start, min(start + size, end)) for start in range(begin, end, size)]
        begin = end
    return chunks


def predictions_of(design: Design, found: list[Trained]) -> tuple[np.ndarray, np.ndarray]:
    """Collects numbers or probabilities for the test rows of the S splits whose network predicts numbers, and which do, (S,)."""
    by_split = [values for one in found for values in one.predicted]
    has = np.array([np.isfinite(values).all() for values in by_split])
    if not has.any():
        return np.empty(0), has
    predicted = np.concatenate([values for values, is_there in zip(by_split, has, strict=True) if is_there])
    predicted = predicted.astype(np.float64)
    return torch.from_numpy(predicted).softmax(dim=1).numpy() if design.classes else predicted, has


def write_weights(
    design: Design, drawn: Splits, found: list[Trained], settings: Settings, weights: str
) -> dict[str, object]:
    """Writes the weights of all networks, and gives what ``save_weights`` tells of them there."""
    description = {"seeds": drawn.seeds.tolist(), "features": design.features, "target": design.target}
    description |= {"classes": design.classes} | {
        key: getattr(settings, key) for key in ("hidden", "dropout")
    }
    stacked = {
        name: torch.from_numpy(np.concatenate([one.weights[name] for one in found]))
        for name in found[0].weights
    }
    with replacing(weights) as temporary:
        save_weights(stacked, description, str(temporary))
    return description


def write_summary(description: dict, batch_size: int, path: str) -> None:
    """Writes the layers of a network with their shapes and parameters, for a batch."""
    with replacing(path) as temporary:
        network = MLP(*shape_of(description))
        shape = (batch_size, len(description["features"]))
        text = str(torchinfo.summary(network, input_size=shape, device="cpu", verbose=0))
        temporary.write_text(text + "\n", encoding="utf-8")


def write_curves(
    splits: Splits, found: list[Trained], has: np.ndarray, learning_curves: str, training_log: str
) -> None:
    """Writes the learning curves of the networks that predict numbers as Parquet, and that of the first one as CSV.

    The columns are ``seed``, ``epoch``, and the mean absolute error, or for a classification the accuracy, and the
    loss on the rows trained on (with dropout) and on the validation rows.
    """
    names = sorted(found[0].curves, key=lambda name: (name.startswith("valid"), name.endswith("loss")))
    curves = {name: np.concatenate([one.curves[name] for one in found]) for name in names}
    epochs = curves["train_loss"].shape[1]
    lasted = np.arange(epochs) < np.concatenate([one.lasted for one in found])[:, None]
    columns = {
        "seed": np.repeat(splits.seeds, epochs).reshape(-1, epochs),
        "epoch": np.tile(np.arange(1, epochs + 1, dtype=np.int32), (len(splits), 1)),
    } | curves
    columns = {name: values[has] for name, values in columns.items()}
    lasted = lasted[has]
    write_table({name: values[lasted] for name, values in columns.items()}, learning_curves)
    with replacing(training_log) as temporary:
        first = {name: values[0][lasted[0]] for name, values in columns.items()}
        pyarrow.csv.write_csv(pyarrow.table(first), temporary)
