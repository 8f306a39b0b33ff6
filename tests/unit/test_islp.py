"""The tables of the ISLP package with a number to predict: a few lines each, and the scores of a pipeline of scikit-learn."""

import re

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from support.tree import ROOT

from lineup.config import table_settings, validate
from lineup.data.header import check_header
from lineup.data.packages import open_wheel
from lineup.data.preparation import preprocess
from lineup.data.splits import split
from lineup.data.tables import read_schema, read_splits, read_table
from lineup.models.linear import fit_linear

# What a person writes below the name of the dataset.
BLOCKS = """
Auto: {file: Auto.csv, target: mpg}
Auto_as_data: {file: Auto.data, target: mpg, missing_features: impute}
Bikeshare:
  file: Bikeshare.csv
  target: bikers
  columns: {casual: ignore, registered: ignore, hr: category}
Boston: {file: Boston.csv, target: medv}
Carseats: {file: Carseats.csv, target: Sales}
College: {file: College.csv, target: Apps}
Credit: {file: Credit.csv, target: Balance}
Hitters: {file: Hitters.csv, target: Salary}
Wage:
  file: Wage.csv
  target: wage
  columns: {logwage: ignore}
"""
TABLES = yaml.safe_load(BLOCKS)
# What pandas has to be told, and which columns a person would leave out.
READ = {"Auto_as_data": {"sep": r"\s+", "na_values": "?"}}
NAMES = {"Auto": ["name"], "Auto_as_data": ["name"], "Credit": ["ID"], "Wage": ["region"]}


@pytest.fixture(scope="module")
def islp(tmp_path_factory, logger):
    """The folder with the files."""
    folder = tmp_path_factory.mktemp("islp")
    source = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["datasets"]["hitters"][
        "sources"
    ][1]
    with open_wheel(source, logger) as opener:
        for file in {block["file"] for block in TABLES.values()}:
            with opener(f"ISLP/data/{file}") as (stream, _):
                (folder / file).write_bytes(stream.read())
    return folder


def prepared(name, folder, tmp_path, logger, **changes):
    """Prepares a table as the workflow does with its block; gives its path and what is doubted."""
    block = TABLES[name] | {"file": str(folder / TABLES[name]["file"])} | changes
    config = {"build": ["one"], "datasets": {"one": block}, "models": {}}
    validate(config | {"models": {"any": {"kind": "linear"}}})
    check_header(block["file"], block)
    table = str(tmp_path / "table.parquet")
    preprocess(raw=block["file"], output=table, logger=logger, **table_settings(block))
    return table, read_schema(table).get("doubts", [])


@pytest.mark.long
@pytest.mark.parametrize("name", TABLES)
def test_scores_are_those_of_a_pipeline(name, islp, tmp_path, logger):
    table, _ = prepared(name, islp, tmp_path, logger)
    splits, paths = str(tmp_path / "splits.parquet"), {}
    split(table, splits, 0.25, list(range(1, 6)), logger)
    for key in ("predictions", "scores", "coefficients"):
        paths[key] = str(tmp_path / f"{key}.parquet")
    fit_linear(table, splits, **paths, logger=logger)
    block = TABLES[name]
    frame = (
        pd.read_csv(islp / block["file"], **READ.get(name, {}))
        .dropna(subset=block["target"])
        .reset_index(drop=True)
    )
    ignored = [column for column, kind in block.get("columns", {}).items() if kind == "ignore"]
    y = frame.pop(block["target"]).to_numpy()
    X = frame.drop(columns=[*ignored, *NAMES.get(name, [])])
    factors = [
        column
        for column in X
        if X[column].dtype.kind not in "if" or block.get("columns", {}).get(column) == "category"
    ]
    encoder = OneHotEncoder(min_frequency=5, handle_unknown="infrequent_if_exist", sparse_output=False)
    numbers = [column for column in X if column not in factors]
    model = make_pipeline(
        make_column_transformer(
            (SimpleImputer(strategy="median", add_indicator=True), numbers), (encoder, factors)
        ),
        LinearRegression(),
    )
    drawn = read_splits([splits])
    mine = read_table(paths["scores"])["mae"]
    for place, (train, test) in enumerate(zip(drawn.train, drawn.test, strict=True)):
        model.fit(X.iloc[train], y[train])
        tested = X.iloc[test].copy()
        for column in factors:
            counts = X[column].iloc[train].value_counts()
            if (counts >= 5).all():
                # A level without training rows, where none is rare: scikit-learn knows no such rule.
                tested.loc[~tested[column].isin(counts.index), column] = counts.index[0]
        assert mine[place] == pytest.approx(np.abs(model.predict(tested) - y[test]).mean(), rel=1e-8)
    assert (
        len(X) == len(read_table(table, [block["target"]])[block["target"]])
        and mine.max() < np.abs(y - np.median(y)).mean()
    )


@pytest.mark.parametrize("name", ["Bikeshare", "Wage"])
def test_a_leak_is_left_out_by_the_line_that_is_suggested(name, islp, tmp_path, logger):
    _, doubts = prepared(name, islp, tmp_path, logger, columns={})
    (leak,) = [doubt for doubt in doubts if "give" in doubt]
    suggested = yaml.safe_load(re.search(r"columns: (\{.*\})\.$", leak)[1])
    assert suggested == {column: kind for column, kind in TABLES[name]["columns"].items() if kind == "ignore"}
    _, doubts = prepared(name, islp, tmp_path, logger)
    assert not [doubt for doubt in doubts if "give" in doubt]


def test_the_blocks_are_short():
    for block in re.split(r"\n(?=\w)", BLOCKS.strip()):
        assert len(block.splitlines()) <= 6
    assert len(TABLES) == 9
