"""Cuts splits to shares of their training rows."""

import numpy as np

from lineup.data.tables import Splits, read_schema


def smaller(splits: Splits, shares: list[float], table: str, method: str) -> Splits:
    """Cuts the training rows of S splits to nested shares of them, at least two rows: all splits at the first share, then at the next.

    Of random splits these are the first rows drawn, of times the latest, else random ones, by the seed of the split. Where
    rows belong to groups, parts of groups may be left out.

    Args:
        splits: The splits.
        shares: The shares, in any order.
        table: The prepared table that these are of.
        method: How they were made.
    """
    schema, ordered = read_schema(table), list(splits.train)
    is_drawn = method == "random" and "group" not in schema.get("roles", {}) and "train" not in schema["rows"]
    if method == "time":
        ordered = [train[::-1] for train in ordered]
    elif not is_drawn:
        ordered = [
            np.random.RandomState(seed % 2**32).permutation(train)
            for seed, train in zip(splits.seeds, ordered, strict=True)
        ]
    cut = [train[: max(2, round(share * len(train)))] for share in sorted(shares) for train in ordered]
    return Splits.of(np.tile(splits.seeds, len(shares)), cut, list(splits.test) * len(shares))
