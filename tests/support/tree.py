"""The tree of the project: its files, and copies of it."""

import compileall
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# The folders with the code that jobs import.
CODE = ("lineup", "scripts")
# The rules that make no result, and so leave no record.
MAKE_NOTHING = {"verify", "describe", "explain", "predict", "export", "forecast"}
# What stands in the tree and is no part of it, where there is no git to tell.
LEFT_BY_USE = {
    ".git",
    ".venv",
    ".snakemake",
    ".pytest_cache",
    ".ruff_cache",
    "__pycache__",
    "data",
    "results",
}


def tracked_files():
    """Lists the files in git, relative to the root; skips the test where the tree is no checkout."""
    listed = _git("--cached")
    if listed is None:
        pytest.skip("this is not a git checkout")
    return listed


def files_of_tree():
    """Lists the files that make up the tree, relative to the root: those in git, and new ones not ignored."""
    listed = _git("--cached", "--others", "--exclude-standard")
    if listed is None:
        every = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
        listed = sorted(path for path in every if not LEFT_BY_USE & set(path.parts))
    return listed


def _git(*options):
    command = ["git", "ls-files", "-z", *options]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        return None
    return sorted(
        path for path in map(Path, filter(None, listed.stdout.split("\0"))) if (ROOT / path).is_file()
    )


def copy_of_tree(folder):
    """Copies the tree, with its modification times, so that nothing that happens to it meanwhile is seen."""
    for path in files_of_tree():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, folder / path)
    copy_bytecode(ROOT, folder)
    return folder


def sketching_tree(folder):
    """Makes a copy of the tree whose figures are only sketched: two thirds of a small run is drawing.

    A sketch tells of all lines, points, areas and words, where they are and what they look like, but shows nothing.
    """
    style = copy_of_tree(folder) / "lineup" / "figures" / "style.py"
    text = style.read_text(encoding="utf-8")
    for old, new in SKETCH:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    style.write_text(text + OUTLINE, encoding="utf-8")
    compileall.compile_file(style, quiet=2)
    return folder


SKETCH = [
    ("    figure.get_layout_engine().execute(figure)\n", ""),
    (
        'figure.savefig(temporary, metadata={"Date": None, "Creator": None})',
        "temporary.write_text(_outline(figure))",
    ),
    (
        'figure.savefig(temporary, dpi=200, metadata={"Software": None})',
        "temporary.write_bytes(Path(svg).read_bytes())",
    ),
]
OUTLINE = '''

def _outline(artist):
    """Writes down an artist and those in it."""
    told = [type(artist).__name__, artist.get_visible(), artist.get_zorder(), artist.get_alpha()]
    for name in (
        "label text fontsize xydata offsets sizes array extent color facecolor edgecolor linewidth linestyle marker xlim ylim "
        "xscale yscale x y width height size_inches view_interval label_text".split()
    ):
        if hasattr(artist, f"get_{name}"):
            value = getattr(artist, f"get_{name}")()
            told.append([name, value.tolist() if hasattr(value, "tolist") else str(value)])
    if hasattr(artist, "get_paths"):
        told.append([path.vertices.tolist() for path in artist.get_paths()])
    # An axis makes its ticks when it is drawn.
    inner = artist.get_children() if not hasattr(artist, "get_view_interval") else []
    return "\\n".join([repr(told), *map(_outline, inner)])
'''


def second_tree(tree, folder):
    """Copies of a copy of the tree what a run reads, to edit it: what became of the tree itself meanwhile does not count."""
    folder.mkdir()
    copy_with_times(
        [path for path in tree.iterdir() if path.name not in ("benchmarks", "docs", "tests")], folder
    )
    return folder


def copy_with_times(paths, folder):
    """Copies files and folders into a folder, with their times, in half the time that Python takes for it."""
    subprocess.run(["cp", "-a", *paths, folder], check=True)


def compile_tree():
    """Compiles the code of the tree, once for all of the many processes that import it."""
    for part in CODE:
        compileall.compile_dir(ROOT / part, quiet=2)


def copy_bytecode(tree, folder):
    """Copies the bytecode of a tree to a copy of it, as if written there after the code."""
    for part in CODE:
        for path in (tree / part).rglob("__pycache__/*.pyc"):
            target = folder / path.relative_to(tree)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, target)


def contents(folder):
    """Maps each file under a folder, but compiled modules, to its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
