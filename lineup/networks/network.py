"""The neural network, and the Lightning module that trains it."""

import json
from collections.abc import Iterable

import safetensors
import safetensors.torch

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
OPTIMIZERS = {"rmsprop": torch.optim.RMSprop, "adam": torch.optim.Adam, "sgd": torch.optim.SGD}


class MLP(torch.nn.Module):
    """A fully connected network with ReLU and dropout after each hidden layer.

    Args:
        inputs: Number of features p.
        hidden: Units of each hidden layer. Without any, the network is linear.
        dropout: Probability of dropping a unit of each hidden layer in training.
        outputs: Number of outputs: 1 to predict a number, K for the logits of K classes.
    """

    def __init__(self, inputs: int, hidden: list[int], dropout: list[float], outputs: int = 1) -> None:
        super().__init__()
        # Kept with the weights, so that the network takes features as they are in the table.
        self.register_buffer("centre", torch.zeros(inputs))
        self.register_buffer("scale", torch.ones(inputs))
        layers: list[torch.nn.Module] = []
        for units, probability in zip(hidden, dropout, strict=True):
            layers += [torch.nn.Linear(inputs, units), torch.nn.ReLU(), torch.nn.Dropout(probability)]
            inputs = units
        self.layers = torch.nn.Sequential(*layers, torch.nn.Linear(inputs, outputs))

    def reset_parameters(self) -> None:
        """Draws the weights anew, as for a new network."""
        for layer in self.layers:
            if isinstance(layer, torch.nn.Linear):
                layer.reset_parameters()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Predicts a number, shape (n,), or logits, shape (n, K), from features of shape (n, p)."""
        return self.layers((x - self.centre) / self.scale).squeeze(-1)


class DroppedReLU(torch.autograd.Function):
    """ReLU and dropout in one, in place: half of the passes over memory that the two would take."""

    @staticmethod
    def forward(
        context: torch.autograd.function.FunctionCtx, x: torch.Tensor, kept: torch.Tensor, probability: float
    ) -> torch.Tensor:
        """Sets to zero what is negative or not kept, and multiplies the rest by ``1 / (1 - probability)``."""
        context.scale = 1 / (1 - probability)
        context.mark_dirty(x)
        x.relu_().mul_(kept.to(x.dtype)).mul_(context.scale)
        context.save_for_backward(x)
        return x

    @staticmethod
    def backward(
        context: torch.autograd.function.FunctionCtx, gradient: torch.Tensor
    ) -> tuple[torch.Tensor, None, None]:
        """Passes the gradient on where the result is not zero."""
        (x,) = context.saved_tensors
        return torch.ops.aten.threshold_backward(gradient, x, 0).mul_(context.scale), None, None


class Members(torch.nn.Module):
    """M networks of one shape, side by side. None of them has an effect on another.

    Args:
        network: A network of their shape.
        states: The state of each, as ``state_dict`` gives it.
        alone: Whether networks of this shape are never trained side by side, so that a single one need
            not round as it would beside others.
    """

    def __init__(self, network: MLP, states: list[dict[str, torch.Tensor]], alone: bool = False) -> None:
        super().__init__()
        self.members = len(states)
        self.padded = self.members == 1 and not alone
        self.dropout = [layer.p for layer in network.layers if isinstance(layer, torch.nn.Dropout)]
        # A matrix product of a single member rounds otherwise than one of several.
        states = states * 2 if self.padded else states
        for name in ("centre", "scale"):
            self.register_buffer(name, torch.stack([state[name] for state in states])[:, None, :])
        self.centred, self.scaled = bool((self.centre != 0).any()), bool((self.scale != 1).any())
        names = [name.removesuffix(".weight") for name in states[0] if name.endswith(".weight")]
        # As factors from the right, which the matrix products are faster with.
        self.weights = torch.nn.ParameterList(
            torch.stack([state[f"{name}.weight"].T for state in states]) for name in names
        )
        self.biases = torch.nn.ParameterList(
            torch.stack([state[f"{name}.bias"] for state in states])[:, None, :] for name in names
        )
        self.names = names

    def pad(self, values: torch.Tensor) -> torch.Tensor:
        """Repeats what there is for a single member, as its weights are repeated."""
        return values.expand(2, *values.shape[1:]) if self.padded else values

    def forward(self, x: torch.Tensor, kept: list[torch.Tensor] | None = None) -> torch.Tensor:
        """Predicts the target.

        Args:
            x: Features, shape (M, n, p).
            kept: In training, for each hidden layer which units are kept in which row, shape (M, n, units).

        Returns:
            The predictions, shape (M, n), or logits, shape (M, n, K).
        """
        # Pixels come as bytes: as floats they are subtracted and divided many times as fast.
        x = self.pad(x.to(torch.float32))
        if self.centred:
            x = x - self.centre
        if self.scaled:
            x = x / self.scale
        hidden = zip(self.weights[:-1], self.biases[:-1], self.dropout, strict=True)
        for layer, (weight, bias, probability) in enumerate(hidden):
            x = torch.baddbmm(bias, x, weight)
            if kept is None or probability == 0:
                x = x.relu()
            else:
                x = DroppedReLU.apply(x, self.pad(kept[layer]), probability)
        weight, bias = self.weights[-1], self.biases[-1]
        if weight.shape[2] > 1:
            return torch.baddbmm(bias, x, weight)[: self.members]
        # With one output, a product and a sum are faster than a matrix product.
        x = (x * weight.transpose(1, 2)).sum(dim=2, keepdim=True) + bias
        return x[: self.members, :, 0]

    def state(self) -> dict[str, torch.Tensor]:
        """Gives copies of the weights of the members, stacked, by the names that they have in an ``MLP``."""
        found = {"centre": self.centre[:, 0], "scale": self.scale[:, 0]}
        for name, weight, bias in zip(self.names, self.weights, self.biases, strict=True):
            found |= {f"{name}.weight": weight.transpose(1, 2), f"{name}.bias": bias[:, 0]}
        return {
            name: value.detach()[: self.members].cpu().clone(memory_format=torch.contiguous_format)
            for name, value in found.items()
        }


# What a ``Training`` notes of its epochs, beside the weights and the state of the optimizer.
NOTED = ("curves", "lasted", "_best_loss", "_best_epoch", "_going", "_best")


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
    ) -> None:
        super().__init__()
        self.members = members
        self.share = share
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
        predicted = self.members(x, *kept)
        losses = self.loss(predicted, y, reduction="none")
        with torch.no_grad():
            metric, measure = self.metric
            sums = {"loss": losses.sum(dim=1), metric: measure(predicted, y).sum(dim=1)}
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


def shape_of(description: dict) -> tuple[int, list[int], list[float], int]:
    """Gives what an ``MLP`` is made with, from the description that its weights are saved with."""
    outputs = len(description["classes"]) or 1
    return len(description["features"]), description["hidden"], description["dropout"], outputs


def predict(network: torch.nn.Module, X: torch.Tensor) -> torch.Tensor:
    """Predicts with dropout off.

    Args:
        network: The network.
        X: Features, shape (n, p), float32.

    Returns:
        The predictions, shape (n,), or logits, shape (n, K), float32.
    """
    network.eval()
    with torch.no_grad():
        return network(X)


def save_weights(stacked: dict[str, torch.Tensor], description: dict, path: str) -> None:
    """Saves networks of one shape in the safetensors format.

    Args:
        stacked: Their weights, by the names that they have in an ``MLP``. The first axis is the network.
        description: What ``load_network`` needs and a reader wants to know, as JSON can hold it:
            ``seeds`` of the splits, ``features``, ``hidden``, ``dropout``, and ``classes``, which may be empty.
        path: The file to write.
    """
    # With more than one metadata key, the order in the file would differ from run to run.
    metadata = {"lineup": json.dumps(description, sort_keys=True, ensure_ascii=False)}
    safetensors.torch.save_file(stacked, path, metadata)


def load_network(path: str, seed: int) -> MLP:
    """Loads the network of one split.

    Args:
        path: A file that ``save_weights`` wrote.
        seed: Seed of the split.

    Returns:
        The network, on the CPU.

    Raises:
        ValueError: If the file has no such split.
    """
    with safetensors.safe_open(path, "pt") as file:
        description = json.loads(file.metadata()["lineup"])
        index = description["seeds"].index(seed)
        network = MLP(*shape_of(description))
        network.load_state_dict({name: file.get_slice(name)[index] for name in file.keys()})  # noqa: SIM118
    return network
