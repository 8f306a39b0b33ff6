"""What every run of snakemake works out again, kept for the warm runs of a session: it hangs on texts and folders that seldom change.

Where anything is not as it was, or fails, snakemake works it out itself.
"""

import hashlib
import marshal
import os
import pickle
import pkgutil
import re
import sys
import types
from collections.abc import Iterator
from importlib.machinery import FileFinder
from pathlib import Path

from lineup.files import STATE


def keep_plugins() -> None:
    """Keeps which modules the folders of the installed packages have, of which snakemake lists all four times to find its plugins."""
    kept: dict[str, list] = {}
    listed = pkgutil.iter_importer_modules.registry[FileFinder]

    def modules(importer: object, prefix: str = "") -> Iterator[tuple[str, bool]]:
        if prefix or not importer.path.startswith((sys.prefix, sys.base_prefix)):
            return listed(importer, prefix)
        if importer.path not in kept:
            kept[importer.path] = list(listed(importer))
        return iter(kept[importer.path])

    pkgutil.iter_importer_modules.register(FileFinder, modules)
    list(pkgutil.iter_modules())


# The patterns that a run had compiled, of which those forked after it have each compiled already.
PATTERNS = "patterns"


def keep_patterns(folder: str) -> None:
    """Keeps which patterns this run has compiled: a fifth of the time of a dry run."""
    file = Path(folder, PATTERNS)
    if not file.exists():
        plain = (key[1:] for key in list(re._cache) if isinstance(key[1], str))
        _keep(file, list(plain))


def compile_patterns(folder: str) -> bool:
    """Compiles the patterns that a run kept; tells whether one has."""
    file = Path(folder, PATTERNS)
    if not file.exists():
        return False
    for pattern, flags in pickle.loads(file.read_bytes()):
        re.compile(pattern, flags)
    return True


def keep_parsed(folder: str) -> None:
    """Keeps how snakemake parses each text of rules, in which nothing but the path of the file hangs on where it stands."""
    import snakemake.workflow

    parse = snakemake.workflow.parse

    def kept(
        path: object,
        workflow: object,
        linemap: dict,
        overwrite_shellcmd: str | None = None,
        rulecount: int = 0,
    ) -> tuple[str, int]:
        place = path.get_path_or_uri(secret_free=True)
        text, where = _text(place), f"snakefile={place!r}"
        file = _file(folder, f"rules {rulecount} {text}")
        if text is not None and file.exists():
            parts, count, lines = pickle.loads(file.read_bytes())
            linemap.update(lines)
            return where.join(parts), count
        code, count = parse(path, workflow, linemap, overwrite_shellcmd, rulecount)
        if text is not None:
            _keep(file, (code.split(where), count, linemap))
        return code, count

    snakemake.workflow.parse = kept


def keep_compiled(folder: str) -> None:
    """Keeps what each text of rules is compiled to, with a word in place of its path."""
    import snakemake.workflow

    word = "the path of the file"

    def at(path: str, code: types.CodeType) -> types.CodeType:
        inner = (
            at(path, one) if isinstance(one, types.CodeType) else path if one == word else one
            for one in code.co_consts
        )
        return code.replace(co_filename=path, co_consts=tuple(inner))

    def kept(source: str, path: str, mode: str) -> types.CodeType:
        source = source.replace(f"snakefile={path!r}", f"snakefile={word!r}")
        file = _file(folder, f"code {source}")
        if not file.exists():
            _keep(file, marshal.dumps(compile(source, word, mode)))
        return at(path, marshal.loads(file.read_bytes()))

    snakemake.workflow.compile = kept


def keep_yaml(folder: str) -> None:
    """Keeps what texts in YAML say, as those of the schemas."""
    import yaml

    load = yaml.load

    def kept(stream: object, Loader: type) -> object:
        if not isinstance(stream, str) or Loader is not yaml.CSafeLoader:
            return load(stream, Loader)
        file = _file(folder, f"yaml {stream}")
        if not file.exists():
            _keep(file, load(stream, Loader))
        return pickle.loads(file.read_bytes())

    yaml.load = kept


def keep_configs(folder: str) -> None:
    """Keeps what configs in YAML say."""
    import yte

    process = yte.process_yaml

    def kept(file: object, *arguments: object, **more: object) -> object:
        if arguments or more != {"require_use_yte": True} or not hasattr(file, "read"):
            return process(file, *arguments, **more)
        text = file.read()
        kept_in = _file(folder, f"config {text}")
        if kept_in.exists():
            return pickle.loads(kept_in.read_bytes())
        found = process(text, **more)
        _keep(kept_in, found)
        return found

    yte.process_yaml = kept


def keep_templates(folder: str) -> None:
    """Keeps what jinja2 compiles each template to: half of what a report costs."""
    from jinja2 import Environment

    compiled = Environment.compile

    def kept(environment: Environment, source: object, *arguments: object, **more: object) -> object:
        plain = {name: value for name, value in vars(environment).items() if isinstance(value, str | int)}
        if arguments or more or not isinstance(source, str) or "autoescape" not in plain:
            return compiled(environment, source, *arguments, **more)
        known = [sorted(part) for part in (environment.filters, environment.tests, environment.extensions)]
        file = _file(folder, f"template {plain} {known} {source}")
        if file.exists():
            return marshal.loads(file.read_bytes())
        code = compiled(environment, source)
        _keep(file, marshal.dumps(code))
        return code

    Environment.compile = kept


# What is remembered of each file of the code, of what scripts reach, of the packages that are installed, and of estimators.
REMEMBERED = tuple(f"{kind}-*.json" for kind in ("outline", "reach", "parts", "installed", "estimators"))


def lend_remembered(project: Path, folder: str) -> bool:
    """Gives a project that has not run what others remember: by its first run it would take seconds. Tells whether it had not."""
    state = project / STATE
    # A disk that is not that of the others is one of a test, and small.
    if state.exists() or not project.exists() or project.stat().st_dev != Path(folder).stat().st_dev:
        return False
    state.mkdir(parents=True)
    for file in _remembered(Path(folder)):
        os.link(file, state / file.name)
    return True


def take_remembered(project: Path, folder: str) -> None:
    """Takes what a project remembers and no other did."""
    for file in _remembered(project / STATE):
        if not Path(folder, file.name).exists():
            _keep(Path(folder, file.name), file.read_bytes())


def _remembered(folder: Path) -> Iterator[Path]:
    return (file for pattern in REMEMBERED for file in folder.glob(pattern))


def _text(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def _file(folder: str, key: str) -> Path:
    """Names the file for what hangs on a text."""
    return Path(folder, hashlib.sha256(key.encode()).hexdigest())


def _keep(file: Path, found: object) -> None:
    part = file.with_suffix(f".{os.getpid()}")
    part.write_bytes(found if isinstance(found, bytes) else pickle.dumps(found))
    part.replace(file)
