"""The ROC curve: how well probabilities tell the rows of a class from the others, whatever the threshold."""

import numpy as np


def auc(
    actual: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Computes the area under the ROC curve of S splits with t test rows, and what each row adds.

    Of two classes it is that of the second. Of more it is the mean over the classes that some but not all test rows have, of
    one against the rest, as the mean of ``roc_auc_score(multi_class="ovr")`` of scikit-learn.

    Args:
        actual: Places of the classes, shape (S, t).
        predicted: Probabilities of K classes, shape (S, t, K).
        weights: Weights of the rows, shape (S, t); None where they count alike.

    Returns:
        The area, shape (S,), NaN where there is none; and numbers (S, t) whose mean over t is 0, t times the first order of
        what each row does to it (DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988).
    """
    weights = np.ones(actual.shape) if weights is None else weights
    classes = predicted.shape[2]
    found = [
        _auc_of_class(actual == place, predicted[:, :, place], weights)
        for place in range(1 if classes == 2 else 0, classes)
    ]
    areas, added = (np.stack(part) for part in zip(*found, strict=True))
    there = np.isfinite(areas)
    number = there.sum(axis=0)
    with np.errstate(invalid="ignore"):
        area = np.where(there, areas, 0.0).sum(axis=0) / number
        return area, np.where(there[:, :, None], added, 0.0).sum(axis=0) / number[:, None]


def _auc_of_class(
    rows: np.ndarray, probability: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Computes the area for the rows (S, t) of a class by its probability (S, t), and what each row adds, see ``auc``."""
    order = np.argsort(probability, axis=1, kind="stable")
    values, inside, weight = (
        np.take_along_axis(part, order, axis=1) for part in (probability, rows, weights)
    )
    below, total = [], []
    first, last = _ends_of_ties(values)
    for side in (~inside, inside):  # the weight of the other rows, then that of the rows of the class
        sums = np.concatenate([np.zeros((len(rows), 1)), np.cumsum(weight * side, axis=1)], axis=1)
        # Half of those with the same probability count as below.
        halves = np.take_along_axis(sums, first, axis=1) + np.take_along_axis(sums, last + 1, axis=1)
        below.append(halves / 2)
        total.append(sums[:, -1:])
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(inside, below[0] / total[0], 1 - below[1] / total[1])
        own = weight / np.where(inside, total[1], total[0])
        area = (own * inside * share).sum(axis=1)
        area = np.where((total[0] > 0)[:, 0] & (total[1] > 0)[:, 0], area, np.nan)
        added = np.empty_like(share)
        np.put_along_axis(added, order, rows.shape[1] * own * (share - area[:, None]), axis=1)
    return area, added


def _ends_of_ties(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gives for each of sorted values (S, t) the places of the first and the last that are equal to it."""
    size = values.shape[1]
    new = np.ones(values.shape, dtype=bool)
    new[:, 1:] = values[:, 1:] != values[:, :-1]
    ends = np.ones(values.shape, dtype=bool)
    ends[:, :-1] = new[:, 1:]
    places = np.arange(size)
    first = np.maximum.accumulate(np.where(new, places, 0), axis=1)
    last = np.minimum.accumulate(np.where(ends, places, size)[:, ::-1], axis=1)[:, ::-1]
    return first, last
