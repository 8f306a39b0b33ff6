"""The one door to PyTorch, Lightning and torchmetrics: import them from here.

A CPU build of torch may stand beside a CUDA build of torchvision, as the package index gives on
Linux. torchvision then cannot load its compiled operators, and importing it fails.
Declaring the two operators that it describes at import mends that. Where torchvision can load
its operators, nothing is done.

Lightning and torchmetrics import what is installed of the packages `UNUSED`, for metrics and figures
that nothing here asks for: 900 modules, and a second and a half of each start. They do without.
"""

import importlib.metadata
import importlib.util
import os
import sys
import warnings
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder

# Left to itself, MKL rounds by where in memory a matrix begins. It reads this at its first product.
os.environ["MKL_CBWR"] = "AUTO,STRICT"

import lightning_utilities.core.imports as installed
import torch

UNUSED = ("matplotlib", "scipy", "torchvision")
OPERATORS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def torchvision_is_broken(package: str = "torchvision") -> bool:
    """Tells whether torchvision is installed but cannot load its compiled operators into this torch."""
    found = importlib.util.find_spec(package)
    if found is None:
        return False
    folder = found.submodule_search_locations[0]
    extension = FileFinder(folder, (ExtensionFileLoader, EXTENSION_SUFFIXES)).find_spec("_C")
    if extension is None:
        return True
    try:
        torch.ops.load_library(extension.origin)
    except OSError:
        return True
    return False


def declare_operators() -> None:
    """Declares torchvision's operators, without an implementation, so that its import goes through."""
    for name, signature in OPERATORS.items():
        torch.library.define(f"torchvision::{name}", signature)


def do_without(packages: tuple[str, ...]) -> None:
    """Tells Lightning and torchmetrics that packages are not installed, and no others; any import finds them all the same."""

    def version(name: str) -> str:
        if name in packages:
            raise importlib.metadata.PackageNotFoundError(name)
        return importlib.metadata.version(name)

    def package_available(name: str) -> bool:
        return name not in packages and importlib.util.find_spec(name) is not None

    installed._version, installed.package_available = version, package_available


def set_threads(threads: int) -> None:
    """Sets torch's threads. They change the last digits of weights, so they come from the config, not from the machine."""
    torch.set_num_threads(threads)


# What is of no use to anybody: that srun should have started the process, which it need not have; a deprecation
# inside Lightning; and the layout of gradients with an axis of length 1.
for useless in (
    "The `srun` command is available",
    ".*LeafSpec",
    "Grad strides do not match bucket view strides",
):
    warnings.filterwarnings("ignore", message=useless)

# This has to happen before the imports below, and once in a process.
if "torchvision" not in sys.modules and torchvision_is_broken():
    declare_operators()

do_without(UNUSED)

import pytorch_lightning  # noqa: E402
import torchmetrics as torchmetrics  # noqa: E402
from pytorch_lightning.plugins.environments import (  # noqa: E402
    LightningEnvironment as LightningEnvironment,
)
from pytorch_lightning.plugins.environments import (  # noqa: E402
    TorchElasticEnvironment as TorchElasticEnvironment,
)

do_without(())
lightning = pytorch_lightning
