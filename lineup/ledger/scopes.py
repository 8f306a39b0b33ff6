"""Tells which names a piece of code looks up in its module, and writes it so that the names of its locals do not count."""

import ast
import builtins
from collections.abc import Iterable, Iterator
from typing import NamedTuple

# What can see the names of locals.
SEES_LOCALS = {"dir", "eval", "evaluate", "exec", "locals", "query", "vars"}

BUILTINS = frozenset(dir(builtins))

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def walk(node: ast.AST) -> list[ast.AST]:
    """Lists a node and all below it, in the order of ``ast.walk``, in half of its time."""
    found = [node]
    for one in found:  # which grows on the way
        for name in one._fields:
            part = getattr(one, name, None)
            if isinstance(part, list):
                found += [inner for inner in part if isinstance(inner, ast.AST)]
            elif isinstance(part, ast.AST):
                found.append(part)
    return found


def canonical(statements: Iterable[ast.stmt]) -> tuple[str, set[str]]:
    """Writes statements of a module as text, and lists the names of the module that they look up.

    Two pieces of code have the same text if they differ in layout, in comments, or in the names of local
    variables. Names that can be seen elsewhere stay: those of parameters, functions, classes and attributes.

    Args:
        statements: The statements. They are changed.
    """
    statements = list(statements)
    nodes = [node for one in statements for node in walk(one)]
    names = {getattr(node, "id", None) or getattr(node, "attr", None) for node in nodes}
    visitor = _Names(renames=not names & SEES_LOCALS)
    text = "\n".join(ast.dump(visitor.visit(one)) for one in statements)
    return text, visitor.outside


def bound_by(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, bool]]:
    """Lists the names that code binds in its own scope, each time that it does so, in order.

    Yields:
        The name, and whether a variable is bound, and not a function, a class or an import.
    """
    for node in nodes:
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name, True
            case ast.Import() | ast.ImportFrom():
                for alias in node.names:
                    yield alias.asname or alias.name.partition(".")[0], False
            case (
                ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
            ):
                yield name, True
            case ast.MatchMapping(rest=str(name)):
                yield name, True
        if isinstance(node, DEFINITIONS):
            yield node.name, False
        yield from bound_by(_in_same_scope(node))


def outer_parts(node: ast.AST) -> list[ast.AST]:
    """Lists the parts of a function or class that are evaluated where it is defined."""
    parts = list(getattr(node, "decorator_list", []))
    if isinstance(node, ast.ClassDef):
        return parts + node.bases + [keyword.value for keyword in node.keywords]
    parts += [*node.args.defaults, *filter(None, node.args.kw_defaults), *annotations(node)]
    return parts


def annotations(function: ast.AST) -> list[ast.expr]:
    """Lists the annotations of the parameters and of the result of a function."""
    found = [one.annotation for one in _parameters(function.args)] + [getattr(function, "returns", None)]
    return [one for one in found if one is not None]


def _parameters(arguments: ast.arguments) -> list[ast.arg]:
    every = [
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        arguments.vararg,
        arguments.kwarg,
    ]
    return [one for one in every if one is not None]


def _in_same_scope(node: ast.AST) -> Iterable[ast.AST]:
    """Lists the parts of a node that may bind names in the scope that it stands in."""
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return outer_parts(node)
    if isinstance(node, COMPREHENSIONS):
        # What is assigned inside by `:=` belongs to the scope around it.
        return [one.target for one in walk(node) if isinstance(one, ast.NamedExpr)] + [
            node.generators[0].iter
        ]
    return ast.iter_child_nodes(node)


class _Scope(NamedTuple):
    """A function, a class or a comprehension: the names that it binds, and what its locals are called."""

    is_class: bool
    bound: set[str]
    renamed: dict[str, str]
    global_names: set[str]


class _Names(ast.NodeTransformer):
    """Looks up each name as Python does, and gives locals names by their order."""

    def __init__(self, renames: bool) -> None:
        self.renames = renames
        self.scopes: list[_Scope] = []
        self.outside: set[str] = set()
        self.count = 0

    def _name(self, name: str) -> str:
        for depth, scope in enumerate(reversed(self.scopes)):
            if name in scope.global_names:
                break
            if name in scope.bound and not scope.is_class:
                return scope.renamed.get(name, name)
            if scope.is_class and depth == 0 and name in scope.bound:
                break  # until the class has it, Python looks in the module
        self.outside.add(name)
        return name

    def _visit_all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def _scope_of(self, body: list[ast.AST], fixed: Iterable[str] = (), is_class: bool = False) -> _Scope:
        found = list(bound_by(body))
        declared = list(_declarations(body))
        outer = {name for one in declared for name in one.names}
        bound = ({name for name, _ in found} | set(fixed)) - outer
        fixed_names = {*fixed, *(name for name, is_variable in found if not is_variable)}
        renamed = {}
        if self.renames and not is_class:
            for name, _ in found:
                if name in bound and name not in fixed_names and name not in renamed:
                    renamed[name] = f"~{self.count}"
                    self.count += 1
        of_module = {name for one in declared if isinstance(one, ast.Global) for name in one.names}
        return _Scope(is_class, bound, renamed, of_module)

    def _inside(self, scope: _Scope, nodes: Iterable[ast.AST]) -> None:
        self.scopes.append(scope)
        self._visit_all(nodes)
        self.scopes.pop()

    def visit(self, node: ast.AST) -> ast.AST:
        """Renames what a node holds, in place."""
        match node:
            case ast.Name():
                self._visit_name(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Lambda():
                self._visit_definition(node)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self._visit_comprehension(node)
            case (
                ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
            ):
                node.name = self._name(name)
                self.generic_visit(node)
            case ast.MatchMapping(rest=str(name)):
                node.rest = self._name(name)
                self.generic_visit(node)
            case _:
                self.generic_visit(node)
        return node

    def _visit_name(self, node: ast.Name) -> None:
        is_of_class = self.scopes and self.scopes[-1].is_class and node.id in self.scopes[-1].bound
        if isinstance(node.ctx, ast.Load) or not is_of_class:
            node.id = self._name(node.id)

    def _visit_definition(self, node: ast.AST) -> None:
        parameters = [parameter.name for parameter in getattr(node, "type_params", [])]
        if parameters:
            self.scopes.append(_Scope(False, set(parameters), {}, set()))
        self._visit_all(outer_parts(node))
        body = node.body if isinstance(node.body, list) else [node.body]
        names = [] if isinstance(node, ast.ClassDef) else [one.arg for one in _parameters(node.args)]
        self._inside(self._scope_of(body, names, isinstance(node, ast.ClassDef)), body)
        if parameters:
            self._visit_all(node.type_params)
            self.scopes.pop()

    def _visit_comprehension(self, node: ast.AST) -> None:
        first, *others = node.generators
        self.visit(first.iter)
        elements = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        scope = self._scope_of([one.target for one in node.generators])
        parts = [first.target, *first.ifs]
        parts += [part for one in others for part in (one.iter, one.target, *one.ifs)]
        self._inside(scope, [*parts, *elements])


def _declarations(nodes: Iterable[ast.AST]) -> Iterator[ast.Global | ast.Nonlocal]:
    for node in nodes:
        if isinstance(node, ast.Global | ast.Nonlocal):
            yield node
        elif not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            yield from _declarations(ast.iter_child_nodes(node))
