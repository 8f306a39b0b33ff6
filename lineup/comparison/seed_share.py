"""Tells which share of what scores vary by is the luck of a training's seed."""

import numpy as np

from lineup.comparison.scores import read_predicted, score_columns
from lineup.data.design import Design
from lineup.data.tables import Splits, read_splits, read_table
from lineup.data.trainings import seed_of


def scores_again(
    design: Design,
    splits: list[str],
    models: list[str],
    predictions: list[str],
    metric: str,
    threshold: float,
) -> dict[str, dict[int, float]]:
    """Scores the trainings with other seeds: for each model the metric by the seed of the training.

    Args:
        design: The prepared table.
        splits: The block of splits that ``again`` made; empty where there are no models.
        models: Names of the models that are trained again.
        predictions: Their predictions on it. What could not be fitted is not there.
        metric: The metric.
        threshold: The probability above which the second of two classes is predicted.
    """
    block, found = read_splits(splits) if models else None, {}
    for model, path in zip(models, predictions, strict=True):
        own = block[np.isin(block.seeds, read_table(path, ["seed"])["seed"])]
        scored = score_columns(design, own, read_predicted([path], design.task), threshold)
        found[model] = dict(zip(scored["seed"].tolist(), scored[metric].tolist(), strict=True))
    return found


def seed_shares(
    by_model: dict[str, dict[str, np.ndarray]],
    others: dict[str, dict[int, float]],
    splits: Splits,
    trainings: dict,
    metric: str,
) -> dict[str, float | None]:
    """Estimates for each model in ``others`` which share of its variance is the luck of the seed, see ``seed_share``."""
    first, shares = splits[: trainings["splits"]], {}
    for model, found in others.items():
        once = dict(zip(by_model[model]["seed"].tolist(), by_model[model][metric].tolist(), strict=True))
        shares[model] = seed_share(once, found, first, trainings["number"])
    return shares


def seed_share(
    scores: dict[int, float], others: dict[int, float], splits: Splits, trainings: int
) -> float | None:
    """Estimates which share of the variance over the splits is the luck of the seed: that of T trainings within a split.

    Args:
        scores: The scores over all splits, of one training each, by the seed of the split.
        others: Those of the trainings from the second on.
        splits: The splits that have T trainings; where one of these failed, or has no such score, the split is left out.
        trainings: How many.

    Returns:
        The share, at most 1; None where nothing is known, or nothing varies.
    """
    within = []
    for seed in splits.seeds.tolist():
        lot = [scores.get(seed), *(others.get(seed_of(seed, number)) for number in range(2, trainings + 1))]
        if None not in lot and np.isfinite(lot).all():
            within.append(np.var(lot, ddof=1))
    between = np.var([*scores.values()], ddof=1) if len(scores) > 1 else 0.0
    return min(float(np.mean(within) / between), 1.0) if within and between > 0 else None
