"""Random edits of a module, some of which change what it does."""

import ast
import random
from collections.abc import Callable

OPERATORS = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "+"),
    ast.Lt: ("<", ">="),
    ast.GtE: (">=", "<"),
}


def edited(source: str, draw: random.Random) -> tuple[str, str] | None:
    """Edits the text of a module in one of several ways.

    Args:
        source: The text.
        draw: Gives random choices.

    Returns:
        What was done, and the new text; None if there is nothing to do it to.
    """
    ways: dict[Callable, int] = {another_constant: 4, another_operator: 4, no_statement: 2}
    ways |= {layout: 1, another_name: 2, unused: 1}
    (way,) = draw.choices([*ways], [*ways.values()])
    text = way(source, ast.parse(source), draw)
    if text in (None, source):
        return None
    try:
        ast.parse(text)
    except SyntaxError:
        return None
    return way.__name__.replace("_", " "), text


def another_constant(source, tree, draw):
    """A number or a text is another one."""
    inside = {id(node) for one in ast.walk(tree) if isinstance(one, ast.JoinedStr) for node in ast.walk(one)}
    texts = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and id(node) not in inside | texts
        and node.value not in (None, ..., "")
    ]
    if not found:
        return None
    node = draw.choice(found)
    match node.value:
        case bool():
            value = not node.value
        case int():
            value = node.value + 1
        case float():
            value = node.value * 1.5
        case str():
            value = f"{node.value}x"
        case _:
            return None
    return _replaced(source, [(node, repr(value))])


def another_operator(source, tree, draw):
    """An operator is another one."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp):
            found.append((node.left, node.op, node.right))
        elif isinstance(node, ast.Compare):
            found.append((node.left, node.ops[0], node.comparators[0]))
    found = [one for one in found if type(one[1]) in OPERATORS and one[0].end_lineno == one[2].lineno]
    if not found:
        return None
    left, operator, right = draw.choice(found)
    old, new = OPERATORS[type(operator)]
    line = source.encode().splitlines(keepends=True)[left.end_lineno - 1]
    gap = line[left.end_col_offset : right.col_offset].decode()
    if gap.count(old) != 1:
        return None
    start = _offset(source, left.end_lineno, left.end_col_offset)
    return _spliced(source, start, start + len(gap.encode()), gap.replace(old, new))


def no_statement(source, tree, draw):
    """A statement of a function is gone."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    found = [
        one for node in functions for one in node.body if isinstance(one, ast.Expr | ast.AugAssign | ast.If)
    ]
    return _replaced(source, [(draw.choice(found), "pass")]) if found else None


def layout(_source, tree, _draw):
    """All is laid out anew, and the comments are gone."""
    return ast.unparse(tree) + "\n"


def another_name(source, tree, draw):
    """A local variable of a function has another name."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    found = []
    for function in functions:
        nodes = list(ast.walk(function))
        stored = {one.id for one in nodes if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
        fixed = {one.arg for one in nodes if isinstance(one, ast.arg)}
        fixed |= {name for one in nodes if isinstance(one, ast.Global | ast.Nonlocal) for name in one.names}
        fixed |= {
            one.id
            for text in nodes
            if isinstance(text, ast.JoinedStr)
            for one in ast.walk(text)
            if isinstance(one, ast.Name)
        }
        found += [(function, name) for name in sorted(stored - fixed)]
    if not found:
        return None
    function, name = draw.choice(found)
    uses = [one for one in ast.walk(function) if isinstance(one, ast.Name) and one.id == name]
    return _replaced(source, [(one, f"{name}_anew") for one in uses])


def unused(source, _tree, _draw):
    """A comment and a function that nobody calls are added."""
    return f"# A comment.\n{source}\n\ndef _nobody_calls_this():\n    return 1\n"


def _offset(source, line, column):
    return sum(map(len, source.encode().splitlines(keepends=True)[: line - 1])) + column


def _spliced(source, start, end, text):
    data = source.encode()
    return (data[:start] + text.encode() + data[end:]).decode()


def _replaced(source, replacements):
    places = [
        (
            _offset(source, node.lineno, node.col_offset),
            _offset(source, node.end_lineno, node.end_col_offset),
            text,
        )
        for node, text in replacements
    ]
    for start, end, text in sorted(places, reverse=True):
        source = _spliced(source, start, end, text)
    return source
