"""Trains a neural network on each of many splits, many of them side by side."""

import logging
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow.csv
import torchinfo

from scripts.errors import InputError
from scripts.evaluation import write_evaluation
from scripts.files import replacing
from scripts.job import job, outputs
from scripts.network import MLP, Members, Training, save_weights, shape_of
from scripts.parallel import in_order
from scripts.progress import Progress
from scripts.tables import Design, Splits, read_design, read_splits, write_table
from scripts.torch_setup import LightningEnvironment, lightning, set_threads, torch

# Most networks that are trained side by side, and the bytes that they may take together. More of them
# share what a step costs beside the arithmetic; beyond this they gain nothing.
MEMBERS, MEMORY = 500, 256 * 2**20

# Multiplications in a step, forward, from which the arithmetic takes so long that company gains nothing.
ALONE = 2**24


@dataclass(frozen=True)
class Rows:
    """Features and targets as the networks see them.

    Attributes:
        X: Shape (n, p), float32; of images the pixels, uint8, which a network scales by the batch.
        y: Shape (n,): numbers, float32, or places of classes, int64.
        scale: What a network divides the features by.
        classes: Number of classes K, 0 for a regression.
    """

    X: torch.Tensor
    y: torch.Tensor
    scale: float = 1.0
    classes: int = 0

    @classmethod
    def of(cls, design: Design) -> "Rows":
        """Takes the rows of a prepared table."""
        X = design.X if design.X.dtype == np.uint8 else design.X.astype(np.float32)
        y = design.y if design.classes else design.y.astype(np.float32)
        return cls(torch.from_numpy(X), torch.from_numpy(y), design.scale, len(design.classes))

    def take(self, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Takes rows by their numbers, in an array of any shape."""
        chosen = torch.from_numpy(rows.astype(np.int64))
        return self.X[chosen], self.y[chosen]


class Batches:
    """The batches of M networks, each drawn from the stream of its own network, anew in every epoch.

    Args:
        rows: The table.
        numbers: Row numbers of the training rows, shape (M, n).
        size: Rows in a batch. The last may be smaller.
        layers: For each hidden layer its units and the probability of dropping one.
        streams: The M streams.
    """

    def __init__(
        self,
        rows: Rows,
        numbers: np.ndarray,
        size: int,
        layers: list[tuple[int, float]],
        streams: list[np.random.Generator],
    ) -> None:
        self.rows, self.numbers, self.size, self.layers, self.streams = rows, numbers, size, layers, streams

    def __len__(self) -> int:
        """Counts the batches of an epoch."""
        return math.ceil(self.numbers.shape[1] / self.size)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]]:
        """Yields features (M, b, p), targets (M, b), and for each layer which units are kept, (M, b, units)."""
        members, n = self.numbers.shape
        order = np.empty((members, n), dtype=np.int64)
        kept = [np.empty((members, n, units), dtype=bool) for units, _ in self.layers]
        for k, stream in enumerate(self.streams):
            order[k] = self.numbers[k][stream.permutation(n)]
            for place, (units, probability) in enumerate(self.layers):
                kept[place][k] = draw_kept(stream, n, units, probability)
        x, y = self.rows.take(order)
        masks = [torch.from_numpy(layer) for layer in kept]
        for start in range(0, n, self.size):
            some = slice(start, start + self.size)
            yield x[:, some], y[:, some], [mask[:, some] for mask in masks]


def draw_kept(stream: np.random.Generator, n: int, units: int, probability: float) -> np.ndarray:
    """Draws which units of a layer are kept in an epoch: shape (n, units)."""
    # ASSUME: a probability is met to 2^-17. Whole words of 64 bits are by far the fastest to draw.
    words = stream.bit_generator.random_raw(math.ceil(n * units / 4))
    return words.view(np.uint16)[: n * units].reshape(n, units) >= round(probability * 2**16)


def member_stream(seed: int, split_seed: int) -> tuple[int, np.random.Generator]:
    """Derives the random streams of one network from its own seed and that of its split.

    A network so has the same weights whichever others are trained beside it, in whatever order.

    Args:
        seed: Seed of the model.
        split_seed: Seed of the split.

    Returns:
        A seed for torch to draw the first weights with, and a stream for the rows to validate on, the
        order of the rows, and the units that are dropped.
    """
    sequence = np.random.SeedSequence([seed, split_seed])
    first = int(sequence.generate_state(1, np.uint64)[0] >> 1)
    return first, np.random.Generator(np.random.SFC64(sequence))


def validation_rows(
    train: np.ndarray, test: np.ndarray, validation: str | float, stream: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Chooses the rows that are trained on and those that the curve is validated on.

    Args:
        train: Training rows of the split.
        test: Its test rows.
        validation: ``test``, or the share of the training rows to hold out.
        stream: Draws the rows to hold out.

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
    shuffled = stream.permutation(train)
    return shuffled[held:], shuffled[:held]


@dataclass(frozen=True)
class Trained:
    """What the training of M networks gave, as arrays: tensors are not handed on from process to process.

    Attributes:
        weights: Their weights, stacked, by the names that they have in an ``MLP``.
        curves: By epoch, see ``Training.curves``, each of shape (M, epochs), float32. They mean nothing
            after the end of a training.
        lasted: For how many epochs each was trained, shape (M,).
        predicted: For the test rows numbers, shape (M, t), or the logits of K classes, shape (M, t, K),
            float32.
    """

    weights: dict[str, np.ndarray]
    curves: dict[str, np.ndarray]
    lasted: np.ndarray
    predicted: np.ndarray


class Advance(lightning.Callback):
    """Tells after each epoch how far the training has got.

    Args:
        progress: Counts the networks.
        members: How many are trained side by side.
        epochs: For how many epochs, at most.
    """

    def __init__(self, progress: Progress, members: int, epochs: int) -> None:
        self.progress, self.share = progress, members / epochs
        self.left = float(members)

    def on_train_epoch_end(self, *_: object) -> None:
        """Counts the part of the networks that an epoch is."""
        self.progress.advance(self.share)
        self.left -= self.share

    def on_train_end(self, *_: object) -> None:
        """Counts the epochs that early stopping has spared."""
        self.progress.advance(self.left)


def train(rows: Rows, splits: Splits, settings: dict, progress: Progress) -> Trained:
    """Trains the networks of some splits side by side, and predicts their test rows.

    Args:
        rows: The table.
        splits: The splits.
        settings: The model's entry in the config.
        progress: Counts the networks.

    Raises:
        InputError: If no row would be left to train on.
        SystemExit: With status 143 if a signal stopped the training.
    """
    network = MLP(rows.X.shape[1], settings["hidden"], settings["dropout"], rows.classes or 1)
    network.scale.fill_(rows.scale)
    states, streams, numbers, validating = [], [], [], []
    for seed, train_rows, test_rows in zip(splits.seeds, splits.train, splits.test, strict=True):
        first, stream = member_stream(settings["seed"], int(seed))
        trained_on, validated_on = validation_rows(train_rows, test_rows, settings["validation"], stream)
        torch.default_generator.manual_seed(first)
        network.reset_parameters()
        if settings["standardize"]:
            standardize(network, rows.take(trained_on)[0])
        states.append({name: value.clone() for name, value in network.state_dict().items()})
        streams.append(stream)
        numbers.append(trained_on)
        validating.append(validated_on)
    members = Members(network, states, alone=is_alone(rows, settings))
    module = Training(
        members,
        settings["loss"],
        settings["optimizer"],
        settings["learning_rate"],
        patience=None if settings["patience"] == "none" else settings["patience"],
        best=settings["weights"] == "best",
    )
    layers = list(zip(settings["hidden"], settings["dropout"], strict=True))
    trainer = lightning.Trainer(
        max_epochs=settings["epochs"],
        accelerator=settings["accelerator"],
        devices=1,
        deterministic=True,
        # One process, also where a Slurm job or an MPI launcher stands around it.
        plugins=[LightningEnvironment()],
        callbacks=[Advance(progress, len(splits), settings["epochs"])],
        logger=False,
        num_sanity_val_steps=0,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    try:
        trainer.fit(
            module,
            Batches(rows, np.array(numbers), settings["batch_size"], layers, streams),
            torch.utils.data.DataLoader([rows.take(np.array(validating))], batch_size=None),
        )
        if trainer.current_epoch < settings["epochs"] and not module.ended_early:
            sys.exit(143)
    finally:
        # Lightning's own exception would end the process with status 0, as if the training were complete.
        if trainer.received_sigterm:
            sys.exit(143)
    members.cpu().eval()
    with torch.no_grad():
        predicted = members(rows.take(splits.test)[0]).numpy()
    epochs = range(settings["epochs"])
    curves = {
        name: torch.stack([values[min(epoch, len(values) - 1)] for epoch in epochs], dim=1).numpy()
        for name, values in module.curves.items()
    }
    weights = {name: value.numpy() for name, value in members.state().items()}
    return Trained(weights, curves, module.lasted.numpy(), predicted)


def is_alone(rows: Rows, settings: dict) -> bool:
    """Tells whether networks of this shape are trained one by one. It hangs on nothing but their shape."""
    return settings["batch_size"] * number_of_weights(rows, settings) >= ALONE


def number_of_weights(rows: Rows, settings: dict) -> int:
    """Counts the weights and biases of a network."""
    sizes = [rows.X.shape[1], *settings["hidden"], rows.classes or 1]
    return sum(before * after + after for before, after in pairwise(sizes))


def members_at_once(rows: Rows, trained_on: int, settings: dict) -> int:
    """Computes how many networks may be trained side by side.

    Args:
        rows: The table.
        trained_on: Number of training rows.
        settings: The model's entry in the config.
    """
    if is_alone(rows, settings):
        return 1
    units = sum(settings["hidden"])
    features = rows.X.shape[1]
    # Weights, gradients, two moments and the best so far; the rows of an epoch; which units are kept,
    # drawn as words of two bytes; and what a batch goes through, forth and back.
    held = 5 * 4 * number_of_weights(rows, settings)
    held += trained_on * (rows.X.element_size() * features + 3 * units)
    held += settings["batch_size"] * 4 * (features + 6 * units)
    return max(1, min(MEMBERS, MEMORY // held))


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
    processes: int,
    logger: logging.Logger,
) -> None:
    """Trains a network on each split of a block and writes what that gives.

    Args:
        table: The prepared table.
        splits: The block of splits.
        predictions: Parquet file to write, see ``write_evaluation``.
        scores: Parquet file to write, see ``write_evaluation``.
        training_log: CSV file to write: the learning curve of the first split of the block.
        learning_curves: Parquet file to write: ``seed``, ``epoch``, and the mean absolute error, or for
            a classification the accuracy, and the loss on the rows trained on (with dropout) and on the
            validation rows.
        summary: Text file to write: the layers of a network with their shapes and parameters.
        weights: safetensors file to write, see ``save_weights``.
        settings: The model's entry in the config.
        processes: How many processes train on a CPU. The result does not depend on their number.
        logger: Where to report.

    Raises:
        InputError: If the config asks for a GPU and there is none, if too few rows are left, or if
            a training diverges.
        SystemExit: With status 143 if a signal stopped the training.
    """
    on_gpu = settings["accelerator"] != "cpu" and torch.accelerator.is_available()
    if settings["accelerator"] == "gpu" and not on_gpu:
        raise InputError(
            "The config asks for accelerator: gpu, and this machine has none: set it to auto or cpu."
        )
    set_threads(settings["threads_per_network"])
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    design, drawn = read_design(table), read_splits([splits])
    rows = Rows.of(design)
    most = members_at_once(rows, drawn.train.shape[1], settings)
    workers = 1 if on_gpu else min(processes, len(drawn))
    # As few rounds as can be, and in each of them as much for every process.
    rounds = math.ceil(len(drawn) / (most * workers))
    size = math.ceil(len(drawn) / (rounds * workers))
    chunks = [drawn[start : start + size] for start in range(0, len(drawn), size)]
    progress = Progress(logger, "networks trained", len(drawn))
    found = list(in_order(lambda chunk: train(rows, chunk, settings, progress), chunks, workers))
    predicted = np.concatenate([one.predicted for one in found]).astype(np.float64)
    for seed, values in zip(drawn.seeds, predicted, strict=True):
        if not np.isfinite(values).all():
            raise InputError(
                f"The training on split {seed} diverged, and the network predicts no numbers: lower learning_rate "
                "of the model in the config, set standardize: true, or choose another optimizer."
            )
    description = {"seeds": drawn.seeds.tolist(), "features": design.features, "target": design.target}
    description |= {"classes": design.classes} | {key: settings[key] for key in ("hidden", "dropout")}
    stacked = {
        name: torch.from_numpy(np.concatenate([one.weights[name] for one in found]))
        for name in found[0].weights
    }
    with replacing(weights) as temporary:
        save_weights(stacked, description, str(temporary))
    if design.classes:
        predicted = torch.from_numpy(predicted).softmax(dim=2).numpy()
    write_evaluation(design, drawn, predicted, predictions, scores)
    write_curves(drawn, found, learning_curves, training_log)
    with replacing(summary) as temporary:
        network = MLP(*shape_of(description))
        shape = (settings["batch_size"], len(design.features))
        text = str(torchinfo.summary(network, input_size=shape, device="cpu", verbose=0))
        temporary.write_text(text + "\n", encoding="utf-8")
    logger.info("%d networks trained, %d side by side.", len(drawn), size)


def write_curves(splits: Splits, found: list[Trained], learning_curves: str, training_log: str) -> None:
    """Writes the learning curves of all networks as Parquet, and that of the first one as CSV."""
    names = sorted(found[0].curves, key=lambda name: (name.startswith("valid"), name.endswith("loss")))
    curves = {name: np.concatenate([one.curves[name] for one in found]) for name in names}
    epochs = curves["train_loss"].shape[1]
    lasted = np.arange(epochs) < np.concatenate([one.lasted for one in found])[:, None]
    columns = {
        "seed": np.repeat(splits.seeds, epochs).reshape(-1, epochs),
        "epoch": np.tile(np.arange(1, epochs + 1, dtype=np.int32), (len(splits), 1)),
    } | curves
    write_table({name: values[lasted] for name, values in columns.items()}, learning_curves)
    with replacing(training_log) as temporary:
        first = {name: values[0][lasted[0]] for name, values in columns.items()}
        pyarrow.csv.write_csv(pyarrow.table(first), temporary)


def standardize(network: MLP, X: torch.Tensor) -> None:
    """Sets the centre and the scale of a network to the mean and the population standard deviation of X."""
    X = X.to(torch.float32)
    # Rounding can give a constant feature a standard deviation just above 0.
    constant = X.amin(dim=0) == X.amax(dim=0)
    network.centre.copy_(torch.where(constant, X[0], X.mean(dim=0)))
    network.scale.copy_(torch.where(constant, torch.ones_like(X[0]), X.std(dim=0, correction=0)))


if __name__ == "__main__":
    with job(snakemake) as logger:
        fit_mlp(
            **snakemake.input,
            **outputs(snakemake),
            settings=snakemake.params.spec["settings"],
            processes=max(1, snakemake.threads // snakemake.params.spec["settings"]["threads_per_network"]),
            logger=logger,
        )
