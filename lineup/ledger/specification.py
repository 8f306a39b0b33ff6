"""Says, by name, everything that the result of a job depends on.

A specification is one value that holds the settings of the job, the digest of the code that it
runs, the versions of the libraries that this code uses, and the environment variables that these
look at. A job runs again when something in it has changed, and only then.
"""

import ast
import hashlib
import json
import math
import os
import platform
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import Distribution
from importlib.util import cache_from_source
from pathlib import Path

from lineup.errors import InputError
from lineup.files import STATE, file_digest, replacing

ROOT = Path(__file__).parents[2]
# The folders with the code of the project.
CODE = ("lineup", "scripts")

# Statements at the top of a module that define nothing stand under this name.
EXECUTED = ""

# Distributions whose name differs from that of the module.
DISTRIBUTIONS = {"sklearn": "scikit-learn", "yaml": "pyyaml", "pytorch_lightning": "pytorch-lightning"}

# Environment variables that change what a library computes, by the library. Numbers of threads are
# not among them: Snakemake sets these, from the threads of the rule. Matplotlib is reset to its
# defaults before each figure, so its settings do not count.
VARIABLES = {
    "numpy": [
        "MKL_CBWR",
        "MKL_ENABLE_INSTRUCTIONS",
        "NPY_DISABLE_CPU_FEATURES",
        "NPY_ENABLE_CPU_FEATURES",
        "OPENBLAS_CORETYPE",
    ],
    "torch": [
        "ATEN_CPU_CAPABILITY",
        "CUBLAS_WORKSPACE_CONFIG",
        "DNNL_DEFAULT_FPMATH_MODE",
        "DNNL_MAX_CPU_ISA",
        "NVIDIA_TF32_OVERRIDE",
        "ONEDNN_DEFAULT_FPMATH_MODE",
        "ONEDNN_MAX_CPU_ISA",
        "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
    ],
}


def specification(
    script: str | None,
    settings: dict,
    files: Sequence[str] = (),
    inputs: dict[str, str | list[str]] | None = None,
    outputs: dict[str, str | list[str]] | None = None,
) -> dict:
    """Writes down what the result of a job depends on, beside the bytes of its input files.

    Args:
        script: Path of its script, relative to the root of the project; None if the code does not count.
        settings: All settings that it uses, by name.
        files: Other files of the project that it reads, such as a template.
        inputs: Its input files, by their names in the rule.
        outputs: Its output files, by their names in the rule.

    Returns:
        ``settings``, ``inputs`` and ``outputs``; ``files``, a digest for each; ``code``, a digest for
        each file of the project that the script reaches; ``libraries``, a version for each package
        that this code imports, for those that they need in turn, and for Python, null for one that is
        not installed; and ``environment``, the variables that are set and change what these libraries
        compute. Keys are sorted, so that equal specifications are equal as text.

    Raises:
        TypeError: If a setting is not a plain value of JSON, so that it has no canonical form.
    """
    libraries = libraries_of(script) if script else {}
    names = sorted(name for library in libraries for name in VARIABLES.get(library, []))
    return {
        "code": code_of(script) if script else {},
        "environment": {name: os.environ[name] for name in names if name in os.environ},
        "files": files_of(files),
        "inputs": canonical(inputs or {}, "inputs"),
        "libraries": libraries,
        "outputs": canonical(outputs or {}, "outputs"),
        "settings": canonical(settings),
    }


def code_of(script: str) -> dict[str, str]:
    """Gives the digest of the code that a script reaches, for each file of the project that holds some."""
    return _reach(script)[0]


def libraries_of(script: str) -> dict[str, str | None]:
    """Gives the version of Python and of each package that a script uses, itself or through others."""
    installed, versions = _installed(), {}
    waiting = [_name(DISTRIBUTIONS.get(package, package)) for package in _reach(script)[1]]
    while waiting:
        name = waiting.pop()
        if name not in versions:
            versions[name], needed = installed.get(name, (None, []))
            waiting += [other for other in needed if other in installed]
    return {"python": platform.python_version()} | dict(sorted(versions.items()))


def listed(files: dict[str, str | list[str]]) -> list[str]:
    """Lists the files of the inputs or the outputs of a job."""
    return [path for paths in files.values() for path in ([paths] if isinstance(paths, str) else paths)]


def versions_of(packages: Sequence[str]) -> dict[str, str | None]:
    """Gives the version of Python and of each of some packages, None for one that is not installed."""
    found = {package: _installed().get(_name(package), (None, []))[0] for package in packages}
    return {"Python": platform.python_version()} | found


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
            waiting += [(one, EXECUTED) for one in (file, *packages_of) if (ROOT / one).exists()]
        module = _outline(file)
        if name in module["imports"]:
            source, original = module["imports"][name]
            reached[file][name] = f"{source} {original}"
            inside = f"{source.replace('.', '/')}.py"
            if not (ROOT / inside).exists():
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
        if name in module["definitions"] and name not in reached[file]:
            reached[file][name] = module["definitions"][name]["digest"]
            waiting += [(file, used) for used in module["definitions"][name]["uses"]]
            packages.update(module["definitions"][name]["packages"])
    code = {file: _sha256(json.dumps(digests, sort_keys=True)) for file, digests in sorted(reached.items())}
    return code, sorted(packages - sys.stdlib_module_names)


@cache
def _installed() -> dict[str, tuple[str, list[str]]]:
    """Gives the version of each installed distribution, and the names of those that it needs here."""
    folders = [
        found
        for place in map(Path, sys.path)
        if place.is_dir()
        for found in sorted(place.glob("*.*-info"))
        if found.suffix in (".dist-info", ".egg-info") and found.is_dir()
    ]

    def read() -> dict:
        known = {}
        for folder in folders:
            distribution = Distribution.at(folder)
            # What is needed only here or there counts where it is installed; extras do not count.
            needs = [line for line in distribution.requires or [] if not re.search(r"\bextra *==", line)]
            needed = [_name(re.match(r"[\w.-]+", need)[0]) for need in needs]
            # Of two of a name, Python takes the one that comes first on its path.
            known.setdefault(_name(distribution.name), (distribution.version, needed))
        return known

    return _remembered("installed", [str(folder) for folder in folders], read)


def _name(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _remembered(kind: str, key: object, make: Callable[[], dict]) -> dict:
    """Gives what was made for the same key before, by this code on this Python, or else makes it.

    Reading all scripts and packages anew would take two tenths of a second at every start of Snakemake.
    """
    made_of = [platform.python_version(), Path(__file__).read_text(encoding="utf-8"), key]
    path = STATE / f"{kind}-{_sha256(json.dumps(made_of))}.json"
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
    return _remembered("outline", source, lambda: _outline_of(source, file))


def _digest_or_none(path: Path) -> str | None:
    return file_digest(path) if path.exists() else None


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
            "digest": _sha256("\n".join(ast.dump(statement) for statement in body)),
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
