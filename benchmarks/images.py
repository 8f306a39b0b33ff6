"""Times an epoch of the network on MNIST: the lab's way, or ours.

``python -m benchmarks.images SIDE RAW TABLE FOLDER`` prints the seconds in its last line. RAW is the folder with the
four files, TABLE the table that is prepared from them. Imports and reading are not timed; validation is.
"""

import argparse
import logging
import resource
from pathlib import Path
from time import perf_counter

import yaml
from torch.utils.data import DataLoader, random_split

# A CUDA build of torchvision beside a CPU build of torch breaks its import. It comes after what mends it.
from lineup.torch_setup import lightning, set_threads, torch, torchmetrics

# isort: split
from torchvision import transforms
from torchvision.datasets import MNIST

from lineup.config import validate
from lineup.data.design import read_design
from lineup.data.splits import given_splits
from lineup.data.tables import read_schema
from lineup.networks.batches import Rows
from lineup.networks.settings import Settings
from lineup.networks.training import train
from lineup.progress import Progress
from lineup.settings import typed

ROOT = Path(__file__).parents[1]
EPOCHS, WORKERS = 2, 2


class Digits(lightning.LightningModule):
    """The lab's network: 784 pixels, 256 and 128 hidden units with ReLU and dropout, 10 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.network = torch.nn.Sequential(
            torch.nn.Flatten(),
            *(torch.nn.Linear(784, 256), torch.nn.ReLU(), torch.nn.Dropout(0.4)),
            *(torch.nn.Linear(256, 128), torch.nn.ReLU(), torch.nn.Dropout(0.3)),
            torch.nn.Linear(128, 10),
        )
        self.accuracy = torch.nn.ModuleDict(
            {stage: torchmetrics.Accuracy("multiclass", num_classes=10) for stage in ("train_", "valid_")}
        )

    def record(self, batch: list[torch.Tensor], stage: str) -> torch.Tensor:
        """Logs the cross-entropy and the accuracy of a batch by epoch; gives the cross-entropy."""
        predicted = self.network(batch[0])
        loss = torch.nn.functional.cross_entropy(predicted, batch[1])
        self.accuracy[stage](predicted, batch[1])
        figures = {f"{stage}loss": loss, f"{stage}accuracy": self.accuracy[stage]}
        self.log_dict(figures, on_step=False, on_epoch=True)
        return loss

    def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
        """Gives the loss of a training batch."""
        return self.record(batch, "train_")

    def validation_step(self, batch: list[torch.Tensor], _: int) -> None:
        """Logs a validation batch."""
        self.record(batch, "valid_")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Gives RMSprop at PyTorch's defaults."""
        return torch.optim.RMSprop(self.parameters())


def lab(options: argparse.Namespace) -> float:
    """Times the lab's loop: images through ``ToTensor`` one by one, in processes that load the batches."""
    # torchvision looks for the files under MNIST/raw.
    place = options.folder / "MNIST"
    place.mkdir(parents=True, exist_ok=True)
    if not (place / "raw").exists():
        (place / "raw").symlink_to(options.raw.resolve())
    images = MNIST(options.folder, train=True, transform=transforms.ToTensor())
    trained, held = random_split(images, [48_000, 12_000], torch.Generator().manual_seed(0))
    loading = {"batch_size": 256, "num_workers": WORKERS, "persistent_workers": True}
    trainer = lightning.Trainer(
        deterministic=True,
        max_epochs=EPOCHS,
        logger=lightning.loggers.CSVLogger(options.folder, name="mnist"),
        accelerator="cpu",
        default_root_dir=options.folder,
    )
    module = Digits()
    started = perf_counter()
    trainer.fit(module, DataLoader(trained, shuffle=True, **loading), DataLoader(held, **loading))
    return (perf_counter() - started) / EPOCHS


def ours(options: argparse.Namespace, threads: int) -> float:
    """Times our training of the same network, in one process."""
    set_threads(threads)
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    changes = {"epochs": EPOCHS, "accelerator": "cpu", "processes": 1}
    validate(config)
    settings = typed(Settings, config["models"]["digits_network"] | changes)
    rows, sides = Rows.of(read_design(options.table)), read_schema(options.table)["rows"]
    splits = given_splits(sides["train"], sides["test"], [1])
    started = perf_counter()
    train(rows, splits, settings, Progress(logging.getLogger("bench"), "networks", 1))
    return (perf_counter() - started) / EPOCHS


def main() -> None:
    """Times one side and prints the seconds an epoch."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sides = {
        "lab": lab,
        "ours": lambda options: ours(options, 1),
        "ours-2-threads": lambda options: ours(options, 2),
    }
    parser.add_argument("side", choices=sides)
    parser.add_argument("raw", type=Path, help="the folder with the four files")
    parser.add_argument("table", type=Path, help="the table prepared from them")
    parser.add_argument("folder", type=Path, help="where to write")
    options = parser.parse_args()
    seconds = sides[options.side](options)
    print(f"at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    print(seconds)


if __name__ == "__main__":
    main()
