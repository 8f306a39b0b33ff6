"""What each file of the project imports, and which file a name or a text stands for."""

from functools import cache
from pathlib import Path

from lineup.errors import InputError
from lineup.files import sha256
from lineup.ledger.modules import CODE, ROOT, file_of
from lineup.ledger.outline import EXECUTED, outline_of
from lineup.ledger.remembered import remembered

# The modules that make outlines.
READERS = tuple(
    str(Path(__file__).with_name(f"{name}.py"))
    for name in ("dynamic", "effects", "origins", "outline", "scopes")
)

ADVICE = "write `from lineup.module import name`"


@cache
def outline_in(file: str) -> dict:
    """Gives the outline of a file of the project."""
    source = (ROOT / file).read_bytes()
    return remembered("outline", [file, sha256(source)], lambda: outline_of(source, file), READERS)


@cache
def steps(file: str) -> list[str | None]:
    """Lists what happens when a file is imported: the files of the project that it loads, and None where statements of its own run.

    Raises:
        InputError: If an import of it cannot be followed.
    """
    found = outline_in(file)
    _check_imports(file, found)
    found = [module and (file_of(module) or "") for module in found["steps"]]
    return [step for step in found if step != ""]


@cache
def held_by(file: str) -> set[str]:
    """Lists the files of the project that a file holds as modules, so that it may change what stands in them."""
    if not file.endswith(".py"):
        return set()
    sources = [one for found in outline_in(file)["imports"].values() for one in found]
    names = [source if original is None else f"{source}.{original}" for source, original, _ in sources]
    return {found for found in map(file_of, names) if found}


def top_of(module: str) -> str:
    """Gives the package that a module is in."""
    return module.partition(".")[0]


def file_holding(name: str) -> tuple[str, str] | None:
    """Gives the file of the project that holds what is named, and its name there, empty for all of a module."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        file = file_of(".".join(parts[:end]))
        if file:
            return file, next(iter(parts[end:]), "")
    return None


def file_named(text: str) -> str | None:
    """Gives the file of the project that a text names, as a module or by its path."""
    if top_of(text) in CODE:
        return file_of(text)
    is_path = text.endswith(".py") and not text.startswith(("/", "."))
    return text if is_path and (ROOT / text).is_file() else file_of(text)


def _check_imports(file: str, outline: dict) -> None:
    """Raises an InputError for an import at the top of a file that cannot be followed."""
    for module, line in outline["obscure"]:
        is_long = "." in module and (top_of(module) in CODE or file_of(module))
        if module.startswith(".") or module.endswith(".*") or module in CODE or is_long:
            raise InputError(f"{file}, line {line}, imports in a way that cannot be followed: {ADVICE}.")
    for sources in outline["imports"].values():
        for source, original, _ in sources:
            inside = file_of(source)
            if (top_of(source) in CODE and not inside) or (
                inside and original and not _may_have(inside, original)
            ):
                raise InputError(
                    f"{file} imports from {source}, which is no file of the project that has such a name: {ADVICE}."
                )


def _may_have(file: str, name: str) -> bool:
    """Tells whether a file of the project may have a name when it is imported."""
    if not file.endswith(".py"):
        return True
    outline = outline_in(file)
    seen = outline["definitions"][EXECUTED]
    return name in outline["bound"] or "__getattr__" in outline["bound"] or bool(seen["sees"])
