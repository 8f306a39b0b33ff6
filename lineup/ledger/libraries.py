"""The versions of the packages that a script uses, and the environment variables that change what these compute."""

import platform
import re
import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import Distribution
from pathlib import Path

from lineup.files import digest_of_list, file_digest
from lineup.ledger.code import packages_of
from lineup.ledger.modules import elsewhere
from lineup.ledger.remembered import remembered

# Distributions whose name differs from that of the module.
DISTRIBUTIONS = {"sklearn": "scikit-learn", "yaml": "pyyaml", "pytorch_lightning": "pytorch-lightning"}


# Environment variables that change what a library computes, by the library. Numbers of threads are
# not among them: Snakemake sets these, from the threads of the rule. Matplotlib is reset to its
# defaults before each figure, so its settings do not count.
VARIABLES = {
    "numpy": [
        "MKL_CBWR",
        "MKL_ENABLE_INSTRUCTIONS",
        "NPY_DISABLE_CPU_FEATURES",
        "NPY_ENABLE_CPU_FEATURES",
        "OPENBLAS_CORETYPE",
    ],
    "torch": [
        "ATEN_CPU_CAPABILITY",
        "CUBLAS_WORKSPACE_CONFIG",
        "DNNL_DEFAULT_FPMATH_MODE",
        "DNNL_MAX_CPU_ISA",
        "NVIDIA_TF32_OVERRIDE",
        "ONEDNN_DEFAULT_FPMATH_MODE",
        "ONEDNN_MAX_CPU_ISA",
        "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
    ],
}


def libraries_of(script: str, modules: tuple[str, ...] = ()) -> dict[str, str | None]:
    """Gives the version of Python and of each package that a script uses, itself, by its settings, or through others."""
    installed, versions = _installed(), {}
    packages = {
        _name(DISTRIBUTIONS.get(package, package)): package for package in packages_of(script, modules)
    }
    waiting = list(packages)
    while waiting:
        name = waiting.pop()
        if name not in versions:
            is_installed = name in installed
            versions[name], needed = installed[name] if is_installed else (_code_of(packages[name]), [])
            waiting += [other for other in needed if other in installed]
    return {"python": platform.python_version()} | dict(sorted(versions.items()))


@cache
def _code_of(package: str) -> str | None:
    """Gives, in place of a version, the digest of a package that was not installed but is found, as along PYTHONPATH."""
    origin = elsewhere(package)
    if not origin or not Path(origin).is_file():
        return None
    is_package = Path(origin).name.startswith("__init__.")
    folder = Path(origin).parent
    files = sorted(folder.rglob("*.py")) if is_package else [Path(origin)]
    digest = digest_of_list({path.relative_to(folder).as_posix(): file_digest(path) for path in files})
    return f"code {digest[:12]}"


def versions_of(packages: Sequence[str]) -> dict[str, str | None]:
    """Gives the version of Python and of each of some packages, None for one that is not installed."""
    found = {package: _installed().get(_name(package), (None, []))[0] for package in packages}
    return {"Python": platform.python_version()} | found


@cache
def _installed() -> dict[str, tuple[str, list[str]]]:
    """Gives the version of each installed distribution, and the names of those that it needs here."""
    folders = [
        found
        for place in map(Path, sys.path)
        if place.is_dir()
        for found in sorted(place.glob("*.*-info"))
        if found.suffix in (".dist-info", ".egg-info") and found.is_dir()
    ]

    def read() -> dict:
        known = {}
        for folder in folders:
            distribution = Distribution.at(folder)
            # What is needed only here or there counts where it is installed; extras do not count.
            needs = [line for line in distribution.requires or [] if not re.search(r"\bextra *==", line)]
            needed = [_name(re.match(r"[\w.-]+", need)[0]) for need in needs]
            # Of two of a name, Python takes the one that comes first on its path.
            known.setdefault(_name(distribution.name), (distribution.version, needed))
        return known

    return remembered("installed", [*map(str, folders)], read, (__file__,))


def _name(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()
