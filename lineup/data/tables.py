"""Reads and writes the tables that the jobs hand on, all of them Parquet."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lineup.files import replacing


class NoPandas:
    """Tells Python that there is no pandas."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        """Refuses to find pandas, and leaves all else to others."""
        if name == "pandas":
            raise ModuleNotFoundError("pandas is kept out", name=name)


def keep_pandas_out() -> None:
    """Has pyarrow do without pandas, whose import takes a third of a second, and takes Ctrl-C for the lack of pandas."""
    sys.meta_path.insert(0, NoPandas)
    pa.chunked_array([[0]]).to_numpy()
    sys.meta_path.remove(NoPandas)


# Before the first conversion, wherever that is.
keep_pandas_out()

SCHEMA_KEY = b"lineup"

# Bytes that the work on a chunk of splits may take at once, about. Small chunks stay in the
# processor's cache, and large ones gain nothing.
CHUNK = 16 * 2**20


@dataclass(frozen=True)
class Splits:
    """The rows of S splits, each in the order drawn, with m training rows and t test rows.

    Attributes:
        seeds: Seeds of the splits, shape (S,).
        train: Row numbers of the training rows, shape (S, m); where their number differs, an array of S arrays.
        test: Row numbers of the test rows, shape (S, t); likewise.
    """

    seeds: np.ndarray
    train: np.ndarray
    test: np.ndarray

    @classmethod
    def of(cls, seeds: np.ndarray, train: Sequence[np.ndarray], test: Sequence[np.ndarray]) -> "Splits":
        """Makes splits of the rows of each."""
        return cls(np.asarray(seeds, dtype=np.int64), _stacked(train), _stacked(test))

    def __len__(self) -> int:
        """Counts the splits."""
        return len(self.seeds)

    def __getitem__(self, some: slice | np.ndarray) -> "Splits":
        """Takes some of the splits: a run of them, or those that are true in an array (S,)."""
        return Splits.of(self.seeds[some], self.train[some], self.test[some])

    def sizes(self) -> tuple[np.ndarray, np.ndarray]:
        """Counts the training and the test rows of each split, shape (S,) both."""
        return tuple(
            np.array([len(rows) for rows in side], dtype=np.int64) for side in (self.train, self.test)
        )

    def parts(self) -> Iterator["Splits"]:
        """Cuts the splits into runs of equal size."""
        sizes = np.stack(self.sizes())
        changes = np.flatnonzero((sizes[:, 1:] != sizes[:, :-1]).any(axis=0)) + 1
        for start, end in pairwise([0, *changes, len(self)]):
            yield self[start:end]

    def chunks(self, numbers: int) -> Iterator["Splits"]:
        """Cuts the splits so that the work on a chunk, with so many numbers of 8 bytes a split, takes ``CHUNK`` bytes or less.

        The splits of a chunk are of equal size.
        """
        size = max(1, CHUNK // (8 * numbers))
        for part in self.parts():
            for start in range(0, len(part), size):
                yield part[start : start + size]


def _stacked(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Stacks arrays of one length, and puts those of several into an array of arrays."""
    if len(rows) and len({len(one) for one in rows}) <= 1:
        return np.stack(list(rows)) if isinstance(rows, list) or rows.dtype == object else rows
    if not len(rows):  # where a model could be fitted on none
        return rows if isinstance(rows, np.ndarray) and rows.ndim == 2 else np.empty((0, 0), dtype=np.int64)
    stacked = np.empty(len(rows), dtype=object)
    stacked[:] = list(rows)
    return stacked


def write_table(table: pa.Table | dict, path: str | Path) -> None:
    """Writes columns by name as Parquet, whole or not at all, with the same bytes for the same columns."""
    if isinstance(table, dict):
        table = pa.table(table)
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


@contextmanager
def parquet_writer(
    path: str | Path, metadata: dict | None = None, use_dictionary: bool = True
) -> Iterator[Callable[[dict], None]]:
    """Writes a Parquet file part by part, whole or not at all.

    Args:
        path: The file to write.
        metadata: What its schema says beside the columns.
        use_dictionary: Whether values that come back are to be written once.

    Yields:
        A function that writes the columns of a part, by name. Each part is a row group.
    """
    with replacing(path) as temporary, ExitStack() as stack:
        writers = []

        def write(columns: dict) -> None:
            table = pa.table(columns).replace_schema_metadata(metadata)
            if not writers:
                options = {"compression": "zstd", "use_dictionary": use_dictionary}
                writers.append(stack.enter_context(pq.ParquetWriter(temporary, table.schema, **options)))
            writers[0].write_table(table, row_group_size=table.num_rows)

        yield write
        stack.close()


def read_parquet(path: str | Path, columns: list[str] | None = None) -> pa.Table:
    """Reads a Parquet file. ``pyarrow.parquet.read_table`` imports much more first, which takes as long as a fit."""
    with pq.ParquetFile(path) as file:
        return file.read(columns, use_threads=False)


def read_table(path: str | Path, columns: list[str] | None = None) -> dict[str, np.ndarray]:
    """Reads all columns of a Parquet file, or some, as arrays by column name. Text comes as objects."""
    table = read_parquet(path, columns)
    return {name: table[name].to_numpy() for name in table.column_names}


def read_tables(paths: Iterable[str | Path], columns: list[str] | None = None) -> dict[str, np.ndarray]:
    """Reads all columns of Parquet files, or some, one file below the other."""
    tables = [read_table(path, columns) for path in paths]
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def read_parts(paths: Iterable[str | Path]) -> Iterator[dict[str, np.ndarray]]:
    """Reads Parquet files that ``parquet_writer`` wrote, one part after the other."""
    for path in paths:
        with pq.ParquetFile(path) as file:
            for part in range(file.num_row_groups):
                table = file.read_row_group(part, use_threads=False)
                yield {name: table[name].to_numpy() for name in table.column_names}


def role_column(role: str) -> str:
    """Names the column of a prepared table with what a column tells of the rows: ``group``, ``time``, ``split``, ``weight``, ``row``."""
    return f"({role})"


def read_schema(path: str | Path) -> dict:
    """Reads what a prepared table says of itself: task, target, features and their coding, rows."""
    return json.loads(pq.read_schema(path).metadata[SCHEMA_KEY])


def write_splits(splits: Splits, path: str | Path) -> None:
    """Writes splits to a Parquet file: ``seed``, and the lists ``train`` and ``test`` of row numbers."""
    sides = {"train": splits.train, "test": splits.test}
    columns = {
        name: pa.array(list(side), pa.list_(pa.int32()))
        if side.dtype == object
        else list_column(side.astype(np.int32))
        for name, side in sides.items()
    }
    write_table({"seed": pa.array(splits.seeds, pa.int64())} | columns, path)


def read_splits(paths: Iterable[str | Path]) -> Splits:
    """Reads the splits of one or more files that ``write_splits`` wrote, in their order."""
    tables = [read_parquet(path) for path in paths]
    sides = [
        [rows for table in tables for rows in _rows_of_splits(table[side])] for side in ("train", "test")
    ]
    return Splits.of(np.concatenate([table["seed"].to_numpy() for table in tables]), *sides)


def _rows_of_splits(column: pa.ChunkedArray) -> Iterable[np.ndarray]:
    """Gives the row numbers of each split of a column of lists."""
    if pa.types.is_fixed_size_list(column.type):
        return lists(column)
    return [rows.values.to_numpy() for rows in column]


def list_column(values: np.ndarray) -> pa.FixedSizeListArray:
    """Gives an array of shape (n, k) as a column of lists of k numbers."""
    flat = pa.array(values.ravel())
    return pa.FixedSizeListArray.from_arrays(
        flat, type=pa.list_(pa.field("element", flat.type, False), values.shape[1])
    )


def lists(column: pa.ChunkedArray) -> np.ndarray:
    """Gives a column of lists of k numbers as an array of shape (n, k)."""
    size = column.type.list_size
    parts = [part.flatten().to_numpy() for part in column.chunks]
    nothing = np.empty(0, dtype=column.type.value_type.to_pandas_dtype())
    return np.concatenate(parts or [nothing]).reshape(len(column), size)


def write_coefficients(
    splits: Splits, features: list[str], coefficients: np.ndarray, intercepts: np.ndarray, path: str
) -> None:
    """Writes the coefficients of a linear model over S splits.

    Args:
        splits: The splits.
        features: Names of the p features.
        coefficients: In units of the target per unit of the feature, shape (S, p).
        intercepts: Shape (S,).
        path: Parquet file to write: ``seed``, ``term`` and ``coefficient``. The intercept is the
            term ``(intercept)``.
    """
    terms = ["(intercept)", *features]
    write_table(
        {
            "seed": np.repeat(splits.seeds, len(terms)),
            "term": terms * len(splits),
            "coefficient": np.column_stack([intercepts, coefficients]).ravel(),
        },
        path,
    )
