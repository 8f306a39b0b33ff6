"""The between-workflow cache: what is taken from it, and that nothing damaged is."""

import copy
import json
import shutil

import pytest
from support.data import small_csv, small_dataset, small_models
from support.records import RECORD_OF_NOTHING
from support.runs import Project, snakemake
from support.tree import contents, sketching_tree

from lineup.errors import InputError
from lineup.files import Digests, file_digest
from lineup.ledger.cache import CACHE, cache_folder, damaged_entries, drop_entry

FITS = ["fit_lasso.trial.lasso_one.1", "fit_linear.trial.plain.1"]
FITTED = ("--cores", "2", "--until", "compare")
RULES = ["fit_linear", "fit_lasso", "fit_mlp"]


@pytest.fixture
def digests(tmp_path):
    return Digests(tmp_path / "digests.json")


@pytest.fixture
def entry(tmp_path):
    """Makes an entry of two tables and the record; gives its folder and key."""
    folder, key = tmp_path / "cache", "a" * 64
    folder.mkdir()
    made = {"scores": "results/x/scores.parquet", "grid": "results/x/grid.csv"}
    digests = {}
    for name, path in made.items():
        cached = folder / f"{key}_{name}.{path.rpartition('.')[2]}"
        cached.write_text(name, encoding="utf-8")
        digests[path] = {"sha256": file_digest(cached), "bytes": len(name)}
    record = RECORD_OF_NOTHING | {
        "outputs": digests,
        "specification": RECORD_OF_NOTHING["specification"]
        | {"outputs": made | {"record": "results/manifest/fit/x.json"}},
    }
    (folder / f"{key}_record.json").write_text(json.dumps(record), encoding="utf-8")
    return folder, key


def test_a_sound_entry_is_left_alone(entry, digests):
    assert damaged_entries(entry[0], digests) == []


@pytest.mark.parametrize("file", ["scores.parquet", "grid.csv", "record.json"])
@pytest.mark.parametrize("how", ["changed", "cut off"])
def test_a_damaged_entry_is_found(entry, digests, file, how):
    folder, key = entry
    path = folder / f"{key}_{file}"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text[:-1] if how == "cut off" else text.replace("s", "z", 1).replace("g", "h"), encoding="utf-8"
    )
    assert damaged_entries(folder, digests) == [key]


def test_an_entry_with_a_file_missing_is_found(entry, digests):
    folder, key = entry
    (folder / f"{key}_grid.csv").unlink()
    assert damaged_entries(folder, digests) == [key]


def test_dropping_an_entry_leaves_the_others(entry):
    folder, key = entry
    other = folder / f"{'b' * 64}_scores.parquet"
    other.write_text("other", encoding="utf-8")
    drop_entry(folder, key)
    assert list(folder.iterdir()) == [other]


@pytest.mark.parametrize("value", [None, "", "/nonexistent/cache"])
def test_a_cache_that_is_not_there_is_refused(monkeypatch, value):
    monkeypatch.delenv(CACHE, raising=False)
    if value is not None:
        monkeypatch.setenv(CACHE, value)
    with pytest.raises(InputError, match=f"{CACHE}.*{value or 'is not set'}"):
        cache_folder()


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    csv = small_csv(tmp_path_factory.mktemp("data") / "trial.csv", seed=1)
    dataset = small_dataset(csv, models=["plain", "lasso_one"])
    models = {name: model for name, model in small_models().items() if name in dataset["models"]}
    return {"build": ["trial"], "datasets": {"trial": dataset}, "models": models}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return sketching_tree(tmp_path_factory.mktemp("tree"))


@pytest.fixture
def shared(tmp_path, tree, config):
    """Gives a function that runs a project with the shared cache, and the cache."""
    cache = tmp_path / "cache"
    cache.mkdir()

    def run(name, *options, change=lambda config: None):
        project = Project(tmp_path / name, tree, copy.deepcopy(config))
        change(project.config)
        command = project.command("--cache", *RULES, *(options or ("--cores", "2")))
        return project, snakemake(*command, cwd=tmp_path, **{CACHE: str(cache)})

    return run, cache


def taken(run):
    """Lists the rules whose results a run took from the cache, and those whose results it put there."""
    lines = run.text.splitlines()
    stored = {line.split("results/")[1].split(" ")[0] for line in lines if line.startswith("Moving output")}
    linked = {
        line.split("results/")[1].split(" ")[0] for line in lines if line.startswith("Symlinking output")
    }
    records = "manifest/"
    return (
        sorted(path for path in linked - stored if path.startswith(records)),
        sorted(path for path in stored if path.startswith(records)),
    )


RECORDS = ["manifest/fit_lasso/trial.lasso_one.1.json", "manifest/fit_linear/trial.plain.1.json"]


def results(project):
    """Maps the results that are the same in every run to their bytes."""
    return {
        name: data
        for name, data in contents(project.results).items()
        if not name.startswith(("logs/", "manifest/")) and not name.endswith("timings.csv")
    }


def test_a_second_checkout_takes_the_fits_and_checks_them(shared):
    run, cache = shared
    first, made = run("first")
    assert made.status == 0 and taken(made) == ([], RECORDS), made.text
    second, reused = run("second")
    assert reused.status == 0 and taken(reused) == (RECORDS, []), reused.text
    assert results(second) == results(first) and "trial/models/plain/block_1/scores.parquet" in results(first)
    # Nothing is left to do in either, and the records of the cache are those of the manifest.
    for name in ("first", "second"):
        assert "Nothing to be done" in run(name)[1].text
    verified = run("second", "--cores", "1", "verify")[1]
    assert verified.status == 0 and "are as they were made" in verified.text

    # An edit through a link reaches the cache: the entry is dropped, and the job runs.
    link = second.results / "trial" / "models" / "plain" / "block_1" / "coefficients.parquet"
    with link.resolve().open("ab") as file:
        file.write(b"x")
    before = contents(cache)
    looked = run("third", "--dry-run")[1]
    assert looked.status == 0 and "of the cache is damaged" in looked.text
    assert contents(cache) == before
    third, mended = run("third", *FITTED)
    assert mended.status == 0 and "of the cache is damaged: it is not used, and its job runs." in mended.text
    assert taken(mended) == (RECORDS[:1], RECORDS[1:])
    fitted = results(third)
    assert fitted.items() <= results(first).items() and "trial/models/plain/block_1/scores.parquet" in fitted


def test_another_setting_is_another_entry(shared):
    run, _ = shared
    assert run("first", *FITTED)[1].status == 0

    def change(config):
        config["models"]["lasso_one"]["penalties"]["number"] = 9

    other = run("second", *FITTED, change=change)[1]
    assert other.status == 0 and taken(other) == (RECORDS[1:], RECORDS[:1]), other.text


def test_the_cache_is_off_by_default(shared, tree, config, tmp_path):
    _, cache = shared
    project = Project(tmp_path / "plain", tree, config)
    run = snakemake(*project.command(*FITTED), cwd=tmp_path, **{CACHE: str(cache)})
    assert run.status == 0 and not list(cache.iterdir())
    assert taken(run) == ([], []) and "eligible for caching" not in run.text
    assert not [path for path in project.results.rglob("*") if path.is_symlink()]


def test_a_missing_cache_is_told_in_one_sentence(shared):
    run, cache = shared
    shutil.rmtree(cache)
    project, refused = run("first")
    assert refused.status == 1 and refused.jobs == []
    assert sum(CACHE in line for line in refused.text.split("Building DAG")[1].splitlines()) == 1
    assert "Traceback" not in refused.text and not project.results.exists()
