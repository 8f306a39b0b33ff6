"""Says, by name, everything that the result of a job depends on.

A specification is one value that holds the settings of the job, the digest of the code that it
runs, the versions of the libraries that this code uses, and the environment variables that these
look at. A job runs again when something in it has changed, and only then.
"""

import math
import os
from collections.abc import Sequence
from pathlib import Path

from lineup.files import file_digest
from lineup.ledger.code import code_of
from lineup.ledger.libraries import VARIABLES, libraries_of
from lineup.ledger.modules import ROOT


def specification(
    script: str | None,
    settings: dict,
    files: Sequence[str] = (),
    inputs: dict[str, str | list[str]] | None = None,
    outputs: dict[str, str | list[str]] | None = None,
    modules: Sequence[str] = (),
) -> dict:
    """Writes down what the result of a job depends on, beside the bytes of its input files.

    Args:
        script: Path of its script, relative to the root of the project; None if the code does not count.
        settings: All settings that it uses, by name.
        files: Other files of the project that it reads, such as a template.
        inputs: Its input files, by their names in the rule; of those without one the name is empty.
        outputs: Its output files, by their names in the rule.
        modules: Modules that its settings have it import, or names in them.

    Returns:
        ``settings``, ``inputs`` and ``outputs``; ``files``, a digest for each; ``code``, a digest for
        each file of the project that the ``script`` reaches; ``libraries``, a version for each package
        that this code imports, for those that they need in turn, and for Python, null for one that is
        not installed; and ``environment``, the variables that are set and change what these libraries
        compute; and the ``modules``, where there are some. Keys are sorted, so that equal specifications are equal as text.

    Raises:
        TypeError: If a setting is not a plain value of JSON, so that it has no canonical form.
    """
    modules = tuple(sorted(set(modules)))
    libraries = libraries_of(script, modules) if script else {}
    names = sorted(name for library in libraries for name in VARIABLES.get(library, []))
    return {
        "code": code_of(script, modules) if script else {},
        "environment": {name: os.environ[name] for name in names if name in os.environ},
        "files": files_of(files),
        "inputs": canonical(inputs or {}, "inputs"),
        "libraries": libraries,
        **({"modules": list(modules)} if modules else {}),
        "outputs": canonical(outputs or {}, "outputs"),
        "script": script,
        "settings": canonical(settings),
    }


def listed(files: dict[str, str | list[str]]) -> list[str]:
    """Lists the files of the inputs or the outputs of a job."""
    return [path for paths in files.values() for path in ([paths] if isinstance(paths, str) else paths)]


def files_of(files: Sequence[str]) -> dict[str, str]:
    """Gives the digest of each of some files of the project, None for one that is missing."""
    return {file: _digest_or_none(ROOT / file) for file in sorted(files)}


def canonical(value: object, key: str = "settings") -> object:
    """Sorts the keys of mappings, at every level, and refuses what JSON cannot hold.

    Args:
        value: The value.
        key: Where it stands, for the message.

    Returns:
        The same value, with mappings in the order of their keys.

    Raises:
        TypeError: If the value or a part of it is of another type than dict with text keys, list,
            text, integer, finite float, bool or None.
    """
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            raise TypeError(f"{key} has a key that is not text, so it has no canonical form.")
        return {name: canonical(value[name], f"{key}.{name}") for name in sorted(value)}
    if isinstance(value, list):
        return [canonical(one, f"{key}[{place}]") for place, one in enumerate(value)]
    if (
        value is None
        or isinstance(value, str | bool | int)
        or (isinstance(value, float) and math.isfinite(value))
    ):
        return value
    raise TypeError(
        f"{key} is of type {type(value).__name__}, which has no canonical form: use a plain value."
    )


def _digest_or_none(path: Path) -> str | None:
    return file_digest(path) if path.exists() else None
