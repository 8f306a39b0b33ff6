"""Code that does more than its names say, for the project whose figures hang on it: see ``coded`` in projects.py.

Every file adds to the size of the font, which all figures have, in a way of its own.
"""

from pathlib import Path

FOLDER = "lineup/figures/made"

FILES = {
    # What runs when it is imported or defined.
    "registry.py": "REG = {}\n\n\ndef register(function):\n    REG[function.__name__] = function\n    return function\n",
    "registered.py": (
        "from lineup.figures.made.registry import register\n\n\n@register\ndef line():\n    return 0.01\n\n\n"
        "class Lines:\n    @register\n    def dash():\n        return 0.01\n"
    ),
    "overloads.py": (
        "from functools import singledispatch\n\n\n@singledispatch\ndef length(thing):\n    return 0\n\n\n"
        "@length.register\ndef _(thing: int):\n    return 0.01\n"
    ),
    "bases.py": (
        "class Base:\n    pass\n\n\nclass Kept:\n    ALL = []\n\n    def __init_subclass__(cls):\n        Kept.ALL.append(cls)\n\n\n"
        "class Meta(type):\n    ALL = []\n\n    def __init__(cls, *rest):\n        Meta.ALL.append(cls)\n"
    ),
    "subclasses.py": (
        "from lineup.figures.made.bases import Base, Kept, Meta\n\n\nclass One(Base):\n    width = 0.01\n\n\n"
        "class Two(Kept):\n    width = 0.01\n\n\nclass Three(metaclass=Meta):\n    width = 0.01\n"
    ),
    "sizes.py": "SIZES = {}\n",
    "effect.py": 'from lineup.figures.made.sizes import SIZES\n\nSIZES["effect"] = 0.01\nSIZES["last"] = 0.01\n',
    "later.py": 'from lineup.figures.made.sizes import SIZES\n\nSIZES["last"] = 0.02\n',
    "between.py": "import lineup.figures.made.deep_effect as _effect\n",
    "deep_effect.py": (
        "from lineup.figures.made.sizes import SIZES\n\n_ = SIZES.update(deep=0.01)\n\n\n"
        'def unused(size=SIZES.setdefault("default", 0.01)):\n    return size\n\n\nfor name in ("loop",):\n    SIZES[name] = 0.01\n'
    ),
    # What a name means.
    "names.py": "SMALL = 1\nLARGE = 2\n\n\ndef width():\n    return 0.01\n\n\ndef wrap(function):\n    return lambda: function() + 0.01\n",
    "again.py": (
        "from lineup.figures.made.names import LARGE, SMALL, width, wrap\n\nSMALL = 0.01\nwidth = wrap(width)\n\nTHICK = 1\n"
        "if LARGE:\n    THICK = 0.01\n\n\ndef LARGE():\n    return 0.01\n\n\ndef again():\n    return SMALL + LARGE() + width() + THICK\n"
    ),
    "colour.py": "COLOUR = 5\n",
    "colour/__init__.py": "from lineup.figures.made.colour.shade import SHADE\n\nCOLOUR = 0.01\n",
    "colour/shade.py": "SHADE = 0.01\n",
    "marked.py": "\ufeffMARK = 0.01\n",
    # What names do not say.
    "looks.py": (
        "import sys\nfrom importlib import import_module\n\nfrom lineup.figures.made.lazy import dashes\n\n\ndef _dots():\n    return 0.01\n\n\n"
        "def _bars():\n    return 0.01\n\n\ndef looks():\n"
        '    """0.01"""\n'
        '    own = sys.modules[__name__]\n    text = import_module("lineup.figures.made.by_text").TEXT\n'
        '    return globals()["_" + "dots"]() + getattr(own, "_ba" + "rs")() + dashes() + text + float(looks.__doc__)\n'
    ),
    "lazy.py": (
        "def _dashes():\n    return 0.01\n\n\ndef __getattr__(name):\n    if name.startswith('__'):\n"
        "        raise AttributeError(name)\n    return eval('_' + name)\n"
    ),
    "by_text.py": "TEXT = 0.01\n",
    "table.json": "[0.01]\n",
    "use.py": (
        "import json\nfrom pathlib import Path\n\nimport lineup.figures.made.between as _between\nimport lineup.figures.made.effect as _effect\n"
        "import lineup.figures.made.later as _later\nimport lineup.figures.made.registered as _registered\n"
        "import lineup.figures.made.subclasses as _subclasses\nfrom lineup.figures.made.again import again\n"
        "from lineup.figures.made.bases import Base, Kept, Meta\nfrom lineup.figures.made.colour import COLOUR, SHADE\n"
        "from lineup.figures.made.looks import looks\nfrom lineup.figures.made.marked import MARK\nfrom lineup.figures.made.overloads import length\n"
        "from lineup.figures.made.registry import REG\nfrom lineup.figures.made.sizes import SIZES\nfrom palette_of_mine import SIZE\n\n\n"
        "def total():\n"
        '    table = json.loads(Path(__file__).with_name("table.json").read_text())\n'
        "    classes = [*Base.__subclasses__(), *Kept.ALL, *Meta.ALL]\n"
        '    named = REG["line"]() + REG["dash"]() + length(1) + sum(one.width for one in classes)\n'
        "    return named + sum(SIZES.values()) + again() + COLOUR + SHADE + MARK + SIZE + looks() + sum(table)\n"
    ),
}

USE = '\n\nfrom lineup.figures.made.use import total  # noqa: E402\n\nSTYLE["font.size"] += total()\n'

RULES = """

TABLE = {"functions": [len]}


def loud(text):
    if text in {"one", "two", "three", "four", "five"} or not TABLE:
        return text
    return text.upper()


rule shout:
    input:
        "results/coded/leaderboard.csv",
    output:
        "results/shout.txt",
    shell:
        "tr a-z A-Z < {input} > {output}"


rule say:
    input:
        "results/coded/leaderboard.csv",
    output:
        "results/said.txt",
    run:
        with open(output[0], "w") as file:
            file.write(loud(open(input[0]).read()))


rule tell:
    input:
        "results/coded/leaderboard.csv",
    output:
        "results/told.txt",
    script:
        "workflow/mine/tell.py"
"""

TELL = (
    "from pathlib import Path\n\nfrom telling import quiet\n\n"
    "Path(snakemake.output[0]).write_text(quiet(Path(snakemake.input[0]).read_text()))\n"
)
TELLING = "def quiet(text):\n    return text.lower()\n"


def add_constructs(tree: Path) -> None:
    """Adds the files to a tree, has the style of the figures use them, and adds rules without a specification."""
    for name, text in FILES.items():
        path = tree / FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (tree / FOLDER / "__init__.py").write_text("", encoding="utf-8")
    (tree / "palette_of_mine.py").write_text("SIZE = 0.01\n", encoding="utf-8")
    (tree / "workflow" / "mine").mkdir()
    (tree / "workflow" / "mine" / "tell.py").write_text(TELL, encoding="utf-8")
    (tree / "workflow" / "mine" / "telling.py").write_text(TELLING, encoding="utf-8")
    style = tree / "lineup" / "figures" / "style.py"
    style.write_text(style.read_text(encoding="utf-8") + USE, encoding="utf-8")
    snakefile = tree / "Snakefile"
    text = snakefile.read_text(encoding="utf-8")
    assert text.count("        rules.report.output,\n") == 1
    wanted = '        rules.report.output,\n        "results/shout.txt",\n        "results/said.txt",\n        "results/told.txt",\n'
    snakefile.write_text(text.replace("        rules.report.output,\n", wanted) + RULES, encoding="utf-8")
