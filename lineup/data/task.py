"""What is to be done with a table where the config does not say it: a regression for a number, else a classification."""

import csv
from collections.abc import Mapping
from pathlib import Path

from lineup.data.dialect import MISSING, NUMBER, SAMPLE, find_dialect
from lineup.data.encoding import decoded
from lineup.data.parts import UNPACKING, Part, parts_of
from lineup.errors import InputError
from lineup.files import keep, kept, stamp
from lineup.kinds import kinds

# ASSUME: a target is a number if so many of the values at the beginning of its file are.
MOST_NUMBERS = 0.9


class Tasks:
    """Finds the tasks of datasets, and keeps them for the jobs of the run, which may be where the files are not.

    Args:
        cache: Where to keep them.
        is_main: Whether this process plans the run, and is no job of it.
    """

    def __init__(self, cache: Path, is_main: bool) -> None:
        self.cache, self.is_main = cache, is_main
        self.known = kept(cache) or {}
        self.before = dict(self.known)

    def of(self, name: str, dataset: Mapping, models: Mapping) -> str:
        """Tells the task of a dataset, by what the config says of the target, else by the file, else by its models."""
        told = dataset.get("columns", {}).get(dataset["target"])
        if told:
            return "regression" if told == "number" else "classification"
        file = dataset.get("file")
        if file is None or not Path(file).exists():
            return self.known.get(name, [None, task_of_models(dataset, models)])[1]
        if not self.is_main and name in self.known:
            return self.known[name][1]
        reading = dataset.get("reading", {})
        now = [file, stamp(file), dataset["target"], reading]
        if name not in self.known or self.known[name][0] != now:
            self.known[name] = [now, task_of_file(file, dataset["target"], reading)]
        return self.known[name][1]

    def save(self) -> None:
        """Keeps what was found, if that can be."""
        if self.is_main and self.known != self.before:
            keep(self.cache, self.known)


def task_of_models(dataset: Mapping, models: Mapping) -> str:
    """Tells the task that the models of a dataset can do; a regression where they do not say it."""
    for name in dataset.get("models", []):
        tasks = kinds().get(models.get(name, {}).get("kind", ""), {}).get("tasks", {})
        if len(tasks) == 1:
            return next(iter(tasks))
    return "regression"


def task_of_file(path: str, target: str, reading: Mapping) -> str:
    """Tells the task by the values of the target at the beginning of a file; what is wrong with the file is told elsewhere."""
    try:
        values = first_values(parts_of(path)[0], target, dict(reading))
    except (InputError, *UNPACKING, ValueError, csv.Error):
        return "regression"
    nothing = MISSING | {word.lower() for word in reading.get("missing", [])}
    given = [value for value in values if value.strip().lower() not in nothing]
    numbers = sum(NUMBER.fullmatch(value) is not None for value in given)
    return "regression" if numbers >= MOST_NUMBERS * len(given) else "classification"


def first_values(part: Part, column: str, reading: dict) -> list[str]:
    """Reads the first values of a column, as text; those of a file with types are told by the type."""
    if part.format != "CSV":
        return [_word_of_type(part, column)]
    with part.open() as file:
        sample = file.read(SAMPLE)
    dialect = find_dialect(sample, reading)
    lines = decoded(sample, dialect.encoding).splitlines(keepends=True)
    whole = lines[dialect.skip : -1 if len(sample) >= SAMPLE else None]
    place = dialect.names.index(column)
    rows = csv.reader(
        whole, delimiter=dialect.separator, quotechar=dialect.quote or None, skipinitialspace=True
    )
    return [row[place] for row in rows if len(row) > place]


def _word_of_type(part: Part, column: str) -> str:
    """Gives a number for a column of numbers or times of a file with types, and a word for any other."""
    # Not for those with text alone, which are the most.
    import pyarrow.ipc
    import pyarrow.parquet

    with part.open() as file:
        read = {"Parquet": pyarrow.parquet.read_schema}.get(part.format)
        schema = read(file) if read else pyarrow.ipc.open_file(file).schema
    kind = schema.field(column).type
    words = (pyarrow.types.is_string, pyarrow.types.is_large_string, pyarrow.types.is_string_view)
    is_word = any(test(kind) for test in (*words, pyarrow.types.is_dictionary, pyarrow.types.is_boolean))
    return "a" if is_word else "1"
