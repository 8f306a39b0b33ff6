"""Follows what a script reaches: all that runs when it is imported, and each name from definition to definition."""

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path

from lineup.errors import InputError
from lineup.files import sha256
from lineup.ledger.dynamic import FILE, LOADED
from lineup.ledger.imports import ADVICE, file_holding, file_named, held_by, outline_in, steps, top_of
from lineup.ledger.modules import CODE, PACKAGE, ROOT, file_of, look_beside, packages_above
from lineup.ledger.opened import unnoted
from lineup.ledger.outline import EXECUTED, MAIN
from lineup.ledger.remembered import remembered

# Under these names stand all of a file, and the order in which files with effects run.
WHOLE, ORDER = "*", "order"

# It looks at the modules that are loaded for where they are alone.
SEES_PLACES = f"{PACKAGE}/ledger/opened.py"

# It imports what the settings of a job name, which its specification names, too.
BY_SETTINGS = f"{PACKAGE}/models/estimators.py"


def code_of(script: str, modules: tuple[str, ...] = ()) -> dict[str, str]:
    """Gives the digest of the code that a script and what its settings name reach, for each file of the project with some."""
    return _summary(script, modules)["code"]


def parts_of(script: str, modules: tuple[str, ...] = ()) -> dict[str, dict[str, str]]:
    """Gives the digest of each name that a script reaches, for each file, cut to what tells them apart."""
    return _remembered("parts", script, modules, _cut) if script.endswith(".py") else {}


def packages_of(script: str, modules: tuple[str, ...] = ()) -> list[str]:
    """Lists the packages from elsewhere that the code imports that a script reaches."""
    return _summary(script, modules)["packages"]


def files_loaded(script: str, modules: tuple[str, ...] = ()) -> list[str]:
    """Lists the files that a script loads, also those of which it reaches nothing."""
    return _summary(script, modules)["loaded"]


@cache
def _summary(script: str, modules: tuple[str, ...]) -> dict:
    """Sums up what a script reaches; one that is not Python reaches itself."""
    if not script.endswith(".py"):
        return {"code": {script: sha256((ROOT / script).read_bytes())}, "packages": [], "loaded": [script]}

    def sum_up(reach: "_Reach") -> dict:
        parts_of(script, modules)  # so that no job follows the code again
        return _summed_up(reach)

    return _remembered("reach", script, modules, sum_up)


def _remembered(kind: str, script: str, modules: tuple[str, ...], make: Callable[["_Reach"], dict]) -> dict:
    """Gives what is made of what a script reaches, as it was remembered if all code is what it was."""

    def is_fixed(_: dict) -> bool:
        # What is imported from elsewhere in the project may have to give way to a library that is installed.
        own = {script, "scripts/__init__.py"}
        loaded = _reach(script, modules).loaded
        return all(file in own or file.startswith(f"{PACKAGE}/") for file in loaded)

    look_beside(script)
    with unnoted():
        key = [script, modules, sha256((ROOT / script).read_bytes()), _all_code()]
        return remembered(kind, key, lambda: make(_reach(script, modules)), keep_if=is_fixed)


def _cut(reach: "_Reach") -> dict[str, dict[str, str]]:
    found = reach.reached.items()
    return {file: {name: sha256(text)[:12] for name, text in parts.items()} for file, parts in found if parts}


def _summed_up(reach: "_Reach") -> dict:
    parts = {
        file: json.dumps(found, sort_keys=True) for file, found in sorted(reach.reached.items()) if found
    }
    code = {file: sha256(text) for file, text in parts.items()}
    return {
        "code": code,
        "packages": sorted(reach.packages - sys.stdlib_module_names),
        "loaded": reach.loaded,
    }


@cache
def _all_code() -> str:
    """Computes the digest of all that can be imported of the project."""
    files = [path for folder in CODE for path in (ROOT / folder).rglob("*") if path.suffix != ".pyc"]
    # A folder at the top may be a package that takes the place of another.
    files += [*ROOT.glob("*.py"), *ROOT.glob("*/__init__.py")]
    found = [(str(path.relative_to(ROOT)), sha256(path.read_bytes())) for path in files if path.is_file()]
    return sha256(json.dumps(sorted(found)))


def drop_stale_bytecode() -> None:
    """Removes the bytecode of each file of the code that was touched since.

    Python believes the size and the time of a file, and would run the old code of one that was
    replaced by another of the same size and time.
    """
    inside = [file for folder in CODE for file in (ROOT / folder).rglob("*.py")]
    for file in [*ROOT.glob("*.py"), *inside]:
        with suppress(OSError):
            bytecode = Path(cache_from_source(file))
            if file.stat().st_ctime_ns >= bytecode.stat().st_mtime_ns:
                bytecode.unlink()


@cache
def _reach(script: str, modules: tuple[str, ...] = ()) -> "_Reach":
    with unnoted():
        return _Reach(script, modules)


class _Reach:
    """What a script reaches.

    Attributes:
        reached: For each file of the project that is loaded the digests of what is reached of it, by name.
        packages: The packages from elsewhere that this imports.
        loaded: The files that are loaded, in order.
    """

    def __init__(self, script: str, modules: tuple[str, ...] = ()) -> None:
        self.reached: dict[str, dict[str, str]] = {}
        self.packages: set[str] = set()
        self.loaded: list[str] = []
        self.order: list[str] = []
        self.changed: set[str] = set()
        self.waiting: list[tuple[str, str]] = []
        self.sees_loaded = False
        self._load(script)
        self.waiting.append((script, MAIN))
        for named in modules:
            found = file_holding(named)
            if found is None:
                self.packages.add(top_of(named))
            elif found[1] and found[0].endswith(".py"):
                self._load(found[0])
                self._follow_import(named.rpartition(f".{found[1]}")[0], found[1])
            else:
                self._take_names(found[0])
        self._follow_all()
        while self.sees_loaded and not all(WHOLE in self.reached[file] for file in self.loaded):
            for file in list(self.loaded):
                self._take_whole(file)
            self._follow_all()
        # Of files whose import has effects, the later one may undo what the earlier one did.
        if len(set(self.order)) > 1 or self.changed:
            self.reached[script][ORDER] = " ".join([*self.order, *sorted(self.changed)])

    def _load(self, file: str) -> None:
        """Adds what runs when a file is imported: the packages that it is in, what it imports, and its own statements."""
        if file in self.reached:
            return
        for one in [*packages_above(file), file]:
            if one not in self.reached:
                self.reached[one] = {}
                self.loaded.append(one)
                self._run(one)

    def _run(self, file: str) -> None:
        if not file.endswith(".py"):
            self.reached[file][WHOLE] = sha256((ROOT / file).read_bytes())
            return
        self.waiting.append((file, EXECUTED))
        for step in steps(file):
            if step is not None:
                self._load(step)
                # What is taken from a module hangs on who changed it before: who holds it, and has effects.
                self.changed |= {f"{step} after {one}" for one in self.order if step in held_by(one)}
            elif self.order[-1:] != [file]:
                self.order.append(file)
        self.packages.update(top_of(module) for module in outline_in(file)["idle"] if not file_of(module))

    def _follow_all(self) -> None:
        while self.waiting:
            file, name = self.waiting.pop()
            outline = outline_in(file) if file.endswith(".py") else {"imports": {}, "definitions": {}}
            if name in outline["imports"] and f"import {name}" not in self.reached[file]:
                self.reached[file][f"import {name}"] = str(outline["imports"][name])
                for source, original, _ in outline["imports"][name]:
                    self._follow_import(source, original)
            if name in outline["definitions"] and name not in self.reached[file]:
                definition = outline["definitions"][name]
                self.reached[file][name] = definition["digest"]
                if not definition["digest"]:
                    self.reached[file].pop(name)
                self._follow_definition(file, name, definition)

    def _follow_import(self, source: str, original: str | None) -> None:
        inside = file_of(source)
        if not inside:
            self.packages.add(top_of(source))
        elif original is None:
            self._take_names(inside)
        elif inside.endswith(".py"):  # of others all counts already
            if original in outline_in(inside)["bound"]:
                self.waiting.append((inside, original))
            else:
                self._take_whole(inside)

    def _follow_definition(self, file: str, name: str, definition: dict) -> None:
        self.waiting += [(file, used) for used in definition["uses"] if used != name]
        for module, line in definition["modules"]:
            is_ours = module.startswith(".") or file_of(module) or top_of(module) in CODE
            if is_ours or module.endswith(".*"):
                raise InputError(
                    f"{file}, line {line}, imports a part of the project inside a function or another statement, which "
                    "cannot be followed: put the import at the top of the file."
                )
            self.packages.add(top_of(module))
        for line, what in definition["refused"] if file != BY_SETTINGS else []:
            raise InputError(
                f"{file}, line {line}, {what}, which cannot be followed: {ADVICE} at the top of the file."
            )
        for module in definition["names"]:
            inside = [found for found in (file_named(module), file_named(f"{module}.{MAIN}")) if found]
            for found in inside:
                self._take_names(found)
                self.waiting.append((found, MAIN))
            if not inside and module not in definition["looked_up"]:
                self.packages.add(top_of(module))
        if definition["sees"] == FILE:
            self._take_whole(file)
        self.sees_loaded |= definition["sees"] == LOADED and file != SEES_PLACES

    def _take_names(self, file: str) -> None:
        """Follows all names of a file that is loaded."""
        self._load(file)
        if file.endswith(".py"):
            outline = outline_in(file)
            self.waiting += [
                (file, name) for name in [*outline["definitions"], *outline["imports"]] if name != MAIN
            ]

    def _take_whole(self, file: str) -> None:
        """Counts all of a file, its comments included."""
        self._take_names(file)
        if WHOLE not in self.reached[file]:
            self.reached[file][WHOLE] = outline_in(file)["text"]
