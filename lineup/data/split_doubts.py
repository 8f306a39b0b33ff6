"""What may be wrong with the splits of a table."""

import numpy as np

from lineup.data.column import quoted
from lineup.data.features import DAYS
from lineup.data.tables import Splits


def doubts_of_copies(splits: Splits) -> list[str]:
    """Says that two splits test on the same rows, if two do: they count as two, and tell no more than one."""
    seen: dict[bytes, int] = {}
    for seed, test in zip(splits.seeds, splits.test, strict=True):
        first = seen.setdefault(np.sort(test).tobytes(), int(seed))
        if first != seed:
            return [f"The splits {first} and {seed} test on the same rows: leave one out of splits.seeds."]
    return []


def doubts_of_order(schema: dict, settings: dict) -> list[str]:
    """Says that rows with dates are split at random, if they are.

    Args:
        schema: What the prepared table says of itself.
        settings: Those of the splits in the config.
    """
    dates = [feature["column"] for feature in schema.get("features", []) if feature["coding"] == DAYS]
    if not dates or settings.get("method", "random") not in ("random", "k_fold"):
        return []
    return [
        f"The rows have dates, in column {dates[0]!r}, and the splits are drawn at random, so that models are tested on days that "
        f"they were trained on the days around of. To test on later days only, write columns: {{{quoted(dates[0])}: time}} and "
        "splits: {method: time, test_share: 0.1}."
    ]
