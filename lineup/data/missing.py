"""Drops the rows with missing values, where they are to be dropped."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from lineup.data.column import Column, quoted
from lineup.errors import InputError

# ASSUME: where more than this share of the rows is dropped for missing features, the rest may be another sample.
MANY = 0.1


@dataclass(frozen=True)
class Missing:
    """What to do with missing values and rare levels, as the config says it."""

    target: str  # drop or error, for rows with no target
    features: str  # drop, error or impute, where another value is missing
    imputation: (
        dict | None
    )  # numbers: median or mean; indicators: true or false; None where nothing is imputed
    rare_levels: int  # a level with fewer training rows is rare


def drop_missing(
    columns: list[Column], target: str, missing: Missing, kept: pa.ChunkedArray
) -> pa.ChunkedArray:
    """Drops or refuses the rows with a missing value.

    Args:
        columns: The target and the features.
        target: Name of the target.
        missing: What to do with missing values.
        kept: Which rows there are.

    Returns:
        Which rows are left.

    Raises:
        InputError: If a value is missing where that is an error, or if no row is left.
    """
    ordered = sorted(columns, key=lambda column: column.name != target)
    for column in ordered if missing.features != "impute" else ordered[:1]:
        key, what_to_do = (
            ("missing_target", missing.target)
            if column.name == target
            else ("missing_features", missing.features)
        )
        absent = pc.is_null(column.values, nan_is_null=True)
        left = absent.filter(kept)
        count = pc.sum(left).as_py() or 0
        if count and what_to_do == "error":
            others = "drop or impute" if key == "missing_features" else "drop"
            raise InputError(
                f"has {count} missing {'value' if count == 1 else 'values'} in column {column.name!r}, the first in row "
                f"{pc.index(pc.and_(absent, kept), True).as_py() + 1}: fill it, or set {key}: {others} in the config"
            )
        kept = pc.and_(kept, pc.invert(absent))
    if not pc.any(kept).as_py():
        emptiest = max(columns, key=lambda column: column.values.null_count)
        raise InputError(
            f"has no row left when those with missing values are dropped: look first at column {emptiest.name!r}, which is "
            f"empty in {emptiest.values.null_count} of {len(kept)} rows"
        )
    return kept


def drop_weightless(columns: list[Column]) -> pa.ChunkedArray:
    """Drops the rows whose weight is 0, since they count in nothing.

    Args:
        columns: All columns of the table.

    Returns:
        Which rows are left.

    Raises:
        InputError: If a weight is below 0 or infinite, or all are 0.
    """
    kept = pa.chunked_array([pa.array([True] * len(columns[0].values))])
    for column in columns:
        if column.kind != "weight":
            continue
        weights = pc.cast(column.values, pa.float64())
        wrong = pc.and_(
            kept,
            pc.invert(pc.fill_null(pc.and_(pc.greater_equal(weights, 0.0), pc.is_finite(weights)), True)),
        )
        if (row := pc.index(wrong, True).as_py()) >= 0:
            raise InputError(
                f"holds the weight {column.values[row].as_py()} in column {column.name!r}, row {row + 1}: a weight is 0 or more, and finite"
            )
        kept = pc.and_(kept, pc.fill_null(pc.not_equal(weights, 0.0), True))
        if not pc.any(kept).as_py():
            raise InputError(
                f"has no row left with a weight above 0 in column {column.name!r}: correct it, or leave it out"
            )
    return kept


def doubt_of_dropped_rows(
    columns: list[Column], target: str, counted: pa.ChunkedArray, kept: int
) -> list[str]:
    """Says that many rows with a target are dropped for missing features, if they are, and which column is to blame."""
    given = next(pc.is_valid(column.values) for column in columns if column.name == target)
    given = pc.and_(given, counted)
    total = pc.sum(given).as_py()
    if total - kept <= MANY * total:
        return []
    missing = {
        column.name: total - pc.sum(pc.is_valid(column.values).filter(given)).as_py() for column in columns
    }
    worst = max(missing, key=missing.__getitem__)
    return [
        f"{total - kept} of the {total} rows with a target are dropped, because a feature is missing; column {worst!r} is missing "
        f"in {missing[worst]} of them: set missing_features: impute, or leave it out with columns: {{{quoted(worst)}: ignore}}."
    ]
