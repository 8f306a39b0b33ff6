"""The seeds of the splits, as the config gives them."""

from collections.abc import Sequence
from itertools import pairwise


def split_seeds(seeds: list[int] | dict[str, int]) -> Sequence[int]:
    """Lists the seeds that ``splits.seeds`` stands for, a list or a ``first`` and a ``last``, in the order given."""
    return range(seeds["first"], seeds["last"] + 1) if isinstance(seeds, dict) else list(seeds)


def shortest(seeds: list[int] | dict[str, int]) -> list[int] | dict[str, int]:
    """Writes seeds as a range where they are one, so that the same splits are the same setting."""
    if isinstance(seeds, dict) or any(later != seed + 1 for seed, later in pairwise(seeds)):
        return seeds
    return {"first": seeds[0], "last": seeds[-1]}
