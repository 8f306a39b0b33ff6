"""Lines up the scores of all models of a dataset, split by split, beside a null model."""

import csv
import logging
from functools import reduce
from pathlib import Path

import numpy as np
import pyarrow as pa

from lineup.comparison.differences import differences, region_of
from lineup.comparison.evidence import Evidence, Present, evidence_of, present_of
from lineup.comparison.intervals import CONFIDENCE, RowsAndTrainings, wilson_interval
from lineup.comparison.metrics import signed
from lineup.comparison.null_model import null_predictions
from lineup.comparison.scores import (
    doubts_of_failures,
    doubts_of_fits,
    doubts_of_record,
    failures_of,
    read_predicted,
    score_columns,
)
from lineup.comparison.seed_share import scores_again, seed_shares
from lineup.data.design import Design, read_design
from lineup.data.tables import Splits, read_schema, read_splits, read_tables, write_table
from lineup.errors import InputError, warn
from lineup.files import name_of, replacing
from lineup.metrics import BY_CLASS, LABELS, NULL_MODEL, metrics_of

QUANTILES = {"q05": 0.05, "q50": 0.5, "q95": 0.95}


def leaderboard(scores: dict[str, dict[str, np.ndarray]], metrics: list[str]) -> list[dict]:
    """Summarizes the scores of each model, the best first by the mean of the first metric over the splits that all have.

    Args:
        scores: By model, the scores over its splits, in one order.
        metrics: Names of the metrics.

    Returns:
        One record a model: its name, the number of its splits S, and of each metric the mean over them, the standard
        deviation (S - 1) and quantiles, these None for a single split; then the number of splits that all models have, and over
        these the mean of the first metric and of its ranks, 1 for the best; models with the same value share their mean rank.

    Raises:
        InputError: If there is no split that all models have.
    """
    first = metrics[0]
    shared = on_shared_splits(scores)
    by_model = np.array([signed(columns[first], first) for columns in shared.values()])
    better = (by_model[:, None] < by_model).sum(axis=0)
    ties = (by_model[:, None] == by_model).sum(axis=0)  # with itself, too
    ranks = dict(zip(scores, (better + (ties + 1) / 2).mean(axis=1), strict=True))
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
        record["shared_splits"] = len(shared[model]["seed"])
        record["mean_on_shared"] = float(shared[model][first].mean())
        record["mean_rank"] = float(ranks[model])
        records.append(record)
    return sorted(records, key=lambda record: signed(record["mean_on_shared"], first))


def check_fitted(by_model: dict[str, dict[str, np.ndarray]], failures: dict[str, dict[int, str]]) -> None:
    """Raises an InputError if a model could be fitted on no split at all."""
    for name, columns in by_model.items():
        if not len(columns["seed"]):
            raise InputError(
                f"{name} could not be fitted on any split: {next(iter(failures[name].values()))}."
            )


def on_shared_splits(scores: dict[str, dict[str, np.ndarray]]) -> dict[str, dict[str, np.ndarray]]:
    """Picks the scores of models on the splits that all of them have; raises an InputError if there are none."""
    seeds = [columns["seed"] for columns in scores.values()]
    shared = reduce(np.intersect1d, seeds)
    if not len(shared):
        raise InputError(
            "There is no split on which all models could be fitted, so they cannot be lined up: take the model out that fails "
            "most often. The logs of the fits say why."
        )
    if all(len(one) == len(shared) for one in seeds):
        return scores
    return {
        name: {key: values[np.isin(columns["seed"], shared)] for key, values in columns.items()}
        for name, columns in scores.items()
    }


def source_of(paths: list[str]) -> str:
    """Names the files that a line of the leaderboard comes from: of several blocks, by a pattern."""
    first = Path(name_of(paths[0]))
    return str(first.parent.with_name("block_[0-9]*") / first.name) if len(paths) > 1 else str(first)


def add_doubts(
    ranked: list[dict],
    files: dict[str, list[str]],
    by_model: dict[str, dict[str, np.ndarray]],
    failures: dict[str, dict[int, str]],
    metric: str,
    logger: logging.Logger,
) -> None:
    """Adds to each line of a leaderboard what may be wrong with its model, and warns of it."""
    nulls = by_model[NULL_MODEL]
    for record in ranked:
        name, doubts = record["model"], []
        if name != NULL_MODEL:
            same = np.isin(nulls["seed"], by_model[name]["seed"])
            doubts = doubts_of_fits(files[name], record["splits"])
            doubts += doubts_of_record(record, {metric: float(nulls[metric][same].mean())}, metric)
            doubts += doubts_of_failures(failures[name], record["splits"])
        record["doubts"] = "; ".join(doubts)
        for doubt in doubts:
            warn(logger, f"{record['model']}: {doubt}.")


def by_model_name(models: list[str], paths: list[str]) -> dict[str, list[str]]:
    """Gives each model its files, which are in folders of its blocks, in one of its name."""
    return {name: [path for path in paths if Path(path).parts[-3] == name] for name in models}


def write_csv(records: list[dict], path: str) -> None:
    """Writes records of the same keys as a CSV file; None is an empty field."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, records[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)


def write_scores(
    by_model: dict[str, dict[str, np.ndarray]],
    failures: dict[str, dict[int, str]],
    metrics: list[str],
    path: str,
) -> None:
    """Writes the scores of all models as one table: ``model``, ``seed``, the metrics, and why a model has none on a split."""
    parts = []
    for name, columns in by_model.items():
        failed = failures.get(name, {})
        nothing = np.full(len(failed), np.nan)
        whole = {key: np.concatenate([columns[key], nothing]) for key in metrics}
        seeds = np.concatenate([columns["seed"], np.array(list(failed), dtype=np.int64)])
        why = [""] * len(columns["seed"]) + list(failed.values())
        parts.append(pa.table({"model": [name] * len(seeds), "seed": seeds} | whole | {"failure": why}))
    write_table(pa.concat_tables(parts), path)


def accuracy_interval(one: Evidence, model: str) -> tuple[float, float]:
    """Gives the interval of an accuracy on given rows: Wilson's, and of several trainings no less than that of rows and trainings."""
    one = one.of([model])
    low, high = wilson_interval(float(one.scores[model].mean()), int(one.test_rows))
    if one.splits == 1:
        return low, high
    found = RowsAndTrainings.of(one.losses[model].reshape(one.splits, -1))
    half = found.half(CONFIDENCE)
    return min(low, max(found.mean - half, 0.0)), max(high, min(found.mean + half, 1.0))


def score_at(
    threshold: float,
    design: Design,
    drawn: Splits,
    by_model: dict[str, dict[str, np.ndarray]],
    predicted: dict[str, np.ndarray],
    present: dict[str, Present],
) -> None:
    """Scores the predicted classes of all models by a threshold, in place; an InputError if it is not a half and there are not two."""
    if threshold == 0.5:
        return
    if len(design.classes) != 2:
        raise InputError(
            f"A threshold of {threshold} is for two classes, and the target {design.target!r} has {len(design.classes)}: leave it out."
        )
    for name, scored in by_model.items():
        own = drawn[present[name].splits] if name in present else drawn
        at = score_columns(design, own, predicted[name], threshold)
        scored |= {metric: at[metric] for metric in BY_CLASS}


def compare(
    table: str,
    splits: list[str],
    model_scores: list[str],
    predictions: list[str],
    again: list[str],
    splits_again: list[str],
    scores: str,
    leaderboard_csv: str,
    differences_csv: str,
    models: list[str],
    metric: str,
    reference: str,
    null_model: str,
    method: str,
    equivalence: float,
    trainings: dict,
    logger: logging.Logger,
    threshold: float = 0.5,
) -> None:
    """Writes the scores of all models together, the leaderboard, and the differences of each pair by each metric.

    Args:
        table: The prepared table.
        splits: The B blocks of splits.
        model_scores: The scores that ``write_evaluation`` wrote: for each model those of the B blocks.
        predictions: Its predictions, in that order.
        again: The predictions of trainings with other seeds, for the models in ``trainings``.
        splits_again: The block of splits of these trainings; empty where there are none.
        scores: Parquet file to write, see ``write_scores``.
        leaderboard_csv: CSV file to write, see ``leaderboard``, with the files that each line comes from.
        differences_csv: CSV file to write, see ``differences``.
        models: Names of the models, in the order of ``model_scores``.
        metric: The metric that ranks.
        reference: Name of the model that the others are compared with.
        null_model: ``mean``, ``median`` or ``frequencies``.
        method: How the splits were made, see ``evidence``.
        equivalence: See there.
        trainings: ``number`` of the trainings, on how many ``splits``, and of which ``models``.
        logger: Where to report.
        threshold: The probability above which the second of two classes is predicted.

    Raises:
        InputError: If there is a threshold other than a half, and not two classes.
    """
    design, drawn = read_design(table), read_splits(splits)
    metrics, files = list(metrics_of(design.task, metric)), by_model_name(models, model_scores)
    of_models = by_model_name(models, predictions)
    predicted = {name: read_predicted(paths, design.task) for name, paths in of_models.items()}
    predicted[NULL_MODEL] = null_predictions(design, drawn, null_model)
    by_model = {name: read_tables(paths) for name, paths in files.items()}
    by_model[NULL_MODEL] = score_columns(design, drawn, predicted[NULL_MODEL])
    present = present_of(drawn, by_model)
    score_at(threshold, design, drawn, by_model, predicted, present)
    failures = {name: failures_of(paths) for name, paths in files.items()}
    check_fitted(by_model, failures)
    write_scores(by_model, failures, metrics, scores)

    ranked = leaderboard(by_model, metrics)
    others = scores_again(design, splits_again, trainings["models"], again, metric, threshold)
    shares = seed_shares(by_model, others, drawn, trainings, metric)
    for record in ranked:
        record["failed"] = len(failures.get(record["model"], {}))
        record["seed_share"] = shares.get(record["model"])
    in_rank = {record["model"]: by_model[record["model"]] for record in ranked}
    made = {"method": method, "has_groups": "group" in read_schema(table).get("roles", {})}
    pairs = []
    for name in metrics:
        region = region_of(equivalence, name, float(by_model[NULL_MODEL][name].mean()))
        one = evidence_of(name, design, drawn, in_rank, predicted, present, region, threshold, **made)
        pairs += differences(one, reference)
        if one.are_given and name == "accuracy":
            for record in ranked:
                record["accuracy_low"], record["accuracy_high"] = accuracy_interval(one, record["model"])

    add_doubts(ranked, files, by_model, failures, metric, logger)
    sources = {name: source_of(paths) for name, paths in files.items()} | {NULL_MODEL: name_of(scores)}
    write_csv([record | {"source": sources[record["model"]]} for record in ranked], leaderboard_csv)
    write_csv(pairs, differences_csv)
    for one in ranked:
        logger.info("%-24s %s %.5g on %d splits", one["model"], LABELS[metric], one[metric], one["splits"])
