"""What is said of two manifests: which scores differ, and why."""

import json
import shutil

import pytest
from support.changes import edit, model
from support.runs import Project
from support.tree import second_tree

from lineup.errors import InputError
from lineup.ledger.explanation import explain, read_manifest

LASSO = "fit_lasso trial.lasso_one.1"


@pytest.fixture
def kept(small_again, tmp_path):
    """A copy of the results of the project that was kept aside."""
    return str(shutil.copytree(small_again.results, tmp_path / "before"))


def told(before, after):
    """Gives what is said under each heading."""
    found = {}
    for line in explain(read_manifest(str(before)), read_manifest(str(after))):
        if line.startswith("  "):
            [*found.values()][-1].append(line.strip())
        else:
            found[line] = []
    return found


def change_records(project, rule, change):
    """Changes the records of a rule."""
    for path in (project.results / "manifest" / rule).glob("*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        change(record)
        path.write_text(json.dumps(record), encoding="utf-8")


SAME = ["trial: all are the same"]
NOTHING = ["nothing"]


def test_of_equal_results_nothing_is_said(small_again, kept):
    assert told(kept, small_again.results) == {
        "Scores:": SAME,
        "Changed, and so are the results:": NOTHING,
        "Changed, and the results are the same:": NOTHING,
    }


def test_a_setting_and_a_function_are_named_with_the_scores_that_they_change(small_again, kept, tmp_path):
    project = Project(
        small_again.folder, second_tree(small_again.tree, tmp_path / "tree"), small_again.config
    )
    model("lasso_one", "penalties", "smallest", to=0.5)(project)
    edit("lineup/models/linear.py", ("centre, mean = np", "centre, mean = 1.0 * np"))(project)
    edit("lineup/figures/comparison.py", ("s=55", "s=56"))(project)
    run = project.run()
    assert run.status == 0, run.text
    looked = project.run("--cores", "1", "explain", "--quiet", "all", "--config", f"before={kept}")
    assert looked.status == 0, looked.text
    found = told(kept, project.results)
    lines = [line for heading in found for line in [heading, *found[heading]]]
    assert [line.strip() for line in looked.text.splitlines() if line.strip() in lines] == lines
    (lasso,) = (line for line in found["Scores:"] if line.startswith("trial: lasso_one: mae was "))
    before, after = lasso.partition("mae was ")[2].partition(";")[0].split(", is ")
    boards = [dict(row) for row in map(rows_of, (kept, project.results))]
    assert [f"{float(board['lasso_one']):.6g}" for board in boards] == [before, after] and before != after
    changed = found["Changed, and so are the results:"]
    assert f"{LASSO}: penalties.smallest was 0.01, is 0.5" in changed
    assert "plot_comparison trial: lineup/figures/comparison.py has changed (draw_distributions)" in changed
    assert any(line.startswith("what stands on these: ") for line in changed)
    linear = "fit_linear trial.plain.1: lineup/models/linear.py has changed (least_squares)"
    assert linear in changed + found["Changed, and the results are the same:"]


def rows_of(folder):
    lines = (read_manifest(str(folder)).folder / "trial" / "leaderboard.csv").read_text().splitlines()
    return [line.split(",")[0:3:2] for line in lines[1:]]


def test_a_row_of_the_data_is_named(small_again, kept):
    raw = small_again.results / "trial" / "raw.data"
    lines = raw.read_text(encoding="utf-8").splitlines()
    raw.write_text("\n".join([*lines[:3], "another row", *lines[4:]]) + "\n", encoding="utf-8")
    change_records(
        small_again, "fetch", lambda record: record["outputs"]["results/trial/raw.data"].update(sha256="0")
    )
    (line,) = told(kept, small_again.results)["Changed, and so are the results:"]
    where = "fetch trial: results/trial/raw.data has other bytes: row 4 was "
    assert line.startswith(where) and line.endswith(", is another row")
    assert line.removeprefix(where).removesuffix(", is another row") == lines[3]


def other_scores(record):
    record["outputs"]["results/trial/models/lasso_one/block_1/scores.parquet"]["sha256"] = "0"


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda record: record["hardware"].update(processor="Another"), "processor was "),
        (lambda record: record["software"].update(system="Another"), "system was "),
        (lambda record: record["specification"]["libraries"].update(numpy="9.9"), "numpy was "),
        (
            lambda record: record["specification"]["environment"].update(NPY_DISABLE_CPU_FEATURES="X"),
            "NPY_DISABLE_CPU_FEATURES was not set, is X",
        ),
        (lambda record: None, "nothing that is recorded is another"),
    ],
    ids=["processor", "system", "library", "variable", "nothing"],
)
def test_what_else_may_be_the_cause_is_named(small_again, kept, change, cause):
    change_records(small_again, "fit_lasso", lambda record: (other_scores(record), change(record)))
    (line,) = told(kept, small_again.results)["Changed, and so are the results:"]
    assert line.startswith(f"{LASSO}: {cause}")


def test_what_changed_nothing_is_told_apart(small_again, kept):
    change_records(
        small_again, "fit_lasso", lambda record: record["specification"]["libraries"].update(numpy="9.9")
    )
    found = told(kept, small_again.results)
    assert found["Changed, and so are the results:"] == NOTHING
    (line,) = found["Changed, and the results are the same:"]
    assert line.startswith(f"{LASSO}: numpy was ")


def test_what_is_new_and_what_is_gone_is_told(small_again, kept):
    (small_again.results / "manifest" / "fit_linear" / "trial.plain.1.json").unlink()
    assert "Results that are gone: fit_linear trial.plain.1 (1)" in told(kept, small_again.results)
    assert "Results that are new: fit_linear trial.plain.1 (1)" in told(small_again.results, kept)


def test_a_manifest_alone_is_enough(small_again, tmp_path):
    manifest = shutil.copytree(small_again.results / "manifest", tmp_path / "aside" / "manifest")
    change_records(
        small_again, "fit_lasso", lambda record: (other_scores(record), record["hardware"].update(cores=99))
    )
    change_records(
        small_again,
        "compare",
        lambda record: record["outputs"]["results/trial/leaderboard.csv"].update(sha256="0"),
    )
    found = told(manifest, small_again.results)
    assert found["Scores:"] == [
        "trial: they differ; the leaderboards are not both here, so it cannot be said where"
    ]
    assert f"{LASSO}: cores was {found_cores(manifest)}, is 99" in found["Changed, and so are the results:"]


def found_cores(manifest):
    record = json.loads((manifest / "fit_lasso" / "trial.lasso_one.1.json").read_text(encoding="utf-8"))
    return record["hardware"]["cores"]


def test_a_folder_without_records_is_refused(tmp_path):
    with pytest.raises(
        InputError, match=r"holds no records: name a copy of results/, or of results/manifest/\."
    ):
        read_manifest(str(tmp_path))


def test_what_to_compare_with_has_to_be_said(small_again):
    run = small_again.run("--cores", "1", "explain")
    assert (
        run.status == 1 and "Say with what to compare: snakemake explain --config before=FOLDER" in run.text
    )


def test_notes_and_tables_of_an_odd_form_are_no_failure(small_again, kept):
    file = "lineup/models/lasso.py"
    change_records(
        small_again, "fit_lasso", lambda record: record["specification"]["code"].update({file: "0"})
    )
    change_records(
        small_again,
        "compare",
        lambda record: record["outputs"]["results/trial/leaderboard.csv"].update(sha256="0"),
    )
    names = (small_again.results / "manifest" / "code").glob("*.names")
    spoiled = [*names, small_again.results / "trial" / "leaderboard.csv"]
    for text in ("", "null", "[]", "{}", f'{{"{file}": 3}}', "model,mae,mae_sd\nplain,x,y\n"):
        for path in spoiled:
            path.write_text(text, encoding="utf-8")
        found = told(kept, small_again.results)
        assert any(f"{file} has changed" in line for lines in found.values() for line in lines)
