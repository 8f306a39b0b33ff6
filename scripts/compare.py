"""Lines up the scores of all models of a dataset, split by split, beside a null model."""

import csv
import logging

import numpy as np
import pyarrow as pa

from scripts.config import NULL_MODEL
from scripts.evaluation import METRICS, score_columns
from scripts.files import replacing
from scripts.job import job
from scripts.tables import Design, Split, read_design, read_splits, read_table, write_table


def null_scores(design: Design, splits: list[Split], null_model: str) -> dict[str, np.ndarray]:
    """Scores the model that predicts the mean or the median of the training targets for every row.

    Args:
        design: The prepared table.
        splits: The splits.
        null_model: ``mean`` or ``median``.

    Returns:
        The columns ``seed``, ``mae``, ``rmse`` and ``r2``.
    """
    location = {"mean": np.mean, "median": np.median}[null_model]
    predicted = [np.full(len(split.test), location(design.y[split.train])) for split in splits]
    return score_columns(design, splits, predicted)


def summary(values: np.ndarray) -> tuple[float, float | None]:
    """Computes the mean over the splits and their standard deviation (n - 1), None for a single split."""
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else None


def leaderboard(scores: dict[str, dict[str, np.ndarray]], reference: str) -> list[dict]:
    """Summarizes the scores of each model, best mean absolute error first.

    Args:
        scores: By model, the scores over the same splits in the same order.
        reference: The model that the others are compared with.

    Returns:
        One record a model: its name, the number of splits, mean and standard deviation of each
        metric, the same of the paired difference of its MAE to the reference's, and the number of
        splits in which its MAE is lower than the reference's.
    """
    records = []
    for model, columns in scores.items():
        record = {"model": model, "splits": len(columns["seed"])}
        for metric in METRICS:
            record[metric], record[f"{metric}_sd"] = summary(columns[metric])
        difference = columns["mae"] - scores[reference]["mae"]
        record["mae_difference"], record["mae_difference_sd"] = summary(difference)
        record["splits_better"] = int((difference < 0).sum())
        records.append(record)
    return sorted(records, key=lambda record: record["mae"])


def compare(
    table: str,
    splits: str,
    model_scores: list[str],
    scores: str,
    leaderboard_csv: str,
    models: list[str],
    reference: str,
    null_model: str,
    logger: logging.Logger,
) -> None:
    """Writes the scores of all models together, and the leaderboard.

    Args:
        table: The prepared table.
        splits: The table of splits.
        model_scores: The scores of each model, as ``write_evaluation`` wrote them.
        scores: Parquet file to write: ``model``, ``seed``, ``mae``, ``rmse``, ``r2``.
        leaderboard_csv: CSV file to write, see ``leaderboard``, with the file that each line comes from.
        models: Names of the models, in the order of ``model_scores``.
        reference: Name of the model that the others are compared with.
        null_model: ``mean`` or ``median``.
        logger: Where to report.
    """
    by_model = {name: read_table(path) for name, path in zip(models, model_scores, strict=True)}
    by_model[NULL_MODEL] = null_scores(read_design(table), list(read_splits(splits)), null_model)
    sources = dict(zip(models, model_scores, strict=True)) | {NULL_MODEL: scores}
    names = [name for name, columns in by_model.items() for _ in columns["seed"]]
    columns = {key: np.concatenate([one[key] for one in by_model.values()]) for key in ("seed", *METRICS)}
    write_table({"model": pa.array(names, pa.string())} | columns, scores)

    records = [record | {"source": sources[record["model"]]} for record in leaderboard(by_model, reference)]
    with replacing(leaderboard_csv) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, records[0])
        writer.writeheader()
        writer.writerows(records)
    for record in records:
        logger.info("%-24s MAE %.4f", record["model"], record["mae"])


if __name__ == "__main__":
    with job(snakemake) as logger:
        compare(
            table=snakemake.input.table,
            splits=snakemake.input.splits,
            model_scores=list(snakemake.input.model_scores),
            scores=snakemake.output.scores,
            leaderboard_csv=snakemake.output.leaderboard,
            logger=logger,
            **snakemake.params.spec["settings"],
        )
