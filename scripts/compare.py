"""Lines up the scores of all models of a dataset, split by split, beside a null model."""

import csv
import logging
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy.special import stdtrit

from scripts.config import NULL_MODEL
from scripts.evaluation import METRICS, score_columns
from scripts.files import replacing
from scripts.job import job
from scripts.tables import Design, Splits, read_design, read_splits, read_tables, write_table

CONFIDENCE = 0.95
QUANTILES = {"q05": 0.05, "q50": 0.5, "q95": 0.95}


def null_scores(design: Design, splits: Splits, null_model: str) -> dict[str, np.ndarray]:
    """Scores the model that predicts the mean or the median of the training targets for every row.

    Args:
        design: The prepared table.
        splits: The S splits.
        null_model: ``mean`` or ``median``.

    Returns:
        The columns ``seed``, ``mae``, ``rmse`` and ``r2``, each of shape (S,).
    """
    location = {"mean": np.mean, "median": np.median}[null_model]
    predicted = location(design.y[splits.train], axis=1)
    return score_columns(design, splits, np.repeat(predicted[:, None], splits.test.shape[1], axis=1))


def leaderboard(scores: dict[str, dict[str, np.ndarray]]) -> list[dict]:
    """Summarizes the scores of each model, best mean absolute error first.

    Args:
        scores: By model, the scores over the same S splits in the same order.

    Returns:
        One record a model: its name, the number of splits, and of each metric the mean, the standard
        deviation (S - 1) and quantiles, these None for a single split; then the number of splits in
        which the MAE is the lowest of all, which two models with the same MAE both have.
    """
    lowest = np.min([columns["mae"] for columns in scores.values()], axis=0)
    records = []
    for model, columns in scores.items():
        splits = len(columns["seed"])
        record = {"model": model, "splits": splits}
        for metric in METRICS:
            values = columns[metric]
            record[metric] = float(values.mean())
            record[f"{metric}_sd"] = float(values.std(ddof=1)) if splits > 1 else None
            for name, share in QUANTILES.items():
                record[f"{metric}_{name}"] = float(np.quantile(values, share)) if splits > 1 else None
        record["splits_best"] = int((columns["mae"] == lowest).sum())
        records.append(record)
    return sorted(records, key=lambda record: record["mae"])


def corrected_interval(differences: np.ndarray, test_rows: int, train_rows: int) -> tuple[float, float]:
    """Computes a confidence interval for the mean difference of two models over random splits.

    The splits share training rows, so their differences are not independent, and the usual
    variance ``s^2 / S`` is too small. This one is ``(1 / S + test rows / training rows) s^2``, with
    Student's t of S - 1 degrees of freedom: the corrected resampled t-test of Nadeau and Bengio,
    "Inference for the Generalization Error", Machine Learning 52 (2003), section 4.2. The correction
    is an approximation that its authors recommend, not an exact result.

    Args:
        differences: The differences on S > 1 splits, shape (S,).
        test_rows: Number of test rows of a split.
        train_rows: Number of training rows of a split.

    Returns:
        Both ends.
    """
    splits = len(differences)
    error = differences.std(ddof=1) * np.sqrt(1 / splits + test_rows / train_rows)
    half = stdtrit(splits - 1, (1 + CONFIDENCE) / 2) * error
    return float(differences.mean() - half), float(differences.mean() + half)


def paired_differences(
    scores: dict[str, dict[str, np.ndarray]], reference: str, test_rows: int, train_rows: int
) -> list[dict]:
    """Compares each pair of models, split by split.

    Args:
        scores: By model, the scores over the same S splits in the same order, best model first.
        reference: The model that stands second in each of its pairs.
        test_rows: Number of test rows of a split.
        train_rows: Number of training rows of a split.

    Returns:
        One record a pair: ``model`` and ``other``; of the MAE of the model minus that of the other the
        mean, the standard deviation (S - 1) and the ends of its interval, see ``corrected_interval``,
        None for a single split; and in how many splits the model's MAE is the lower one.
    """
    names = sorted(scores, key=lambda name: name == reference)
    records = []
    for model, other in combinations(names, 2):
        difference = scores[model]["mae"] - scores[other]["mae"]
        several = len(difference) > 1
        low, high = corrected_interval(difference, test_rows, train_rows) if several else (None, None)
        records.append(
            {
                "model": model,
                "other": other,
                "splits": len(difference),
                "mae_difference": float(difference.mean()),
                "mae_difference_sd": float(difference.std(ddof=1)) if several else None,
                "mae_difference_low": low,
                "mae_difference_high": high,
                "splits_better": int((difference < 0).sum()),
            }
        )
    return records


def write_csv(records: list[dict], path: str) -> None:
    """Writes records of the same keys as a CSV file; None is an empty field."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, records[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)


def compare(
    table: str,
    splits: list[str],
    model_scores: list[str],
    scores: str,
    leaderboard_csv: str,
    differences_csv: str,
    models: list[str],
    reference: str,
    null_model: str,
    logger: logging.Logger,
) -> None:
    """Writes the scores of all models together, the leaderboard, and the differences of each pair.

    Args:
        table: The prepared table.
        splits: The B blocks of splits.
        model_scores: The scores that ``write_evaluation`` wrote: for each model those of the B blocks.
        scores: Parquet file to write: ``model``, ``seed``, ``mae``, ``rmse``, ``r2``.
        leaderboard_csv: CSV file to write, see ``leaderboard``, with the files that each line comes from.
        differences_csv: CSV file to write, see ``paired_differences``.
        models: Names of the models, in the order of ``model_scores``.
        reference: Name of the model that the others are compared with.
        null_model: ``mean`` or ``median``.
        logger: Where to report.
    """
    drawn, blocks = read_splits(splits), len(splits)
    files = {name: model_scores[k * blocks : (k + 1) * blocks] for k, name in enumerate(models)}
    by_model = {name: read_tables(paths) for name, paths in files.items()}
    by_model[NULL_MODEL] = null_scores(read_design(table), drawn, null_model)
    names = [name for name, columns in by_model.items() for _ in columns["seed"]]
    columns = {key: np.concatenate([one[key] for one in by_model.values()]) for key in ("seed", *METRICS)}
    write_table({"model": pa.array(names, pa.string())} | columns, scores)

    sources = {
        name: str(Path(paths[0]).parent.with_name("block_*") / Path(paths[0]).name)
        if blocks > 1
        else paths[0]
        for name, paths in files.items()
    } | {NULL_MODEL: scores}
    ranked = leaderboard(by_model)
    write_csv([record | {"source": sources[record["model"]]} for record in ranked], leaderboard_csv)
    in_rank = {record["model"]: by_model[record["model"]] for record in ranked}
    rows = drawn.test.shape[1], drawn.train.shape[1]
    write_csv(paired_differences(in_rank, reference, *rows), differences_csv)
    for record in ranked:
        logger.info("%-24s MAE %.4f", record["model"], record["mae"])


if __name__ == "__main__":
    with job(snakemake) as logger:
        compare(
            table=snakemake.input.table,
            splits=list(snakemake.input.splits),
            model_scores=list(snakemake.input.model_scores),
            scores=snakemake.output.scores,
            leaderboard_csv=snakemake.output.leaderboard,
            differences_csv=snakemake.output.differences,
            logger=logger,
            **snakemake.params.spec["settings"],
        )
