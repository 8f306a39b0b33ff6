"""Tells which statements of a module only define names when they run, and which may do something else as well."""

import ast
import sys

from lineup.ledger.origins import Origins
from lineup.ledger.scopes import COMPREHENSIONS, FUNCTIONS, annotations, bound_by, walk

# Packages whose modules have no attributes that do something when they are read.
KNOWN = sys.stdlib_module_names | {"builtins", "matplotlib", "numpy", "pyarrow", "torch"}

# What may be called while a module is imported, because it only gives a value. Whatever is not named here may have an effect.
QUIET = {
    *(f"builtins.{name}" for name in ("bool", "bytes", "complex", "dict", "divmod", "enumerate", "float", "frozenset")),
    *(f"builtins.{name}" for name in ("int", "len", "list", "max", "min", "object", "pow", "range", "repr", "reversed")),
    *(f"builtins.{name}" for name in ("round", "set", "slice", "sorted", "str", "sum", "tuple", "zip", "abs", "ord", "chr")),
    *(f"builtins.{name}" for name in ("classmethod", "property", "staticmethod", "dict.fromkeys")),
    *(f"functools.{name}" for name in ("cache", "cached_property", "lru_cache", "singledispatch", "total_ordering")),
    *(f"collections.{name}" for name in ("Counter", "OrderedDict", "deque", "namedtuple")),
    *(f"dataclasses.{name}" for name in ("dataclass", "field")),
    *(f"pathlib.{name}" for name in ("Path", "PurePath", "PurePosixPath")),
    *(f"typing.{name}" for name in ("NamedTuple", "NewType", "TypeVar", "final", "overload", "runtime_checkable")),
    *(f"datetime.{name}" for name in ("date", "datetime", "timedelta")),
    *(f"numpy.{name}" for name in ("arange", "array", "eye", "linspace", "logspace", "ones", "zeros")),
    "abc.abstractmethod",
    "contextlib.contextmanager",
    "fractions.Fraction",
    "math.sqrt",
    "re.compile",
    "types.MappingProxyType",
    "uuid.uuid4",
}  # fmt: skip

ONCE = {"builtins.enumerate", "builtins.reversed", "builtins.zip"}

# What a class may have that runs when another is made of it.
HOOKS = {"__init_subclass__", "__class_getitem__", "__mro_entries__"}

# Methods of plain values: of texts, numbers, dicts, lists, paths and patterns.
QUIET_METHODS = {
    *("as_posix", "casefold", "copy", "difference", "encode", "format", "get", "index", "intersection", "items", "join"),
    *("joinpath", "keys", "lower", "lstrip", "removeprefix", "removesuffix", "resolve", "rstrip", "split"),
    *("splitlines", "startswith", "strip", "title", "union", "upper", "values", "with_name", "with_suffix", "zfill"),
}  # fmt: skip

# What a class may stand on. Other bases may keep a list of what stands on them.
QUIET_BASES = {
    *(f"typing.{name}" for name in ("Generic", "NamedTuple", "Protocol", "TypedDict")),
    *(f"enum.{name}" for name in ("Enum", "Flag", "IntEnum", "IntFlag", "StrEnum")),
    "abc.ABC",
}

TYPE = (
    ast.Name,
    ast.Attribute,
    ast.Subscript,
    ast.Tuple,
    ast.List,
    ast.Constant,
    ast.BinOp,
    ast.BitOr,
    ast.Load,
    ast.Starred,
)
PARTS = (
    *(ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Starred, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp),
    *(ast.JoinedStr, ast.FormattedValue, ast.Slice, ast.Subscript, ast.Attribute, ast.keyword),
    *(ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context),
)  # fmt: skip


class Effects(Origins):
    """What the statements at the top of a module may do beside defining their names.

    A value is plain here if working with it runs no code of the project: if it is made of literals, of builtins
    and of names from well-known packages alone.

    Args:
        body: The statements of the module.
    """

    def __init__(self, body: list[ast.stmt]) -> None:
        super().__init__(body)
        self.values: dict[str, ast.expr] = {}
        self.classes = {one.name: one for one in body if isinstance(one, ast.ClassDef)}
        self.functions = {one.name for one in body if isinstance(one, FUNCTIONS)}
        nodes = [node for one in body for node in walk(one)]
        # Whose attributes are set from outside.
        self.touched = {
            node.value.id
            for node in nodes
            if isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and isinstance(node.value, ast.Name)
        }
        for statement in body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self.values[name] = value
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    self.values[name] = value

    def is_quiet(self, statement: ast.stmt) -> bool:
        """Tells whether a statement only defines its names, each for the only time, and does nothing else."""
        names = [name for name, _ in bound_by([statement])]
        # Python itself looks at names like `__path__`.
        if not names or any(self.times[name] > 1 or name.startswith("__") for name in names):
            return False
        return self._defines(statement)

    def is_for_types(self, statement: ast.stmt) -> bool:
        """Tells whether a statement is for those who check types, and never runs."""
        is_plain_if = isinstance(statement, ast.If) and not statement.orelse
        return is_plain_if and self.origin(statement.test) == "typing.TYPE_CHECKING"

    def _defines(self, statement: ast.stmt) -> bool:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                defaults = [*statement.args.defaults, *filter(None, statement.args.kw_defaults)]
                return (
                    all(map(self._decorates, statement.decorator_list))
                    and all(map(self._gives, defaults))
                    and all(map(self._is_type, annotations(statement)))
                )
            case ast.ClassDef():
                return (
                    not statement.keywords
                    and all(map(self._is_base, statement.bases))
                    and all(map(self._decorates, statement.decorator_list))
                    and self._is_quiet_body(statement)
                )
            case ast.Assign(targets=targets, value=value):
                nodes = [node for target in targets for node in walk(target)]
                if not all(isinstance(node, ast.Name | ast.Tuple | ast.List | ast.Store) for node in nodes):
                    return False
                unpacks = any(not isinstance(target, ast.Name) for target in targets)
                return self._is_plain(value) if unpacks else self._gives(value)
            case ast.AnnAssign(target=ast.Name(), annotation=annotation, value=value):
                return self._is_type(annotation) and (value is None or self._gives(value))
        return type(statement).__name__ == "TypeAlias"

    def _is_quiet_body(self, definition: ast.ClassDef) -> bool:
        """Tells whether the body of a class only defines what the class has."""
        methods: set[str] = set()
        for one in definition.body:
            match one:
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    # The members of an enumeration are made when it is.
                    if self._is_enumeration(definition) and one.name.startswith("_"):
                        return False
                    changed = [of.value.id for of in one.decorator_list if _is_accessor(of)]
                    if not methods.issuperset(changed) or not self._defines(one):
                        return False
                    methods.add(one.name)
                case ast.Assign(value=ast.Name() as value) | ast.AnnAssign(value=ast.Name() as value):
                    # An object may want to know the name that it gets in a class.
                    known = self.functions | self.classes.keys() | methods
                    if not (value.id in known or self._is_plain(value)) or not self._defines(one):
                        return False
                case _:
                    if not (isinstance(one, ast.Pass) or is_text(one) or self._defines(one)):
                        return False
        return True

    def _is_enumeration(self, definition: ast.ClassDef) -> bool:
        return any((self.origin(base) or "").startswith("enum.") for base in definition.bases)

    def _is_silent(self, base: ast.ClassDef) -> bool:
        """Tells whether a class does nothing when another one is made of it."""
        has_hooks = HOOKS & {name for name, _ in bound_by(base.body)} or base.name in self.touched
        return self._defines(base) and not has_hooks and not self._is_enumeration(base)

    def _is_type(self, expression: ast.expr) -> bool:
        """Tells whether an expression is one that types are written with; brackets behind a class of the project may do more."""
        nodes = list(walk(expression))
        generics = [node.value for node in nodes if isinstance(node, ast.Subscript)]
        sides = [side for node in nodes if isinstance(node, ast.BinOp) for side in (node.left, node.right)]
        inner = [node.value for node in nodes if isinstance(node, ast.Attribute)]
        owners = [node for node in nodes if isinstance(node, ast.Attribute) and node not in inner]
        return (
            all(isinstance(node, TYPE) for node in nodes)
            and all(map(self._is_plain, generics))
            and all(self._is_plain(side) or _is_class_name(side) for side in sides)
            and all(self._is_plain(owner.value) or _is_class_name(owner) for owner in owners)
        )

    def _decorates(self, decorator: ast.expr) -> bool:
        match decorator:
            case ast.Call(func=function):
                return self.origin(function) in QUIET and self._is_plain_call(decorator)
            case ast.Attribute(value=ast.Name(id=name), attr="setter" | "getter" | "deleter"):
                return name not in self.times
        return self.origin(decorator) in QUIET

    def _is_base(self, base: ast.expr) -> bool:
        if isinstance(base, ast.Subscript):
            return self._is_base(base.value) and self._is_type(base.slice)
        if isinstance(base, ast.Name) and base.id in self.classes:
            return self.times[base.id] == 1 and self._is_silent(self.classes[base.id])
        origin = self.origin(base)
        return origin is not None and (origin in QUIET_BASES or origin.startswith("builtins."))

    def _gives(self, expression: ast.expr, inner: frozenset[str] = frozenset()) -> bool:
        """Tells whether an expression only gives a value, which need not be plain."""
        match expression:
            case ast.Name():
                return True
            case ast.Lambda(args=arguments):
                return all(
                    self._gives(one) for one in [*arguments.defaults, *filter(None, arguments.kw_defaults)]
                )
            case ast.Tuple() | ast.List():
                return all(self._gives(one, inner) for one in expression.elts)
            case ast.Dict():
                keys = all(key is not None and self._is_plain(key, inner) for key in expression.keys)
                return keys and all(self._gives(one, inner) for one in expression.values)
            case ast.Subscript(value=value, slice=part):
                return self._is_plain(value, inner) and (self._is_type(part) or self._is_plain(part, inner))
        return self._is_plain(expression, inner)

    def _is_plain(self, expression: ast.AST, inner: frozenset[str] = frozenset()) -> bool:
        match expression:
            case ast.Constant():
                return True
            case ast.Name(id=name):
                return name in inner or self._is_plain_name(name)
            case ast.Call():
                return self._is_plain_call(expression, inner)
        if isinstance(expression, COMPREHENSIONS):
            return self._is_plain_comprehension(expression, inner)
        parts = ast.iter_child_nodes(expression)
        return isinstance(expression, PARTS) and all(self._is_plain(one, inner) for one in parts)

    def _is_plain_name(self, name: str) -> bool:
        if name in ("__file__", "__name__") or self.is_builtin(name):
            return True
        if self.times[name] != 1 and name not in self.again:
            return False
        if name in self.origins:
            return self.origins[name].partition(".")[0] in KNOWN
        value = self.values.get(name)
        # What can be gone through only once is another thing after that.
        return value is not None and not self._holds_once(value) and self._is_plain(value)

    def _holds_once(self, value: ast.AST) -> bool:
        """Tells whether a value is, or holds, what can be gone through only once; a call has gone through it."""
        if isinstance(value, ast.GeneratorExp) or (
            isinstance(value, ast.Call) and self.origin(value.func) in ONCE
        ):
            return True
        is_through = isinstance(value, (ast.Call, *COMPREHENSIONS))
        return not is_through and any(map(self._holds_once, ast.iter_child_nodes(value)))

    def _is_plain_call(self, call: ast.Call, inner: frozenset[str] = frozenset()) -> bool:
        parts = [*call.args, *(keyword.value for keyword in call.keywords)]
        if not all(self._is_plain(part, inner) for part in parts):
            return False
        if self.origin(call.func) in QUIET:
            return True
        # A function of a module, such as `shutil.copy`, is no method.
        is_method = isinstance(call.func, ast.Attribute) and self.origin(call.func.value) is None
        return is_method and call.func.attr in QUIET_METHODS and self._is_plain(call.func.value, inner)

    def _is_plain_comprehension(self, expression: ast.AST, inner: frozenset[str]) -> bool:
        for one in expression.generators:
            if one.is_async or not self._is_plain(one.iter, inner):
                return False
            inner |= {name for name, _ in bound_by([one.target])}
            if not all(self._is_plain(condition, inner) for condition in one.ifs):
                return False
        elements = (
            [expression.key, expression.value] if isinstance(expression, ast.DictComp) else [expression.elt]
        )
        return all(self._is_plain(one, inner) for one in elements)


def _is_accessor(decorator: ast.expr) -> bool:
    is_attribute = isinstance(decorator, ast.Attribute) and isinstance(decorator.value, ast.Name)
    return is_attribute and decorator.attr in ("setter", "getter", "deleter")


def _is_class_name(expression: ast.expr) -> bool:
    """Tells whether what is named is a class by the convention of its name, a type made of such, or a text."""
    match expression:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.lstrip("_")[:1].isupper()
        case ast.Constant() | ast.Subscript() | ast.BinOp():
            return True  # the parts are looked at, too
    return False


def is_text(statement: ast.stmt) -> bool:
    """Tells whether a statement is a docstring, or another text that nothing reads."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
