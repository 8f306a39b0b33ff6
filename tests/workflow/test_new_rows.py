"""`snakemake predict`: new rows with the models of all splits, of one, and with one of all rows."""

import csv

import numpy as np
import pandas as pd
import pytest
from support.data import small_csv, small_dataset, small_estimator, small_models
from support.runs import Project

MODELS = ("plain", "lasso_one", "net", "forest")
SPLITS = {
    "method": "random",
    "folds": 10,
    "test_share": 0.25,
    "seeds": {"first": 3, "last": 5},
    "block_size": 2,
}


@pytest.fixture
def project(tmp_path, sketching):
    """A table with models of several kinds on three splits, in two blocks; nothing is built. Its rows are the new ones."""
    table = small_csv(tmp_path / "trial.csv", seed=1)
    forest = small_estimator() | {"settings": {"n_estimators": 5}, "splits": 2}
    forest["search"] = forest["search"] | {"settings": {}}
    models = {name: (small_models() | {"forest": forest})[name] for name in MODELS}
    dataset = small_dataset(table, splits=SPLITS, models=[*models])
    project = Project(
        tmp_path / "work", sketching, {"build": ["trial"], "datasets": {"trial": dataset}, "models": models}
    )
    project.rows = str(table)
    return project


def predict(project, *asked):
    """Predicts the rows of the table, and reads what is predicted; gives the run, too."""
    to = project.folder / "out.csv"
    to.unlink(missing_ok=True)
    run = project.run("--cores", "1", "predict", "--config", f"rows={project.rows}", f"to={to}", *asked)
    assert run.status == 0, run.text
    with to.open(newline="", encoding="utf-8") as file:
        return run, np.array([float(record["predicted"]) for record in csv.DictReader(file)])


def stored(project, model, seed):
    """Reads what a model predicted of the test rows of a split, by their number."""
    files = (project.results / "trial" / "models" / model).glob("block_[0-9]*/predictions.parquet")
    found = pd.concat([pd.read_parquet(file) for file in files])
    return found[found["seed"] == seed].set_index("row")["predicted"]


# Networks and other kinds: tests/unit/test_importance.py has what their fits left predict.
@pytest.mark.parametrize("model", ["lasso_one", "forest"])
def test_new_rows_are_predicted_by_any_model(project, model):
    run, together = predict(project, f"model={model}")
    # What is needed for it is made first, and nothing else.
    blocks = ["1"] if model == "forest" else ["1", "2"]
    kind = {"plain": "linear", "lasso_one": "lasso", "net": "mlp", "forest": "sklearn"}[model]
    expected = [f"fit_{kind}.trial.{model}.{block}" for block in blocks] + [
        f"split.trial.{block}" for block in blocks
    ]
    assert sorted(run.jobs) == sorted(["fetch.trial", "predict", "preprocess.trial", *expected])
    seeds = [3, 4] if model == "forest" else [3, 4, 5]
    assert f"40 of 40 rows are predicted by {len(seeds)} models together" in run.text
    run, alone = predict(project, f"model={model}", f"fit={seeds[-1]}")
    assert run.jobs == ["predict"]
    known = stored(project, model, seeds[-1])
    # Networks are of single precision.
    np.testing.assert_allclose(alone[known.index], known, rtol=1e-5 if model == "net" else 1e-12)
    assert not np.allclose(alone, together)


def test_one_fit_to_all_rows_is_made_once_and_stands_in_no_comparison(project):
    comparison = ("--cores", "1", "results/trial/leaderboard.csv")
    assert project.run(*comparison).status == 0
    board = (project.results / "trial" / "leaderboard.csv").read_bytes()
    run, found = predict(project, "model=plain", "fit=all_rows")
    assert run.jobs == ["fit_linear.trial.plain.all_rows", "predict", "split.trial.all_rows"]
    table = pd.read_parquet(project.results / "trial" / "table.parquet")
    X = np.column_stack([np.ones(len(table)), table.drop(columns="strength").to_numpy(dtype=float)])
    fitted = X @ np.linalg.lstsq(X, table["strength"], rcond=None)[0]
    np.testing.assert_allclose(found, fitted, rtol=1e-9)
    run = project.run(*comparison)
    assert run.status == 0 and run.jobs == [], run.text
    assert (project.results / "trial" / "leaderboard.csv").read_bytes() == board
    run, again = predict(project, "model=plain", "fit=all_rows")
    assert run.jobs == ["predict"] and (again == found).all()
    # It is made again when what it stands on changes.
    project.config["datasets"]["trial"]["columns"] = {"heat": "ignore"}
    run, _ = predict(project, "model=plain", "fit=all_rows")
    assert "fit_linear.trial.plain.all_rows" in run.jobs


def test_what_is_missing_in_the_request_is_said(project):
    """Before anything is fitted for it."""
    for (command, *asked), said in {
        ("predict",): "Say which rows and which model: snakemake predict --config rows=FILE model=NAME",
        ("predict", "model=plain"): "Say which rows and which model",
        ("predict", "rows=new.csv"): "Say which model is to predict, as model=plain",
        ("predict", "rows=new.csv", "model=lasso_oen"): "did you mean lasso_one?",
        ("export", "model=plain", "rows=new.csv"): "Say which model: snakemake export --config model=NAME",
        ("export", "model=forest"): "Only linear models and networks can be written as ONNX",
    }.items():
        run = project.run("--cores", "1", command, *(["--config", *asked] if asked else []))
        assert run.status == 1 and said in run.text, run.text
        assert "Traceback" not in run.text and set(run.jobs) <= {command}
