"""Reads and writes the tables that the jobs hand on, all of them Parquet."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scripts.files import replacing

SCHEMA_KEY = b"lineup"

# Bytes that the work on a block of splits may take at once, about. Small blocks stay in the
# processor's cache, and large ones gain nothing.
BLOCK = 16 * 2**20


@dataclass(frozen=True)
class Design:
    """What a model sees of a prepared table of n rows and p features.

    Attributes:
        features: Names of the p features.
        X: The features, shape (n, p), float64.
        y: The target, shape (n,), float64.
        target: Name of the target.
    """

    features: list[str]
    X: np.ndarray
    y: np.ndarray
    target: str


@dataclass(frozen=True)
class Split:
    """The rows of one split, each in the order drawn.

    Attributes:
        seed: Seed of the split.
        train: Row numbers of the training rows.
        test: Row numbers of the test rows.
    """

    seed: int
    train: np.ndarray
    test: np.ndarray


def write_table(table: pa.Table | dict, path: str | Path) -> None:
    """Writes a Parquet file, whole or not at all, with the same bytes for the same table.

    Args:
        table: A table, or its columns by name.
        path: The file to write.
    """
    if isinstance(table, dict):
        table = pa.table(table)
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


@contextmanager
def parquet_writer(path: str | Path) -> Iterator[Callable[[dict], None]]:
    """Writes a Parquet file block by block, whole or not at all.

    Args:
        path: The file to write.

    Yields:
        A function that writes the columns of a block, by name. Each block is a row group.
    """
    with replacing(path) as temporary, ExitStack() as stack:
        writers = []

        def write(columns: dict) -> None:
            table = pa.table(columns)
            if not writers:
                writers.append(
                    stack.enter_context(pq.ParquetWriter(temporary, table.schema, compression="zstd"))
                )
            writers[0].write_table(table, row_group_size=table.num_rows)

        yield write
        stack.close()


def blocks(splits: list[Split], numbers: int) -> Iterator[list[Split]]:
    """Cuts the splits into blocks, so that memory does not grow with their number.

    Args:
        splits: All splits.
        numbers: How many numbers of 8 bytes the work on one split holds at once, about.

    Yields:
        The blocks, of ``BLOCK`` bytes or one split.
    """
    size = max(1, BLOCK // (8 * numbers))
    for start in range(0, len(splits), size):
        yield splits[start : start + size]


def read_table(path: str | Path) -> dict[str, np.ndarray]:
    """Reads a Parquet file as arrays by column name. Text comes as objects."""
    table = pq.read_table(path, use_threads=False)
    return {name: table[name].to_numpy() for name in table.column_names}


def read_schema(path: str | Path) -> dict:
    """Reads what a prepared table says of itself: task, target, features and their coding, rows."""
    return json.loads(pq.read_schema(path).metadata[SCHEMA_KEY])


def read_design(path: str | Path) -> Design:
    """Reads a prepared table as the arrays that models are fitted to."""
    schema, columns = read_schema(path), read_table(path)
    features = [feature["name"] for feature in schema["features"]]
    return Design(
        features=features,
        X=np.column_stack([columns[name] for name in features]).astype(np.float64),
        y=columns[schema["target"]["name"]].astype(np.float64),
        target=schema["target"]["name"],
    )


def read_splits(path: str | Path) -> Iterator[Split]:
    """Reads the splits one after the other, in the order of the file."""
    columns = read_table(path)
    starts = np.flatnonzero(np.diff(columns["seed"], prepend=columns["seed"][0] - 1))
    for begin, end in zip(starts, [*starts[1:], len(columns["seed"])], strict=True):
        row, order, test = (columns[name][begin:end] for name in ("row", "order", "test"))
        yield Split(
            seed=int(columns["seed"][begin]),
            train=row[~test][np.argsort(order[~test])],
            test=row[test][np.argsort(order[test])],
        )


def write_coefficients(
    splits: list[Split], features: list[str], fits: list[tuple[np.ndarray, float]], path: str | Path
) -> None:
    """Writes the coefficients of a linear model over all splits.

    Args:
        splits: The splits.
        features: Names of the p features.
        fits: For each split the p coefficients, in units of the target per unit of the feature,
            and the intercept.
        path: Parquet file to write: ``seed``, ``term`` and ``coefficient``. The intercept is the
            term ``(intercept)``.
    """
    terms = ["(intercept)", *features]
    write_table(
        {
            "seed": np.repeat([split.seed for split in splits], len(terms)),
            "term": terms * len(splits),
            "coefficient": np.concatenate([[intercept, *slope] for slope, intercept in fits]),
        },
        path,
    )
