"""Intervals of predictions by split conformal prediction, and how often they hold."""

from collections.abc import Sequence

import numpy as np


def coverage(residuals: Sequence[np.ndarray], levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Makes intervals of half of the test rows of S splits: the shares of the other half that they hold, and how far they reach.

    An interval of level L reaches to the least of m absolute residuals that L (m + 1) are no larger than (Lei, G'Sell, Rinaldo,
    Tibshirani and Wasserman, JASA 113, 2018). Both have shape (S, L) for ``levels`` (L,), NaN where rows are too few. The
    residuals of a split are in an order that says nothing of them.
    """
    shares, reach = np.full((2, len(residuals), len(levels)), np.nan)
    for split, own in enumerate(residuals):
        known, others = np.sort(own[::2]), own[1::2]
        places = np.ceil(levels * (len(known) + 1) - 1e-9).astype(int)
        some = places <= len(known)
        if len(others):
            reach[split, some] = known[places[some] - 1]
            shares[split, some] = (others[:, None] <= reach[split, some]).mean(axis=0)
    return shares, reach
