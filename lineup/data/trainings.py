"""Repeats splits for trainings with other seeds."""

import numpy as np

from lineup.data.tables import Splits


def seed_of(seed: int, training: int) -> int:
    """Derives the seed of a split for one more training, from the second on, from its own."""
    return int(np.random.SeedSequence([seed, training]).generate_state(1)[0])


def again(splits: Splits, trainings: int) -> Splits:
    """Repeats S splits for the trainings from the second on: all for the second, then all for the third.

    The rows are the same. The seed is another, and so is the order of the training rows, which the folds of a
    cross-validation are drawn by.
    """
    numbers = range(2, trainings + 1)
    seeds = [seed_of(int(seed), training) for training in numbers for seed in splits.seeds]
    drawn = zip(seeds, list(splits.train) * len(numbers), strict=True)
    train = [np.random.default_rng(seed).permutation(rows) for seed, rows in drawn]
    return Splits.of(seeds, train, list(splits.test) * len(numbers))
