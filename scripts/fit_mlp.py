"""Trains a neural network on every split."""

import csv
import logging
import math
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torchinfo
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler, TensorDataset

from scripts.errors import InputError
from scripts.evaluation import write_evaluation
from scripts.files import replacing
from scripts.job import job, outputs
from scripts.network import MLP, Regression, load_network, predict, save_weights
from scripts.tables import read_design, read_splits, write_table
from scripts.torch_setup import LightningEnvironment, lightning, set_threads, torch


@dataclass(frozen=True)
class Rows:
    """Features and targets as the network sees them.

    Attributes:
        X: Shape (n, p), float32.
        y: Shape (n,), float32.
    """

    X: torch.Tensor
    y: torch.Tensor

    def take(self, rows: np.ndarray) -> "Rows":
        """Takes some of the rows."""
        chosen = torch.from_numpy(rows.astype(np.int64))
        return Rows(self.X[chosen], self.y[chosen])

    def batches(self, size: int, workers: int, generator: torch.Generator | None = None) -> DataLoader:
        """Gives the rows in batches, shuffled by the generator if there is one."""
        data = TensorDataset(self.X, self.y)
        order = SequentialSampler(data) if generator is None else RandomSampler(data, generator=generator)
        # A batch is one indexing of the tensors: gathering it row by row takes longer than the step.
        sampler = BatchSampler(order, size, drop_last=False)
        return DataLoader(data, sampler=sampler, batch_size=None, num_workers=workers)


def split_stream(seed: int, split_seed: int) -> tuple[int, np.random.Generator]:
    """Derives the random streams of one network from its own seed and that of its split.

    So a network is the same whichever splits are trained beside it, and in whatever order.

    Returns:
        A seed for torch, and a generator to draw the validation rows.
    """
    sequence = np.random.SeedSequence([seed, split_seed])
    return int(sequence.generate_state(1, np.uint64)[0] >> 1), np.random.default_rng(sequence)


def validation_rows(
    train: np.ndarray, test: np.ndarray, validation: str | float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Chooses the rows that are trained on and those that the curve is validated on.

    Args:
        train: Training rows of the split.
        test: Its test rows.
        validation: ``test``, or the share of the training rows to hold out.
        generator: Draws the rows to hold out.

    Returns:
        The rows to train on and the rows to validate on.

    Raises:
        InputError: If no row would be left to train on.
    """
    if validation == "test":
        return train, test
    held = math.ceil(validation * len(train))
    if held >= len(train):
        raise InputError(
            f"A validation share of {validation} leaves none of the {len(train)} training rows: lower it."
        )
    shuffled = generator.permutation(train)
    return shuffled[held:], shuffled[:held]


def train_network(
    network: MLP, batches: dict[str, DataLoader], settings: dict, folder: str
) -> list[dict[str, str]]:
    """Trains a network, then tests it.

    Args:
        network: The network. Its weights are changed.
        batches: Batches to ``train``, ``valid`` and ``test`` with.
        settings: The model's entry in the config.
        folder: An empty folder for Lightning.

    Returns:
        The records that Lightning's CSVLogger wrote.

    Raises:
        SystemExit: With status 143 if a signal stopped the training.
    """
    logger = lightning.loggers.CSVLogger(folder, name="", version="")
    trainer = lightning.Trainer(
        max_epochs=settings["epochs"],
        accelerator=settings["accelerator"],
        devices=1,
        deterministic=True,
        logger=logger,
        # One process, also where a Slurm job or an MPI launcher stands around it.
        plugins=[LightningEnvironment()],
        log_every_n_steps=1,
        num_sanity_val_steps=0,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    module = Regression(network, settings["loss"], settings["optimizer"], settings["learning_rate"])
    try:
        trainer.fit(module, batches["train"], batches["valid"])
        if trainer.received_sigterm or trainer.current_epoch < settings["epochs"]:
            sys.exit(143)
        trainer.test(module, batches["test"], verbose=False)
    finally:
        # Lightning's own exception would end the process with status 0, as if the training were complete.
        if trainer.received_sigterm:
            sys.exit(143)
    logger.save()
    with Path(logger.experiment.metrics_file_path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def learning_curve(records: list[dict[str, str]], epochs: int) -> dict[str, np.ndarray]:
    """Collects the records of one training by epoch.

    Args:
        records: What ``train_network`` gave.
        epochs: Number of epochs.

    Returns:
        ``epoch`` from 1 on, and ``train_mae``, ``train_loss``, ``valid_mae``, ``valid_loss``.
    """
    curve = {"epoch": np.arange(1, epochs + 1, dtype=np.int32)}
    for metric in ("train_mae", "train_loss", "valid_mae", "valid_loss"):
        curve[metric] = np.array([float(record[metric]) for record in records if record.get(metric)])
    return curve


def fit_mlp(
    table: str,
    splits: str,
    predictions: str,
    scores: str,
    training_log: str,
    learning_curves: str,
    summary: str,
    weights: str,
    settings: dict,
    logger: logging.Logger,
) -> None:
    """Trains the network on every split and writes what it gives.

    Args:
        table: The prepared table.
        splits: The table of splits.
        predictions: Parquet file to write, see ``write_evaluation``. They come from the saved weights.
        scores: Parquet file to write, see ``write_evaluation``.
        training_log: CSV file to write: the records of Lightning's CSVLogger after the ``seed`` of
            the split, the last of each split being that of the test.
        learning_curves: Parquet file to write: ``seed``, ``epoch``, and the mean absolute error and
            the loss on the rows trained on (with dropout) and on the validation rows.
        summary: Text file to write: the layers of the network with their shapes and parameters.
        weights: safetensors file to write, see ``save_weights``.
        settings: The model's entry in the config.
        logger: Where to report.

    Raises:
        InputError: If the config asks for a GPU and there is none, if too few rows are left, or if
            a training diverges.
        SystemExit: With status 143 if a signal stopped the training.
    """
    if settings["accelerator"] == "gpu" and not torch.accelerator.is_available():
        raise InputError(
            "The config asks for accelerator: gpu, and this machine has none: set it to auto or cpu."
        )
    set_threads(settings["threads"])
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    design, drawn = read_design(table), list(read_splits(splits))
    rows = Rows(torch.from_numpy(design.X.astype(np.float32)), torch.from_numpy(design.y.astype(np.float32)))
    networks, log, curves = [], [], []
    for split in drawn:
        torch_seed, generator = split_stream(settings["seed"], split.seed)
        train, valid = validation_rows(split.train, split.test, settings["validation"], generator)
        torch.manual_seed(torch_seed)
        network = MLP(len(design.features), settings["hidden"], settings["dropout"])
        if settings["standardize"]:
            standardize(network, rows.take(train).X)
        size, workers = settings["batch_size"], settings["workers"]
        batches = {
            "train": rows.take(train).batches(size, workers, torch.Generator().manual_seed(torch_seed)),
            "valid": rows.take(valid).batches(len(valid), workers),
            "test": rows.take(split.test).batches(len(split.test), workers),
        }
        with tempfile.TemporaryDirectory() as folder:
            records = train_network(network, batches, settings, folder)
        if not math.isfinite(float(records[-1]["test_mae"])):
            raise InputError(
                f"The training on split {split.seed} diverged, and the network predicts no numbers: lower learning_rate "
                "of the model in the config, set standardize: true, or choose another optimizer."
            )
        networks.append(network)
        log += [{"seed": split.seed, **record} for record in records]
        curves.append(learning_curve(records, settings["epochs"]))
        logger.info("Split %d: trained, test MAE %.6g.", split.seed, float(records[-1]["test_mae"]))

    description = {
        "seeds": [split.seed for split in drawn],
        "features": design.features,
        "target": design.target,
    }
    description |= {key: settings[key] for key in ("hidden", "dropout")}
    with replacing(weights) as temporary:
        save_weights(networks, description, str(temporary))
    predicted = [
        predict(load_network(weights, split.seed), rows.take(split.test).X).numpy().astype(np.float64)
        for split in drawn
    ]
    write_evaluation(design, drawn, predicted, predictions, scores)
    with replacing(training_log) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, sorted({key for record in log for key in record}, key=column_order))
        writer.writeheader()
        writer.writerows(log)
    seeds = np.array([split.seed for split in drawn], dtype=np.int64)
    write_table(
        {"seed": np.repeat(seeds, settings["epochs"])}
        | {name: np.concatenate([curve[name] for curve in curves]) for name in curves[0]},
        learning_curves,
    )
    with replacing(summary) as temporary:
        shape = (settings["batch_size"], len(design.features))
        text = str(torchinfo.summary(networks[0], input_size=shape, device="cpu", verbose=0))
        temporary.write_text(text + "\n", encoding="utf-8")


def standardize(network: MLP, X: torch.Tensor) -> None:
    """Sets the centre and the scale of a network to the mean and the population standard deviation of X."""
    # Rounding can give a constant feature a standard deviation just above 0.
    constant = X.amin(dim=0) == X.amax(dim=0)
    network.centre.copy_(torch.where(constant, X[0], X.mean(dim=0)))
    network.scale.copy_(torch.where(constant, torch.ones_like(X[0]), X.std(dim=0, correction=0)))


def column_order(name: str) -> tuple[int, str]:
    """Sorts the columns of the training log: seed, epoch and step first, then the metrics by name."""
    first = ["seed", "epoch", "step"]
    return (first.index(name), "") if name in first else (len(first), name)


if __name__ == "__main__":
    with job(snakemake) as logger:
        fit_mlp(
            **snakemake.input,
            **outputs(snakemake),
            settings=snakemake.params.spec["settings"] | {"workers": snakemake.params.workers},
            logger=logger,
        )
