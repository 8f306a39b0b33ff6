"""Splits that a column or a file gives."""

import numpy as np

from lineup.data.coding import rank
from lineup.data.reading import read_file
from lineup.data.stored import as_text
from lineup.data.tables import Splits
from lineup.errors import InputError, ended

# The words of a column that says on which side a row is.
SIDES = ({"train", "test"}, {"training", "test"}, {"training", "testing"})


def follow_column(values: np.ndarray, seeds: list[int]) -> Splits:
    """Tests on the rows that a column calls ``test``; or, of any other values, split k tests on the rows of the k-th value."""
    words = np.array([str(value).strip().lower() for value in values])
    levels = sorted(set(words), key=rank)
    if set(words) in SIDES:
        levels = levels[:1]  # test stands before train
    elif len(levels) == 2:
        raise InputError(
            f"The column that gives the splits holds {str(levels[0])!r} and {str(levels[1])!r}: write train and test, to say which rows to test on."
        )
    tested = [words == level for level in levels]
    if max(seeds) > len(levels):
        raise InputError(
            f"The column that gives the splits makes {len(levels)} of them, and splits.seeds asks for number {max(seeds)}: set "
            f"splits.seeds to {{first: 1, last: {len(levels)}}}."
        )
    return Splits.of(seeds, *sides_of([tested[seed - 1] for seed in seeds]))


def follow_file(file: str, rows: np.ndarray, read: int, seeds: list[int]) -> Splits:
    """Takes splits from a file with a line for each line of a table, and a column for each split; one alone as ``follow_column`` does.

    Args:
        file: The file.
        rows: Which rows of the table are left, by their numbers from 0.
        read: How many it had.
        seeds: Which columns to take, from 1 on.

    Raises:
        InputError: If it does not fit the table, or holds anything but ``train``, ``test`` and empty fields.
    """
    try:
        found, _ = read_file(file, {})
    except InputError as error:
        raise InputError(ended(f"The file that gives the splits {error}")) from error
    if found.num_rows != read:
        raise InputError(
            f"The file that gives the splits has {found.num_rows} rows, and that of the table has {read}: it needs one for each, in the same order."
        )
    if found.num_columns == 1:
        values = as_text(found.column(0)).to_numpy()[rows]
        given = np.flatnonzero([bool(str(value or "").strip()) for value in values])
        splits = follow_column(values[given], seeds)
        return Splits.of(seeds, *[[given[one] for one in side] for side in (splits.train, splits.test)])
    if max(seeds) > found.num_columns:
        raise InputError(
            f"The file that gives the splits has {found.num_columns} columns, and splits.seeds asks for number {max(seeds)}: set "
            f"splits.seeds to {{first: 1, last: {found.num_columns}}}."
        )
    sides = []
    for seed in seeds:
        words = np.array([str(word or "").strip().lower() for word in found.column(seed - 1).to_pylist()])
        wrong = np.flatnonzero(~np.isin(words, ["train", "training", "test", "testing", ""]))
        if len(wrong):
            raise InputError(
                f"The file that gives the splits holds {str(words[wrong[0]])!r} in column {found.column_names[seed - 1]!r}, row "
                f"{wrong[0] + 1}: write train, test, or nothing."
            )
        sides.append([np.char.startswith(words[rows], side) for side in ("train", "test")])
    return Splits.of(seeds, *[[np.flatnonzero(one[side]) for one in sides] for side in (0, 1)])


def sides_of(tested: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Gives the training and the test rows of splits, in their order in the table."""
    return [np.flatnonzero(~one) for one in tested], [np.flatnonzero(one) for one in tested]
