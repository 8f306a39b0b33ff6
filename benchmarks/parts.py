"""Times the lasso or the network alone: the lab's way on one split, or ours on many.

``python -m benchmarks.parts SIDE CSV FOLDER SPLITS`` prints the seconds in its last line. Imports are not timed.
"""

import argparse
import logging
from pathlib import Path
from time import perf_counter

import numpy as np
import yaml
from sklearn.model_selection import train_test_split

from benchmarks import lab
from lineup.config import table_settings, validate
from lineup.data.preparation import preprocess
from lineup.data.splits import split
from lineup.models import lasso
from lineup.models.lasso import fit_lasso
from lineup.models.mlp import fit_mlp
from lineup.networks.settings import Settings
from lineup.settings import typed
from lineup.torch_setup import torch

ROOT = Path(__file__).parents[1]


class Work:
    """What is timed, with all that comes before it done: the table is prepared and the splits are drawn.

    Args:
        raw: The raw Hitters.csv.
        folder: Where to write.
        splits: How many splits ours works on.
    """

    def __init__(self, raw: Path, folder: Path, splits: int) -> None:
        self.folder, self.logger = folder, logging.getLogger("bench")
        folder.mkdir(exist_ok=True)
        config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
        validate(config)
        dataset, self.models = config["datasets"]["hitters"], config["models"]
        self.table, self.splits = str(folder / "table.parquet"), str(folder / "splits.parquet")
        preprocess(str(raw), self.table, logger=self.logger, **table_settings(dataset))
        seeds = {"first": 1, "last": splits}
        split(self.table, self.splits, dataset["splits"]["test_share"], seeds, self.logger)
        X, y = lab.code_players(raw)
        self.sides = train_test_split(X, y, test_size=1 / 3, random_state=1)

    def outputs(self, *names: str) -> dict[str, str]:
        """Gives a file to write for each output of a rule."""
        return {name: str(self.folder / name) for name in names}

    def lab_lasso(self) -> float:
        """Times the grid search of one split by scikit-learn."""
        X_train, _, y_train, _ = self.sides
        started = perf_counter()
        lab.fit_lasso(X_train, y_train, scaled=True)
        return perf_counter() - started

    def lasso(self) -> float:
        """Times the whole job of the lasso on all splits, in one process."""
        settings = typed(lasso.Settings, self.models["lasso"])
        paths = self.outputs("predictions", "scores", "coefficients", "grid", "path")
        started = perf_counter()
        fit_lasso(self.table, self.splits, **paths, settings=settings, logger=self.logger)
        return perf_counter() - started

    def lab_network(self, workers: int = lab.WORKERS) -> float:
        """Times the training of one network by the lab's Lightning set-up."""
        X_train, X_test, y_train, y_test = self.sides
        tensors = [torch.tensor(part.astype(np.float32)) for part in (X_train, y_train, X_test, y_test)]
        started = perf_counter()
        lab.train_network(tensors, self.folder, workers)
        return perf_counter() - started

    def network(self) -> float:
        """Times the whole job of the networks on all splits, in two processes."""
        names = ("predictions", "scores", "training_log", "learning_curves", "summary", "weights")
        started = perf_counter()
        fit_mlp(
            self.table,
            self.splits,
            **self.outputs(*names),
            settings=typed(Settings, self.models["network"] | {"accelerator": "cpu", "processes": 1}),
            threads=2,
            logger=self.logger,
        )
        return perf_counter() - started


def main() -> None:
    """Times one side and prints the seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sides = {
        "lab-lasso": Work.lab_lasso,
        "lab-network": Work.lab_network,
        "lab-network-alone": lambda work: work.lab_network(workers=0),
        "lasso": Work.lasso,
        "network": Work.network,
    }
    parser.add_argument("side", choices=sides)
    parser.add_argument("csv", type=Path, help="the raw Hitters.csv")
    parser.add_argument("folder", type=Path, help="where to write")
    parser.add_argument("splits", type=int, help="how many splits ours works on")
    options = parser.parse_args()
    print(sides[options.side](Work(options.csv, options.folder, options.splits)))


if __name__ == "__main__":
    main()
