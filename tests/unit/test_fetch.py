"""Each kind of source, through the real clients, against this machine alone."""

import base64
import gzip
import hashlib
import io
import json
import logging
import os
import pickle
import shutil
import socket
import ssl
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support.given import given
from support.tree import ROOT

from lineup.data import downloads, packages
from lineup.data.downloads import SourceError
from lineup.data.sources import fetch, from_file, from_npm, from_url, from_wheel
from lineup.errors import InputError

DATA = b"a,b\n" + b"1,2\n" * 500
SHA256 = hashlib.sha256(DATA).hexdigest()
LIMIT = 10_000  # bytes
LOGGER = logging.getLogger("test_fetch")

needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@pytest.fixture(autouse=True)
def nothing_outside(monkeypatch, tmp_path_factory):
    """Takes away this machine's settings, and gives pip and npm some that lead nowhere.

    Returns the folder that temporary folders are made in.
    """
    for name in os.environ:
        if name.lower().startswith(("pip_", "npm_config_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    folder = tmp_path_factory.mktemp("settings")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_cache", str(folder / "npm"))
    monkeypatch.setenv("npm_config_userconfig", str(folder / "user"))
    monkeypatch.setenv("npm_config_globalconfig", str(folder / "global"))
    monkeypatch.setattr(downloads, "URL_PAUSE", 0.02)
    temporary = folder / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    return temporary


class Server:
    """A web server on the loopback interface.

    ``answers`` maps a path to a list of answers, of which the last is repeated: (status, headers, body).
    """

    def __init__(self, context=None):
        """Starts the server, with TLS if it gets a context for it."""
        self.answers = {}
        self.asked = []
        self.encodings = []
        self.sent = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.asked.append(self.path)
                server.encodings.append(self.headers.get("Accept-Encoding"))
                answers = server.answers.get(self.path, [(404, {}, b"nothing here")])
                status, headers, body = answers.pop(0) if len(answers) > 1 else answers[0]
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    for block in [body] if isinstance(body, bytes) else body:
                        self.wfile.write(block)
                        server.sent += len(block)
                except OSError:  # the client has gone
                    pass

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context is not None:
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        scheme = "http" if context is None else "https"
        self.address = f"{scheme}://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def answer(self, path, *answers):
        """Sets the answers of a path, and returns its address."""
        self.answers[path] = list(answers)
        return self.address + path

    def close(self):
        """Stops the server."""
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def closed():
    """An address of this machine where nothing answers."""
    with socket.socket() as held:  # bound, so that nobody else takes it, but not listening
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A tiny wheel that pip can find, as a source."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    path = folder / "toytable-1.0-py3-none-any.whl"
    about = "toytable-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("toytable/data/table.csv", DATA)
        archive.writestr("toytable/large.csv", bytes(LIMIT + 1))
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: toytable\nVersion: 1.0\n")
        tag = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr(f"{about}/WHEEL", tag)
        archive.writestr(f"{about}/RECORD", "")
    monkeypatch.setenv("PIP_FIND_LINKS", folder.as_uri())
    return {
        "wheel": "toytable==1.0",
        "wheel_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "member": "toytable/data/table.csv",
    }


@pytest.fixture
def npm(server, monkeypatch):
    """A tiny package that npm can find, as a source."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        about = json.dumps({"name": "toytable", "version": "1.0.0"}).encode()
        files = {"package.json": about, "data/table.csv": DATA, "large.csv": bytes(LIMIT + 1)}
        for name, data in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        link = tarfile.TarInfo("package/link.csv")
        link.type, link.linkname = tarfile.SYMTYPE, "data/table.csv"
        archive.addfile(link)
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(packed.getvalue()).digest()).decode()
    tarball = server.answer("/toytable/-/toytable-1.0.0.tgz", (200, {}, packed.getvalue()))
    version = {"name": "toytable", "version": "1.0.0", "dist": {"tarball": tarball, "integrity": integrity}}
    document = {"name": "toytable", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
    json_type = {"Content-Type": "application/json"}
    server.answer("/toytable", (200, json_type, json.dumps(document).encode()))
    monkeypatch.setenv("npm_config_registry", server.address + "/")
    return {"npm": "toytable@1.0.0", "member": "data/table.csv"}


def names(folder):
    """The names of what is in a folder."""
    return [path.name for path in folder.iterdir()]


def refusal(of, source, target):
    """Why a kind of source refuses. What it left of the target is within the limit."""
    with pytest.raises(SourceError) as caught:
        of(source, target, LIMIT, LOGGER)
    assert not target.exists() or target.stat().st_size <= LIMIT
    return str(caught.value)


def get(sources, output, sha256=SHA256, max_megabytes=LIMIT / 1e6):
    fetch(sources=sources, sha256=sha256, max_megabytes=max_megabytes, output=output, logger=LOGGER)


def complaint(sources, output, **others):
    """The message of a fetch that fails, which must leave nothing behind."""
    with pytest.raises(InputError) as caught:
        get(sources, output, **others)
    assert names(output.parent) == []
    return str(caught.value)


# A file


def test_file(tmp_path):
    (tmp_path / "here.csv").write_bytes(DATA)
    target = tmp_path / "target"
    assert from_file({"file": str(tmp_path / "here.csv")}, target, len(DATA), LOGGER) == SHA256
    assert target.read_bytes() == DATA


def test_file_relative_to_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "here.csv").write_bytes(DATA)
    monkeypatch.chdir(tmp_path)
    assert from_file({"file": "here.csv"}, tmp_path / "target", LIMIT, LOGGER) == SHA256


def test_file_refused(tmp_path):
    target = tmp_path / "target"
    assert refusal(from_file, {"file": str(tmp_path / "none")}, target) == "no such file"
    assert "a folder without a file" in refusal(from_file, {"file": str(tmp_path)}, target)
    os.mkfifo(tmp_path / "pipe")
    assert refusal(from_file, {"file": str(tmp_path / "pipe")}, target) == "not a file"
    (tmp_path / "large").write_bytes(bytes(LIMIT + 1))
    assert "of max_megabytes" in refusal(from_file, {"file": str(tmp_path / "large")}, target)
    assert not target.exists()


# A web address


@pytest.mark.parametrize("headers", [{"Content-Length": str(len(DATA))}, {}], ids=["length", "no length"])
def test_url(server, tmp_path, headers):
    url = server.answer("/table.csv", (200, headers, DATA))
    target = tmp_path / "target"
    assert from_url({"url": url}, target, len(DATA), LOGGER) == SHA256
    assert target.read_bytes() == DATA


def test_url_not_found_is_not_tried_again(server, tmp_path):
    assert refusal(from_url, {"url": server.address + "/none"}, tmp_path / "target") == "404 Not Found"
    assert server.asked == ["/none"]


def test_url_is_tried_three_times(server, tmp_path):
    url = server.answer("/table.csv", (500, {}, b""), (500, {}, b""), (200, {}, DATA))
    assert from_url({"url": url}, tmp_path / "target", LIMIT, LOGGER) == SHA256
    assert len(server.asked) == 3


def test_url_is_not_tried_for_ever_nor_after_a_long_pause(server, tmp_path):
    url = server.answer("/table.csv", (503, {"Retry-After": "60"}, b"later"))
    start = time.monotonic()
    assert refusal(from_url, {"url": url}, tmp_path / "target") == "503 Service Unavailable"
    assert len(server.asked) == 3
    assert time.monotonic() - start < 10


def test_url_redirect(server, tmp_path):
    server.answer("/table.csv", (200, {}, DATA))
    for status in (301, 302, 303, 307, 308):
        url = server.answer("/old", (status, {"Location": "/table.csv"}, b"moved" * 1000))
        assert from_url({"url": url}, tmp_path / "target", LIMIT, LOGGER) == SHA256


def test_url_redirect_with_a_large_body(server, tmp_path):
    server.answer("/table.csv", (200, {}, DATA))
    large = (bytes(100_000) for _ in range(500))
    url = server.answer("/old", (302, {"Location": "/table.csv"}, large))
    assert from_url({"url": url}, tmp_path / "target", LIMIT, LOGGER) == SHA256
    assert server.sent < 25_000_000


def test_url_bytes_as_served(server, tmp_path):
    packed = gzip.compress(DATA)
    url = server.answer("/table.csv.gz", (200, {"Content-Encoding": "gzip"}, packed))
    target = tmp_path / "target"
    assert from_url({"url": url}, target, LIMIT, LOGGER) == hashlib.sha256(packed).hexdigest()
    assert target.read_bytes() == packed
    assert server.encodings == ["identity"]


def test_url_redirects_in_a_circle(server, tmp_path):
    url = server.answer("/round", (302, {"Location": "/round"}, b""))
    assert "redirects" in refusal(from_url, {"url": url}, tmp_path / "target")


@needs_openssl
def test_url_redirect_from_https(server, tmp_path, monkeypatch):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    plain = server.answer("/table.csv", (200, {}, DATA))
    secure = Server(context)
    target = tmp_path / "target"
    try:
        direct = secure.answer("/table.csv", (200, {}, DATA))
        assert "certificate" in refusal(from_url, {"url": direct}, target)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        within = secure.answer("/within", (302, {"Location": "/table.csv"}, b""))
        assert from_url({"url": within}, target, LIMIT, LOGGER) == SHA256
        outside = secure.answer("/outside", (302, {"Location": plain}, b""))
        assert "not https" in refusal(from_url, {"url": outside}, target)
        assert server.asked == []
    finally:
        secure.close()


def test_url_said_to_be_too_large(server, tmp_path):
    url = server.answer("/large", (200, {"Content-Length": "45000000"}, b""))
    target = tmp_path / "target"
    assert refusal(from_url, {"url": url}, target) == "its 45 MB are more than the 0.01 MB of max_megabytes"
    assert not target.exists()


def test_url_found_to_be_too_large(server, tmp_path):
    url = server.answer("/large", (200, {}, (bytes(100_000) for _ in range(500))))
    target = tmp_path / "target"
    assert refusal(from_url, {"url": url}, target) == "it is larger than the 0.01 MB of max_megabytes"
    assert target.stat().st_size <= LIMIT
    assert server.sent < 25_000_000  # of 50: what the sockets hold, not the whole


def test_no_more_is_read_than_shows_that_it_is_too_large(tmp_path):
    stream = io.BytesIO(bytes(5 * LIMIT))
    with pytest.raises(SourceError, match="larger"):
        downloads.copy_stream(stream, tmp_path / "target", LIMIT, None, LOGGER)
    assert stream.tell() == LIMIT + 1


def test_url_truncated(server, tmp_path):
    url = server.answer("/table.csv", (200, {"Content-Length": str(len(DATA))}, DATA[:-7]))
    assert "broke" in refusal(from_url, {"url": url}, tmp_path / "target")


def test_url_truncated_without_a_word(server, tmp_path):
    url = server.answer("/table.csv", (200, {}, DATA[:-7]))
    assert "its SHA-256 is" in complaint([{"url": url}], tmp_path / "new" / "table.csv")


def test_url_error_page_with_status_200(server, tmp_path):
    page = b"<html>Please log in</html>"
    url = server.answer("/table.csv", (200, {"Content-Type": "text/html"}, page))
    message = complaint([{"url": url}], tmp_path / "new" / "table.csv")
    assert f"its SHA-256 is {hashlib.sha256(page).hexdigest()}, not {SHA256[:12]}…" in message


def test_url_unreachable(closed, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "URL_PAUSE", 0.3)
    start = time.monotonic()
    assert refusal(from_url, {"url": f"{closed}/x"}, tmp_path / "target") == "cannot reach the host"
    assert 0.2 < time.monotonic() - start < 8  # it tries again, but not for long
    # A try that takes long counts for all that follow.
    retries = downloads._Retry(total=2, started=1.0)
    assert retries.new(total=1).started == 1.0
    monkeypatch.setattr(downloads, "URL_PATIENCE", 0)
    start = time.monotonic()
    assert refusal(from_url, {"url": f"{closed}/x"}, tmp_path / "target") == "cannot reach the host"
    assert time.monotonic() - start < 0.2


def test_progress(server, tmp_path, monkeypatch, capsys):
    def slowly():
        for _ in range(4):
            yield bytes(100_000)
            time.sleep(0.06)

    monkeypatch.setattr(downloads, "PROGRESS_SECONDS", 0.05)
    url = server.answer("/slow", (200, {"Content-Length": "400000"}, slowly()))
    from_url({"url": url}, tmp_path / "target", 400_000, LOGGER)
    lines = capsys.readouterr().err.splitlines()
    assert 1 <= len(lines) <= 4
    assert all(line.endswith(" of 0.4 MB") for line in lines)


# A wheel


def test_wheel(wheel, tmp_path, nothing_outside):
    target = tmp_path / "target"
    assert from_wheel(wheel, target, len(DATA), LOGGER) == SHA256
    assert target.read_bytes() == DATA
    assert names(nothing_outside) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"wheel_sha256": "0" * 64}, "the SHA-256 of the wheel is not its wheel_sha256"),
        ({"wheel": "toytable==2.0"}, "No matching distribution found for toytable==2.0"),
        ({"member": "none.csv"}, "the wheel has no member none.csv"),
        ({"member": "toytable/large.csv"}, "its 0.01 MB are more than the 0.01 MB of max_megabytes"),
        ({"wheel": "toytable==1.0\n-r other.txt"}, "not of the form NAME==VERSION"),
        ({"wheel_sha256": "0" * 63}, "its wheel_sha256 is not 64 hexadecimal digits"),
    ],
)
@pytest.mark.long
def test_wheel_refused(wheel, tmp_path, nothing_outside, change, reason):
    assert refusal(from_wheel, wheel | change, tmp_path / "target") == reason
    assert names(nothing_outside) == []


@pytest.mark.long
def test_wheel_without_a_network(wheel, closed, tmp_path, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", closed.replace("//", "//someone:secret@") + "/simple")
    assert refusal(from_wheel, wheel, tmp_path / "target") == "cannot reach the package index"


def test_pip_is_run_twice_and_keeps_the_time_limit_that_is_set(wheel, tmp_path, monkeypatch):
    commands = []

    def run(command, **options):
        commands.append(command)
        assert not options.get("shell")
        return subprocess.CompletedProcess(command, 1, "", "ERROR: no\n")

    monkeypatch.setattr(packages.subprocess, "run", run)
    assert refusal(from_wheel, wheel, tmp_path / "target") == "no"
    assert len(commands) == 2
    assert "--timeout" in commands[0]
    assert {"--no-deps", "--only-binary=:all:", "--require-hashes", "--no-input"} < set(commands[0])
    monkeypatch.setenv("PIP_DEFAULT_TIMEOUT", "180")
    refusal(from_wheel, wheel, tmp_path / "target")
    assert "--timeout" not in commands[-1]


def test_pip_that_never_ends(wheel, tmp_path, monkeypatch, nothing_outside):
    monkeypatch.setattr(packages, "CLIENT_TIMEOUT", 0.01)
    assert refusal(from_wheel, wheel, tmp_path / "target") == "no answer within 0.01 s"
    assert names(nothing_outside) == []


# An npm package


@needs_npm
def test_npm(npm, tmp_path, nothing_outside):
    target = tmp_path / "target"
    assert from_npm(npm, target, len(DATA), LOGGER) == SHA256
    assert target.read_bytes() == DATA
    assert names(nothing_outside) == []


@needs_npm
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"npm": "toytable@2.0.0"}, "No matching version found for toytable@2.0.0"),
        ({"npm": "nonesuch@1.0.0"}, "404 Not Found"),
        ({"member": "none.csv"}, "the package has no member none.csv"),
        ({"member": "link.csv"}, "link.csv is not a regular file in the package"),
        ({"member": "large.csv"}, "its 0.01 MB are more than the 0.01 MB of max_megabytes"),
    ],
)
@pytest.mark.long
def test_npm_refused(npm, tmp_path, nothing_outside, change, reason):
    assert reason in refusal(from_npm, npm | change, tmp_path / "target")
    assert names(nothing_outside) == []


@needs_npm
@pytest.mark.long
def test_npm_without_a_network(closed, tmp_path, monkeypatch):
    monkeypatch.setenv("npm_config_registry", closed)
    source = {"npm": "toytable@1.0.0", "member": "data/table.csv"}
    assert refusal(from_npm, source, tmp_path / "target") == "cannot reach the npm registry"


@pytest.mark.parametrize(
    "package", ["--help", "file:toytable", "toytable", "a/b", "toytable@npm:other@1.0.0"]
)
def test_npm_other_forms(package, tmp_path):
    source = {"npm": package, "member": "data/table.csv"}
    assert refusal(from_npm, source, tmp_path / "target") == "not of the form NAME@VERSION"


def test_npm_not_installed(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    source = {"npm": "@scope/toytable@1.0.0", "member": "data/table.csv"}
    assert refusal(from_npm, source, tmp_path / "target") == "npm is not installed"


# The ladder


def test_first_good_source_is_used_and_no_other(server, tmp_path, capsys):
    (tmp_path / "wrong.csv").write_bytes(b"wrong")
    first = server.answer("/first", (200, {}, DATA))
    later = server.answer("/later", (200, {}, DATA))
    output = tmp_path / "new" / "table.csv"
    sources = [{"file": str(tmp_path / "wrong.csv")}, {"url": first}, {"url": later}]
    get(sources, output, sha256=SHA256.upper())
    assert output.read_bytes() == DATA
    assert names(output.parent) == ["table.csv"]
    assert server.asked == ["/first"]
    assert capsys.readouterr().err.splitlines() == [
        f"Source 1 of 3: file {tmp_path}/wrong.csv",
        f"Source 2 of 3: url {first}",
    ]


def test_a_longer_wrong_source_leaves_nothing_in_the_file(tmp_path):
    (tmp_path / "long.csv").write_bytes(DATA + b"more")
    (tmp_path / "right.csv").write_bytes(DATA)
    output = tmp_path / "table.csv"
    get([{"file": str(tmp_path / "long.csv")}, {"file": str(tmp_path / "right.csv")}], output)
    assert output.read_bytes() == DATA


def test_all_fail(server, closed, wheel, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    sources = [
        {"file": "nowhere/table.csv"},
        {"url": server.address.replace("//", "//someone:secret@") + "/none?token=secret"},
        {"url": f"{closed}/table.csv"},
        wheel | {"member": "none.csv"},
        {"npm": "toytable@1.0.0", "member": "data/table.csv"},
    ]
    assert complaint(sources, tmp_path / "new" / "table.csv").splitlines() == [
        f"No source gave the file with the SHA-256 {SHA256}:",
        "  file nowhere/table.csv: no such file",
        f"  url {server.address}/none?…: 404 Not Found",
        f"  url {closed}/table.csv: cannot reach the host",
        "  wheel toytable==1.0 (none.csv): the wheel has no member none.csv",
        "  npm toytable@1.0.0 (data/table.csv): npm is not installed",
        "Put it at nowhere/table.csv, or check the network and this dataset's entry in the config."
        " Then run again.",
    ]


def test_all_fail_and_no_path_is_named(server, tmp_path):
    message = complaint([{"url": server.address + "/none"}], tmp_path / "new" / "table.csv")
    assert "Add a source `file: PATH`" in message


def test_an_earlier_file_stays(tmp_path):
    output = tmp_path / "new" / "table.csv"
    output.parent.mkdir()
    output.write_bytes(b"earlier")
    (tmp_path / "wrong.csv").write_bytes(b"wrong")
    with pytest.raises(InputError, match="its SHA-256 is"):
        get([{"file": str(tmp_path / "wrong.csv")}], output)
    assert output.read_bytes() == b"earlier"
    assert names(output.parent) == ["table.csv"]


@pytest.mark.parametrize(("size", "good"), [(2_000_000, True), (2_000_001, False)])
def test_a_megabyte_is_a_million_bytes(tmp_path, size, good):
    (tmp_path / "here").write_bytes(bytes(size))
    sha256 = hashlib.sha256(bytes(size)).hexdigest()
    output = tmp_path / "new" / "table.csv"
    if good:
        get([{"file": str(tmp_path / "here")}], output, sha256=sha256, max_megabytes=2)
        assert output.stat().st_size == size
    else:
        source = {"file": str(tmp_path / "here")}
        message = complaint([source], output, sha256=sha256, max_megabytes=2)
        assert "more than the 2 MB of max_megabytes" in message


def test_reasons_are_short_single_lines_without_passwords():
    text = "GET https://someone:se@cret@host/path?key=1 failed\x1b[31m\nfor ever" + " and ever" * 100
    line = downloads.one_line(text)
    assert line.startswith("GET https://host/path?… failed[31m for ever and")
    assert len(line) == 200
    assert downloads.one_line("GET https://host/@scope/name") == "GET https://host/@scope/name"


def test_as_a_script(tmp_path):
    """The script hands on what Snakemake gives it, and its message ends the log."""
    code = """
import pickle, runpy, sys
with open("given", "rb") as file:
    snakemake = pickle.load(file)
runpy.run_path(sys.argv[1], init_globals={"snakemake": snakemake}, run_name="__main__")
"""
    (tmp_path / "here.csv").write_bytes(DATA)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for megabytes, status in ((0.001, 1), (1, 0)):
        snakemake = given(
            "fetch",
            tmp_path,
            outputs={"raw": "raw.csv"},
            settings={"sha256": SHA256},
            params={"ladder": {"sources": [{"file": "here.csv"}], "max_megabytes": megabytes}},
        )
        (tmp_path / "given").write_bytes(pickle.dumps(snakemake))
        done = subprocess.run(
            [sys.executable, "-c", code, str(ROOT / "scripts" / "fetch.py")],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == status, done.stderr
        assert (tmp_path / "raw.csv").exists() == (status == 0)
        assert (tmp_path / "record.json").exists() == (status == 0)
        log = (tmp_path / "log").read_text()
        assert "Source 1 of 1: file here.csv" in log
        assert ("No source gave the file" in log) == (status == 1)
        assert "Traceback" not in done.stderr
