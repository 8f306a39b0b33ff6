"""Sets out which rows each split trains on and which it tests on."""

import logging
import math
from fractions import Fraction

import numpy as np
import pyarrow.parquet as pq

from lineup.config import split_seeds
from lineup.data.tables import Splits, read_schema, write_splits
from lineup.errors import InputError


def draw_splits(rows: int, test_share: float, seeds: list[int]) -> Splits:
    """Draws splits of n rows, each equal to scikit-learn's ``train_test_split`` of its seed, whose import takes a second.

    That takes the first rows of a random permutation to test, a share that is rounded up, and the next to train.
    """
    tests = math.ceil(test_share * rows)
    drawn = np.array([np.random.RandomState(seed).permutation(rows) for seed in seeds], dtype=np.int32)
    return Splits(np.array(seeds, dtype=np.int64), train=drawn[:, tests:], test=drawn[:, :tests])


def given_splits(train: int, test: int, seeds: list[int]) -> Splits:
    """Repeats the split that a dataset comes with, once for each seed: the rows to train on stand first in its table."""
    rows = np.tile(np.arange(train + test, dtype=np.int32), (len(seeds), 1))
    return Splits(np.array(seeds, dtype=np.int64), train=rows[:, :train], test=rows[:, train:])


def split(
    table: str, output: str, test_share: float | str, seeds: list[int] | dict, logger: logging.Logger
) -> None:
    """Writes a block of splits, see ``write_splits``.

    Args:
        table: The prepared table.
        output: The Parquet file to write.
        test_share: Share of the rows to test on, as a number or as a fraction such as ``1/3``; or
            ``given``, where the table says which these are.
        seeds: The seeds, as a list or a range.
        logger: Where to report.

    Raises:
        InputError: If a side of the split would have fewer than two rows.
    """
    rows, seeds = pq.read_metadata(table).num_rows, list(split_seeds(seeds))
    if test_share == "given":
        sides = read_schema(table)["rows"]
        splits = given_splits(sides["train"], sides["test"], seeds)
    else:
        share = float(Fraction(test_share))
        tests = math.ceil(share * rows)
        if min(tests, rows - tests) < 2:
            raise InputError(
                f"The splits need at least 2 rows on each side, and {rows} rows with a test share of {test_share} give "
                f"{rows - tests} to train on and {tests} to test on: change splits.test_share, or use a larger table."
            )
        splits = draw_splits(rows, share, seeds)
    write_splits(splits, output)
    sides = splits.train.shape[1], splits.test.shape[1]
    logger.info("%d splits of %d rows: %d to train on, %d to test on.", len(seeds), rows, *sides)
