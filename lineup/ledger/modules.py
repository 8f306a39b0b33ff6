"""Finds the files of modules as Python does in a job, and tells those of the project from others."""

import sys
from functools import cache
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    PathFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path

from lineup.errors import InputError

ROOT = Path(__file__).parents[2]

# The folders with the code of the project: its package, and the scripts of the rules.
PACKAGE = "lineup"
CODE = (PACKAGE, "scripts")

# Where else a job may find a module of the project: the folders of the scripts.
BESIDE = ["scripts"]

# In the order of Python.
LOADERS = (
    (ExtensionFileLoader, EXTENSION_SUFFIXES),
    (SourceFileLoader, SOURCE_SUFFIXES),
    (SourcelessFileLoader, BYTECODE_SUFFIXES),
)


@cache
def file_of(module: str) -> str | None:
    """Gives the file of the project that a module is, relative to the root; None for one from elsewhere, or none at all."""
    top, *others = module.split(".")
    if top not in CODE and (top in sys.stdlib_module_names or elsewhere(top)):
        return None
    # A job looks into the root, and then beside its script.
    for folder in ("", *BESIDE):
        found = _found(top, ROOT / folder)
        if found:
            break
    else:
        return None
    for part in others:
        found = found.submodule_search_locations and _found(part, Path(found.submodule_search_locations[0]))
        if not found:
            return None
    return Path(found.origin).relative_to(ROOT).as_posix() if found.origin else None


def look_beside(script: str) -> None:
    """Has modules be found beside a script, which may be that of a rule of one's own."""
    folder = Path(script).parent.as_posix()
    if folder not in BESIDE:
        BESIDE.append(folder)
        file_of.cache_clear()


@cache
def packages_above(file: str) -> list[str]:
    """Lists the files of the packages that a file of the project is in, the outermost first: Python runs them before it."""
    folders = [folder for folder in Path(file).parents if folder != Path()]
    found = [f"{folder.as_posix()}/__init__.py" for folder in reversed(folders)]
    return [one for one in found if one != file and (ROOT / one).exists()]


def check_package(package: str = PACKAGE) -> None:
    """Makes sure that jobs run the code of this project, and no other that has its name.

    Raises:
        InputError: If Python finds another package of the name first.
    """
    other = elsewhere(package)
    if other:
        raise InputError(
            f"Python finds another package {package} before the one of this project, in {Path(other).parent}: jobs would "
            "run its code. Take it out of PYTHONPATH, or uninstall it. This run changed nothing."
        )


@cache
def elsewhere(top: str) -> str | None:
    """Gives the file of a module that Python finds before it looks into the project; a mere folder is none."""
    found = PathFinder.find_spec(top, other_places())
    return found.origin if found else None


def other_places() -> list[str]:
    """Lists where else Python looks for modules."""
    own = {(ROOT / folder).resolve() for folder in ("", *BESIDE)}
    return [place for place in sys.path if place and Path(place).resolve() not in own]


def _found(name: str, folder: Path) -> object:
    return FileFinder(str(folder), *LOADERS).find_spec(name)
