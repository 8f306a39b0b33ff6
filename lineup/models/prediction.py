"""Predicts new rows with the models that were fitted on the splits of a table, each by itself or all together."""

import csv
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa

from lineup.comparison.rates import predicted_classes
from lineup.data.design import Design, read_design
from lineup.data.new_rows import NewRows, read_new_rows
from lineup.data.tables import Splits, read_schema, read_splits, read_table, write_table
from lineup.errors import InputError, warn
from lineup.files import FULL, replacing
from lineup.models.predictors import predictors_of
from lineup.progress import Progress


def mean_and_spread(predictions: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray | None, int]:
    """Computes mean and standard deviation over M models of what each predicts, without keeping all of it; and M.

    There is no deviation of one model. Welford, Technometrics 4 (1962).
    """
    mean, squares, number = 0.0, 0.0, 0
    for predicted in predictions:
        number += 1
        step = predicted - mean
        mean = mean + step / number
        squares = squares + step * (predicted - mean)
    return mean, np.sqrt(squares / (number - 1)) if number > 1 else None, number


def fitted_splits(
    splits: list[str], predictions: list[str], seed: int | None
) -> Iterator[tuple[int, Splits]]:
    """Yields the splits that a model was fitted on, block by block with the place of the block.

    Args:
        splits: The blocks of splits.
        predictions: Its predictions, a file a block.
        seed: The split that is asked for; None for all.

    Raises:
        InputError: If it could not be fitted on that split, or on none.
    """
    number = 0
    for place, path in enumerate(splits):
        drawn = read_splits([path])
        has = np.isin(drawn.seeds, read_table(predictions[place], ["seed"])["seed"])
        drawn = drawn[has if seed is None else has & (drawn.seeds == seed)]
        number += len(drawn)
        yield place, drawn
    if not number:
        on = "any split" if seed is None else f"split {seed}"
        raise InputError(f"The model could not be fitted on {on}, so that nothing can be predicted with it.")


def predict(
    table: str,
    splits: list[str],
    predictions: list[str],
    fitted: list[str],
    rows: str,
    output: str,
    model: Mapping,
    reading: Mapping,
    imputation: str | None,
    logger: logging.Logger,
    seed: int | None = None,
    threshold: float = 0.5,
) -> str:
    """Predicts the rows of a file, and writes them with what is predicted.

    Args:
        table: The prepared table.
        splits: The blocks of splits that the model was fitted on.
        predictions: Its predictions, a file a block, which tell on which splits it could be fitted.
        fitted: What its fits left, a file a block; none of an estimator, which is fitted again.
        rows: The file of new rows.
        output: The file to write, as CSV, or as Parquet if it ends so: the columns of the rows; the mean over the models of
            what they predict, or the class of the largest mean probability, as ``predicted``; and the standard deviation over
            the models.
        model: The settings of the model.
        reading: What the config says of how the file of the table is written.
        imputation: What missing numbers are filled with; None where nothing is imputed.
        logger: Where to report.
        seed: The split whose model is asked for; None for all together.
        threshold: The probability above which the second of two classes is predicted.

    Returns:
        What was done, as a sentence.

    Raises:
        InputError: If the rows cannot be read as those of the table, or no model was fitted.
    """
    new = read_new_rows(rows, read_schema(table), reading, imputation is not None)
    for doubt in new.doubts:
        warn(logger, f"{rows}: {doubt}")
    if not new.can.any():
        raise InputError(f"{rows} has no row that can be predicted.")
    design = read_design(table, new.features, imputation)
    first = len(design.X) - len(new.features)

    def by_model() -> Iterable[np.ndarray]:
        for place, drawn in fitted_splits(splits, predictions, seed):
            yield from _by_split(model, design, drawn, fitted[place] if fitted else None, first, logger)

    mean, spread, number = mean_and_spread(by_model())
    _write(_columns(new, design, mean, spread, threshold), new, output)
    models = "one model" if number == 1 else f"{number} models together"
    return f"{new.can.sum()} of {len(new.can)} rows are predicted by {models}, in {output}."


def _by_split(
    model: Mapping, design: Design, splits: Splits, fitted: str | None, first: int, logger: logging.Logger
) -> Iterable[np.ndarray]:
    """Yields what the model of each split predicts for the rows of a design from a place on."""
    X, new = None, np.arange(first, len(design.X))[None]
    progress = Progress(logger, "models", len(splits))
    for place, predictor in enumerate(predictors_of(model, design, splits, fitted)):
        if X is None or design.unlearned:
            (X,) = design.coded(splits.train[place][None], new)
        yield predictor(X[0])
        progress.advance(1)


def _columns(
    new: NewRows, design: Design, mean: np.ndarray, spread: np.ndarray | None, threshold: float
) -> dict[str, np.ndarray]:
    """Names what is predicted of the rows that can be."""
    if not design.classes:
        return {"predicted": mean} | ({} if spread is None else {"predicted_sd": spread})
    places = predicted_classes(mean[None], threshold)[0]
    found = {"predicted": np.array(design.classes, dtype=object)[places]}
    for place, name in enumerate(design.classes):
        found[f"probability[{name}]"] = mean[:, place]
        if spread is not None:
            found[f"probability_sd[{name}]"] = spread[:, place]
    return found


def _write(found: Mapping[str, np.ndarray], new: NewRows, output: str) -> None:
    """Writes the rows with what is predicted of them, empty where nothing is."""
    table, places = new.table, np.cumsum(new.can) - 1
    mark = "lineup_" if set(found) & set(table.column_names) else ""
    for name, values in found.items():
        table = table.append_column(mark + name, pa.array(values[places], mask=~new.can))
    with writing(output) as temporary:
        if Path(output).suffix == ".parquet":
            write_table(table, temporary)
            return
        with temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(table.column_names)
            writer.writerows(zip(*(column.to_pylist() for column in table.columns), strict=True))


@contextmanager
def writing(output: str) -> Iterator[Path]:
    """Gives a temporary path that takes the place of a file that a person named; raises an InputError if it cannot be written."""
    try:
        with replacing(output) as temporary:
            yield temporary
    except OSError as error:
        if error.errno in FULL:
            raise
        raise InputError(
            f"{output} cannot be written ({error.strerror}): name another file under to."
        ) from error
