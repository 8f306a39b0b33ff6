"""A table of one's own: a file and a target are enough."""

import csv
import os

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from support.data import small_csv, small_csv_of_classes
from support.runs import Project
from support.tree import ROOT

PLAIN = ["--cores", "2"]
ALL = {"fetch", "preprocess", "split", "compare", "plot_comparison", "report", "timings"}
ALL |= {f"{what}_{kind}" for what in ("fit", "plot") for kind in ("linear", "ridge", "lasso")}


@pytest.fixture(scope="module")
def mine(tmp_path_factory, sketching):
    """A project of two lines, after its first run."""
    folder = tmp_path_factory.mktemp("mine") / "work"
    folder.mkdir()
    small_csv(folder / "mine.csv", seed=1, rows=60)
    config = {"build": ["mine"], "datasets": {"mine": {"file": "mine.csv", "target": "strength"}}}
    config["datasets"]["mine"]["splits"] = {"seeds": [1, 2]}
    project = Project(folder, sketching, config)
    run = project.run(*PLAIN)
    assert run.status == 0, run.text
    assert {job.split(".")[0] for job in run.jobs} == ALL
    return project


def test_the_page_shows_what_holds(mine):
    page = (mine.results / "report.html").read_text(encoding="utf-8")
    for written in ("file: mine.csv", "missing_features: drop", "test_share: 0.25"):
        assert written in page
    board = (mine.results / "mine" / "leaderboard.csv").read_text(encoding="utf-8")
    assert {line.split(",")[0] for line in board.splitlines()[1:]} == {
        "least_squares",
        "ridge",
        "lasso",
        "null_model",
    }


def test_a_default_that_is_written_out_runs_nothing(mine):
    again = yaml.safe_load(yaml.safe_dump(mine.config))
    again["datasets"]["mine"] |= {"reference": "least_squares", "missing_target": "drop", "title": "mine"}
    again["models"] = {"ridge": {"kind": "ridge", "standardize": True, "folds": {"seed": 1}}}
    assert Project(mine.folder, mine.tree, again).dry_run().jobs == []


def test_a_change_of_the_file_is_a_change_of_the_data(mine):
    file = mine.folder / "mine.csv"
    before = file.read_bytes()
    os.utime(file)
    assert mine.dry_run().jobs == []
    file.write_bytes(before.replace(b"\n", b"\n", 1) + before.splitlines()[1] + b"\n")
    run = mine.dry_run()
    assert {job.split(".")[0] for job in run.jobs} == ALL and "sha256 was" in run.text
    file.unlink()
    run = mine.dry_run()
    assert run.status == 1 and "datasets.mine.file is 'mine.csv', and there is no such file in " in run.text
    assert "Traceback" not in run.text
    file.write_bytes(before)
    assert mine.dry_run().jobs == []


OFFICE = [
    "Verkauf 2024",
    "",
    "Kunden-Nr;Datum;Region;Größe (m²);Preis;Filiale;<script>alert(1)</script>;../../x;Umsatz",
]
for row in range(90):
    size, price = 20 + row * 37 % 91, 900 + row * 53 % 97
    OFFICE.append(
        f"{1000 + row};{1 + row % 28:02}.{1 + row % 12:02}.2024;{('Süd', '=cmd()', '$x_1$', chr(0x5D0))[row % 4]};"
        f"{'?' if row == 7 else f'{size},5'};{price},25 €;{row * row % 9:03};{'ab'[row % 2]};{row % 5};"
        f"{(size * price) // 1000}.{(size * price) % 1000:03},{row % 90 + 10}"
    )


@pytest.fixture
def office(tmp_path):
    """A table as offices have them, with names and values that mean something in HTML, shells, TeX and spreadsheets."""
    folder = tmp_path / "office"
    folder.mkdir()
    (folder / "office.csv").write_bytes("\r\n".join(OFFICE).encode("utf-8"))
    dataset = {
        "file": "office.csv",
        "target": "Umsatz",
        "splits": {"seeds": [1, 2]},
        "models": ["least_squares", "lasso"],
    }
    return Project(folder, ROOT, {"build": ["office"], "datasets": {"office": dataset}})


def test_a_table_of_an_office_goes_through(office):
    run = office.run(*PLAIN)
    assert run.status == 0, run.text
    told = "office.csv: Column 'Kunden-Nr' is left out, as an identifier"
    log = (office.results / "logs" / "preprocess" / "office.log").read_text(encoding="utf-8")
    page = (office.results / "report.html").read_text(encoding="utf-8")
    assert f"Warning: {told}" in run.text and told in log and "Kunden-Nr&#39; is left out" in page
    assert page.count("<script>") == 1 and "Traceback" not in run.text
    assert "The report is results/report.html." in run.text
    assert "The report is" not in office.run(*PLAIN, "results/office/table.parquet").text
    coefficients = office.results / "office" / "models" / "least_squares" / "block_1" / "coefficients.parquet"
    terms = set(pq.read_table(coefficients)["term"].to_pylist())
    assert {
        "(intercept)",
        "Datum.days",
        "Region[Süd]",
        "Größe (m²)",
        "Preis",
        "Filiale[001]",
        "../../x",
    } <= terms
    assert {"Datum.month[Feb]", "<script>alert(1)</script>[b]"} <= terms and not terms & {
        "Kunden-Nr",
        "Datum.hour",
    }
    again = Project(office.folder, ROOT, yaml.safe_load(yaml.safe_dump(office.config)))
    again.config["datasets"]["office"]["columns"] = {"Filiale": "number"}
    planned = again.dry_run()
    assert "preprocess.office" in planned.jobs and "fetch.office" not in planned.jobs
    assert "columns.Filiale was not set, is number" in planned.text


HOSTILE = [
    "<img src=x onerror=alert(1)>", 'a "quoted" name', "line\nbreak", "../../etc/passwd", r"$\frac{1}{0}$", "\u202ertl \u05d0",
    "{{ 7*7 }}", "big", "y",
]  # fmt: skip


def test_a_hostile_table_goes_through(office):
    """Nothing of it is obeyed: not as HTML, template, TeX, path or formula."""
    chance = np.random.default_rng(2)
    with (office.folder / "hostile.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HOSTILE)
        for row in range(60):
            a, b, c, d, e = (f"{number:.3f}" for number in chance.normal(size=5))
            words = ["=cmd()|' /C calc'!A0", "<b>x</b>", "{{ config }}"][row % 3], ["$x$", "%(a)s"][row % 2]
            big = "1e308" if row == 3 else f"{chance.random():.3f}e307"
            writer.writerow(
                [a, words[0], b, c, words[1], d, "NaN" if row == 5 else e, big, f"{float(a) + float(b):.4f}"]
            )
    dataset = office.config["datasets"].pop("office")
    dataset |= {
        "file": "hostile.csv",
        "target": "y",
        "missing_features": "impute",
        "title": "<script>alert(1)</script> $x$",
    }
    office.config |= {"build": ["hostile"], "datasets": {"hostile": dataset | {"target_unit": "<u> $"}}}
    run = office.run(*PLAIN)
    assert run.status == 0 and "Traceback" not in run.text, run.text
    page = (office.results / "report.html").read_text(encoding="utf-8")
    assert page.count("<script>") == 1 and "<img src=x" not in page and "<u>" not in page
    coefficients = office.results / "hostile" / "models" / "lasso" / "block_1" / "coefficients.parquet"
    terms = set(pq.read_table(coefficients)["term"].to_pylist())
    assert {
        HOSTILE[0],
        HOSTILE[2],
        HOSTILE[3],
        HOSTILE[5],
        HOSTILE[6],
        "big / 1e308",
        f"{HOSTILE[6]}[missing]",
    } <= terms
    assert not list(office.folder.parent.glob("**/passwd"))


def test_gaps_are_filled_in_each_split(office):
    office.config["datasets"]["office"]["missing_features"] = "impute"
    run = office.run(*PLAIN, "--until", "compare")
    assert run.status == 0, run.text
    assert "90 of 90 rows kept" in (office.results / "logs" / "preprocess" / "office.log").read_text(
        encoding="utf-8"
    )
    table = pq.read_table(office.results / "office" / "table.parquet")
    assert table["Größe (m²)"].null_count == 1 and sum(table["Größe (m²)[missing]"].to_pylist()) == 1
    predictions = office.results / "office" / "models" / "lasso" / "block_1" / "predictions.parquet"
    assert np.isfinite(pq.read_table(predictions)["predicted"].to_numpy()).all()


METHODS = {
    "groups": (
        ["least_squares", "ridge", "lasso", "net"],
        {"Filiale": "group"},
        {"seeds": {"first": 1, "last": 6}},
        "in groups of Filiale|groups of Filiale is held out",
    ),
    "time": (
        ["lasso", "net"],
        {"Datum": "time"},
        {"method": "time", "test_share": 0.2, "seeds": [1, 2]},
        "by <b>Datum</b>, and trains on all",
    ),
    "folds": (
        ["least_squares", "ridge"],
        {},
        {"method": "k_fold", "folds": 4, "seeds": {"first": 1, "last": 4}},
        "folds of 4-fold cross-validation",
    ),
}


@pytest.mark.parametrize(("models", "columns", "splits", "said"), METHODS.values(), ids=METHODS)
def test_splits_of_each_method_go_through_the_models(office, sketching, models, columns, splits, said):
    """Their sizes differ from split to split, also where networks are trained side by side."""
    office.tree = sketching
    network = {"kind": "mlp", "hidden": [4], "epochs": 2, "accelerator": "cpu"}
    office.config["models"] = {"net": network}
    dataset = office.config["datasets"]["office"]
    dataset |= {"columns": columns, "splits": splits, "models": models, "reference": models[0]}
    dataset |= {"missing_features": "impute"}
    run = office.run(*PLAIN)
    assert run.status == 0, run.text
    table = pq.read_table(office.results / "office" / "table.parquet")
    drawn = pq.read_table(office.results / "office" / "splits" / "block_1.parquet")
    sizes = {len(test) for test in drawn["test"].to_pylist()}
    assert len(sizes) > 1 or ("method" in splits and splits["method"] == "time")
    for train, test in zip(drawn["train"].to_pylist(), drawn["test"].to_pylist(), strict=True):
        for column, role in columns.items():
            values = table[f"({role})"].to_numpy()
            assert any(name.startswith(column) for name in table.column_names) == (role == "time")
            if role == "group":
                assert not set(values[train]) & set(values[test])
            else:
                assert max(values[train]) < min(values[test])
    for model in dataset["models"]:
        predictions = pq.read_table(
            office.results / "office" / "models" / model / "block_1" / "predictions.parquet"
        )
        assert predictions["row"].to_pylist() == [row for test in drawn["test"].to_pylist() for row in test]
    page = (office.results / "report.html").read_text(encoding="utf-8")
    assert any(part in page for part in said.split("|"))


def test_a_table_is_described_before_it_is_used(office):
    run = office.run("--cores", "1", "describe", "--config", "file=office.csv", "target=Umsatz")
    assert run.status == 0, run.text
    for line in (
        "    reading: {encoding: utf-8, header: true, separator: ;, skip_lines: 2, decimal: ','}",
        "      Datum: date ",
    ):
        assert line in run.text
    run = office.run("--cores", "1", "describe")
    assert run.status == 1 and "Say which file: snakemake describe --config file=PATH" in run.text


def test_a_name_that_is_not_in_the_file_is_told_before_anything_runs(office):
    office.config["datasets"]["office"]["target"] = "Umsaz"
    run = office.run(*PLAIN)
    assert (
        run.status == 1 and "office.csv has no column 'Umsaz', the target: did you mean 'Umsatz'?" in run.text
    )
    assert not run.jobs and "Traceback" not in run.text


def test_a_folder_is_a_table_whose_files_all_count(tmp_path):
    folder = tmp_path / "work"
    (folder / "rows").mkdir(parents=True)
    small_csv(folder / "rows" / "a.csv", seed=1, rows=40)
    small_csv(folder / "rows" / "b.csv", seed=2, rows=20)
    (folder / "rows" / "_written").touch()
    dataset = {"file": "rows", "target": "strength", "splits": {"seeds": [1]}, "models": ["least_squares"]}
    project = Project(folder, ROOT, {"build": ["mine"], "datasets": {"mine": dataset}})
    table = "results/mine/table.parquet"
    run = project.run(*PLAIN, table)
    assert run.status == 0 and pq.read_metadata(folder / table).num_rows == 60, run.text
    assert "2 files" in (folder / "results" / "logs" / "preprocess" / "mine.log").read_text(encoding="utf-8")
    assert project.run("--dry-run", table).jobs == []
    os.utime(folder / "rows" / "a.csv")
    (folder / "rows" / ".hidden").write_text("x", encoding="utf-8")
    assert project.run("--dry-run", table).jobs == []
    small_csv(folder / "rows" / "c.csv", seed=3, rows=9)
    assert project.run("--dry-run", table).jobs == ["fetch.mine", "preprocess.mine"]
    (folder / "rows" / "c.csv").unlink()
    (folder / "rows" / "b.csv").rename(folder / "rows" / "d.csv")
    assert "fetch.mine" in project.run("--dry-run", table).jobs
    (folder / "rows" / "inner").mkdir()
    run = project.run("--dry-run", table)
    assert run.status == 1 and "rows holds the folder inner: put the files" in run.text


def test_a_mistake_in_the_config_is_told_to_who_asked_for_silence(office):
    office.config["datasets"]["office"]["goal"] = "x"
    run = office.run(*PLAIN, "--quiet", "all")
    assert run.status == 1 and "Error: In the config, datasets.office.goal is not a known key" in run.text


def test_a_target_of_words_is_a_classification(tmp_path, sketching):
    """A file and a target, nothing else: found out, stratified, ranked by the log loss, and shown with the shares."""
    small_csv_of_classes(tmp_path / "grades.csv", seed=1, rows=80)
    block = {"file": "grades.csv", "target": "grade", "splits": {"seeds": [1, 2, 3]}}
    models = {"logistic_lasso": {"kind": "logistic_lasso", "penalties": {"number": 6}}}
    models["net"] = {"kind": "mlp", "hidden": [4], "epochs": 3, "accelerator": "cpu"}
    block["models"] = ["logistic", "logistic_lasso", "net"]
    project = Project(tmp_path, sketching, {"build": ["mine"], "datasets": {"mine": block}, "models": models})
    run = project.run(*PLAIN)
    assert run.status == 0, run.text
    assert "class 'odd' of 'grade' are left out, 1 in all" in run.text
    rules = {job.split(".")[0] for job in run.jobs}
    assert {
        "fit_logistic",
        "fit_logistic_lasso",
        "plot_coefficients",
        "plot_classifier",
        "plot_training",
    } <= rules
    assert not {"plot_weights", "plot_mistakes"} & rules
    with (project.results / "mine" / "leaderboard.csv").open(encoding="utf-8") as file:
        board = {record["model"]: record for record in csv.DictReader(file)}
    assert min(board, key=lambda model: float(board[model]["log_loss"])) == next(iter(board)) != "null_model"
    assert float(board["null_model"]["auc"]) == 0.5 < float(board["logistic"]["auc"])
    page = " ".join((project.results / "report.html").read_text(encoding="utf-8").split())
    assert "one of 2 classes: bad " in page and "%, the positive one." in page
    assert "null_model: frequencies" in page and "threshold: 0.5" in page
    assert project.dry_run().jobs == []
    positive = block | {"positive": "bad"}
    other = Project(tmp_path, sketching, project.config | {"datasets": {"mine": positive}})
    assert "positive was" in other.dry_run().text


def test_the_task_can_be_told(tmp_path, sketching):
    """Words for a regression are refused before anything runs, and numbers are classes where it is told."""
    small_csv_of_classes(tmp_path / "grades.csv", seed=1)
    block = {"file": "grades.csv", "target": "grade", "task": "regression", "splits": {"seeds": [1]}}
    project = Project(tmp_path, sketching, {"build": ["mine"], "datasets": {"mine": block}})
    run = project.run(*PLAIN)
    assert run.status != 0 and "in column 'grade', row 1, which has to be a number" in run.text
    assert "or, if the target has classes, set task: classification" in run.text
    text = (tmp_path / "grades.csv").read_text(encoding="utf-8")
    for word, number in (("good", "1"), ("bad", "0"), ("odd", "1")):
        text = text.replace(f",{word}\n", f",{number}\n")
    (tmp_path / "grades.csv").write_text(text, encoding="utf-8")
    planned = {job.split(".")[0] for job in project.dry_run().jobs}
    assert "fit_linear" in planned
    told = Project(
        tmp_path, sketching, project.config | {"datasets": {"mine": block | {"task": "classification"}}}
    )
    assert {"fit_logistic", "fit_logistic_lasso"} <= {job.split(".")[0] for job in told.dry_run().jobs}
