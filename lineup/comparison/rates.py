"""The rates at which classes are predicted rightly: balanced accuracy, precision, recall, and F1.

Of two classes the last three are those of the second, the positive one. Of more, as balanced accuracy of any number, they
are means over the classes that the test rows have.
"""

import numpy as np


def predicted_classes(probabilities: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """Gives the places (...) of the most probable of K classes (..., K); of two, the second if it is above the threshold."""
    if threshold != 0.5:
        return (probabilities[..., 1] > threshold).astype(np.int64)
    return probabilities.argmax(axis=-1)


def parts_of(metric: str, actual: np.ndarray, predicted: np.ndarray, classes: int) -> list[np.ndarray]:
    """Tells for each class that a rate is of which rows are of it, are predicted to be, and both: 3 arrays (S, t) a class."""
    positive = classes == 2 and metric != "balanced_accuracy"
    found = []
    for place in range(1 if positive else 0, classes):
        rows, hits = actual == place, predicted == place
        found += [rows, hits, rows & hits]
    return [part.astype(np.float64) for part in found]


def rate(metric: str, *shares: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Computes a rate of S splits from the shares of the rows that ``parts_of`` tells, and its derivatives by these, shape (S,) each.

    The precision of a class that is never predicted is 0, as in scikit-learn; a rate of a class that no test row has is NaN.
    """
    rows, hits, both = np.stack(shares, axis=1).reshape(len(shares[0]), -1, 3).transpose(2, 0, 1)
    # What the rate is a share of, and how that hangs on the first two.
    by_rows, by_hits = {"precision": (0.0, 1.0), "f1": (0.5, 0.5)}.get(metric, (1.0, 0.0))
    whole = by_rows * rows + by_hits * hits
    one = np.divide(1.0, whole, out=np.zeros_like(whole), where=whole > 0)
    there = rows > 0
    with np.errstate(invalid="ignore"):
        share = there / there.sum(axis=1, keepdims=True)  # of each class in the mean
    slope = -share * both * one**2
    found = np.stack([slope * by_rows, slope * by_hits, share * one], axis=2)
    return (share * both * one).sum(axis=1), list(found.reshape(len(rows), -1).T)
