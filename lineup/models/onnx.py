"""Writes fitted linear models and networks as ONNX, which runs where this project is not."""

import json
import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lineup.data.design import Design, read_design
from lineup.data.imputation import members
from lineup.data.tables import read_schema
from lineup.errors import InputError
from lineup.models.prediction import fitted_splits, writing
from lineup.models.predictors import Layers, layers_of

# What every runtime of the last years can read.
OPSET, IR_VERSION = 17, 8


def export(
    table: str,
    splits: list[str],
    predictions: list[str],
    fitted: list[str],
    output: str,
    imputation: str | None,
    logger: logging.Logger,
    seed: int | None = None,
) -> str:
    """Writes a model as ONNX, or those of all its splits as one that gives the mean of what they predict.

    The input ``features`` has the shape (r, p): rows coded as those of the prepared table are, with NaN where a value is missing.
    The output is ``predicted``, shape (r,), or ``probabilities``, shape (r, K). What features and classes are stands
    in the metadata, under ``lineup``, as JSON.

    Args:
        table: The prepared table.
        splits: The blocks of splits that the model was fitted on.
        predictions: Its predictions, a file a block.
        fitted: What its fits left, a file a block; none of an estimator.
        output: The file to write.
        imputation: What missing numbers are filled with; None where nothing is predicted of a row with a missing value.
        logger: Where to report.
        seed: The split whose model is asked for; None for all together.

    Returns:
        What was done, as a sentence.

    Raises:
        InputError: If the model is neither linear nor a network, or the package onnx is not there.
    """
    if not fitted:
        raise InputError(
            "Only linear models and networks can be written as ONNX: `snakemake predict` predicts with any."
        )
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise InputError(
            "The package onnx is not installed: pip install -r requirements-onnx.txt."
        ) from error
    # A row in which all is missing has each fit learn what fills any gap.
    blank = np.full((1, len(read_schema(table)["features"])), np.nan) if imputation else None
    design, models, fills = read_design(table, blank, imputation), [], []
    for place, drawn in fitted_splits(splits, predictions, seed):
        for train, model in zip(drawn.train, layers_of(design, drawn, fitted[place]), strict=True):
            coded, filled = coding_folded_in(model, design, train)
            models.append(coded)
            fills.append(filled)
    schema = read_schema(table)
    about = {key: schema[key] for key in ("task", "target", "features")}
    found = onnx.helper.make_model(
        _graph(models, np.stack(fills) if imputation else None),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    onnx.helper.set_model_props(found, {"lineup": json.dumps(about, sort_keys=True, ensure_ascii=False)})
    onnx.checker.check_model(found, full_check=True)
    with writing(output) as temporary:
        temporary.write_bytes(found.SerializeToString(deterministic=True))
    logger.info("%d models of %d features written as ONNX.", len(models), len(design.features))
    models_written = "One model is" if len(models) == 1 else f"{len(models)} models together are"
    return f"{models_written} written as ONNX, in {output}."


def coding_folded_in(model: Layers, design: Design, train: np.ndarray) -> tuple[Layers, np.ndarray]:
    """Makes of a model one for features as the prepared table has them: what its training rows (m,) say of levels goes into its weights.

    Returns:
        The model, without centre and scale, and what missing values are filled with before, shape (p,).
    """
    weight, bias = model.layers[0]
    weight = weight / model.scale
    bias = bias - weight @ np.broadcast_to(model.centre, weight.shape[1])
    fills = np.zeros(weight.shape[1])
    if design.unlearned:
        learned = design.unlearned.learn(members(train[None], len(design.X)), design.X)
        for place, values in learned.fills.items():
            fills[place] = values[0]
        of_known = weight.copy()
        for factor, (known,) in zip(design.unlearned.factors, learned.levels, strict=True):
            # What is added for each level as it counts: nothing for the baseline, then the levels, then the rare ones together.
            rare = 0 * bias[:, None] if factor.other is None else weight[:, [factor.other]]
            added = np.concatenate([0 * bias[:, None], weight[:, factor.features], rare], axis=1)
            levels, frequent = len(factor.features), known[-2]
            of_known[:, factor.features] = added[:, known[1 : levels + 1]] - added[:, known[:1]]
            if factor.other is not None:
                of_known[:, factor.other] = added[:, known[-1]] - added[:, known[0]]
            bias = bias + added[:, known[0]]
            fills[factor.features] = np.arange(1, levels + 1) == frequent
        weight = of_known
    return replace(model, layers=[(weight, bias), *model.layers[1:]], centre=0.0, scale=1.0), fills


def _graph(models: Sequence[Layers], fills: np.ndarray | None) -> object:
    """Makes the graph of S models, all of one shape: (r, p) becomes (S, r, out) after each layer, and the mean over S at the end."""
    from onnx import TensorProto, helper, numpy_helper

    constants, nodes, shape = [], [], models[0]

    def constant(name: str, values: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(values, name))
        return name

    def add(kind: str, *inputs: str, **attributes: object) -> str:
        nodes.append(helper.make_node(kind, list(inputs), [f"{kind.lower()}_{len(nodes)}"], **attributes))
        return nodes[-1].output[0]

    found, missing = "features", add("IsNaN", "features")
    if fills is not None:
        found = add("Where", missing, constant("fills", fills[:, None, :]), found)
    if shape.is_single:
        found = add("Cast", add("Cast", found, to=TensorProto.FLOAT), to=TensorProto.DOUBLE)
    for place in range(len(shape.layers)):
        weights = np.stack([model.layers[place][0].T for model in models])
        biases = np.stack([model.layers[place][1][None] for model in models])
        found = add("MatMul", add("Relu", found) if place else found, constant(f"weights_{place}", weights))
        found = add("Add", found, constant(f"biases_{place}", biases))
    if shape.has_classes:
        if shape.layers[-1][1].shape == (1,):
            second = add("Sigmoid", found)
            found = add("Concat", add("Sub", constant("one", np.ones(1)), second), second, axis=-1)
        else:
            found = add("Softmax", found, axis=-1)
    name = "probabilities" if shape.has_classes else "predicted"
    found = add("ReduceMean", found, keepdims=0, axes=[0] if shape.has_classes else [0, 2])
    if fills is None:
        # Of a row with a missing value nothing is predicted.
        some = add(
            "ReduceMax", add("Cast", missing, to=TensorProto.FLOAT), keepdims=int(shape.has_classes), axes=[1]
        )
        found = add(
            "Where", add("Cast", some, to=TensorProto.BOOL), constant("nothing", np.full(1, np.nan)), found
        )
    nodes.append(helper.make_node("Identity", [found], [name]))
    rows, p, classes = "rows", models[0].layers[0][0].shape[1], max(2, len(shape.layers[-1][1]))
    return helper.make_graph(
        nodes,
        "lineup",
        [helper.make_tensor_value_info("features", TensorProto.DOUBLE, [rows, p])],
        [
            helper.make_tensor_value_info(
                name, TensorProto.DOUBLE, [rows, classes] if shape.has_classes else [rows]
            )
        ],
        constants,
    )
