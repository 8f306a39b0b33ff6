"""Trains the networks of some splits side by side, in this process or as one of several that share each batch."""

import sys
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lineup.data.tables import Splits
from lineup.networks.batches import Batches, Rows, member_stream, validation_rows
from lineup.networks.checkpoints import Checkpoints, Streams
from lineup.networks.network import MLP, Members
from lineup.networks.optimization import Target, Training
from lineup.networks.settings import Settings
from lineup.progress import Progress
from lineup.torch_setup import LightningEnvironment, TorchElasticEnvironment, lightning, torch

# Most networks that are trained side by side, and the bytes that they may take together. More of them
# share what a step costs beside the arithmetic; beyond this they gain nothing.
MEMBERS, MEMORY = 500, 256 * 2**20

# Multiplications in a step, forward, from which the arithmetic takes so long that company gains nothing.
ALONE = 2**24


@dataclass(frozen=True)
class Trained:
    """What the training of M networks gave, as arrays: tensors are not handed on from process to process."""

    weights: dict[str, np.ndarray]  # their weights, stacked, by the names that they have in an ``MLP``
    # By epoch, see ``Training.curves``, each of shape (M, epochs), float32. They mean nothing after the end of a
    # training.
    curves: dict[str, np.ndarray]
    lasted: np.ndarray  # for how many epochs each was trained, shape (M,)
    # For the test rows numbers, shape (M, t), or the logits of K classes, shape (M, t, K), float32.
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
    """Where a training runs."""

    accelerator: str = "cpu"  # ``cpu``, ``gpu`` or ``auto``, as Lightning has it
    cards: tuple[int, ...] = ()  # the GPUs that it may take, by number; empty on a CPU
    rank: int = 0  # which of the processes that train together this is, from 0
    processes: int = 1  # how many there are
    nodes: int = 1  # on how many machines they run, as many on each


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


@dataclass(frozen=True)
class Started:
    """What a training of M networks begins with."""

    network: MLP  # A network of their shape
    states: list[dict[str, torch.Tensor]]  # the first weights of each
    streams: list[np.random.Generator]  # the random stream of each
    trained_on: np.ndarray  # row numbers, shape (M, n)
    validated_on: np.ndarray  # row numbers, shape (M, v)
    target: Target | None  # what each has for 0 and for 1 in its target, if it is standardized


def start(rows: Rows, splits: Splits, settings: Settings) -> Started:
    """Draws the first weights of a network for each split, and the rows that it is trained and validated on."""
    network = MLP(rows.features, settings.hidden, settings.dropout, rows.classes or 1)
    network.scale.fill_(rows.scale)
    states, streams, numbers, validating, targets = [], [], [], [], []
    for member, (seed, train_rows, test_rows) in enumerate(
        zip(splits.seeds, splits.train, splits.test, strict=True)
    ):
        first, stream = member_stream(settings.seed, int(seed))
        trained_on, validated_on = validation_rows(train_rows, test_rows, settings.validation, stream)
        torch.default_generator.manual_seed(first)
        network.reset_parameters()
        if settings.standardize:
            standardize(network, rows.take(trained_on, member)[0])
        targets.append(moments(rows.take(trained_on, member)[1][:, None].to(torch.float64)))
        states.append({name: value.clone() for name, value in network.state_dict().items()})
        streams.append(stream)
        numbers.append(trained_on)
        validating.append(validated_on)
    target = None
    if settings.standardize_target and not rows.classes:
        centres, scales = (torch.cat(parts).to(torch.float32) for parts in zip(*targets, strict=True))
        target = Target(centres, scales)
    return Started(network, states, streams, np.array(numbers), np.array(validating), target)


def train(
    rows: Rows,
    splits: Splits,
    settings: Settings,
    progress: Progress | None = None,
    checkpoints: Checkpoints | None = None,
    place: Place = HERE,
) -> Trained:
    """Trains the networks of some splits side by side, and predicts their test rows.

    Args:
        rows: The table.
        splits: The splits.
        settings: Those of the model.
        progress: Counts the networks, if anybody wants to know.
        checkpoints: Those of the job. A training that was stopped goes on from its last one.
        place: Where it runs.

    Raises:
        InputError: If no row would be left to train on.
        SystemExit: With status 143 if a signal stopped the training.
    """
    rows = rows.coded_for(splits.train)
    started = start(rows, splits, settings)
    members = Members(started.network, started.states, alone=is_alone(rows, settings))
    module = module_of(members, settings, place, started.target)
    layers = list(zip(settings.hidden, settings.dropout, strict=True))
    advance = [Advance(progress, len(splits), settings.epochs)] if progress else []
    saving = [checkpoints.saving(splits, place.accelerator)] if checkpoints else []
    trainer = trainer_at(
        place,
        max_epochs=settings.epochs,
        precision=settings.precision,
        callbacks=[*advance, *saving, Streams(started.streams)],
        enable_checkpointing=bool(saving),
    )
    if trainer.world_size != place.processes:
        raise RuntimeError(f"The training has {trainer.world_size} processes, not {place.processes}.")
    try:
        trainer.fit(
            module,
            Batches(rows, started.trained_on, settings.batch_size, layers, started.streams),
            torch.utils.data.DataLoader([rows.take(started.validated_on)], batch_size=None),
            ckpt_path=checkpoints.last(splits, place.accelerator) if checkpoints else None,
            weights_only=True,
        )
        if module.epochs < settings.epochs and not module.ended_early:
            sys.exit(143)
    finally:
        # Lightning's own exception would end the process with status 0, as if the training were complete.
        if trainer.received_sigterm:
            sys.exit(143)
    for one in advance:
        one.tell(len(splits))
    return trained(module, members, rows.take(splits.test)[0], settings.epochs)


def module_of(members: Members, settings: Settings, place: Place, target: Target | None) -> Training:
    """Makes what Lightning trains."""
    return Training(
        members,
        settings.loss,
        settings.optimizer,
        settings.learning_rate,
        patience=None if settings.patience == "none" else settings.patience,
        best=settings.weights == "best",
        share=(place.rank, place.processes),
        target=target,
    )


def trained(module: Training, members: Members, X: torch.Tensor, most: int) -> Trained:
    """Collects what a training gave, and predicts for the test rows X of each network, (M, t, p), on the CPU.

    A training that stopped before the most epochs has the last values of its curves for the others.
    """
    module.take_best()
    members.cpu().eval()
    if module.target:
        members.rescale(module.target.centre.cpu(), module.target.scale.cpu())
    with torch.no_grad():
        predicted = members(X).numpy()
    curves = {
        name: torch.stack([values[min(epoch, len(values) - 1)] for epoch in range(most)], dim=1).numpy()
        for name, values in module.curves.items()
    }
    weights = {name: value.numpy() for name, value in members.state().items()}
    return Trained(weights, curves, module.lasted.numpy(), predicted)


def is_alone(rows: Rows, settings: Settings) -> bool:
    """Tells whether networks of this shape are trained one by one. It hangs on nothing but their shape."""
    return settings.batch_size * number_of_weights(rows, settings.hidden) >= ALONE


def number_of_weights(rows: Rows, hidden: list[int]) -> int:
    """Counts the weights and biases of a network."""
    sizes = [rows.features, *hidden, rows.classes or 1]
    return sum(before * after + after for before, after in pairwise(sizes))


def members_at_once(rows: Rows, trained_on: int, settings: Settings) -> int:
    """Computes how many networks may be trained side by side.

    Args:
        rows: The table.
        trained_on: Number of training rows.
        settings: Those of the model.
    """
    if is_alone(rows, settings):
        return 1
    units = sum(settings.hidden)
    features = rows.features
    # Weights, gradients, two moments and the best so far; the rows of an epoch; which units are kept,
    # drawn as words of two bytes; and what a batch goes through, forth and back.
    held = 5 * 4 * number_of_weights(rows, settings.hidden)
    held += trained_on * (rows.X.element_size() * features + 3 * units)
    held += 12 * len(rows.y) * features if rows.design else 0  # the table, coded for each
    held += settings.batch_size * 4 * (features + 6 * units)
    return max(1, min(MEMBERS, MEMORY // held))


def standardize(network: MLP, X: torch.Tensor) -> None:
    """Sets the centre and the scale of a network to the mean and the population standard deviation of X."""
    centre, scale = moments(X.to(torch.float32))
    network.centre.copy_(centre)
    network.scale.copy_(scale)


def moments(X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Computes the mean and the population standard deviation of each column of X, 1 for a constant one."""
    # Rounding can give a constant column a standard deviation just above 0.
    constant = X.amin(dim=0) == X.amax(dim=0)
    centre = torch.where(constant, X[0], X.mean(dim=0))
    return centre, torch.where(constant, torch.ones_like(X[0]), X.std(dim=0, correction=0))
