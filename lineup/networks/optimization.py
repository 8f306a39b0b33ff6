"""The training of networks as Lightning takes it: losses, optimizers, steps, and which weights are kept."""

from collections.abc import Iterable
from dataclasses import dataclass

from lineup.networks.network import Members
from lineup.torch_setup import lightning, torch


def cross_entropy(predicted: torch.Tensor, y: torch.Tensor, reduction: str) -> torch.Tensor:
    """Computes torch's cross-entropy of logits (M, n, K) and the places of the classes (M, n), shape (M, n)."""
    return torch.nn.functional.cross_entropy(predicted.flatten(0, 1), y.flatten(), reduction=reduction).view(
        y.shape
    )


def absolute_error(predicted: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Computes how far each prediction is off, shape (M, n)."""
    return (predicted - y).abs()


def hit(predicted: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Tells for which rows the class with the highest logit is the actual one, shape (M, n)."""
    return predicted.argmax(dim=2) == y


LOSSES = {
    "squared_error": torch.nn.functional.mse_loss,
    "absolute_error": torch.nn.functional.l1_loss,
    "cross_entropy": cross_entropy,
}

# What is measured beside the loss: its name, and what of a row it is the mean of.
METRICS = {
    "squared_error": ("mae", absolute_error),
    "absolute_error": ("mae", absolute_error),
    "cross_entropy": ("accuracy", hit),
}
# The power of the unit of the target that a loss has.
POWERS = {"squared_error": 2, "absolute_error": 1}
OPTIMIZERS = {"rmsprop": torch.optim.RMSprop, "adam": torch.optim.Adam, "sgd": torch.optim.SGD}

# What a ``Training`` notes of its epochs, beside the weights and the state of the optimizer.
NOTED = ("curves", "lasted", "_best_loss", "_best_epoch", "_going", "_best")


@dataclass(frozen=True)
class Target:
    """The target of M networks as they are trained on it: less the centre, divided by the scale."""

    centre: torch.Tensor  # shape (M,)
    scale: torch.Tensor  # shape (M,)

    def standardized(self, y: torch.Tensor) -> torch.Tensor:
        """Standardizes targets, shape (M, n)."""
        return (y - self.centre.to(y.device)[:, None]) / self.scale.to(y.device)[:, None]


class Training(lightning.LightningModule):
    """Trains M networks, each as if it were alone.

    The loss is the sum of those of the members, so that the gradient of a weight is that of its own
    member's loss; the optimizers treat each weight by itself.

    Args:
        members: The networks.
        loss: ``squared_error``, ``absolute_error`` or ``cross_entropy``.
        optimizer: ``rmsprop``, ``adam`` or ``sgd``.
        learning_rate: Its learning rate.
        patience: A member stops after this many epochs without a lower loss on the validation rows.
            None trains for all epochs.
        best: Whether the weights of the epoch with the lowest loss on the validation rows are kept.
        share: Which process this is, from 0, and how many share each batch row by row.
        target: How the target is standardized while they are trained; None if it is not.

    Attributes:
        curves: For each epoch the means over the rows of the loss and of the metric that goes with it:
            ``train_loss``, ``train_mae``, ``valid_loss`` and ``valid_mae``, or ``train_accuracy`` and
            ``valid_accuracy``, each of shape (epochs, M).
        lasted: The number of epochs that each member was trained for, shape (M,).
        ended_early: Whether the patience with every member came to its end.
    """

    def __init__(
        self,
        members: Members,
        loss: str,
        optimizer: str,
        learning_rate: float,
        patience: int | None = None,
        best: bool = False,
        share: tuple[int, int] = (0, 1),
        target: Target | None = None,
    ) -> None:
        super().__init__()
        self.members = members
        self.share = share
        self.target = target
        # From the units of the loss that is minimized, and of the error beside it, to those of the target.
        self.units = [target.scale ** POWERS[loss], target.scale] if target else []
        self.loss = LOSSES[loss]
        self.metric = METRICS[loss]
        self.optimizer = OPTIMIZERS[optimizer]
        self.learning_rate = learning_rate
        self.patience = patience
        self.best = best
        self.curves: dict[str, list[torch.Tensor]] = {}
        self.lasted = torch.zeros(members.members, dtype=torch.long)
        self.ended_early = False
        self._sums: dict[str, torch.Tensor] = {}
        self._rows: dict[str, int] = {}
        self._best_loss = torch.full([members.members], torch.inf)
        self._best_epoch = torch.zeros(members.members, dtype=torch.long)
        self._going = torch.ones(members.members, dtype=torch.bool)
        self._best = [parameter.detach().clone() for parameter in members.parameters()] if best else []

    def _step(self, batch: tuple, stage: str) -> torch.Tensor:
        rows = batch[1].shape[1]
        rank, processes = self.share
        mine = slice(rank, None, processes)
        x, y = (values[:, mine] for values in batch[:2])
        kept = [[layer[:, mine] for layer in layers] for layers in batch[2:]]
        y = self.target.standardized(y) if self.target else y
        predicted = self.members(x, *kept)
        losses = self.loss(predicted, y, reduction="none")
        with torch.no_grad():
            metric, measure = self.metric
            sums = {"loss": losses.sum(dim=1), metric: measure(predicted, y).sum(dim=1)}
            if self.target:
                sums = {
                    name: value * unit.to(value.device)
                    for (name, value), unit in zip(sums.items(), self.units, strict=True)
                }
            for metric, value in sums.items():
                name = f"{stage}_{metric}"
                self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._rows[stage] = self._rows.get(stage, 0) + rows
        # The gradients of several processes are averaged, so each counts as if its rows stood for all.
        return (losses.sum(dim=1) / rows).sum() * processes

    def training_step(self, batch: tuple, _: int) -> torch.Tensor:
        """Gives the loss of a batch: features (M, n, p), targets (M, n), and the units that are kept."""
        return self._step(batch, "train")

    def validation_step(self, batch: tuple, _: int) -> None:
        """Measures the errors on a batch of the validation rows: features (M, n, p) and targets (M, n)."""
        self._step(batch, "valid")

    def on_train_epoch_end(self) -> None:
        """Notes the errors of the epoch, and which members have come to their end."""
        for name, value in self._sums.items():
            whole = self.trainer.strategy.reduce(value, reduce_op="sum")
            self.curves.setdefault(name, []).append(whole.cpu() / self._rows[name.partition("_")[0]])
        self._sums, self._rows = {}, {}
        epoch = self.epochs
        self.lasted[self._going] = epoch
        if self.patience is None and not self.best:
            return
        loss = self.curves["valid_loss"][-1]
        better = self._going & (loss < self._best_loss)
        self._best_loss[better], self._best_epoch[better] = loss[better], epoch
        self._copy(better, self.members.parameters(), self._best)
        if self.patience is not None:
            self._going &= epoch - self._best_epoch < self.patience
            self._stop_if_all_ended()

    @property
    def epochs(self) -> int:
        """The number of epochs so far."""
        return len(self.curves.get("train_loss", []))

    def take_best(self) -> None:
        """Takes back the weights of the best epoch of each member, if these are wanted."""
        # A member whose loss never was a number has diverged, and shall show that.
        self._copy(self._best_loss.isfinite(), self._best, self.members.parameters())

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Adds to a checkpoint what is known of the epochs so far."""
        checkpoint["epochs"] = {name: getattr(self, name) for name in NOTED}

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """Takes that up again."""
        for name, value in checkpoint["epochs"].items():
            setattr(self, name, value)
        self._stop_if_all_ended()

    def _stop_if_all_ended(self) -> None:
        if not self._going.any():
            self.ended_early = self.trainer.should_stop = True

    def _copy(
        self, some: torch.Tensor, source: Iterable[torch.Tensor], target: Iterable[torch.Tensor]
    ) -> None:
        """Copies the weights of some members, shape (M,), if the best ones are wanted."""
        if self.best and some.any():
            with torch.no_grad():
                for found, kept in zip(source, target, strict=True):
                    chosen = self.members.pad(some)
                    kept[chosen.to(kept.device)] = found[chosen.to(found.device)].to(kept.device)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Gives the optimizer, with PyTorch's defaults for all but the learning rate."""
        return self.optimizer(self.members.parameters(), lr=self.learning_rate)
