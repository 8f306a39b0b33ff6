"""Sets out which rows each split trains on and which it tests on."""

import logging
import math
from fractions import Fraction

import numpy as np
import pyarrow.parquet as pq

from lineup.data.followed import follow_column, follow_file, sides_of
from lineup.data.split_doubts import doubts_of_copies, doubts_of_order
from lineup.data.stratification import stratified_folds, stratified_split
from lineup.data.tables import Splits, read_schema, read_table, role_column, write_splits
from lineup.data.training_shares import smaller
from lineup.data.trainings import again
from lineup.errors import InputError, warn
from lineup.seeds import split_seeds


def draw_splits(rows: int, test_share: float, seeds: list[int], classes: np.ndarray | None = None) -> Splits:
    """Draws splits of n rows, each equal to scikit-learn's ``train_test_split`` of its seed, whose import takes a second.

    That takes the first rows of a random permutation to test, a share that is rounded up, and the next to train. Where the
    places of the rows' classes are given, shape (n,), each side has its share of every class.
    """
    tests = math.ceil(test_share * rows)
    if classes is not None:
        sides = [stratified_split(classes, tests, seed) for seed in seeds]
        return Splits.of(seeds, *map(list, zip(*sides, strict=True)))
    drawn = np.array([np.random.RandomState(seed).permutation(rows) for seed in seeds], dtype=np.int32)
    return Splits(np.array(seeds, dtype=np.int64), train=drawn[:, tests:], test=drawn[:, :tests])


def draw_groups(groups: np.ndarray, test_share: float, seeds: list[int]) -> Splits:
    """Draws splits with no group on both sides, as ``GroupShuffleSplit``: ``groups``, shape (n,), are numbers from 0 on."""
    drawn = draw_splits(int(groups.max()) + 1, test_share, seeds)
    tested = [np.isin(groups, test) for test in drawn.test]
    return Splits.of(seeds, *sides_of(tested))


def draw_folds(
    rows: int, groups: np.ndarray | None, folds: int, seeds: list[int], classes: np.ndarray | None = None
) -> Splits:
    """Draws repeated K-fold: split k tests on fold ``(k - 1) % folds`` of repeat ``(k - 1) // folds``.

    A repeat is drawn with its own number as the seed, as ``KFold`` and, with groups, ``GroupKFold`` shuffle, or, where the
    rows' classes are given, ``StratifiedKFold``.
    """
    units = groups if groups is not None else np.arange(rows)
    tested, known = [], {}
    for seed in seeds:
        repeat, fold = divmod(seed - 1, folds)
        if repeat not in known:
            if classes is not None:
                known = {repeat: stratified_folds(classes, folds, repeat)}
            else:
                shuffled = np.random.RandomState(repeat).permutation(int(units.max()) + 1)
                known = {repeat: np.array_split(shuffled, folds)}
        tested.append(np.isin(units, known[repeat][fold]))
    return Splits.of(seeds, *sides_of(tested))


def roll_on(times: np.ndarray, test_share: float, seeds: list[int]) -> Splits:
    """Tests on later rows than it trains on: split 1 on the last share of the rows, split 2 on the share before, and so on.

    Rows of the same time are on one side. Without such rows this is ``TimeSeriesSplit`` with a number of test rows, backwards.
    """
    order, size = np.argsort(times, kind="stable"), math.ceil(test_share * len(times))
    ordered = times[order]

    def edge(back: int) -> int:
        # Moved down to where a new time begins.
        place = len(times) - back * size
        return int(np.searchsorted(ordered, ordered[place])) if 0 < place < len(times) else max(place, 0)

    train = [order[: edge(seed)] for seed in seeds]
    test = [order[edge(seed) : edge(seed - 1)] for seed in seeds]
    return Splits.of(seeds, train, test)


def given_splits(train: int, test: int, seeds: list[int]) -> Splits:
    """Repeats the split that a dataset comes with, once for each seed: the rows to train on stand first in its table."""
    rows = np.tile(np.arange(train + test, dtype=np.int32), (len(seeds), 1))
    return Splits(np.array(seeds, dtype=np.int64), train=rows[:, :train], test=rows[:, train:])


def split(
    table: str,
    output: str,
    test_share: float | str,
    seeds: list[int] | dict,
    logger: logging.Logger,
    method: str = "random",
    folds: int | None = None,
    file: str | None = None,
    stratify: bool = False,
    training_shares: list[float] | None = None,
    trainings: int = 1,
    all_rows: bool = False,
) -> None:
    """Writes a block of splits, see ``write_splits``.

    Args:
        table: The prepared table, which says in which columns groups, times or given splits are.
        output: The Parquet file to write.
        test_share: Share of the rows to test on, as a number or as a fraction such as ``1/3``; or
            ``given``, where the table says which these are.
        seeds: The seeds, as a list or a range.
        logger: Where to report.
        method: ``random``, ``k_fold``, ``time``, ``column`` or ``file``.
        folds: Number of folds of ``k_fold``.
        file: The file of ``file``, see ``follow_file``.
        stratify: Whether ``random`` and ``k_fold`` give each side its share of every class, where no groups are drawn.
        training_shares: Shares of the training rows to cut each split to, see ``smaller``; None to leave them whole.
        trainings: How often models are trained; from 2 on the splits are those of the trainings after the first, see ``again``.
        all_rows: Whether to train on all rows, and to "test" on the same, for a model that is to predict others.

    Raises:
        InputError: If a side of the split would have fewer than two rows, or the table lacks a column that is needed.
    """
    rows, seeds = pq.read_metadata(table).num_rows, list(split_seeds(seeds))
    if all_rows:
        everything = np.arange(rows)[None]
        write_splits(Splits.of(seeds, everything, everything), output)
        logger.info("One split of %d rows, which are trained on and tested on all.", rows)
        return
    if test_share == "given":
        sides = read_schema(table)["rows"]
        splits = given_splits(sides["train"], sides["test"], seeds)
    else:
        splits = _draw(table, rows, test_share, seeds, method, folds, file, stratify)
    for doubt in doubts_of_order(read_schema(table), {"method": method}):
        warn(logger, doubt)
    if method != "random" or "group" in read_schema(table).get("roles", {}):
        for doubt in doubts_of_copies(splits):
            warn(logger, doubt)
    if training_shares:
        splits = smaller(splits, training_shares, table, method)
    if trainings > 1:
        splits = again(splits, trainings)
    trains, tests = splits.sizes()
    write_splits(splits, output)
    sides = [_range(trains), _range(tests)]
    logger.info("%d splits of %d rows: %s to train on, %s to test on.", len(splits), rows, *sides)


def _draw(
    table: str,
    rows: int,
    test_share: float | str,
    seeds: list[int],
    method: str,
    folds: int | None,
    file: str | None,
    stratify: bool,
) -> Splits:
    """Draws splits by the method, and checks that each side has rows enough."""
    share, groups = float(Fraction(test_share)), _column(table, "group")
    if groups is not None:
        groups = np.unique(groups, return_inverse=True)[1]
    classes = _classes(table) if stratify and groups is None else None
    if min(seeds) < 1 and method != "random":
        raise InputError(
            f"With splits.method {method} the seeds number the splits, from 1 on: set splits.seeds to {{first: 1, last: 5}}, say."
        )
    if method == "column":
        splits = follow_column(_column(table, "split", "column"), seeds)
    elif method == "file":
        splits = follow_file(file, _column(table, "row"), read_schema(table)["rows"]["read"], seeds)
    elif method == "time":
        splits = roll_on(_column(table, "time", "time"), share, seeds)
    elif method == "k_fold":
        units = rows if groups is None else int(groups.max()) + 1
        if folds > units:
            raise InputError(
                f"splits.folds is {folds}, and there are {units} {'rows' if groups is None else 'groups'}: take fewer folds."
            )
        if min(seeds) < 1:
            raise InputError(
                "With splits.method k_fold the seeds number the folds, from 1 on: set splits.seeds.first to 1."
            )
        splits = draw_folds(rows, groups, folds, seeds, classes)
    elif groups is not None:
        splits = draw_groups(groups, share, seeds)
    else:
        splits = draw_splits(rows, share, seeds, classes)
    if groups is not None and any(
        np.isin(groups[test], groups[train]).any()
        for train, test in zip(splits.train, splits.test, strict=True)
    ):
        raise InputError(
            f"splits.method {method} has a group on both sides of a split: leave the group out of columns, or take random or k_fold."
        )
    trains, tests = splits.sizes()
    if min(trains.min(), tests.min()) < 2:
        worst = int(np.minimum(trains, tests).argmin())
        raise InputError(
            f"The splits need at least 2 rows on each side, and {rows} rows with {_in_words(method, test_share, folds)} give "
            f"{trains[worst]} to train on and {tests[worst]} to test on: change splits.{_key(method)}, or use a larger table."
        )
    return splits


def _in_words(method: str, test_share: float | str, folds: int | None) -> str:
    return {
        "k_fold": f"{folds} folds",
        "column": "the splits of a column",
        "file": "the splits of the file",
    }.get(method, f"a test share of {test_share}")


def _key(method: str) -> str:
    return {"k_fold": "folds", "column": "seeds", "file": "file"}.get(method, "test_share")


def _column(table: str, role: str, method: str | None = None) -> np.ndarray | None:
    """Reads the column of a prepared table that has a role; None if there is none and no method needs it."""
    name = read_schema(table).get("roles", {}).get(role)
    if name is None and method:
        raise InputError(
            f"splits.method is {method}, and no column is named for it: write columns: {{NAME: {role}}} in the config."
        )
    return read_table(table, [role_column(role)])[role_column(role)] if name is not None else None


def _classes(table: str) -> np.ndarray:
    """Reads the places of the classes of a prepared table."""
    target = read_schema(table)["target"]["name"]
    return read_table(table, [target])[target].astype(int)


def _range(sizes: np.ndarray) -> str:
    return f"{sizes.min()}" if sizes.min() == sizes.max() else f"{sizes.min()} to {sizes.max()}"
