"""The classes of a target: their names, the rows of each, and which is the positive one."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lineup.data.coding import rank
from lineup.errors import InputError

# ASSUME: more classes than this are no classes.
MOST = 200


@dataclass(frozen=True)
class ClassSettings:
    """What the config says of the classes of a table."""

    rare: int  # rows of a class with fewer are left out
    positive: str | None  # the positive one of two; None for the last in order


@dataclass(frozen=True)
class Classes:
    """The classes of a table, as they are predicted."""

    names: list[str]  # in order; of two, the positive one is the second
    kept: pa.ChunkedArray  # which rows are of one of them
    places: pa.ChunkedArray  # the places of the classes of these rows
    doubts: list[str]  # what may be wrong, as sentences

    @property
    def counts(self) -> list[int]:
        """How many rows each class has."""
        return np.bincount(self.places.to_numpy(), minlength=len(self.names)).tolist()


def find_classes(
    values: pa.ChunkedArray, kept: pa.ChunkedArray, target: str, settings: ClassSettings
) -> Classes:
    """Finds the classes of a target, and leaves out the rare ones.

    Args:
        values: The target of all rows, as text.
        kept: Which rows are used.
        target: Its name.
        settings: What the config says.

    Raises:
        InputError: If these are no classes, or the positive one is none of them.
    """
    counted = pc.value_counts(values.filter(kept).combine_chunks())
    counts = {one["values"].as_py(): one["counts"].as_py() for one in counted}
    rows = sum(counts.values())
    few = sorted((name for name, count in counts.items() if count < settings.rare), key=rank)
    names = sorted(counts.keys() - set(few), key=rank)
    if len(counts) > MOST or (len(counts) > 2 and len(names) < 2):
        raise InputError(
            f"has {len(counts)} different values in {rows} rows of column {target!r}, the target, which are too many for classes: name "
            "another target, or set task: regression if these are numbers"
        )
    if len(names) < 2:
        raise InputError(
            f"has fewer than two classes with {settings.rare} rows or more in column {target!r}, the target: there is nothing to tell apart"
        )
    doubts = []
    if few:
        kept = pc.and_(kept, pc.is_in(values, pa.array(names)))
        shown = ", ".join(map(repr, few[:5])) + (f" and {len(few) - 5} more" if len(few) > 5 else "")
        doubts.append(
            f"Rows of the {'class' if len(few) == 1 else 'classes'} {shown} of {target!r} are left out, {sum(counts[name] for name in few)} in "
            f"all: a class with fewer than {settings.rare} rows cannot be trained on and tested on (rare_classes)."
        )
    if settings.positive is not None:
        if len(names) != 2 or settings.positive not in names:
            listed = ", ".join(map(repr, names[:20]))
            raise InputError(
                f"has the classes {listed} in column {target!r}, and the config calls {settings.positive!r} the positive one: name one of two "
                "classes, or leave positive out"
            )
        names = sorted(names, key=lambda name: name == settings.positive)
    places = pc.index_in(values.filter(kept), pa.array(names))
    kind = pa.uint8() if len(names) <= 256 else pa.uint16()
    return Classes(names, kept, pc.cast(places, kind), doubts)
