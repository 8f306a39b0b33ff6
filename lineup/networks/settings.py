"""The settings of a network, typed."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """What lineup/models/mlp.yaml describes and a training hangs on; ``processes`` share each batch."""

    standardize: bool
    standardize_target: bool
    hidden: list[int]
    dropout: list[float]
    loss: str
    optimizer: str
    learning_rate: float
    batch_size: int
    epochs: int
    seed: int
    validation: str | float
    patience: str | int
    weights: str
    accelerator: str
    precision: str
    threads_per_network: int
    processes: int
    failures: str = "leave_out"
