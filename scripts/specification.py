"""Says, by name, everything that the result of a job depends on.

A specification is one value that holds the settings of the job, the digest of the code that it
runs, and the versions of the libraries that this code uses. Snakemake compares it with that of the
last run, so a job runs again when something in it has changed, and only then.
"""

import ast
import hashlib
import json
import math
import platform
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

from scripts.job import InputError, replacing

ROOT = Path(__file__).parents[1]

# In the folder that Snakemake runs in. It can be deleted at any time.
CACHE = Path(".snakemake") / "lineup"

# Statements at the top of a module that define nothing stand under this name.
EXECUTED = ""

# Distributions whose name differs from that of the module.
DISTRIBUTIONS = {"sklearn": "scikit-learn", "yaml": "PyYAML", "pytorch_lightning": "pytorch-lightning"}


def specification(script: str, settings: dict, files: Sequence[str] = ()) -> dict:
    """Writes down what the result of a job depends on, beside its input files.

    Args:
        script: Path of its script, relative to the root of the project.
        settings: All settings that it uses, by name.
        files: Other files of the project that it reads, such as a template.

    Returns:
        ``settings``; ``files``, a digest for each; ``code``, a digest for each file of the project that the script reaches; and
        ``libraries``, a version for each package that this code imports, and for Python. Keys are
        sorted, so that equal specifications are equal as text.

    Raises:
        TypeError: If a setting is not a plain value of JSON, so that it has no canonical form.
    """
    code, libraries = _reach(script)
    digests = {file: hashlib.sha256((ROOT / file).read_bytes()).hexdigest() for file in sorted(files)}
    return {"code": code, "files": digests, "libraries": libraries, "settings": canonical(settings)}


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


@cache
def _reach(script: str) -> tuple[dict[str, str], dict[str, str]]:
    """Follows the names that a script uses from definition to definition, also into other files.

    Returns:
        A digest of the definitions that are reached, for each file of the project, and the version
        of each package that they use.
    """
    reached: dict[str, dict[str, str]] = {}
    packages: set[str] = set()
    waiting = [(script, EXECUTED)]
    while waiting:
        file, name = waiting.pop()
        if file not in reached:
            reached[file] = {}
            waiting.append((file, EXECUTED))
        module = _outline(file)
        if name in module["imports"]:
            source, original = module["imports"][name]
            inside = f"{source.replace('.', '/')}.py"
            if not (ROOT / inside).exists():
                packages.add(source.partition(".")[0])
            elif original is None:
                waiting += [(inside, each) for each in _outline(inside)["definitions"]]
            else:
                waiting.append((inside, original))
        if name in module["definitions"] and name not in reached[file]:
            reached[file][name] = module["definitions"][name]["digest"]
            waiting += [(file, used) for used in module["definitions"][name]["uses"]]
    code = {file: _sha256(json.dumps(digests, sort_keys=True)) for file, digests in sorted(reached.items())}
    foreign = sorted(packages - sys.stdlib_module_names)
    libraries = {package: version(DISTRIBUTIONS.get(package, package)) for package in foreign}
    return code, {"python": platform.python_version()} | libraries


@cache
def _outline(file: str) -> dict:
    """Reads the outline of a file of the project, from the cache if its bytes are those seen before.

    Reading all scripts anew would take a tenth of a second at every start of Snakemake.
    """
    source = (ROOT / file).read_text(encoding="utf-8")
    # The outline also depends on how it is made, and on the Python that reads the file.
    key = _sha256(f"{platform.python_version()}\n{_own_source()}\n{source}")
    cached = CACHE / f"{key}.json"
    try:
        return json.loads(cached.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        outline = _outline_of(source, file)
    with suppress(OSError), replacing(cached) as temporary:
        temporary.write_text(json.dumps(outline), encoding="utf-8")
    return outline


@cache
def _own_source() -> str:
    return Path(__file__).read_text(encoding="utf-8")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _outline_of(source: str, file: str) -> dict:
    """Lists what the top level of a Python file defines and imports.

    Args:
        source: Its text.
        file: Its path, for messages.

    Returns:
        ``imports``: for each imported name the module that it comes from and its name there, None
        for a module as a whole. ``definitions``: for each defined name a ``digest`` of what defines
        it, and the names that this ``uses``. Statements that define nothing run when the file is
        imported; they stand under the name ``EXECUTED``.

    Raises:
        InputError: If the file is not Python, or imports something inside a function.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise InputError(f"{file}, line {error.lineno}, is not valid Python: {error.msg}.") from error
    statements: dict[str, list[ast.stmt]] = {EXECUTED: []}
    imports: dict[str, tuple[str, str | None]] = {}
    for statement in tree.body:
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
        if any(isinstance(node, ast.Import | ast.ImportFrom) for node in nodes):
            raise InputError(
                f"{file} imports something inside {name or 'a statement'}, which cannot be followed: put the import at the top of the file."
            )
        definitions[name] = {
            "digest": _sha256("\n".join(ast.dump(statement) for statement in body)),
            "uses": sorted({node.id for node in nodes if isinstance(node, ast.Name)}),
        }
    return {"imports": imports, "definitions": definitions}


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
