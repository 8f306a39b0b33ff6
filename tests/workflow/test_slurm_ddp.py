"""The network of the book on MNIST, trained by two processes on two nodes of a Slurm."""

import copy
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from support.runs import Project
from support.tree import ROOT, copy_of_tree
from support.waiting import PATIENCE
from test_slurm import HERE, line

from lineup.data.tables import read_table

# How far the accuracy on 10,000 images may be from that of one process. The first digits of the weights are the
# same; of images whose two best classes are as good as equal, some go the other way.
TOLERANCE = 0.01
BLOCK = "results/mnist/models/digits_network/block_1"


@pytest.fixture(scope="module")
def config(mnist_table):
    """MNIST and the network as shipped, one seed and three epochs."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    files = {"sources": [{"file": str(Path(mnist_table).parent)}]}
    splits = {"test_share": "given", "seeds": [1], "block_size": 1}
    models = {"models": ["digits_network"], "reference": "digits_network", "published": []}
    config["datasets"]["mnist"] |= files | models | {"splits": splits}
    config["models"]["digits_network"] |= {"epochs": 3, "accelerator": "cpu"}
    return config | {"build": ["mnist"]}


@pytest.fixture(scope="module")
def one_process(config, tmp_path_factory):
    tree = copy_of_tree(tmp_path_factory.mktemp("tree"))
    project = Project(tmp_path_factory.mktemp("one") / "work", tree, copy.deepcopy(config))
    run = project.run("--cores", "2", f"{BLOCK}/scores.parquet")
    assert run.status == 0, run.text
    return project


def table_of(project, name):
    return read_table(str(project.folder / BLOCK / f"{name}.parquet"))


@pytest.mark.slow
def test_two_processes_on_two_nodes(one_process, slurm, config, tmp_path, tell):
    project = Project(tmp_path / "work", one_process.tree, copy.deepcopy(config))
    before = len(slurm.ended())
    target = f"{BLOCK}/scores.parquet"
    run = project.run_with("slurm-ddp", *HERE, target, timeout=PATIENCE, **slurm.environment)
    log = (project.results / "logs/fit_mlp/mnist.digits_network.1.log").read_text(encoding="utf-8")
    assert run.status == 0, run.text + log + slurm.logs()

    ranks = re.findall(r"Rank (\d) of a world of (\d), on (\w+)\.", log)
    assert sorted(ranks) == [("0", "2", "n1"), ("1", "2", "n2")]
    assert ("COMPLETED", "n[1-2]") in slurm.ended()[before:]

    one, two = table_of(one_process, "learning_curves"), table_of(project, "learning_curves")
    assert (np.diff(two["train_loss"]) < 0).all(), "the loss does not fall"
    # They differ by rounding alone, which a training makes larger: after one epoch by 0.03 to 0.8 %, by the processor.
    np.testing.assert_allclose(two["train_loss"], one["train_loss"], rtol=0.05)
    accuracies = [table_of(each, "scores")["accuracy"][0] for each in (one_process, project)]
    tell(
        line(
            "profiles/slurm-ddp, the network on MNIST",
            ranks=", ".join(f"{rank} of {world} on {node}" for rank, world, node in sorted(ranks)),
            train_loss=" > ".join(f"{loss:.4f}" for loss in two["train_loss"]),
            accuracy=f"{accuracies[1]:.4f}, and {accuracies[0]:.4f} by one process",
        )
    )
    assert accuracies[1] == pytest.approx(accuracies[0], abs=TOLERANCE)
    assert min(accuracies) > 0.9

    # Where the two run does not matter: this machine has nothing to do for them.
    here = project.run("--cores", "2", "--set-resources", "fit_mlp:tasks=2", "--dry-run", target)
    assert here.status == 0 and here.jobs == [], here.text
