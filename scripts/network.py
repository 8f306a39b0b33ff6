"""The neural network, and the Lightning module that trains it."""

import json

import safetensors
import safetensors.torch

from scripts.torch_setup import lightning, torch, torchmetrics

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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Predicts the target, shape (n,), from features of shape (n, p)."""
        return self.layers((x - self.centre) / self.scale).squeeze(-1)


class Regression(lightning.LightningModule):
    """Trains a network to predict a number; logs the loss and the mean absolute error.

    Args:
        network: Maps features of shape (n, p) to predictions of shape (n,).
        loss: ``squared_error`` or ``absolute_error``.
        optimizer: ``rmsprop``, ``adam`` or ``sgd``.
        learning_rate: Its learning rate.
    """

    def __init__(self, network: torch.nn.Module, loss: str, optimizer: str, learning_rate: float) -> None:
        super().__init__()
        self.network = network
        self.loss = LOSSES[loss]
        self.optimizer = OPTIMIZERS[optimizer]
        self.learning_rate = learning_rate
        self.mae = torch.nn.ModuleDict(
            {f"{stage}_mae": torchmetrics.MeanAbsoluteError() for stage in ("train", "valid", "test")}
        )

    def _step(self, batch: tuple[torch.Tensor, torch.Tensor], stage: str) -> torch.Tensor:
        x, y = batch
        predicted = self.network(x)
        loss, mae = self.loss(predicted, y), self.mae[f"{stage}_mae"]
        mae.update(predicted, y)
        self.log_dict(
            {f"{stage}_loss": loss, f"{stage}_mae": mae}, on_step=False, on_epoch=True, batch_size=len(y)
        )
        return loss

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], _: int) -> torch.Tensor:
        """Gives the loss of a batch of features (n, p) and targets (n,)."""
        return self._step(batch, "train")

    def validation_step(self, batch: tuple[torch.Tensor, torch.Tensor], _: int) -> None:
        """Logs the loss and the error of a batch of the validation rows."""
        self._step(batch, "valid")

    def test_step(self, batch: tuple[torch.Tensor, torch.Tensor], _: int) -> None:
        """Logs the loss and the error of a batch of the test rows."""
        self._step(batch, "test")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Gives the optimizer, with PyTorch's defaults for all but the learning rate."""
        return self.optimizer(self.network.parameters(), lr=self.learning_rate)


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


def save_weights(networks: list[MLP], description: dict, path: str) -> None:
    """Saves networks of one shape in the safetensors format.

    Args:
        networks: The networks, one a split.
        description: What ``load_network`` needs and a reader wants to know, as JSON can hold it:
            ``seeds`` of the splits, ``features``, ``hidden``, ``dropout``.
        path: The file to write. Each tensor has the splits as its first axis.
    """
    states = [network.state_dict() for network in networks]
    stacked = {name: torch.stack([state[name].cpu() for state in states]) for name in states[0]}
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
