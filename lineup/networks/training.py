"""Trains the networks of some splits side by side, in this process or as one of several that share each batch."""

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lineup.data.tables import Design, Splits
from lineup.errors import InputError
from lineup.networks.checkpoints import Checkpoints, Streams
from lineup.networks.network import MLP, Members, Training
from lineup.progress import Progress
from lineup.torch_setup import LightningEnvironment, TorchElasticEnvironment, lightning, torch

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
        self.progress, self.members, self.epochs = progress, members, epochs
        self.told = 0.0

    def on_train_epoch_end(self, _: object, module: Training) -> None:
        """Counts the part of the networks that the epochs so far are."""
        self.tell(self.members * (module.epochs + 1) / self.epochs)

    def tell(self, done: float) -> None:
        """Counts some networks as done, less those that are counted already."""
        self.progress.advance(done - self.told)
        self.told = done


@dataclass(frozen=True)
class Place:
    """Where a training runs.

    Attributes:
        accelerator: ``cpu``, ``gpu`` or ``auto``, as Lightning has it.
        cards: The GPUs that it may take, by number; empty on a CPU.
        rank: Which of the processes that train together this is, from 0.
        processes: How many there are.
        nodes: On how many machines they run, as many on each.
    """

    accelerator: str = "cpu"
    cards: tuple[int, ...] = ()
    rank: int = 0
    processes: int = 1
    nodes: int = 1


HERE = Place()


def trainer_at(place: Place, **options: object) -> lightning.Trainer:
    """Makes a trainer for one process, or for one of several that average their gradients."""
    if place.processes > 1:
        options |= {
            "strategy": "ddp",
            "devices": list(place.cards) or place.processes // place.nodes,
            "num_nodes": place.nodes,
            "plugins": [TorchElasticEnvironment()],
        }
    else:
        # One process, also where a Slurm job or an MPI launcher stands around it.
        options |= {"devices": list(place.cards) or 1, "plugins": [LightningEnvironment()]}
    return lightning.Trainer(
        accelerator=place.accelerator,
        deterministic=True,
        logger=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )


def train(
    rows: Rows,
    splits: Splits,
    settings: dict,
    progress: Progress | None = None,
    checkpoints: Checkpoints | None = None,
    place: Place = HERE,
) -> Trained:
    """Trains the networks of some splits side by side, and predicts their test rows.

    Args:
        rows: The table.
        splits: The splits.
        settings: The model's entry in the config.
        progress: Counts the networks, if anybody wants to know.
        checkpoints: Those of the job. A training that was stopped goes on from its last one.
        place: Where it runs.

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
        share=(place.rank, place.processes),
    )
    layers = list(zip(settings["hidden"], settings["dropout"], strict=True))
    advance = [Advance(progress, len(splits), settings["epochs"])] if progress else []
    saving = [checkpoints.saving(splits.seeds, place.accelerator)] if checkpoints else []
    trainer = trainer_at(
        place,
        max_epochs=settings["epochs"],
        precision=settings["precision"],
        callbacks=[*advance, *saving, Streams(streams)],
        enable_checkpointing=bool(saving),
    )
    if trainer.world_size != place.processes:
        raise RuntimeError(f"The training has {trainer.world_size} processes, not {place.processes}.")
    try:
        trainer.fit(
            module,
            Batches(rows, np.array(numbers), settings["batch_size"], layers, streams),
            torch.utils.data.DataLoader([rows.take(np.array(validating))], batch_size=None),
            ckpt_path=checkpoints.last(splits.seeds, place.accelerator) if checkpoints else None,
            weights_only=True,
        )
        if module.epochs < settings["epochs"] and not module.ended_early:
            sys.exit(143)
    finally:
        # Lightning's own exception would end the process with status 0, as if the training were complete.
        if trainer.received_sigterm:
            sys.exit(143)
    for one in advance:
        one.tell(len(splits))
    module.take_best()
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


def standardize(network: MLP, X: torch.Tensor) -> None:
    """Sets the centre and the scale of a network to the mean and the population standard deviation of X."""
    X = X.to(torch.float32)
    # Rounding can give a constant feature a standard deviation just above 0.
    constant = X.amin(dim=0) == X.amax(dim=0)
    network.centre.copy_(torch.where(constant, X[0], X.mean(dim=0)))
    network.scale.copy_(torch.where(constant, torch.ones_like(X[0]), X.std(dim=0, correction=0)))
