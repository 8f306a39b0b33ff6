"""The door to torch: it mends a torchvision that cannot load its operators, and leaves any other alone."""

import importlib
import importlib.util
import json
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import lightning_utilities.core.imports as installed
import numpy.random._pcg64 as some_extension
import pytest
from lightning_utilities.core.imports import RequirementCache
from support.tree import ROOT
from support.waiting import PATIENCE

from lineup.torch_setup import OPERATORS, UNUSED, do_without, set_threads, torch, torchvision_is_broken

# Goes through the door and tells which operators of torchvision were declared on the way.
PASS = """
import json, sys, types
import torch

declared, define = [], torch.library.define
def spy(name, *rest, **more):
    if sys._getframe(1).f_globals.get("__name__") == "lineup.torch_setup":
        declared.append(name)
    return define(name, *rest, **more)
torch.library.define = spy
{before}
from lineup import torch_setup
{after}
print(json.dumps(declared))
"""
# In place of Lightning and torchmetrics, where they are not what a test is about.
STUBS = """
for name in ("pytorch_lightning", "pytorch_lightning.plugins.environments", "torchmetrics"):
    sys.modules[name] = types.SimpleNamespace(LightningEnvironment=None, TorchElasticEnvironment=None)
"""


def python(code, *path):
    """Runs code in a process of its own, with folders in front of its module search path."""
    setup = f"import sys; sys.path[:0] = {[str(folder) for folder in (*path, ROOT)]!r}\n"
    return subprocess.run(
        [sys.executable, "-c", setup + code],
        cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip


def declared_by(before, after="", *path):
    done = python(PASS.format(before=before, after=after), *path)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Gives a function that makes a package with some extension, or none, and puts it on the path."""

    def make(name, extension, suffix=EXTENSION_SUFFIXES[0]):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").write_text("raise RuntimeError('this was not to be imported')\n")
        if extension is not None:
            (folder / f"_C{suffix}").write_bytes(extension)
        monkeypatch.syspath_prepend(str(tmp_path))
        importlib.invalidate_caches()
        return tmp_path

    return make


LOADS = Path(some_extension.__file__).read_bytes()
DOES_NOT_LOAD = b"a build for another machine"


def is_installed(package):
    """Tells what Lightning and torchmetrics take to be installed, by each of their two ways."""
    return bool(RequirementCache(package)), installed.package_available(package)


@pytest.mark.parametrize("package", UNUSED)
def test_a_package_that_is_done_without_can_be_imported(package):
    assert is_installed(package) == (True, True)
    do_without((package,))
    try:
        assert is_installed(package) == (False, False)
        assert is_installed("numpy") == (True, True)
        assert importlib.import_module(package)
    finally:
        do_without(())
    assert is_installed(package) == (True, True)
    assert is_installed("no_such_package") == (False, False)


@pytest.mark.skipif(importlib.util.find_spec("torchvision") is None, reason="torchvision is not installed")
@pytest.mark.long
def test_torchvision_works_behind_the_door():
    """Whether it is broken is seen from what importing it without the door gives."""
    broken = python("import torchvision").returncode != 0
    after = (
        f"import torchvision, torchvision.transforms\nassert torch_setup.torchvision_is_broken() == {broken}"
    )
    declared = declared_by(STUBS, after)
    assert declared == (["torchvision::nms", "torchvision::qnms"] if broken else [])


@pytest.mark.parametrize("suffix", [EXTENSION_SUFFIXES[0], ".so"])
def test_a_package_whose_extension_loads_is_not_broken(package, suffix):
    package("vision_that_loads", LOADS, suffix)
    assert torchvision_is_broken("vision_that_loads") is False


@pytest.mark.parametrize("extension", [DOES_NOT_LOAD, b"", None], ids=["another build", "empty", "none"])
def test_a_package_whose_extension_does_not_load_is_broken(package, extension):
    package("vision_that_does_not", extension)
    assert torchvision_is_broken("vision_that_does_not") is True


def test_a_package_that_is_absent_is_not_broken():
    assert torchvision_is_broken("no_such_vision") is False


@pytest.mark.parametrize(
    ("extension", "expected"),
    [(LOADS, []), (DOES_NOT_LOAD, [f"torchvision::{name}" for name in OPERATORS])],
    ids=["loads", "does not load"],
)
def test_operators_are_declared_only_for_a_package_that_is_broken(package, extension, expected):
    folder = package("torchvision", extension)
    after = (
        "import importlib.util; assert importlib.util.find_spec('torchvision').origin.startswith(sys.path[0])"
    )
    assert declared_by(STUBS, after, folder) == expected


def test_nothing_is_declared_where_torchvision_is_absent():
    """And products do not hang on where a matrix begins, whatever the surroundings say: MKL reads once how it rounds."""
    before = "import os\nos.environ['MKL_CBWR'] = 'AVX2'\nsys.modules['torchvision'] = None\n" + STUBS
    assert declared_by(before, "assert os.environ['MKL_CBWR'] == 'AUTO,STRICT'") == []


def test_the_number_of_threads_is_set():
    before = torch.get_num_threads()
    try:
        for threads in (2, 1):
            set_threads(threads)
            assert torch.get_num_threads() == threads
    finally:
        set_threads(before)
