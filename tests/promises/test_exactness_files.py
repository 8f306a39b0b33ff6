"""What runs again after a change of a file that was made, or of what is known of it."""

import copy
import os
import shutil
import time

import pytest
from support.changes import LONG_AGO, Change, check, delete, each, model, several, spoil, touch
from support.data import small_csv, small_dataset
from support.jobs import ALL, DRAWN, NOTHING, PREPARED, SPLIT, TOGETHER, after_fits, of, plots


def raw_data(place):
    """A new file takes the place of the source, with an older time."""
    csv = small_csv(place.folder / "trial.csv", seed=8)
    os.utime(csv, (LONG_AGO, LONG_AGO))
    place.dataset["sha256"] = small_dataset(csv)["sha256"]


def source_without_digest(place):
    small_csv(place.folder / "trial.csv", seed=8)


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


LASSO = "lasso_one"
PENALTIES = model(LASSO, "penalties", "number", to=9)


CHANGES = [
    Change("the raw data are others, with an older time", raw_data, ALL, "sha256 was "),
    Change("the source file is others, its digest in the config is not", source_without_digest, NOTHING),
    Change(
        "raw.data is replaced by a file with an older time",
        several(
            spoil("trial/raw.data", lambda old: old.replace(b"yes", b"no", 1)),
            lambda place: os.utime(place.result("raw.data"), (LONG_AGO, LONG_AGO)),
        ),
        ALL,
        "results/trial/raw.data was cut off",
        planned=True,
    ),
    Change("all tables touched, same bytes", touch("work/results/**/*.parquet"), NOTHING),
    Change("all results touched, same bytes", touch("work/results/**/*"), NOTHING),
    Change(
        "a figure is edited by hand",
        spoil("trial/comparison.svg", lambda old: old + b"<!-- mine -->"),
        ["plot_comparison.trial", "report"],
        "results/trial/comparison.svg was changed after it was made",
        spared=["report"],
    ),
    Change(
        "one bit of a figure is changed, its size and times put back",
        flip_a_bit,
        ["plot_comparison.trial", "report"],
        "results/trial/comparison.png was changed after it was made",
        spared=["report"],
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
        spared=["plot_comparison.trial", "report"],
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
        spared=["report"],
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
        spared=["report"],
    ),
    Change(
        "a record is spoiled",
        spoil("manifest/fit_lasso/trial.lasso_one.1.json", lambda old: old[:-30]),
        of(LASSO),
        "its record cannot be read",
        plain=False,
        spared=after_fits(LASSO),
    ),
    Change(
        "a record is replaced by that of another model",
        record_of_another_model,
        of(LASSO),
        "fit_lasso trial.lasso_one.1: ",
        plain=False,
        planned=True,
    ),
    Change(".snakemake/ is removed", forget, NOTHING),
    Change(
        ".snakemake/ is removed, and a setting changed",
        several(forget, PENALTIES),
        of(LASSO),
        "penalties.number was 8, is 9",
    ),
    Change("the project is moved to another folder", move, NOTHING),
    Change(
        "a job fails beside older results, and the setting is put back",
        fail_then_mend,
        of(LASSO),
        spared=after_fits(LASSO),
    ),
    Change("a run with --until left something undone", until_fitted, [*plots(LASSO), *TOGETHER]),
    Change("a result is restored with the same bytes and a new time", rewrite("table.parquet"), NOTHING),
    Change(
        "a result is replaced by that of another model, with `cp -p`",
        of_another_model,
        of(LASSO),
        "lasso_one/block_1/scores.parquet was",
        spared=after_fits(LASSO),
    ),
    Change("a figure becomes a link to the same bytes", link("comparison.png"), NOTHING),
    Change(
        "a table becomes a link to the same bytes", link("models/lasso_one/block_1/scores.parquet"), NOTHING
    ),
]


@pytest.mark.parametrize("change", each(CHANGES))
def test_runs_exactly_what_is_stale(change, finished, tmp_path):
    check(change, finished, tmp_path)
