"""Tells by the imports of a module what a name in it stands for."""

import ast
from collections import Counter
from collections.abc import Iterator

from lineup.ledger.scopes import BUILTINS, bound_by, walk


class Origins:
    """What the names of a module stand for, as far as its imports and the builtins tell it.

    Args:
        body: The statements of the module.
    """

    def __init__(self, body: list[ast.stmt]) -> None:
        self.times = Counter(name for name, _ in bound_by(body))
        imported: dict[str, list[str]] = {}
        inside: dict[str, str] = {}
        for statement in body:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                for name, origin in origins_of(statement):
                    imported.setdefault(name, []).append(origin)
            else:
                for node in walk(statement):
                    if isinstance(node, ast.Import | ast.ImportFrom):
                        inside |= dict(origins_of(node))
        self.origins = {name: origins[-1] for name, origins in imported.items()}
        self.inner_origins = inside
        # To import the same twice changes nothing.
        self.again = {
            name
            for name, origins in imported.items()
            if len(set(origins)) == 1 and len(origins) == self.times[name]
        }

    def origin(self, expression: ast.AST) -> str | None:
        """Gives the full name of what is named, where its module or the builtins tell it."""
        if isinstance(expression, ast.Attribute):
            value = self.origin(expression.value)
            return value and f"{value}.{expression.attr}"
        if not isinstance(expression, ast.Name):
            return None
        if self.times[expression.id] > 1 and expression.id not in self.again:
            return None
        if expression.id in self.origins:
            return self.origins[expression.id]
        return f"builtins.{expression.id}" if self.is_builtin(expression.id) else None

    def origin_inside(self, expression: ast.AST) -> str | None:
        """Gives the full name of what is named in a function, which may import it itself."""
        if isinstance(expression, ast.Attribute):
            value = self.origin_inside(expression.value)
            return value and f"{value}.{expression.attr}"
        if isinstance(expression, ast.Name) and expression.id in self.inner_origins:
            return self.inner_origins[expression.id]
        return self.origin(expression)

    def is_builtin(self, name: str) -> bool:
        """Tells whether a name is that of a builtin here."""
        return name in BUILTINS and name not in self.times


def origins_of(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yields each name that an import binds, with the full name of what it is."""
    match node:
        case ast.Import():
            for alias in node.names:
                top = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (top, top)
        case ast.ImportFrom(module=str(module), level=0):
            for alias in node.names:
                yield alias.asname or alias.name, f"{module}.{alias.name}"
