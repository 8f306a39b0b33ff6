"""Predicts with the models that a fit left: of linear ones there are the coefficients, of networks the weights; an estimator is fitted again."""

import json
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from lineup.data.design import Design
from lineup.data.tables import Splits, read_table
from lineup.models.proximal_newton import probabilities_of
from lineup.models.sklearn import Fitter, Settings
from lineup.settings import typed

# Gives for features of rows (r, p) numbers (r,), or the probabilities of K classes (r, K).
Predictor = Callable[[np.ndarray], np.ndarray]


def predictors_of(model: Mapping, design: Design, splits: Splits, fitted: str | None) -> Iterator[Predictor]:
    """Yields what predicts on each of some splits, all of which a model was fitted on.

    Args:
        model: The settings of the model.
        design: The prepared table.
        splits: The splits.
        fitted: What the fit of their block left: coefficients as Parquet, or weights as safetensors; None of an estimator.
    """
    if fitted is None:
        fitter = Fitter(design, typed(Settings, model))
        for train, seed in zip(splits.train, splits.seeds, strict=True):
            yield fitter.predictor(train, int(seed))
    elif fitted.endswith(".safetensors"):
        yield from _networks(design, splits, fitted)
    else:
        yield from _linear(design, splits, fitted)


def _linear(design: Design, splits: Splits, path: str) -> Iterator[Predictor]:
    columns, terms = read_table(path), len(design.features) + 1
    coefficients, seeds = columns["coefficient"].reshape(-1, terms), columns["seed"][::terms]
    for seed in splits.seeds:
        found = coefficients[seeds == seed]
        if design.classes:
            yield lambda X, of=found: _both(probabilities_of(X @ of[:, 1:].T + of[:, 0]))
        else:
            yield lambda X, of=found[0]: X @ of[1:] + of[0]


def _both(probabilities: np.ndarray) -> np.ndarray:
    """Gives those of both classes, where there is that of the second alone."""
    if probabilities.shape[1] > 1:
        return probabilities
    return np.column_stack([1 - probabilities, probabilities])


def _networks(design: Design, splits: Splits, path: str) -> Iterator[Predictor]:
    """Computes what the networks do, in double precision: PyTorch takes longer to import than all of it."""
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        seeds = json.loads(file.metadata()["lineup"])["seeds"]
        names = sorted(
            (name for name in file.keys() if name.endswith(".weight")),  # noqa: SIM118
            key=lambda name: int(name.split(".")[1]),
        )
        for seed in splits.seeds:
            place = seeds.index(int(seed))

            def part(name: str, place: int = place) -> np.ndarray:
                return file.get_slice(name)[place].astype(np.float64)

            layers = [(part(name), part(name.replace(".weight", ".bias"))) for name in names]
            yield _network(part("centre"), part("scale"), layers, bool(design.classes))


def _network(
    centre: np.ndarray, scale: np.ndarray, layers: list[tuple[np.ndarray, np.ndarray]], has_classes: bool
) -> Predictor:
    def predict(X: np.ndarray) -> np.ndarray:
        # Features are numbers of single precision to a network.
        X = (X.astype(np.float32).astype(np.float64) - centre) / scale
        for weight, bias in layers[:-1]:
            X = np.maximum(X @ weight.T + bias, 0.0)
        weight, bias = layers[-1]
        found = X @ weight.T + bias
        if not has_classes:
            return found[:, 0]
        found = np.exp(found - found.max(axis=1, keepdims=True))
        return found / found.sum(axis=1, keepdims=True)

    return predict
