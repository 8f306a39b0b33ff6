"""The pages that docs/reference.py writes: up to date, complete, and true of the files of a run."""

import csv
import importlib.util
import json
import logging
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import yaml
from snakemake.utils import update_config
from support.data import NO_TRAININGS
from support.given import given
from support.records import RECORD_OF_NOTHING
from support.tree import MAKE_NOTHING, ROOT

from lineup.comparison.leaderboard import compare
from lineup.comparison.ranks import rank_models
from lineup.comparison.training_sizes import training_sizes
from lineup.config import schema as config_schema
from lineup.config import validate
from lineup.data.tables import read_splits, write_splits
from lineup.data.training_shares import smaller
from lineup.errors import InputError
from lineup.ledger.recorder import job
from lineup.ledger.records import read_record
from lineup.models.importance import Importance, importance
from lineup.models.lasso import Settings as LassoSettings
from lineup.models.lasso import fit_lasso
from lineup.models.linear import fit_linear
from lineup.models.mlp import fit_mlp
from lineup.models.sklearn import Settings as SklearnSettings
from lineup.models.sklearn import fit_sklearn
from lineup.networks.settings import Settings
from lineup.settings import typed
from scripts.timings import timings

CONFIG_PAGE = (ROOT / "docs" / "config.md").read_text(encoding="utf-8")
OUTPUTS_PAGE = (ROOT / "docs" / "outputs.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", CONFIG_PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def reference():
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table_of(page, heading):
    """Reads the cells of the Markdown table below a heading."""
    lines = page.partition(f" {heading}\n")[2].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|"))
    table = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split("|")])
    return table


def names_in(cell):
    return re.findall(r"`([^`]+)`", cell)


def columns_in(folder, file):
    """Gives the columns that docs/outputs.md lists for a file."""
    return next(names_in(line[3]) for line in table_of(OUTPUTS_PAGE, folder) if file in names_in(line[0]))


def test_pages_are_up_to_date(reference):
    handlers = logging.getLogger().handlers[:]
    for path, text in (reference.pages() | reference.profiles()).items():
        assert path.read_text(encoding="utf-8") == text, f"{path} is out of date: run `make docs`"
    assert logging.getLogger().handlers == handlers


def test_a_page_keeps_what_is_written_by_hand(reference, tmp_path, monkeypatch):
    monkeypatch.setattr(reference, "config_page", lambda: "\nnew\n")
    monkeypatch.setattr(reference, "outputs_page", lambda: "\nnew\n")
    monkeypatch.setattr(reference, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    for page in ("config.md", "outputs.md"):
        text = f"before\n{reference.BEGIN}\nold\n{reference.END}after\n"
        (tmp_path / "docs" / page).write_text(text, encoding="utf-8")
    assert set(reference.pages().values()) == {
        f"before\n{reference.BEGIN}\nnew\n\n{reference.END}after\n",
    }


def test_a_profile_gets_its_groups_and_keeps_the_rest(reference, tmp_path, monkeypatch):
    monkeypatch.setattr(reference, "groups", lambda: "groups:\n  new: report\n")
    monkeypatch.setattr(reference, "ROOT", tmp_path)
    file = tmp_path / "profiles" / "slurm" / "profile.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("jobs: 1\n\ngroups:\n  old: data\n  older: report\n\nretries: 2\n", encoding="utf-8")
    assert reference.profiles() == {file: "jobs: 1\n\ngroups:\n  new: report\n\nretries: 2\n"}


def keys_of(node, prefix=""):
    """Lists the keys below a node of the schema, by dotted path."""
    for key, value in node.get("properties", {}).items():
        yield prefix + key
        yield from keys_of(value if isinstance(value, dict) else {}, f"{prefix}{key}.")


def test_config_page_has_every_key():
    schema = config_schema()
    blocks = [block for name, block in schema["$defs"].items() if name != "model"]
    known = {key for block in [schema, *blocks] for key in keys_of(block)}
    assert {"penalties.smallest", "seeds.first", "wheel_sha256", "build"} < known
    assert set(re.findall(r"^\| `([\w.]+)` \|", CONFIG_PAGE, re.MULTILINE)) == known


def test_outputs_page_has_every_output():
    """Looked up in the text of the rules, as docs/reference.py asks Snakemake."""
    told = {
        f"{folder}{file}"
        for folder in re.findall(r"^### (results/.*)$", OUTPUTS_PAGE, re.MULTILINE)
        for line in table_of(OUTPUTS_PAGE, folder)
        for file in names_in(line[0])
    }
    rules = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    written = {
        path
        for block in re.findall(r"^    output:\n(.*?)^    \w+:", rules, re.DOTALL | re.MULTILINE)
        for path in re.findall(r'"(results/[^"]+)"', block)
    }
    records = {path for path in written if path.startswith("results/manifest/")}
    assert told == written - records and len(told) > 30
    # The records have names of one form, which the page tells in one sentence.
    sentence = "`results/manifest/RULE/`, in files with the names of the dataset and the model and the number of the block."
    assert sentence in OUTPUTS_PAGE
    with_records = set(re.findall(r"^rule (\w+):", rules, re.MULTILINE)) - MAKE_NOTHING
    assert {path.split("/")[2] for path in records} == with_records


def test_an_output_that_is_not_described_stops_it(reference, monkeypatch):
    found = reference.rule_outputs()
    monkeypatch.setattr(reference, "rule_outputs", lambda: found | {"results/{dataset}/new.parquet": ["new"]})
    with pytest.raises(KeyError, match=r"new\.parquet"):
        reference.outputs_page()


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_fit_the_schema(example):
    """Each example is put over config.yaml, as ``--configfile`` does."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    change = yaml.safe_load(example)
    before = yaml.safe_dump(config)
    update_config(config, change)
    assert yaml.safe_dump(config) != before
    validate(config)


def test_there_are_examples():
    assert len(EXAMPLES) >= 4


def test_config_page_quotes_the_check():
    sentence = re.search(r"^In the config, .*\?$", CONFIG_PAGE, re.MULTILINE)[0]
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    splits = config["datasets"]["hitters"]["splits"]
    splits["test_shares"] = splits.pop("test_share")
    with pytest.raises(InputError) as caught:
        validate(config)
    assert str(caught.value) == sentence


def test_yaml_is_as_the_config_page_says():
    read = yaml.safe_load("[1.0e-8, 1e-8, 1.0e8, 50, 50.0, yes, no, 'on', \"no\", 1/3]")
    assert read == [1e-8, "1e-8", "1.0e8", 50, 50.0, True, False, "on", "no", "1/3"]
    assert yaml.safe_load("on") is True and yaml.safe_load("off") is False
    assert yaml.safe_load("{a: 1, a: 2}") == {"a": 2}


@pytest.fixture(scope="module")
def files(tmp_path_factory, prepare, logger):
    """Writes the tables of a small run over two splits, by the folder that they have under results/{dataset}/."""
    folder = tmp_path_factory.mktemp("run")
    random = np.random.default_rng(0)
    x = random.normal(size=(24, 2))
    y = x @ [3, -1] + random.normal(size=24)
    table, splits = prepare(folder, {"a": x[:, 0], "b": x[:, 1], "y": y}, seeds=(1, 2))

    def outputs(model, *names, block="block_1"):
        return {Path(name).stem: str(folder / model / block / name) for name in names}

    both = ("predictions.parquet", "scores.parquet")
    linear = outputs("linear", *both, "coefficients.parquet")
    lasso = outputs("lasso", *both, "coefficients.parquet", "grid.parquet", "path.parquet")
    anyone = outputs("sklearn", *both, "search.parquet")
    lines = ("training_log.csv", "learning_curves.parquet", "summary.txt", "weights.safetensors")
    network = outputs("mlp", *both, *lines)
    settings = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["models"]
    for model in settings.values():
        del model["kind"]
    fit_linear(table, splits, **linear, logger=logger)
    settings["lasso"] |= {"penalties": {"number": 4, "smallest": 0.01, "standardize": True}}
    settings["lasso"] |= {"folds": {"number": 3, "seed": 1}}
    fit_lasso(table, splits, **lasso, settings=typed(LassoSettings, settings["lasso"]), logger=logger)
    searched = settings["nearest_neighbours"] | {
        "search": settings["forest"]["search"] | {"settings": {"n_neighbors": [2, 4]}}
    }
    fit_sklearn(
        table, splits, **anyone, settings=typed(SklearnSettings, searched), processes=1, logger=logger
    )
    short = settings["network"] | {"epochs": 2, "accelerator": "cpu", "processes": 1}
    fit_mlp(table, splits, **network, settings=typed(Settings, short), threads=1, logger=logger)

    models = ["linear", "lasso", "mlp"]
    scores = [written["scores"] for written in (linear, lasso, network)]
    summaries = {
        "scores": str(folder / "scores.parquet"),
        "leaderboard_csv": str(folder / "leaderboard.csv"),
        "differences_csv": str(folder / "differences.csv"),
    }
    compare(
        table,
        [splits],
        scores,
        [written["predictions"] for written in (linear, lasso, network)],
        [],
        [],
        **summaries,
        models=models,
        metric="mae",
        reference="linear",
        null_model="mean",
        method="random",
        equivalence=0.01,
        trainings=NO_TRAININGS,
        logger=logger,
    )
    sizes = [str(folder / name) for name in ("training_sizes.csv", "power_laws.csv")]
    cut, fewer = (
        str(folder / "fewer.parquet"),
        outputs("linear", *both, "coefficients.parquet", block="fewer"),
    )
    write_splits(smaller(read_splits([splits]), [0.4, 0.5, 0.6, 0.8], table, "random"), cut)
    fit_linear(table, cut, **fewer, logger=logger)
    predictions = [linear["predictions"], fewer["predictions"]]
    training_sizes(table, [splits, cut], predictions, *sizes, ["linear"], "mae", "random", logger)
    importances = str(folder / "importance.parquet")
    given = ({}, Importance(2, 1, 0), "mae", logger)
    importance(table, [splits], [linear["predictions"]], [linear["coefficients"]], importances, *given)
    ranks = str(folder / "ranks.csv")
    rank_models([summaries["leaderboard_csv"]] * 3, dict.fromkeys("abc", "mae"), ranks, logger)
    records = [folder / f"any.{model}.1.json" for model in models]
    for record in records:
        record.write_text(json.dumps(RECORD_OF_NOTHING), encoding="utf-8")
    timings(models, list(map(str, records)), str(folder / "timings.csv"), logger)
    return {
        "results/": [ranks],
        "results/{dataset}/": [*summaries.values(), *sizes, str(folder / "timings.csv")],
        "results/{dataset}/splits/": [splits],
        "results/{dataset}/models/{model}/": [importances],
        "results/{dataset}/models/{model}/block_{block}/": [
            *linear.values(),
            *lasso.values(),
            *network.values(),
            anyone["search"],
        ],
    }


def test_columns_are_those_of_a_run(files):
    types = {names_in(name)[0]: kind for name, kind, *_ in table_of(OUTPUTS_PAGE, "Columns")}
    seen = set()
    for folder, paths in files.items():
        for path in map(Path, paths):
            if path.suffix not in (".parquet", ".csv"):
                continue
            file = "block_{block}.parquet" if folder.endswith("splits/") else path.name
            schema = pq.read_schema(path) if path.suffix == ".parquet" else pyarrow.csv.read_csv(path).schema
            assert schema.names == columns_in(folder, file), file
            for field in schema:
                kind, told = str(field.type), types[field.name]
                if path.suffix == ".csv":
                    # CSV files have no types: a number is read with as many bits as there are.
                    told = {"int32": "int64", "float": "double"}.get(told, told)
                if pa.types.is_fixed_size_list(field.type):
                    kind = f"list of {field.type.value_type}"
                # In a small run, what is told of large ones alone is nowhere.
                absent = file == "power_laws.csv" or field.name in ("splits_needed", "seed_share")
                assert kind == told or (kind == "null" and absent), (file, field)
            seen |= set(schema.names)
    assert seen == set(types) and list(types) == sorted(types)


def test_counts_start_where_the_page_says(files):
    paths = {Path(path).name: path for paths in files.values() for path in paths}
    with Path(paths["training_log.csv"]).open(newline="", encoding="utf-8") as file:
        log = list(csv.DictReader(file))
    assert [(line["seed"], line["epoch"]) for line in log] == [("1", "1"), ("1", "2")]
    curves = pq.read_table(paths["learning_curves.parquet"])
    assert curves["seed"].to_pylist() == [1, 1, 2, 2]
    assert curves["epoch"].to_pylist() == [1, 2, 1, 2]
    for line, place in zip(log, range(2), strict=True):
        for name in ("train_mae", "train_loss", "valid_mae", "valid_loss"):
            assert float(line[name]) == pytest.approx(curves[name][place].as_py(), rel=1e-6)
    assert pq.read_table(paths["grid.parquet"])["fold"][0].as_py() == 1
    drawn = pq.read_table(paths["made_splits.parquet"])
    for train, test in zip(drawn["train"].to_pylist(), drawn["test"].to_pylist(), strict=True):
        assert sorted(train + test) == list(range(24))


def test_only_the_first_split_is_where_the_page_says(files):
    paths = {Path(path).name: path for paths in files.values() for path in paths}
    for file, seeds in (("path.parquet", {1}), ("grid.parquet", {1, 2}), ("coefficients.parquet", {1, 2})):
        assert set(pq.read_table(paths[file])["seed"].to_pylist()) == seeds


@pytest.mark.usefixtures("quiet_logging")
def test_a_record_has_the_keys_of_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with job(given("split", "")):
        pass
    record = read_record("record.json")
    told = table_of(OUTPUTS_PAGE, "The manifest")
    assert [name for key, _ in told for name in names_in(key)] == list(record)
    what = dict(told)
    assert names_in(what["`cost`"]) == list(record["cost"])
