"""Trains networks again with other seeds, to tell what the seed of a training does from what the rows do."""

import logging
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lineup.data.tables import read_splits, read_table, write_splits, write_table
from lineup.models.mlp import fit_mlp
from lineup.networks.checkpoints import Checkpoints
from lineup.networks.settings import Settings

FILES = ("predictions", "scores", "training_log", "learning_curves", "summary", "weights")


@dataclass(frozen=True)
class Again:
    """How often networks are trained, and on how many splits."""

    trainings: int
    trainings_splits: int


def seed_of(seed: int, training: int) -> int:
    """Derives the seed of a training from that of the model; of the first it is that one."""
    if training == 1:
        return seed
    return int(np.random.SeedSequence([seed, training]).generate_state(1)[0])


def train_again(
    table: str,
    splits: str,
    trainings: str,
    settings: Settings,
    again: Again,
    threads: int,
    logger: logging.Logger,
    gpus: int = 0,
    checkpoints: Checkpoints | None = None,
) -> None:
    """Trains a network on the first splits of a block with each seed, and writes their scores.

    Args:
        table: The prepared table.
        splits: The block of splits.
        trainings: Parquet file to write: ``seed`` of the split, ``training`` from 1 on, and a column for each metric.
        settings: Those of the model.
        again: How often, and on how many splits.
        threads: Threads of the job.
        logger: Where to report.
        gpus: How many GPUs the job was given.
        checkpoints: Those of the job, None to take none.
    """
    drawn = read_splits([splits])[: again.trainings_splits]
    found = []
    with tempfile.TemporaryDirectory() as name:
        paths = {file: str(Path(name, file)) for file in FILES}
        some = str(Path(name, "splits"))
        write_splits(drawn, some)
        for training in range(1, again.trainings + 1):
            # Their scores are compared split by split, so that none may be missing.
            own = replace(settings, seed=seed_of(settings.seed, training), failures="error")
            kept = checkpoints and Checkpoints(
                checkpoints.folder / str(training), checkpoints.seconds, logger
            )
            fit_mlp(
                table,
                some,
                **paths,
                settings=own,
                threads=threads,
                logger=logger,
                gpus=gpus,
                checkpoints=kept,
            )
            scores = read_table(paths["scores"])
            found.append({"training": np.full(len(drawn), training, dtype=np.int32)} | scores)
    columns = {
        key: np.concatenate([one[key] for one in found]) for key in ("seed", *found[0]) if key in found[0]
    }
    write_table(columns, trainings)
    logger.info("%d trainings on each of %d splits.", again.trainings, len(drawn))
