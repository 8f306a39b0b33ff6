"""The outline of a file of Python: what it imports, what runs when it is imported, and what each name in it is."""

import ast
from collections.abc import Iterator
from contextlib import suppress

from lineup.errors import InputError
from lineup.files import sha256
from lineup.ledger.dynamic import look_for_dynamic
from lineup.ledger.effects import Effects, is_text
from lineup.ledger.scopes import DEFINITIONS, FUNCTIONS, annotations, bound_by, canonical, outer_parts, walk

# What runs when the file is imported, and what runs only in a script of its own, stand under these names.
EXECUTED, MAIN = "", "__main__"

# The test of what runs only in a script.
IS_MAIN = ast.dump(ast.parse("__name__ == '__main__'", mode="eval").body)


def outline_of(source: bytes, file: str) -> dict:
    """Lists what a Python file imports, runs and defines.

    A name that is bound once, by a statement that does nothing else, stands by itself. What may have another
    effect runs when the file is imported, in the order of the file.

    Args:
        source: Its bytes.
        file: Its path, for messages.

    Returns:
        ``imports``: for each imported name the modules that it may come from and its name there, None for a
        module as a whole, and what else decides what it is. ``definitions``: for each name, for ``EXECUTED`` and
        for ``MAIN``, a ``digest``, the names of the module that it ``uses``, the ``modules`` that it imports
        inside, each with its line, and what ``look_for_dynamic`` finds. ``steps``: what happens at import, in
        order: a module is imported, or, None, statements run. ``bound``: the names that it binds. ``idle``: the
        modules that are imported and that nothing in the file looks at. ``obscure``: modules whose import does not
        say what it binds, with the line. ``text``: the digest of all of it.

    Raises:
        InputError: If the file is not Python.
    """
    try:
        body = ast.parse(source, filename=file).body
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}," if getattr(error, "lineno", None) else ""
        raise InputError(f"{file}{line} is not valid Python: {getattr(error, 'msg', error)}.") from error
    effects = Effects(body)
    if any(map(effects.is_for_types, body)):
        body = [one for one in body if not effects.is_for_types(one)]
        effects = Effects(body)
    outline = {"imports": {}, "steps": [], "bound": sorted(effects.times), "text": sha256(source)}
    outline["obscure"] = [(module, one.lineno) for one in body for module in _obscure_modules(one)]
    parts: dict[str, list[ast.stmt]] = {EXECUTED: [], MAIN: []}
    after: dict[str, int] = {}
    late = 0  # imports that stand below the first definition, and may change what it is
    for statement in body:
        ran = len(parts[EXECUTED]) + late
        if isinstance(statement, ast.Import | ast.ImportFrom):
            _note_import(outline, statement, ran)
            late += len(after) > 0
            is_future = getattr(statement, "module", None) == "__future__"
            if is_future or any(
                effects.times[name] > 1 and name not in effects.again for name, _ in bound_by([statement])
            ):
                parts[EXECUTED].append(statement)
        elif _is_main(statement):
            parts[MAIN].append(statement)
        elif effects.is_quiet(statement):
            for name, _ in bound_by([statement]):
                parts[name] = [_without_texts(statement)]
                after[name] = ran if _looks_when_defined(statement) else 0
        elif not is_text(statement):
            parts[EXECUTED].append(statement)
            outline["steps"] += [] if outline["steps"][-1:] == [None] else [None]
    outline["definitions"] = {
        name: _definition(statements, effects, after.get(name, 0)) for name, statements in parts.items()
    }
    looked_at = {name for one in outline["definitions"].values() for name in one["uses"]}
    # By convention `import name as name` hands a name on.
    imports = [one for one in body if isinstance(one, ast.Import | ast.ImportFrom)]
    handed_on = {alias.name for one in imports for alias in one.names if alias.name == alias.asname}
    idle = [sources for name, sources in outline["imports"].items() if name not in looked_at | handed_on]
    outline["idle"] = sorted({source for sources in idle for source, _, _ in sources})
    return outline


def _obscure_modules(statement: ast.stmt) -> list[str]:
    """Lists the modules of an import that may not say by itself which names of which file it binds; those of the project have to."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names if "." not in alias.name or not alias.asname]
    modules = _modules(statement) if isinstance(statement, ast.ImportFrom) else []
    return [
        module for module in modules if module.startswith(".") or module.endswith(".*") or "." not in module
    ]


def _note_import(outline: dict, statement: ast.Import | ast.ImportFrom, ran: int) -> None:
    when = f"after {ran}" if ran else ""
    for alias in statement.names:
        if isinstance(statement, ast.Import):
            name, source, original = alias.asname or alias.name.partition(".")[0], alias.name, None
        else:
            name, source, original = alias.asname or alias.name, statement.module or "", alias.name
        outline["imports"].setdefault(name, []).append((source, original, when))
        outline["steps"].append(source)


def _is_main(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and not statement.orelse and ast.dump(statement.test) == IS_MAIN


def _looks_when_defined(statement: ast.stmt) -> bool:
    """Tells whether a definition looks at names when it is defined, so that what ran before it may decide what it is."""
    parts = outer_parts(statement) if isinstance(statement, ast.FunctionDef) else [statement]
    return any(
        isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) for one in parts for node in walk(one)
    )


def _definition(statements: list[ast.stmt], effects: Effects, after: int) -> dict:
    nodes = [node for statement in statements for node in walk(statement)]
    modules = [
        (module, node.lineno)
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom) and node not in statements
        for module in _modules(node)
    ]
    # Before the names of locals are taken away.
    dynamic = look_for_dynamic(statements, effects.origin_inside, set(effects.times))
    uses = {name for node in nodes if isinstance(node, FUNCTIONS) for name in _named_in_texts(node)}
    text, looked_up = canonical(statements)
    uses |= looked_up
    digest = sha256(text + (f"\nafter {after}" if after else "")) if statements else ""
    return {"digest": digest, "uses": sorted(uses), "modules": modules} | dynamic


def _named_in_texts(function: ast.AST) -> Iterator[str]:
    """Yields the names in annotations that are texts, which a decorator may look up."""
    for one in annotations(function) if getattr(function, "decorator_list", []) else []:
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            with suppress(SyntaxError, ValueError):
                tree = ast.parse(one.value, mode="eval")
                yield from (node.id for node in walk(tree) if isinstance(node, ast.Name))


def _modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    """Lists the modules that an import names: a relative one with points before it, one of which all names are taken with a star."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    star = ".*" if any(alias.name == "*" for alias in node.names) else ""
    return ["." * node.level + (node.module or "") + star]


def _without_texts(statement: ast.stmt) -> ast.stmt:
    """Takes the docstrings out of a definition, and any other text that stands as a statement."""
    for node in walk(statement):
        if isinstance(node, DEFINITIONS):
            node.body = [one for one in node.body if not is_text(one)]
    return statement
