"""What runs again after a change of the code: scripts, modules and rules."""

import os
import re

import pytest
from support.changes import PARAGRAPH, Change, append, check, each_together, edit, several, touch
from support.jobs import (
    DRAWN,
    FIGURES,
    LASSOS,
    MODELLED,
    MODELS,
    NOTHING,
    PREPARED,
    SPLIT,
    after_fits,
    of,
    plots,
)


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


def move_function(place):
    """The last function of a module stands first, the others as before."""
    path = place.tree / "lineup" / "comparison" / "scores.py"
    text = path.read_text(encoding="utf-8")
    start, end = text.index("def doubts_of_record"), text.index("def write_evaluation")
    path.write_text(
        text[:start] + text[end:].rstrip() + "\n\n\n" + text[start:end].rstrip() + "\n", encoding="utf-8"
    )


def quotes(place):
    """Every plain text in double quotes is written in single quotes, and lines end in blanks."""
    path = place.tree / "lineup" / "models" / "lasso.py"
    text = re.sub(r'(?<!")"(\w+)"(?!")', r"'\1'", path.read_text(encoding="utf-8"))
    assert "'seed'" in text
    path.write_text(text.replace("\n\n", "\n\n\n"), encoding="utf-8")


def swap_lines(place):
    """Two constants of a module are defined the other way round."""
    path = place.tree / "lineup" / "comparison" / "training_sizes.py"
    text = path.read_text(encoding="utf-8")
    swapped = re.sub(r"^(MORE = .*?\n)(.*?)(MISS = .*?\n)", r"\3\2\1", text, flags=re.M | re.S)
    assert swapped != text
    path.write_text(swapped, encoding="utf-8")


def same_size_and_time(place):
    """A module is replaced by another of the same size and the same time."""
    path = place.tree / "lineup" / "figures" / "style.py"
    times, text = path.stat(), path.read_text(encoding="utf-8")
    assert '"font.size": 9' in text
    path.write_text(text.replace('"font.size": 9', '"font.size": 8', 1), encoding="utf-8")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


CHANGES = [
    Change(
        "a helper module is edited",
        edit("lineup/networks/network.py", ("torch.nn.ReLU()", "torch.nn.Tanh()")),
        of("net"),
        "lineup/networks/network.py has changed",
        spared=after_fits("net"),
    ),
    Change(
        "a comment in a script",
        edit("lineup/models/lasso.py", ("import logging\n", "import logging  # to talk\n")),
        NOTHING,
    ),
    Change(
        "a docstring in a module",
        edit("lineup/data/design.py", ('"""Reads a prepared table as', '"""Gives a prepared table as')),
        NOTHING,
    ),
    Change("a script is touched", touch("tree/scripts/fit_lasso.py"), NOTHING),
    Change("all files of the project have new times, as after a clone", clone, NOTHING),
    Change(
        "a script is replaced by another with an older time",
        edit("lineup/figures/lasso.py", ("NAMED_PATHS = 6", "NAMED_PATHS = 5"), older=True),
        [*plots(*LASSOS), "report"],
        "lineup/figures/lasso.py has changed",
    ),
    Change(
        "a module is replaced by another with the same size and time",
        same_size_and_time,
        FIGURES,
        "lineup/figures/style.py has changed",
        planned=True,
        alone=True,
    ),
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
    Change(
        "two outputs trade names",
        swap_outputs,
        of("net"),
        "output summary was ",
        spared=after_fits("net"),
    ),
    Change(
        "the code that gets the raw data is edited: its digest decides",
        edit("lineup/data/downloads.py", ("PROGRESS_SECONDS = 1.0", "PROGRESS_SECONDS = 2.0")),
        NOTHING,
    ),
    Change(
        "an early job's code is edited, its result stays the same",
        edit("lineup/data/features.py", ("days since 1970-01-01", "days since 1 January 1970")),
        PREPARED,
        "lineup/data/features.py has changed",
        spared=[job for job in MODELLED if job != "report"],
    ),
    Change("a comment in a .smk file", append("workflow/rules/lasso.smk", PARAGRAPH), NOTHING),
    Change(
        "the memory that a rule asks for",
        edit("workflow/rules/lasso.smk", ("mem_mb=growing(2000, 30)", "mem_mb=growing(3000, 30)")),
        NOTHING,
    ),
    Change(
        "the code of split",
        edit("lineup/data/splits.py", ("%d splits of", "%d random splits of")),
        SPLIT,
        "lineup/data/splits.py has changed",
        planned=True,
    ),
    Change(
        "the code of fit_linear",
        edit("lineup/models/linear.py", ("fitted on", "was fitted on")),
        of("plain"),
        "lineup/models/linear.py has changed",
        spared=after_fits("plain"),
    ),
    Change(
        "the code of fit_lasso",
        edit(
            "lineup/models/lasso.py", ("found.coefficients[0].ravel()", "1 * found.coefficients[0].ravel()")
        ),
        of(*LASSOS),
        "lineup/models/lasso.py has changed",
        planned=True,
    ),
    Change(
        "the code of fit_mlp",
        edit("lineup/models/mlp.py", ("networks trained, %d side", "networks were trained, %d side")),
        of("net"),
        "lineup/models/mlp.py has changed",
        planned=True,
    ),
    Change(
        "the script of plot_linear",
        edit(
            "scripts/plot_linear.py",
            ("model=snakemake.wildcards.model", "model=str(snakemake.wildcards.model)"),
        ),
        [*plots("plain"), "report"],
        "scripts/plot_linear.py has changed",
        spared=["report"],
    ),
    Change(
        "the code of plot_mlp",
        edit("lineup/figures/learning_curves.py", ("alpha=0.18", "alpha=0.19")),
        [*plots("net"), "report"],
        "lineup/figures/learning_curves.py has changed",
        planned=True,
    ),
    Change(
        "the code of compare",
        edit("lineup/comparison/leaderboard.py", ("ddof=1", "ddof=0")),
        DRAWN,
        "lineup/comparison/leaderboard.py has changed",
    ),
    Change(
        "the code of plot_comparison",
        edit("lineup/figures/comparison.py", ("s=55", "s=56")),
        ["plot_comparison.trial", "report"],
        "lineup/figures/comparison.py has changed",
    ),
    Change(
        "the script of timings",
        edit("scripts/timings.py", ("Costs of", "The costs of")),
        ["timings.trial"],
        "scripts/timings.py has changed",
    ),
    Change(
        "the code of report",
        edit("lineup/report.py", ("<= 12", "<= 13")),
        ["report"],
        "lineup/report.py has changed",
    ),
    Change(
        "the template of the report",
        edit("workflow/report/report.html.j2", ("Lineup: comparison", "Comparison")),
        ["report"],
        "workflow/report/report.html.j2 has changed",
    ),
    Change(
        "the script of verify, which makes no file",
        edit(
            "scripts/verify.py", ("wrong, repair, checked = [], [], 0", "wrong, repair, checked = [], [], -1")
        ),
        NOTHING,
    ),
    Change(
        "the caption of a figure, in both reports",
        append("workflow/report/grid.rst", "More.\n"),
        ["report"],
        "workflow/report/grid.rst has changed",
    ),
    Change(
        "a description in the schema of the config",
        append("workflow/schemas/config.schema.yaml", PARAGRAPH),
        NOTHING,
    ),
    Change(
        "a kind's YAML: a description, and a default that every model states",
        several(
            edit("lineup/models/lasso.yaml", ("The grid of penalties,", "A grid of penalties,")),
            edit("lineup/models/ridge.yaml", ("default: true", "default: false")),
        ),
        NOTHING,
    ),
    Change(
        "a kind's YAML: a figure is left out of the report",
        edit("lineup/models/lasso.yaml", ("[grid, path, selection, predictions]", "[grid, path, selection]")),
        ["report"],
        "/models/lasso_one/predictions.svg",
        planned=True,
    ),
    Change(
        "tables.py: how tables are written",
        edit("lineup/data/tables.py", ('compression="zstd"', 'compression="snappy"')),
        PREPARED,
        "lineup/data/tables.py has changed",
        planned=True,
    ),
    Change(
        "tables.py: how coefficients are written",
        edit("lineup/data/tables.py", ('"(intercept)"', '"intercept"')),
        of("plain", *LASSOS),
        "lineup/data/tables.py has changed",
        planned=True,
    ),
    Change(
        "metrics.py: a score",
        edit("lineup/comparison/metrics.py", ("score = np.sqrt(means[0])", "score = np.cbrt(means[0])")),
        MODELLED,
        "lineup/comparison/metrics.py has changed",
        planned=True,
    ),
    Change(
        "style.py: the style of all figures",
        edit("lineup/figures/style.py", ('"font.size": 9', '"font.size": 10')),
        FIGURES,
        "lineup/figures/style.py has changed",
        planned=True,
    ),
    Change(
        "style.py: a function that only the lasso's figures use",
        edit("lineup/figures/style.py", ('"{x:g}"', '"{x:.3g}"')),
        [*plots(*LASSOS), "report"],
        "lineup/figures/style.py has changed",
        spared=["report"],
    ),
    Change(
        "batches.py: how the units that are kept are drawn",
        edit("lineup/networks/batches.py", ("np.uint16)[: n * units]", "np.uint16)[-n * units :]")),
        of("net"),
        "lineup/networks/batches.py has changed",
        planned=True,
    ),
    Change(
        "checkpoints.py and ranks.py, which only matter when a job is stopped or has company",
        several(
            edit("lineup/networks/checkpoints.py", ("%d splits, from split", "%d random splits, from split")),
            edit("lineup/networks/ranks.py", ("PATIENCE = 30.0", "PATIENCE = 31.0")),
        ),
        of("net"),
        "lineup/networks/checkpoints.py has changed",
        planned=True,
    ),
    Change(
        "torch_setup.py: the threads",
        edit("lineup/torch_setup.py", ("set_num_threads(threads)", "set_num_threads(max(1, threads))")),
        of("net"),
        "lineup/torch_setup.py has changed",
        planned=True,
    ),
    Change(
        "seeds.py: how a range of seeds is read",
        edit("lineup/seeds.py", ('seeds["last"] + 1', '1 + seeds["last"]')),
        SPLIT,
        "lineup/seeds.py has changed",
        planned=True,
    ),
    Change(
        "config_errors.py: a sentence about the config, which no job uses",
        edit("lineup/config_errors.py", ("must not be empty", "may not be empty")),
        NOTHING,
    ),
    Change(
        "errors.py: reached by all",
        edit("lineup/errors.py", ("class InputError(Exception):", "class InputError(ValueError):")),
        PREPARED,
        "lineup/errors.py has changed",
        planned=True,
    ),
    Change(
        "files.py: reached by all",
        edit("lineup/files.py", ("parents=True, exist_ok=True", "exist_ok=True, parents=True")),
        PREPARED,
        "lineup/files.py has changed",
        planned=True,
    ),
    Change(
        "files.py: a function that no job reaches",
        edit(
            "lineup/files.py", ('Path(folder).rglob(".*.part[0-9]*")', 'Path(folder).rglob(".*.part[1-9]*")')
        ),
        NOTHING,
    ),
    Change(
        "recorder.py: reached by all",
        edit("lineup/ledger/recorder.py", ("The job failed.", "This job failed.")),
        PREPARED,
        "lineup/ledger/recorder.py has changed",
        planned=True,
    ),
    Change(
        "records.py: how a record is written, reached by all",
        edit("lineup/ledger/records.py", ("indent=1", "indent=2")),
        PREPARED,
        "lineup/ledger/records.py has changed",
        planned=True,
    ),
    Change(
        "records.py: how a change is told, which no job reaches",
        edit("lineup/ledger/records.py", ("LONGEST = 60", "LONGEST = 61")),
        NOTHING,
    ),
    Change(
        "lock.py: how a job follows its run, reached by all",
        edit(
            "lineup/ledger/lock.py",
            (
                "fcntl.flock(alive, fcntl.LOCK_SH)\n        os._exit(143)",
                "fcntl.flock(alive, fcntl.LOCK_SH)\n        os._exit(144)",
            ),
        ),
        PREPARED,
        "lineup/ledger/lock.py has changed",
        planned=True,
    ),
    Change(
        "lock.py: how a run begins, which no job reaches",
        edit("lineup/ledger/lock.py", ("time.sleep(0.05)", "time.sleep(0.06)")),
        NOTHING,
    ),
    Change(
        "code.py: how code is followed, reached by all",
        edit(
            "lineup/ledger/code.py",
            ("self.waiting.append((script, MAIN))", "self.waiting += [(script, MAIN)]"),
        ),
        PREPARED,
        "lineup/ledger/code.py has changed",
        planned=True,
    ),
    Change(
        "recorded_job.py, which no job reaches",
        edit("lineup/ledger/recorded_job.py", ("NAMED = 6", "NAMED = 7")),
        NOTHING,
    ),
    Change("cache.py, which no job reaches", append("lineup/ledger/cache.py", "\nUNUSED = 1\n"), NOTHING),
    Change(
        "a function that nobody calls is added",
        append("lineup/files.py", "\n\ndef unused() -> None:\n    pass\n"),
        NOTHING,
    ),
    Change(
        "__init__.py gets a statement, which runs in every job",
        append("scripts/__init__.py", "\nimport math\n\nmath.tau = 6.0\n"),
        PREPARED,
        "scripts/__init__.py",
        planned=True,
    ),
    Change(
        "__init__.py of a folder of the package gets a statement",
        append("lineup/figures/__init__.py", "\nimport math\n\nmath.tau = 6.0\n"),
        FIGURES,
        "lineup/figures/__init__.py",
        planned=True,
    ),
    Change(
        "a default argument is added",
        edit(
            "lineup/models/lasso.py",
            ("    logger: logging.Logger,\n) -> None:", "    logger: logging.Logger = None,\n) -> None:"),
        ),
        of(*LASSOS),
        "lineup/models/lasso.py has changed",
        planned=True,
    ),
    Change(
        "a local variable is renamed",
        edit(
            "lineup/models/linear.py",
            ("centre, mean = np", "middle, mean = np"),
            ("X - centre", "X - middle"),
            ("- centre @", "- middle @"),
        ),
        NOTHING,
    ),
    Change("a function is moved within its file", move_function, NOTHING),
    Change("other quotes and more empty lines", quotes, NOTHING),
    Change(
        "two constants of different value trade names",
        edit(
            "lineup/figures/learning_curves.py",
            ('"train_mae", BLUE', '"train_mae", ORANGE'),
            ('"valid_mae", ORANGE', '"valid_mae", BLUE'),
        ),
        [*plots("net"), "report"],
        "lineup/figures/learning_curves.py has changed",
        planned=True,
    ),
    Change(
        "two arguments of the same value trade places",
        edit(
            "lineup/figures/predictions.py",
            ("linewidth=1, linestyle", "zorder=1, linestyle"),
            ("zorder=1)", "linewidth=1)"),
        ),
        [*plots(*MODELS), "report"],
        "lineup/figures/predictions.py has changed",
        planned=True,
    ),
    Change("two constants of a module in another order", swap_lines, NOTHING),
    Change(
        "a constant is replaced by its value where it is used",
        edit("lineup/figures/style.py", ("PALETTE = [BLUE,", 'PALETTE = ["#0072B2",')),
        [*plots(*LASSOS), "report"],
        "lineup/figures/style.py has changed",
        planned=True,
    ),
    Change(
        "an import binds another function to the same name",
        edit(
            "lineup/models/lasso.py",
            (
                "import duality_gaps, lasso_paths",
                "import duality_gaps as lasso_paths, lasso_paths as duality_gaps",
            ),
        ),
        of(*LASSOS),
        "lineup/models/lasso.py",
        planned=True,
    ),
    Change(
        "an import binds two constants the other way round",
        edit(
            "lineup/figures/learning_curves.py",
            ("import BLUE, ORANGE,", "import BLUE as ORANGE, ORANGE as BLUE,"),
        ),
        [*plots("net"), "report"],
        "lineup/figures/learning_curves.py",
        planned=True,
    ),
    Change("a script is edited and restored", restore, NOTHING),
]


@pytest.mark.parametrize("change", each_together(CHANGES))
def test_runs_exactly_what_is_stale(change, finished, tmp_path):
    check(change, finished, tmp_path)


def test_the_code_that_ran_is_the_code_that_was_recorded(finished, tmp_path):
    """Python takes a module of the same size and time for the one whose bytecode it has."""
    place = finished("trial").copied_to(tmp_path)
    place.variables["PYTHONDONTWRITEBYTECODE"] = ""
    place.result("comparison.svg").unlink()
    figure = ("--cores", "2", "results/trial/comparison.svg")
    assert place.run(*figure).status == 0
    before = place.result("comparison.svg").read_bytes()
    same_size_and_time(place)
    run = place.run(*figure)
    assert run.jobs == ["plot_comparison.trial"], run.text
    assert place.result("comparison.svg").read_bytes() != before
