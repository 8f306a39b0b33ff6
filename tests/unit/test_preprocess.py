"""The prepared table: its rows, its columns, their coding, and what is refused."""

import gzip
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from lineup.data.columns import MOST_LEVELS
from lineup.data.design import read_design
from lineup.data.preparation import preprocess
from lineup.data.tables import read_schema
from lineup.errors import InputError

FEATURES = [
    "AtBat", "Hits", "HmRun", "Runs", "RBI", "Walks", "Years", "CAtBat", "CHits", "CHmRun", "CRuns", "CRBI",
    "CWalks", "League[N]", "Division[W]", "PutOuts", "Assists", "Errors", "NewLeague[N]",
]  # fmt: skip
FACTORS = {"League": ("A", "N"), "Division": ("E", "W"), "NewLeague": ("A", "N")}


def zipped(*names, text=b"a,y\n1,2\n3,4\n"):
    """Gives the bytes of a zip archive with files of the same text."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, text)
    return packed.getvalue()


@pytest.fixture
def prepared(tmp_path, logger):
    """Gives a function that prepares a table from the text of a CSV file, with the target y."""

    def prepare(text, **settings):
        raw, output = tmp_path / "raw.csv", tmp_path / "table.parquet"
        raw.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        settings = {
            "target": "y",
            "task": "regression",
            "missing_target": "drop",
            "missing_features": "error",
            "imputation": None,
            "rare_levels": 1,
            "reading": {},
            "columns": {},
        } | settings
        preprocess(raw=str(raw), output=str(output), logger=logger, **settings)
        return pq.read_table(output)

    return prepare


def test_the_rows_with_a_salary_are_kept_in_their_order(hitters_csv, hitters_table):
    frame = pd.read_csv(hitters_csv)
    known = frame[frame["Salary"].notna()]
    table = pq.read_table(hitters_table)
    assert (len(frame), table.num_rows, len(frame) - table.num_rows) == (322, 263, 59)
    np.testing.assert_array_equal(table["Salary"].to_numpy(), known["Salary"].to_numpy())
    np.testing.assert_array_equal(table["CAtBat"].to_numpy(), known["CAtBat"].to_numpy())


def test_the_features_stand_in_the_order_of_the_file_and_the_target_last(hitters_table, hitters):
    assert pq.read_schema(hitters_table).names == [*FEATURES, "Salary"]
    assert hitters.features == FEATURES
    assert hitters.X.shape == (263, 19)
    assert hitters.target == "Salary"


def test_the_types_of_the_columns_are_kept(hitters_table):
    types = {field.name: field.type for field in pq.read_schema(hitters_table)}
    coded = {name for name in FEATURES if name.endswith("]")}
    assert {name: types[name] for name in coded} == dict.fromkeys(coded, pa.int8())
    counts = set(FEATURES) - coded
    assert {name: types[name] for name in counts} == dict.fromkeys(counts, pa.int64())
    assert types["Salary"] == pa.float64()


def test_the_values_are_those_of_an_independent_coding(hitters_csv, hitters):
    frame = pd.read_csv(hitters_csv).dropna(subset="Salary")
    coded = pd.get_dummies(frame, columns=list(FACTORS), drop_first=True, prefix_sep="[", dtype=float)
    coded.columns = [f"{name}]" if "[" in name else name for name in coded.columns]
    np.testing.assert_array_equal(hitters.X, coded[FEATURES].to_numpy(float))
    # Each factor takes both levels, or equal columns of zeros would pass.
    for name in (feature for feature in FEATURES if feature.endswith("]")):
        assert set(hitters.X[:, FEATURES.index(name)]) == {0.0, 1.0}


def test_the_table_says_what_its_columns_are(hitters_table):
    schema = read_schema(hitters_table)
    assert set(schema) == {"task", "target", "features", "columns", "rows", "decimal"}
    assert schema["task"] == "regression"
    assert schema["target"] == {"name": "Salary"}
    assert schema["rows"] == {"read": 322, "dropped": 59, "kept": 263}
    assert [feature["name"] for feature in schema["features"]] == FEATURES
    kinds = {
        feature["column"]: {"kind": "category" if "level" in feature else "number"}
        for feature in schema["features"]
    }
    assert schema["columns"] == kinds and len(kinds) == 19
    described = {feature["name"]: feature for feature in schema["features"]}
    assert described["AtBat"] == {"name": "AtBat", "column": "AtBat", "coding": "number"}
    for name, (baseline, level) in FACTORS.items():
        assert described[f"{name}[{level}]"] == {
            "name": f"{name}[{level}]",
            "column": name,
            "coding": "1 for the level, else 0",
            "level": level,
            "baseline": baseline,
        }
    # Nothing else is in the metadata, pandas' index for one.
    assert list(pq.read_schema(hitters_table).metadata) == [b"lineup"]


def test_the_same_bytes_are_written_twice(tmp_path, hitters_csv, hitters_table, hitters_settings, logger):
    again = tmp_path / "again.parquet"
    preprocess(raw=hitters_csv, output=str(again), logger=logger, **hitters_settings)
    assert again.read_bytes() == Path(hitters_table).read_bytes()


def test_a_factor_of_several_levels_equals_pandas_dummies(tmp_path, prepared):
    levels = np.random.default_rng(0).choice(["red", "Blue", "é", "10", "a b", "zz"], 60)
    table = prepared("colour,y\n" + "".join(f"{level},{place}\n" for place, level in enumerate(levels)))
    dummies = pd.get_dummies(pd.Series(levels), dtype=int)
    assert table.column_names == [f"colour[{level}]" for level in dummies.columns[1:]] + ["y"]
    for level in dummies.columns[1:]:
        np.testing.assert_array_equal(table[f"colour[{level}]"].to_numpy(), dummies[level])
    assert read_schema(tmp_path / "table.parquet")["features"][0]["baseline"] == dummies.columns[0] == "10"


def test_true_and_false_become_1_and_0(prepared):
    assert prepared("a,y\ntrue,1\nfalse,2\nTRUE,3\n").to_pydict() == {"a": [1, 0, 1], "y": [1, 2, 3]}


def test_a_text_column_of_one_value_is_no_feature(prepared):
    assert prepared("a,b,y\nx,1,2\nx,2,4\n").column_names == ["b", "y"]


def test_as_many_levels_as_allowed(prepared, tmp_path):
    rows = [f"k{place % MOST_LEVELS:03},{place}" for place in range(2 * MOST_LEVELS)]
    assert prepared("\n".join(["a,y", *rows])).num_columns == MOST_LEVELS
    with pytest.raises(InputError, match="no feature"):
        prepared("\n".join(["a,y", *rows, "one more,1"]))


def test_numbers_of_a_large_file_are_read_alike_from_first_to_last(prepared, tmp_path):
    """The reader takes a megabyte at a time: what shows late in the file counts for all of it."""
    rows = 200_000
    lines = [f"{place},{place % 7},{place}" for place in range(rows)]
    lines[-1] = f"{rows - 1}.5,6,{rows - 1}"
    text = "a,b,y\n" + "\n".join(lines) + "\n"
    assert len(text) > 2**20
    table = prepared(text)
    assert [table[name].type for name in table.column_names] == [pa.float64(), pa.int64(), pa.int64()]
    assert table["a"][-1].as_py() == rows - 0.5
    assert pc.sum(table["y"]).as_py() == rows * (rows - 1) // 2
    lines[-1] = f",6,{rows - 1}"
    with pytest.raises(InputError, match=f"1 missing value in column 'a', the first in row {rows}:"):
        prepared("a,b,y\n" + "\n".join(lines) + "\n")


def test_missing_values_are_dropped_where_the_config_says_so(prepared):
    text = "a,b,y\n1,x,1\n,x,2\n3,,3\n4,z,\n5,NA,5\n6,z,6\n"
    table = prepared(text, missing_features="drop")
    assert table.to_pydict() == {"a": [1, 6], "b[z]": [0, 1], "y": [1, 6]}


def test_what_is_not_a_number_is_missing(prepared):
    """As C writes it, with a sign, and in any case."""
    table = prepared("a,y\n1,1\n-nan,2\n+NaN,3\nnan,4\n5,5\n", missing_features="drop")
    assert table.to_pydict() == {"a": [1, 5], "y": [1, 5]}


def test_the_word_na_in_quotes_is_a_level(prepared):
    """As in R, where what is missing stands without quotes."""
    lands = ['"NA"', '"EU"', "NA"]
    rows = "".join(f"{lands[row % 3]},{row}\n" for row in range(12))
    table = prepared("land,y\n" + rows, missing_features="drop")
    assert table.to_pydict() == {"land[NA]": [1, 0] * 4, "y": [row for row in range(12) if row % 3 < 2]}


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(prepared):
    plain = prepared("a,y\n1,2\n3,4\n")
    assert prepared(b"\xef\xbb\xbf" + b"a,y\r\n1,2\r\n3,4\r\n") == plain


def test_the_file_says_the_same_of_text_outside_ascii(prepared, tmp_path):
    prepared("größe,€\n1,2\n3,4\n", target="€")
    assert read_schema(tmp_path / "table.parquet")["target"] == {"name": "€"}
    raw = pq.read_schema(tmp_path / "table.parquet").metadata[b"lineup"]
    assert json.loads(raw)["features"][0]["name"] == "größe"
    assert read_design(tmp_path / "table.parquet").features == ["größe"]


# What is refused: the text of the file, the settings, and what the sentence has to say.
REFUSED = {
    "no such target": ("a,b\n1,2\n3,4\n", {}, ["has no column 'y', the target", "a, b"]),
    "a target with a slip": (
        "a,Salary\n1,2\n3,4\n",
        {"target": "Salry"},
        ["'Salry'", "did you mean 'Salary'?"],
    ),
    "no such column": ("a,y\n1,2\n3,4\n", {"columns": {"b": "number"}}, ["no column 'b'", "a, y"]),
    "a target of text": ("a,y\n1,x\n2,z\n", {}, ["'x' in column 'y', row 1", "has to be a number"]),
    "a target of true and false": ("a,y\n1,true\n2,false\n", {}, ["'true' in column 'y', row 1"]),
    "a word in a target of numbers": (
        "a,y\n1,2\n2,few\n",
        {},
        ["'few' in column 'y', row 2", "reading.missing"],
    ),
    "a target that is told a category": (
        "a,y\n1,2\n2,3\n",
        {"columns": {"y": "category"}},
        ["'y'", "'category'", "number"],
    ),
    "a target that is left out": (
        "a,y\n1,2\n2,3\n",
        {"columns": {"y": "ignore"}},
        ["'y'", "'ignore'", "number"],
    ),
    "a target with no values": ("a,y\n1,\n2,\n", {}, ["no row left", "'y'", "in 2 of 2 rows"]),
    "a header only": ("a,y\n", {}, ["no row below its header"]),
    "an empty file": ("", {}, ["raw.csv is empty"]),
    "only blanks": ("\n  \n\n", {}, ["raw.csv is empty"]),
    "a short row": ("a,y\n1,2\n3\n", {}, ["1 value in line 3, and 2 columns"]),
    "a long row": ("a,y\n1,2\n3,4,5\n4,5\n5,6\n", {}, ["3 values in line 3, and 2 columns"]),
    "a long row of a file with spaces": (
        "a y\n1 2\n3 4 5\n4 5\n5 6\n",
        {},
        ["3 values in line 3, and 2 columns"],
    ),
    "a note below the table": ("a;y\n1;2\n3;4\nSource: a book\n", {}, ["1 value in line 4"]),
    "two columns of a name": ("a,b,a,y\n1,2,3,4\n", {}, ["more than one column named 'a'", "rename"]),
    "two columns of a name, coded": ('"A[z]",A,y\n1,x,3\n2,z,3\n1,z,4\n', {}, ["'A[z]'", "rename"]),
    "fewer names than columns": (
        "a,b\n1,2,3\n1,3,4\n1,3,5\n",
        {"target": "b"},
        ["2 names", "3 fields", "name each column"],
    ),
    "an infinite feature": ("a,y\n1,2\n2,3\ninf,4\n", {}, ["infinite number in column 'a', row 3"]),
    "an infinite target": ("a,y\n1,2\n2,-inf\n", {}, ["infinite number in column 'y', row 2"]),
    "a number beyond all": ("a,y\n1e400,2\n2,3\n", {}, ["infinite number in column 'a', row 1"]),
    "a target of atoms": (
        "a,y\n1,2e-27\n2,3e-27\n",
        {},
        ["about 1e-27 in column 'y', the target", "another unit"],
    ),
    "no row left": (
        "a,b,y\n,1,2\n1,,3\n,2,4\n3,,5\n",
        {"missing_features": "drop"},
        ["no row left", "in 2 of 4 rows"],
    ),
    "no feature": ("y\n1\n2\n", {}, ["no feature", "'y'"]),
    "only a text of one value": ("a,y\nx,1\nx,2\n", {}, ["no feature", "'y'"]),
    "only a number of one value": ("a,y\n4,1\n4,2\n", {}, ["no feature", "'y'"]),
    "only names": ("who,y\n" + "".join(f"n{row},{row}\n" for row in range(9)), {}, ["no feature"]),
    "all columns left out": ("a,y\n1,2\n2,3\n", {"columns": {"a": "ignore"}}, ["no feature"]),
    "a target missing": (
        "a,y\n1,2\n2,\n3,\n",
        {"missing_target": "error"},
        ["2 missing values in column 'y'", "in row 2:", "missing_target: drop"],
    ),
    "a feature missing": (
        "a,b,y\n1,x,\n2,x,1\n3,,2\n4,,3\n5,x,3\n6,z,1\n",
        {},
        ["2 missing values in column 'b'", "in row 3:", "missing_features: drop"],
    ),
    "a word in a column that is told a number": (
        "a,y\n1,2\nlow,3\n",
        {"columns": {"a": "number"}},
        ["'low' in column 'a', row 2", "has to be a number"],
    ),
    "a word in a column that is told a date": (
        "a,y\n2020-01-01,2\nnow,3\n",
        {"columns": {"a": "date"}},
        ["'now' in column 'a', row 2", "has to be a date"],
    ),
    "a day that there is not, told a date": (
        "a,y\n2020-01-01,2\n2020-02-30,3\n",
        {"columns": {"a": "date"}},
        ["'2020-02-30' in column 'a', row 2"],
    ),
    "a word in a column that is told true or false": (
        "a,y\ntrue,2\nyes,3\n",
        {"columns": {"a": "boolean"}},
        ["'yes' in column 'a', row 2", "true or false"],
    ),
    "day and month either way": (
        "a,y\n3/5/2020,2\n4/6/2021,3\n",
        {},
        ["'3/5/2020' in column 'a'", "day_first or month_first", "reading.dates"],
    ),
    "thousands or decimals": (
        'a,y\n"1,234",2\n"2,345",3\n',
        {},
        ["'1,234' in column 'a'", "reading.decimal"],
    ),
    "thousands or decimals, with points": (
        "a;y\n1.234;2\n2.345;3\n",
        {},
        ["'1.234' in column 'a'", "reading.decimal"],
    ),
    "thousands or decimals in the target": (
        'a,y\n1,"1,234"\n2,"2,345"\n',
        {},
        ["'1,234' in column 'y'", "reading.decimal"],
    ),
    "two decimal marks": (
        "a;b;y\n1,5;1.5;1,234\n2,5;2.25;2,345\n",
        {},
        ["'1,234' in column 'y'", "reading.decimal"],
    ),
    "Cyrillic of Windows": (
        b"\xe8\xec\xff,y\n\xcc\xee\xf1\xea\xe2\xe0,2\n\xca\xe0\xe7\xe0\xed\xfc,3\n",
        {},
        ["not UTF-8", "reading.encoding"],
    ),
    "no such encoding": (
        "a,y\n1,2\n3,4\n",
        {"reading": {"encoding": "utf-9"}},
        ["'utf-9'", "Python does not know"],
    ),
    "another encoding than told": (
        b"a,y\n\xe9,2\nx,3\n",
        {"reading": {"encoding": "utf-8"}},
        ["no text in utf-8", "line 2", "0xe9", "reading.encoding"],
    ),
    "an Excel workbook": (
        zipped("[Content_Types].xml", "xl/workbook.xml"),
        {},
        ["an Excel workbook", "as CSV"],
    ),
    "an OpenDocument sheet": (zipped("mimetype", "content.xml"), {}, ["an OpenDocument sheet", "as CSV"]),
    "an archive that is cut off": (zipped("a.csv")[:-30], {}, ["a zip archive that is broken"]),
    "an archive without a file": (zipped(), {}, ["a zip archive without a file"]),
    "an archive of hidden files": (zipped("__MACOSX/a.csv", ".b.csv"), {}, ["a zip archive without a file"]),
    "an archive in an archive": (zipped("a.zip", text=zipped("b.csv")), {}, ["another zip archive"]),
    "an archive with one bad file": (
        zipped("a.csv", "b.csv", text=b"a,y\n1,2\n3\n"),
        {},
        ["holds a.csv, which has 1 value in line 3, and 2 columns"],
    ),
    "an old Excel workbook": (b"\xd0\xcf\x11\xe0" + bytes(40), {}, ["an old Excel workbook", "as CSV"]),
    "a Parquet file that is cut off": (b"PAR1" + bytes(40), {}, ["cannot be read as Parquet"]),
    "a Feather file that is cut off": (b"ARROW1" + bytes(40), {}, ["cannot be read as Feather"]),
    "an old Feather file": (b"FEA1" + bytes(40), {}, ["a Feather file of the first version"]),
    "bytes of zero": (b"a,y\n1,2\n" + bytes(1) + b"3,4\n" * 20, {}, ["bytes of 0"]),
    "a packed file that is cut off": (
        gzip.compress(b"a,y\n1,2\n3,4\n" * 99)[:-20],
        {},
        ["cannot be unpacked"],
    ),
    "a quote that never ends": ('"a,y\n1,2\n', {}, ["raw.csv"]),
    "another separator than told": (
        "a,y\n1,2\n3,4\n",
        {"reading": {"separator": ";"}},
        ["has no ';'", "separator"],
    ),
    "more lines left out than there are": (
        "a,y\n1,2\n3,4\n",
        {"reading": {"skip_lines": 9}},
        ["raw.csv is empty"],
    ),
    "a header that is none": (
        "a,y\n1,2\n3,4\n",
        {"reading": {"header": False}},
        ["no column 'y'", "column_1, column_2"],
    ),
}


@pytest.mark.parametrize(("text", "settings", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_said_in_one_line(prepared, tmp_path, text, settings, said):
    with pytest.raises(InputError) as caught:
        prepared(text, **settings)
    message = str(caught.value)
    for part in said:
        assert part in message
    assert "raw.csv" in message and "\n" not in message
    assert message.endswith((".", "?"))
    assert not (tmp_path / "table.parquet").exists()


@pytest.mark.parametrize(
    "last", ["Total,6,7", " Total,6,7", "Total:,6,7", "TOTAL GENERAL,6,7", "Total,6,7\n,,"]
)
def test_a_total_below_the_table_is_told(prepared, tmp_path, last):
    prepared(f"who,a,y\nx,1,2\nz,2,1\nx,3,4\nx,9,4\n{last}\n", missing_features="drop")
    (doubt,) = [one for one in read_schema(tmp_path / "table.parquet")["doubts"] if "sums up" in one]
    assert doubt.startswith("The last row holds 'T")


def test_a_quote_that_is_missing_is_told(prepared, tmp_path):
    rows = "".join(f"n{row % 2},{row},{row * row % 7}\n" for row in range(20))
    prepared(f'who,a,y\n{rows}"n1,1,2\nn2,3,4\nn1,3,4\n"n1,5,6\n' + rows, missing_features="drop")
    assert any(
        "look for a quote that is missing" in one for one in read_schema(tmp_path / "table.parquet")["doubts"]
    )


def test_a_column_of_one_value_drops_no_row(prepared):
    rows = "".join(f"{'' if row < 3 else 'DE'},{row % 5},{row}\n" for row in range(20))
    assert prepared("k,a,y\n" + rows).num_rows == 20


def test_a_column_without_values_is_left_out(prepared, tmp_path):
    rows = "".join(f",{row % 5},{row}\n" for row in range(20))
    assert prepared("k,a,y\n" + rows, columns={"k": "number"}).column_names == ["a", "y"]
    assert "Column 'k' has no value in any row" in " ".join(read_schema(tmp_path / "table.parquet")["doubts"])


def test_a_role_takes_no_feature_its_name(prepared):
    rows = "".join(f"20{row}-01-05,g{row % 3},{row}\n" for row in range(10, 30))
    table = prepared("d,d.year,y\n" + rows, columns={"d.year": "group"})
    assert {"d.year", "(group)"} <= set(table.column_names)
    with pytest.raises(InputError, match=r"gives two columns the name '\(group\)'"):
        prepared("(group),b,y\n" + rows.replace("-01-05", ""), columns={"b": "group"})


def test_a_time_is_a_feature_and_an_order_is_none(prepared):
    """Both order the rows alike."""
    rows = "".join(f"20{row}-01-05,{row},{row * row}\n" for row in range(10, 30))
    tables = {kind: prepared("d,a,y\n" + rows, columns={"d": kind}) for kind in ("date", "time", "order")}
    assert tables["time"].column_names == [*tables["date"].column_names, "(time)"]
    assert tables["order"].column_names == ["a", "y", "(time)"]
    assert tables["time"]["(time)"].equals(tables["order"]["(time)"])
    years = prepared("d,a,y\n" + rows.replace("-01-05", ""), columns={"d": "time"})
    assert years.column_names == ["d", "a", "y", "(time)"]
    assert years["d"].to_pylist() == years["(time)"].to_pylist() == list(range(2010, 2030))


def test_rows_of_which_none_is_complete_are_filled(prepared):
    rows = "".join(
        f"{row if row % 2 else ''},{'' if row % 2 else row * row},{row % 7}\n" for row in range(20)
    )
    imputation = {"numbers": "median", "indicators": True}
    table = prepared("a,b,y\n" + rows, missing_features="impute", imputation=imputation)
    assert table.num_rows == 20 and table["a"].null_count == 10


def test_a_factor_may_have_any_levels(prepared):
    levels = ["other", "rare", "pooled", "few", "other_2"]
    rows = "".join(f"{levels[row % 5]},{row}\n" for row in range(20))
    assert "a[other_3]" in prepared("a,y\n" + rows, rare_levels=5).column_names


def test_a_table_without_doubts_says_so(prepared, tmp_path):
    prepared("who,a,y\nx,1,2\nz,2,1\nx,3,4\nx,9,4\nz,6,7\n")
    assert "doubts" not in read_schema(tmp_path / "table.parquet")


def test_many_rows_that_are_dropped_are_told(prepared, tmp_path, capsys, caplog):
    """Of those with a target: nobody can use the others."""
    rows = [f"{row},{'' if row < 3 else row * row},{row % 5},{'' if row > 17 else row}" for row in range(20)]
    prepared("\n".join(["a,b,c,y", *rows]), target="y", missing_target="drop", missing_features="drop")
    warning = (
        f"{tmp_path / 'raw.csv'}: 3 of the 18 rows with a target are dropped, because a feature is missing; column 'b' is missing "
        "in 3 of them: set missing_features: impute, or leave it out with columns: {b: ignore}."
    )
    assert f"Warning: {warning}\n" in capsys.readouterr().err and warning in caplog.messages
    assert warning.partition(": ")[2] in read_schema(tmp_path / "table.parquet")["doubts"]
    caplog.clear()
    rows[0:2] = ["0,1,2,3", "1,2,3,4"]
    prepared("\n".join(["a,b,c,y", *rows]), target="y", missing_target="drop", missing_features="drop")
    assert "dropped" not in capsys.readouterr().err and not any("dropped" in text for text in caplog.messages)
