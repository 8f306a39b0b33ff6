"""What runs again after a change: every job that must, and no other. Beside it, what plain Snakemake would do.

Each change is made to a copy of a finished project. What must run is written down here by hand, from what a
person would expect; nothing of the project's own code is asked. A second copy is made to work the way of plain
Snakemake: settings as params, default triggers, no specification and no manifest.
"""

import copy
import json
import os
import re
import shutil
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import distribution, version

import pytest
from test_workflow_images import EVERY as ALL_OF_IMAGES
from test_workflow_images import jobs_of as of_images
from workflow_helpers import (
    ROOT,
    Project,
    copy_of_tree,
    small_csv,
    small_dataset,
    small_images,
    small_images_dataset,
    small_models,
    small_models_of_classes,
    snakemake,
)

PAGE = ROOT / "docs" / "exactness.md"
BEGIN, END = "<!-- The table: written by tests/test_exactness.py. -->", "<!-- The end of the table. -->"
LEAST = 45  # changes
LONG_AGO = 1_500_000_000  # seconds: a time before every run

# ----------------------------------------------------------------------------- what must run
MODELS = {"plain": "linear", "lasso_one": "lasso", "lasso_two": "lasso", "net": "mlp"}
DRAWN = ["compare.trial", "plot_comparison.trial", "report"]
TOGETHER = [*DRAWN, "timings.trial"]


def fits(*models):
    """Lists the jobs that fit some models."""
    return [f"fit_{MODELS[model]}.trial.{model}.1" for model in models]


def plots(*models):
    """Lists the jobs that draw some models."""
    return [f"plot_{MODELS[model]}.trial.{model}" for model in models]


def of(*models):
    """Lists the jobs that fit and draw some models, and what stands on all models."""
    return [*fits(*models), *plots(*models), *TOGETHER]


LASSOS = ["lasso_one", "lasso_two"]
MODELLED = of(*MODELS)
SPLIT = ["split.trial.1", *MODELLED]
PREPARED = ["preprocess.trial", *SPLIT]
ALL = ["fetch.trial", *PREPARED]
FIGURES = [*plots(*MODELS), "plot_comparison.trial", "report"]
NOTHING: list[str] = []

NETWORKS = ["linear_net", "deep_net"]
PREPARED_IMAGES = [job for job in ALL_OF_IMAGES if job != "fetch_images.rows"]
DRAWN_IMAGES = ["compare.rows", "plot_comparison.rows", "report"]
# The figures of one model show the first split, so another second split leaves them alone.
SECOND_SPLIT = [
    *DRAWN_IMAGES,
    "timings.rows",
    "split.rows.2",
    *(f"fit_mlp.rows.{model}.2" for model in NETWORKS),
    "fit_logistic.rows.sparse.2",
    *(f"plot_training.rows.{model}" for model in NETWORKS),
]


def drawn(rule, *models):
    """Lists the jobs of a rule that draw some models of images, and the report."""
    return [*(f"{rule}.rows.{model}" for model in models), "report"]


IN_WORDS = {
    "nothing": NOTHING,
    f"all {len(ALL)} jobs": ALL,
    "all but fetch": PREPARED,
    "all but fetch and preprocess": SPLIT,
    "all that is fitted, and what stands on it": MODELLED,
    "all figures and the report": FIGURES,
    "what stands on all models": TOGETHER,
    "fit and plot of both lassos, what stands on all models": of(*LASSOS),
    "fit and plot of the two linear kinds, what stands on all models": of("plain", *LASSOS),
    f"all {len(ALL_OF_IMAGES)} jobs": ALL_OF_IMAGES,
    "all but fetch_images": PREPARED_IMAGES,
    "fit and plot of both networks, what stands on all models": of_images(*NETWORKS),
    "the second split, its fits, what stands on it": SECOND_SPLIT,
} | {f"fit and plot of {model}, what stands on all models": of(model) for model in MODELS}
IN_WORDS |= {
    f"fit and plot of {model}, what stands on all models": of_images(model) for model in [*NETWORKS, "sparse"]
}


def in_words(jobs):
    """Says shortly which jobs these are."""
    for words, known in IN_WORDS.items():
        if sorted(known) == sorted(jobs):
            return words
    return ", ".join(jobs) if len(jobs) <= 4 else f"{len(jobs)} jobs: {', '.join(jobs[:2])} …"


# ----------------------------------------------------------------------------- a place to change things in
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
        shutil.copytree(self.tree, folder / "tree", symlinks=True)
        shutil.copytree(self.folder, folder / "work", symlinks=True)
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
        jobs: What must run.
        says: A part of what Lineup says of the cause.
        planned: Whether a dry run is enough: where nothing runs, where everything does, and where
            the job could not work.
        plain: Whether plain Snakemake has the thing that is changed.
        dataset: The project that it is made to: ``trial``, a table, or ``rows``, a set of images.
    """

    name: str
    make: Callable[[Place], None]
    jobs: list[str]
    says: str = ""
    planned: bool = False
    plain: bool = True
    dataset: str = "trial"


# ----------------------------------------------------------------------------- kinds of changes
def setting(*keys, to):
    """Gives the change of a setting."""

    def make(place):
        block = place.config
        for key in keys[:-1]:
            block = block[key]
        assert block[keys[-1]] != to or type(block[keys[-1]]) is not type(to)
        block[keys[-1]] = to

    return make


def data(*keys, to):
    """Gives the change of a setting of the dataset."""
    return setting("datasets", "trial", *keys, to=to)


def of_rows(name, make, jobs, says="", **more):
    """Gives a change to the project on images. A dry run is enough, unless told otherwise."""
    return Change(f"images: {name}", make, jobs, says, **{"planned": True, "dataset": "rows"} | more)


def images(*keys, to):
    """Gives the change of a setting of the set of images."""
    return setting("datasets", "rows", *keys, to=to)


def model(*keys, to):
    """Gives the change of a setting of a model."""
    return setting("models", *keys, to=to)


def edit(file, *pairs, older=False):
    """Gives the change of a file of the tree: each old text is replaced once."""

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


def script(name, *pairs, **more):
    """Gives the change of a file under scripts/."""
    return edit(f"scripts/{name}.py", *pairs, **more)


def variable(name, value):
    """Gives the change of an environment variable."""
    return lambda place: place.variables.update({name: value})


def with_options(*options):
    """Gives the change of what a run is told on the command line."""
    return lambda place: setattr(place, "options", (*options, *place.options))


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


def spoil(name, write):
    """Gives a change of the bytes of a result."""
    return lambda place: (place.results / name).write_bytes(write((place.results / name).read_bytes()))


def delete(*names):
    """Gives the removal of results."""

    def make(place):
        for name in names:
            (place.results / name).unlink()

    return make


def several(*changes):
    """Gives some changes one after the other."""

    def make(place):
        for change in changes:
            change(place)

    return make


def touch(*patterns):
    """Gives all files of these patterns, under the tree and the results, the time of now."""

    def make(place):
        files = [path for pattern in patterns for path in place.beside.glob(pattern) if path.is_file()]
        assert files
        for path in files:
            path.touch()

    return make


def finish(place):
    """Runs all that there is to run."""
    run = place.run()
    assert run.status == 0, run.text


# ----------------------------------------------------------------------------- single changes
def raw_data(place):
    """A new file takes the place of the source, with an older time."""
    csv = small_csv(place.folder / "trial.csv", seed=8)
    os.utime(csv, (LONG_AGO, LONG_AGO))
    place.dataset["sha256"] = small_dataset(csv)["sha256"]


def source_without_digest(place):
    small_csv(place.folder / "trial.csv", seed=8)


def other_images(place):
    small_images(place.folder / "rows", seed=8)
    place.dataset["sha256"] = small_images_dataset(place.folder / "rows")["sha256"]


def drop_a_model_of_images(place):
    place.dataset["models"].remove("sparse")


def add_model(place):
    place.config["models"]["wide"] = place.config["models"]["net"] | {"hidden": [9], "dropout": [0.1]}
    place.dataset["models"].append("wide")


def rename_model(place):
    place.config["models"]["small"] = place.config["models"].pop("lasso_one")
    place.dataset["models"] = ["plain", "small", "lasso_two", "net"]


def rename_dataset(place):
    place.config["datasets"]["beams"] = place.config["datasets"].pop("trial")
    place.config["build"] = ["beams"]


def describe_other(place):
    csv = small_csv(place.folder / "other.csv", seed=2)
    place.config["datasets"]["other"] = small_dataset(csv, models=["plain"], reference="plain") | {
        "sources": [{"file": "other.csv"}]
    }


def build_other(place):
    describe_other(place)
    place.config["build"].append("other")


def another_kind(place):
    place.config["models"]["lasso_one"] = {"kind": "linear"}


def reorder_keys(place):
    def turned(value):
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(value)}
        return value

    place.config = turned(place.config)


def add_block(place):
    """Blocks hold two splits, which are there, and two more splits are asked for."""
    place.dataset["splits"]["block_size"] = 2
    finish(place)
    place.dataset["splits"]["seeds"] = {"first": 3, "last": 6}


def swap_outputs(place):
    """The training log and the summary trade places: nothing else reads them."""
    path = place.tree / "workflow" / "rules" / "mlp.smk"
    text = path.read_text(encoding="utf-8")
    names = {'/summary.txt"': '/training_log.csv"', '/training_log.csv"': '/summary.txt"'}
    swapped = re.sub("|".join(map(re.escape, names)), lambda found: names[found[0]], text)
    assert swapped != text
    path.write_text(swapped, encoding="utf-8")


def clone(place):
    """All files of the project get new times, in no order, as a clone gives them."""
    touch("tree/**/*")(place)


def restore(place):
    path = place.tree / "scripts" / "fit_lasso.py"
    before = path.read_bytes()
    path.write_bytes(before + b"\nprint('for a while')\n")
    assert place.dry_run().jobs
    path.write_bytes(before)


def rewrite(name):
    """Gives a result the same bytes again, in a new file."""

    def make(place):
        path = place.result(name)
        before = path.read_bytes()
        path.unlink()
        time.sleep(0.02)
        path.write_bytes(before)

    return make


def of_another_model(place):
    shutil.copy2(
        place.result("models/lasso_two/block_1/scores.parquet"),
        place.result("models/lasso_one/block_1/scores.parquet"),
    )


def record_of_another_model(place):
    records = place.results / "manifest" / "fit_lasso"
    shutil.copy2(records / "trial.lasso_two.1.json", records / "trial.lasso_one.1.json")


def link(name):
    """Gives the change of a result into a link to a copy of it."""

    def make(place):
        path, target = place.result(name), place.beside / "elsewhere"
        shutil.copy2(path, target)
        path.unlink()
        path.symlink_to(target)

    return make


def flip_a_bit(place):
    """One bit of a figure changes; its size and its times do not."""
    path = place.result("comparison.png")
    times, bits = path.stat(), bytearray(path.read_bytes())
    bits[-20] ^= 1
    path.write_bytes(bits)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def forget(place):
    shutil.rmtree(place.folder / ".snakemake")


def move(place):
    """The project and its results are moved to another folder, with the times of the files."""
    shutil.move(place.folder, place.beside / "moved")
    place.folder = place.beside / "moved"
    place.temporary.mkdir()


def fail_then_mend(place):
    good = copy.deepcopy(place.config)
    place.config["models"]["lasso_one"] |= {"max_iterations": 1, "tolerance": 1.0e-300}
    assert place.run().status == 1
    place.config = good


def until_fitted(place):
    place.config["models"]["lasso_one"]["penalties"]["number"] = 9
    run = place.run("--cores", "2", "--until", "fit_lasso")
    assert run.status == 0 and run.jobs == ["fit_lasso.trial.lasso_one.1"], run.text


def there_and_back(place):
    """A setting is changed, the workflow run, and the setting put back."""
    good = copy.deepcopy(place.config)
    place.config["datasets"]["trial"]["null_model"] = "mean"
    finish(place)
    place.config = good


def back_before_a_run(place):
    good = copy.deepcopy(place.config)
    place.config["models"]["lasso_one"]["penalties"]["number"] = 9
    assert place.dry_run().jobs
    place.config = good


def two_then_one(place):
    build_other(place)
    finish(place)
    place.config["build"] = ["trial"]


def two_in_another_order(place):
    build_other(place)
    finish(place)
    place.config["build"] = ["other", "trial"]


def matplotlibrc(place):
    (place.beside / "matplotlibrc").write_text("font.size: 20\n", encoding="utf-8")
    place.variables["MATPLOTLIBRC"] = str(place.beside / "matplotlibrc")


def move_function(place):
    """The last function of a module stands first, the others as before."""
    path = place.tree / "scripts" / "evaluation.py"
    text = path.read_text(encoding="utf-8")
    start, end = text.index("def regression_scores"), text.index("def write_evaluation")
    path.write_text(
        text[:start] + text[end:].rstrip() + "\n\n\n" + text[start:end].rstrip() + "\n", encoding="utf-8"
    )


def quotes(place):
    """Every plain text in double quotes is written in single quotes, and lines end in blanks."""
    path = place.tree / "scripts" / "fit_lasso.py"
    text = re.sub(r'(?<!")"(\w+)"(?!")', r"'\1'", path.read_text(encoding="utf-8"))
    assert "'seed'" in text
    path.write_text(text.replace("\n\n", "\n\n\n"), encoding="utf-8")


def swap_lines(place):
    """Two constants of a module are defined the other way round."""
    path = place.tree / "scripts" / "network.py"
    text = path.read_text(encoding="utf-8")
    swapped = re.sub(r"^(LOSSES = \{.*?^\}\n)(.*?)(OPTIMIZERS = .*?\n)", r"\3\2\1", text, flags=re.M | re.S)
    assert swapped != text
    path.write_text(swapped, encoding="utf-8")


def same_size_and_time(place):
    """A module is replaced by another of the same size and the same time."""
    path = place.tree / "scripts" / "figures.py"
    times, text = path.stat(), path.read_text(encoding="utf-8")
    assert '"font.size": 9' in text
    path.write_text(text.replace('"font.size": 9', '"font.size": 8', 1), encoding="utf-8")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def append(file, text):
    """Gives the change of a file of the tree by a text at its end."""
    return lambda place: (place.tree / file).open("a", encoding="utf-8").write(text)


LASSO = "lasso_one"
PARAGRAPH = "\n# A comment.\n"
PENALTIES = model(LASSO, "penalties", "number", to=9)

CHANGES = [
    # ------------------------------------------------------------------ what is known to go wrong elsewhere
    Change(
        "a helper module is edited",
        script("network", ("torch.nn.ReLU()", "torch.nn.Tanh()")),
        of("net"),
        "scripts/network.py has changed",
    ),
    Change(
        "a comment in a script",
        script("fit_lasso", ("import logging\n", "import logging  # to talk\n")),
        NOTHING,
    ),
    Change(
        "a docstring in a module", script("tables", ('"""Reads a prepared', '"""Gives a prepared')), NOTHING
    ),
    Change("a script is touched", touch("tree/scripts/fit_lasso.py"), NOTHING),
    Change("all files of the project have new times, as after a clone", clone, NOTHING),
    Change(
        "a script is replaced by another with an older time",
        script("plot_lasso", ("NAMED_PATHS = 6", "NAMED_PATHS = 5"), older=True),
        [*plots(*LASSOS), "report"],
        "scripts/plot_lasso.py has changed",
    ),
    Change(
        "a module is replaced by another with the same size and time",
        same_size_and_time,
        FIGURES,
        "scripts/figures.py has changed",
        planned=True,
    ),
    Change("the raw data are others, with an older time", raw_data, ALL, "sha256 was "),
    Change("the source file is others, its digest in the config is not", source_without_digest, NOTHING),
    Change(
        "raw.csv is replaced by a file with an older time",
        several(
            spoil("trial/raw.csv", lambda old: old.replace(b"yes", b"no", 1)),
            lambda place: os.utime(place.result("raw.csv"), (LONG_AGO, LONG_AGO)),
        ),
        ALL,
        "results/trial/raw.csv was cut off",
        planned=True,
    ),
    Change(
        "two values trade places: folds.number and folds.seed",
        model(LASSO, "folds", to={"number": 2, "seed": 3}),
        of(LASSO),
        "folds.number was 3, is 2",
    ),
    Change(
        "hidden: [4, 6, 6] becomes [4, 4, 6]",
        model("net", "hidden", to=[4, 4, 6]),
        of("net"),
        "hidden was [4, 6, 6]",
        planned=True,
    ),
    Change("seeds: [3, 4] becomes [4, 3]", data("splits", "seeds", to=[4, 3]), SPLIT, "seeds", planned=True),
    Change("the keys of all mappings in another order", reorder_keys, NOTHING),
    Change("all tables touched, same bytes", touch("work/results/**/*.parquet"), NOTHING),
    Change("all results touched, same bytes", touch("work/results/**/*"), NOTHING),
    Change(
        "two inputs trade names",
        edit(
            "workflow/rules/lasso.smk",
            ("grid=of_blocks(rules.fit_lasso.output.grid)", "grid=of_blocks(rules.fit_lasso.output.path)"),
            (
                "path=of_first_block(rules.fit_lasso.output.path)",
                "path=of_first_block(rules.fit_lasso.output.grid)",
            ),
        ),
        [*plots(*LASSOS), "report"],
        "input path was results/trial/models/lasso_one/block_1/path.parquet",
        planned=True,
    ),
    Change("two outputs trade names", swap_outputs, of("net"), "output summary was "),
    Change(
        "a figure is edited by hand",
        spoil("trial/comparison.svg", lambda old: old.replace(b"</svg>", b"<!-- mine --></svg>")),
        ["plot_comparison.trial", "report"],
        "results/trial/comparison.svg was changed after it was made",
    ),
    Change(
        "one bit of a figure is changed, its size and times put back",
        flip_a_bit,
        ["plot_comparison.trial", "report"],
        "results/trial/comparison.png was changed after it was made",
    ),
    Change(
        "the report is edited by hand",
        spoil("report.html", lambda old: old + b" "),
        ["report"],
        "results/report.html was",
    ),
    Change(
        "the leaderboard is cut off",
        spoil("trial/leaderboard.csv", lambda old: old[:40]),
        DRAWN,
        "results/trial/leaderboard.csv was cut off: it has 40 of",
    ),
    Change(
        "the splits are cut off",
        spoil("trial/splits/block_1.parquet", lambda old: old[:100]),
        SPLIT,
        "results/trial/splits/block_1.parquet was cut off: it has 100 of",
        planned=True,
    ),
    Change(
        "a PNG is deleted",
        delete("trial/comparison.png"),
        ["plot_comparison.trial", "report"],
        "comparison.png is missing",
    ),
    Change(
        "the prepared table is deleted",
        delete("trial/table.parquet"),
        PREPARED,
        "results/trial/table.parquet is missing",
        planned=True,
    ),
    Change(
        "the weights are deleted",
        delete("trial/models/net/block_1/weights.safetensors"),
        of("net"),
        "weights.safetensors is missing",
        planned=True,
    ),
    Change("a log is deleted", delete("logs/fit_lasso/trial.lasso_one.1.log"), NOTHING),
    Change(
        "a record is deleted",
        delete("manifest/plot_lasso/trial.lasso_one.json"),
        [*plots(LASSO), "report"],
        plain=False,
    ),
    Change(
        "a record is spoiled",
        spoil("manifest/fit_lasso/trial.lasso_one.1.json", lambda old: old[:-30]),
        of(LASSO),
        "its record cannot be read",
        plain=False,
    ),
    Change(
        "a record is replaced by that of another model",
        record_of_another_model,
        of(LASSO),
        "fit_lasso trial.lasso_one.1: ",
        plain=False,
        planned=True,
    ),
    Change(
        "the code that gets the raw data is edited: its digest decides",
        script("fetch", ("PROGRESS_SECONDS = 1.0", "PROGRESS_SECONDS = 2.0")),
        NOTHING,
    ),
    Change(
        "an early job's code is edited, its result stays the same",
        script("preprocess", ("MAX_LEVELS = 100", "MAX_LEVELS = 99")),
        PREPARED,
        "scripts/preprocess.py has changed",
    ),
    Change("a library is upgraded: numpy", newer("numpy"), PREPARED, upgraded("numpy"), planned=True),
    Change(
        "a library is upgraded: matplotlib",
        newer("matplotlib"),
        FIGURES,
        upgraded("matplotlib"),
        planned=True,
    ),
    Change("a library that a library needs: scipy", newer("scipy"), of(*LASSOS), upgraded("scipy")),
    Change(
        "a library that a library needs: joblib",
        newer("joblib"),
        of(*LASSOS),
        upgraded("joblib"),
        planned=True,
    ),
    Change(
        "a library that a library needs: pillow", newer("pillow"), FIGURES, upgraded("pillow"), planned=True
    ),
    Change(
        "a library that a library needs: markupsafe, for jinja2",
        newer("markupsafe"),
        of("net"),
        upgraded("markupsafe"),
        planned=True,
    ),
    Change(
        "Snakemake is upgraded: the report shows its version",
        newer("snakemake"),
        ["report"],
        planned=True,
    ),
    Change("a library that nothing uses is upgraded", newer("pytest"), NOTHING),
    Change("a library that nothing uses is installed", newer("unheard-of"), NOTHING),
    Change(".snakemake/ is removed", forget, NOTHING),
    Change(
        ".snakemake/ is removed, and a setting changed",
        several(forget, PENALTIES),
        of(LASSO),
        "penalties.number was 8, is 9",
    ),
    Change("the project is moved to another folder", move, NOTHING),
    Change("a job fails beside older results, and the setting is put back", fail_then_mend, of(LASSO)),
    Change("a run with --until left something undone", until_fitted, [*plots(LASSO), *TOGETHER]),
    Change("a setting is changed, run and put back", there_and_back, DRAWN, "null_model was mean, is median"),
    Change("a setting is changed and put back without a run", back_before_a_run, NOTHING),
    # ------------------------------------------------------------------ the config, key by key
    Change(
        "build: a dataset is added",
        build_other,
        [
            *(f"{step}.other" for step in ("fetch", "preprocess", "compare", "plot_comparison", "timings")),
            "split.other.1",
            "fit_linear.other.plain.1",
            "plot_linear.other.plain",
            "report",
        ],
        "build was",
    ),
    Change("build: a dataset is removed", two_then_one, ["report"], "build was"),
    Change("build: another order", two_in_another_order, ["report"], "build was", planned=True),
    Change("a dataset that is not built is described", describe_other, NOTHING),
    Change(
        "a dataset is renamed",
        rename_dataset,
        [job.replace("trial", "beams") for job in ALL],
        "build was",
        planned=True,
    ),
    Change(
        "sources: another place to look",
        lambda place: place.dataset["sources"].append({"file": "elsewhere.csv"}),
        ["report"],
        "sources was",
    ),
    Change(
        "max_megabytes", data("max_megabytes", to=2), ["report"], "max_megabytes was 1, is 2", planned=True
    ),
    Change(
        "max_megabytes: 1 becomes 1.0",
        data("max_megabytes", to=1.0),
        ["report"],
        "max_megabytes was 1, is 1.0",
    ),
    Change(
        "title",
        data("title", to="Other beams"),
        ["report"],
        "title was Strength of made-up beams, is Other beams",
    ),
    Change("target", data("target", to="age"), PREPARED, "target was strength, is age", planned=True),
    Change(
        "target_unit",
        data("target_unit", to="kilonewton"),
        FIGURES,
        "target_unit was newton, is kilonewton",
        planned=True,
    ),
    Change(
        "missing_target",
        data("missing_target", to="error"),
        PREPARED,
        "missing_target was drop, is error",
        planned=True,
    ),
    Change(
        "missing_features",
        data("missing_features", to="drop"),
        PREPARED,
        "missing_features was error, is drop",
        planned=True,
    ),
    Change(
        "test_share", data("splits", "test_share", to=0.3), SPLIT, "test_share was 0.25, is 0.3", planned=True
    ),
    Change("seeds: one more", data("splits", "seeds", to=[3, 4, 6]), SPLIT, "seeds was", planned=True),
    Change(
        "seeds: [3, 4] is written as a range: only the report shows it",
        data("splits", "seeds", to={"first": 3, "last": 4}),
        ["report"],
        "seeds was",
    ),
    Change(
        "models: one more",
        add_model,
        ["fit_mlp.trial.wide.1", "plot_mlp.trial.wide", *TOGETHER],
        "models was",
        planned=True,
    ),
    Change("models: one less", data("models", to=["plain", "lasso_one", "net"]), TOGETHER, "models was"),
    Change(
        "models: another order",
        data("models", to=["net", "plain", *LASSOS]),
        TOGETHER,
        "models was",
        planned=True,
    ),
    Change(
        "a model is renamed",
        rename_model,
        ["fit_lasso.trial.small.1", "plot_lasso.trial.small", *TOGETHER],
        "models was",
        planned=True,
    ),
    Change(
        "kind: a lasso becomes least squares",
        another_kind,
        ["fit_linear.trial.lasso_one.1", "plot_linear.trial.lasso_one", *TOGETHER],
    ),
    Change(
        "a model that no dataset uses",
        lambda place: place.config["models"].update(unused={"kind": "linear"}),
        NOTHING,
    ),
    Change("reference", data("reference", to="net"), DRAWN, "reference was plain, is net", planned=True),
    Change("null_model", data("null_model", to="mean"), DRAWN, "null_model was median, is mean"),
    Change(
        "published",
        data("published", to=[{"source": "a", "seed": 3, "mae": {"net": 1.0}}]),
        ["report"],
        "published was",
        planned=True,
    ),
    Change(
        "lasso: standardize",
        model(LASSO, "standardize", to=False),
        of(LASSO),
        "standardize was true, is false",
        planned=True,
    ),
    Change("lasso: penalties.number", PENALTIES, of(LASSO), "penalties.number was 8, is 9"),
    Change(
        "lasso: penalties.smallest",
        model(LASSO, "penalties", "smallest", to=0.02),
        of(LASSO),
        "penalties.smallest was 0.01, is 0.02",
        planned=True,
    ),
    Change(
        "lasso: penalties.standardize",
        model(LASSO, "penalties", "standardize", to=False),
        of(LASSO),
        "penalties.standardize was true, is false",
        planned=True,
    ),
    Change(
        "lasso: folds.number",
        model(LASSO, "folds", "number", to=4),
        of(LASSO),
        "folds.number was 3, is 4",
        planned=True,
    ),
    Change(
        "lasso: folds.seed",
        model("lasso_two", "folds", "seed", to=5),
        of("lasso_two"),
        "folds.seed was 2, is 5",
        planned=True,
    ),
    Change(
        "lasso: tolerance",
        model("lasso_two", "tolerance", to=1.0e-7),
        of("lasso_two"),
        "tolerance was 1e-08, is 1e-07",
        planned=True,
    ),
    Change(
        "lasso: max_iterations",
        model(LASSO, "max_iterations", to=999_999),
        of(LASSO),
        "max_iterations was 1000000, is 999999",
        planned=True,
    ),
    Change(
        "network: standardize",
        model("net", "standardize", to=True),
        of("net"),
        "standardize was false, is true",
        planned=True,
    ),
    Change(
        "network: dropout",
        model("net", "dropout", to=[0.1, 0.1, 0.2]),
        of("net"),
        "dropout was [0.1, 0.2, 0.2], is [0.1, 0.1, 0.2]",
        planned=True,
    ),
    Change(
        "network: loss",
        model("net", "loss", to="absolute_error"),
        of("net"),
        "loss was squared_error, is absolute_error",
        planned=True,
    ),
    Change(
        "network: optimizer",
        model("net", "optimizer", to="adam"),
        of("net"),
        "optimizer was rmsprop, is adam",
        planned=True,
    ),
    Change(
        "network: learning_rate",
        model("net", "learning_rate", to=0.02),
        of("net"),
        "learning_rate was 0.01, is 0.02",
        planned=True,
    ),
    Change(
        "network: batch_size",
        model("net", "batch_size", to=9),
        of("net"),
        "batch_size was 8, is 9",
        planned=True,
    ),
    Change("network: epochs", model("net", "epochs", to=3), of("net"), "epochs was 2, is 3", planned=True),
    Change("network: seed", model("net", "seed", to=1), of("net"), "seed was 0, is 1", planned=True),
    Change(
        "network: validation",
        model("net", "validation", to=0.2),
        of("net"),
        "validation was test, is 0.2",
        planned=True,
    ),
    Change(
        "network: accelerator",
        model("net", "accelerator", to="auto"),
        of("net"),
        "accelerator was cpu, is auto",
        planned=True,
    ),
    Change(
        "network: precision",
        model("net", "precision", to="bf16-mixed"),
        of("net"),
        "precision was 32-true, is bf16-mixed",
    ),
    Change(
        "network: checkpoint_seconds: only the report shows it",
        model("net", "checkpoint_seconds", to=60),
        ["report"],
        "checkpoint_seconds was 10, is 60",
        planned=True,
    ),
    Change(
        "network: patience",
        several(
            model("net", "validation", to=0.2),
            model("net", "weights", to="best"),
            model("net", "patience", to=1),
        ),
        of("net"),
        "patience was none, is 1",
        planned=True,
    ),
    Change(
        "network: threads: only the report shows it",
        model("net", "threads", to=1),
        ["report"],
        "threads was 2, is 1",
    ),
    Change(
        "block_size: the splits fit into a block all the same",
        data("splits", "block_size", to=3),
        ["report"],
        "block_size was 10, is 3",
    ),
    Change(
        "block_size: the splits are cut",
        data("splits", "block_size", to=1),
        [*SPLIT, "split.trial.2", *(f"{job[:-1]}2" for job in fits(*MODELS))],
        "block_size was 10, is 1",
    ),
    Change(
        "seeds: another block is added",
        add_block,
        ["split.trial.2", *(f"{job[:-1]}2" for job in fits(*MODELS)), *plots(*MODELS), *TOGETHER],
    ),
    Change("a comment in config.yaml", append("config.yaml", PARAGRAPH), NOTHING),
    # ------------------------------------------------------------------ the rules
    Change("a comment in a .smk file", append("workflow/rules/lasso.smk", PARAGRAPH), NOTHING),
    Change(
        "the memory that a rule asks for",
        edit("workflow/rules/lasso.smk", ("mem_mb=growing(2000)", "mem_mb=growing(3000)")),
        NOTHING,
    ),
    Change(
        "another number of cores",
        with_options("--cores", "1"),
        NOTHING,
    ),
    Change(
        "a profile that gives no GPU, more memory, a longer time",
        with_options("--set-resources", "fit_mlp:gpu=0", "fit_lasso:mem_mb=9000", "fit_linear:runtime=900"),
        NOTHING,
    ),
    Change(
        "a profile that trains a network in two processes",
        with_options("--set-resources", "fit_mlp:tasks=2"),
        of("net"),
        "processes was 1, is 2",
        planned=True,
    ),
    Change(
        "the script of split",
        script("split", ("%d splits of", "%d random splits of")),
        SPLIT,
        "scripts/split.py has changed",
        planned=True,
    ),
    Change(
        "the script of fit_linear",
        script("fit_linear", ("fitted on", "was fitted on")),
        of("plain"),
        "scripts/fit_linear.py has changed",
    ),
    Change(
        "the script of fit_lasso",
        script("fit_lasso", ("found.coefficients[0].ravel()", "1 * found.coefficients[0].ravel()")),
        of(*LASSOS),
        "scripts/fit_lasso.py has changed",
        planned=True,
    ),
    Change(
        "the script of fit_mlp",
        script("fit_mlp", ("networks trained, %d side", "networks were trained, %d side")),
        of("net"),
        "scripts/fit_mlp.py has changed",
        planned=True,
    ),
    Change(
        "the script of plot_linear",
        script("plot_linear", ("model=snakemake.wildcards.model", "model=str(snakemake.wildcards.model)")),
        [*plots("plain"), "report"],
        "scripts/plot_linear.py has changed",
    ),
    Change(
        "the script of plot_mlp",
        script("plot_mlp", ("alpha=0.18", "alpha=0.19")),
        [*plots("net"), "report"],
        "scripts/plot_mlp.py has changed",
        planned=True,
    ),
    Change(
        "the script of compare",
        script("compare", ("ddof=1", "ddof=0")),
        DRAWN,
        "scripts/compare.py has changed",
    ),
    Change(
        "the script of plot_comparison",
        script("plot_comparison", ("s=55", "s=56")),
        ["plot_comparison.trial", "report"],
        "scripts/plot_comparison.py has changed",
    ),
    Change(
        "the script of timings",
        script("timings", ("Costs of", "The costs of")),
        ["timings.trial"],
        "scripts/timings.py has changed",
    ),
    Change(
        "the script of report",
        script("report", ("<= 12", "<= 13")),
        ["report"],
        "scripts/report.py has changed",
    ),
    Change(
        "the template of the report",
        edit("workflow/report/report.html.j2", ("Lineup: comparison", "Comparison")),
        ["report"],
        "workflow/report/report.html.j2 has changed",
    ),
    Change(
        "the script of rulegraph, which `all` does not want",
        script("rulegraph", ("TALL, PAD, GAP, MARGIN = 21", "TALL, PAD, GAP, MARGIN = 22")),
        NOTHING,
    ),
    Change(
        "the script of verify, which makes no file",
        script("verify", ("wrong, repair, checked = [], [], 0", "wrong, repair, checked = [], [], -1")),
        NOTHING,
    ),
    Change(
        "the caption of a figure in Snakemake's own report",
        append("workflow/report/grid.rst", "More.\n"),
        NOTHING,
    ),
    Change(
        "a description in the schema of the config",
        append("workflow/schemas/config.schema.yaml", PARAGRAPH),
        NOTHING,
    ),
    # ------------------------------------------------------------------ the modules
    Change(
        "tables.py: how tables are written",
        script("tables", ('compression="zstd"', 'compression="snappy"')),
        PREPARED,
        "scripts/tables.py has changed",
        planned=True,
    ),
    Change(
        "tables.py: how coefficients are written",
        script("tables", ('"(intercept)"', '"intercept"')),
        of("plain", *LASSOS),
        "scripts/tables.py has changed",
        planned=True,
    ),
    Change(
        "evaluation.py: a score",
        script("evaluation", ("np.abs(error).mean(axis=1)", "np.median(np.abs(error), axis=1)")),
        MODELLED,
        "scripts/evaluation.py has changed",
        planned=True,
    ),
    Change(
        "figures.py: the style of all figures",
        script("figures", ('"font.size": 9', '"font.size": 10')),
        FIGURES,
        "scripts/figures.py has changed",
        planned=True,
    ),
    Change(
        "figures.py: a function that only the lasso's figures use",
        script("figures", ('"{x:g}"', '"{x:.3g}"')),
        [*plots(*LASSOS), "report"],
        "scripts/figures.py has changed",
    ),
    Change(
        "training.py: how the units that are kept are drawn",
        script("training", ("np.uint16)[: n * units]", "np.uint16)[-n * units :]")),
        of("net"),
        "scripts/training.py has changed",
        planned=True,
    ),
    Change(
        "checkpoints.py and ranks.py, which only matter when a job is stopped or has company",
        several(
            script("checkpoints", ("%d splits, from split", "%d random splits, from split")),
            script("ranks", ("PATIENCE = 30.0", "PATIENCE = 31.0")),
        ),
        of("net"),
        "scripts/checkpoints.py has changed",
        planned=True,
    ),
    Change(
        "torch_setup.py: the threads",
        script("torch_setup", ("set_num_threads(threads)", "set_num_threads(max(1, threads))")),
        of("net"),
        "scripts/torch_setup.py has changed",
        planned=True,
    ),
    Change(
        "config.py: how a range of seeds is read",
        script("config", ('seeds["last"] + 1', '1 + seeds["last"]')),
        SPLIT,
        "scripts/config.py has changed",
        planned=True,
    ),
    Change(
        "config.py: a check of the config, which no job uses", script("config", ("n=1)", "n=2)")), NOTHING
    ),
    Change(
        "errors.py: reached by all",
        script("errors", ("class InputError(Exception):", "class InputError(ValueError):")),
        PREPARED,
        "scripts/errors.py has changed",
        planned=True,
    ),
    Change(
        "files.py: reached by all",
        script("files", ("parents=True, exist_ok=True", "exist_ok=True, parents=True")),
        PREPARED,
        "scripts/files.py has changed",
        planned=True,
    ),
    Change(
        "files.py: a function that no job reaches",
        script("files", ('Path(folder).rglob(".*.part[0-9]*")', 'Path(folder).rglob(".*.part[1-9]*")')),
        NOTHING,
    ),
    Change(
        "job.py: reached by all",
        script("job", ("The job failed.", "This job failed.")),
        PREPARED,
        "scripts/job.py has changed",
        planned=True,
    ),
    Change(
        "manifest.py: how a record is written, reached by all",
        script("manifest", ("indent=1", "indent=2")),
        PREPARED,
        "scripts/manifest.py has changed",
        planned=True,
    ),
    Change(
        "manifest.py: how a change is told, which no job reaches",
        script("manifest", ("LONGEST = 60", "LONGEST = 61")),
        NOTHING,
    ),
    Change(
        "run.py: how a job follows its run, reached by all",
        script("run", ("os._exit(143)\n    tempfile", "os._exit(144)\n    tempfile")),
        PREPARED,
        "scripts/run.py has changed",
        planned=True,
    ),
    Change(
        "run.py: how a run begins, which no job reaches",
        script("run", ("PATIENCE = 60.0", "PATIENCE = 61.0")),
        NOTHING,
    ),
    Change(
        "specification.py: how code is followed, reached by all",
        script(
            "specification", ("waiting = [(script, EXECUTED), *(", "waiting = [(script, EXECUTED), *list(")
        ),
        PREPARED,
        "scripts/specification.py has changed",
        planned=True,
    ),
    Change("plan.py, which no job reaches", script("plan", ("NAMED = 6", "NAMED = 7")), NOTHING),
    Change("cache.py, which no job reaches", append("scripts/cache.py", "\nUNUSED = 1\n"), NOTHING),
    Change(
        "a function that nobody calls is added",
        append("scripts/files.py", "\n\ndef unused() -> None:\n    pass\n"),
        NOTHING,
    ),
    Change(
        "__init__.py gets a statement, which runs in every job",
        append("scripts/__init__.py", "\nimport math\n\nmath.tau = 6.0\n"),
        PREPARED,
        "scripts/__init__.py",
        planned=True,
    ),
    # ------------------------------------------------------------------ the environment
    Change(
        "ATEN_CPU_CAPABILITY=default",
        variable("ATEN_CPU_CAPABILITY", "default"),
        of("net"),
        "ATEN_CPU_CAPABILITY was not set, is default",
    ),
    Change(
        "OPENBLAS_CORETYPE=Haswell",
        variable("OPENBLAS_CORETYPE", "Haswell"),
        PREPARED,
        "OPENBLAS_CORETYPE was not set, is Haswell",
        planned=True,
    ),
    Change("PYTHONHASHSEED=7", variable("PYTHONHASHSEED", "7"), NOTHING),
    Change(
        "TZ, LC_ALL and a variable that nothing knows",
        several(variable("TZ", "Asia/Tokyo"), variable("LC_ALL", "C"), variable("LINEUP_TEST", "1")),
        NOTHING,
    ),
    Change("OMP_NUM_THREADS=1", variable("OMP_NUM_THREADS", "1"), NOTHING),
    Change(
        "MPLBACKEND and a matplotlibrc with another font size",
        several(variable("MPLBACKEND", "svg"), matplotlibrc),
        NOTHING,
    ),
    # ------------------------------------------------------------------ attempts to deceive it
    Change(
        "a default argument is added",
        script(
            "fit_lasso",
            ("    logger: logging.Logger,\n) -> None:", "    logger: logging.Logger = None,\n) -> None:"),
        ),
        of(*LASSOS),
        "scripts/fit_lasso.py has changed",
        planned=True,
    ),
    Change(
        "a local variable is renamed",
        script(
            "fit_linear",
            ("centre = X", "middle = X"),
            ("X - centre", "X - middle"),
            ("- centre @", "- middle @"),
        ),
        of("plain"),
        "scripts/fit_linear.py has changed",
        planned=True,
    ),
    Change("a function is moved within its file", move_function, NOTHING),
    Change("other quotes and more empty lines", quotes, NOTHING),
    Change(
        "two constants of different value trade names",
        script(
            "plot_mlp",
            ('"train_mae", BLUE', '"train_mae", ORANGE'),
            ('"valid_mae", ORANGE', '"valid_mae", BLUE'),
        ),
        [*plots("net"), "report"],
        "scripts/plot_mlp.py has changed",
        planned=True,
    ),
    Change(
        "two arguments of the same value trade places",
        script("figures", ("linewidth=1, linestyle", "zorder=1, linestyle"), ("zorder=1)", "linewidth=1)")),
        [*plots(*MODELS), "report"],
        "scripts/figures.py has changed",
        planned=True,
    ),
    Change("two constants of a module in another order", swap_lines, NOTHING),
    Change(
        "a constant is replaced by its value where it is used",
        script("figures", ("PALETTE = [BLUE,", 'PALETTE = ["#0072B2",')),
        [*plots(*LASSOS), "report"],
        "scripts/figures.py has changed",
        planned=True,
    ),
    Change(
        "an import binds another function to the same name",
        script(
            "fit_lasso",
            (
                "import duality_gaps, lasso_paths",
                "import duality_gaps as lasso_paths, lasso_paths as duality_gaps",
            ),
        ),
        of(*LASSOS),
        "scripts/fit_lasso.py",
        planned=True,
    ),
    Change(
        "an import binds two constants the other way round",
        script("plot_mlp", ("import BLUE, ORANGE,", "import BLUE as ORANGE, ORANGE as BLUE,")),
        [*plots("net"), "report"],
        "scripts/plot_mlp.py",
        planned=True,
    ),
    Change("a script is edited and restored", restore, NOTHING),
    Change("a result is restored with the same bytes and a new time", rewrite("table.parquet"), NOTHING),
    Change(
        "a result is replaced by that of another model, with `cp -p`",
        of_another_model,
        of(LASSO),
        "lasso_one/block_1/scores.parquet was",
    ),
    Change("a figure becomes a link to the same bytes", link("comparison.png"), NOTHING),
    Change(
        "a table becomes a link to the same bytes", link("models/lasso_one/block_1/scores.parquet"), NOTHING
    ),
    Change(
        "a number is written in another way: 0.01 as 1.0e-2",
        edit("config.yaml", ("learning_rate: 0.01", "learning_rate: 1.0e-2")),
        NOTHING,
    ),
    # ------------------------------------------------------------------ images and classes
    of_rows("the files are others", other_images, ALL_OF_IMAGES, "sha256", planned=False),
    of_rows(
        "a file is cut off",
        spoil("rows/raw/train-images-idx3-ubyte", lambda old: old[:100]),
        ALL_OF_IMAGES,
        "train-images-idx3-ubyte was cut off: it has 100 of",
    ),
    of_rows(
        "a file is deleted",
        delete("rows/raw/t10k-labels-idx1-ubyte"),
        ALL_OF_IMAGES,
        "t10k-labels-idx1-ubyte is missing",
    ),
    of_rows(
        "the digit of a class is changed in the table",
        spoil("rows/table.parquet", lambda old: old[:-20] + bytes([old[-20] ^ 1]) + old[-19:]),
        PREPARED_IMAGES,
        "results/rows/table.parquet was changed after it was made",
    ),
    of_rows(
        "sources: another place to look",
        lambda place: place.dataset["sources"].append({"file": "elsewhere"}),
        ["report"],
        "sources was",
    ),
    of_rows("title", images("title", to="Other rows"), ["report"], "title was Made-up rows, is Other rows"),
    of_rows("classes", images("classes", to=["a", "b", "c"]), PREPARED_IMAGES, "classes was"),
    of_rows("target", images("target", to="place"), PREPARED_IMAGES, "target was row, is place"),
    of_rows(
        "reference", images("reference", to="sparse"), DRAWN_IMAGES, "reference was linear_net, is sparse"
    ),
    of_rows(
        "seeds: the second is another", images("splits", "seeds", to=[3, 5]), SECOND_SPLIT, planned=False
    ),
    of_rows(
        "models: one is removed",
        drop_a_model_of_images,
        [*DRAWN_IMAGES, "timings.rows"],
        planned=False,
    ),
    of_rows("network: hidden", model("deep_net", "hidden", to=[9]), of_images("deep_net"), "hidden was"),
    of_rows(
        "network: dropout",
        model("deep_net", "dropout", to=[0.5]),
        of_images("deep_net"),
        "dropout was",
        planned=False,
    ),
    of_rows(
        "network: weights",
        model("linear_net", "weights", to="best"),
        of_images("linear_net"),
        "weights was last, is best",
    ),
    of_rows(
        "network: threads_per_network",
        model("deep_net", "threads_per_network", to=2),
        of_images("deep_net"),
        "threads_per_network was 1, is 2",
    ),
    of_rows("network: threads: only the report shows it", model("deep_net", "threads", to=2), ["report"]),
    of_rows(
        "logistic: penalties.number",
        model("sparse", "penalties", "number", to=4),
        of_images("sparse"),
        "penalties.number was 3, is 4",
    ),
    of_rows(
        "logistic: penalties.smallest",
        model("sparse", "penalties", "smallest", to=0.1),
        of_images("sparse"),
        "penalties.smallest was 0.05, is 0.1",
    ),
    of_rows(
        "logistic: standardize", model("sparse", "standardize", to=True), of_images("sparse"), "standardize"
    ),
    of_rows("logistic: validation", model("sparse", "validation", to=0.3), of_images("sparse"), "validation"),
    of_rows("logistic: seed", model("sparse", "seed", to=1), of_images("sparse"), "seed was 0, is 1"),
    of_rows(
        "logistic: tolerance", model("sparse", "tolerance", to=0.02), of_images("sparse"), "tolerance was"
    ),
    of_rows(
        "logistic: max_iterations",
        model("sparse", "max_iterations", to=30),
        of_images("sparse"),
        "max_iterations was 20, is 30",
    ),
    of_rows("logistic: threads: only the report shows it", model("sparse", "threads", to=2), ["report"]),
    of_rows(
        "the code that gets the files is edited: their digests decide",
        append("scripts/fetch_images.py", "\nimport math\n\nmath.tau = 6.0\n"),
        NOTHING,
    ),
    of_rows(
        "the script of preprocess_images",
        script("preprocess_images", ("GROUP = 5000", "GROUP = 4000")),
        PREPARED_IMAGES,
        "scripts/preprocess_images.py has changed",
    ),
    of_rows(
        "the script of fit_logistic",
        append("scripts/fit_logistic.py", "\nimport math\n\nmath.tau = 6.0\n"),
        of_images("sparse"),
        "scripts/fit_logistic.py has changed",
    ),
    of_rows(
        "the script of plot_classifier",
        script("plot_classifier", ("BINS = 10", "BINS = 8")),
        drawn("plot_classifier", *NETWORKS, "sparse"),
        "scripts/plot_classifier.py has changed",
        planned=False,
    ),
    of_rows(
        "the script of plot_training",
        script("plot_training", ("BAND = 10", "BAND = 9")),
        drawn("plot_training", *NETWORKS),
        "scripts/plot_training.py has changed",
        planned=False,
    ),
    of_rows(
        "the script of plot_weights",
        script("plot_weights", ("COLUMNS = 5", "COLUMNS = 4")),
        drawn("plot_weights", "linear_net", "sparse"),
        "scripts/plot_weights.py has changed",
        planned=False,
    ),
    of_rows(
        "a library is upgraded: torchvision, which reads the files",
        newer("torchvision"),
        PREPARED_IMAGES,
        upgraded("torchvision"),
    ),
    of_rows(
        "a library is upgraded: scikit-learn, which fits the regression",
        newer("scikit-learn"),
        of_images("sparse"),
        upgraded("scikit-learn"),
    ),
    of_rows(
        "a library is upgraded: torchmetrics",
        newer("torchmetrics"),
        of_images(*NETWORKS),
        upgraded("torchmetrics"),
    ),
]


# ----------------------------------------------------------------------------- plain Snakemake
def made_plain(tree):
    """Turns a tree into what is usual with Snakemake: settings as params, code by the time of the script."""
    rules = tree / "workflow" / "rules"
    common = (rules / "common.smk").read_text(encoding="utf-8")
    common, found = re.subn(
        r"def spec\((.*?)\):\n.*?(?=\n\n\ndef )",
        r'def spec(\1):\n    return lambda wildcards: {"settings": settings(wildcards), "code": {}, "files": {}}',
        common,
        flags=re.DOTALL,
    )
    common, checked = re.subn(
        r"def manifest_checked\(wildcards\):\n.*?(?=\n\n\ndef )",
        "def manifest_checked(wildcards):\n    return []",
        common,
        flags=re.DOTALL,
    )
    assert (found, checked) == (1, 1)
    (rules / "common.smk").write_text(common, encoding="utf-8")
    for path in rules.glob("*.smk"):
        text = re.sub(r"ancient\(str\((.*?)\)\)", r"\1", path.read_text(encoding="utf-8"))
        # The template of the report is an input, as it should be. Its path is the same in each copy.
        text = text.replace(
            "rule report:\n",
            'TEMPLATE = os.path.relpath(f"{workflow.basedir}/workflow/report/report.html.j2")\n\n\nrule report:\n',
        )
        text = re.sub(
            r"(rule report:\n.*?    input:\n)", r"\1        template=TEMPLATE,\n", text, flags=re.DOTALL
        )
        path.write_text(text, encoding="utf-8")
    return tree


@pytest.fixture(scope="session")
def places(tmp_path_factory):
    """Maps each dataset to two finished projects: Lineup, and the same as plain Snakemake."""
    sources = tmp_path_factory.mktemp("data")
    csv = small_csv(sources / "trial.csv", seed=1)
    images = small_images(sources / "rows", seed=1)
    models = small_models()
    for name in LASSOS:
        models[name]["folds"] = {"number": 3, "seed": 2}
    models["net"] |= {"hidden": [4, 6, 6], "dropout": [0.1, 0.2, 0.2]}
    configs = {
        "trial": (small_dataset(csv) | {"sources": [{"file": "trial.csv"}]}, models, ALL),
        "rows": (
            small_images_dataset(images) | {"sources": [{"file": "rows"}]},
            small_models_of_classes(),
            ALL_OF_IMAGES,
        ),
    }
    return {name: finished(name, sources, tmp_path_factory, *config) for name, config in configs.items()}


def finished(name, sources, tmp_path_factory, dataset, models, jobs):
    """Runs a project of one dataset in two ways: Lineup, and plain Snakemake."""
    made = []
    for options in ((), ("--workflow-profile", "none")):
        base = tmp_path_factory.mktemp("finished")
        (base / "tree").mkdir()
        tree = copy_of_tree(base / "tree")
        if options:
            made_plain(tree)
        config = {
            "build": [name],
            "datasets": {name: copy.deepcopy(dataset)},
            "models": copy.deepcopy(models),
        }
        place = Place(base / "work", tree, config, {}, options, name)
        shutil.copytree(sources, place.folder, dirs_exist_ok=True)
        made.append(place)
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(Place.run, made))
        again = list(pool.map(Place.dry_run, made))
    for run, second in zip(runs, again, strict=True):
        assert run.status == 0 and run.jobs == sorted(jobs), run.text
        assert second.status == 0 and second.jobs == [], second.text
    return made


# ----------------------------------------------------------------------------- the tests
@dataclass(frozen=True)
class Outcome:
    """What a change led to.

    Attributes:
        planned: The jobs that Lineup planned.
        text: What it said.
        ran: The jobs that then ran, None if it was not run.
        run_text: What the run said.
        again: The jobs that it planned after that.
        plain: The jobs that plain Snakemake planned, None if it was not asked.
        seconds: How long all this took.
    """

    planned: list[str]
    text: str
    ran: list[str] | None
    run_text: str
    again: list[str]
    plain: list[str] | None
    seconds: float

    @property
    def jobs(self):
        """The jobs that ran, or that were planned where a dry run was enough."""
        return self.planned if self.ran is None else self.ran


def measure(change, places, folder):
    """Makes a change to copies of the finished projects, and looks what runs."""
    started = time.monotonic()
    ours, plain = places[change.dataset]
    place = ours.copied_to(folder / "ours")
    change.make(place)
    look = place.dry_run()
    assert look.status == 0, look.text
    ran, text, again = None, "", []
    if change.jobs and not change.planned:
        run = place.run()
        ran, text = (run.jobs if run.status == 0 else [f"failed with {run.status}"]), run.text
        again = place.dry_run().jobs
    beside = None
    if change.plain:
        other = plain.copied_to(folder / "plain")
        change.make(other)
        run = other.dry_run()
        assert run.status == 0, run.text
        beside = run.jobs
    return Outcome(look.jobs, look.text, ran, text, again, beside, time.monotonic() - started)


@pytest.fixture(scope="session")
def outcomes(request, places, tmp_path_factory):
    """Measures the changes that the session asks for, two at a time, and keeps what came out."""
    folder = tmp_path_factory.mktemp("changes")
    wanted = [
        item.callspec.params["change"]
        for item in request.session.items
        if getattr(item, "originalname", "") == "test_runs_exactly_what_is_stale"
    ]
    with ThreadPoolExecutor(2) as pool:
        futures: dict[str, Future] = {
            change.name: pool.submit(measure, change, places, folder / str(number))
            for number, change in enumerate(wanted)
        }
        yield futures
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize(
    "change",
    [pytest.param(change, id=re.sub(r"\W+", "-", change.name).strip("-")) for change in CHANGES],
)
def test_runs_exactly_what_is_stale(change, outcomes):
    outcome = outcomes[change.name].result()
    assert outcome.planned == sorted(change.jobs), outcome.text
    assert change.says in outcome.text, outcome.text
    assert outcome.jobs == sorted(change.jobs), outcome.run_text
    assert outcome.again == [], f"After that there still was to do: {outcome.again}"


def verdict(expected, jobs):
    """Says in how many jobs a run or a plan differs from what must run."""
    if jobs is None:
        return "-"
    misses, surplus = len(set(expected) - set(jobs)), len(set(jobs) - set(expected))
    parts = [f"misses {misses}"] * bool(misses) + [f"{surplus} too many"] * bool(surplus)
    return ", ".join(parts) or "exact"


def table(outcomes):
    """Writes the table of all changes."""
    rows, exact, asked = [], [0, 0], 0
    for change in CHANGES:
        outcome = outcomes[change.name].result()
        ours, plain = verdict(change.jobs, outcome.jobs), verdict(change.jobs, outcome.plain)
        exact[0] += ours == "exact"
        exact[1] += plain == "exact"
        asked += outcome.plain is not None
        how = "run" if outcome.ran is not None else "planned"
        rows.append(f"| {change.name} | {in_words(change.jobs)} | {ours} ({how}) | {plain} |")
    return [
        f"Lineup is exact in {exact[0]} of {len(CHANGES)} changes, plain Snakemake in {exact[1]} of {asked}.",
        "",
        f"| change | must run | Lineup | plain Snakemake {version('snakemake').rpartition('.')[0]} |",
        "|---|---|---|---|",
        *rows,
    ]


def test_the_code_that_ran_is_the_code_that_was_recorded(places, tmp_path):
    """Python takes a module of the same size and time for the one whose bytecode it has."""
    place = places["trial"][0].copied_to(tmp_path)
    place.variables["PYTHONDONTWRITEBYTECODE"] = ""
    place.result("comparison.svg").unlink()
    finish(place)
    before = place.result("comparison.svg").read_bytes()
    same_size_and_time(place)
    run = place.run()
    assert run.jobs == sorted(FIGURES), run.text
    assert place.result("comparison.svg").read_bytes() != before


def test_there_are_many_changes():
    names = [change.name for change in CHANGES]
    assert len(names) == len(set(names)) >= LEAST


def test_shows_the_table(outcomes, capsys):
    """Prints the table; with LINEUP_WRITE_TABLE=1, also writes it to docs/exactness.md."""
    if len(outcomes) < len(CHANGES):
        pytest.skip("only some of the changes were asked for")
    lines = table(outcomes)
    done = [outcomes[change.name].result() for change in CHANGES]
    with capsys.disabled():
        print("", *lines, sep="\n")
        if os.environ.get("LINEUP_TIMES"):
            print(
                json.dumps(
                    {c.name: round(o.seconds, 1) for c, o in zip(CHANGES, done, strict=True)}, indent=1
                )
            )
    if os.environ.get("LINEUP_WRITE_TABLE") == "1":
        text = PAGE.read_text(encoding="utf-8")
        before, after = text[: text.index(BEGIN)], text[text.index(END) :]
        PAGE.write_text(before + "\n".join([BEGIN, "", *lines, "", after]), encoding="utf-8")


def test_the_page_has_every_change():
    text = PAGE.read_text(encoding="utf-8")
    inside = text[text.index(BEGIN) : text.index(END)].splitlines()
    shown = [
        (cells[1], cells[2])
        for line in inside
        if len(cells := line.split(" | ")) > 3 or line.startswith("| ")
    ]
    assert len(shown) >= len(CHANGES)
