"""Draws rows so that each side has its share of every class, as scikit-learn does, whose import takes a second."""

import numpy as np


def stratified_split(y: np.ndarray, tests: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws the rows of a split, as ``train_test_split(stratify=y)``; a class of one row is on the side that it falls to.

    Args:
        y: Places of the classes, shape (n,).
        tests: How many rows to test on.
        seed: Seed of the split.

    Returns:
        The training rows and the test rows, each in the order drawn.
    """
    chance = np.random.RandomState(seed)
    counts = np.bincount(y)
    in_train = _shares_of(counts, len(y) - tests, chance)
    in_test = _shares_of(counts - in_train, tests, chance)
    of_class = np.split(np.argsort(y, kind="mergesort"), np.cumsum(counts)[:-1])
    train, test = [], []
    for rows, trained, tested in zip(of_class, in_train, in_test, strict=True):
        drawn = rows[chance.permutation(len(rows))]
        train.append(drawn[:trained])
        test.append(drawn[trained : trained + tested])
    return chance.permutation(np.concatenate(train)), chance.permutation(np.concatenate(test))


def _shares_of(counts: np.ndarray, number: int, chance: np.random.RandomState) -> np.ndarray:
    """Divides a number of rows among classes by their counts; who gets the rest of the rounding is drawn where it is equal."""
    wanted = counts / counts.sum() * number
    found = np.floor(wanted)
    missing = int(number - found.sum())
    if missing > 0:
        rest = wanted - found
        for value in np.sort(np.unique(rest))[::-1]:
            (equal,) = np.where(rest == value)
            more = min(len(equal), missing)
            found[chance.choice(equal, size=more, replace=False)] += 1
            missing -= more
            if missing == 0:
                break
    return found.astype(int)


def stratified_folds(y: np.ndarray, folds: int, seed: int) -> list[np.ndarray]:
    """Draws which rows are held out in each fold, as a shuffled ``StratifiedKFold``, for classes with any number of rows.

    Args:
        y: Places of the classes, shape (n,).
        folds: How many folds.
        seed: Seed of the folds.
    """
    chance = np.random.RandomState(seed)
    _, first, place = np.unique(y, return_index=True, return_inverse=True)
    # In the order in which the classes appear.
    code = np.argsort(np.argsort(first))[place]
    order = np.sort(code)
    counts = np.array([np.bincount(order[fold::folds], minlength=len(first)) for fold in range(folds)])
    fold_of = np.empty(len(y), dtype=int)
    for one in range(len(first)):
        drawn = np.arange(folds).repeat(counts[:, one])
        chance.shuffle(drawn)
        fold_of[code == one] = drawn
    return [np.flatnonzero(fold_of == fold) for fold in range(folds)]
