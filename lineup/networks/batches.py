"""The rows that networks are trained on, and the random streams that decide their order."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from lineup.data.design import Design
from lineup.errors import InputError
from lineup.torch_setup import torch


@dataclass(frozen=True)
class Rows:
    """Features and targets as the networks see them.

    Attributes:
        X: Shape (n, p), float32; of images the pixels, uint8, which a network scales by the batch. Where they are coded for
            each of M networks, shape (M, n, p).
        y: Shape (n,): numbers, float32, or places of classes, int64.
        scale: What a network divides the features by.
        classes: Number of classes K, 0 for a regression.
        design: The table, where a part of the coding is learned from the training rows; else None.
    """

    X: torch.Tensor
    y: torch.Tensor
    scale: float = 1.0
    classes: int = 0
    design: Design | None = None

    @classmethod
    def of(cls, design: Design) -> "Rows":
        """Takes the rows of a prepared table."""
        X = design.X if design.X.dtype == np.uint8 else design.X.astype(np.float32)
        y = design.y if design.classes else design.y.astype(np.float32)
        coded = design if design.unlearned else None
        return cls(torch.from_numpy(X), torch.from_numpy(y), design.scale, len(design.classes), coded)

    @property
    def features(self) -> int:
        """The number of features p."""
        return self.X.shape[-1]

    def coded_for(self, train: np.ndarray) -> "Rows":
        """Codes the rows for M networks, by the training rows of each, shape (M, m)."""
        if self.design is None:
            return self
        everything = np.tile(np.arange(len(self.y)), (len(train), 1))
        (X,) = self.design.coded(train, everything)
        return replace(self, X=torch.from_numpy(X.astype(np.float32)))

    def take(self, rows: np.ndarray, member: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Takes rows by their numbers: of each of M networks, shape (M, r), or of one of them, shape (r,)."""
        chosen = torch.from_numpy(rows.astype(np.int64))
        if self.X.ndim == 2:
            return self.X[chosen], self.y[chosen]
        members = torch.arange(len(chosen))[:, None] if member is None else member
        return self.X[members, chosen], self.y[chosen]


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
    """Derives a seed for the first weights of a network, and a stream for all else, from the seeds of model and split."""
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
