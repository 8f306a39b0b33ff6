"""The Hitters part of the lab as one plain script, done the way its notebook does it: the measure of our speed.

Run it from the checkout: ``python -m benchmarks.lab CSV FOLDER --lasso meant``. Like the notebook it keeps
Lightning's defaults (progress bar, model summary, a checkpoint after each epoch), loads batches of 32 with
four worker processes, and takes the test rows for validation.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import Lasso, LinearRegression
from sklearn.model_selection import GridSearchCV, KFold, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset
from torchinfo import summary

# A CUDA build of torchvision beside a CPU build of torch breaks the import of Lightning and torchmetrics.
# Taken from here, they come after what mends it.
from lineup.torch_setup import lightning, torch, torchmetrics

EPOCHS, BATCH_SIZE, WORKERS = 50, 32, 4


class Hitters(lightning.LightningModule):
    """The lab's network: 19 features, 50 hidden units with ReLU and dropout of 0.4, one output."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.network = torch.nn.Sequential(
            torch.nn.Linear(features, 50), torch.nn.ReLU(), torch.nn.Dropout(0.4), torch.nn.Linear(50, 1)
        )
        stages = ("train", "valid", "test")
        self.mae = torch.nn.ModuleDict({f"{stage}_mae": torchmetrics.MeanAbsoluteError() for stage in stages})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Predicts the salaries, shape (n,), from the features, shape (n, p)."""
        return self.network(x).flatten()

    def record(self, batch: list[torch.Tensor], stage: str) -> torch.Tensor:
        """Logs the squared-error loss and the mean absolute error of a batch by epoch; gives the loss."""
        predicted, metric = self(batch[0]), self.mae[f"{stage}_mae"]
        loss = torch.nn.functional.mse_loss(predicted, batch[1])
        metric(predicted, batch[1])
        self.log_dict({f"{stage}_loss": loss, f"{stage}_mae": metric}, on_step=False, on_epoch=True)
        return loss

    def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
        """Gives the loss of a training batch."""
        return self.record(batch, "train")

    def validation_step(self, batch: list[torch.Tensor], _: int) -> None:
        """Logs a validation batch."""
        self.record(batch, "valid")

    def test_step(self, batch: list[torch.Tensor], _: int) -> None:
        """Logs a test batch."""
        self.record(batch, "test")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Gives RMSprop at PyTorch's defaults."""
        return torch.optim.RMSprop(self.parameters())


def fit_lasso(X: np.ndarray, y: np.ndarray, scaled: bool) -> GridSearchCV:
    """Searches the lab's 100 penalties by 10-fold cross-validation.

    Args:
        X: Training features, shape (n, p).
        y: Training target, shape (n,).
        scaled: Whether the model has the scaler in it, as meant, or is the bare lasso, as printed.
    """
    Z, lasso = StandardScaler().fit_transform(X), Lasso(warm_start=True, max_iter=30000)
    largest = np.abs(Z.T @ (y - y.mean())).max() / len(y)
    model = Pipeline([("scaler", StandardScaler()), ("lasso", lasso)]) if scaled else lasso
    grid = {"lasso__alpha" if scaled else "alpha": largest * np.exp(np.linspace(0, np.log(0.01), 100))}
    folds = KFold(10, shuffle=True, random_state=1)
    return GridSearchCV(model, grid, cv=folds, scoring="neg_mean_absolute_error").fit(X, y)


def train_network(
    tensors: list[torch.Tensor], folder: Path, workers: int = WORKERS
) -> tuple[Hitters, lightning.Trainer]:
    """Trains the network the way the lab does, and tests it.

    Args:
        tensors: Training features and targets, test features and targets.
        folder: Where Lightning writes its logs and checkpoints.
        workers: Processes that load the batches.
    """
    module = Hitters(tensors[0].shape[1])
    print(summary(module, input_size=tuple(tensors[0].shape), verbose=0))
    loading = {"batch_size": BATCH_SIZE, "num_workers": workers, "persistent_workers": workers > 0}
    train = DataLoader(TensorDataset(*tensors[:2]), shuffle=True, **loading)
    valid, test = (DataLoader(TensorDataset(*tensors[2:]), **loading) for _ in range(2))
    trainer = lightning.Trainer(
        deterministic=True,
        max_epochs=EPOCHS,
        log_every_n_steps=5,
        logger=lightning.loggers.CSVLogger(folder, name="hitters"),
        accelerator="cpu",
        default_root_dir=folder,
    )
    trainer.fit(module, train, valid)
    trainer.test(module, test)
    return module.eval(), trainer


def code_players(csv: Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads the players with a salary: features (263, 19) and salaries (263,)."""
    players = pd.read_csv(csv).dropna()
    columns = list(players.columns)
    coded = pd.get_dummies(players.drop(columns="Salary"), drop_first=True, dtype=float)
    X = coded[sorted(coded, key=lambda name: columns.index(name.split("_")[0]))].to_numpy(float)
    return X, players["Salary"].to_numpy()


def main() -> None:
    """Fits the models, prints their errors, and saves the network's logs and figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("csv", type=Path, help="the raw Hitters.csv")
    parser.add_argument("folder", type=Path, help="where to write")
    parser.add_argument("--lasso", choices=["meant", "printed", "both"], default="meant")
    options = parser.parse_args()
    lightning.seed_everything(0, workers=True)
    torch.use_deterministic_algorithms(True, warn_only=True)

    X, y = code_players(options.csv)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=1 / 3, random_state=1)

    linear = LinearRegression().fit(X_train, y_train)
    print(f"least squares: MAE {np.abs(linear.predict(X_test) - y_test).mean():.4f}")
    for kind in ["meant", "printed"] if options.lasso == "both" else [options.lasso]:
        lasso = fit_lasso(X_train, y_train, scaled=kind == "meant")
        (penalty,) = lasso.best_params_.values()
        error = np.abs(lasso.predict(X_test) - y_test).mean()
        print(f"lasso as {kind}: penalty {penalty:.4f}, MAE {error:.4f}")

    tensors = [torch.tensor(values.astype(np.float32)) for values in (X_train, y_train, X_test, y_test)]
    module, trainer = train_network(tensors, options.folder)
    with torch.no_grad():
        error = (module(tensors[2]) - tensors[3]).abs().mean()
    print(f"network: MAE {error:.4f}")

    history = pd.read_csv(trainer.logger.experiment.metrics_file_path)
    figure, axes = plt.subplots(figsize=(6, 6))
    for name in ("train_mae", "valid_mae"):
        history.dropna(subset=[name]).plot(x="epoch", y=name, ax=axes)
    axes.set(ylim=(0, 400), xlabel="epoch", ylabel="MAE")
    figure.savefig(options.folder / "mae.png")


if __name__ == "__main__":
    main()
