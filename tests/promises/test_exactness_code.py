"""What runs again after a change of the code: scripts, modules and rules."""

import os
import re

import pytest
from support.changes import PARAGRAPH, Change, append, check, each, edit, finish, script, several, touch
from support.jobs import DRAWN, FIGURES, LASSOS, MODELLED, MODELS, NOTHING, PREPARED, SPLIT, of, plots


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


CHANGES = [
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
    Change("a comment in a .smk file", append("workflow/rules/lasso.smk", PARAGRAPH), NOTHING),
    Change(
        "the memory that a rule asks for",
        edit("workflow/rules/lasso.smk", ("mem_mb=growing(2000)", "mem_mb=growing(3000)")),
        NOTHING,
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
]


@pytest.mark.parametrize("change", each(CHANGES))
def test_runs_exactly_what_is_stale(change, finished, tmp_path):
    check(change, finished, tmp_path)


def test_the_code_that_ran_is_the_code_that_was_recorded(finished, tmp_path):
    """Python takes a module of the same size and time for the one whose bytecode it has."""
    place = finished("trial").copied_to(tmp_path)
    place.variables["PYTHONDONTWRITEBYTECODE"] = ""
    place.result("comparison.svg").unlink()
    finish(place)
    before = place.result("comparison.svg").read_bytes()
    same_size_and_time(place)
    run = place.run()
    assert run.jobs == sorted(FIGURES), run.text
    assert place.result("comparison.svg").read_bytes() != before
