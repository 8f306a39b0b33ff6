"""The neural network, and the Lightning module that trains it."""

import json

import safetensors
import safetensors.torch

from scripts.torch_setup import lightning, torch

LOSSES = {"squared_error": torch.nn.functional.mse_loss, "absolute_error": torch.nn.functional.l1_loss}
OPTIMIZERS = {"rmsprop": torch.optim.RMSprop, "adam": torch.optim.Adam, "sgd": torch.optim.SGD}


class MLP(torch.nn.Module):
    """A fully connected network with ReLU and dropout after each hidden layer, and one output.

    Args:
        inputs: Number of features p.
        hidden: Units of each hidden layer.
        dropout: Probability of dropping a unit of each hidden layer in training.
    """

    def __init__(self, inputs: int, hidden: list[int], dropout: list[float]) -> None:
        super().__init__()
        # Kept with the weights, so that the network takes features as they are in the table.
        self.register_buffer("centre", torch.zeros(inputs))
        self.register_buffer("scale", torch.ones(inputs))
        layers: list[torch.nn.Module] = []
        for units, probability in zip(hidden, dropout, strict=True):
            layers += [torch.nn.Linear(inputs, units), torch.nn.ReLU(), torch.nn.Dropout(probability)]
            inputs = units
        self.layers = torch.nn.Sequential(*layers, torch.nn.Linear(inputs, 1))

    def reset_parameters(self) -> None:
        """Draws the weights anew, as for a new network."""
        for layer in self.layers:
            if isinstance(layer, torch.nn.Linear):
                layer.reset_parameters()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Predicts the target, shape (n,), from features of shape (n, p)."""
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
    """

    def __init__(self, network: MLP, states: list[dict[str, torch.Tensor]]) -> None:
        super().__init__()
        self.members = len(states)
        self.dropout = [layer.p for layer in network.layers if isinstance(layer, torch.nn.Dropout)]
        # A matrix product of a single member rounds otherwise than one of several.
        states = states * 2 if self.members == 1 else states
        for name in ("centre", "scale"):
            self.register_buffer(name, torch.stack([state[name] for state in states])[:, None, :])
        self.standardizes = bool((self.centre != 0).any() or (self.scale != 1).any())
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
        return values.expand(2, *values.shape[1:]) if self.members == 1 else values

    def forward(self, x: torch.Tensor, kept: list[torch.Tensor] | None = None) -> torch.Tensor:
        """Predicts the target.

        Args:
            x: Features, shape (M, n, p).
            kept: In training, for each hidden layer which units are kept in which row, shape (M, n, units).

        Returns:
            The predictions, shape (M, n).
        """
        x = self.pad(x)
        if self.standardizes:
            x = (x - self.centre) / self.scale
        hidden = zip(self.weights[:-1], self.biases[:-1], self.dropout, strict=True)
        for layer, (weight, bias, probability) in enumerate(hidden):
            x = torch.baddbmm(bias, x, weight)
            if kept is None or probability == 0:
                x = x.relu()
            else:
                x = DroppedReLU.apply(x, self.pad(kept[layer]), probability)
        # With one output, a product and a sum are faster than a matrix product.
        x = (x * self.weights[-1].transpose(1, 2)).sum(dim=2, keepdim=True) + self.biases[-1]
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


class Regression(lightning.LightningModule):
    """Trains M networks to predict numbers, each as if it were alone.

    The loss is the sum of those of the members, so that the gradient of a weight is that of its own
    member's loss; the optimizers treat each weight by itself.

    Args:
        members: The networks.
        loss: ``squared_error`` or ``absolute_error``.
        optimizer: ``rmsprop``, ``adam`` or ``sgd``.
        learning_rate: Its learning rate.
        patience: A member stops after this many epochs without a lower loss on the validation rows,
            and takes back the weights of the best epoch. None trains for all epochs.

    Attributes:
        curves: After the training, for each epoch the means of ``train_loss``, ``train_mae``,
            ``valid_loss`` and ``valid_mae`` over the rows, each of shape (epochs, M).
        lasted: The number of epochs that each member was trained for, shape (M,).
        ended_early: Whether the patience with every member came to its end.
    """

    def __init__(
        self, members: Members, loss: str, optimizer: str, learning_rate: float, patience: int | None = None
    ) -> None:
        super().__init__()
        self.members = members
        self.loss = LOSSES[loss]
        self.optimizer = OPTIMIZERS[optimizer]
        self.learning_rate = learning_rate
        self.patience = patience
        self.curves: dict[str, list[torch.Tensor]] = {}
        self.lasted = torch.zeros(members.members, dtype=torch.long)
        self.ended_early = False
        self._sums: dict[str, torch.Tensor] = {}
        self._rows: dict[str, int] = {}
        if patience is not None:
            self._best_loss = torch.full([members.members], torch.inf)
            self._best_epoch = torch.zeros(members.members, dtype=torch.long)
            self._going = torch.ones(members.members, dtype=torch.bool)
            self._best = [parameter.detach().clone() for parameter in members.parameters()]

    def _step(self, batch: tuple, stage: str) -> torch.Tensor:
        x, y, *kept = batch
        predicted = self.members(x, *kept)
        losses = self.loss(predicted, y, reduction="none")
        with torch.no_grad():
            sums = {"loss": losses.sum(dim=1), "mae": (predicted - y).abs().sum(dim=1)}
            for metric, value in sums.items():
                name = f"{stage}_{metric}"
                self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._rows[stage] = self._rows.get(stage, 0) + y.shape[1]
        return losses.mean(dim=1).sum()

    def training_step(self, batch: tuple, _: int) -> torch.Tensor:
        """Gives the loss of a batch: features (M, n, p), targets (M, n), and the units that are kept."""
        return self._step(batch, "train")

    def validation_step(self, batch: tuple, _: int) -> None:
        """Measures the errors on a batch of the validation rows: features (M, n, p) and targets (M, n)."""
        self._step(batch, "valid")

    def on_train_epoch_end(self) -> None:
        """Notes the errors of the epoch, and which members have come to their end."""
        for name, value in self._sums.items():
            self.curves.setdefault(name, []).append(value.cpu() / self._rows[name.partition("_")[0]])
        self._sums, self._rows = {}, {}
        epoch = self.current_epoch + 1
        if self.patience is None:
            self.lasted[:] = epoch
            return
        self.lasted[self._going] = epoch
        loss = self.curves["valid_loss"][-1]
        better = self._going & (loss < self._best_loss)
        self._best_loss[better], self._best_epoch[better] = loss[better], epoch
        for best, parameter in zip(self._best, self.members.parameters(), strict=True):
            chosen = self.members.pad(better).to(best.device)
            best[chosen] = parameter.detach()[chosen]
        self._going &= epoch - self._best_epoch < self.patience
        if not self._going.any():
            self.ended_early = self.trainer.should_stop = True

    def on_train_end(self) -> None:
        """Takes back the weights of the best epoch of each member, if the patience has a limit."""
        if self.patience is not None:
            with torch.no_grad():
                # A member whose loss never was a number has diverged, and shall show that.
                found = self.members.pad(self._best_loss.isfinite())
                for best, parameter in zip(self._best, self.members.parameters(), strict=True):
                    chosen = found.to(best.device)
                    parameter[chosen] = best[chosen]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Gives the optimizer, with PyTorch's defaults for all but the learning rate."""
        return self.optimizer(self.members.parameters(), lr=self.learning_rate)


def predict(network: torch.nn.Module, X: torch.Tensor) -> torch.Tensor:
    """Predicts with dropout off.

    Args:
        network: The network.
        X: Features, shape (n, p), float32.

    Returns:
        The predictions, shape (n,), float32.
    """
    network.eval()
    with torch.no_grad():
        return network(X)


def save_weights(stacked: dict[str, torch.Tensor], description: dict, path: str) -> None:
    """Saves networks of one shape in the safetensors format.

    Args:
        stacked: Their weights, by the names that they have in an ``MLP``. The first axis is the network.
        description: What ``load_network`` needs and a reader wants to know, as JSON can hold it:
            ``seeds`` of the splits, ``features``, ``hidden``, ``dropout``.
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
        network = MLP(len(description["features"]), description["hidden"], description["dropout"])
        network.load_state_dict({name: file.get_slice(name)[index] for name in file.keys()})  # noqa: SIM118
    return network
