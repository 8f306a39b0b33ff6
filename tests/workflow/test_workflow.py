"""The whole workflow, on small tables of its own: what it makes, what a change makes anew, and how it fails."""

import copy
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import safetensors.numpy
import yaml
from support.data import small_csv, small_dataset, small_models
from support.jobs import ALL, MODELS, TOGETHER, of
from support.runs import Project, environment, heavy_imports, reproducible
from support.shared import made_once
from support.tree import ROOT, contents, sketching_tree
from support.waiting import PATIENCE

from lineup.kinds import figures_by_rule, kinds_for

TABLES = {
    "linear": ["predictions.parquet", "scores.parquet", "coefficients.parquet"],
    "lasso": [
        "predictions.parquet",
        "scores.parquet",
        "coefficients.parquet",
        "grid.parquet",
        "path.parquet",
    ],
    "mlp": [
        "predictions.parquet",
        "scores.parquet",
        "training_log.csv",
        "learning_curves.parquet",
        "summary.txt",
        "weights.safetensors",
    ],
}
FIGURES = {
    "linear": ["predictions"],
    "lasso": ["grid", "path", "selection", "predictions"],
    "mlp": ["learning_curves", "predictions"],
}
COMPARED = {"report.html"} | {
    f"trial/{name}"
    for name in (
        "scores.parquet",
        "leaderboard.csv",
        "differences.csv",
        "comparison.svg",
        "comparison.png",
        "differences.svg",
        "differences.png",
    )
}


def files_of(dataset, models):
    """Lists what is made of a dataset with some models, under results/."""
    names = [
        "raw.data",
        "table.parquet",
        "splits/block_1.parquet",
        "scores.parquet",
        "leaderboard.csv",
        "timings.csv",
    ]
    names += ["differences.csv", "comparison.svg", "comparison.png", "differences.svg", "differences.png"]
    for model, kind in models.items():
        names += [f"models/{model}/block_1/{name}" for name in TABLES[kind]]
        names += [f"models/{model}/{name}{ending}" for name in FIGURES[kind] for ending in (".svg", ".png")]
    return {f"{dataset}/{name}" for name in names}


def records_of(jobs):
    """Lists the log and the record of some jobs, under results/."""
    names = [job.replace(".", "/", 1) if "." in job else f"{job}/{job}" for job in jobs]
    return {f"logs/{name}.log" for name in names} | {f"manifest/{name}.json" for name in names}


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A project after its first run, on one core, with that run and what the tree held before."""

    def make(folder):
        tree, csv = sketching_tree(folder / "tree"), small_csv(folder / "trial.csv", seed=1)
        config = {"build": ["trial"], "datasets": {"trial": small_dataset(csv)}, "models": small_models()}
        project, before = Project(folder / "work", tree, config), contents(tree)
        run = project.run("--cores", "1")
        assert run.status == 0, run.text
        return project, run, before

    return made_once(tmp_path_factory, "workflow", make)


@pytest.fixture(scope="session")
def tree(finished):
    return finished[0].tree


@pytest.fixture(scope="session")
def config(finished):
    return finished[0].config


@pytest.fixture
def project(tmp_path, tree, config):
    """A project in an empty folder, with a config to change."""
    return Project(tmp_path / "work", tree, copy.deepcopy(config))


@pytest.fixture
def again(finished, project):
    """A copy of the finished project, with a config to change."""
    shutil.copytree(finished[0].folder, project.folder, dirs_exist_ok=True)
    return project


def test_makes_everything_and_nothing_else(finished):
    project, run, before = finished
    assert run.jobs == sorted(ALL)
    made = contents(project.results)
    names = {name for name in made if name.startswith("manifest/code/") and name.endswith(".names")}
    assert set(made) == {"report.html"} | files_of("trial", MODELS) | records_of(ALL) | names
    assert len(names) == len(
        {job.partition(".")[0] for job in ALL} - {"fetch"}
    )  # of each script, but where code is nothing
    assert not [name for name, data in made.items() if not data and not name.startswith("logs/")]
    assert {path.name for path in project.folder.iterdir()} == {"results", ".snakemake"}
    assert contents(project.tree) == before
    assert project.left_behind == []


def test_report_shows_this_dataset(finished):
    page = (finished[0].results / "report.html").read_text(encoding="utf-8")
    assert "hitters" not in page.lower()
    for text in ("Strength of made-up beams", "strength", "newton", *MODELS):
        assert text in page
    assert page.count("data:image/svg+xml") == 2 + sum(len(FIGURES[kind]) for kind in MODELS.values())


# `make test` has test_quote_python in test_snakemake_port.py.
@pytest.mark.slow
def test_a_python_in_a_folder_with_a_space(project, tmp_path):
    """As where the checkout has one, with its packages in it."""
    folder = tmp_path / "my folder"
    venv.create(folder, symlinks=True)
    python, here = folder / "bin" / "python", sysconfig.get_path("purelib")
    (Path(sysconfig.get_path("purelib", vars={"base": str(folder)})) / "these.pth").write_text(here)
    command = [python, "-m", "snakemake", *project.command("--cores", "1", "results/trial/table.parquet")]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (project.results / "trial" / "table.parquet").exists()


def test_second_run_has_nothing_to_do(again):
    run = again.run()
    assert run.status == 0 and run.jobs == [], run.text
    assert "Nothing to be done" in run.text


def test_second_look_imports_no_heavy_package(again):
    """Beside results, snakemake compares what the jobs were made with."""
    assert heavy_imports(*again.command(), cwd=again.folder.parent) == []


def add_lasso(config):
    config["models"]["lasso_three"] = config["models"]["lasso_one"] | {"folds": {"number": 4, "seed": 1}}
    config["datasets"]["trial"]["models"].append("lasso_three")


def change_penalties(config):
    config["models"]["lasso_one"]["penalties"]["number"] = 9


def change_dropout(config):
    config["models"]["net"]["dropout"] = [0.4]


@pytest.mark.parametrize(
    ("change", "model", "kind"),
    [
        pytest.param(change_penalties, "lasso_one", "lasso", marks=pytest.mark.slow),
        (change_dropout, "net", "mlp"),
        (add_lasso, "lasso_three", "lasso"),
    ],
)
def test_computes_one_model_and_what_stands_on_all(again, change, model, kind):
    before = reproducible(again)
    change(again.config)
    run = again.run()
    assert run.status == 0, run.text
    assert run.jobs == sorted([f"fit_{kind}.trial.{model}.1", f"plot_{kind}.trial.{model}", *TOGETHER])
    after = reproducible(again)
    mine = f"trial/models/{model}/"
    changed = {name for name, data in after.items() if before.get(name) != data}
    assert {name for name in changed if not name.startswith(mine)} == COMPARED
    assert mine + "block_1/predictions.parquet" in changed
    assert set(before) <= set(after)
    assert again.run().jobs == []


@pytest.mark.parametrize("cores", [pytest.param("2", marks=pytest.mark.slow), "4"])
def test_same_bytes_on_any_number_of_cores(finished, project, cores):
    run = project.run("--cores", cores)
    assert run.status == 0, run.text
    on_one, on_these = reproducible(finished[0]), reproducible(project)
    assert set(on_one) == set(on_these)
    differ = [name for name in on_one if on_one[name] != on_these[name]]
    assert not differ, f"With --cores {cores}, these differ: {', '.join(differ)}"


def test_the_cut_of_the_splits_changes_no_result(tree, config, tmp_path):
    """Five splits in one block and in three give the same comparison, figures and models."""
    projects = []
    for size in (5, 2):
        changed = copy.deepcopy(config)
        changed["datasets"]["trial"]["splits"] |= {"seeds": {"first": 3, "last": 7}, "block_size": size}
        changed["datasets"]["trial"]["models"].remove("lasso_two")
        projects.append(Project(tmp_path / f"cut{size}", tree, changed))
        run = projects[-1].run()
        assert run.status == 0, run.text
    whole, cut = (reproducible(project) for project in projects)
    blocks = {"/block_1", "/block_2", "/block_3"}
    together = {name for name in whole if not any(block in name for block in blocks)}
    assert together == {name for name in cut if not any(block in name for block in blocks)}
    # The leaderboard names the files, and the report shows the setting.
    differ = {name for name in together if whole[name] != cut[name]}
    assert differ == {"trial/leaderboard.csv", "report.html"}
    boards = [
        pd.read_csv(project.results / "trial" / "leaderboard.csv").drop(columns="source")
        for project in projects
    ]
    assert boards[0].equals(boards[1]) and set(boards[0]["splits"]) == {5}

    for name in (name for name in whole if name.endswith(".parquet") and "/block_1" in name):
        parts = [name.replace("block_1", f"block_{block}") for block in (1, 2, 3)]
        # Of the paths, each block has that of its first split.
        parts = parts[:1] if name.endswith("path.parquet") else parts
        tables = [pq.read_table(projects[1].results / part) for part in parts]
        assert pa.concat_tables(tables).equals(pq.read_table(projects[0].results / name)), name
    weights = "trial/models/net/block_{}/weights.safetensors"
    parts = [safetensors.numpy.load_file(projects[1].results / weights.format(block)) for block in (1, 2, 3)]
    for name, value in safetensors.numpy.load_file(projects[0].results / weights.format(1)).items():
        np.testing.assert_array_equal(np.concatenate([part[name] for part in parts]), value)
    assert [len(part["layers.0.bias"]) for part in parts] == [2, 2, 1]


def bad_target(config):
    config["datasets"]["trial"]["target"] = "weight"
    return (
        "preprocess",
        f"{config['datasets']['trial']['sources'][0]['file']} has no column 'weight', the target: its columns are width, ",
    )


def bad_digest(config):
    config["datasets"]["trial"]["sha256"] = "0" * 64
    return "fetch", f"No source gave the file with the SHA-256 {'0' * 64}:"


def bad_split(config):
    config["datasets"]["trial"]["splits"]["test_share"] = 0.001
    return (
        "split",
        "The splits need at least 2 rows on each side, and 40 rows with a test share of 0.001 give ",
    )


def bad_solver(config):
    config["models"]["lasso_one"] |= {"max_iterations": 1, "tolerance": 1.0e-300}
    return "fit_lasso", "The lasso did not converge to a tolerance of 1e-300 within 1 sweeps: "


def fails_with(run, rule, sentence):
    """Tells whether a run stopped at a rule, with a sentence on the terminal and no traceback."""
    lines = run.text.splitlines()
    said = [line for line in lines if line.startswith("Error: ")]
    return (
        run.status == 1
        and run.jobs[-1].startswith(rule)
        and f"Error in rule {rule}:" in lines
        and len(said) == 1
        and said[0].startswith(f"Error: {sentence}")
        and "Traceback" not in run.text
    )


@pytest.mark.parametrize(
    ("spoil", "left"), [(bad_target, {"trial/raw.data"}), (bad_digest, set())], ids=["target", "digest"]
)
def test_bad_data_ends_with_one_sentence(project, spoil, left):
    rule, sentence = spoil(project.config)
    run = project.run()
    assert fails_with(run, rule, sentence), run.text
    assert set(reproducible(project)) == left
    log = (project.results / "logs" / rule / "trial.log").read_text(encoding="utf-8")
    assert sentence in log and "Traceback" not in log


@pytest.mark.parametrize("spoil", [bad_digest, bad_split, bad_solver])
def test_a_failure_stays_one_beside_older_results(again, spoil):
    """A second try has to fail as the first did: it must not take the older results for current ones."""
    before = contents(again.results)["report.html"]
    rule, sentence = spoil(again.config)
    for _ in range(2):
        run = again.run()
        assert fails_with(run, rule, sentence), run.text
    assert contents(again.results)["report.html"] == before


def test_plans_what_a_failure_left_undone(again):
    good = copy.deepcopy(again.config)
    bad_solver(again.config)
    assert again.run().status == 1
    again.config = good
    assert again.dry_run().jobs == sorted(of("lasso_one"))


def test_refuses_a_wrong_config_before_anything_runs(project):
    project.config["datasets"]["trial"]["models"].append("lasso_tow")
    run = project.run()
    assert run.status == 1 and run.jobs == []
    sentence = "In the config, datasets.trial.models[4] names the model 'lasso_tow', which is not described"
    assert sum(sentence in line for line in run.text.splitlines()) == 1, run.text
    assert "did you mean lasso_two?" in run.text and "Traceback" not in run.text
    assert not project.results.exists()


def test_second_dataset_by_config_alone(again, tmp_path):
    csv = small_csv(tmp_path / "other.csv", seed=2, rows=33, target="yield")
    again.config["datasets"]["other"] = small_dataset(
        csv, title="Yield of made-up fields", target="yield", target_unit="ton", models=["plain", "lasso_one"]
    )
    again.config["build"].append("other")
    run = again.run()
    assert run.status == 0, run.text
    models = {"plain": "linear", "lasso_one": "lasso"}
    fitted = [f"fit_{kind}.other.{model}.1" for model, kind in models.items()]
    jobs = [
        *fitted,
        *(f"plot_{kind}.other.{model}" for model, kind in models.items()),
        "split.other.1",
        "report",
    ]
    steps = ("fetch", "preprocess", "compare", "plot_comparison", "timings")
    assert run.jobs == sorted([*jobs, *(f"{step}.other" for step in steps)])
    assert set(reproducible(again)) | {"trial/timings.csv", "other/timings.csv"} == (
        {"report.html"} | files_of("trial", MODELS) | files_of("other", models)
    )
    page = (again.results / "report.html").read_text(encoding="utf-8")
    for text in ("Strength of made-up beams", "newton", "Yield of made-up fields", "ton"):
        assert text in page


def start(project, log):
    """Starts a run that leads a process group of its own, and waits until it has started to fit."""
    command = [sys.executable, "-m", "snakemake", *project.command("--cores", "2")]
    with log.open("w") as stream:
        process = subprocess.Popen(
            command,
            cwd=project.folder.parent,
            env=environment(TMPDIR=str(project.temporary)),
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    until = time.monotonic() + 120
    while "rule fit_" not in log.read_text() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    return process


# `make test` kills runs, and refuses second ones, in test_failures.
@pytest.mark.slow
def test_a_second_run_is_refused_and_a_killed_one_goes_on(finished, project, tmp_path):
    models = ["plain", "lasso_one"]
    project.config["datasets"]["trial"]["models"] = models
    process = start(project, tmp_path / "first.log")
    second = project.run()
    assert second.status == 1 and second.jobs == []
    sentence = f"Another run is going on in this folder, as process {process.pid}: wait until it has ended"
    assert sentence in second.text and "Traceback" not in second.text
    assert process.poll() is None, (tmp_path / "first.log").read_text()
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait(timeout=PATIENCE) == -signal.SIGKILL
    run = project.run()
    assert run.status == 0, run.text
    # What else stands on all models may have been done before the kill.
    assert not {*ALL[:3]} & {*run.jobs} and "report" in run.jobs and {*run.jobs} <= {*of(*models)}
    after, never_killed = reproducible(project), reproducible(finished[0])
    assert set(after) == {"report.html"} | files_of("trial", {model: MODELS[model] for model in models}) - {
        "trial/timings.csv"
    }
    for name, data in after.items():
        assert data == never_killed[name] or name in COMPARED, name


def test_only_what_was_asked_for_is_read(finished):
    """The config of these tests is laid over the shipped one, which must not show through."""
    shipped = yaml.safe_load((finished[0].tree / "config.yaml").read_text(encoding="utf-8"))
    folders = {path.name for path in finished[0].results.iterdir() if path.is_dir()}
    assert folders == {"trial", "logs", "manifest"} and not folders & set(shipped["build"])


def test_a_model_of_each_kind_for_numbers_is_fitted_drawn_and_not_made_twice(tmp_path, tree, config):
    """Of those that no test above builds."""
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["models"]
    of_kind = {model["kind"]: model for model in reversed(shipped.values())}
    new = {kind: of_kind[kind] for kind in kinds_for("regression") if kind not in TABLES}
    assert new
    project = Project(tmp_path / "work", tree, copy.deepcopy(config))
    project.config["models"] |= new
    project.config["datasets"]["trial"]["models"] = ["plain", *new]
    run = project.run()
    assert run.status == 0, run.text
    assert {f"fit_{kind}.trial.{kind}.1" for kind in new} <= set(run.jobs)
    scores = pq.read_table(project.results / "trial" / "scores.parquet").to_pandas()
    means = scores.groupby("model")["mae"].mean()
    page = (project.results / "report.html").read_text(encoding="utf-8")
    for kind, settings in new.items():
        assert means[kind] < 0.8 * means["null_model"]
        for figure in [
            one
            for figures in figures_by_rule(settings, {"task": "regression", "format": "csv"}).values()
            for one in figures
        ]:
            assert f"results/trial/models/{kind}/{figure}.svg" in page
    assert project.dry_run().jobs == []


def test_no_job_opens_code_that_its_own_does_not_name(finished):
    records = (finished[0].results / "manifest").glob("*/*.json")
    opened = {path.stem: json.loads(path.read_text(encoding="utf-8"))["opened"] for path in records}
    assert opened and not any(opened.values())
