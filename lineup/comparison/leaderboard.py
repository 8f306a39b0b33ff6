"""Lines up the scores of all models of a dataset, split by split, beside a null model."""

import csv
import logging
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow as pa

from lineup.comparison.intervals import corrected_interval, paired_interval, wilson_interval
from lineup.comparison.scores import METRICS, doubts_of_fits, doubts_of_record, score_columns, signed
from lineup.config import NULL_MODEL
from lineup.data.design import Design, read_design
from lineup.data.tables import Splits, read_splits, read_tables, write_table
from lineup.errors import warn
from lineup.files import name_of, replacing

QUANTILES = {"q05": 0.05, "q50": 0.5, "q95": 0.95}


def null_predictions(design: Design, splits: Splits, null_model: str) -> np.ndarray:
    """Predicts the same for every test row of a split, by the mean, median or frequencies of its training targets alone.

    Returns:
        For all N test rows, split after split, numbers, shape (N,), or the probabilities of K classes, shape (N, K).
    """
    if null_model == "frequencies":
        counts = [
            np.bincount(design.y[train], minlength=len(design.classes)) / len(train) for train in splits.train
        ]
        return np.repeat(counts, splits.sizes()[1], axis=0)
    centres = [_centres(design, part.train, null_model) for part in splits.parts()]
    return np.repeat(np.concatenate(centres), splits.sizes()[1])


def _centres(design: Design, train: np.ndarray, null_model: str) -> np.ndarray:
    """Computes the mean or the median of the targets of training rows (S, m), of weighted ones if they have weights."""
    y = design.y[train]
    if design.weights is None:
        return {"mean": np.mean, "median": np.median}[null_model](y, axis=1)
    weights = design.weights[train]
    if null_model == "mean":
        return np.average(y, axis=1, weights=weights)
    order = np.argsort(y, axis=1, kind="stable")
    ordered, below = np.take_along_axis(y, order, 1), np.cumsum(np.take_along_axis(weights, order, 1), axis=1)
    # Half of the weight is at or below the lower one, and half at or above the upper one; rounding aside, they are most often one.
    half = below[:, -1:] / 2
    middle = [(below >= half * (1 - 1e-12)).argmax(axis=1), (below > half * (1 + 1e-12)).argmax(axis=1)]
    lower, upper = (np.take_along_axis(ordered, place[:, None], 1)[:, 0] for place in middle)
    return (lower + upper) / 2


def leaderboard(scores: dict[str, dict[str, np.ndarray]], metrics: list[str]) -> list[dict]:
    """Summarizes the scores of each model, the best first by the mean of the first metric.

    Args:
        scores: By model, the scores over the same S splits in the same order.
        metrics: Names of the metrics.

    Returns:
        One record a model: its name, the number of splits, and of each metric the mean, the standard
        deviation (S - 1) and quantiles, these None for a single split; then the number of splits in
        which the first metric is the best of all, which two models with the same value both have.
    """
    first = metrics[0]
    lowest = np.min([signed(columns[first], first) for columns in scores.values()], axis=0)
    records = []
    for model, columns in scores.items():
        splits = len(columns["seed"])
        record = {"model": model, "splits": splits}
        for metric in metrics:
            values = columns[metric]
            record[metric] = float(values.mean())
            record[f"{metric}_sd"] = float(values.std(ddof=1)) if splits > 1 else None
            for name, share in QUANTILES.items():
                record[f"{metric}_{name}"] = float(np.quantile(values, share)) if splits > 1 else None
        record["splits_best"] = int((signed(columns[first], first) == lowest).sum())
        records.append(record)
    return sorted(records, key=lambda record: signed(record[first], first))


def paired_differences(
    scores: dict[str, dict[str, np.ndarray]],
    metric: str,
    reference: str,
    interval: Callable[[str, str], tuple[float | None, float | None]],
) -> list[dict]:
    """Compares each pair of models, split by split.

    Args:
        scores: By model, the scores over the same S splits in the same order, best model first.
        metric: The metric that they are compared by.
        reference: The model that stands second in each of its pairs.
        interval: Gives the ends of an interval for the mean difference of two models, by their names.

    Returns:
        One record a pair: ``model`` and ``other``; of the metric of the model minus that of the other the
        mean, the standard deviation (S - 1), None for a single split, and the ends of its interval; and
        in how many splits the model's metric is the better one.
    """
    names = sorted(scores, key=lambda name: name == reference)
    records = []
    for model, other in combinations(names, 2):
        difference = scores[model][metric] - scores[other][metric]
        low, high = interval(model, other)
        records.append(
            {
                "model": model,
                "other": other,
                "splits": len(difference),
                f"{metric}_difference": float(difference.mean()),
                f"{metric}_difference_sd": float(difference.std(ddof=1)) if len(difference) > 1 else None,
                f"{metric}_difference_low": low,
                f"{metric}_difference_high": high,
                "splits_better": int((signed(difference, metric) < 0).sum()),
            }
        )
    return records


def hits_by_row(actual: np.ndarray, predicted: np.ndarray, splits: int) -> np.ndarray:
    """Computes in what share of S splits a model is right, by test row, from classes of shape (S t,), split after split."""
    return (actual == predicted).reshape(splits, -1).mean(axis=0)


def hits_of_models(predictions: dict[str, list[str]], splits: int) -> dict[str, np.ndarray]:
    """Reads the predictions of each model, and gives its hits by row, see ``hits_by_row``."""
    tables = {name: read_tables(paths, ["actual", "predicted"]) for name, paths in predictions.items()}
    return {name: hits_by_row(table["actual"], table["predicted"], splits) for name, table in tables.items()}


def source_of(paths: list[str]) -> str:
    """Names the files that a line of the leaderboard comes from: of several blocks, by a pattern."""
    first = Path(name_of(paths[0]))
    return str(first.parent.with_name("block_*") / first.name) if len(paths) > 1 else str(first)


def add_doubts(ranked: list[dict], files: dict[str, list[str]], metric: str, logger: logging.Logger) -> None:
    """Adds to each line of a leaderboard what may be wrong with its model, and warns of it."""
    null = next(record for record in ranked if record["model"] == NULL_MODEL)
    for record in ranked:
        doubts = []
        if record is not null:
            doubts = doubts_of_fits(files[record["model"]], record["splits"])
            doubts += doubts_of_record(record, null, metric)
        record["doubts"] = "; ".join(doubts)
        for doubt in doubts:
            warn(logger, f"{record['model']}: {doubt}.")


def by_model_name(models: list[str], paths: list[str]) -> dict[str, list[str]]:
    """Gives each model its files, of which all have as many."""
    blocks = len(paths) // len(models)
    return {name: paths[k * blocks : (k + 1) * blocks] for k, name in enumerate(models)}


def write_csv(records: list[dict], path: str) -> None:
    """Writes records of the same keys as a CSV file; None is an empty field."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, records[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)


def write_scores(by_model: dict[str, dict[str, np.ndarray]], metrics: list[str], path: str) -> None:
    """Writes the scores of all models as one table: ``model``, ``seed`` and the metrics."""
    names = [name for name, columns in by_model.items() for _ in columns["seed"]]
    columns = {key: np.concatenate([one[key] for one in by_model.values()]) for key in ("seed", *metrics)}
    write_table({"model": pa.array(names, pa.string())} | columns, path)


def compare(
    table: str,
    splits: list[str],
    model_scores: list[str],
    predictions: list[str],
    scores: str,
    leaderboard_csv: str,
    differences_csv: str,
    models: list[str],
    reference: str,
    null_model: str,
    logger: logging.Logger,
) -> None:
    """Writes the scores of all models together, the leaderboard, and the differences of each pair.

    Intervals are those of ``corrected_interval``; where every split tests on the same given rows, those of
    ``paired_interval``, and of ``wilson_interval`` for each accuracy.

    Args:
        table: The prepared table.
        splits: The B blocks of splits.
        model_scores: The scores that ``write_evaluation`` wrote: for each model those of the B blocks.
        predictions: Its predictions in that order where the rows to test on are given; else empty.
        scores: Parquet file to write, see ``write_scores``.
        leaderboard_csv: CSV file to write, see ``leaderboard``, with the files that each line comes from.
        differences_csv: CSV file to write, see ``paired_differences``.
        models: Names of the models, in the order of ``model_scores``.
        reference: Name of the model that the others are compared with.
        null_model: ``mean``, ``median`` or ``frequencies``.
        logger: Where to report.
    """
    design, drawn = read_design(table), read_splits(splits)
    metrics = list(METRICS[design.task])
    null = null_predictions(design, drawn, null_model)
    files = by_model_name(models, model_scores)
    by_model = {name: read_tables(paths) for name, paths in files.items()}
    by_model[NULL_MODEL] = score_columns(design, drawn, null)
    write_scores(by_model, metrics, scores)

    ranked = leaderboard(by_model, metrics)
    train_rows, test_rows = (side.mean() for side in drawn.sizes())
    if predictions:
        hits = hits_of_models(by_model_name(models, predictions), len(drawn))
        hits[NULL_MODEL] = hits_by_row(design.y[drawn.test].ravel(), null.argmax(axis=1), len(drawn))
        for one in ranked:
            one["accuracy_low"], one["accuracy_high"] = wilson_interval(one["accuracy"], int(test_rows))

    def interval(model: str, other: str) -> tuple[float | None, float | None]:
        if predictions:
            return paired_interval(hits[model] - hits[other])
        difference = by_model[model][metrics[0]] - by_model[other][metrics[0]]
        return corrected_interval(difference, test_rows, train_rows) if len(difference) > 1 else (None, None)

    add_doubts(ranked, files, metrics[0], logger)
    sources = {name: source_of(paths) for name, paths in files.items()} | {NULL_MODEL: name_of(scores)}
    write_csv([record | {"source": sources[record["model"]]} for record in ranked], leaderboard_csv)
    in_rank = {record["model"]: by_model[record["model"]] for record in ranked}
    write_csv(paired_differences(in_rank, metrics[0], reference, interval), differences_csv)
    for one in ranked:
        logger.info("%-24s %s %.5g", one["model"], METRICS[design.task][metrics[0]], one[metrics[0]])
