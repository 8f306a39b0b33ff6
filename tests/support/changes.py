"""Changes to finished projects, and what must run after them: every job that must, and no other.

What must run is written down by hand, from what a person would expect; nothing of the project's own code is asked.
"""

import copy
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import distribution, version
from pathlib import Path

import pytest
from support.runs import Project, snakemake
from support.tree import copy_with_times, second_tree

LONG_AGO = 1_500_000_000  # seconds: a time before every run
EDITED: list[tuple[str, str]] = []  # the files and the first old texts of all edits that were defined
PARAGRAPH = "\n# A comment.\n"


@dataclass
class Place(Project):
    """A project with a tree of its own.

    Attributes:
        variables: Environment variables of its runs.
        options: Options of its runs.
        name: The dataset.
    """

    variables: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    name: str = "trial"

    def run(self, *options):
        """Runs the workflow on two cores, unless the options say otherwise."""
        command = self.command(*(options or ("--cores", "2")), *self.options)
        return snakemake(*command, cwd=self.folder.parent, TMPDIR=str(self.temporary), **self.variables)

    @property
    def beside(self):
        """A folder for what a change needs."""
        return self.folder.parent

    @property
    def dataset(self):
        """The settings of the dataset."""
        return self.config["datasets"][self.name]

    def result(self, name):
        """Gives the path of a result of the dataset."""
        return self.results / self.name / name

    def copied_to(self, folder):
        """Copies all of it, with the times of the files."""
        second_tree(self.tree, folder / "tree")
        copy_with_times([self.folder], folder)
        settings = copy.deepcopy(self.config)
        return Place(
            folder / "work", folder / "tree", settings, dict(self.variables), self.options, self.name
        )


@dataclass(frozen=True)
class Change:
    """A change to a finished project, and what must run after it.

    Attributes:
        name: What is changed, for the table.
        make: Makes the change.
        jobs: What must run, as far as can be known before.
        says: A part of what Lineup says of the cause.
        planned: Whether a dry run is enough: where nothing runs, where everything does, and where
            the job could not work.
        plain: Whether plain Snakemake has the thing that is changed.
        dataset: The project that it is made to: ``trial``, a table, ``rows``, a set of images, or ``many``, two tables.
        spared: Of what must run, what does not since all that it is made of comes out as it was; no matter where a
            dry run is enough.
        alone: Whether it cannot be made at once with others after which the same jobs run.
        parts: The changes that this one makes at once.
    """

    name: str
    make: Callable[[Place], None]
    jobs: list[str]
    says: str = ""
    planned: bool = False
    plain: bool = True
    dataset: str = "trial"
    spared: Sequence[str] = ()
    alone: bool = False
    parts: Sequence["Change"] = ()


def each(changes):
    """Gives a parameter of a test for each change."""
    return [pytest.param(change, id=_id_of(change)) for change in changes]


def each_together(changes):
    """Gives these, too, but changes after which the same jobs run as one; ``make test-all`` makes them one by one as well.

    The first of them that is to be run is run by itself, the others are planned: together if the cause of each is told.
    """
    found, planned, seen = [], {}, set()
    for change in changes:
        same = change.dataset, tuple(sorted(change.jobs))
        runs = change.jobs and not change.planned
        if change.alone or (runs and same not in seen):
            found.append(pytest.param(change, id=_id_of(change)))
            seen |= {same} if runs else set()
            continue
        if runs:
            found.append(pytest.param(change, id=f"{_id_of(change)}-run", marks=pytest.mark.slow))
            change = replace(change, planned=True)
        others = [one.says for one in planned.get(same, [])]
        is_told = change.says and not any(change.says in says or says in change.says for says in others)
        planned.setdefault(same if is_told or not change.jobs else change.name, []).append(change)
    for parts in planned.values():
        if len(parts) > 1:
            found += [pytest.param(one, id=_id_of(one), marks=pytest.mark.slow) for one in parts]
        more = f"-and-{len(parts) - 1}-more" if len(parts) > 1 else ""
        found.append(pytest.param(_at_once(parts), id=f"{_id_of(parts[0])}{more}"))
    return found


def _at_once(changes):
    """Makes one change of some that are planned, after which the same jobs run."""
    first, *others = changes
    if not others:
        return first
    make = several(*(change.make for change in changes))
    return replace(
        first, name="; ".join(change.name for change in changes), make=make, says="", parts=changes
    )


def _id_of(change):
    return re.sub(r"\W+", "-", change.name).strip("-")


def names(change, file):
    """Tells whether a change names a file of the project, in its words or in what makes it."""
    name = Path(file).name
    says = [part.says for part in change.parts or [change]]
    return any(name in text for text in (change.name, *says, *_texts_of(change.make)))


def _texts_of(make):
    for cell in make.__closure__ or ():
        values = cell.cell_contents
        for value in values if isinstance(values, tuple) else (values,):
            if isinstance(value, str):
                yield value
            elif callable(value):
                yield from _texts_of(value)


@dataclass(frozen=True)
class Outcome:
    """What a change led to.

    Attributes:
        jobs: The jobs that ran, or that were planned where a dry run is enough.
        planned: The jobs that were planned.
        again: The jobs that were planned after that.
        text: What was said.
    """

    jobs: list[str]
    planned: list[str]
    again: list[str]
    text: str


def measure(change, project, folder):
    """Makes a change to a copy of a finished project, and looks what runs."""
    place = project.copied_to(folder)
    change.make(place)
    is_enough = change.planned or not change.jobs
    # Where none can be spared, what was planned is what runs.
    look = place.dry_run() if is_enough or change.spared else place.run()
    assert look.status == 0 and "Traceback" not in look.text, look.text
    if is_enough:
        return Outcome(look.jobs, look.jobs, [], look.text)
    run = place.run() if change.spared else look
    assert run.status == 0, run.text
    return Outcome(run.jobs, look.jobs, place.dry_run().jobs, look.text + run.text)


def check(change, finished, folder):
    """Makes a change to a copy of the finished project that it is for, and checks that what must run runs, and once."""
    outcome = measure(change, finished(change.dataset), folder)
    assert outcome.planned == sorted(change.jobs), outcome.text
    for part in change.parts or [change]:
        assert part.says in outcome.text, f"{part.name}: {outcome.text}"
    ran = change.jobs if change.planned else set(change.jobs) - set(change.spared)
    assert outcome.jobs == sorted(ran), outcome.text
    assert outcome.again == [], f"After that there still was to do: {outcome.again}"


# Kinds of changes


def setting(*keys, to):
    """Gives the change of a setting."""

    def make(place):
        block = place.config
        for key in keys[:-1]:
            block = block[key]
        assert block[keys[-1]] != to or type(block[keys[-1]]) is not type(to)
        block[keys[-1]] = to

    return make


def model(*keys, to):
    """Gives the change of a setting of a model."""
    return setting("models", *keys, to=to)


def edit(file, *pairs, older=False):
    """Gives the change of a file of the tree: each old text is replaced once."""
    EDITED.append((file, pairs[0][0]))

    def make(place):
        path = place.tree / file
        text = path.read_text(encoding="utf-8")
        for old, new in pairs:
            assert old in text, f"{file} has no {old!r}"
            text = text.replace(old, new, 1)
        path.write_text(text, encoding="utf-8")
        if older:
            os.utime(path, (LONG_AGO, LONG_AGO))

    return make


def append(file, text):
    """Gives the change of a file of the tree by a text at its end."""
    return lambda place: (place.tree / file).open("a", encoding="utf-8").write(text)


def spoil(name, write):
    """Gives a change of the bytes of a result."""
    return lambda place: (place.results / name).write_bytes(write((place.results / name).read_bytes()))


def delete(*names):
    """Gives the removal of results."""

    def make(place):
        for name in names:
            (place.results / name).unlink()

    return make


def touch(*patterns):
    """Gives all files of these patterns, under the tree and the results, the time of now."""

    def make(place):
        files = [path for pattern in patterns for path in place.beside.glob(pattern) if path.is_file()]
        assert files
        for path in files:
            path.touch()

    return make


def several(*changes):
    """Gives some changes one after the other."""

    def make(place):
        for change in changes:
            change(place)

    return make


def newer(package):
    """Gives the upgrade of a package, as the metadata of its installation show it."""

    def make(place):
        try:
            about = distribution(package).read_text("METADATA")
        except ModuleNotFoundError:
            about = f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
        folder = place.beside / "newer" / f"{package.replace('-', '_')}-9.9.9.dist-info"
        folder.mkdir(parents=True)
        about = re.sub("^Version: .*$", "Version: 9.9.9", about, count=1, flags=re.MULTILINE)
        (folder / "METADATA").write_text(about, encoding="utf-8")
        before = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
        place.variables["PYTHONPATH"] = os.pathsep.join([str(folder.parent), *before])

    return make


def upgraded(package):
    """Says what Lineup tells of an upgrade."""
    return f"{package} was {version(package)}, is 9.9.9"


def finish(place):
    """Runs all that there is to run."""
    run = place.run()
    assert run.status == 0, run.text
