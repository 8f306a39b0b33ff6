"""`snakemake forecast`, and what a dry run says of the time."""

import re

from support.data import small_csv, small_dataset, small_models
from support.runs import Project


def test_a_few_splits_are_tried_where_nothing_is_known(tmp_path, sketching):
    table = small_csv(tmp_path / "trial.csv", seed=1)
    models = {name: small_models()[name] for name in ("plain", "lasso_one")}
    models["lasso_one"]["splits"] = 5
    splits = {
        "method": "random",
        "folds": 10,
        "test_share": 0.25,
        "seeds": {"first": 3, "last": 14},
        "block_size": 10,
    }
    dataset = small_dataset(table, splits=splits, models=[*models])
    project = Project(
        tmp_path / "work", sketching, {"build": ["trial"], "datasets": {"trial": dataset}, "models": models}
    )
    run = project.run("--cores", "1", "forecast")
    assert run.status == 0, run.text
    # Of 5 splits no 10 can be tried.
    tried = [
        "fit_lasso.trial.lasso_one.tried_1",
        "fit_linear.trial.plain.tried_1",
        "fit_linear.trial.plain.tried_10",
    ]
    assert [job for job in run.jobs if job.startswith("fit")] == tried
    assert re.search(r"trial +plain +12 +2 +[\d.]+ s +\d+ MiB  1 and 10 splits, tried\n", run.text), run.text
    assert re.search(r"trial +lasso_one +5 +1 +[\d.]+ s +\d+ MiB  1 split, tried\n", run.text), run.text
    assert "All fits: " in run.text and "with 1 core." in run.text
    # They are tried once, and no result is made of them.
    assert project.run("--cores", "1", "forecast").jobs == ["forecast"]
    board = ("--cores", "1", "results/trial/leaderboard.csv")
    run = project.run(*board)
    assert run.status == 0 and len([job for job in run.jobs if job.startswith("fit")]) == 3, run.text
    run = project.run("--cores", "1", "forecast")
    assert run.jobs == ["forecast"] and run.text.count("its records") == 2, run.text
    project.config["models"]["lasso_one"]["tolerance"] = 1e-6
    run = project.run("--dry-run", *board)
    assert re.search(
        r"Forecast, by the records of before: [\d.]+ s of processor time for \d jobs, and at most \d+ MiB",
        run.text,
    )
    assert re.search(
        r"^ +[\d.]+ s +\d+ MiB  fit_lasso trial\.lasso_one\.1_first_5$", run.text, re.MULTILINE
    ), run.text
    assert "there is no record" not in run.text
