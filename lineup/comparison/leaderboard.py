"""Lines up the scores of all models of a dataset, split by split, beside a null model."""

import csv
import logging
from pathlib import Path

import numpy as np
import pyarrow as pa

from lineup.comparison.differences import Evidence, differences, region_of
from lineup.comparison.intervals import CONFIDENCE, RowsAndTrainings, wilson_interval
from lineup.comparison.jackknife import Tested
from lineup.comparison.metrics import signed
from lineup.comparison.null_model import null_predictions
from lineup.comparison.scores import (
    contributions_of,
    doubts_of_fits,
    doubts_of_record,
    read_predicted,
    score_columns,
)
from lineup.data.design import Design, read_design
from lineup.data.tables import Splits, read_schema, read_splits, read_table, read_tables, write_table
from lineup.errors import InputError, warn
from lineup.files import name_of, replacing
from lineup.metrics import BY_CLASS, LABELS, NULL_MODEL, metrics_of

QUANTILES = {"q05": 0.05, "q50": 0.5, "q95": 0.95}


def leaderboard(scores: dict[str, dict[str, np.ndarray]], metrics: list[str]) -> list[dict]:
    """Summarizes the scores of each model, the best first by the mean of the first metric.

    Args:
        scores: By model, the scores over the same S splits in the same order.
        metrics: Names of the metrics.

    Returns:
        One record a model: its name, the number of splits, and of each metric the mean, the standard
        deviation (S - 1) and quantiles, these None for a single split; then the mean of its ranks over the splits by the
        first metric, 1 for the best; models with the same value share their mean rank.
    """
    first = metrics[0]
    by_model = np.array([signed(columns[first], first) for columns in scores.values()])
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
        record["mean_rank"] = float(ranks[model])
        records.append(record)
    return sorted(records, key=lambda record: signed(record[first], first))


def seed_share(
    scores: dict[str, np.ndarray], trainings: dict[str, np.ndarray] | None, metric: str
) -> float | None:
    """Estimates which share of the variance over the splits is the luck of the seed: that of T trainings within a split.

    Args:
        scores: The scores over all splits, of one training each.
        trainings: Those of T trainings on some of them, with the column ``training``; None if there are none.
        metric: The metric.

    Returns:
        The share, at most 1; None where nothing is known, or nothing varies.
    """
    if trainings is None or len(scores[metric]) < 2:
        return None
    within = trainings[metric].reshape(trainings["training"].max(), -1).var(axis=0, ddof=1).mean()
    between = scores[metric].var(ddof=1)
    return min(float(within / between), 1.0) if between > 0 else None


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


def evidence(
    metric: str,
    design: Design,
    drawn: Splits,
    by_model: dict[str, dict[str, np.ndarray]],
    predicted: dict[str, np.ndarray],
    method: str,
    has_groups: bool,
    equivalence: float,
    threshold: float,
) -> Evidence:
    """Collects what is known of the models by one metric.

    Args:
        metric: The metric.
        design: The prepared table.
        drawn: The S splits.
        by_model: The scores of each model, the best first, see ``leaderboard``.
        predicted: The predictions of each for the N test rows, split after split.
        method: How the splits were made; ``given`` where their rows came with the table.
        has_groups: Whether rows belong to groups, of which none is on both sides.
        equivalence: The region of practical equivalence, see ``region_of``.
        threshold: See ``compare``.
    """
    rows = np.concatenate(list(drawn.test))
    train_rows, test_rows = (float(side.mean()) for side in drawn.sizes())
    return Evidence(
        metric=metric,
        scores={name: columns[metric] for name, columns in by_model.items()},
        losses={
            name: contributions_of(metric, design, drawn, predicted[name], threshold) for name in by_model
        },
        tested=Tested(rows, len(drawn), len(design.y)),
        train_rows=train_rows,
        test_rows=test_rows,
        are_random=method == "random" and not has_groups,
        are_given=method == "given",
        are_alone=method != "time" and not has_groups,
        region=region_of(equivalence, metric, float(by_model[NULL_MODEL][metric].mean())),
    )


def accuracy_interval(one: Evidence, model: str) -> tuple[float, float]:
    """Gives the interval of an accuracy on given rows: Wilson's, and of several trainings no less than that of rows and trainings."""
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
) -> None:
    """Scores the predicted classes of all models by another threshold than a half, in place; an InputError if there are not two."""
    if len(design.classes) != 2:
        raise InputError(
            f"A threshold of {threshold} is for two classes, and the target {design.target!r} has {len(design.classes)}: leave it out."
        )
    for name, scored in by_model.items():
        at = score_columns(design, drawn, predicted[name], threshold)
        scored |= {metric: at[metric] for metric in BY_CLASS}


def compare(
    table: str,
    splits: list[str],
    model_scores: list[str],
    predictions: list[str],
    trainings: list[str],
    scores: str,
    leaderboard_csv: str,
    differences_csv: str,
    models: list[str],
    metric: str,
    reference: str,
    null_model: str,
    method: str,
    equivalence: float,
    trained_again: list[str],
    logger: logging.Logger,
    threshold: float = 0.5,
) -> None:
    """Writes the scores of all models together, the leaderboard, and the differences of each pair by each metric.

    Args:
        table: The prepared table.
        splits: The B blocks of splits.
        model_scores: The scores that ``write_evaluation`` wrote: for each model those of the B blocks.
        predictions: Its predictions, in that order.
        trainings: The scores of several trainings on some splits, for the models in ``trained_again``.
        scores: Parquet file to write, see ``write_scores``.
        leaderboard_csv: CSV file to write, see ``leaderboard``, with the files that each line comes from.
        differences_csv: CSV file to write, see ``differences``.
        models: Names of the models, in the order of ``model_scores``.
        metric: The metric that ranks.
        reference: Name of the model that the others are compared with.
        null_model: ``mean``, ``median`` or ``frequencies``.
        method: How the splits were made, see ``evidence``.
        equivalence: See there.
        trained_again: Models with several trainings on some splits.
        logger: Where to report.
        threshold: The probability above which the second of two classes is predicted.

    Raises:
        InputError: If there is a threshold other than a half, and not two classes.
    """
    design, drawn = read_design(table), read_splits(splits)
    metrics = list(metrics_of(design.task, metric))
    files = by_model_name(models, model_scores)
    predicted = {
        name: read_predicted(paths, design.task) for name, paths in by_model_name(models, predictions).items()
    }
    predicted[NULL_MODEL] = null_predictions(design, drawn, null_model)
    by_model = {name: read_tables(paths) for name, paths in files.items()}
    by_model[NULL_MODEL] = score_columns(design, drawn, predicted[NULL_MODEL])
    if threshold != 0.5:
        score_at(threshold, design, drawn, by_model, predicted)
    write_scores(by_model, metrics, scores)

    ranked = leaderboard(by_model, metrics)
    again = dict(zip(trained_again, map(read_table, trainings), strict=True))
    for record in ranked:
        record["seed_share"] = seed_share(by_model[record["model"]], again.get(record["model"]), metric)
    in_rank = {record["model"]: by_model[record["model"]] for record in ranked}
    has_groups = "group" in read_schema(table).get("roles", {})
    pairs = []
    for name in metrics:
        one = evidence(name, design, drawn, in_rank, predicted, method, has_groups, equivalence, threshold)
        pairs += differences(one, reference)
        if one.are_given and name == "accuracy":
            for record in ranked:
                record["accuracy_low"], record["accuracy_high"] = accuracy_interval(one, record["model"])

    add_doubts(ranked, files, metric, logger)
    sources = {name: source_of(paths) for name, paths in files.items()} | {NULL_MODEL: name_of(scores)}
    write_csv([record | {"source": sources[record["model"]]} for record in ranked], leaderboard_csv)
    write_csv(pairs, differences_csv)
    for one in ranked:
        logger.info("%-24s %s %.5g", one["model"], LABELS[metric], one[metric])
