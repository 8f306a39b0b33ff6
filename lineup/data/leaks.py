"""Features that give the target away."""

import numpy as np
import pyarrow as pa

from lineup.data.column import Column, quoted

# ASSUME: above this, two columns are the same but for rounding and unit.
COPY, MONOTONE = 1 - 1e-9, 0.999
# ASSUME: where the features leave less than this share of the variance of the target, they were made of it.
EXACT = 1e-4


def leaks(
    columns: list[Column],
    column_of: dict[str, str],
    names: list[str],
    X: np.ndarray,
    target: str,
    y: np.ndarray,
) -> list[str]:
    """Finds features that give the target away: a copy, one that rises with it, a category for each value, or a sum."""
    if y.min() == y.max():
        return []
    found = {}
    ranks = _ranks(y)
    for name, x in zip(names, X.T, strict=True):
        if len(np.unique(x)) < min(10, len(y)):
            continue
        if abs(_correlation(x, y)) > COPY:
            found[column_of[name]] = "is a copy of it, in another unit perhaps"
        elif abs(_correlation(_ranks(x), ranks)) > MONOTONE:
            found[column_of[name]] = "rises or falls with it in nearly every row"
    for column in columns:
        if column.kind == "category" and _determines(column.values, y):
            found[column.name] = "has one value of it for each level"
    if not found and len(y) > 2 * len(names):
        parts = _parts(names, X, y)
        if parts:
            blamed = list(dict.fromkeys(column_of[name] for name in parts))
            return [
                f"Together, the columns {', '.join(map(repr, blamed))} give the target {target!r} exactly, as the parts of a sum do: if "
                f"they are not known before it is, write columns: {{{', '.join(f'{quoted(name)}: ignore' for name in blamed)}}}."
            ]
    return _given_away(found, target)


def _given_away(found: dict[str, str], target: str) -> list[str]:
    """Says of columns, by how each gives the target away, that they may not be known before it is."""
    return [
        f"Column {name!r} gives the target {target!r} away: it {how}. If it is not known before the target is, write columns: "
        f"{{{quoted(name)}: ignore}}."
        for name, how in found.items()
    ]


def leaks_of_classes(
    columns: list[Column],
    column_of: dict[str, str],
    names: list[str],
    X: np.ndarray,
    target: str,
    y: np.ndarray,
) -> list[str]:
    """Finds features that give classes away: one whose values each class has a range of its own of, or a category with a class for each level."""
    found = {}
    for name, x in zip(names, X.T, strict=True):
        order = np.lexsort((y, x))
        changes = np.count_nonzero(np.diff(y[order]))
        tied = np.diff(x[order]) == 0
        # No class goes on where another one has begun, nor shares a value with it.
        apart = changes == len(np.unique(y)) - 1 and not (tied & (np.diff(y[order]) != 0)).any()
        if apart and np.unique(y, return_counts=True)[1].min() > 2:
            found[column_of[name]] = "has other values for each class, without an exception"
    for column in columns:
        if column.kind == "category" and _determines(column.values, y):
            found[column.name] = "has one class for each level"
    return _given_away(found, target)


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    x, y = (part / max(np.abs(part).max(), np.finfo(float).tiny) for part in (x, y))
    x, y = x - x.mean(), y - y.mean()
    norm = np.linalg.norm(x) * np.linalg.norm(y)
    return float(x @ y / norm) if norm > 0 else 0.0


def _ranks(x: np.ndarray) -> np.ndarray:
    """Ranks values, ties by their mean rank."""
    _, place, counts = np.unique(x, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[place]


def _determines(values: pa.ChunkedArray, y: np.ndarray) -> bool:
    """Tells whether a category has one value of the target for each level, and rows enough to say so."""
    levels = values.combine_chunks().dictionary_encode()
    codes = levels.indices.to_numpy()
    if not 2 <= len(levels.dictionary) < len(y) / 2:
        return False
    low, high = np.full(len(levels.dictionary), np.inf), np.full(len(levels.dictionary), -np.inf)
    np.minimum.at(low, codes, y)
    np.maximum.at(high, codes, y)
    return bool((low == high).all())


def _parts(names: list[str], X: np.ndarray, y: np.ndarray) -> list[str]:
    """Names the features whose sum, with weights, is the target; empty if there are none."""
    scale = np.abs(X).max(axis=0)
    Z = X / np.where(scale > 0, scale, 1.0)
    Z = Z - Z.mean(axis=0)
    left = (y - y.mean()) / np.abs(y - y.mean()).max()
    total = left @ left
    goal = left - Z @ np.linalg.lstsq(Z, left, rcond=None)[0]
    if goal @ goal >= EXACT * total:
        return []
    norms = np.linalg.norm(Z, axis=0)
    taken, rest = [], left
    # Orthogonal matching pursuit: the feature that has most to do with what is left comes next.
    while rest @ rest >= EXACT * total and len(taken) < len(names):
        gain = np.abs(Z.T @ rest) / np.where(norms > 0, norms, 1.0)
        gain[taken] = -1.0
        taken.append(int(gain.argmax()))
        rest = left - Z[:, taken] @ np.linalg.lstsq(Z[:, taken], left, rcond=None)[0]
    return [names[place] for place in sorted(taken)]
