"""Ranks of models over several tables."""

import csv
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.special import chdtrc

from lineup.comparison.intervals import CONFIDENCE
from lineup.comparison.leaderboard import write_csv
from lineup.comparison.metrics import signed
from lineup.metrics import NULL_MODEL


def ranks_of(errors: np.ndarray) -> np.ndarray:
    """Ranks k models on N tables by their errors (N, k), 1 for the lowest; models with the same share their mean rank."""
    below = (errors[:, :, None] > errors[:, None, :]).sum(axis=2)
    same = (errors[:, :, None] == errors[:, None, :]).sum(axis=2)
    return below + (same + 1) / 2


def friedman(ranks: np.ndarray) -> float:
    """Tests with ranks (N, k) whether all models are alike: the p-value of Friedman's chi-squared, with its correction for ties."""
    tables, models = ranks.shape
    spread = ((ranks - (models + 1) / 2) ** 2).sum()
    if spread == 0:
        return 1.0
    between = ((ranks.sum(axis=0) - tables * (models + 1) / 2) ** 2).sum()
    return float(chdtrc(models - 1, (models - 1) * between / spread))


def critical_difference(tables: int, models: int) -> float:
    """Computes how far apart mean ranks have to be for two models to differ, by the test of Nemenyi.

    Demsar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 7 (2006), section 3.2.2.
    """
    from scipy.stats import studentized_range

    quantile = studentized_range.ppf(CONFIDENCE, models, np.inf) / np.sqrt(2)
    return float(quantile * np.sqrt(models * (models + 1) / (6 * tables)))


def errors_in(leaderboard: str, metric: str) -> dict[str, float]:
    """Reads the mean of each model by the metric that ranks, over the splits that all have, lower is better, without the null model."""
    with Path(leaderboard).open(newline="", encoding="utf-8") as file:
        records = [record for record in csv.DictReader(file) if record["model"] != NULL_MODEL]
    return {record["model"]: float(signed(float(record["mean_on_shared"]), metric)) for record in records}


def rank_models(
    leaderboards: Sequence[str], metrics: dict[str, str], output: str, logger: logging.Logger
) -> None:
    """Writes the ranks of the models that all tables have, on each by its metric.

    Args:
        leaderboards: The leaderboard of each table.
        metrics: By table, in that order, the metric that ranks.
        output: CSV file to write, a line for each model and table, the best model first: ``model``, ``dataset``, ``rank``,
            ``mean_rank``, ``tables``, ``critical_difference``, ``friedman_p``.
        logger: Where to report.
    """
    boards = {
        table: errors_in(path, metrics[table]) for table, path in zip(metrics, leaderboards, strict=True)
    }
    models = [name for name in next(iter(boards.values())) if all(name in board for board in boards.values())]
    ranks = ranks_of(np.array([[board[name] for name in models] for board in boards.values()]))
    chance, apart = friedman(ranks), critical_difference(len(boards), len(models))
    records = [
        {
            "model": model,
            "dataset": table,
            "rank": float(rank),
            "mean_rank": float(own.mean()),
            "tables": len(boards),
            "critical_difference": apart,
            "friedman_p": chance,
        }
        for model, own in zip(models, ranks.T, strict=True)
        for table, rank in zip(boards, own, strict=True)
    ]
    records.sort(key=lambda record: record["mean_rank"])
    write_csv(records, output)
    logger.info("%d models ranked on %d tables: p = %.3g.", len(models), len(boards), chance)
