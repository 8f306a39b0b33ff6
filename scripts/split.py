"""Draws which rows each split trains on and which it tests on."""

import logging
import math
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scripts.config import split_seeds
from scripts.errors import InputError
from scripts.job import job
from scripts.tables import write_table


def draw_split(rows: int, test_share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws one split, equal to scikit-learn's ``train_test_split`` of the same seed.

    scikit-learn takes the first rows of a random permutation to test and the next to train
    (``ShuffleSplit``). Doing the same here saves the second that its import takes.

    Args:
        rows: Number of rows n.
        test_share: Share of the rows to test on. The number is rounded up.
        seed: Seed of the split.

    Returns:
        The training rows and the test rows, in the order drawn.
    """
    permutation = np.random.RandomState(seed).permutation(rows)
    tests = math.ceil(test_share * rows)
    return permutation[tests:], permutation[:tests]


def split(
    table: str, output: str, test_share: float | str, seeds: list[int] | dict, logger: logging.Logger
) -> None:
    """Writes the table of splits, one record for each split and row.

    Its columns are ``seed``, ``row``, ``test`` and ``order``, the place of the row among the
    training rows or the test rows as drawn; the folds of a cross-validation depend on it.

    Args:
        table: The prepared table.
        output: The Parquet file to write.
        test_share: Share of the rows to test on, as a number or as a fraction such as ``1/3``.
        seeds: The seeds, as a list or a range.
        logger: Where to report.

    Raises:
        InputError: If a side of the split would have fewer than two rows.
    """
    rows = pq.read_metadata(table).num_rows
    share, seeds = float(Fraction(test_share)), split_seeds(seeds)
    tests = math.ceil(share * rows)
    if min(tests, rows - tests) < 2:
        raise InputError(
            f"The splits need at least 2 rows on each side, and {rows} rows with a test share of {test_share} give "
            f"{rows - tests} to train on and {tests} to test on: change splits.test_share, or use a larger table."
        )
    test = np.zeros((len(seeds), rows), dtype=bool)
    order = np.empty((len(seeds), rows), dtype=np.int32)
    for k, seed in enumerate(seeds):
        train_rows, test_rows = draw_split(rows, share, seed)
        test[k, test_rows] = True
        order[k, train_rows] = np.arange(len(train_rows))
        order[k, test_rows] = np.arange(len(test_rows))
    write_table(
        {
            "seed": pa.array(np.repeat(np.array(seeds, dtype=np.int64), rows)),
            "row": pa.array(np.tile(np.arange(rows, dtype=np.int32), len(seeds))),
            "test": pa.array(test.ravel()),
            "order": pa.array(order.ravel()),
        },
        output,
    )
    logger.info("%d splits of %d rows: %d to train on, %d to test on.", len(seeds), rows, rows - tests, tests)


if __name__ == "__main__":
    with job(snakemake) as logger:
        split(
            table=snakemake.input.table,
            output=snakemake.output.splits,
            logger=logger,
            **snakemake.params.spec["settings"],
        )
