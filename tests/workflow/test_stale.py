"""What is made again and why: the words of the reasons, and dry runs beside a small finished run."""

import copy
import json
import re

import pytest
import snakemake.api
from support.runs import Project, snakemake
from support.tree import contents, second_tree

from lineup.ledger.recorded_job import NAMED, RecordedJob, reasons
from lineup.ledger.stale import HEAD

NOTICE = "Without the settings of profiles/default, more is made again than has to be"
COMPARISON = ["compare.trial", "plot_comparison.trial", "report"]
FITS = ["fit_lasso.trial.lasso_one.1", "fit_linear.trial.plain.1"]
PLOTS = ["plot_lasso.trial.lasso_one", "plot_linear.trial.plain"]
AFTER_SPLIT = sorted([*COMPARISON, *FITS, *PLOTS, "timings.trial"])


def made(rule, *causes, name="x"):
    return RecordedJob(
        f"{rule} {name}", rule, f"{rule}.{name}.json", {}, frozenset(), frozenset(), list(causes)
    )


def test_no_job_needs_no_line():
    assert reasons([]) == []


def test_a_line_has_all_jobs_with_the_same_causes():
    lines = reasons(
        [
            made("fit", "a was 1, is 2", "b has changed"),
            made("plot", "b has changed"),
            made("fit", "a was 1, is 2", "b has changed", name="y"),
            made("draw", "a was 1, is 2", "b has changed"),
            made("fit", "b has changed", "a was 1, is 2", name="z"),
        ]
    )
    assert lines == [
        "fit x, fit y, draw x: a was 1, is 2; b has changed",
        "plot x: b has changed",
        "fit z: b has changed; a was 1, is 2",
    ]


def test_many_jobs_of_a_rule_are_counted():
    jobs = [made("fit", "torch was 1, is 2", name=str(number)) for number in range(NAMED)]
    assert reasons(jobs) == [", ".join(f"fit {number}" for number in range(NAMED)) + ": torch was 1, is 2"]
    jobs += [made("fit", "torch was 1, is 2", name="more"), made("plot", "torch was 1, is 2")]
    assert reasons(jobs) == [f"fit ({NAMED + 1} jobs), plot x: torch was 1, is 2"]


# Dry runs


def told(run):
    """Gives the reasons that a run printed, and None if it printed none."""
    assert run.text.count(HEAD) <= 1
    found = re.search(rf"^{HEAD}\n((?:  \S.*\n)+)", run.text, re.MULTILINE)
    assert bool(found) == (HEAD in run.text), run.text
    return [line.strip() for line in found[1].splitlines()] if found else None


@pytest.fixture
def dry(small_again):
    """Gives a function that makes a dry run, which must not change any result."""

    def run(*options):
        before = contents(small_again.results)
        planned = small_again.run("--dry-run", *options)
        assert planned.status == 0, planned.text
        assert contents(small_again.results) == before
        return planned

    return run


def record_of(project, job):
    return project.results / "manifest" / f"{job}.json"


def test_nothing_stale_has_no_reasons(dry):
    run = dry()
    assert told(run) is None and run.jobs == [] and NOTICE not in run.text


def test_the_causes_are_told_and_what_stands_on_them_is_planned(small_again, dry):
    small_again.config["models"]["lasso_one"]["folds"]["number"] = 4
    (small_again.results / "trial" / "comparison.png").write_bytes(b"x")
    size = (small_again.results / "trial" / "models" / "plain" / "predictions.svg").stat().st_size
    with (small_again.results / "trial" / "models" / "plain" / "predictions.svg").open("r+b") as file:
        file.truncate(size - 1)
    run = dry()
    lines = told(run)
    assert "fit_lasso trial.lasso_one.1: folds.number was 3, is 4" in lines
    cut = f"results/trial/models/plain/predictions.svg was cut off: it has {size - 1:,} of {size:,} bytes"
    assert f"plot_linear trial.plain: {cut}" in lines
    (comparison,) = (line for line in lines if line.startswith("plot_comparison trial: "))
    assert comparison.startswith(
        "plot_comparison trial: results/trial/comparison.png was cut off: it has 1 of "
    )
    # The report shows the settings, and Snakemake alone would tell the same of it.
    assert [line for line in lines if line.startswith("report")] == [
        "report: models.lasso_one.folds.number was 3, is 4"
    ]
    assert len(lines) == 4
    planned = ["fit_lasso.trial.lasso_one.1", *PLOTS, *COMPARISON, "timings.trial"]
    assert run.jobs == sorted(planned)


def test_a_target_has_the_reasons_of_what_it_stands_on(small_again, dry):
    small_again.config["models"]["lasso_one"]["folds"]["number"] = 4
    (small_again.results / "trial" / "comparison.png").write_bytes(b"x")
    lasso = "fit_lasso trial.lasso_one.1: folds.number was 3, is 4"
    run = dry("results/trial/models/lasso_one/block_1/scores.parquet")
    assert (told(run), run.jobs) == ([lasso], ["fit_lasso.trial.lasso_one.1"])
    run = dry("results/trial/models/plain/block_1/scores.parquet")
    assert (told(run), run.jobs) == (None, [])
    run = dry("results/trial/leaderboard.csv")
    assert (told(run), run.jobs) == ([lasso], ["compare.trial", "fit_lasso.trial.lasso_one.1"])
    lines = told(dry("results/trial/comparison.svg"))
    assert len(lines) == 2 and lasso in lines


def test_without_the_profile_one_line_says_so(dry):
    run = dry("--workflow-profile", "none", "--cores", "1")
    assert [line for line in run.text.splitlines() if NOTICE in line] == [
        f"{NOTICE}: touched scripts and touched results count as changed."
    ]
    assert run.jobs == []


def test_without_the_profile_nothing_stale_is_missed(small_again, dry):
    small_again.config["models"]["lasso_one"]["folds"]["number"] = 4
    (small_again.results / "trial" / "splits" / "block_1.parquet").write_bytes(b"x")
    run = dry("--workflow-profile", "none", "--cores", "1")
    assert run.jobs == sorted(["split.trial.1", *AFTER_SPLIT])
    assert len(told(run)) == 3


def test_a_result_without_a_record_is_made_again(small_again, dry):
    record_of(small_again, "compare/trial").unlink()
    run = dry()
    assert run.jobs == COMPARISON
    assert told(run) is None  # Snakemake says that a file is missing


def test_a_record_that_cannot_be_read_is_none(small_again, dry):
    path = record_of(small_again, "compare/trial")
    path.write_bytes(path.read_bytes()[:100])
    run = dry()
    assert told(run) == ["compare trial: its record cannot be read"]
    assert run.jobs == COMPARISON


def test_an_input_that_is_another_file_is_told(small_again, dry):
    """As after results of two folders were mixed: each file is as some job made it."""
    path = record_of(small_again, "compare/trial")
    record = json.loads(path.read_text(encoding="utf-8"))
    record["inputs"]["results/trial/splits/block_1.parquet"] = "0" * 64
    path.write_text(json.dumps(record), encoding="utf-8")
    run = dry()
    assert told(run) == [
        "compare trial: results/trial/splits/block_1.parquet is not the file that it was made of"
    ]
    assert run.jobs == COMPARISON


def test_what_stands_on_a_damaged_file_is_not_told_twice(small_again, dry):
    (small_again.results / "trial" / "splits" / "block_1.parquet").write_bytes(b"x" * 100_000)
    run = dry()
    assert told(run) == ["split trial.1: results/trial/splits/block_1.parquet was changed after it was made"]
    assert run.jobs == sorted(["split.trial.1", *AFTER_SPLIT])


def test_a_damaged_first_file_is_fetched_again(small_again, small_run):
    raw = small_again.results / "trial" / "raw.data"
    good = raw.read_bytes()
    raw.write_bytes(good.replace(b"1", b"2", 1))
    run = small_again.run()
    assert run.status == 0, run.text
    assert told(run) == ["fetch trial: results/trial/raw.data was changed after it was made"]
    assert "fetch.trial" in run.jobs
    assert raw.read_bytes() == good
    for name in ("trial/table.parquet", "trial/leaderboard.csv", "report.html"):
        assert contents(small_again.results)[name] == contents(small_run.results)[name], name
    assert small_again.dry_run().jobs == []


def test_a_missing_file_that_nothing_needs_any_more_is_made_again(small_again, dry):
    (small_again.results / "trial" / "models" / "lasso_one" / "block_1" / "coefficients.parquet").unlink()
    run = dry()
    missing = "results/trial/models/lasso_one/block_1/coefficients.parquet is missing"
    assert told(run) == [f"fit_lasso trial.lasso_one.1: {missing}"]
    assert "fit_lasso.trial.lasso_one.1" in run.jobs and "fit_linear.trial.plain.1" not in run.jobs


@pytest.mark.parametrize("described", [False, True])
def test_what_the_config_no_longer_names_has_no_reasons(small_again, dry, described):
    small_again.config["datasets"]["trial"]["models"].remove("lasso_one")
    if not described:
        del small_again.config["models"]["lasso_one"]
    (small_again.results / "trial" / "models" / "lasso_one" / "block_1" / "scores.parquet").write_bytes(b"x")
    run = dry()
    assert run.jobs == sorted([*COMPARISON, "timings.trial"])
    assert not [line for line in told(run) if line.startswith(("fit_lasso", "plot_lasso"))]


def test_records_of_rules_that_are_gone_do_no_harm(small_again, dry):
    good = record_of(small_again, "compare/trial").read_text(encoding="utf-8")
    for job in ("gone/trial", "verify/trial", "compare/other", "compare/a.b.c", "fit_mlp/trial.plain.1"):
        path = record_of(small_again, job)
        path.parent.mkdir(exist_ok=True)
        path.write_text(good, encoding="utf-8")
    run = dry()
    assert told(run) is None and run.jobs == []


def test_edited_code_and_another_library_are_told(small_again, dry, tmp_path):
    small_again.tree = second_tree(small_again.tree, tmp_path / "tree")
    path = small_again.tree / "scripts" / "fit_lasso.py"
    text = path.read_text(encoding="utf-8")
    path.write_text(f"{text}\nprint()\n", encoding="utf-8")
    record = record_of(small_again, "fit_linear/trial.plain.1")
    written = json.loads(record.read_text(encoding="utf-8"))
    current = written["specification"]["libraries"]["numpy"]
    written["specification"]["libraries"]["numpy"] = "1.0"
    record.write_text(json.dumps(written), encoding="utf-8")
    assert told(dry("--", *("results/trial/scores.parquet",))) == [
        "fit_lasso trial.lasso_one.1: scripts/fit_lasso.py has changed",
        f"fit_linear trial.plain.1: numpy was 1.0, is {current}",
    ]


@pytest.mark.parametrize("file", ["scripts/compare.py", "lineup/data/tables.py"])
def test_a_script_that_is_not_python_ends_the_plan_with_a_sentence(small_again, tmp_path, file):
    small_again.tree = second_tree(small_again.tree, tmp_path / "tree")
    with (small_again.tree / file).open("a", encoding="utf-8") as stream:
        stream.write("\nif\n")
    run = small_again.dry_run()
    assert run.status == 1
    assert re.search(rf"{file}, line \d+, is not valid Python: ", run.text)
    assert "Traceback" not in run.text


def test_a_dry_run_beside_an_empty_folder_says_nothing(small_run, tmp_path):
    fresh = copy.copy(small_run)
    fresh.folder = tmp_path / "fresh"
    fresh.__post_init__()
    run = fresh.dry_run()
    assert run.status == 0 and told(run) is None
    assert run.jobs == sorted(["fetch.trial", "preprocess.trial", "split.trial.1", *AFTER_SPLIT])
    assert not fresh.results.exists()


def test_another_package_of_the_name_is_refused_before_it_runs(small_again, tmp_path):
    """As where PYTHONPATH names another clone: a job would run its code, and the plan would have looked at ours."""
    other = tmp_path / "clone" / "lineup"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("raise SystemExit(9)\n", encoding="utf-8")
    command = small_again.command("--dry-run")
    run = snakemake(*command, cwd=small_again.folder.parent, PYTHONPATH=str(tmp_path / "clone"))
    assert run.status == 1 and "Traceback" not in run.text
    sentence = f"Python finds another package lineup before the one of this project, in {other}"
    assert run.text.count(sentence) == 1 and "This run changed nothing." in run.text
    own = snakemake(*command, cwd=small_again.folder.parent, PYTHONPATH=str(small_again.tree))
    assert own.status == 0, own.text


def test_code_that_cannot_be_followed_is_refused_with_its_place(small_again, tmp_path):
    tree = second_tree(small_again.tree, tmp_path / "tree")
    path = tree / "lineup" / "figures" / "style.py"
    path.write_text(
        path.read_text(encoding="utf-8") + "\n\nexec(__import__('co' + 'lours').TEXT)\n", encoding="utf-8"
    )
    project = Project(tmp_path / "work", tree, small_again.config)
    look = project.dry_run()
    line = len(path.read_text(encoding="utf-8").splitlines())
    assert look.status == 1 and "Traceback" not in look.text
    assert (
        f"lineup/figures/style.py, line {line}, imports a module by a name that is known only when"
        in look.text
    )


def test_what_would_be_made_of_the_same_bytes_is_spared(small_again):
    before = contents(small_again.results)
    record_of(small_again, "preprocess/trial").unlink()
    run = small_again.run()
    assert run.status == 0 and run.jobs == ["preprocess.trial"]
    spared = len([*AFTER_SPLIT, "split.trial.1"])
    assert f"{spared} jobs were spared, since all that they are made of came out as it was." in run.text
    after = contents(small_again.results)
    assert {name for name in before if after.get(name) != before[name]} <= {
        "manifest/preprocess/trial.json",
        "logs/preprocess/trial.log",
    }


@pytest.mark.parametrize("options", [("--forceall",), ("--forcerun", "fit_linear"), ("--touch",)])
def test_what_is_asked_for_is_not_spared(small_again, options):
    run = small_again.run("--cores", "2", *options)
    assert run.status == 0, run.text
    asked = {
        "--forceall": {*AFTER_SPLIT, "split.trial.1"},
        "--forcerun": {"fit_linear.trial.plain.1"},
        "--touch": set(),
    }
    assert asked[options[0]] <= {*run.jobs}
    assert small_again.dry_run().jobs == []


def test_a_run_that_is_stopped_between_two_plans_goes_on_where_it_was(small_again):
    """The first job is done, and the rest was neither run nor spared: as after a kill at that moment."""
    record_of(small_again, "preprocess/trial").unlink()
    run = small_again.run("--cores", "2", "--until", "preprocess")
    assert run.status == 0 and run.jobs == ["preprocess.trial"]
    assert small_again.dry_run().jobs == []
