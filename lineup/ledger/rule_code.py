"""What decides what a rule of a person's own does: its text, its script or its function, its inputs and its params.

Such a rule stands in a Snakefile, which is no module, so its code is looked at as it is in memory.
"""

import dis
import json
import pickle
import re
import string
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType

import lineup.snakemake_port as port
from lineup.files import file_digest, sha256
from lineup.ledger.code import code_of
from lineup.ledger.modules import ROOT, file_of
from lineup.snakemake_port import Workflow

PLAIN = (str, bytes, bool, int, float, complex, type(None))
CONFIG = "config"
# Between the names in braces of a shell command.
KEYS = re.compile(r"[.\[\]]+")


def code_of_rule(workflow: Workflow, rule: str) -> str:
    """Gives the digest of all that decides what the jobs of a rule do beside the bytes of their inputs."""
    text, script, function = port.action_of(workflow, rule)
    known = port.names_of(workflow)
    look = _Look(known)
    parts: list[object] = [text, [*_named_values(text, known, look)], _files_named(text)]
    if script:
        parts.append(code_of(script) if script.endswith(".py") else file_digest(ROOT / script))
    if function:
        parts += look.at(function)
    parts += [look.at(value) for value in port.declared(workflow, rule)]
    return sha256(json.dumps(parts))


def _named_values(text: str, known: Mapping, look: "_Look") -> Iterator[object]:
    """Gives the values of the names of the Snakefile that stand in braces in a shell command."""
    try:
        fields = sorted({field for _, field, *_ in string.Formatter().parse(text) if field})
    except ValueError:
        return
    for field in fields:
        name, *keys = [key for key in KEYS.split(field) if key]
        if name == CONFIG:
            yield [field, look.at(_inside(known.get(CONFIG), keys))]
        elif name in known:
            yield [field, look.at(known[name])]


def _files_named(text: str) -> dict[str, object]:
    """Gives what is in each file of the project that a command names, and what that reaches if it is of Python."""
    found = {}
    for word in sorted(set(re.findall(r"[\w./-]+", text))):
        path = Path(word)
        is_ours = not path.is_absolute() and ".." not in path.parts and (ROOT / path).is_file()
        if is_ours and path.parts[0] != "results":
            found[word] = code_of(path.as_posix()) if path.suffix == ".py" else file_digest(ROOT / path)
    return found


def _inside(value: object, keys: list[str]) -> object:
    """Follows keys into blocks of the config, as far as they lead."""
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            break
        value = value[key]
    return value


class _Look:
    """Writes values down as what JSON can hold, each function and class once.

    Args:
        known: The names of the Snakefile.
    """

    def __init__(self, known: Mapping) -> None:
        self.known = known
        self.seen: set[int] = set()

    def at(self, value: object) -> object:
        """Writes a value down: the same text in every process."""
        if isinstance(value, PLAIN):
            return repr(value)
        if isinstance(value, dict):
            return [[self.at(key), self.at(one)] for key, one in value.items()]
        if isinstance(value, list | tuple):
            return [self.at(one) for one in value]
        if isinstance(value, set | frozenset):
            return ["set", *sorted(json.dumps(self.at(one)) for one in value)]
        # The same function from two sides, or a class that holds itself.
        if id(value) in self.seen:
            return "seen"
        self.seen.add(id(value))
        if isinstance(value, ModuleType):
            file = file_of(value.__name__)
            return code_of(file) if file else value.__name__
        if isinstance(value, partial):
            return [self.at(one) for one in (value.func, value.args, value.keywords)]
        if isinstance(value, MethodType):
            return [self.at(value.__func__), self.at(value.__self__)]
        if str(type(value).__module__).startswith("snakemake."):
            return type(value).__qualname__  # such as the rules, of which nothing else can be asked
        own = getattr(value, "__dict__", {})
        if "__wrapped__" in own:
            return self.at(own["__wrapped__"])
        is_named = isinstance(value, FunctionType | type)
        file = file_of((value if is_named else type(value)).__module__ or "")
        if file:
            return [value.__qualname__ if is_named else self.at(own), code_of(file)]
        if isinstance(value, FunctionType):
            return self._at_function(value)
        return self._at_class(value, {} if is_named else own)

    def _at_class(self, value: object, own: dict) -> object:
        kind = value if isinstance(value, type) else type(value)
        # A class of a library is known by its name, and so is a function that is not of Python.
        if not any(getattr(one, "__globals__", None) is self.known for one in vars(kind).values()):
            if isinstance(value, BuiltinFunctionType | type):
                return value.__qualname__
            return [f"{kind.__module__}.{kind.__qualname__}", _digest_of(value)]
        parts = {name: one for name, one in vars(kind).items() if name not in ("__dict__", "__weakref__")}
        return [kind.__qualname__, [self.at(base) for base in kind.__bases__], self.at(parts), self.at(own)]

    def _at_function(self, function: FunctionType) -> list[object]:
        cells = [
            cell.cell_contents for cell in function.__closure__ or () if cell.cell_contents is not function
        ]
        parts: list[object] = [
            self.at(function.__defaults__),
            self.at(function.__kwdefaults__),
            self.at(cells),
        ]
        for code in _codes_of(function.__code__):
            constants = [self.at(one) for one in code.co_consts if not isinstance(one, CodeType)]
            parts.append([code.co_code.hex(), constants, list(code.co_names)])
            parts += [code_of(file) for file in map(file_of, _imported(code)) if file]
            for name in code.co_names:
                if name == CONFIG:
                    paths = _paths_into_config(code)
                    parts += [
                        [path, self.at(_inside(function.__globals__.get(CONFIG), path))] for path in paths
                    ]
                elif name in function.__globals__:
                    parts.append([name, self.at(function.__globals__[name])])
        return parts


def _digest_of(value: object) -> str:
    """Gives the digest of an object of a library, such as a path or a table; empty where it has no form to be kept in."""
    try:
        return sha256(pickle.dumps(value, protocol=4))
    except Exception:
        return ""


def _codes_of(code: CodeType) -> list[CodeType]:
    return [code, *(inner for one in code.co_consts if isinstance(one, CodeType) for inner in _codes_of(one))]


def _imported(code: CodeType) -> list[str]:
    return [one.argval for one in dis.get_instructions(code) if one.opname == "IMPORT_NAME"]


def _paths_into_config(code: CodeType) -> list[list[str]]:
    """Lists the blocks and settings of the config that a function looks at, as far as it names them."""
    steps, paths = list(dis.get_instructions(code)), []
    for place, step in enumerate(steps):
        if step.argval != CONFIG or not step.opname.startswith("LOAD"):
            continue
        path = []
        for key, take in zip(steps[place + 1 :: 2], steps[place + 2 :: 2], strict=False):
            is_key = key.opname.startswith("LOAD_CONST") and isinstance(key.argval, str)
            if not is_key or not (take.opname == "BINARY_SUBSCR" or take.argrepr == "[]"):
                break
            path.append(key.argval)
        paths.append(path)
    return sorted(paths)
