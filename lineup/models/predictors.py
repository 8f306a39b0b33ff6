"""Predicts with the models that a fit left: of linear ones there are the coefficients, of networks the weights; an estimator is fitted again."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from lineup.data.design import Design
from lineup.data.tables import Splits, read_table
from lineup.models.proximal_newton import probabilities_of
from lineup.models.sklearn import Fitter, Settings
from lineup.settings import typed

# Gives for features of rows (r, p) numbers (r,), or the probabilities of K classes (r, K).
Predictor = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Layers:
    """A network for p features, or a linear model, which is one without hidden layers."""

    layers: list[
        tuple[np.ndarray, np.ndarray]
    ]  # weights (out, in) and biases (out,); between two stands a ReLU
    has_classes: (
        bool  # whether the outputs become probabilities; one output is that of the second of two classes
    )
    centre: np.ndarray | float = 0.0  # what is taken from the features, shape (p,)
    scale: np.ndarray | float = 1.0  # what they are divided by then
    is_single: bool = False  # whether features are numbers of single precision to it

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Predicts, see ``Predictor``, in double precision."""
        X = X.astype(np.float32).astype(np.float64) if self.is_single else X
        X = (X - self.centre) / self.scale
        for weight, bias in self.layers[:-1]:
            X = np.maximum(X @ weight.T + bias, 0.0)
        weight, bias = self.layers[-1]
        found = X @ weight.T + bias
        if not self.has_classes:
            return found[:, 0]
        found = probabilities_of(found)
        return found if found.shape[1] > 1 else np.column_stack([1 - found, found])


def predictors_of(model: Mapping, design: Design, splits: Splits, fitted: str | None) -> Iterator[Predictor]:
    """Yields what predicts on each of some splits, all of which a model was fitted on.

    Args:
        model: The settings of the model.
        design: The prepared table.
        splits: The splits.
        fitted: What the fit of their block left, see ``layers_of``; None of an estimator.
    """
    if fitted is None:
        fitter = Fitter(design, typed(Settings, model))
        for train, seed in zip(splits.train, splits.seeds, strict=True):
            yield fitter.predictor(train, int(seed))
    else:
        yield from layers_of(design, splits, fitted)


def layers_of(design: Design, splits: Splits, fitted: str) -> Iterator[Layers]:
    """Yields the model of each split from what the fit of their block left: coefficients as Parquet, or weights as safetensors."""
    return (_networks if fitted.endswith(".safetensors") else _linear)(design, splits, fitted)


def _linear(design: Design, splits: Splits, path: str) -> Iterator[Layers]:
    columns, terms = read_table(path), len(design.features) + 1
    coefficients, seeds = columns["coefficient"].reshape(-1, terms), columns["seed"][::terms]
    for seed in splits.seeds:
        found = coefficients[seeds == seed]
        yield Layers([(found[:, 1:], found[:, 0])], bool(design.classes))


def _networks(design: Design, splits: Splits, path: str) -> Iterator[Layers]:
    """Reads networks without PyTorch, which takes longer to import than all that they compute."""
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
            yield Layers(layers, bool(design.classes), part("centre"), part("scale"), is_single=True)
