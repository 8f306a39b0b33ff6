"""The weights as pictures: those of the first split, in the units that the colour bar says."""

import numpy as np
import pytest

from lineup.data.design import read_design
from lineup.data.tables import lists as list_values
from lineup.data.tables import read_parquet
from lineup.figures import weights as module
from lineup.figures.weights import plot_weights, read_weights
from lineup.models import class_search as logistic_module
from lineup.models.logistic_lasso import fit_logistic_lasso
from lineup.models.mlp import fit_mlp
from lineup.networks.network import load_network, predict
from lineup.networks.settings import Settings
from lineup.settings import typed
from lineup.torch_setup import torch

NETWORK = {
    "standardize": False, "standardize_target": False, "hidden": [], "dropout": [], "loss": "cross_entropy", "optimizer": "rmsprop",
    "learning_rate": 0.01, "batch_size": 64, "epochs": 1, "seed": 0, "validation": 0.2, "patience": "none",
    "weights": "last", "accelerator": "cpu", "precision": "32-true",
    "processes": 1, "threads": 1, "threads_per_network": 1,
}  # fmt: skip
LOGISTIC = {
    "penalties": {"number": 2, "smallest": 0.1}, "standardize": False, "validation": 0.2, "seed": 0,
    "solver": "saga", "folds": {"number": 10, "seed": 1},
    "tolerance": 0.1, "max_iterations": 20,
}  # fmt: skip


@pytest.fixture(scope="module")
def network(tmp_path_factory, digits, logger):
    """Gives a function that trains a linear network on two splits."""

    def fit(standardize):
        folder = tmp_path_factory.mktemp("network")
        names = ("predictions", "scores", "training_log", "learning_curves", "summary")
        paths = {name: str(folder / name) for name in names} | {
            "weights": str(folder / "weights.safetensors")
        }
        settings = typed(Settings, NETWORK | {"standardize": standardize})
        fit_mlp(digits[0], digits[1](4, 5), **paths, settings=settings, threads=1, logger=logger)
        return paths["weights"]

    return fit


@pytest.fixture(scope="module")
def logistic(tmp_path_factory, digits, logger):
    """The coefficients of a logistic regression on two splits, and its predictions."""
    folder = tmp_path_factory.mktemp("logistic")
    paths = {
        name: str(folder / f"{name}.parquet") for name in ("predictions", "scores", "coefficients", "grid")
    }
    fit_logistic_lasso(
        digits[0],
        digits[1](4, 5),
        **paths,
        settings=typed(logistic_module.Settings, LOGISTIC),
        processes=1,
        logger=logger,
    )
    return paths


@pytest.mark.filterwarnings("ignore:.*LeafSpec")
@pytest.mark.parametrize("standardize", [False, True])
def test_a_bright_pixel_changes_the_logits_by_the_weight(network, standardize):
    """Of the network itself, from 0 to 255 in a pixel. 32 bits have 7 digits."""
    path = network(standardize)
    weights, seed = read_weights(path, 10)
    assert seed == 4 and weights.shape == (10, 64)
    model = load_network(path, 4)
    for pixel in (20, 36):
        X = torch.zeros(2, 64)
        X[1, pixel] = 255
        dark, bright = predict(model, X).numpy()
        np.testing.assert_allclose(weights[:, pixel], bright - dark, rtol=1e-3, atol=1e-4)
        assert np.abs(weights[:, pixel]).max() > 0.01


def test_the_coefficients_of_a_logistic_regression_are_scaled_to_a_bright_pixel(logistic, digits):
    weights, seed = read_weights(logistic["coefficients"], 10)
    assert seed == 4 and weights.shape == (10, 64)
    probabilities = list_values(read_parquet(logistic["predictions"])["probabilities"])[:397]
    logits = read_design(digits[0]).X[1400:] / 255 @ weights.T
    # The intercepts are not in the pictures: logits are the same but for one number a class.
    apart = np.log(probabilities) - logits
    apart -= apart.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(apart, np.broadcast_to(apart.mean(axis=0), apart.shape), atol=1e-3)
    assert (weights == 0).any() and np.abs(weights).max() > 0.1


@pytest.mark.parametrize("kind", ["network", "logistic"])
@pytest.mark.long
def test_each_class_has_its_picture(tmp_path, monkeypatch, network, logistic, digits, kind):
    figures, real = [], module.new_figure
    monkeypatch.setattr(module, "new_figure", lambda *a, **b: figures.append(real(*a, **b)) or figures[-1])
    path = network(False) if kind == "network" else logistic["coefficients"]
    out = [tmp_path / "one.svg", tmp_path / "one.png"]
    written = []
    for _ in range(2):
        plot_weights("some_model", digits[0], path, *map(str, out))
        written.append([file.read_bytes() for file in out])
    assert written[0] == written[1]
    weights, _ = read_weights(path, 10)
    pictures = list(np.ravel(figures[0][1]))
    assert [axes.get_title() for axes in pictures] == [str(digit) for digit in range(10)]
    limits = set()
    for axes, weight in zip(pictures, weights, strict=True):
        (image,) = axes.get_images()
        np.testing.assert_array_equal(np.asarray(image.get_array()), weight.reshape(8, 8))
        limits.add(image.get_clim())
    ((low, high),) = limits
    assert low == -high < 0
