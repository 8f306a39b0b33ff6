"""Finds in code what reaches other code in another way than by its name."""

import ast
import re
from collections.abc import Callable, Iterable

# How far code may see beyond the names that stand in it: into its file, or into every module that is loaded.
FILE, LOADED = "file", "loaded"

# Names that stand for all of their file, and those that do so when they are called with nothing.
OF_FILE = {"__builtins__", "__doc__", "__loader__", "__spec__", "compile", "eval", "exec", "globals"}
OF_FILE_BARE = {"dir", "locals", "vars"}

# Attributes and packages that lead from a thing to any other, or to the text of its code.
OF_LOADED = {
    *("__code__", "__doc__", "__globals__", "__subclasses__", "f_back", "f_code", "f_globals", "f_lineno", "f_locals"),
    *("__builtins__", "tb_frame", "get_type_hints", "tb_lineno", "getrefcount", "_getframe", "get_objects"),
}  # fmt: skip
# Those that a text may name, for another function to look up.
DUNDERS = {name for name in OF_LOADED if name.startswith("__")}
PACKAGES_OF_LOADED = {
    "dill",
    "gc",
    "inspect",
    "joblib",
    "linecache",
    "pickle",
    "pydoc",
    "shelve",
    "traceback",
    "tracemalloc",
}
HARMLESS = {"pickle.UnpicklingError", "pickle.PickleError", "pickle.PicklingError", "pickle.HIGHEST_PROTOCOL"}

# What imports a module by a text, and what runs code in a way that cannot be followed.
BY_TEXT = {"import_module", "__import__", "run_module", "resolve_name"}
BLIND = {
    *("exec_module", "load_module", "module_from_spec", "run_path", "spec_from_file_location", "addsitedir"),
    *("iter_modules", "walk_packages"),
}  # fmt: skip
NAMES_CODE = re.compile(r"[a-z_]\w*(\.\w+)+|[\w./-]+\.py")
CHANGES_LIST = {"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"}


def look_for_dynamic(
    statements: Iterable[ast.stmt], origin: Callable[[ast.expr], str | None], shadowed: set[str]
) -> dict:
    """Finds what in some statements cannot be followed by its name.

    Args:
        statements: The statements.
        origin: Gives the full name of what an expression names, where imports and builtins tell it.
        shadowed: Names that are not those of builtins here.

    Returns:
        ``sees``: empty, or how far they see, ``FILE`` or ``LOADED``. ``names``: modules that they import or, as
        in ``looked_up``, only name, by a text. ``refused``: a line and what is wrong there, for what can be told only when it runs.
    """
    look = _Look(origin, shadowed)
    for statement in statements:
        look.visit(statement)
    sees = LOADED if LOADED in look.sees else FILE if FILE in look.sees else ""
    names = sorted(look.names | look.looked_up)
    return {
        "sees": sees,
        "names": names,
        "looked_up": sorted(look.looked_up - look.names),
        "refused": look.refused,
    }


class _Look(ast.NodeVisitor):
    def __init__(self, origin: Callable[[ast.expr], str | None], shadowed: set[str]) -> None:
        self.origin, self.shadowed = origin, shadowed
        self.sees: set[str] = set()
        self.names: set[str] = set()
        self.looked_up: set[str] = set()
        self.refused: list[tuple[int, str]] = []
        self.understood: set[int] = set()  # nodes that a node around them has explained

    def _refuse(self, node: ast.AST, what: str) -> None:
        self.refused.append((node.lineno, what))

    def visit_Call(self, node: ast.Call) -> None:
        """Looks at a call."""
        called = self._last(node.func)
        first = node.args[0] if node.args else None
        text = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
        if called in BY_TEXT:
            self.understood.add(id(node.func))
            if text is None or text.startswith("."):
                self._refuse(node, "imports a module by a name that is known only when it runs")
            else:
                self.names.add(text.replace(":", ".") if called == "resolve_name" else text)
        elif called in OF_FILE_BARE and isinstance(node.func, ast.Name) and (node.args or node.keywords):
            self.understood.add(id(node.func))
        elif self._is_table(getattr(node.func, "value", None)) and text:
            self.understood.add(id(node.func.value))
            self.looked_up.add(text)
        for argument in [*node.args, *(keyword.value for keyword in node.keywords), node.func]:
            text = argument.value if isinstance(argument, ast.Attribute) else argument
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                self.sees |= {LOADED for name in DUNDERS if name in text.value}
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        """Looks at a lookup."""
        if self._is_table(node.value) and isinstance(node.slice, ast.Constant):
            self.understood.add(id(node.value))
            self.looked_up.add(str(node.slice.value))
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        """Looks at a comparison."""
        if isinstance(node.left, ast.Constant) and self._is_table(node.comparators[0]):
            self.understood.add(id(node.comparators[0]))
            self.looked_up.add(str(node.left.value))
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        """Looks at a literal: a text may name a module, or a file of code, for another process to run."""
        if isinstance(node.value, str) and NAMES_CODE.fullmatch(node.value):
            self.looked_up.add(node.value)

    def visit_Name(self, node: ast.Name) -> None:
        """Looks at a name."""
        self._look_at(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Looks at an attribute."""
        self._look_at(node)
        if node.attr in CHANGES_LIST and self.origin(node.value) == "sys.path":
            self._refuse(node, "changes where Python looks for modules")
        if self.origin(node) == "sys.path" and not isinstance(node.ctx, ast.Load):
            self._refuse(node, "changes where Python looks for modules")
        self.generic_visit(node)

    def visit_alias(self, node: ast.alias) -> None:
        """Looks at a name that is imported."""
        if node.name in BLIND | BY_TEXT and node.asname:
            self._refuse(node, f"gives {node.name} another name")

    def _look_at(self, node: ast.Name | ast.Attribute) -> None:
        if id(node) in self.understood:
            return
        name, origin = self._last(node), self.origin(node) or ""
        is_builtin = origin.startswith("builtins.") or (
            isinstance(node, ast.Name) and name not in self.shadowed
        )
        if name in BY_TEXT and (isinstance(node, ast.Attribute) or name not in self.shadowed):
            self._refuse(node, "imports a module by a name that is known only when it runs")
        elif name == "__path__":
            self._refuse(node, "changes where Python looks for modules")
        elif name in BLIND and (isinstance(node, ast.Attribute) or origin):
            self._refuse(node, "loads or finds code in a way that cannot be followed")
        elif is_builtin and name in OF_FILE | OF_FILE_BARE:
            self.sees.add(FILE)
        elif (
            self._is_table(node)
            or (name in OF_LOADED and (origin or isinstance(node, ast.Attribute)))
            or (origin.partition(".")[0] in PACKAGES_OF_LOADED and "." in origin and origin not in HARMLESS)
        ):
            self.sees.add(LOADED)

    def _is_table(self, node: ast.AST | None) -> bool:
        """Tells whether this is the table of the modules that are loaded."""
        origin = self.origin(node) if isinstance(node, ast.Name | ast.Attribute) else None
        return origin is not None and f".{origin}".endswith(".sys.modules")  # `os.sys` is one, too

    def _last(self, node: ast.AST) -> str:
        name = getattr(node, "attr", None) or getattr(node, "id", "")
        full = self.origin(node) if isinstance(node, ast.Name) else None
        return full.rpartition(".")[2] if full else name
