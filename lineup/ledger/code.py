"""Follows what a script reaches: the digest of each definition, through all modules of the project."""

import ast
import hashlib
import json
import platform
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path

from lineup.errors import InputError
from lineup.files import STATE, replacing

ROOT = Path(__file__).parents[2]


# The folders with the code of the project.
CODE = ("lineup", "scripts")


# Statements at the top of a module that define nothing stand under this name.
EXECUTED = ""


def code_of(script: str) -> dict[str, str]:
    """Gives the digest of the code that a script reaches, for each file of the project that holds some."""
    return _reach(script)[0]


def packages_of(script: str) -> list[str]:
    """Lists the packages from elsewhere that the code imports that a script reaches."""
    return _reach(script)[1]


def drop_stale_bytecode() -> None:
    """Removes the bytecode of each file of the code that was touched since.

    Python believes the size and the time of a file, and would run the old code of one that was
    replaced by another of the same size and time.
    """
    for file in [file for folder in CODE for file in (ROOT / folder).rglob("*.py")]:
        with suppress(OSError):
            bytecode = Path(cache_from_source(file))
            if file.stat().st_ctime_ns >= bytecode.stat().st_mtime_ns:
                bytecode.unlink()


@cache
def _reach(script: str) -> tuple[dict[str, str], list[str]]:
    """Follows the names that a script uses from definition to definition, also into other files.

    Returns:
        A digest of the definitions that are reached, for each file of the project, and the packages
        from elsewhere that they import.
    """
    reached: dict[str, dict[str, str]] = {}
    packages: set[str] = set()
    waiting = [(script, EXECUTED)]
    while waiting:
        file, name = waiting.pop()
        if file not in reached:
            reached[file] = {}
            # Python runs the files of the packages that a module is in before the module.
            packages_of = [f"{folder.as_posix()}/__init__.py" for folder in Path(file).parents[:-1]]
            waiting += [(one, EXECUTED) for one in (file, *packages_of) if _is_there(one)]
        if name in reached[file]:
            continue
        module = _outline(file)
        if name in module["imports"]:
            source, original = module["imports"][name]
            reached[file][name] = f"{source} {original}"
            inside = f"{source.replace('.', '/')}.py"
            if not _is_there(inside):
                package = source.partition(".")[0]
                if package in CODE:
                    raise InputError(
                        f"{file} imports from {source}, which is no file of the project: write `from lineup.module "
                        "import name`."
                    )
                packages.add(package)
            elif original is None:
                waiting += [(inside, each) for each in _outline(inside)["definitions"]]
            else:
                waiting.append((inside, original))
        if name in module["definitions"] and name not in module["imports"]:
            reached[file][name] = module["definitions"][name]["digest"]
            waiting += [(file, used) for used in module["definitions"][name]["uses"]]
            packages.update(module["definitions"][name]["packages"])
    code = {file: sha256(json.dumps(digests, sort_keys=True)) for file, digests in sorted(reached.items())}
    return code, sorted(packages - sys.stdlib_module_names)


@cache
def _is_there(file: str) -> bool:
    return (ROOT / file).exists()


def remembered(kind: str, key: object, make: Callable[[], dict]) -> dict:
    """Gives what was made for the same key before, by this code on this Python, or else makes it.

    Reading all scripts and packages anew would take two tenths of a second at every start of Snakemake.
    """
    made_of = [platform.python_version(), Path(__file__).read_text(encoding="utf-8"), key]
    path = STATE / f"{kind}-{sha256(json.dumps(made_of))}.json"
    with suppress(OSError, ValueError):
        return json.loads(path.read_text(encoding="utf-8"))
    made = make()
    with suppress(OSError), replacing(path) as temporary:
        temporary.write_text(json.dumps(made), encoding="utf-8")
    return made


@cache
def _outline(file: str) -> dict:
    """Gives the outline of a file of the project."""
    source = (ROOT / file).read_text(encoding="utf-8")
    return remembered("outline", source, lambda: _outline_of(source, file))


def sha256(text: str) -> str:
    """Gives the SHA-256 of a text, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def _outline_of(source: str, file: str) -> dict:
    """Lists what the top level of a Python file defines and imports.

    Args:
        source: Its text.
        file: Its path, for messages.

    Returns:
        ``imports``: for each imported name the module that it comes from and its name there, None
        for a module as a whole. ``definitions``: for each defined name a ``digest`` of what defines
        it, the names that this ``uses``, and the ``packages`` from elsewhere that it imports inside. Statements that define nothing run when the file is
        imported; they stand under the name ``EXECUTED``.

    Raises:
        InputError: If the file is not Python, or imports a part of the project inside a function or in a
            way that cannot be followed.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise InputError(f"{file}, line {error.lineno}, is not valid Python: {error.msg}.") from error
    statements: dict[str, list[ast.stmt]] = {EXECUTED: []}
    imports: dict[str, tuple[str, str | None]] = {}
    for statement in tree.body:
        if _is_obscure(statement):
            raise InputError(
                f"{file}, line {statement.lineno}, imports in a way that cannot be followed: write "
                "`from lineup.module import name`."
            )
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                imports[alias.asname or alias.name.partition(".")[0]] = (alias.name, None)
        elif isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                imports[alias.asname or alias.name] = (statement.module, alias.name)
        elif not _is_text(statement):
            for name in _defined_by(statement) or [EXECUTED]:
                statements.setdefault(name, []).append(_without_docstrings(statement))
    definitions = {}
    for name, body in statements.items():
        nodes = [node for statement in body for node in ast.walk(statement)]
        inside = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
        packages = {module.partition(".")[0] for node in inside for module in _modules(node)}
        if any(_is_obscure(node) for node in inside) or not packages.isdisjoint({"", *CODE}):
            raise InputError(
                f"{file} imports a part of the project inside {name or 'a statement'}, which cannot be followed: put the import at the top of the file."
            )
        definitions[name] = {
            "digest": sha256("\n".join(ast.dump(statement) for statement in body)),
            "uses": sorted({node.id for node in nodes if isinstance(node, ast.Name)}),
            "packages": sorted(packages),
        }
    return {"imports": imports, "definitions": definitions}


def _modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    """Lists the modules that an import names; a relative one has no name."""
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]


def _is_obscure(statement: ast.stmt) -> bool:
    """Tells whether an import does not say by itself which name of which file of the project it binds."""
    if isinstance(statement, ast.Import):
        return any(alias.name.partition(".")[0] in CODE and not alias.asname for alias in statement.names)
    if isinstance(statement, ast.ImportFrom):
        starred = any(alias.name == "*" for alias in statement.names)
        return starred or statement.level > 0 or statement.module in CODE
    return False


def _defined_by(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        nodes = [node for target in targets for node in ast.walk(target)]
        if all(isinstance(node, ast.Name | ast.Tuple | ast.expr_context) for node in nodes):
            return [node.id for node in nodes if isinstance(node, ast.Name)]
    return []


def _without_docstrings(statement: ast.stmt) -> ast.stmt:
    """Takes the docstrings out of a definition, and any other text that stands as a statement."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        statement.body = [_without_docstrings(one) for one in statement.body if not _is_text(one)]
    return statement


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
