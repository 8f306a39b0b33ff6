"""Tests of the report: what it shows, and that it needs nothing else and lets nothing in."""

import base64
import csv
import hashlib
import json
import logging
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import yaml
from support.data import NO_TRAININGS
from support.tree import ROOT

from lineup.comparison.leaderboard import compare
from lineup.comparison.metrics import digits_of
from lineup.comparison.scores import write_evaluation
from lineup.data.design import read_design
from lineup.data.tables import Splits, read_schema, read_table, write_splits, write_table
from lineup.report import (
    figure,
    published_figures,
    read_leaderboard,
    read_records,
    report,
    set_against,
)

TEMPLATE = ROOT / "workflow" / "report" / "report.html.j2"
LOGGER = logging.getLogger("test")
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><title>{}</title></svg>'

VERSIONS = {"Python": "3.11.0", "numpy": "1.2.3"}


class Page(HTMLParser):
    """Collects the tags, the addresses and the text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags, self.addresses, self.texts = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href", "srcset", "action")]

    def handle_data(self, data):
        self.texts.append(data)


def make(folder, seeds, target="Price", unit="euros", title="Houses", published=(), reference="ols"):
    """Makes the files of a small dataset with two models, and gives the arguments of the report.

    Of several splits, the last is a block of its own.
    """
    rng = np.random.default_rng(0)
    results = folder / "results" / "houses"
    schema = {
        "task": "regression",
        "target": {"name": target},
        "features": [{"name": "a", "column": "a", "coding": "number"}],
        "rows": {"read": 12, "dropped": 2, "kept": 10},
    }
    table = pa.table({"a": np.arange(10.0), target: rng.normal(size=10)})
    write_table(table.replace_schema_metadata({"lineup": json.dumps(schema)}), results / "table.parquet")
    blocks = [slice(0, -1), slice(-1, None)] if len(seeds) > 1 else [slice(None)]
    rows = np.tile(np.arange(10), (len(seeds), 1))
    drawn, splits = Splits(np.array(seeds), rows[:, 3:], rows[:, :3]), []
    for number, block in enumerate(blocks, 1):
        splits.append(str(results / "splits" / f"block_{number}.parquet"))
        write_splits(drawn[block], splits[-1])
    models, paths = ["ols", "net"], []
    design = read_design(results / "table.parquet")
    predictions = []
    for model in models:
        for number, block in enumerate(blocks, 1):
            folder_of_block = results / "models" / model / f"block_{number}"
            paths.append(str(folder_of_block / "scores.parquet"))
            predictions.append(str(folder_of_block / "predictions.parquet"))
            part = drawn[block]
            write_evaluation(design, part, rng.normal(4, 1, 3 * len(part)), predictions[-1], paths[-1])
    figures = [results / f"{name}.svg" for name in ("comparison", "differences")]
    figures += [results / "models" / model / "predictions.svg" for model in models]
    for path in figures:
        path.write_text(SVG.format(path.relative_to(results)), encoding="utf-8")
    scores, leaderboard, differences = (
        str(results / name) for name in ("scores.parquet", "leaderboard.csv", "differences.csv")
    )
    compare(
        str(results / "table.parquet"), splits, paths, predictions, [], [], scores, leaderboard, differences, models, "mae",
        reference, "mean", "random", 0.01, NO_TRAININGS, LOGGER,
    )  # fmt: skip
    dataset = {
        "task": "regression",
        "title": title,
        "splits": {"test_share": 0.3, "seeds": list(seeds), "block_size": max(1, len(seeds) - 1)},
        "models": models,
        "metric": "mae",
        "reference": reference,
        "null_model": "mean",
        "target_unit": unit,
        "published": list(published),
    }
    return {
        "build": ["houses"],
        "datasets": {"houses": dataset},
        "models": {"ols": {"kind": "linear"}, "net": {"kind": "mlp", "validation": "test"}},
        "tables": [str(results / "table.parquet")],
        "leaderboards": [leaderboard],
        "differences": [differences],
        "scores": [scores],
        "laws": [],
        "ranks": [],
        "figures": [str(path) for path in figures],
        "folder": str(TEMPLATE.parent),
        "output": str(folder / "results" / "report.html"),
        "logger": LOGGER,
    }


def written(arguments):
    report(**({"versions": VERSIONS} | arguments))
    return Path(arguments["output"]).read_text(encoding="utf-8")


def words(page):
    """Gives the text of a page with single spaces."""
    return " ".join(" ".join(page.texts).split())


def test_shows_every_model_and_every_figure(tmp_path):
    arguments = make(tmp_path, [1])
    page = Page(written(arguments))
    text = words(page)
    with Path(arguments["leaderboards"][0]).open(encoding="utf-8") as file:
        records = list(csv.DictReader(file))
    assert len(records) == 3
    for record in records:
        assert f"{float(record['mae']):.4f}" in text
    assert "null model (mean)" in text and "10 rows (of 12; 2 dropped for missing values)" in text
    assert len(arguments["figures"]) == 4
    images = [address for address in page.addresses if address.startswith("data:image/svg+xml;base64,")]
    drawn = [base64.b64decode(image.partition(",")[2]).decode() for image in images]
    assert sorted(drawn) == sorted(Path(path).read_text(encoding="utf-8") for path in arguments["figures"])
    assert "The target is Price in euros" in text and "MAE and RMSE are in euros" in text
    assert "one split" in text and "sd" not in page.texts


def test_shows_the_spread_of_several_splits(tmp_path):
    arguments = make(tmp_path, [1, 2, 5])
    page = Page(written(arguments))
    text = words(page)
    assert "sd" in page.texts and "mean over 3 splits" in text and "split seeds 1, 2, 5" in text
    for record in read_records(arguments["leaderboards"][0]):
        spread = f"{record['mae_sd']:.4f} {record['mae_q05']:.3f} to {record['mae_q95']:.3f}"
        assert f"{record['mae']:.4f} {spread} {record['mean_rank']:.2f}" in text


@pytest.mark.parametrize("reference", ["ols", "net"])
@pytest.mark.parametrize("seeds", [[1], [1, 2, 5]], ids=["one split", "three splits"])
def test_shows_the_difference_of_each_model_to_the_reference(tmp_path, seeds, reference):
    arguments = make(tmp_path, seeds, reference=reference)
    text = words(Page(written(arguments)))
    table = text.partition(f"Differences to {reference} model")[2].partition("results/houses/comparison.svg")[
        0
    ]
    records = [
        record
        for record in read_records(arguments["differences"][0])
        if record["other"] == reference and record["metric"] == "mae"
    ]
    # The digits are those that the intervals of all pairs are wide by.
    of_all = [one for one in read_records(arguments["differences"][0]) if one["metric"] == "mae"]
    digits = digits_of(np.median([one["high"] - one["low"] for one in of_all]), 3)
    scores = read_table(arguments["scores"][0])
    errors = {name: scores["mae"][scores["model"] == name] for name in ("ols", "net", "null_model")}
    assert len(records) == 2
    for record in records:
        expected = errors[record["model"]] - errors[reference]
        shown = record["model"].replace("null_model", "null model (mean)") + f" {expected.mean():+.{digits}f}"
        ends = (
            f"{record[f'{kind}low']:+.{digits}f} to {record[f'{kind}high']:+.{digits}f}"
            for kind in ("", "together_")
        )
        spread = [f"{expected.std(ddof=1):.{digits}f}"] if len(seeds) > 1 else []
        wins = [f"{(expected < 0).sum()} of 3"] if len(seeds) > 1 else []
        shown = " ".join([shown, *spread, *ends, record["verdict"], *wins])
        assert shown in table
    # The reference has no line of its own.
    assert not re.search(rf"\b{reference} [-+]\d", table)
    assert ("Nadeau and Bengio 2003" in table) == (len(seeds) > 1)
    assert ("for these trained models" in table) == (len(seeds) == 1)
    assert "results/houses/differences.csv" in table
    # The page begins with the answer.
    assert text.index("has the best MAE") < text.index("Scores on the test rows")
    assert ("would tell is a guide" in text) == (" rows would tell" in text.partition("Scores on")[0])


def test_many_seeds_are_named_by_the_first_and_the_last(tmp_path):
    assert "split seeds 3 to 22, 20 in all" in words(Page(written(make(tmp_path, list(range(3, 23))))))


def test_needs_no_other_file_and_runs_nothing(tmp_path):
    html = written(make(tmp_path, [1]))
    page = Page(html)
    assert not {"link", "iframe", "object", "embed", "base"} & set(page.tags)
    assert all(address.startswith(("#", "data:image/svg+xml")) for address in page.addresses)
    assert "default-src 'none'" in html
    # One script, which sorts tables, and no other runs: the browser is told its digest.
    (script,) = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    assert script == (TEMPLATE.parent / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html and not re.search("fetch|import|https?:", script)


def test_markup_of_the_user_is_shown_and_not_obeyed(tmp_path):
    evil = "</title><script>alert(1)</script><img src=x onerror=alert(1)>"
    published = [{"source": evil, "seed": 1, "mae": {"ols": 2.0}}]
    html = written(make(tmp_path, [1], target=evil, unit=evil, title=evil, published=published))
    page = Page(html)
    assert page.tags.count("script") == 1 and "x" not in page.addresses
    assert "".join(page.texts).count("<script>alert(1)</script>") >= 4


def test_published_figures_stand_beside_ours_of_the_same_split(tmp_path):
    published = [
        {"source": "a book", "seed": 2, "mae": {"ols": 1.25, "absent": 3.0}},
        {"source": "a book", "seed": 9, "mae": {"ols": 1.5}},
    ]
    arguments = make(tmp_path, [1, 2], published=published)
    (row,) = published_figures(published, arguments["scores"][0])
    ours = pa.parquet.read_table(arguments["scores"][0]).to_pandas().set_index(["model", "seed"]).mae
    assert row == {
        "source": "a book",
        "seed": 2,
        "model": "ols",
        "metric": "MAE",
        "published": 1.25,
        "ours": ours["ols", 2],
    }
    text = words(Page(written(arguments)))
    assert f"ols 2 MAE 1.25 {row['ours']:.4f} {row['ours'] - 1.25:+.4f} a book" in text


def test_settings_can_be_read_back(tmp_path):
    arguments = make(tmp_path, [1])
    blocks = re.findall(r"<pre>(.*?)</pre>", written(arguments), flags=re.DOTALL)
    assert [yaml.safe_load(block) for block in blocks] == [
        *arguments["models"].values(),
        arguments["datasets"]["houses"],
    ]


def test_same_bytes_twice(tmp_path):
    arguments = make(tmp_path, [1, 2])
    assert written(arguments) == written(arguments)


def test_a_figure_without_a_caption_is_a_mistake(tmp_path):
    path = tmp_path / "unknown.svg"
    path.write_text(SVG, encoding="utf-8")
    with pytest.raises(FileNotFoundError, match=r"unknown\.rst"):
        figure(str(path), {"task": "regression"}, TEMPLATE.parent)


def test_every_figure_of_the_rules_has_a_caption(tmp_path):
    rules = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    drawn = set(re.findall(r'"results/\{dataset\}/[^"]*?(\w+)\.svg"', rules))
    assert len(drawn) > 10
    for name in drawn:
        path = str(tmp_path / f"{name}.svg")
        Path(path).write_text(SVG, encoding="utf-8")
        for task, null_model in (("regression", "median"), ("classification", "frequencies")):
            settings = {"task": task, "null_model": null_model}
            assert re.fullmatch(r"[A-Z][^{}]+\.", figure(path, settings, TEMPLATE.parent)["caption"])


def test_leaderboard_of_one_split_has_no_spread(tmp_path):
    arguments = make(tmp_path, [1])
    records = read_leaderboard(arguments["leaderboards"][0], "mean")
    assert {record["label"] for record in records} == {"ols", "net", "null model (mean)"}
    for record in records:
        assert record["mae"] > 0
        assert [record[f"mae_{spread}"] for spread in ("sd", "q05", "q50", "q95")] == [None] * 4
    pairs = read_records(arguments["differences"][0])
    against = {line["model"]: line["against"] for line in set_against(records, pairs, "ols", ["mae", "r2"])}
    assert against.keys() == {"net", "null_model"}
    for model, found in against.items():
        assert list(found) == ["mae", "r2"]
        assert (found["mae"]["model"], found["mae"]["other"]) == (model, "ols")
        assert found["mae"]["difference"] != 0 and found["mae"]["difference_sd"] is None
    assert read_schema(arguments["tables"][0])["target"] == {"name": "Price"}
