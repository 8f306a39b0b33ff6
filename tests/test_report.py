"""Tests of the report: what it shows, and that it needs nothing else and lets nothing in."""

import base64
import csv
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

from scripts.compare import compare
from scripts.report import figure, published_figures, read_leaderboard, report
from scripts.tables import read_schema, write_table

ROOT = Path(__file__).parents[1]
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


def make(folder, seeds, target="Price", unit="euros", title="Houses", published=()):
    """Makes the files of a small dataset with two models, and gives the arguments of the report."""
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
    splits = {"seed": np.repeat(seeds, 10), "row": np.tile(np.arange(10, dtype=np.int32), len(seeds))}
    splits |= {"test": np.tile(np.arange(10) < 3, len(seeds)), "order": splits["row"]}
    write_table(splits, results / "splits.parquet")
    models, paths = ["ols", "net"], []
    for model in models:
        paths.append(str(results / "models" / model / "scores.parquet"))
        scores = {name: rng.uniform(1, 2, len(seeds)) for name in ("mae", "rmse", "r2")}
        write_table({"seed": np.array(seeds)} | scores, paths[-1])
    figures = [results / "comparison.svg", *(results / "models" / m / "predictions.svg" for m in models)]
    for path in figures:
        path.write_text(SVG.format(path.parent.name), encoding="utf-8")
    scores, leaderboard = str(results / "scores.parquet"), str(results / "leaderboard.csv")
    compare(
        str(results / "table.parquet"), str(results / "splits.parquet"), paths, scores, leaderboard, models,
        "ols", "mean", LOGGER,
    )  # fmt: skip
    dataset = {
        "title": title,
        "splits": {"test_share": 0.3, "seeds": list(seeds)},
        "models": models,
        "reference": "ols",
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
        "scores": [scores],
        "figures": [str(path) for path in figures],
        "template": str(TEMPLATE),
        "output": str(folder / "results" / "report.html"),
        "logger": LOGGER,
    }


def written(arguments):
    report(**({"versions": VERSIONS} | arguments))
    return Path(arguments["output"]).read_text(encoding="utf-8")


def test_shows_every_model_and_every_figure(tmp_path):
    arguments = make(tmp_path, [1])
    page = Page(written(arguments))
    text = " ".join(" ".join(page.texts).split())
    with Path(arguments["leaderboards"][0]).open(encoding="utf-8") as file:
        records = list(csv.DictReader(file))
    assert len(records) == 3
    for record in records:
        assert f"{float(record['mae']):.2f}" in text
    assert "null model (mean)" in text and "10 rows (of 12; 2 dropped for missing values)" in text
    images = [address for address in page.addresses if address.startswith("data:image/svg+xml;base64,")]
    drawn = [base64.b64decode(image.partition(",")[2]).decode() for image in images]
    assert sorted(drawn) == sorted(Path(path).read_text(encoding="utf-8") for path in arguments["figures"])
    assert "The target is Price in euros" in text and "MAE and RMSE are in euros" in text
    assert "one split" in text and "sd" not in page.texts


def test_shows_the_spread_of_several_splits(tmp_path):
    page = Page(written(make(tmp_path, [1, 2, 5])))
    text = " ".join(" ".join(page.texts).split())
    assert "sd" in page.texts and "mean over 3 splits" in text and "split seeds 1, 2, 5" in text
    assert re.search(r"\b[0-3] of 3\b", text)


def test_needs_no_other_file_and_runs_nothing(tmp_path):
    html = written(make(tmp_path, [1]))
    page = Page(html)
    assert not {"script", "link", "iframe", "object", "embed", "base"} & set(page.tags)
    assert all(address.startswith(("#", "data:image/svg+xml")) for address in page.addresses)
    assert "default-src 'none'" in html


def test_markup_of_the_user_is_shown_and_not_obeyed(tmp_path):
    evil = "</title><script>alert(1)</script><img src=x onerror=alert(1)>"
    published = [{"source": evil, "seed": 1, "mae": {"ols": 2.0}}]
    html = written(make(tmp_path, [1], target=evil, unit=evil, title=evil, published=published))
    page = Page(html)
    assert "script" not in page.tags and "x" not in page.addresses
    assert "".join(page.texts).count("<script>alert(1)</script>") >= 4


def test_published_figures_stand_beside_ours_of_the_same_split(tmp_path):
    published = [
        {"source": "a book", "seed": 2, "mae": {"ols": 1.25, "absent": 3.0}},
        {"source": "a book", "seed": 9, "mae": {"ols": 1.5}},
    ]
    arguments = make(tmp_path, [1, 2], published=published)
    (row,) = published_figures(published, arguments["scores"][0])
    ours = pa.parquet.read_table(arguments["scores"][0]).to_pandas().set_index(["model", "seed"]).mae
    assert row == {"source": "a book", "seed": 2, "model": "ols", "published": 1.25, "ours": ours["ols", 2]}
    text = " ".join(" ".join(Page(written(arguments)).texts).split())
    assert f"ols 2 1.25 {row['ours']:.4f} {row['ours'] - 1.25:+.4f} a book" in text


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
    with pytest.raises(KeyError, match="unknown"):
        figure(str(path))


def test_leaderboard_of_one_split_has_no_spread(tmp_path):
    arguments = make(tmp_path, [1])
    records = read_leaderboard(arguments["leaderboards"][0], "mean")
    assert {record["label"] for record in records} == {"ols", "net", "null model (mean)"}
    assert all(record["mae_sd"] is None and record["mae"] > 0 for record in records)
    assert read_schema(arguments["tables"][0])["target"] == {"name": "Price"}
