"""Tables in Parquet, Feather, zip archives and folders: read as the CSV file of the same rows, and by their types."""

import datetime
import decimal
import gzip
import subprocess
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from lineup.data.column import Marks
from lineup.data.columns import type_columns
from lineup.data.description import describe
from lineup.data.header import check_header
from lineup.data.parts import parts_of
from lineup.data.preparation import preprocess
from lineup.data.reading import read_file
from lineup.data.sources import fetch
from lineup.errors import InputError
from lineup.files import digest_of_list, file_digest, files_in

SETTINGS = {
    "target": "y", "task": "regression", "missing_target": "drop", "missing_features": "drop", "imputation": None,
    "rare_levels": 5, "reading": {}, "columns": {},
}  # fmt: skip


def frame(rows=60, seed=0):
    """Makes columns of each kind, with gaps."""
    chance = np.random.default_rng(seed)
    made = pd.DataFrame(
        {"id": np.arange(rows), "width": chance.normal(size=rows), "count": chance.integers(0, 9, rows)}
    )
    made["colour"] = chance.choice(["red", "green", "blue"], rows)
    made["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(chance.integers(0, 500, rows), unit="D")
    made["new"] = chance.random(rows) < 0.5
    made["y"] = made["width"] + made["count"] + chance.normal(size=rows)
    made.loc[3, "width"] = np.nan
    made.loc[5, "colour"] = None
    return made


def in_pieces(made):
    """Cuts a table in three."""
    return [made.iloc[:20], made.iloc[20:21], made.iloc[21:]]


def a_folder(path, write, suffix):
    path.mkdir()
    for number, piece in enumerate(in_pieces(frame())):
        write(piece, path / f"part_{number}{suffix}")
    (path / "_SUCCESS").touch()
    (path / ".part_0.crc").write_bytes(b"\0")
    return path


def an_archive(path, inner):
    folder = inner(path.with_suffix(".parts"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.iterdir():
            archive.write(file, f"rows/{file.name}")
    return path


def to_csv(made, path):
    made.to_csv(path, index=False)
    return path


def to_parquet(made, path):
    made.to_parquet(path, index=False)
    return path


def to_feather(made, path):
    pyarrow.feather.write_feather(pa.Table.from_pandas(made, preserve_index=False), str(path))
    return path


FORMS = {
    "Parquet": lambda path: to_parquet(frame(), path / "rows.parquet"),
    "Feather": lambda path: to_feather(frame(), path / "rows.feather"),
    "a numbered column": lambda path: to_parquet(
        frame().astype({"colour": "category"}), path / "rows.parquet"
    ),
    "a folder of CSV": lambda path: a_folder(path / "rows", to_csv, ".csv"),
    "a folder of packed CSV": lambda path: a_folder(path / "rows", to_csv, ".csv.gz"),
    "a folder of Parquet": lambda path: a_folder(path / "rows", to_parquet, ".parquet"),
    "an archive of CSV": lambda path: an_archive(
        path / "rows.zip", lambda inner: a_folder(inner, to_csv, ".csv")
    ),
    "an archive of Parquet": lambda path: an_archive(
        path / "rows.zip", lambda inner: a_folder(inner, to_parquet, ".parquet")
    ),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_table_is_that_of_the_csv_file(tmp_path, logger, form):
    (tmp_path / "form").mkdir()
    files = [to_csv(frame(), tmp_path / "rows.csv"), form(tmp_path / "form")]
    tables = []
    for number, file in enumerate(files):
        check_header(str(file), SETTINGS)
        preprocess(str(file), str(tmp_path / f"{number}.parquet"), logger=logger, **SETTINGS)
        tables.append(pq.read_table(tmp_path / f"{number}.parquet"))
    assert tables[1].num_rows == 58 and tables[1].num_columns > 20
    assert tables[1].column_names == tables[0].column_names
    for name in tables[0].column_names:
        np.testing.assert_allclose(tables[1][name].to_numpy(), tables[0][name].to_numpy(), rtol=1e-12)


@pytest.mark.parametrize("form", ["a folder of CSV", "a folder of Parquet"])
def test_a_folder_is_fetched_as_it_is(tmp_path, logger, form):
    """With the same bytes whatever the times and the order of its files, and the digest that sha256sum gives."""
    folder = FORMS[form](tmp_path)
    names = [file.name for file in files_in(folder)]
    assert len(names) == 3
    listed = subprocess.run(["sha256sum", *names], cwd=folder, capture_output=True, check=True).stdout
    whole = subprocess.run(["sha256sum"], input=listed, capture_output=True, check=True).stdout.decode()[:64]
    assert digest_of_list({file.name: file_digest(file) for file in files_in(folder)}) == whole
    fetched = [tmp_path / "first", tmp_path / "second"]
    for output in fetched:
        fetch(sources=[{"file": str(folder)}], sha256=whole, max_megabytes=1, output=output, logger=logger)
        for name in reversed(names):
            data = (folder / name).read_bytes()
            (folder / name).unlink()
            (folder / name).write_bytes(data)
    assert fetched[0].read_bytes() == fetched[1].read_bytes()
    assert read_file(fetched[0], {})[0].equals(read_file(folder, {})[0])
    with pytest.raises(InputError, match=r"larger than the 0\.001 MB"):
        fetch(
            sources=[{"file": str(folder)}],
            sha256=whole,
            max_megabytes=0.001,
            output=fetched[0],
            logger=logger,
        )


def test_a_folder_is_described(tmp_path):
    block = describe(str(FORMS["a folder of Parquet"](tmp_path)), "y")
    assert "60 rows of 7 columns" in block and "reading: {}" in block
    assert "colour: category" in block and "day: date" in block and "id: identifier" in block


STORED = {
    "whole numbers": (pa.array([1, 5, None], pa.int16()), "number", [1, 5, None]),
    "large whole numbers": (pa.array([2**63, 1], pa.uint64()), "number", [2.0**63, 1.0]),
    "numbers": (pa.array([1.5, float("nan"), None]), "number", [1.5, None, None]),
    "numbers of 32 bits": (pa.array([1.5, 2], pa.float32()), "number", [1.5, 2]),
    "decimals": (pa.array([decimal.Decimal("1.25"), None]), "number", [1.25, None]),
    "true and false": (pa.array([True, None, False]), "boolean", [True, None, False]),
    "dates": (pa.array([datetime.date(1970, 1, 2), None]), "date", [86400, None]),
    "times with a zone": (
        pa.array([datetime.datetime(1970, 1, 2)], pa.timestamp("ns", "Europe/Berlin")),
        "date",
        [86400],
    ),
    "durations": (pa.array([datetime.timedelta(minutes=1)]), "number", [60.0]),
    "short durations": (pa.array([1_500], pa.duration("ns")), "number", [1e-6]),
    "times of a day": (pa.array([datetime.time(1, 0, 1)]), "number", [3601.0]),
    "levels": (pa.array(["x", "y"] * 9).dictionary_encode(), "category", ["x", "y"] * 9),
    "text of numbers": (pa.array(["1", "2", "4"]), "number", [1, 2, 4]),
    "nothing": (pa.nulls(3), "empty", [None] * 3),
    "no number at all": (pa.array([None, float("nan")], pa.float64()), "empty", [None, None]),
    "lists": (pa.array([[1], [2, 3]]), "text", [None, None]),
    "row numbers": (pa.array(range(30)), "number", [*range(30)]),
}  # fmt: skip


@pytest.mark.parametrize(("values", "kind", "meant"), STORED.values(), ids=STORED)
def test_a_type_says_what_a_column_is(tmp_path, values, kind, meant):
    pq.write_table(pa.table({"a": values}), tmp_path / "a.parquet")
    table, _ = read_file(tmp_path / "a.parquet", {})
    (column,), _ = type_columns(table, {}, Marks())
    given = column.values.cast(pa.int64()) if kind == "date" else column.values
    assert (column.kind, given.to_pylist()) == (kind, meant) and column.reason


TOLD = {
    "a number as a category": ([1.0, 2.0, None], "category", ["1", "2", None]),
    "a fraction as a category": ([1.5, 2.0], "category", ["1.5", "2"]),
    "a number as a weight": ([1, 2], "weight", [1, 2]),
    "a number as an order": ([1999, 2001], "order", [1999.0, 2001.0]),
    "a date as an order": ([datetime.date(1970, 1, 2)], "order", [86400.0]),
    "a date as a group": ([datetime.date(1970, 1, 2)], "group", ["1970-01-02"]),
    "true as a number": ([True, False], "number", [1, 0]),
    "text as a date": (["2024-01-01"], "date", [datetime.datetime(2024, 1, 1)]),
    "an infinite number to ignore": ([1.0, float("inf")], "ignore", [None, None]),
    "large numbers as a category": ([1e20, 2.0], "category", ["1e+20", "2"]),
    "half precision as a category": (np.array([1, 2], np.float16), "category", ["1", "2"]),
}


@pytest.mark.parametrize(("values", "kind", "meant"), TOLD.values(), ids=TOLD)
def test_what_the_config_says_of_a_typed_column_holds(values, kind, meant):
    (column,), _ = type_columns(pa.table({"a": values}), {"a": kind}, Marks())
    assert (column.kind, column.values.to_pylist()) == ({"order": "time"}.get(kind, kind), meant)


def test_a_number_for_missing_is_missing_in_a_typed_column():
    (column,), _ = type_columns(pa.table({"a": [1.5, -999.0, 2.0]}), {}, Marks(missing=(-999.0,)))
    assert column.values.to_pylist() == [1.5, None, 2.0]


def test_the_row_names_of_pandas_are_no_feature():
    table = pa.table({"__index_level_0__": list(range(30)), "a": [1.5, 2.5] * 15})
    assert [column.kind for column in type_columns(table, {}, Marks())[0]] == ["identifier", "number"]


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (
            pd.DataFrame({"a": [1.0], "z": [2.0]}),
            "holds b.csv, which has other columns than a.csv: look at 'y'",
        ),
        (pd.DataFrame({"y": [1.0], "a": [2.0]}), ""),
        (pa.table({"a": [[1]], "y": [2.0]}), "holds column 'a' as list<element: int64> and string"),
    ],
)
def test_files_that_do_not_fit_together(tmp_path, second, said):
    (tmp_path / "a.csv").write_text("a,y\n1,2\n", encoding="utf-8")
    if isinstance(second, pa.Table):
        pq.write_table(second, tmp_path / "b.parquet")
    else:
        second.to_csv(tmp_path / "b.csv", index=False)
    if said:
        with pytest.raises(InputError, match=said):
            read_file(tmp_path, {})
    else:
        assert read_file(tmp_path, {})[0].to_pydict() == {"a": ["1", "2.0"], "y": ["2", "1.0"]}


def test_what_is_no_table_is_refused(tmp_path):
    with pytest.raises(InputError, match="is a folder without a file"):
        parts_of(tmp_path)
    (tmp_path / "inner").mkdir()
    with pytest.raises(InputError, match="holds the folder inner"):
        parts_of(tmp_path)
    to_parquet(frame(), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"is a Parquet file, of which reading\.separator says nothing"):
        read_file(tmp_path / "a.parquet", {"separator": ";"})


def test_a_packed_file_that_is_cut_off_is_told(tmp_path):
    to_parquet(frame(), tmp_path / "a.parquet")
    whole = gzip.compress((tmp_path / "a.parquet").read_bytes())
    for cut in (whole[:-20], whole[:40], b"\x1f\x8b" + bytes(9)):
        (tmp_path / "b.gz").write_bytes(cut)
        with pytest.raises(InputError, match="cannot be"):
            read_file(tmp_path / "b.gz", {})
