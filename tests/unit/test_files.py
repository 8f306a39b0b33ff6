"""Files that appear whole, and digests that are computed again whenever a file was touched."""

import os
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import pytest
from support.tree import ROOT

from lineup import files as module
from lineup.files import (
    FRESH,
    Digests,
    file_digest,
    keep,
    kept,
    remove_parts,
    remove_parts_of,
    replacing,
    stamp,
)


def test_a_file_takes_its_place_when_the_body_succeeds(tmp_path):
    path = tmp_path / "new" / "folder" / "table.csv"
    with replacing(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".csv"
        assert str(os.getpid()) in temporary.name  # two processes do not share one
        temporary.write_text("whole", encoding="utf-8")
        assert not path.exists()
    assert path.read_text(encoding="utf-8") == "whole"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("old", ["as it was", None])
def test_a_body_that_fails_leaves_what_was_there(tmp_path, failure, old):
    path = tmp_path / "table.csv"
    if old is not None:
        path.write_text(old, encoding="utf-8")
    with pytest.raises(failure), replacing(str(path)) as temporary:
        temporary.write_text("half of", encoding="utf-8")
        raise failure
    assert [entry.read_text(encoding="utf-8") for entry in tmp_path.iterdir()] == (
        [] if old is None else [old]
    )


def test_a_reader_of_the_old_file_goes_on_reading_it(tmp_path):
    """The new file takes the place of the old one, which is not written to."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"old" * 10)
    with path.open("rb", buffering=0) as reader:
        assert reader.read(3) == b"old"
        with replacing(path) as temporary:
            temporary.write_bytes(b"new")
        assert reader.read() == b"old" * 9
    assert path.read_text(encoding="utf-8") == "new"


def test_a_body_that_writes_nothing_is_not_a_success(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("as it was", encoding="utf-8")
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert path.read_text(encoding="utf-8") == "as it was"


def test_what_a_killed_process_left_is_found_and_nothing_else(tmp_path):
    code = "import os, sys; from lineup.files import replacing\n"
    code += "with replacing(sys.argv[1]) as part: part.write_text('half'); os.kill(os.getpid(), 9)"
    deep = tmp_path / "models" / "net"
    for path in (tmp_path / "table.csv", deep / "weights.safetensors", deep / "no_suffix"):
        done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, check=False)
        assert done.returncode == -9
    kept = ["table.csv", ".gitignore", "part1.csv", ".hidden.part", "a.part12.csv", "models/net/scores.csv"]
    for name in kept:
        (tmp_path / name).write_text("whole", encoding="utf-8")
    assert sum(path.is_file() for path in tmp_path.rglob("*")) == len(kept) + 3
    remove_parts(tmp_path)
    assert {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()} == set(kept)


def test_of_one_file_the_parts_of_others_stay(tmp_path):
    """They may be those of a job that is at work on them."""
    own = [".table.part1.csv", ".table.part23.csv"]
    others = [".table.part1.json", ".other.part1.csv", ".table_2.part1.csv", "table.csv", ".table.part.csv"]
    for name in own + others:
        (tmp_path / name).touch()
    remove_parts_of(tmp_path / "table.csv")
    assert {path.name for path in tmp_path.iterdir()} == set(others)
    (tmp_path / ".a[1].part5.csv").touch()
    remove_parts_of(tmp_path / "a[1].csv")
    assert not (tmp_path / ".a[1].part5.csv").exists()


def test_no_folder_has_no_parts(tmp_path):
    remove_parts(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


def test_the_digest_is_that_of_sha256sum(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(os.urandom(3_000_001))
    told = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout
    assert file_digest(path) == told.split()[0]
    path.write_bytes(b"")
    assert file_digest(str(path)) == sha256(b"").hexdigest()


# What is remembered


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A file that counts as old enough to be remembered, and the digests that are computed of it."""
    monkeypatch.setattr(module, "FRESH", 0.0)
    path = tmp_path / "data"
    path.write_bytes(b"0123456789")
    return path


@pytest.fixture
def computed(monkeypatch):
    """Lists the files whose bytes are read."""
    paths = []

    def spy(path):
        paths.append(str(path))
        return file_digest(path)

    monkeypatch.setattr(module, "file_digest", spy)
    return paths


def digest_of(text):
    return sha256(text).hexdigest()


def test_a_file_is_read_once_and_not_again_in_the_next_run(data, computed, tmp_path):
    cache = tmp_path / "state" / "digests.json"
    first = Digests(cache)
    assert [first.of(str(data)) for _ in range(3)] == [digest_of(b"0123456789")] * 3
    first.save()
    assert Digests(cache).of(str(data)) == digest_of(b"0123456789")
    assert computed == [str(data)]


def rewritten(path):
    path.write_bytes(b"9876543210")


def rewritten_in_secret(path):
    """Has the size, the time of change and the time of reading that it had."""
    times = path.stat()
    path.write_bytes(b"9876543210")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (10, times.st_mtime_ns, times.st_ino)


def replaced_in_secret(path):
    """Is another file of the same size and time of change."""
    times = path.stat()
    with replacing(path) as temporary:
        temporary.write_bytes(b"9876543210")
        os.utime(temporary, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize("change", [rewritten, rewritten_in_secret, replaced_in_secret])
@pytest.mark.parametrize("next_run", [False, True])
def test_a_file_that_was_touched_is_read_again(data, tmp_path, change, next_run):
    cache = tmp_path / "digests.json"
    digests = Digests(cache)
    assert digests.of(str(data)) == digest_of(b"0123456789")
    digests.save()
    time.sleep(0.02)  # a tick of the file system's clock
    change(data)
    if next_run:
        digests = Digests(cache)
    assert digests.of(str(data)) == digest_of(b"9876543210")


def test_a_file_that_went_and_came_back(data, tmp_path):
    digests = Digests(tmp_path / "digests.json")
    before = digests.of(str(data))
    data.unlink()
    assert digests.of(str(data)) is None
    data.write_bytes(b"0123456789")
    assert digests.of(str(data)) == before


def test_a_fresh_file_is_not_trusted(tmp_path, computed):
    """Within a tick of the clock it could be written again, with the same size and the same times."""
    path = tmp_path / "data"
    path.write_bytes(b"0123456789")
    digests = Digests(tmp_path / "digests.json")
    assert {digests.of(str(path)) for _ in range(3)} == {digest_of(b"0123456789")}
    assert computed == [str(path)] * 3
    digests.save()
    assert not (tmp_path / "digests.json").exists()


@pytest.mark.parametrize(("seconds", "known"), [(FRESH - 0.5, False), (FRESH + 0.5, True)])
def test_a_file_is_fresh_for_two_seconds(tmp_path, monkeypatch, seconds, known):
    path = tmp_path / "data"
    path.write_bytes(b"0123456789")
    # An old time of change says nothing: it can be set at will.
    os.utime(path, (1, 1))
    now = path.stat().st_ctime_ns + int(seconds * 1e9)
    monkeypatch.setattr(module.time, "time_ns", lambda: now)
    digests = Digests(tmp_path / "digests.json")
    digests.of(str(path))
    assert (str(path) in digests.seen) == known
    assert FRESH == 2.0


@pytest.mark.parametrize("spoiled", [b"", b"{", b"\xff\xfe", b"no JSON"])
def test_a_spoiled_cache_is_made_again(data, computed, tmp_path, spoiled):
    cache = tmp_path / "digests.json"
    cache.write_bytes(spoiled)
    digests = Digests(cache)
    assert digests.of(str(data)) == digest_of(b"0123456789")
    assert computed == [str(data)]
    digests.save()
    assert kept(cache) == {str(data): [stamp(data), digest_of(b"0123456789")]}


OTHER_SHAPES = ["[]", "null", "3", '"text"', '{"DATA": 3}', '{"DATA": {"a": 1}}']


@pytest.mark.parametrize(
    "text",
    [
        '{"DATA": [1]}',
        '{"DATA": null}',
        *OTHER_SHAPES,
    ],
)
def test_a_cache_of_another_shape_is_made_again(data, tmp_path, text):
    cache = tmp_path / "digests.json"
    cache.write_text(text.replace("DATA", str(data)), encoding="utf-8")
    assert kept(cache) is None
    assert Digests(cache).of(str(data)) == digest_of(b"0123456789")


def test_what_is_kept_is_given_back_unless_a_byte_of_it_was_changed(tmp_path):
    path = tmp_path / "state" / "note.json"
    keep(path, {"a": [1, None, "ü"]})
    assert kept(path) == {"a": [1, None, "ü"]}
    text = path.read_bytes()
    for place in range(len(text)):
        path.write_bytes(text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :])
        assert kept(path) is None
    path.write_bytes(text[:-1])
    assert kept(path) is None


def test_a_cache_that_cannot_be_written_is_no_failure(data, tmp_path):
    digests = Digests(tmp_path / "data" / "digests.json")  # below a file
    assert digests.of(str(data)) == digest_of(b"0123456789")
    digests.save()
    missing = Digests(Path("/dev/null"))
    assert missing.of(str(data)) == digest_of(b"0123456789") and missing.seen


def test_nothing_new_is_not_saved(data, tmp_path):
    cache = tmp_path / "digests.json"
    first = Digests(cache)
    first.of(str(data))
    first.save()
    before = stamp(cache)
    second = Digests(cache)
    second.of(str(data))
    second.save()
    assert stamp(cache) == before
