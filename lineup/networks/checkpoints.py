"""Checkpoints of trainings, for a job that was stopped to go on from when it runs again.

They stand in a folder that is named by all that the result of the job depends on, so that a changed
setting never goes on with an older training, and are removed when the job is done.
"""

import hashlib
import json
import logging
import pickle
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lineup.data.tables import Splits
from lineup.files import STATE, file_digest
from lineup.torch_setup import lightning, torch

FOLDER = STATE / "checkpoints"


class Checkpoints:
    """The checkpoints of one job.

    Args:
        folder: Where they are.
        seconds: The least time between two checkpoints of a process. A job that takes less has none.
        logger: Where to report.
    """

    def __init__(self, folder: Path, seconds: float, logger: logging.Logger) -> None:
        self.folder, self.seconds, self.logger = folder, seconds, logger
        self.started = self.saved = time.monotonic()

    @classmethod
    def of_job(
        cls, logger: logging.Logger, specification: dict, inputs: Sequence[str], seconds: float
    ) -> "Checkpoints":
        """Finds those of a job, and removes what it left with other settings, code or data.

        Args:
            logger: That of the job.
            specification: What its result depends on, see ``lineup/ledger/specification.py``.
            inputs: The files that it reads, whose bytes its result depends on, too.
            seconds: The least time between two checkpoints.
        """
        made_of = [specification, [file_digest(path) for path in inputs]]
        key = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
        folder = FOLDER / logger.name / key
        for other in folder.parent.glob("*"):
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)
        return cls(folder, seconds, logger)

    def remove(self) -> None:
        """Removes them: the job is done."""
        shutil.rmtree(self.folder.parent, ignore_errors=True)

    def last(self, splits: Splits, accelerator: str) -> str | None:
        """Gives the checkpoint of a training, see ``saving``, or None if there is none to go on from."""
        path = self._path(splits, accelerator)
        try:
            epochs = torch.load(path, map_location="cpu", weights_only=True)["epochs"]["curves"]["train_loss"]
        except FileNotFoundError:
            return None
        except (OSError, EOFError, RuntimeError, KeyError, pickle.UnpicklingError) as error:
            # As a machine that lost its power may leave it.
            self.logger.warning("%s cannot be read (%s): the training begins anew.", path, error)
            return None
        self.logger.info(
            "The training on %d splits, from split %d on, goes on from epoch %d.",
            len(splits),
            splits.seeds[0],
            len(epochs),
        )
        return str(path)

    def saving(self, splits: Splits, accelerator: str) -> "Saving":
        """Gives the callback for a training. A GPU rounds in its own way, so it goes on with its own."""
        return Saving(self, self._path(splits, accelerator))

    def _path(self, splits: Splits, accelerator: str) -> Path:
        # The same splits may be trained on with fewer rows, too.
        known = np.concatenate([splits.seeds, *splits.sizes()]).astype(np.int64)
        digest = hashlib.sha256(known.tobytes()).hexdigest()
        return self.folder / f"{accelerator}_{digest}.ckpt"


class Saving(lightning.callbacks.Checkpoint):
    """Takes a checkpoint at the end of an epoch, if the last one is some time ago.

    Lightning calls a callback of this class after the hooks of the module, so that what these note of
    the epoch is in the checkpoint.

    Args:
        checkpoints: Those of the job.
        path: The file. A newer checkpoint takes the place of the older one.
    """

    def __init__(self, checkpoints: Checkpoints, path: Path) -> None:
        self.checkpoints, self.path = checkpoints, path

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Takes one, in all processes at once."""
        known, now = self.checkpoints, time.monotonic()
        # The end of a training is kept for when it is one of many in a job that takes long.
        ended = module.epochs == trainer.max_epochs or trainer.should_stop
        due = now - (known.started if ended else known.saved) >= known.seconds
        if trainer.strategy.broadcast(due):
            known.saved = now
            self.path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self.path.with_suffix(".part")
            trainer.save_checkpoint(temporary, weights_only=False)
            if trainer.is_global_zero:
                temporary.replace(self.path)


class Streams(lightning.Callback):
    """Has the random streams of a training in its checkpoints.

    Args:
        streams: The streams, of NumPy's SFC64, in the order of the networks.
    """

    def __init__(self, streams: list[np.random.Generator]) -> None:
        self.streams = streams

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Gives their states, shape (M, 6), as 64-bit integers."""
        states = [stream.bit_generator.state for stream in self.streams]
        rows = [[*state["state"]["state"], state["has_uint32"], state["uinteger"]] for state in states]
        return {"states": torch.from_numpy(np.array(rows, dtype=np.uint64).view(np.int64))}

    def load_state_dict(self, state_dict: dict[str, torch.Tensor]) -> None:
        """Sets their states."""
        rows = state_dict["states"].numpy().view(np.uint64)
        for stream, (*state, buffered, buffer) in zip(self.streams, rows, strict=True):
            stream.bit_generator.state = {
                "bit_generator": "SFC64",
                "state": {"state": np.array(state)},
                "has_uint32": int(buffered),
                "uinteger": int(buffer),
            }
