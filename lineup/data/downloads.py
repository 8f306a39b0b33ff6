"""Opens files of this machine and of the web, and copies them up to a size."""

import hashlib
import logging
import re
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urljoin

import requests
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError
from urllib3.util import Retry

from lineup.errors import InputError, tell
from lineup.files import digest_of_list, files_in

Source = Mapping[str, str]

# Gives a file of a source by its name there: a stream of its bytes, and how many these are if that is known.
Opener = Callable[[str], AbstractContextManager[tuple[BinaryIO, int | None]]]
MEGABYTE = 1_000_000
CHUNK = 64 * 1024  # bytes read at a time
PROGRESS_SECONDS = 1.0  # between two lines of progress
URL_TIMEOUT = (3.0, 20.0)  # seconds to connect, and to wait for the next bytes
URL_PAUSE = 1.0  # seconds before the third try: the second comes at once
URL_PATIENCE = 5.0  # seconds after which a host that cannot be reached is not tried again
LONGEST_REASON = 200  # characters


class SourceError(Exception):
    """A source did not give the file. The message says why, in one short line."""


class MissingError(SourceError):
    """A source has no file of this name."""


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
                say(logger, f"{done / MEGABYTE:.1f}{of_total} MB")
    return digest.hexdigest()


def pack_folder(folder: str | Path, target: Path, limit: int) -> str:
    """Puts the files of a folder into a zip archive, with the same bytes for the same files, and gives the digest of their list.

    Raises:
        SourceError: If they are larger than the limit together, or cannot be read.
    """
    digests, done = {}, 0
    try:
        files = files_in(folder)
        with zipfile.ZipFile(target, "w") as archive:
            for file in files:
                about = zipfile.ZipInfo(file.name)  # of the year 1980
                about.create_system = 3
                digest = hashlib.sha256()
                with file.open("rb") as stream, archive.open(about, "w", force_zip64=True) as member:
                    while block := stream.read(CHUNK):
                        done += len(block)
                        if done > limit:
                            raise SourceError(
                                f"its files are larger than the {limit / MEGABYTE:g} MB of max_megabytes"
                            )
                        digest.update(block)
                        member.write(block)
                digests[file.name] = digest.hexdigest()
    except (InputError, OSError) as error:
        raise SourceError(str(error)) from error
    return digest_of_list(digests)


def say(logger: logging.Logger, line: str) -> None:
    """Writes a line to the log and to standard error."""
    logger.info("%s", line)
    tell(line)


def one_line(text: str) -> str:
    """Makes one short, printable line of a text, without passwords."""
    line = " ".join(without_secrets(text).split())
    line = "".join(character for character in line if character.isprintable())
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 1] + "…"


def without_secrets(text: str) -> str:
    """Takes users, passwords and queries out of the web addresses in a text."""
    text = re.sub(r"(?<=://)[^/\s?#]*@", "", text)
    return re.sub(r"(://[^\s?#]*\?)[^\s#]+", r"\1…", text)
