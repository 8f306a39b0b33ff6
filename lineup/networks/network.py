"""The neural network, many of them side by side, and their weights in a file."""

import json
from pathlib import Path

import safetensors
import safetensors.torch

from lineup.torch_setup import torch


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

    def rescale(self, centre: torch.Tensor, scale: torch.Tensor) -> None:
        """Has the members, with one output, predict ``centre + scale`` times what they do now, both of shape (M,)."""
        centre, scale = (self.pad(part[:, None, None]) for part in (centre, scale))
        with torch.no_grad():
            self.weights[-1].mul_(scale)
            self.biases[-1].mul_(scale).add_(centre)

    def state(self) -> dict[str, torch.Tensor]:
        """Gives copies of the weights of the members, stacked, by the names that they have in an ``MLP``."""
        found = {"centre": self.centre[:, 0], "scale": self.scale[:, 0]}
        for name, weight, bias in zip(self.names, self.weights, self.biases, strict=True):
            found |= {f"{name}.weight": weight.transpose(1, 2), f"{name}.bias": bias[:, 0]}
        return {
            name: value.detach()[: self.members].cpu().clone(memory_format=torch.contiguous_format)
            for name, value in found.items()
        }


def shape_of(description: dict) -> tuple[int, list[int], list[float], int]:
    """Gives what an ``MLP`` is made with, from the description that its weights are saved with."""
    outputs = len(description["classes"]) or 1
    return len(description["features"]), description["hidden"], description["dropout"], outputs


def predict(network: torch.nn.Module, X: torch.Tensor) -> torch.Tensor:
    """Predicts for features (n, p), with dropout off: numbers (n,) or logits (n, K), float32."""
    network.eval()
    with torch.no_grad():
        return network(X)


def save_weights(stacked: dict[str, torch.Tensor], description: dict, path: str) -> None:
    """Saves networks of one shape as safetensors, by the names in an ``MLP``; the first axis is the network.

    The description is what ``load_network`` needs and a reader wants to know, as JSON can hold it.
    """
    # With more than one metadata key, the order in the file would differ from run to run.
    metadata = {"lineup": json.dumps(description, sort_keys=True, ensure_ascii=False)}
    # The library's own writing says nothing that a full disk could be told by.
    Path(path).write_bytes(safetensors.torch.save(stacked, metadata))


def load_network(path: str, seed: int) -> MLP:
    """Loads the network of a split, on the CPU, from a file of ``save_weights``; a ValueError if it has no such split."""
    with safetensors.safe_open(path, "pt") as file:
        description = json.loads(file.metadata()["lineup"])
        index = description["seeds"].index(seed)
        network = MLP(*shape_of(description))
        network.load_state_dict({name: file.get_slice(name)[index] for name in file.keys()})  # noqa: SIM118
    return network
