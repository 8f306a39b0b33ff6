"""Splits that a model cannot be fitted on: the others come out as they do without them."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from support.tree import ROOT

from lineup.data.splits import split
from lineup.data.tables import Splits, read_splits, read_table, write_splits
from lineup.errors import InputError
from lineup.models import class_search, lasso, ridge
from lineup.models.lasso import fit_lasso
from lineup.models.logistic_lasso import fit_logistic_lasso
from lineup.models.mlp import fit_mlp
from lineup.models.ridge import fit_ridge
from lineup.networks.settings import Settings as OfNetworks
from lineup.settings import typed

SHIPPED = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["models"]
FEW = {"folds": {"number": 3, "seed": 1}}
KINDS = {
    "lasso": (fit_lasso, lasso.Settings, SHIPPED["lasso"] | FEW, ("coefficients", "grid", "path"), {}),
    "ridge": (fit_ridge, ridge.Settings, SHIPPED["ridge"] | FEW, ("coefficients", "grid"), {}),
    "logistic_lasso": (
        fit_logistic_lasso,
        class_search.Settings,
        SHIPPED["logistic_lasso"] | FEW | {"penalties": {"number": 4, "smallest": 0.05}},
        ("coefficients", "grid"),
        {"processes": 1},
    ),
}


@pytest.fixture
def files(tmp_path, prepare):
    """Gives a function that writes a table whose only feature is constant in the training rows of the second of three splits."""

    def write(task):
        chance = np.random.default_rng(0)
        x = np.where(np.arange(48) < 24, 1.0, chance.normal(size=48))
        y = 2 * x + chance.normal(size=48)
        columns = {"x": x, "y": np.array(["no", "yes"])[(y > 1).astype(int)] if task else y}
        table, _ = prepare(tmp_path, columns, task=task or "regression")
        rows = np.arange(48)
        trains = [rows[::2], rows[:24], rows[1::2]]
        splits = Splits.of(np.array([5, 6, 7]), trains, [np.setdiff1d(rows, train) for train in trains])
        write_splits(splits, tmp_path / "three")
        write_splits(splits[np.array([True, False, True])], tmp_path / "two")
        write_splits(splits[np.array([False, True, False])], tmp_path / "one")
        return table

    return write


@pytest.mark.parametrize("kind", KINDS)
def test_a_split_that_cannot_be_fitted_is_left_out(kind, files, tmp_path, logger):
    fit, settings, block, more, given = KINDS[kind]
    table = files("classification" if kind == "logistic_lasso" else "")

    def fitted(splits, **changes):
        paths = {
            part: str(tmp_path / f"of_{splits}" / f"{part}.parquet")
            for part in ("predictions", "scores", *more)
        }
        fit(
            table,
            str(tmp_path / splits),
            **paths,
            settings=typed(settings, block | changes),
            logger=logger,
            **given,
        )
        return paths

    three, two = fitted("three"), fitted("two")
    for part in three:
        found, expected = (pq.read_table(paths[part]).replace_schema_metadata() for paths in (three, two))
        assert found.equals(expected) and len(found) > 0
    ((seed, reason),) = json.loads(pq.read_schema(three["scores"]).metadata[b"lineup"])["failures"]
    assert seed == 6 and "has no penalty to choose" in reason
    with pytest.raises(InputError, match=r"On split 6: .*has no penalty to choose"):
        fitted("three", failures="error")
    with pytest.raises(InputError, match=r"^[^:]*has no penalty to choose"):
        fitted("one")
    assert not list((tmp_path / "of_one").glob("*.parquet"))


def test_networks_that_diverge_are_left_out(tmp_path, hitters_table, logger):
    short = SHIPPED["network"] | {"epochs": 2, "accelerator": "cpu", "processes": 1, "optimizer": "sgd"}

    def fitted(seeds, **changes):
        names = ("predictions", "scores", "training_log", "learning_curves", "summary", "weights")
        paths = {name: str(tmp_path / f"of_{len(seeds)}" / name) for name in names}
        split(hitters_table, str(tmp_path / "splits"), "1/3", list(seeds), logger)
        fit_mlp(
            hitters_table,
            str(tmp_path / "splits"),
            **paths,
            settings=typed(OfNetworks, short | changes),
            threads=1,
            logger=logger,
        )
        return paths

    # On split 1 the hidden units die, and its network predicts a number all the same.
    paths = fitted((2, 1))
    assert set(read_table(paths["scores"])["seed"]) == set(read_table(paths["predictions"])["seed"]) == {1}
    assert set(read_table(paths["learning_curves"])["seed"]) == {1}
    assert np.isfinite(read_table(paths["predictions"])["predicted"]).all()
    ((seed, reason),) = json.loads(pq.read_schema(paths["scores"]).metadata[b"lineup"])["failures"]
    assert seed == 2 and reason.startswith("The training diverged")
    with pytest.raises(InputError, match="On split 2: The training diverged"):
        fitted((2, 1), failures="error")
    with pytest.raises(InputError, match=r"^The training diverged"):
        fitted((2,))


def test_splits_of_one_seed_are_told_apart(files, tmp_path, logger):
    """As where training sizes are tried: one share of a split may fail and another not."""
    table = files("")
    splits = read_splits([tmp_path / "three"])
    write_splits(Splits.of(np.array([5, 5, 5]), splits.train, splits.test), tmp_path / "shares")
    paths = {part: str(tmp_path / part) for part in ("predictions", "scores", "coefficients", "grid")}
    block = KINDS["ridge"][2]
    fit_ridge(table, str(tmp_path / "shares"), **paths, settings=typed(ridge.Settings, block), logger=logger)
    assert len(read_table(paths["scores"])["seed"]) == 2
    assert len(read_table(paths["predictions"])["row"]) == len(splits.test[0]) + len(splits.test[2])
