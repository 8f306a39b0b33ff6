"""The records of jobs: that they are whole, what they find damaged, and how they tell differences in words."""

import copy
import json
import os
import platform
import re
import shutil
import sys
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.records import RECORD_OF_NOTHING
from support.tree import ROOT

from lineup.files import Digests
from lineup.ledger.records import LONGEST, altered, changes, damage, read_record, write_record

SPEC = {
    "code": {"scripts/fit.py": "a" * 64, "lineup/data/tables.py": "b" * 64},
    "environment": {"NPY_DISABLE_CPU_FEATURES": "AVX512F"},
    "files": {"workflow/page.html": "c" * 64},
    "inputs": {"scores": ["one", "two"], "table": "table.parquet"},
    "libraries": {"python": "3.11.7", "torch": "2.13.0"},
    "outputs": {"board": "board.csv", "bytes": "two.bin", "record": "record.json"},
    "settings": {"folds": {"number": 10, "seed": 1}, "hidden": [50, 20], "loss": "squared", "share": 0.5},
}
COST = {"wall_seconds": 1.5, "cpu_seconds": 1.25, "peak_memory_mib": 20.5}


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Gives a function that writes the record of a job with two outputs, in the current folder."""
    monkeypatch.chdir(tmp_path)
    Path("results").mkdir()
    Path("results/one.csv").write_text("größe\n1\n", encoding="utf-8")
    Path("results/two.bin").write_bytes(bytes(range(256)) * 8)

    def to(path="results/manifest/fit/trial.json", opened=None):
        write_record(
            path,
            rule="fit",
            wildcards={"dataset": "trial"},
            specification=SPEC,
            inputs={"results/table.parquet": "d" * 64, "one": "e" * 64, "two": "f" * 64},
            opened=opened or {},
            outputs=["results/one.csv", "results/two.bin"],
            threads=3,
            started=datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC),
            cost=COST,
        )
        return path

    return to


def test_a_record_is_read_as_it_was_written(write):
    record = read_record(write())
    assert list(record) == [
        "rule",
        "wildcards",
        "started",
        "cost",
        "software",
        "hardware",
        "outputs",
        "inputs",
        "opened",
        "specification",
    ]
    assert (record["rule"], record["wildcards"]) == ("fit", {"dataset": "trial"})
    assert record["inputs"]["results/table.parquet"] == "d" * 64 and len(record["inputs"]) == 3
    assert record["outputs"] == {
        path: {"sha256": sha256(data).hexdigest(), "bytes": len(data)}
        for path, data in {
            "results/one.csv": b"gr\xc3\xb6\xc3\x9fe\n1\n",
            "results/two.bin": bytes(range(256)) * 8,
        }.items()
    }
    assert record["specification"] == SPEC and record["cost"] == COST
    assert record["started"] == "2026-01-02T03:04:05.678+00:00"
    assert [*changes(record["specification"], SPEC)] == []
    assert [path.name for path in Path("results/manifest/fit").iterdir()] == ["trial.json"]


def test_a_record_says_where_it_was_made(write):
    record = read_record(write())
    assert record["software"] == {
        "python": ".".join(map(str, sys.version_info[:3])),
        "snakemake": version("snakemake"),
        "system": " ".join([platform.system(), platform.release(), platform.machine()]),
    }
    hardware = record["hardware"]
    assert set(hardware) == {"processor", "cores", "threads", "gpu"}
    assert (hardware["cores"], hardware["threads"]) == (os.cpu_count(), 3)
    assert hardware["processor"].strip()
    information = Path("/proc/cpuinfo")
    if information.exists() and "model name" in information.read_text(encoding="utf-8"):
        assert hardware["processor"] in information.read_text(encoding="utf-8")


def test_the_gpu_is_told_where_torch_was_loaded(write, monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert read_record(write())["hardware"]["gpu"] is None
    for there, name in ((False, None), (True, "H9000")):
        cuda = SimpleNamespace(is_available=lambda there=there: there, get_device_name=lambda: "H9000")
        monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
        assert read_record(write())["hardware"]["gpu"] == name


def test_an_earlier_record_stays_until_the_new_one_is_whole(write):
    path = Path(write())
    before = path.read_bytes()
    Path("results/two.bin").unlink()
    with pytest.raises(FileNotFoundError):
        write()
    assert path.read_bytes() == before
    assert [*path.parent.iterdir()] == [path]


def test_half_of_a_record_is_none(write):
    path = Path(write())
    whole = path.read_bytes()
    for length in (*range(0, len(whole) - 2, 97), len(whole) - 3):
        path.write_bytes(whole[:length])
        assert read_record(path) is None, length
    path.write_bytes(whole)
    assert read_record(path)["rule"] == "fit"


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b'["rule"]', b"3", b"null", b'"rule"', b"\xff\xfe{", b"{{"]
)
def test_what_is_no_record_is_none(tmp_path, data):
    (tmp_path / "record.json").write_bytes(data)
    assert read_record(tmp_path / "record.json") is None


def test_a_record_that_is_not_there_or_a_folder_is_none(tmp_path):
    assert read_record(tmp_path / "nowhere.json") is None
    assert read_record(tmp_path) is None


@pytest.mark.parametrize("part", ["rule", "wildcards", "outputs", "inputs", "specification"])
def test_a_record_without_a_part_is_none(write, part):
    path = Path(write())
    record = json.loads(path.read_text(encoding="utf-8"))
    assert read_record(path) == record
    del record[part]
    path.write_text(json.dumps(record), encoding="utf-8")
    assert read_record(path) is None


@pytest.mark.parametrize(
    ("part", "value"),
    [("outputs", []), ("outputs", {"results/one.csv": "a"}), ("inputs", None), ("specification", 3)],
)
def test_a_record_with_a_part_of_another_type_is_none(write, part, value):
    path = Path(write())
    record = json.loads(path.read_text(encoding="utf-8")) | {part: value}
    path.write_text(json.dumps(record), encoding="utf-8")
    assert read_record(path) is None


# What is damaged


def cut_off(path):
    path.write_bytes(path.read_bytes()[:1000])


def emptied(path):
    path.write_bytes(b"")


def changed(path):
    data = bytearray(path.read_bytes())
    data[700] ^= 1
    path.write_bytes(data)


def made_longer(path):
    with path.open("ab") as file:
        file.write(b"x")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (Path.unlink, "is missing"),
        (cut_off, "was cut off: it has 1,000 of 2,048 bytes"),
        (emptied, "was cut off: it has 0 of 2,048 bytes"),
        (changed, "was changed after it was made"),
        (made_longer, "was changed after it was made"),
    ],
)
def test_damage_is_told_in_words(write, spoil, words):
    record = read_record(write())
    assert damage(record, Digests(Path("digests.json"))) == {}
    spoil(Path("results/two.bin"))
    assert damage(record, Digests(Path("digests.json"))) == {"results/two.bin": words}


def test_each_damaged_file_is_told(write):
    record = read_record(write())
    shutil.rmtree("results")
    missing = {"results/one.csv": "is missing", "results/two.bin": "is missing"}
    assert damage(record, Digests(Path("digests.json"))) == missing


def test_a_folder_in_the_place_of_a_file_is_damage(write):
    record = read_record(write())
    Path("results/two.bin").unlink()
    Path("results/two.bin").mkdir()
    assert list(damage(record, Digests(Path("digests.json")))) == ["results/two.bin"]


ODD = [None, [], {}, "", 0, True, 1.5, "text", [None], {"a": None}]


def places(value, place=()):
    """Lists the places of all parts of a value, but of those whose form is free."""
    yield place
    if isinstance(value, dict) and place[:2] not in {
        ("specification", "settings"),
        ("specification", "files"),
    }:
        for key, inner in value.items():
            yield from places(inner, (*place, key))


def test_a_record_with_a_part_of_an_odd_form_is_read_as_none_or_does_no_harm(write):
    """Each part of a record in turn is something else. What is read can be compared, and its files checked."""
    path = Path(write(opened={"palette.json": "e" * 64}))
    sound = json.loads(path.read_text(encoding="utf-8"))
    read = 0
    for place in places(sound):
        for odd in ODD:
            record = copy.deepcopy({"": sound})
            *before, last = ("", *place)
            block = record
            for key in before:
                block = block[key]
            block[last] = odd
            path.write_text(json.dumps(record[""]), encoding="utf-8")
            found = read_record(path)
            if found is not None:
                read += 1
                damage(found, Digests(Path("digests.json")))
                list(changes(found["specification"], SPEC))
                assert {"wall_seconds", "cpu_seconds", "peak_memory_mib"} <= found["cost"].keys()
    assert 50 < read < len(ODD) * len([*places(sound)]) / 2


# What a job reads that its maker did not write so


def test_a_file_is_altered_where_no_record_names_it_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = "results/trial/models/net/block_3/scores.parquet"

    def record(rule, digest, name="trial.net.3"):
        path = Path("results", "manifest", rule, f"{name}.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = RECORD_OF_NOTHING | {"rule": rule}
        outputs = {file: {"sha256": digest, "bytes": 1}}
        path.write_text(json.dumps(parts | {"outputs": outputs}), encoding="utf-8")
        return path

    assert altered({file: "a", "elsewhere.csv": "a"}) == []
    record("fit_mlp", "b")
    assert altered({file: "b", "results/trial/table.parquet": "a"}) == []
    assert altered({"results/trial/table.parquet": "a", file: "a"}) == [file]
    record("fit_lasso", "a")  # of a job that the workflow no longer has
    assert altered({file: "a"}) == altered({file: "b"}) == []
    assert altered({file: "c"}) == [file]
    for rule in ("fit_mlp", "fit_lasso"):
        record(rule, "a").write_text("half of a rec", encoding="utf-8")
    assert altered({file: "c"}) == []


def rules_with_records():
    """Finds the outputs of each rule by what the rule files say."""
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    for rule in re.split(r"^rule ", text, flags=re.MULTILINE)[1:]:
        outputs = re.search(r"^    output:\n(.*?)^    log:", rule, re.MULTILINE | re.DOTALL)
        if outputs:
            yield rule.partition(":")[0], re.findall(r'"(results/[^"]+)"', outputs[1])


@pytest.mark.parametrize("block", ["30", "training_sizes"])
@pytest.mark.parametrize(("rule", "outputs"), [*rules_with_records()])
def test_the_place_of_each_file_gives_the_name_of_its_record(tmp_path, monkeypatch, rule, outputs, block):
    monkeypatch.chdir(tmp_path)
    *files, path = [path.format(dataset="trial_1", model="block_2", block=block) for path in outputs]
    Path(path).parent.mkdir(parents=True)
    parts = RECORD_OF_NOTHING | {"rule": rule}
    written = {file: {"sha256": "a", "bytes": 1} for file in files}
    Path(path).write_text(json.dumps(parts | {"outputs": written}), encoding="utf-8")
    assert files and altered(dict.fromkeys(files, "a")) == []
    assert altered(dict.fromkeys(files, "b")) == files


# What has changed


def with_part(part, **more):
    """Changes keys of a part of the specification; those with None go."""
    kept = {name: value for name, value in (SPEC[part] | more).items() if value is not None}
    return SPEC | {part: kept}


def told(new, old=SPEC):
    return [*changes(old, new)]


def test_equal_specifications_have_no_differences():
    assert told(json.loads(json.dumps(SPEC))) == []
    turned = json.loads(json.dumps(SPEC, sort_keys=True))
    turned["settings"] = dict(reversed(turned["settings"].items()))
    assert told(dict(reversed(turned.items()))) == []


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (with_part("settings", folds={"number": 5, "seed": 1}), ["folds.number was 10, is 5"]),
        (
            with_part("settings", folds={"number": 5, "seed": 2}, loss="absolute"),
            ["folds.number was 10, is 5", "folds.seed was 1, is 2", "loss was squared, is absolute"],
        ),
        (with_part("settings", hidden=[50, 30]), ["hidden was [50, 20], is [50, 30]"]),
        (with_part("settings", hidden=[20, 50]), ["hidden was [50, 20], is [20, 50]"]),
        (with_part("settings", folds=None), ['folds was {"number": 10, "seed": 1}, is not set']),
        (with_part("settings", extra=3), ["extra was not set, is 3"]),
        (with_part("settings", extra={"a": 1}), ['extra was not set, is {"a": 1}']),
        (with_part("settings", folds=7), ['folds was {"number": 10, "seed": 1}, is 7']),
        (with_part("settings", loss="größer"), ["loss was squared, is größer"]),
        (with_part("code", **{"scripts/fit.py": "d" * 64}), ["scripts/fit.py has changed"]),
        (with_part("code", **{"scripts/fit.py": None}), ["scripts/fit.py is no longer used"]),
        (with_part("code", **{"scripts/new.py": "d" * 64}), ["scripts/new.py is used now"]),
        (with_part("files", **{"workflow/page.html": "d" * 64}), ["workflow/page.html has changed"]),
        (with_part("files", **{"workflow/page.html": None}), ["workflow/page.html is no longer used"]),
        (with_part("files", **{"workflow/new.html": "d" * 64}), ["workflow/new.html is used now"]),
        (with_part("libraries", torch="2.14.0"), ["torch was 2.13.0, is 2.14.0"]),
        (with_part("libraries", torch=None), ["torch is no longer used"]),
        (with_part("libraries", numpy="2.4"), ["numpy is used now"]),
        (
            with_part("environment", NPY_DISABLE_CPU_FEATURES=None),
            ["NPY_DISABLE_CPU_FEATURES was AVX512F, is not set"],
        ),
        (
            with_part("environment", ONEDNN_MAX_CPU_ISA="AVX2"),
            ["ONEDNN_MAX_CPU_ISA was not set, is AVX2"],
        ),
        (with_part("inputs", table="other.parquet"), ["input table was table.parquet, is other.parquet"]),
        (with_part("outputs", board="b.csv"), ["output board was board.csv, is b.csv"]),
        (
            with_part("inputs", scores=["two", "one"]),
            ["input scores has the same entries, in another order or number"],
        ),
        (
            with_part("inputs", scores=["one", "three", "four"]),
            ["input scores: two is no longer used; three, four are used now"],
        ),
        (
            with_part("inputs", scores=["one", "two", "two"]),
            ["input scores has the same entries, in another order or number"],
        ),
        (with_part("inputs", scores=["one"]), ["input scores: two is no longer used"]),
        (
            with_part("inputs", scores=["one", "two", *map(str, range(9))]),
            ["input scores: 0, 1, 2, 3, 4, 5, 3 more are used now"],
        ),
    ],
)
def test_a_difference_is_told_in_words(new, said):
    assert told(new) == said


def test_all_differences_are_told():
    new = with_part("settings", loss="absolute") | {"code": {}, "libraries": {"python": "3.12.0"}}
    assert told(new) == [
        "scripts/fit.py is no longer used",
        "lineup/data/tables.py is no longer used",
        "python was 3.11.7, is 3.12.0",
        "torch is no longer used",
        "loss was squared, is absolute",
    ]


LOOK_ALIKE = [1, 1.0, True, "1", [1], "", None, 0, False, 0.0, {}, []]


@pytest.mark.parametrize("old", LOOK_ALIKE, ids=repr)
@pytest.mark.parametrize("new", LOOK_ALIKE, ids=repr)
@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in a list"])
def test_values_that_look_alike_differ(old, new, inside):
    """Also after a record was written and read."""
    old, new = ({"settings": {"a": [value] if inside else value}} for value in (old, new))
    found = told(new, old=json.loads(json.dumps(old)))
    assert len(found) == (json.dumps(old) != json.dumps(new))


def test_a_block_that_lost_all_its_keys_is_told():
    said = told(with_part("settings", folds={}))
    assert said == ["folds.number was 10, is not set", "folds.seed was 1, is not set"]


def test_long_values_are_cut():
    seeds, more = list(range(1000)), [1, *range(3, 1002)]
    (line,) = told(
        with_part("settings", loss="x" * 60, share=None), with_part("settings", loss=seeds, share=None)
    )
    old, new = re.fullmatch(r"loss was (.*), is (.*)", line).groups()
    assert len(old) == LONGEST == 60 and old.endswith("…") and json.dumps(seeds).startswith(old[:-1])
    assert new == "x" * 60
    (line,) = told(with_part("settings", share=more), with_part("settings", share=seeds))
    assert line == "share: 0, 2 are no longer used; 1000, 1001 are used now"
    (line,) = told(with_part("settings", loss="x" * 61))
    assert line == f"loss was squared, is {'x' * 59}…"


def test_a_part_that_is_new_or_gone_is_told():
    """As after an update of the project."""
    old = {name: part for name, part in SPEC.items() if name != "libraries"}
    assert len(told(SPEC, old=old)) == 1 and "libraries" in told(SPEC, old=old)[0]
    assert len(told(old)) == 1 and "libraries" in told(old)[0]


def test_the_start_is_in_utc(write):
    started = datetime.fromisoformat(read_record(write())["started"])
    assert started.utcoffset() == timedelta(0)
    assert started.astimezone(timezone(timedelta(hours=2))).hour == 5


@pytest.mark.parametrize("part", ["inputs", "outputs"])
def test_a_record_without_a_part_of_its_files_is_none(write, part):
    path = Path(write())
    record = json.loads(path.read_text(encoding="utf-8"))
    for name in [None, *list(record[part])]:
        changed = {file: digest for file, digest in record[part].items() if file != name}
        path.write_text(json.dumps(record | {part: changed}), encoding="utf-8")
        assert (read_record(path) is None) == (name is not None)


def test_a_record_that_is_too_deep_is_none(write):
    path = Path(write())
    path.write_text("[" * 200_000, encoding="utf-8")
    assert read_record(path) is None


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b"])
def test_a_name_that_no_file_can_have_is_that_of_none(tmp_path, name):
    assert Digests(tmp_path / "digests.json").of(name) is None
