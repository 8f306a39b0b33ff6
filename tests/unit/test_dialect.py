"""How files are written, found out: each is written by Python's own csv module, whose settings are the truth."""

import csv
import io
import random

import pytest

from lineup.data.dialect import ONE_COLUMN, SAMPLE, find_dialect
from lineup.data.reading import read_file
from lineup.errors import InputError

NAMES = ["name", "city", "age", "pay", "height"]


def rows(number=30, decimal=".", thousands="", cities=("Oslo", "Bonn", "Lima", "Turin")):
    """Makes rows as offices have them."""
    chance = random.Random(1)
    made = []
    for _ in range(number):
        pay = (
            f"{chance.uniform(900, 9999):,.2f}".replace(",", "_")
            .replace(".", decimal)
            .replace("_", thousands)
        )
        height = f"{chance.uniform(1.5, 2):.2f}".replace(".", decimal)
        person = chance.choice(["Anna", "Bert", "Carl", "Dora"])
        made.append([person, chance.choice(cities), str(chance.randint(18, 80)), pay, height])
    return made


def written(table, separator=",", names=NAMES, before="", end="\n", **more):
    """Writes rows as CSV."""
    file = io.StringIO()
    writer = csv.writer(file, delimiter=separator, lineterminator=end, **more)
    writer.writerows([names, *table] if names else table)
    return before + file.getvalue()


CITIES = ["Köln", "Málaga", "São Paulo", "Zürich"]
QUOTED = [[f"{row[0]}, Dr.; A|B", *row[1:]] for row in rows()]
BROKEN = [
    ['line one\nline "two", three', *row[1:]] if place % 3 == 0 else row for place, row in enumerate(rows())
]
# The text or bytes, the rows that are meant, the separator, and what else is to be found.
FILES = {
    **{
        f"{name}, {what}": (written(rows(), mark, **how), rows(), mark, {})
        for name, mark in {"commas": ",", "semicolons": ";", "tabs": "\t", "bars": "|"}.items()
        for what, how in {
            "plain": {},
            "all quoted": {"quoting": csv.QUOTE_ALL},
            "of Windows": {"end": "\r\n"},
            "no header": {"names": None},
        }.items()
    },
    "commas in quotes": (written(QUOTED), QUOTED, ",", {}),
    "lines in quotes": (written(BROKEN, ";"), BROKEN, ";", {}),
    "decimal commas": (written(rows(decimal=","), ";"), rows(decimal=","), ";", {}),
    "decimal commas in quotes": (written(rows(decimal=",")), rows(decimal=","), ",", {}),
    "decimal commas with tabs": (written(rows(decimal=","), "\t"), rows(decimal=","), "\t", {}),
    "thousands with points": (
        written(rows(decimal=",", thousands="."), ";"),
        rows(decimal=",", thousands="."),
        ";",
        {},
    ),
    "thousands with commas": (written(rows(thousands=",")), rows(thousands=","), ",", {}),
    "comments first": (written(rows(), before="# made by X\n# 2020, v1\n"), rows(), ",", {"skip": 3}),
    "a title first": (
        written(rows(), ";", before="Sales\nof May 3, 2021, by A. B.\n\n"),
        rows(),
        ";",
        {"skip": 4},
    ),
    "a padded title first": (written(rows(), before="Sales report,,,,\n,,,,\n"), rows(), ",", {"skip": 3}),
    "empty lines first": ("\n\n" + written(rows()), rows(), ",", {"skip": 3}),
    "sep= first": (written(rows(), ";", before="sep=;\r\n", end="\r\n"), rows(), ";", {"skip": 2}),
    "apostrophes for quotes": (
        written(rows(), quoting=csv.QUOTE_ALL, quotechar="'"),
        rows(),
        ",",
        {"quote": "'"},
    ),
    "apostrophes in names": (written([["O'Neil", *row[1:]] for row in rows()]), None, ",", {"quote": '"'}),
    "a backslash before quotes": (
        ",".join(NAMES) + "\n" + "".join(f'"{row[0]} \\"Jr\\", A",{",".join(row[1:])}\n' for row in rows()),
        [[f'{row[0]} "Jr", A', *row[1:]] for row in rows()],
        ",",
        {"escape": "\\"},
    ),
    "a byte order mark": (b"\xef\xbb\xbf" + written(rows()).encode(), rows(), ",", {"names": NAMES}),
    "UTF-16": (written(rows(cities=CITIES), ";").encode("utf-16"), rows(cities=CITIES), ";", {}),
    "UTF-16 without a mark": (written(rows(cities=CITIES)).encode("utf-16-le"), rows(cities=CITIES), ",", {}),
    "Latin-1": (
        written(rows(cities=CITIES), ";").encode("latin-1"),
        rows(cities=CITIES),
        ";",
        {"encoding": "cp1252"},
    ),
    "years for names": (
        written(
            [["a", "1", "2", "3"], ["b", "4", "5", "6"], ["c", "7", "8", "9"]],
            names=["land", "2001", "2002", "2003"],
        ),
        [["a", "1", "2", "3"], ["b", "4", "5", "6"], ["c", "7", "8", "9"]],
        ",",
        {"names": ["land", "2001", "2002", "2003"], "header": True},
    ),
    "names in spaces": (
        written(rows(), names=[f" {name} " for name in NAMES]),
        rows(),
        ",",
        {"names": NAMES},
    ),
    "row names of R": (
        ",".join(NAMES) + "\n" + "".join(f'"{place}",{",".join(row)}\n' for place, row in enumerate(rows())),
        [[str(place), *row] for place, row in enumerate(rows())],
        ",",
        {"names": ["row_names", *NAMES]},
    ),
    "a separator at each end": (
        "".join(";".join(row) + ";\n" for row in [NAMES, *rows()]),
        [[*row, None] for row in rows()],
        ";",
        {"names": [*NAMES, "column_6"]},
    ),
    "spaces": (
        "age  pay height\n" + "".join(f"{row[2]:>5} {row[3]:>9}\t{row[4]}\n" for row in rows()),
        [row[2:] for row in rows()],
        " ",
        {"names": ["age", "pay", "height"]},
    ),
    "one column": (
        "x\n" + "".join(f"{row[2]}\n" for row in rows()),
        [[row[2]] for row in rows()],
        None,
        {"names": ["x"]},
    ),
    "one column of decimal commas": (
        "x\n" + "".join(f"{row[4]}\n" for row in rows(decimal=",")),
        [[row[4]] for row in rows(decimal=",")],
        None,
        {"names": ["x"]},
    ),
    "one column of words": (
        "remark\n" + "yes, no\none; two\na b c\nhello\n" * 9,
        None,
        None,
        {"names": ["remark"]},
    ),
    "lists in fields": (
        written(
            [[str(row), "; ".join(["Anna", "Bert"][: 1 + row % 2]), str(row % 7)] for row in range(30)],
            names=["i", "who", "k"],
        ),
        None,
        ",",
        {"names": ["i", "who", "k"]},
    ),
    "a header that begins with #": (
        "#chrom\tx\ty\n" + "".join(f"c{row}\t{row}\t{row}\n" for row in range(9)),
        [[f"c{row}", str(row), str(row)] for row in range(9)],
        "\t",
        {"names": ["#chrom", "x", "y"]},
    ),
    "a header with few names": (
        "x,,,,y\n" + "".join(f"{row},1,2,3,4\n" for row in range(9)),
        [[str(row), "1", "2", "3", "4"] for row in range(9)],
        ",",
        {"names": ["x", "column_2", "column_3", "column_4", "y"]},
    ),
    "a header of two lines": (
        'id,"price\n(EUR)",y\n' + "".join(f"{row},1,2\n" for row in range(9)),
        [[str(row), "1", "2"] for row in range(9)],
        ",",
        {"names": ["id", "price\n(EUR)", "y"], "before": 0},
    ),
    "Mac": (written(rows(), end="\r"), rows(), ",", {}),
}


@pytest.mark.parametrize(("text", "meant", "separator", "more"), FILES.values(), ids=FILES)
def test_a_file_is_read_as_it_is_written(tmp_path, text, meant, separator, more):
    file = tmp_path / "table.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    table, found = read_file(file, {})
    assert found.separator == separator if separator else ord(found.separator) < 32
    assert {name: getattr(found, name) for name in more} == more
    if meant is not None:
        assert [[value and value.strip() for value in row.values()] for row in table.to_pylist()] == meant
    if not any(character in str(text) for character in "{}"):
        assert found.score >= ONE_COLUMN


def test_what_the_config_says_holds(tmp_path):
    file = tmp_path / "table.csv"
    file.write_text("a title\n1;2,x\n3;4,y\n", encoding="utf-8")
    table, found = read_file(file, {"separator": ";", "skip_lines": 1, "header": False})
    assert table.to_pydict() == {"column_1": ["1", "3"], "column_2": ["2,x", "4,y"]}
    assert not found.header and found.score == 1


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_left_out_whatever_ends_them(tmp_path, end):
    file = tmp_path / "table.csv"
    file.write_bytes(end.encode().join([b"T,x,z", b"d,x,y", b"a,1,2", b"b,3,4", b""]))
    assert read_file(file, {"skip_lines": 1})[0].to_pydict() == {
        "d": ["a", "b"],
        "x": ["1", "3"],
        "y": ["2", "4"],
    }


def test_no_row_is_lost_where_there_is_no_header(tmp_path):
    file = tmp_path / "table.csv"
    file.write_text("1,,,\n" + "".join(f"{row},2,3,4\n" for row in range(24)), encoding="utf-8")
    assert read_file(file, {"header": False})[0].num_rows == 25
    file.write_text("".join(f"#{row},{row},3\n" for row in range(6)), encoding="utf-8")
    assert read_file(file, {"header": False})[0].num_rows == 6


def test_titles_that_are_padded_to_almost_the_width_are_no_header(tmp_path):
    rows = ["Rents 2024;;;", "As of: 31.12.2024;;;", "street;rooms;size;kind;rent"]
    rows += [f"s{row};{row % 4};{row};{'ab'[row % 2]};{row * 7}" for row in range(30)]
    file = tmp_path / "rents.csv"
    file.write_text("\n".join(rows), encoding="utf-8")
    table, dialect = read_file(file, {})
    assert table.column_names == ["street", "rooms", "size", "kind", "rent"] and table.num_rows == 30
    assert dialect.before == 2


def test_missing_words(tmp_path):
    """NA without quotes is missing, and in quotes a text, unless everything stands in quotes; told words always are."""
    file = tmp_path / "table.csv"
    file.write_text('a,b\nNA,"NA"\n-9,n/a\nN/A,none\n', encoding="utf-8")
    assert read_file(file, {})[0].to_pydict() == {"a": [None, "-9", None], "b": ["NA", "n/a", "none"]}
    told = read_file(file, {"missing": ["-9", "n/a"]})[0]
    assert told.to_pydict() == {"a": [None, None, None], "b": ["NA", None, "none"]}
    file.write_text('"a","b"\n"1","NA"\n"2","x"\n', encoding="utf-8")
    assert read_file(file, {})[0].to_pydict() == {"a": ["1", "2"], "b": [None, "x"]}


def test_a_title_does_not_change_what_a_quoted_word_is(tmp_path):
    file = tmp_path / "table.csv"
    for title in ("", "Sales of 2024\n\n"):
        file.write_text(title + '"a","b"\n"1","NA"\n"2","x"\n"3","y"\n', encoding="utf-8")
        assert read_file(file, {})[0]["b"].to_pylist() == [None, "x", "y"]


@pytest.mark.parametrize("pack", ["gzip", "bz2", "lzma"])
def test_packed_files(tmp_path, pack):
    module = __import__(pack)
    file = tmp_path / "table.csv"
    file.write_bytes(module.compress(written(rows()).encode()))
    assert read_file(file, {})[0]["pay"].to_pylist() == [row[3] for row in rows()]


def test_a_letter_far_down_the_file_decides_its_encoding(tmp_path):
    file = tmp_path / "table.csv"
    text = "a,b\n" + "plain,1\n" * (SAMPLE // 4) + "Köln,2\n"
    file.write_bytes(text.encode("latin-1"))
    table, found = read_file(file, {})
    assert (table["a"][-1].as_py(), found.encoding) == ("Köln", "cp1252")
    with pytest.raises(InputError, match=r"reading\.encoding"):
        read_file(file, {"encoding": "utf-8"})


def test_the_first_rows_of_a_large_file(tmp_path):
    file = tmp_path / "table.csv"
    file.write_text("a,b\n" + "".join(f"{row},{row}\n" for row in range(10**6)), encoding="utf-8")
    assert 1000 <= read_file(file, {}, most=1000)[0].num_rows < 10**6


def test_a_sample_that_ends_in_a_line_does_not_count_it():
    text = "a;b\n" + "1;2\n" * SAMPLE
    assert find_dialect(text.encode()[:SAMPLE], {}).separator == ";"
