"""What runs again where code does more than its names say, where rules are a person's own, and where times and notes are odd."""

import json
import os
import shutil
import time

import pytest
from support.changes import Change, check, each, edit, finish, several
from support.constructs import FOLDER
from support.jobs import COMPARED_CODED, FIGURES_OF_CODED, FITTED_CODED, NOTHING

DAY = 86_400
AFTER_FIT = [job for job in FITTED_CODED if not job.startswith(("fit_", "timings"))]


def of_coded(name, make, jobs, says="", **more):
    """Gives a change to the project whose code does more than its names say. A dry run is enough, unless told otherwise."""
    return Change(name, make, jobs, says, **{"planned": True, "dataset": "coded"} | more)


def drawn(name, file, before):
    """Gives the edit of a number that all figures hang on: that which stands after a text."""
    where = f"{FOLDER}/{file}"
    return of_coded(
        name, edit(where, (f"{before}0.01", f"{before}0.03")), FIGURES_OF_CODED, f"{where} has changed"
    )


IMPORTED = [
    drawn(
        "imports: a function that a decorator puts into a dict", "registered.py", "def line():\n    return "
    ),
    drawn(
        "imports: a method that a decorator puts into a dict", "registered.py", "def dash():\n        return "
    ),
    drawn("imports: an overload of singledispatch", "overloads.py", "(thing: int):\n    return "),
    drawn("imports: a subclass found by __subclasses__", "subclasses.py", "One(Base):\n    width = "),
    drawn("imports: a subclass that __init_subclass__ keeps", "subclasses.py", "Two(Kept):\n    width = "),
    drawn("imports: a class that a metaclass keeps", "subclasses.py", "Three(metaclass=Meta):\n    width = "),
    drawn("imports: a module imported for its effect", "effect.py", 'SIZES["effect"] = '),
    drawn("imports: a module that another one imports for its effect", "deep_effect.py", "update(deep="),
    drawn("imports: a default argument with an effect", "deep_effect.py", '"default", '),
    drawn("imports: a loop", "deep_effect.py", "SIZES[name] = "),
    of_coded(
        "imports: two modules with effects on the same trade places",
        edit(
            f"{FOLDER}/use.py",
            (
                "import lineup.figures.made.effect as _effect\nimport lineup.figures.made.later as _later\n",
                "import lineup.figures.made.later as _later\nimport lineup.figures.made.effect as _effect\n",
            ),
        ),
        FIGURES_OF_CODED,
    ),
]

NAMED = [
    drawn("names: an imported constant defined again", "again.py", "\nSMALL = "),
    drawn("names: an imported constant defined again as a function", "again.py", "def LARGE():\n    return "),
    drawn("names: an imported function that is wrapped", "names.py", "def width():\n    return "),
    drawn("names: what wraps an imported function", "names.py", "function() + "),
    drawn("names: a constant defined again under a condition", "again.py", "    THICK = "),
    drawn("names: a package beside a module of its name", "colour/__init__.py", "COLOUR = "),
    drawn("names: a module in a package in the package", "colour/shade.py", "SHADE = "),
    drawn("names: a file with a byte order mark", "marked.py", "MARK = "),
    of_coded(
        "names: the module that a package hides",
        edit(f"{FOLDER}/colour.py", ("COLOUR = 5", "COLOUR = 6")),
        NOTHING,
    ),
    of_coded(
        "names: a file in the root",
        edit("palette_of_mine.py", ("0.01", "0.02")),
        FIGURES_OF_CODED,
        "palette_of_mine.py has changed",
    ),
    of_coded(
        "names: a file in the root with the name of a library",
        lambda place: (place.tree / "matplotlib.py").write_text("raise SystemExit\n", encoding="utf-8"),
        NOTHING,
        planned=False,
    ),
]

LOOKED_UP = [
    drawn("looked up: a function among the globals", "looks.py", "def _dots():\n    return "),
    drawn("looked up: a function of the module by its text", "looks.py", "def _bars():\n    return "),
    drawn("looked up: what __getattr__ of a module gives", "lazy.py", "def _dashes():\n    return "),
    drawn("looked up: a module imported by a text", "by_text.py", "TEXT = "),
    drawn("looked up: a docstring", "looks.py", '    """'),
    of_coded(
        "looked up: a table that a module opens",
        edit(f"{FOLDER}/table.json", ("0.01", "0.02")),
        FIGURES_OF_CODED,
        f"{FOLDER}/table.json, which it opened, has changed",
    ),
    of_coded(
        "looked up: a docstring of another module, where one is",
        edit(f"{FOLDER}/names.py", ("def width():\n", 'def width():\n    """Gives a width."""\n')),
        FIGURES_OF_CODED,
    ),
]


def snakefile(*pairs):
    """Gives the edit of the Snakefile."""
    return edit("Snakefile", *pairs)


def point_elsewhere(place):
    """The rule that fits the least squares runs another script, which does the same."""
    shutil.copy(place.tree / "scripts" / "fit_linear.py", place.tree / "scripts" / "fit_my_linear.py")
    edit("workflow/rules/linear.smk", ('"../../scripts/fit_linear.py"', '"../../scripts/fit_my_linear.py"'))(
        place
    )


OF_RULES = [
    of_coded(
        "rules: script names another file",
        point_elsewhere,
        FITTED_CODED,
        "script was scripts/fit_linear.py, is scripts/fit_my_linear.py",
        planned=False,
        spared=AFTER_FIT,
    ),
    of_coded(
        "rules: the file that script names since then is edited",
        several(
            point_elsewhere, finish, edit("scripts/fit_my_linear.py", ("fit_linear(**", "fit_linear(*[], **"))
        ),
        FITTED_CODED,
        "scripts/fit_my_linear.py has changed",
    ),
    of_coded(
        "rules: the shell command of a rule of one's own",
        snakefile(("tr a-z A-Z <", "tr A-Z a-z <")),
        ["shout"],
        planned=False,
    ),
    of_coded(
        "rules: the code of a rule of one's own",
        snakefile(("loud(open(input[0]).read())", "loud(open(input[0]).read()[:9])")),
        ["say"],
        "say: its code has changed",
    ),
    of_coded(
        "rules: a function that a rule of one's own calls",
        snakefile(("return text.upper()", "return text.lower()")),
        ["say"],
        "say: its code has changed",
        planned=False,
    ),
    of_coded(
        "rules: the script of a rule of one's own",
        edit("workflow/mine/tell.py", ("read_text()))", "read_text()[:9]))")),
        ["tell"],
        "tell: its code has changed",
    ),
    of_coded(
        "rules: a module beside the script of a rule of one's own",
        edit("workflow/mine/telling.py", ("text.lower()", "text[:9].lower()")),
        ["tell"],
        "tell: its code has changed",
    ),
    of_coded(
        "rules: a comment in the script of a rule of one's own",
        edit("workflow/mine/tell.py", ("read_text()))\n", "read_text()))  # as it is\n")),
        NOTHING,
    ),
    of_coded(
        "rules: the result of a rule of one's own is edited",
        lambda place: (place.results / "said.txt").write_text("nothing", encoding="utf-8"),
        ["say"],
        "results/said.txt was changed after it was made",
        planned=False,
    ),
    of_coded(
        "rules: the result of a rule of one's own is cut off, and has its old time",
        lambda place: keep_time(
            place.results / "shout.txt", lambda path: path.write_bytes(path.read_bytes()[:3])
        ),
        ["shout"],
        "results/shout.txt was changed after it was made",
    ),
]


def keep_time(path, change):
    """Changes a file, and gives it the time that it had."""
    before = path.stat()
    change(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def shuffle_times(place, first=0.0):
    """All results get new times, in the wrong order, and the notes of Snakemake are gone."""
    shutil.rmtree(place.folder / ".snakemake")
    files = sorted(path for path in place.results.rglob("*") if path.is_file())
    for number, path in enumerate(files):
        when = time.time() - first - DAY + (number * 7919 % len(files)) * 60
        os.utime(path, (when, when))


def shift_times(seconds):
    """Gives the change of the time of every result, as after the clock was set."""

    def make(place):
        for path in place.results.rglob("*"):
            os.utime(path, (path.stat().st_atime + seconds, path.stat().st_mtime + seconds))

    return make


def from_future(name):
    """Gives a result a time from the future."""
    return lambda place: os.utime(place.result(name), (time.time() + DAY, time.time() + DAY))


OF_TIMES = [
    of_coded(
        "times: results copied without their times and without .snakemake",
        shuffle_times,
        NOTHING,
        planned=False,
    ),
    of_coded(
        "times: .snakemake is gone, and a table is touched",
        lambda place: (shutil.rmtree(place.folder / ".snakemake"), place.result("table.parquet").touch()),
        NOTHING,
    ),
    of_coded(
        "times: a table from the future, and another null model",
        several(from_future("table.parquet"), lambda place: place.dataset.update(null_model="mean")),
        COMPARED_CODED,
        "null_model was median, is mean",
        planned=False,
    ),
    of_coded("times: the clock is set back a day", shift_times(DAY), NOTHING),
    of_coded(
        "times: the clock is set back a day, and a figure is edited",
        several(shift_times(DAY), edit("lineup/figures/comparison.py", ("s=55", "s=56"))),
        ["plot_comparison.coded", "report"],
        planned=False,
    ),
    of_coded("times: all results are a year old", shift_times(-365 * DAY), NOTHING),
]


def record(change, rule="fit_linear", name="coded.plain.1"):
    """Gives a change of a record."""

    def make(place):
        path = place.results / "manifest" / rule / f"{name}.json"
        found = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(change(found)), encoding="utf-8")

    return make


def no_size(found):
    """Takes the size of the first output out of a record."""
    return found | {
        "outputs": found["outputs"] | {next(iter(found["outputs"])): {"sha256": "0", "bytes": None}}
    }


def notes(text):
    """Gives the change of all notes of earlier runs."""

    def make(place):
        files = [path for path in (place.folder / ".snakemake" / "lineup").rglob("*") if path.is_file()]
        assert files
        for path in files:
            path.write_text(text, encoding="utf-8")

    return make


UNREADABLE = "fit_linear coded.plain.1: its record cannot be read"
OF_NOTES = [
    of_coded(
        "notes: a record without the size of a file",
        record(no_size),
        FITTED_CODED,
        UNREADABLE,
        planned=False,
        spared=AFTER_FIT,
    ),
    of_coded("notes: a record that is a list", record(lambda found: [found]), FITTED_CODED, UNREADABLE),
    of_coded(
        "notes: a record with no settings",
        record(lambda found: found | {"specification": found["specification"] | {"settings": None}}),
        FITTED_CODED,
        UNREADABLE,
    ),
    of_coded(
        "notes: a record whose inputs are numbers",
        record(lambda found: found | {"inputs": dict.fromkeys(found["inputs"], 1)}),
        FITTED_CODED,
        UNREADABLE,
    ),
    *(
        of_coded(f"notes: all notes of earlier runs are {text}", notes(text), NOTHING)
        for text in ("{}", "[]", "null")
    ),
    of_coded("notes: all notes of earlier runs are empty", notes(""), NOTHING, planned=False),
]

KINDS = [IMPORTED, NAMED, LOOKED_UP, OF_RULES, OF_TIMES, OF_NOTES]
CHANGES = [change for kind in KINDS for change in kind]

# What test_code.py, test_records.py and test_files.py show of each part, `make test-all` shows of whole projects; of each kind
# a change is planned here, too, and three are run.
RUN = ("rules: a function that", "times: a table from the future", "notes: a record without the size")
SHORT = [kind[0] for kind in KINDS] + [change for change in CHANGES if change.name.startswith(RUN)]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(*one.values, id=one.id, marks=[] if one.values[0] in SHORT else pytest.mark.slow)
        for one in each(CHANGES)
    ],
)
def test_runs_exactly_what_is_stale(change, finished, tmp_path):
    check(change, finished, tmp_path)
