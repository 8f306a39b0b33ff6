"""New rows: coded as the table is, predicted as its rows are, and what is wrong with them said."""

import csv

import numpy as np
import pandas as pd
import pytest

from lineup.asked import asked_prediction, take_asked
from lineup.data.design import read_design
from lineup.data.new_rows import read_new_rows
from lineup.data.preparation import preprocess
from lineup.data.tables import read_parquet, read_schema, read_splits, write_table
from lineup.errors import InputError
from lineup.models.linear import fit_linear
from lineup.models.logistic import fit_logistic
from lineup.models.prediction import mean_and_spread, predict, writing

ROWS = 90


def text_of_everything(chance):
    """Makes columns of all kinds, as a person writes them, with gaps and rare levels."""
    days = pd.Timestamp("2023-01-30") + pd.to_timedelta(chance.integers(0, 700, ROWS), unit="D")
    columns = {
        "plain": chance.normal(size=ROWS).round(3),
        "price": [f"${number:,.2f}" for number in chance.uniform(10, 5000, ROWS)],
        "atoms": chance.uniform(1, 9, ROWS) * 1e-20,
        "flag": chance.choice(["TRUE", "false"], ROWS),
        "kind": chance.choice(["10", "9", "x", "seldom"], ROWS, p=[0.5, 0.3, 0.17, 0.03]),
        "shop": chance.choice(["left", "right"], ROWS),
        "day": [day.strftime("%d.%m.%Y") for day in days],
        "seen": [f"{day:%Y-%m-%d} {chance.integers(0, 24):02d}:30" for day in days],
        "gone": ["no"] * ROWS,
        "y": chance.normal(size=ROWS),
    }
    table = pd.DataFrame(columns)
    for name in ("plain", "kind"):
        table.loc[chance.random(ROWS) < 0.1, name] = None
    return table


@pytest.fixture(scope="module")
def known(tmp_path_factory, logger):
    """A prepared table of all kinds of columns, whose gaps are filled: the rows, the file, the schema."""
    folder = tmp_path_factory.mktemp("known")
    rows, table = text_of_everything(np.random.default_rng(5)), str(folder / "table.parquet")
    rows.to_csv(folder / "known.csv", index=False)
    imputation = {"numbers": "median", "indicators": True}
    preprocess(
        str(folder / "known.csv"), table, "y", "regression", "drop", "impute", imputation, 5, {}, {}, logger
    )
    return rows, table, read_schema(table)


@pytest.mark.parametrize("ending", ["csv", "semicolons", "parquet"])
@pytest.mark.parametrize("some", [slice(0, ROWS), slice(3, 4), slice(40, 60)])
def test_rows_of_the_table_are_coded_as_in_the_table(known, some, ending, tmp_path):
    rows, table, schema = known
    file, asked = (
        tmp_path / f"new.{'parquet' if ending == 'parquet' else 'csv'}",
        rows[some].drop(columns="y"),
    )
    if ending == "parquet":
        columns = {
            name: [None if one != one else one for one in asked[name]] for name in reversed(asked.columns)
        }
        write_table(columns, file)
    else:
        asked.to_csv(file, index=False, sep=";" if ending == "semicolons" else ",")
    found = read_new_rows(str(file), schema, {}, imputes=True)
    assert found.can.all() and not found.doubts
    assert len(schema["features"]) > 30  # the dates have months and weekdays
    # With what each split learns, too.
    design = read_design(table, found.features, "median")
    train = np.random.default_rng(0).permutation(ROWS)[None, :50]
    new, old = design.coded(train, np.arange(ROWS, len(design.X))[None], np.arange(ROWS)[some][None])
    np.testing.assert_array_equal(new, old)
    np.testing.assert_array_equal(read_design(table).coded(train, np.arange(ROWS)[some][None])[0], new)


def changed(rows, **values):
    """Gives three rows of a table, the second with other values."""
    rows = rows.drop(columns="y").iloc[:3].astype(object).copy()
    for name, value in values.items():
        rows.loc[rows.index[1], name] = value
    return rows


REFUSED = {
    "word": ({"plain": "many"}, "holds 'many' in column 'plain', row 2, which has to be a number"),
    "infinite": (
        {"plain": "1e999"},
        "infinite number in column 'plain', row 2|'1e999' in column 'plain', row 2",
    ),
    "truth": ({"flag": "maybe"}, "holds 'maybe' in column 'flag', row 2, which has to be true or false"),
    "date": ({"day": "soon"}, "holds 'soon' in column 'day', row 2, which has to be a date"),
    # The order of day and month is that of the table, whatever the new rows would say.
    "month": ({"day": "01.13.2024"}, "holds '01.13.2024' in column 'day', row 2, which has to be a date"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_of_the_kind_is_refused(case, known, tmp_path):
    values, said = REFUSED[case]
    changed(known[0], **values).to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(InputError) as error:
        read_new_rows(str(tmp_path / "new.csv"), known[2], {}, imputes=True)
    assert any(part in str(error.value) for part in said.split("|")) and "new.csv" in str(error.value)


def test_a_column_that_is_missing_is_named_and_one_too_many_does_not_matter(known, tmp_path):
    file = tmp_path / "new.csv"
    changed(known[0]).rename(columns={"price": "prices"}).to_csv(file, index=False)
    with pytest.raises(
        InputError, match="has no column 'price', which the models predict from: did you mean 'prices'"
    ):
        read_new_rows(str(file), known[2], {}, imputes=True)
    changed(known[0]).drop(columns=["shop", "price"]).to_csv(file, index=False)
    with pytest.raises(InputError, match=r"has no column 'price' \(and 1 more\)"):
        read_new_rows(str(file), known[2], {}, imputes=True)
    # A constant column is no feature, and need not be there.
    changed(known[0]).drop(columns="gone").assign(other=1).to_csv(file, index=False)
    assert read_new_rows(str(file), known[2], {}, imputes=True).can.all()
    with pytest.raises(InputError, match="There is no file"):
        read_new_rows("none.csv", known[2], {}, imputes=True)


def test_a_level_that_is_new_is_a_rare_one_where_there_are_such_and_else_not_predicted(known, tmp_path):
    rows, table, schema = known
    file = tmp_path / "new.csv"
    changed(rows, kind="never seen", shop="left").to_csv(file, index=False)
    found = read_new_rows(str(file), schema, {}, imputes=True)
    (doubt,) = found.doubts
    assert (
        doubt
        == "In row 2: column 'kind' holds 'never seen', which no row of the table has, and which counts as a rare one."
    )
    assert found.can.all()
    design = read_design(table, found.features, "median")
    names = design.features
    whole = np.arange(ROWS)[None]
    (X,) = design.coded(whole, np.array([[ROWS + 1]]))
    levels = {name: X[0, 0, place] for place, name in enumerate(names) if name.startswith("kind[")}
    assert levels.pop("kind[other]") == 1 and levels.pop("kind[missing]") == 0 and set(levels.values()) == {0}
    # Where no level is rare in the training rows, it counts as the most frequent.
    train = np.flatnonzero(rows["kind"] != "seldom")[None]
    (X,) = design.coded(train, np.array([[ROWS + 1]]))
    (most,) = design.coded(train, np.flatnonzero(rows["kind"] == "10")[None, :1])
    kinds = [place for place, name in enumerate(names) if name.startswith("kind[") and "missing" not in name]
    np.testing.assert_array_equal(X[0, 0, kinds], most[0, 0, kinds])


def test_rows_that_cannot_be_predicted_are_told(hitters_table, hitters_csv, tmp_path):
    rows = pd.read_csv(hitters_csv).iloc[:6]
    rows.loc[1, "League"], rows.loc[3, "League"] = "X", "Y"
    rows["Hits"] = rows["Hits"].astype(object)
    rows.loc[4, "Hits"] = None
    rows.to_csv(tmp_path / "new.csv", index=False)
    found = read_new_rows(str(tmp_path / "new.csv"), read_schema(hitters_table), {}, imputes=False)
    assert found.can.tolist() == [True, False, True, False, False, True]
    # Salary is missing in the first row, and is not asked for.
    level, missing = sorted(found.doubts)
    assert level.startswith(
        "2 rows have no prediction, the first of them row 2: column 'League' holds 'X', which"
    )
    assert missing.startswith("Row 5 has no prediction: column 'Hits' is empty.")


def test_numbers_in_another_unit_are_doubted(known, tmp_path):
    changed(known[0]).assign(price=["12 %", "13 %", "14 %"]).to_csv(tmp_path / "new.csv", index=False)
    (doubt,) = read_new_rows(str(tmp_path / "new.csv"), known[2], {}, imputes=True).doubts
    assert doubt == "Column 'price' is written with %, and in the table with $: are they of one unit?"


def test_mean_and_spread_are_those_of_all_models():
    drawn = np.random.default_rng(1).normal(1e6, 1, size=(50, 4))
    mean, spread, number = mean_and_spread(iter(drawn))
    assert number == 50
    np.testing.assert_allclose(mean, drawn.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(spread, drawn.std(axis=0, ddof=1), rtol=1e-8)
    assert mean_and_spread(iter(drawn[:1]))[1:] == (None, 1)


def predicted(table, splits, paths, rows, output, logger, **more):
    """Predicts rows, and reads what is written."""
    given = {"model": {}, "reading": {}, "imputation": None, "logger": logger} | more
    said = predict(
        table, [splits], [paths["predictions"]], [paths["coefficients"]], rows, str(output), **given
    )
    if output.suffix == ".parquet":
        return said, read_parquet(output).to_pylist()
    with output.open(newline="", encoding="utf-8") as file:
        return said, list(csv.DictReader(file))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_predictions_of_test_rows_are_those_of_the_results(ending, prepare, tmp_path, logger):
    chance = np.random.default_rng(2)
    columns = {
        "a": chance.normal(size=40).round(3),
        "f": chance.choice(["u", "v, w"], 40),
        "y": chance.normal(size=40),
    }
    table, splits = prepare(tmp_path, columns, (4, 5, 6))
    paths = {part: str(tmp_path / f"{part}.parquet") for part in ("predictions", "scores", "coefficients")}
    fit_linear(table, splits, **paths, logger=logger)
    drawn, stored = read_splits([splits]), pd.read_parquet(paths["predictions"])
    rows, output = str(tmp_path / "made.csv"), tmp_path / f"out.{ending}"
    by_seed = {}
    for seed, test in zip(drawn.seeds, drawn.test, strict=True):
        said, found = predicted(table, splits, paths, rows, output, logger, seed=int(seed))
        assert said == f"40 of 40 rows are predicted by one model, in {output}."
        by_seed[seed] = np.array([float(record["predicted"]) for record in found])
        np.testing.assert_allclose(
            by_seed[seed][test], stored["predicted"][stored["seed"] == seed], rtol=1e-12
        )
    said, found = predicted(table, splits, paths, rows, output, logger)
    assert said == f"40 of 40 rows are predicted by 3 models together, in {output}."
    together = np.stack(list(by_seed.values()))
    for name, values in {
        "predicted": together.mean(axis=0),
        "predicted_sd": together.std(axis=0, ddof=1),
    }.items():
        np.testing.assert_allclose([float(record[name]) for record in found], values, rtol=1e-9)
    assert [record["f"] for record in found] == columns["f"].tolist()  # the rows stand beside
    with pytest.raises(InputError, match="could not be fitted on split 9"):
        predicted(table, splits, paths, rows, output, logger, seed=9)


def test_classes_are_predicted_by_their_mean_probability_and_the_threshold(prepare, tmp_path, logger):
    chance = np.random.default_rng(4)
    x = chance.normal(size=60)
    y = np.where(x + chance.normal(size=60) > 0.5, "yes", "no")
    table, splits = prepare(tmp_path, {"x": x, "y": y}, (1, 2), task="classification")
    paths = {part: str(tmp_path / f"{part}.parquet") for part in ("predictions", "scores", "coefficients")}
    fit_logistic(table, splits, **paths, processes=1, logger=logger)
    rows = tmp_path / "new.csv"
    pd.DataFrame({"x": np.linspace(-3, 3, 31)}).to_csv(rows, index=False)
    for threshold in (0.5, 0.2):
        _, found = predicted(
            table, splits, paths, str(rows), tmp_path / "out.csv", logger, threshold=threshold
        )
        share = np.array([float(record["probability[yes]"]) for record in found])
        np.testing.assert_allclose(
            share, [1 - float(record["probability[no]"]) for record in found], atol=1e-12
        )
        assert [record["predicted"] for record in found] == [
            "yes" if one > threshold else "no" for one in share
        ]
        assert share.min() < 0.2 < 0.5 < share.max()
        assert all(float(record["probability_sd[yes]"]) > 0 for record in found)
    pd.DataFrame({"x": [1.0], "predicted": ["no"]}).to_csv(rows, index=False)
    # A column of that name stays as it is.
    _, (found,) = predicted(table, splits, paths, str(rows), tmp_path / "out.csv", logger)
    assert (
        found["predicted"] == "no"
        and found["lineup_predicted"] == "yes"
        and "lineup_probability[no]" in found
    )
    pd.DataFrame({"x": [None, None]}).to_csv(rows, index=False)
    with pytest.raises(InputError, match="no row that can be predicted"):
        predicted(table, splits, paths, str(rows), tmp_path / "out.csv", logger)


CONFIG = {
    "build": ["one", "two"],
    "datasets": {
        name: {
            "format": "csv",
            "models": models,
            "splits": {"seeds": {"first": 1, "last": 9}, "sources": [{"file": f"tests_of_{name}.csv"}]},
            "sources": [{"file": f"{name}.csv"}],
        }
        for name, models in {"one": ["flat", "steep"], "two": ["flat"], "three": ["other"]}.items()
    }
    | {"pictures": {"format": "images", "models": ["flat"], "splits": {"seeds": [1]}, "sources": []}},
    "models": {"flat": {}, "steep": {"splits": 3}, "other": {}},
}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "Say which model is to predict, as model=flat: there are flat and steep."),
        ({"model": "stepe"}, "model=stepe is not among the models of one and two: did you mean steep?"),
        ({"model": "flat"}, "flat is fitted on one and two: say which is meant, as dataset=one."),
        ({"model": "flat", "dataset": "tow"}, "dataset=tow is not in the config: did you mean two?"),
        (
            {"model": "steep", "fit": 4},
            "fit=4 is none of those of steep on one: leave it out for all its splits",
        ),
        ({"model": "steep", "fit": "all"}, "fit=all is none of those of steep on one"),
        ({"model": "steep", "fit": "²"}, "fit=² is none of those of steep on one"),
        ({"model": "steep", "fit": 1.5}, "fit=1.5 is none of those of steep on one"),
        ({"model": "steep", "to": "./new.csv"}, "would take the place of what is read"),
        ({"model": "steep", "to": "one.csv"}, "would take the place of what is read"),
        ({"model": "steep", "to": "one.csv/more.csv"}, "would take the place of what is read"),
        ({"model": "steep", "to": "tests_of_one.csv"}, "would take the place of what is read"),
        ({"model": "steep", "to": "results/one/predicted.csv"}, "would take the place of what is read"),
        ({"model": "steep", "to": "mine.yaml"}, "to=mine.yaml has to end in .csv or .parquet."),
        ({"model": "steep", "rows": None, "to": "one.csv"}, "to=one.csv has to end in .onnx."),
        ({"model": "flat", "dataset": "pictures"}, "pictures has images, and predict takes tables."),
    ],
)
def test_what_is_asked_wrongly_is_said(asked, said):
    with pytest.raises(InputError) as error:
        asked_prediction(take_asked({"rows": "new.csv"} | asked), CONFIG)
    assert said in str(error.value)


def test_what_is_asked_is_understood():
    config = {"rows": "a/new.csv.gz", "model": "steep", "fit": 3, "datasets": {}, "build": ["x"]}
    found = asked_prediction(take_asked(config), CONFIG)
    assert (found.dataset, found.model, found.seed, found.all_rows) == ("one", "steep", 3, False)
    assert (found.rows, found.to) == ("a/new.csv.gz", "a/new.predicted.csv")
    assert config == {"datasets": {}, "build": ["x"]}
    for name, to in {"s.2024.csv": "s.2024", ".h.tsv": ".h", "new": "new", "b/a.parquet": "b/a"}.items():
        asked = take_asked({"rows": name, "model": "steep", "to": ""})
        assert asked_prediction(asked, CONFIG).to == f"{to}.predicted.csv"
    found = asked_prediction(
        {"rows": "new.csv", "model": "other", "dataset": "three", "fit": "all_rows"}, CONFIG
    )
    assert found.all_rows and found.seed is None
    found = asked_prediction({"model": "steep"}, CONFIG)
    assert (found.rows, found.to) == (None, "one.steep.onnx")
    assert asked_prediction({}, CONFIG) is None


def prepared_from(folder, text, logger, rare_levels=5, impute=True, reading=None, told=None):
    """Prepares a table of a text, and gives its path."""
    (folder / "table.csv").write_text(text, encoding="utf-8")
    table = str(folder / "table.parquet")
    imputation = {"numbers": "median", "indicators": False} if impute else None
    missing = "impute" if impute else "drop"
    raw = str(folder / "table.csv")
    preprocess(
        raw,
        table,
        "y",
        "regression",
        "drop",
        missing,
        imputation,
        rare_levels,
        reading or {},
        told or {},
        logger,
    )
    return table


def coded_rows(table, file, impute=True, reading=None):
    """Reads new rows, and gives their features by name with those that a fit to the whole table fills in; and the doubts."""
    found = read_new_rows(str(file), read_schema(table), reading or {}, imputes=impute)
    design = read_design(table, found.features, "median" if impute else None)
    whole = len(design.X) - len(found.features)
    (X,) = design.coded(np.arange(whole)[None], np.arange(whole, len(design.X))[None])
    return {name: X[0, :, place].tolist() for place, name in enumerate(design.features)}, found.doubts


ZONES = "zone,x,y\n" + "".join(f"{row % 3 + 1},{row},{row % 7}\n" for row in range(60))


@pytest.mark.parametrize("written", [["1", "2", "3"], ["1.0", "2.0", "3.0"], ["01", "+2", "3"]])
def test_levels_that_are_the_same_number_are_the_same_level(written, tmp_path, logger):
    table = prepared_from(tmp_path, ZONES, logger, told={"zone": "category"})
    (tmp_path / "new.csv").write_text(
        "zone,x\n" + "".join(f"{word},1\n" for word in written), encoding="utf-8"
    )
    found, doubts = coded_rows(table, tmp_path / "new.csv")
    assert (found["zone[2]"], found["zone[3]"], doubts) == ([0, 1, 0], [0, 0, 1], [])


def test_numbers_are_read_with_the_mark_of_the_table(tmp_path, logger):
    text = "price;y\n" + "".join(f"1.{row:03d},5;{row % 7}\n" for row in range(100, 140))
    table = prepared_from(tmp_path, text, logger)
    (tmp_path / "new.csv").write_text("price;other\n4.500;12.5\n4.500;1\n", encoding="utf-8")
    assert coded_rows(table, tmp_path / "new.csv")[0]["price"] == [4500.0, 4500.0]
    (tmp_path / "new.csv").write_text("price\n4500.5\n", encoding="utf-8")
    # This can be read in one way only.
    assert coded_rows(table, tmp_path / "new.csv")[0]["price"] == [4500.5]


def test_a_table_can_predict_its_own_file(tmp_path, logger):
    """A word counts as missing in one column and is a level of another; there are no names."""
    words = [
        ("unknown" if row % 20 == 3 else str(row), "unknown" if row % 3 else "sure", row % 7)
        for row in range(60)
    ]
    text = "".join(f"{x},{c},{y}\n" for x, c, y in words)
    table = prepared_from(tmp_path, "x,c,y\n" + text, logger)
    found, doubts = coded_rows(table, tmp_path / "table.csv")
    assert doubts == [] and found["c[unknown]"] == [float(row % 3 != 0) for row in range(60)]
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "table.csv").write_text(
        "".join(f"{row},{row * 1.5},{row % 7}\n" for row in range(40)), encoding="utf-8"
    )
    bare_table = str(bare / "table.parquet")
    preprocess(
        str(bare / "table.csv"),
        bare_table,
        "column_3",
        "regression",
        "drop",
        "drop",
        None,
        5,
        {},
        {"column_1": "number"},
        logger,
    )
    found, doubts = coded_rows(bare_table, bare / "table.csv", impute=False)
    assert doubts == [] and found["column_2"] == [row * 1.5 for row in range(40)]


def test_an_empty_level_counts_as_the_most_frequent_though_none_was_empty(tmp_path, logger):
    table = prepared_from(
        tmp_path, ZONES.replace("3,", "2,", 9), logger, rare_levels=1, told={"zone": "category"}
    )
    (tmp_path / "new.csv").write_text("zone,x\n,1\n2,\n", encoding="utf-8")
    found, _ = coded_rows(table, tmp_path / "new.csv")
    assert found["zone[2]"] == [1, 1] and found["zone[3]"] == [0, 0]
    assert found["x"] == [1.0, 29.5]


def test_columns_of_other_types_are_read_or_refused(known, tmp_path):
    rows, _, schema = known
    columns = {
        name: [None if one != one else one for one in values] for name, values in changed(rows).items()
    }

    def read(**values):
        write_table(columns | values, tmp_path / "new.parquet")
        return read_new_rows(str(tmp_path / "new.parquet"), schema, {}, imputes=True)

    assert read(flag=[1, 0, 1]).features[:, schema_place(schema, "flag")].tolist() == [1, 0, 1]
    # Nothing but gaps has no type.
    assert np.isnan(
        read(plain=[None] * 3, day=[None] * 3, flag=[None] * 3).features[:, schema_place(schema, "day.days")]
    ).all()
    for name, values, said in (
        (
            "plain",
            [[1], [2], [3]],
            r"values of type list<.*> in column 'plain', which is a number in the table",
        ),
        (
            "plain",
            [True, False, True],
            "values of type bool in column 'plain', which is a number in the table",
        ),
        (
            "kind",
            [b"x", b"x", b"9"],
            "values of type binary in column 'kind', which is a category in the table",
        ),
    ):
        with pytest.raises(InputError, match=said):
            read(**{name: values})


def schema_place(schema, name):
    """Gives the place of a feature by its name, or by that of its column."""
    return next(
        place for place, about in enumerate(schema["features"]) if name in (about["name"], about["column"])
    )


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be written"), writing(str(tmp_path / "file" / "out.csv")):
        pass
