"""The whole workflow on a small set of images: what it makes, and what a change makes anew."""

import copy
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from support.data import (
    small_csv,
    small_dataset,
    small_images,
    small_images_dataset,
    small_models,
    small_models_of_classes,
)
from support.jobs import ALL_OF_IMAGES, FIGURES_OF_IMAGES, MODELS_OF_IMAGES, of_images
from support.runs import Project, reproducible
from support.shared import made_once
from support.tree import contents, sketching_tree

FIGURES = {
    "plot_training": ["learning_curves"],
    "plot_classifier": ["confusion", "calibration", "roc"],
    "plot_mistakes": ["mistakes"],
    "plot_logistic_lasso": ["grid"],
    "plot_weights": ["weights"],
}
TABLES = {
    "mlp": ["training_log.csv", "learning_curves.parquet", "summary.txt", "weights.safetensors"],
    "logistic_lasso": ["coefficients.parquet", "grid.parquet"],
}


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A project after its first run, on one core, with that run."""

    def make(folder):
        dataset = small_images_dataset(small_images(folder / "rows", seed=1))
        config = {"build": ["rows"], "datasets": {"rows": dataset}, "models": small_models_of_classes()}
        project = Project(folder / "work", sketching_tree(folder / "tree"), config)
        run = project.run("--cores", "1")
        assert run.status == 0, run.text
        return project, run

    return made_once(tmp_path_factory, "workflow_images", make)


@pytest.fixture
def project(tmp_path, finished):
    """A project in an empty folder, with a config to change."""
    return Project(tmp_path / "work", finished[0].tree, copy.deepcopy(finished[0].config))


@pytest.fixture
def again(finished, project):
    """A copy of the finished project, with a config to change."""
    shutil.copytree(finished[0].folder, project.folder, dirs_exist_ok=True)
    return project


def test_makes_everything_and_nothing_else(finished):
    project, run = finished
    assert run.jobs == sorted(ALL_OF_IMAGES)
    made = contents(project.results)
    files = {f"raw/{name}" for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")}
    files |= {f"raw/{name}" for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")}
    files |= {"table.parquet", "splits/block_1.parquet", "splits/block_2.parquet"}
    files |= {"scores.parquet", "leaderboard.csv", "differences.csv", "timings.csv"}
    files |= {f"{name}.{ending}" for name in ("comparison", "differences") for ending in ("svg", "png")}
    for model, kind in MODELS_OF_IMAGES.items():
        tables = ["predictions.parquet", "scores.parquet", *TABLES[kind]]
        files |= {f"models/{model}/block_{block}/{name}" for block in (1, 2) for name in tables}
        for figure in [figure for rule in FIGURES_OF_IMAGES[model] for figure in FIGURES[rule]]:
            files |= {f"models/{model}/{figure}.{ending}" for ending in ("svg", "png")}
    results = {name for name in made if not name.startswith(("logs/", "manifest/"))}
    assert results == {"report.html"} | {f"rows/{name}" for name in files}
    assert project.left_behind == []


def test_models_see_what_is_in_the_images(finished):
    """Guessing is right on a third of the rows; the bright row makes the classes plain."""
    table = pq.read_table(finished[0].results / "rows" / "scores.parquet").to_pandas()
    means = table.groupby("model")["accuracy"].mean()
    assert (means[list(MODELS_OF_IMAGES)] > 0.6).all(), means
    assert 0.2 < means["null_model"] < 0.6


def test_report_shows_this_dataset(finished):
    page = (finished[0].results / "report.html").read_text(encoding="utf-8")
    for text in (
        "Made-up rows",
        "60 images to train on and 24 to test on",
        "accuracy",
        "95 % interval",
        *MODELS_OF_IMAGES,
    ):
        assert text in page
    assert "MAE" not in page
    figures = sum(len(FIGURES[rule]) for rules in FIGURES_OF_IMAGES.values() for rule in rules)
    assert page.count("data:image/svg+xml") == 2 + figures


def test_second_run_has_nothing_to_do(again):
    run = again.run()
    assert run.status == 0 and run.jobs == [], run.text


@pytest.mark.parametrize(
    ("cores", "target"),
    [
        pytest.param("2", "all", marks=pytest.mark.slow),
        pytest.param("4", "all", marks=pytest.mark.slow),
        # What is drawn of it, test_workflow.py draws on four cores.
        ("4", "results/rows/leaderboard.csv"),
    ],
)
def test_same_bytes_on_any_number_of_cores(finished, project, cores, target):
    run = project.run("--cores", cores, target)
    assert run.status == 0, run.text
    on_one, on_these = reproducible(finished[0]), reproducible(project)
    assert set(on_one) == set(on_these) if target == "all" else len(on_these) > 20
    assert [name for name in on_these if on_one[name] != on_these[name]] == []


def test_another_network_reruns_neither_the_regression_nor_the_table(again):
    before = reproducible(again)
    again.config["models"]["deep_net"]["dropout"] = [0.5]
    run = again.run()
    assert run.status == 0, run.text
    assert run.jobs == of_images("deep_net")
    changed = {name for name, data in reproducible(again).items() if before[name] != data}
    assert "rows/models/deep_net/block_1/weights.safetensors" in changed
    assert not any(model in name for model in ("linear_net", "sparse") for name in changed)


def test_a_file_that_was_cut_off_is_not_taken(project, tmp_path):
    source = tmp_path / "cut"
    shutil.copytree(project.config["datasets"]["rows"]["sources"][0]["file"], source)
    images = source / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-1])
    project.config["datasets"]["rows"]["sources"] = [{"file": str(source)}]
    run = project.run()
    said = [line for line in run.text.splitlines() if line.startswith("Error: ")]
    assert run.status == 1 and len(said) == 1 and "Traceback" not in run.text, run.text
    assert "train-images-idx3-ubyte" in run.text
    assert reproducible(project) == {}


def test_a_table_and_a_set_of_images_are_built_together(again, tmp_path):
    csv = small_csv(tmp_path / "trial.csv", seed=1)
    again.config["models"] |= small_models()
    again.config["datasets"]["trial"] = small_dataset(csv, models=["plain"])
    again.config["build"].append("trial")
    run = again.run()
    assert run.status == 0, run.text
    assert not [job for job in run.jobs if ".rows" in job]
    page = (again.results / "report.html").read_text(encoding="utf-8")
    for text in ("Made-up rows", "Strength of made-up beams", "MAE", "accuracy"):
        assert text in page


def test_blocks_of_splits_hold_the_given_rows(finished):
    for block, seed in ((1, 3), (2, 4)):
        table = pq.read_table(finished[0].results / "rows" / "splits" / f"block_{block}.parquet")
        assert table["seed"].to_pylist() == [seed]
        assert table["train"].to_pylist() == [list(range(60))]
        assert table["test"].to_pylist() == [list(range(60, 84))]
    images = np.array(
        pq.read_table(finished[0].results / "rows" / "table.parquet")["pixels"].to_pylist(), dtype=object
    )
    assert len(images) == 84 and all(len(image) == 36 for image in images)
