"""What `snakemake describe` writes: a block that reads the file as it is read without it."""

import re

import pyarrow.parquet as pq
import pytest
import yaml

from lineup.config import validate
from lineup.data.description import UNKNOWN, describe
from lineup.data.preparation import preprocess
from lineup.data.tables import read_schema
from lineup.errors import InputError

TABLE = """Sales of a shop
id;day;"the size";price;kind;remark;sold
1;13.05.2024;rot;1.234,50;a;first of all;17,5
2;14.05.2024;blau;99,00;a;second of all;-999
3;15.05.2024;rot;n/a;b;third of all;1,5
4;16.05.2024;blau;12,25;007;a fourth;2,5
5;17.05.2024;rot;7,00;b;and a fifth;3,5
6;18.05.2024;blau;8,00;b;and a sixth;4,25
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "my sales.csv"
    path.write_bytes(TABLE.replace("rot", "grün").encode("latin-1"))
    return "my sales.csv"


def test_the_block_is_a_config_that_reads_the_file_alike(tmp_path, file, logger):
    config = yaml.safe_load(describe(file, "sold"))
    dataset = config["datasets"]["my_sales"]
    assert dataset["reading"] == {
        "encoding": "cp1252", "header": True, "separator": ";", "skip_lines": 1, "decimal": ","
    }  # fmt: skip
    assert dataset["columns"] == {
        "id": "identifier", "day": "date", "the size": "category", "price": "number", "kind": "category", "remark": "identifier"
    }  # fmt: skip
    validate(config | {"models": {}} | {"models": {"mean": {"kind": "linear"}}})
    tables = []
    for reading, columns in ((dataset["reading"], dataset["columns"]), ({}, {})):
        output = tmp_path / f"{len(tables)}.parquet"
        preprocess(file, str(output), "sold", "regression", "drop", "drop", None, 5, reading, columns, logger)
        tables.append(pq.read_table(output))
    assert tables[0].equals(tables[1]) and tables[0].num_rows == 5


def test_it_says_what_is_doubtful(file):
    text = describe(file, "sold")
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert comments[0] == "# my sales.csv: 6 rows of 7 columns."
    for part in ("Windows-1252", "'grün'", "'id' is left out", "'remark' is left out"):
        assert any(part in comment for comment in comments), part
    assert "# left out: 6 different" in text and "1 missing; 1234.5, 99.0, 12.25" in text


def test_without_a_target_it_names_those_that_may_be(file):
    text = describe(file, None)
    assert yaml.safe_load(text)["datasets"]["my_sales"]["target"] == UNKNOWN
    assert re.search("# one of .*price.*sold", text)


@pytest.mark.parametrize(
    ("path", "target", "said"),
    [
        ("none.csv", None, "no file 'none.csv'"),
        ("my sales.csv", "sole", "did you mean 'sold'?"),
    ],
)
def test_what_cannot_be_described_is_said(file, path, target, said):
    with pytest.raises(InputError) as caught:
        describe(path, target)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_a_target_that_is_neither_a_number_nor_a_category_is_told(file):
    text = describe(file, "remark")
    assert "# The target 'remark' has to be a number or a category, and was taken as" in text
    assert yaml.safe_load(text)["datasets"]["my_sales"]["target"] == "remark"
    assert "task" not in yaml.safe_load(text)["datasets"]["my_sales"]


def test_a_category_is_a_classification(tmp_path, monkeypatch, logger):
    """The block that is printed can be used as it is, and tells which rows are left out."""
    monkeypatch.chdir(tmp_path)
    rows = [f"{row % 7},{['yes', 'no', 'perhaps'][min(2, row % 2 + (row == 4) * 2)]}" for row in range(40)]
    (tmp_path / "answers.csv").write_text("\n".join(["a,answer", *rows]), encoding="utf-8")
    text = describe("answers.csv", "answer")
    dataset = yaml.safe_load(text)["datasets"]["answers"]
    assert dataset["task"] == "classification" and "class 'perhaps' of 'answer' are left out" in text
    output = str(tmp_path / "table.parquet")
    told = [dataset["reading"], dataset["columns"], logger]
    preprocess(
        "answers.csv", output, "answer", dataset["task"], "drop", "drop", None, 5, *told, rare_classes=2
    )
    assert read_schema(output)["target"]["counts"] == [20, 19]


def test_a_word_among_the_numbers_of_the_target_is_missing(tmp_path, monkeypatch, logger):
    """The block that is printed can be used as it is, also where the word is a level of another column."""
    monkeypatch.chdir(tmp_path)
    rows = [
        f"{'k.A.' if row % 9 == 0 else 'xy'[row % 2]},{row % 5},{'k.A.' if row == 7 else row * 3}"
        for row in range(40)
    ]
    (tmp_path / "rent.csv").write_text("\n".join(["kind,a,rent", *rows]), encoding="utf-8")
    dataset = yaml.safe_load(describe("rent.csv", "rent"))["datasets"]["rent"]
    assert dataset["reading"]["missing"] == ["k.A."]
    output = str(tmp_path / "table.parquet")
    told = [dataset["reading"], dataset["columns"], logger]
    preprocess("rent.csv", output, "rent", "regression", "drop", "drop", None, 5, *told)
    assert pq.read_metadata(output).num_rows == 34
    assert "'kind' has the level 'k.A.', in 5 rows: if it is a missing value" in describe("rent.csv", "rent")


def test_a_large_file_is_described_by_its_first_rows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "1x.csv").write_text(
        "a,y\n" + "".join(f"{row % 7},{row}.5\n" for row in range(600_000)), encoding="utf-8"
    )
    text = describe("1x.csv", "y")
    assert text.startswith("# 1x.csv: the first ") and "table_1x:" in text


def test_a_file_that_no_model_can_use_is_described_all_the_same(tmp_path, monkeypatch):
    """With the reason, and what makes it of use."""
    monkeypatch.chdir(tmp_path)
    rows = [f"{'01' if row == 5 else row * 7 % 50 + 1},{row * 3 % 17}" for row in range(40)]
    (tmp_path / "codes.csv").write_text("\n".join(["code,y", *rows]), encoding="utf-8")
    text = describe("codes.csv", "y")
    assert (
        "no model can be fitted. The file has no feature" in text
        and "left out are 'code' as identifier" in text
    )
    assert "since it holds '01'" in text and "write columns: {code: number}" in text
    assert yaml.safe_load(text)["datasets"]["codes"]["columns"] == {"code": "identifier"}
