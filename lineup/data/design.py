"""What a model sees of a prepared table."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lineup.data.features import factor_of, is_pooled
from lineup.data.imputation import Factor, Unlearned
from lineup.data.tables import read_schema, read_table, role_column


@dataclass(frozen=True)
class Design:
    """What a model sees of a prepared table of n rows and p features.

    Attributes:
        features: Names of the p features.
        X: The features, shape (n, p): float64; of images, the pixels row by row, uint8.
        y: The target, shape (n,): numbers, float64, or places in ``classes``, int64.
        target: Name of the target.
        classes: Names of the K classes, for a classification; else empty.
        scale: What a model divides the features by: 255 for pixels, else 1.
        unlearned: What of X hangs on the training rows of a split; None if nothing does.
        weights: How much each row counts, shape (n,), the most as 1; None where all count alike.
    """

    features: list[str]
    X: np.ndarray
    y: np.ndarray
    target: str
    classes: list[str] = field(default_factory=list)
    scale: float = 1.0
    unlearned: Unlearned | None = None
    weights: np.ndarray | None = None

    def coded(self, train: np.ndarray, *sides: np.ndarray) -> list[np.ndarray]:
        """Gives the features of rows of S splits, (S, r, p) for each side (S, r), with what their training rows (S, m) say."""
        if self.unlearned is None:
            return [self.X[rows] for rows in sides]
        return self.unlearned.code(self.X, train, *sides)

    @property
    def task(self) -> str:
        """``classification`` or ``regression``."""
        return "classification" if self.classes else "regression"


def read_design(path: str | Path, new: np.ndarray | None = None, imputation: str | None = None) -> Design:
    """Reads a prepared table as the arrays that models are fitted to.

    Args:
        path: The table.
        new: Features of m more rows without a target, which stand behind those of the table, shape (m, p); NaN where a value
            is missing.
        imputation: What missing numbers are filled with, should such rows be the first with any.
    """
    schema = read_schema(path)
    if "images" in schema:
        return _read_images(path, schema)
    columns = read_table(path)
    features = [feature["name"] for feature in schema["features"]]
    X = np.column_stack([columns[name] for name in features]).astype(np.float64)
    y, weights = columns[schema["target"]["name"]], columns.get(role_column("weight"))
    if new is not None:
        X, y = np.concatenate([X, new]), np.pad(y, (0, len(new)))
        weights = weights if weights is None else np.pad(weights, (0, len(new)))
    missing, classes = np.isnan(X), schema["target"].get("classes", [])
    if missing.any():
        schema.setdefault("learned", {"rare_levels": 1, "numbers": imputation})
    return Design(
        features=features,
        X=np.where(missing, 0.0, X) if missing.any() else X,
        y=y.astype(np.int64 if classes else np.float64),
        target=schema["target"]["name"],
        classes=classes,
        unlearned=_unlearned(X, missing, schema) if "learned" in schema else None,
        weights=None if weights is None else weights / weights.max(),
    )


def _unlearned(X: np.ndarray, missing: np.ndarray, schema: dict) -> Unlearned:
    """Finds what of the features of a table hangs on the training rows of a split."""
    rare, gaps, parts = schema["learned"]["rare_levels"], {}, {}
    for place, feature in enumerate(schema["features"]):
        if "level" in feature or is_pooled(feature):
            parts.setdefault(factor_of(feature), []).append(place)
        elif missing[:, place].any():
            gaps[place] = missing[:, place]
    factors = []
    for places in parts.values():
        levels = [place for place in places if "level" in schema["features"][place]]
        other = next((place for place in places if "level" not in schema["features"][place]), None)
        codes = (X[:, levels] == 1) @ np.arange(1, len(levels) + 1)
        codes[missing[:, levels[0]]] = len(levels) + 1
        if other is not None:
            codes[X[:, other] == 1] = len(levels) + 2
        if other is not None or missing[:, levels[0]].any():
            factors.append(Factor(codes, np.array(levels), other))
    return Unlearned(gaps, factors, schema["learned"]["numbers"], rare)


def _read_images(path: str | Path, schema: dict) -> Design:
    """Reads a prepared table of images, row group by row group."""
    height, width = schema["images"]["height"], schema["images"]["width"]
    with pq.ParquetFile(path) as file:
        X = np.empty((file.metadata.num_rows, height * width), dtype=np.uint8)
        y = np.empty(len(X), dtype=np.int64)
        start = 0
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, use_threads=False)
            rows = slice(start, start + table.num_rows)
            X[rows] = pixels(table["pixels"])
            y[rows] = table[schema["target"]["name"]].to_numpy()
            start = rows.stop
    return Design(
        features=[f"pixel_{row}_{column}" for row in range(height) for column in range(width)],
        X=X,
        y=y,
        target=schema["target"]["name"],
        classes=schema["target"]["classes"],
        scale=255.0,
    )


def pixels(column: pa.ChunkedArray) -> np.ndarray:
    """Gives a column of n images, each of p bytes, as an array of shape (n, p), uint8."""
    size = column.type.byte_width
    parts = [
        np.frombuffer(part.buffers()[1], np.uint8, len(part) * size, part.offset * size)
        for part in column.chunks
    ]
    return np.concatenate(parts).reshape(-1, size)
