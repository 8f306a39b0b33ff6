"""Tests of how code is followed: an edit that changes what a script prints changes its digest, and no other does."""

import ast
import subprocess
import symtable
import sys
from dataclasses import dataclass, field

import pytest
from support.tree import ROOT

from lineup.errors import InputError
from lineup.ledger import code, imports, modules
from lineup.ledger.outline import EXECUTED, MAIN
from lineup.ledger.scopes import canonical, outer_parts

SCRIPT = """
from lineup.draw import draw

if __name__ == "__main__":
    print(draw())
"""


@dataclass
class Case:
    """An edit of a small project: a script prints what ``draw`` of ``lineup/draw.py`` gives.

    Attributes:
        name: What is edited.
        draw: The text of that module.
        old: A text in it, or in another file.
        new: What it becomes.
        files: Other files.
        edited: The file that is edited.
        spared: Whether what is printed stays the same, and so has the digest; a digest may also change without need.
    """

    name: str
    draw: str
    old: str
    new: str
    files: dict = field(default_factory=dict)
    edited: str = "lineup/draw.py"
    spared: bool | None = False


STYLE = 'STYLE = {"size": 8}\nBLUE = "blue"\nRED = "red"\n'
USES_STYLE = "from lineup.style import STYLE\n\ndef draw():\n    return STYLE['size']\n"
REGISTRY = "REG = {}\n\ndef register(f):\n    REG[f.__name__] = f\n    return f\n"
CASES = [
    # Effects at import and at definition.
    Case(
        "a function that a decorator registers",
        "from lineup.reg import REG, register\n\n@register\ndef line():\n    return 1\n\ndef draw():\n    return REG['line']()\n",
        "return 1",
        "return 2",
        {"lineup/reg.py": REGISTRY},
    ),
    Case(
        "a function registered in a module that is imported for that alone",
        "from lineup.reg import REG\nfrom lineup.lines import line\n\ndef draw():\n    return REG['line']()\n",
        "return 1",
        "return 2",
        {
            "lineup/reg.py": REGISTRY,
            "lineup/lines.py": "from lineup.reg import register\n\n@register\ndef line():\n    return 1\n",
        },
        "lineup/lines.py",
    ),
    Case(
        "an overload of singledispatch",
        "from functools import singledispatch\n\n@singledispatch\ndef show(x):\n    return 0\n\n@show.register\n"
        "def _(x: int):\n    return 1\n\n@show.register\ndef _(x: str):\n    return 2\n\ndef draw():\n    return show(1)\n",
        "return 1",
        "return 3",
    ),
    Case(
        "a subclass found by its base",
        "class Base:\n    pass\n\nclass Line(Base):\n    length = 1\n\ndef draw():\n    return [one.length for one in Base.__subclasses__()]\n",
        "length = 1",
        "length = 2",
    ),
    Case(
        "a subclass that its base registers",
        "from lineup.base import Base, ALL\n\nclass Line(Base):\n    length = 1\n\ndef draw():\n    return [one.length for one in ALL]\n",
        "length = 1",
        "length = 2",
        {
            "lineup/base.py": "ALL = []\n\nclass Base:\n    def __init_subclass__(cls):\n        ALL.append(cls)\n",
        },
    ),
    Case(
        "a class whose metaclass registers it",
        "from lineup.base import Meta, ALL\n\nclass Line(metaclass=Meta):\n    length = 1\n\ndef draw():\n    return [one.length for one in ALL]\n",
        "length = 1",
        "length = 2",
        {
            "lineup/base.py": "ALL = []\n\nclass Meta(type):\n    def __init__(cls, *rest):\n        ALL.append(cls)\n",
        },
    ),
    Case(
        "a method that a decorator in a class body registers",
        "from lineup.reg import REG, register\n\nclass Lines:\n    @register\n    def line():\n        return 1\n\ndef draw():\n    return REG['line']()\n",
        "return 1",
        "return 2",
        {"lineup/reg.py": REGISTRY},
    ),
    Case(
        "a descriptor that registers its name",
        "from lineup.base import Field, ALL\n\nclass Lines:\n    width = Field(1)\n\ndef draw():\n    return ALL\n",
        "Field(1)",
        "Field(2)",
        {
            "lineup/base.py": "ALL = {}\n\nclass Field:\n    def __init__(self, value):\n        self.value = value\n"
            "    def __set_name__(self, owner, name):\n        ALL[name] = self.value\n",
        },
    ),
    Case(
        "a module that is imported for its effect",
        USES_STYLE + "\nimport lineup.big as _big\n",
        "= 9",
        "= 10",
        {"lineup/style.py": STYLE, "lineup/big.py": 'from lineup.style import STYLE\n\nSTYLE["size"] = 9\n'},
        "lineup/big.py",
    ),
    Case(
        "a module that another one imports for its effect",
        "from lineup.style import STYLE\nfrom lineup.middle import nothing\n\ndef draw():\n    return STYLE['size']\n",
        "= 9",
        "= 10",
        {
            "lineup/style.py": STYLE,
            "lineup/middle.py": "from lineup.big import nothing\n",
            "lineup/big.py": 'from lineup.style import STYLE\n\nnothing = 0\nSTYLE["size"] = 9\n',
        },
        "lineup/big.py",
    ),
    Case(
        "the order of two modules with effects",
        "from lineup.style import STYLE\nfrom lineup.big import a\nfrom lineup.small import b\n\ndef draw():\n    return STYLE['size']\n",
        "from lineup.big import a\nfrom lineup.small import b\n",
        "from lineup.small import b\nfrom lineup.big import a\n",
        {
            "lineup/style.py": STYLE,
            "lineup/big.py": 'from lineup.style import STYLE\n\na = 0\nSTYLE["size"] = 9\n',
            "lineup/small.py": 'from lineup.style import STYLE\n\nb = 0\nSTYLE["size"] = 2\n',
        },
    ),
    Case(
        "the effect of a package",
        "from lineup.style import STYLE\nfrom lineup.inner.lines import line\n\ndef draw():\n    return STYLE['size']\n",
        "= 9",
        "= 10",
        {
            "lineup/style.py": STYLE,
            "lineup/inner/__init__.py": 'from lineup.style import STYLE\n\nSTYLE["size"] = 9\n',
            "lineup/inner/lines.py": "line = 1\n",
        },
        "lineup/inner/__init__.py",
    ),
    Case(
        "an assignment with an effect",
        USES_STYLE + '\n_ = STYLE.update({"size": 9})\n',
        '"size": 9',
        '"size": 10',
        {"lineup/style.py": STYLE},
    ),
    Case(
        "a default argument with an effect",
        USES_STYLE + '\ndef other(x=STYLE.update({"size": 9})):\n    return x\n',
        '"size": 9',
        '"size": 10',
        {"lineup/style.py": STYLE},
    ),
    Case(
        "an annotation with an effect",
        USES_STYLE + '\nother: STYLE.update({"size": 9}) = 1\n',
        '"size": 9',
        '"size": 10',
        {"lineup/style.py": STYLE},
    ),
    Case(
        "an annotation whose brackets have an effect",
        "from lineup.base import Kept, ALL\n\nother: Kept['a'] = 1\n\ndef draw():\n    return ALL\n",
        "Kept['a']",
        "Kept['b']",
        {
            "lineup/base.py": "ALL = []\n\nclass Kept:\n    def __class_getitem__(cls, item):\n        ALL.append(item)\n"
        },
    ),
    Case(
        "a comprehension with an effect",
        USES_STYLE + '\nother = [STYLE.update({"size": size}) for size in (9,)]\n',
        "(9,)",
        "(10,)",
        {"lineup/style.py": STYLE},
    ),
    Case(
        "a value that an operator registers",
        "from lineup.base import Step, ALL\n\nrest = Step() >> 1\n\ndef draw():\n    return ALL\n",
        ">> 1",
        ">> 2",
        {
            "lineup/base.py": "ALL = []\n\nclass Step:\n    def __rshift__(self, other):\n        ALL.append(other)\n"
        },
    ),
    Case(
        "a list that grows where it is imported",
        "from lineup.base import ALL\n\nALL += [1]\n\ndef draw():\n    from math import tau\n    return ALL\n",
        "+= [1]",
        "+= [2]",
        {"lineup/base.py": "ALL = []\n"},
    ),
    Case(
        "a function of a library that has the name of a harmless method",
        "import os\nimport shutil\n\n_ = shutil.copy('scripts/run.py', 'copy_a')\n\ndef draw():\n    return sorted(os.listdir('.'))\n",
        "'copy_a'",
        "'copy_b'",
    ),
    Case(
        "an entry that a lookup makes",
        "from collections import defaultdict\n\nALL = defaultdict(list)\n_ = ALL['a']\n\ndef draw():\n    return list(ALL)\n",
        "ALL['a']",
        "ALL['b']",
    ),
    Case(
        "what a loop at the top does",
        USES_STYLE + '\nfor size in (9, 10):\n    STYLE["size"] = size\n',
        "(9, 10)",
        "(10, 9)",
        {"lineup/style.py": STYLE},
    ),
    Case(
        "a value that is taken before or after an effect",
        "ALL = [1]\nCOPY = list(ALL)\nALL.append(2)\n\ndef draw():\n    return COPY\n",
        "COPY = list(ALL)\nALL.append(2)\n",
        "ALL.append(2)\nCOPY = list(ALL)\n",
    ),
    Case(
        "a default that is taken before or after an effect",
        "ALL = [1]\n\ndef draw(n=len(ALL)):\n    return n\n\nALL.append(2)\n",
        "\ndef draw(n=len(ALL)):\n    return n\n\nALL.append(2)\n",
        "ALL.append(2)\n\ndef draw(n=len(ALL)):\n    return n\n",
    ),
    Case(
        "a library that a walrus in a call changes",
        "import math\n\nx = dict(a=(math.tau := 6)) if False else setattr(math, 'tau', 6)\n\ndef draw():\n    return math.tau\n".replace(
            "dict(a=(math.tau := 6)) if False else ", ""
        ),
        "'tau', 6",
        "'tau', 7",
    ),
    # What a name means.
    Case(
        "an imported name defined again",
        'from lineup.style import BLUE\n\nBLUE = "navy"\n\ndef draw():\n    return BLUE\n',
        "navy",
        "azure",
        {"lineup/style.py": STYLE},
    ),
    Case(
        "an imported name defined again as a function",
        "from lineup.style import BLUE\n\ndef BLUE():\n    return 1\n\ndef draw():\n    return BLUE()\n",
        "return 1",
        "return 2",
        {"lineup/style.py": STYLE},
    ),
    Case(
        "a function wrapped under its own name",
        "from lineup.base import wrap, line\n\nline = wrap(line)\n\ndef draw():\n    return line()\n",
        "wrap(line)",
        "wrap(wrap(line))",
        {"lineup/base.py": "def line():\n    return 1\n\ndef wrap(f):\n    return lambda: f() + 1\n"},
    ),
    Case(
        "a function that is wrapped under its own name",
        "from lineup.base import wrap, line\n\nline = wrap(line)\n\ndef draw():\n    return line()\n",
        "return 1",
        "return 2",
        {"lineup/base.py": "def line():\n    return 1\n\ndef wrap(f):\n    return lambda: f() + 1\n"},
        "lineup/base.py",
    ),
    Case(
        "the last of two imports of a name",
        "from lineup.style import BLUE as X\nfrom lineup.style import RED as X\n\ndef draw():\n    return X\n",
        "from lineup.style import BLUE as X\nfrom lineup.style import RED as X\n",
        "from lineup.style import RED as X\nfrom lineup.style import BLUE as X\n",
        {"lineup/style.py": STYLE},
    ),
    Case(
        "a name defined twice, the other way round",
        "a = 1\na = 2\n\ndef draw():\n    return a\n",
        "a = 1\na = 2\n",
        "a = 2\na = 1\n",
    ),
    Case(
        "a name that a loop defines again",
        "a = 1\nfor a in (2,):\n    pass\n\ndef draw():\n    return a\n",
        "(2,)",
        "(3,)",
    ),
    Case(
        "a name under a condition, before and after its definition",
        "a = 1\nif a:\n    a = 2\n\ndef draw():\n    return a\n",
        "a = 1\nif a:\n    a = 2\n",
        "a = 1\nif a:\n    pass\na = 1\n",
    ),
    Case(
        "a name defined by a walrus",
        "b = [a := 1]\n\ndef draw():\n    return a\n",
        "a := 1",
        "a := 2",
    ),
    Case(
        "a name defined by a match",
        "match [1, 2]:\n    case [a, *rest]:\n        pass\n\ndef draw():\n    return rest\n",
        "[1, 2]",
        "[1, 3]",
    ),
    Case(
        "a global that a function sets",
        "def setup():\n    global size\n    size = 1\n\nsetup()\n\ndef draw():\n    return size\n",
        "size = 1",
        "size = 2",
    ),
    Case(
        "a name handed on by another module",
        "from lineup.facade import BLUE\n\ndef draw():\n    return BLUE\n",
        '"blue"',
        '"navy"',
        {"lineup/style.py": STYLE, "lineup/facade.py": "from lineup.style import BLUE\n"},
        "lineup/style.py",
    ),
    Case(
        "a name of a module imported whole, which has it from another",
        "import lineup.facade as facade\n\ndef draw():\n    return facade.BLUE\n",
        '"blue"',
        '"navy"',
        {"lineup/style.py": STYLE, "lineup/facade.py": "from lineup.style import BLUE\n"},
        "lineup/style.py",
    ),
    Case(
        "a package in place of a module",
        "from lineup.style import BLUE\n\ndef draw():\n    return BLUE\n",
        '"navy"',
        '"azure"',
        {"lineup/style.py": STYLE, "lineup/style/__init__.py": 'BLUE = "navy"\n'},
        "lineup/style/__init__.py",
    ),
    Case(
        "a module beside a package that is taken in its place",
        "from lineup.style import BLUE\n\ndef draw():\n    return BLUE\n",
        '"blue"',
        '"azure"',
        {"lineup/style.py": STYLE, "lineup/style/__init__.py": 'BLUE = "navy"\n'},
        "lineup/style.py",
        spared=True,
    ),
    Case(
        "a module beside a folder of its name, which is no package",
        "from lineup.style import BLUE\n\ndef draw():\n    return BLUE\n",
        '"blue"',
        '"azure"',
        {"lineup/style.py": STYLE, "lineup/style/other.py": 'BLUE = "navy"\n'},
        "lineup/style.py",
    ),
    Case(
        "a package inside a package",
        "from lineup.inner.deep.lines import line\n\ndef draw():\n    return line\n",
        "line = 1",
        "line = 2",
        {
            "lineup/inner/__init__.py": "",
            "lineup/inner/deep/__init__.py": "",
            "lineup/inner/deep/lines.py": "line = 1\n",
        },
        "lineup/inner/deep/lines.py",
    ),
    Case(
        "a package that hands on a name of its module",
        "from lineup.inner import line\n\ndef draw():\n    return line\n",
        "line = 1",
        "line = 2",
        {
            "lineup/inner/__init__.py": "from lineup.inner.lines import line\n",
            "lineup/inner/lines.py": "line = 1\n",
        },
        "lineup/inner/lines.py",
    ),
    Case(
        "a file in the root",
        "from palette import BLUE\n\ndef draw():\n    return BLUE\n",
        "1",
        "2",
        {"palette.py": "BLUE = 1\n"},
        "palette.py",
    ),
    Case(
        "a file in the root with the name of a library",
        "from json import dumps\n\ndef draw():\n    return dumps(1)\n",
        "'1'",
        "'2'",
        {"json.py": "def dumps(x):\n    return '1'\n"},
        "json.py",
        spared=True,
    ),
    Case("a name beyond a byte order mark", "\ufeffdef draw():\n    return 1\n", "return 1", "return 2"),
    Case(
        "a local with the name of a function",
        "def line():\n    return 1\n\ndef draw():\n    line = 3\n    return line\n",
        "return 1",
        "return 2",
        spared=True,
    ),
    Case(
        "a parameter with the name of a function",
        "def line():\n    return 1\n\ndef draw(line=3):\n    return line\n",
        "return 1",
        "return 2",
        spared=True,
    ),
    Case(
        "a variable of a comprehension with the name of a function",
        "def line():\n    return 1\n\ndef draw():\n    return [line for line in (1, 2)]\n",
        "return 1",
        "return 2",
        spared=True,
    ),
    Case(
        "a name that a class has, and its method takes from the module",
        "size = 1\n\nclass Line:\n    size = 5\n    def length(self):\n        return size\n\ndef draw():\n    return Line().length()\n",
        "size = 1",
        "size = 2",
    ),
    Case(
        "a local is renamed",
        "def draw():\n    size = 3\n    return [size + each for each in (1, 2)]\n",
        "size = 3\n    return [size + each for each",
        "width = 3\n    return [width + one for one",
        spared=True,
    ),
    Case(
        "a local that an inner function changes is renamed",
        "def draw():\n    a = b = 1\n    def up():\n        return a + 2 * b\n    a = 3\n    return up()\n",
        "a + 2 * b",
        "b + 2 * a",
    ),
    Case(
        "a local is renamed where its name can be seen",
        "def draw():\n    size = 3\n    return sorted(locals())\n",
        "size = 3",
        "width = 3",
    ),
    Case(
        "a local that is shown with its name is renamed",
        "def draw():\n    size = 3\n    return f'{size=}'\n",
        "    size = 3\n    return f'{size=}'",
        "    width = 3\n    return f'{width=}'",
    ),
    Case(
        "a parameter is renamed",
        "def line(size=1, width=2):\n    return size - width\n\ndef draw():\n    return line(width=5)\n",
        "def line(size=1, width=2):\n    return size - width",
        "def line(width=1, size=2):\n    return width - size",
    ),
    Case(
        "two locals trade names",
        "def draw():\n    a, b = 1, 2\n    return a - b\n",
        "a, b = 1, 2",
        "b, a = 1, 2",
    ),
    # What cannot be followed by names.
    Case(
        "a name looked up among the globals",
        "def line():\n    return 1\n\ndef draw():\n    return globals()['li' + 'ne']()\n",
        "return 1",
        "return 2",
    ),
    Case(
        "a name looked up among the variables of the module",
        "def line():\n    return 1\n\nTABLE = vars()\n\ndef draw():\n    return TABLE['li' + 'ne']()\n",
        "return 1",
        "return 2",
    ),
    Case(
        "a text that is evaluated",
        "def line():\n    return 1\n\ndef draw():\n    return eval('li' + 'ne()')\n",
        "return 1",
        "return 2",
    ),
    Case(
        "a module's own __getattr__",
        "from lineup.lazy import line\n\ndef draw():\n    return line()\n",
        "return 1",
        "return 2",
        {
            "lineup/lazy.py": "def _line():\n    return 1\n\ndef __getattr__(name):\n    if name.startswith('__'):\n"
            "        raise AttributeError(name)\n    return globals()['_' + name]\n",
        },
        "lineup/lazy.py",
    ),
    Case(
        "the module itself, among those that are loaded",
        "import sys\n\ndef line():\n    return 1\n\ndef draw():\n    return getattr(sys.modules[__name__], 'li' + 'ne')()\n",
        "return 1",
        "return 2",
    ),
    Case(
        "another module, among those that are loaded",
        "import sys\nfrom lineup.style import RED\n\ndef draw():\n    return getattr(sys.modules['lineup.style'], 'BL' + 'UE')\n",
        '"blue"',
        '"navy"',
        {"lineup/style.py": STYLE},
        "lineup/style.py",
    ),
    Case(
        "a module imported by a text",
        "from importlib import import_module\n\ndef draw():\n    return import_module('lineup.style').BLUE\n",
        '"blue"',
        '"navy"',
        {"lineup/style.py": STYLE},
        "lineup/style.py",
    ),
    Case(
        "the globals of a function of another module",
        "from lineup.base import line\n\ndef draw():\n    return line.__globals__['si' + 'ze']\n",
        "size = 1",
        "size = 2",
        {"lineup/base.py": "size = 1\n\ndef line():\n    pass\n"},
        "lineup/base.py",
    ),
    Case(
        "a type that is named by a text",
        "from typing import get_type_hints\n\nclass Line:\n    width = 1\n\ndef other(x: 'Line'):\n    pass\n\n"
        "def draw():\n    return get_type_hints(other)['x'].width\n",
        "width = 1",
        "width = 2",
    ),
    Case(
        "a docstring that is printed",
        'def draw():\n    """One."""\n    return draw.__doc__\n',
        "One.",
        "Two.",
    ),
    Case(
        "the docstring of the module, which is printed",
        '"""One."""\n\ndef draw():\n    return __doc__\n',
        "One.",
        "Two.",
    ),
    Case(
        "the text of the code",
        "import inspect\n\ndef draw():\n    return len(inspect.getsource(draw))  # one\n",
        "# one",
        "# another",
    ),
    Case(
        "the number of a line",
        "import sys\n\ndef draw():\n    return sys._getframe().f_lineno\n",
        "import sys\n",
        "import sys\n\n",
    ),
    Case(
        "a docstring that a decorator of the project reads",
        'from lineup.base import shown\n\n@shown\ndef draw():\n    """One."""\n',
        "One.",
        "Two.",
        {"lineup/base.py": "def shown(f):\n    text = f.__doc__\n    return lambda: text\n"},
    ),
    # What does not count.
    Case("a docstring", 'def draw():\n    """One."""\n    return 1\n', "One.", "Two.", spared=True),
    Case("a comment", "def draw():\n    return 1  # one\n", "# one", "# two", spared=True),
    Case(
        "a function that nobody calls",
        "def other():\n    return 1\n\ndef draw():\n    return 0\n",
        "return 1",
        "return 2",
        spared=True,
    ),
    Case(
        "a cached function that nobody calls, a data class, and a pattern",
        "import re\nfrom dataclasses import dataclass, field\nfrom functools import cache\n\n@cache\ndef other():\n    return 1\n\n"
        "@dataclass(frozen=True)\nclass Point:\n    x: int = 1\n    y: list = field(default_factory=list)\n\n"
        "PATTERN = re.compile('1')\nMORE = {**{}, 'a': [1, PATTERN]}\n\ndef draw():\n    return 0\n",
        "return 1",
        "return 2",
        spared=True,
    ),
    Case(
        "a data class that nobody makes",
        "from dataclasses import dataclass\n\n@dataclass(frozen=True)\nclass Point:\n    x: int = 1\n\n"
        "class Other(Point):\n    y: int = 1\n\ndef draw():\n    return 0\n",
        "y: int = 1",
        "y: int = 2",
        spared=True,
    ),
    Case(
        "the main block of a module that is imported",
        "def draw():\n    return 0\n\nif __name__ == '__main__':\n    print(1)\n",
        "print(1)",
        "print(2)",
        spared=True,
    ),
    Case(
        "two functions trade places",
        "def a():\n    return 1\n\ndef b():\n    return 2\n\ndef draw():\n    return a() - b()\n",
        "def a():\n    return 1\n\ndef b():\n    return 2\n",
        "def b():\n    return 2\n\ndef a():\n    return 1\n",
        spared=True,
    ),
    # What a class, an annotation or a text does when it is made or read.
    Case(
        "an object that wants to know its name in a class",
        "class D:\n    ALL = []\n    def __set_name__(self, owner, name):\n        D.ALL.append(owner.size)\nDESC = D()\n"
        "class A:\n    size = 1\n    x = DESC\ndef draw():\n    return D.ALL\n",
        "size = 1",
        "size = 2",
    ),
    Case(
        "an accessor of an object",
        "from lineup.reg import x, REG\nclass A:\n    size = 1\n    @x.setter\n    def y(self):\n        return 5\ndef draw():\n    return REG[0]()\n",
        "return 5",
        "return 6",
        {
            "lineup/reg.py": "REG = []\nclass X:\n    def setter(self, f):\n        REG.append(lambda: f(None))\n        return f\nx = X()\n"
        },
    ),
    Case(
        "an enumeration whose members are made by code",
        "from enum import Enum\nLIST = []\nclass P(Enum):\n    def __init__(self, width):\n        LIST.append(width)\n    A = 1\ndef draw():\n    return LIST\n",
        "A = 1",
        "A = 2",
    ),
    Case(
        "an enumeration that stands on one with code",
        "from enum import Enum\nLIST = []\nclass B(Enum):\n    def __init__(self, width):\n        LIST.append(width)\nclass P(B):\n    A = 1\ndef draw():\n    return LIST\n",
        "A = 1",
        "A = 2",
    ),
    Case(
        "a hook that is a lambda",
        "LIST = []\nclass B:\n    __init_subclass__ = lambda cls=None: LIST.append(P_WIDTH)\nP_WIDTH = 1\nclass P(B):\n    pass\ndef draw():\n    return LIST\n".replace(
            "lambda cls=None: LIST.append(P_WIDTH)", "classmethod(lambda cls: LIST.append(cls.w))"
        )
        .replace("P_WIDTH = 1\n", "")
        .replace("    pass\n", "    w = 1\n"),
        "w = 1",
        "w = 2",
    ),
    Case(
        "a hook that is set from outside",
        "LIST = []\nclass B:\n    pass\nB.__init_subclass__ = classmethod(lambda cls: LIST.append(cls.w))\nclass P(B):\n    w = 1\ndef draw():\n    return LIST\n",
        "w = 1",
        "w = 2",
    ),
    Case(
        "who is imported first, of a module and of one that changes it",
        "from lineup.value import V\nimport lineup.patch as _patch\ndef draw():\n    return V\n",
        "from lineup.value import V\nimport lineup.patch as _patch\n",
        "import lineup.patch as _patch\nfrom lineup.value import V\n",
        {"lineup/value.py": "V = 1\n", "lineup/patch.py": "import lineup.value as _value\n_value.V = 2\n"},
    ),
    Case(
        "who is imported first, of a number and of the context that it is made in",
        "import lineup.context as _context\nfrom lineup.third import T\ndef draw():\n    return T\n",
        "import lineup.context as _context\nfrom lineup.third import T\n",
        "from lineup.third import T\nimport lineup.context as _context\n",
        {
            "lineup/third.py": "from decimal import Decimal\nT = Decimal(1) / Decimal(3)\n",
            "lineup/context.py": "from decimal import getcontext\ngetcontext().prec = 1\n",
        },
    ),
    Case(
        "an import that moves below a list that it changes",
        "L = [1]\nimport lineup.more as _more\nC = list(L)\ndef draw():\n    return C\n",
        "import lineup.more as _more\nC = list(L)\n",
        "C = list(L)\nimport lineup.more as _more\n",
        {"lineup/more.py": "from lineup.draw import L\nL.append(2)\n"},
    ),
    Case(
        "annotations that become texts",
        "# first\ndef f(x: int):\n    return x\ndef draw():\n    return f.__annotations__\n",
        "# first\n",
        "from __future__ import annotations\n",
    ),
    Case(
        "an operator in an annotation",
        "LIST = []\nclass T:\n    def __or__(self, other):\n        LIST.append(1)\nt = T()\ndef f(a: t | int):\n    return a\ndef draw():\n    return LIST\n",
        "a: t | int",
        "a: int",
    ),
    Case(
        "a text in an annotation that a decorator looks up",
        "from functools import singledispatch\nMine = int\n@singledispatch\ndef g(x):\n    return 1\n@g.register\n"
        "def _(x: 'Mine'):\n    return 2\ndef draw():\n    return g(5)\n",
        "Mine = int",
        "Mine = str",
    ),
    Case(
        "what can be gone through once, inside a list",
        "z = [zip([1], [2])]\nA = list(z[0])\nB = list(z[0])\ndef draw():\n    return A, B\n",
        "A = list(z[0])\nB = list(z[0])\n",
        "B = list(z[0])\nA = list(z[0])\n",
    ),
    # Lookups that cannot be seen by names.
    Case(
        "a module that is imported twice",
        "import sys\nimport sys\nfrom lineup.colour import BLUE\ndef draw():\n    return sys.modules['lineup.colour'].RED\n",
        "RED = 1",
        "RED = 2",
        {"lineup/colour.py": "BLUE = 0\nRED = 1\n"},
        "lineup/colour.py",
    ),
    Case(
        "a module that is imported in a function",
        "from lineup.colour import BLUE\ndef draw():\n    import sys\n    return sys.modules['lineup.colour'].RED\n",
        "RED = 1",
        "RED = 2",
        {"lineup/colour.py": "BLUE = 0\nRED = 1\n"},
        "lineup/colour.py",
    ),
    Case(
        "a builtin that is imported",
        "from builtins import globals\nRED = 1\ndef draw():\n    return globals()['RE' + 'D']\n",
        "RED = 1",
        "RED = 2",
    ),
    Case(
        "a builtin as an attribute",
        "import builtins\nRED = 1\ndef draw():\n    return builtins.eval('RE' + 'D')\n",
        "RED = 1",
        "RED = 2",
    ),
    *(
        Case(
            f"a docstring by {how}",
            f"import pydoc\nfrom operator import attrgetter\ndef g():\n    'one'\ndef draw():\n    return {code}\n",
            "'one'",
            "'two'",
        )
        for how, code in {
            "getattr": "getattr(g, '__doc__')",
            "attrgetter": "attrgetter('__doc__')(g)",
            "format": "'{0.__doc__}'.format(g)",
            "pydoc": "pydoc.getdoc(g)",
        }.items()
    ),
    Case(
        "the table of modules by another road",
        "import os\nfrom lineup.colour import BLUE\ndef draw():\n    return os.sys.modules['lineup.' + 'colour'].RED\n",
        "RED = 1",
        "RED = 2",
        {"lineup/colour.py": "BLUE = 0\nRED = 1\n"},
        "lineup/colour.py",
    ),
    Case(
        "a program of a package",
        "import subprocess, sys\ndef draw():\n    return subprocess.run([sys.executable, '-m', 'lineup.tool'], capture_output=True, text=True).stdout\n",
        "print(1)",
        "print(2)",
        {"lineup/tool/__init__.py": "", "lineup/tool/__main__.py": "print(1)\n"},
        "lineup/tool/__main__.py",
    ),
]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Makes a project of some files; gives the function that writes them and gives the code that the script reaches."""
    for one in (code, imports, modules):
        monkeypatch.setattr(one, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)

    def reached(files):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        forget()
        return code.code_of("scripts/run.py")

    yield reached
    forget()


def forget():
    """Has all files read again."""
    for cached in (
        *(code._summary, code._all_code, code._reach, imports.outline_in, imports.steps, imports.held_by),
        *(modules.file_of, modules.packages_above),
    ):
        cached.cache_clear()


def printed(root):
    """Gives what the script prints, which stands on the path as in a job."""
    start = f"import sys, runpy; sys.path += [{str(root)!r}]; runpy.run_path('scripts/run.py', run_name='__main__')"
    command = [sys.executable, "-B", "-I", "-S", "-c", start]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_digest_changes_with_what_is_printed(case, project, tmp_path):
    files = {"lineup/__init__.py": "", "scripts/__init__.py": "", "scripts/run.py": SCRIPT}
    files |= {"lineup/draw.py": case.draw} | case.files
    assert files[case.edited].count(case.old) == 1
    before, was = project(files), printed(tmp_path)
    after = project({case.edited: files[case.edited].replace(case.old, case.new)})
    assert (printed(tmp_path) == was) == bool(case.spared), "the case does not show what it says"
    assert (after == before) == bool(case.spared)


def test_a_job_has_the_names_without_following_the_code_again(project, monkeypatch):
    draw = "SIZE = 1\n\ndef draw():\n    return SIZE\n"
    files = {
        "lineup/__init__.py": "",
        "scripts/__init__.py": "",
        "scripts/run.py": SCRIPT,
        "lineup/draw.py": draw,
    }
    parts = []
    for size in (1, 2):
        planned = project(files | {"lineup/draw.py": draw.replace("1", str(size))})
        forget()
        with monkeypatch.context() as job:
            job.setattr(code, "_reach", None)
            parts.append(code.parts_of("scripts/run.py"))
            assert code.code_of("scripts/run.py") == planned
    before, after = parts
    assert {file: [*names] for file, names in before.items()} == {
        file: [*names] for file, names in after.items()
    }
    changed = {
        (file, name) for file, names in before.items() for name in names if names[name] != after[file][name]
    }
    assert changed == {("lineup/draw.py", "SIZE")}


REFUSED = {
    "a module imported by a name that is made": (
        "from importlib import import_module\n\ndef draw():\n    return import_module('lineup.' + 'style')\n",
        "lineup/draw.py, line 4, imports a module by a name that is known only when it runs",
    ),
    "a module imported by a name that is made, another way": (
        "def draw():\n    return __import__('lineup.' + 'style')\n",
        "lineup/draw.py, line 2, imports a module by a name that is known only when it runs",
    ),
    "the function that imports, as a value": (
        "import importlib\n\nload = importlib.import_module\n\ndef draw():\n    return load('lineup.style')\n",
        "lineup/draw.py, line 3, imports a module by a name that is known only when it runs",
    ),
    "the function that imports, under another name": (
        "def draw():\n    from importlib import import_module as load\n    return load('lineup.style')\n",
        "lineup/draw.py, line 2, gives import_module another name",
    ),
    "a file that is run": (
        "import runpy\n\ndef draw():\n    return runpy.run_path('other.py')\n",
        "lineup/draw.py, line 4, loads or finds code in a way that cannot be followed",
    ),
    "a module made of a file": (
        "from importlib.util import spec_from_file_location\n\ndef draw():\n    return spec_from_file_location('a', 'a.py')\n",
        "lineup/draw.py, line 4, loads or finds code in a way that cannot be followed",
    ),
    "another place to look for modules": (
        "import sys\n\nsys.path.insert(0, 'vendor')\n\ndef draw():\n    return 0\n",
        "lineup/draw.py, line 3, changes where Python looks for modules",
    ),
    "another place to look for the modules of a package": (
        "from lineup.inner.lines import line\n\n__path__ = ['vendor']\n\ndef draw():\n    return line\n",
        "lineup/draw.py, line 3, changes where Python looks for modules",
    ),
    "a module of a package, as a name of it": (
        "from lineup.inner import lines\n\ndef draw():\n    return lines\n",
        "lineup/draw.py imports from lineup.inner, which is no file of the project that has such a name",
    ),
    "a part of the project in a class": (
        "class draw:\n    from lineup.style import BLUE\n",
        "lineup/draw.py, line 2, imports a part of the project inside",
    ),
    "a part of the project under a condition": (
        "try:\n    from lineup.style import BLUE\nexcept ImportError:\n    BLUE = 1\n\ndef draw():\n    return BLUE\n",
        "lineup/draw.py, line 2, imports a part of the project inside",
    ),
    "NUL bytes": (
        "def draw():\n    return 0\0\n",
        "lineup/draw.py is not valid Python: source code string cannot",
    ),
    "bytes that are no text": (
        b"BLUE = '\xff'\n",
        "lineup/draw.py, line 1, is not valid Python: (unicode error)",
    ),
    "an encoding that there is not": (
        b"# coding: klingon\n",
        "lineup/draw.py is not valid Python: unknown encoding",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_followed_is_refused_with_its_place(name, project):
    draw, sentence = REFUSED[name]
    files = {"lineup/style.py": STYLE, "lineup/inner/__init__.py": "", "lineup/inner/lines.py": "line = 1\n"}
    with pytest.raises(InputError) as refusal:
        project({"scripts/run.py": SCRIPT, "lineup/draw.py": draw} | files)
    assert str(refusal.value).startswith(sentence), refusal.value


def test_an_encoding_is_that_of_the_file(project):
    """The same text in another encoding is the same code."""
    draw = "# coding: {}\n\ndef draw():\n    return 'é'\n"
    one = project({"scripts/run.py": SCRIPT, "lineup/draw.py": draw.format("latin-1").encode("latin-1")})
    assert one == project({"lineup/draw.py": draw.format("utf-8").encode()})
    assert one != project({"lineup/draw.py": draw.format("latin-1").encode()})  # two characters there


@pytest.mark.parametrize(
    ("lines", "packages"),
    [
        ("import seaborn\n\ndef draw():\n    return 0\n", ["seaborn"]),
        ("import seaborn\n\ndef draw():\n    return 0\n\ndef other():\n    return seaborn\n", []),
        ("import seaborn\n\ndef draw():\n    return seaborn\n", ["seaborn"]),
        ("def draw():\n    import seaborn\n", ["seaborn"]),
        (
            "try:\n    import seaborn\nexcept ImportError:\n    pass\n\ndef draw():\n    return 0\n",
            ["seaborn"],
        ),
        (
            "from importlib import import_module\n\ndef draw():\n    return import_module('seaborn')\n",
            ["seaborn"],
        ),
        ("import sys\n\ndef draw():\n    return sys.modules.get('seaborn'), 'seaborn' in sys.modules\n", []),
    ],
)
def test_a_library_counts_where_it_is_used_or_imported_for_its_effect(project, lines, packages):
    project({"scripts/run.py": SCRIPT, "lineup/draw.py": lines})
    assert code.packages_of("scripts/run.py") == packages


def test_a_package_that_settings_name_counts():
    """Whether it is installed or not: in a specification it then has a version, or none."""
    script = "scripts/fit_sklearn.py"
    named, alone = code.packages_of(script, ("some_package.trees.Forest",)), code.packages_of(script)
    assert {*named} - {*alone} == {"some_package"}


@pytest.mark.parametrize("file", sorted(ROOT.glob("lineup/**/*.py")), ids=lambda path: path.stem)
def test_names_are_looked_up_as_python_does(file):
    """Compared with the tables of Python's own compiler, definition by definition."""
    source = file.read_text(encoding="utf-8")
    tables = {
        (one.get_name(), one.get_lineno()): one
        for one in symtable.symtable(source, str(file), "exec").get_children()
    }
    for definition in ast.parse(source).body:
        if not isinstance(definition, ast.FunctionDef | ast.ClassDef):
            continue
        table = tables[definition.name, definition.lineno]
        expected = names_of(table) | {
            node.id
            for part in outer_parts(definition)
            for node in ast.walk(part)
            if isinstance(node, ast.Name)
        }
        assert canonical([definition])[1] == expected, definition.name


def names_of(table):
    """Lists the names that a scope and those inside look up in the module."""
    is_class = table.get_type() == "class"
    own = {
        one.get_name() for one in table.get_symbols() if one.is_global() or (is_class and one.is_referenced())
    }
    return own.union(*map(names_of, table.get_children()))


CODE = sorted(
    path.relative_to(ROOT).as_posix()
    for part in ("lineup", "scripts")
    for path in ROOT.glob(f"{part}/**/*.py")
)


def test_nothing_in_the_project_is_hidden_from_who_follows_names():
    """All that is defined can be followed, and what may have an effect when it is imported counts wherever it is."""
    sees, effects = [], 0
    for file in CODE:
        outline = imports.outline_in(file)
        imports.steps(file)  # every import can be followed
        defined = {*outline["definitions"], *outline["imports"]}
        ran = outline["definitions"][EXECUTED]
        effects += bool(ran["digest"])
        runs = ran["digest"] or outline["definitions"][MAIN]["digest"]
        assert {*outline["bound"]} <= defined or runs, f"{file}: a name that stands nowhere"
        for name, definition in outline["definitions"].items():
            assert definition["refused"] == [] or file == code.BY_SETTINGS, f"{file}: {name}"
            sees += [(file, name)] if definition["sees"] else []
    # Where modules are, and what a rule of a person's own runs: neither looks into code of the project.
    assert sees == [
        ("lineup/ledger/opened.py", "_is_for_python"),
        ("lineup/ledger/opened.py", "unnamed_files"),
        ("lineup/ledger/rule_code.py", "_Look"),
        ("lineup/ledger/rule_code.py", "_digest_of"),
    ]
    assert effects > 10


@pytest.mark.parametrize("file", [file for file in CODE if file.startswith("scripts/")])
def test_what_runs_when_a_module_is_imported_counts_for_all_that_load_it(file):
    reach = code._reach(file)
    for loaded in reach.loaded:
        digest = imports.outline_in(loaded)["definitions"][EXECUTED]["digest"]
        assert reach.reached[loaded].get(EXECUTED, "") == digest
        for step in imports.steps(loaded):
            assert step is None or step in reach.loaded
