"""Trains a neural network on each of many splits, many of them side by side."""

from lineup.ledger.recorder import job, outputs
from lineup.models.mlp import fit_mlp
from lineup.networks.checkpoints import Checkpoints
from lineup.networks.settings import Settings
from lineup.settings import typed

if __name__ == "__main__":
    with job(snakemake) as logger:
        checkpoints = Checkpoints.of_job(
            logger,
            snakemake.params.spec,
            inputs=list(snakemake.input),
            seconds=snakemake.params.checkpoint_seconds,
        )
        fit_mlp(
            **snakemake.input,
            **outputs(snakemake),
            settings=typed(Settings, snakemake.params.spec["settings"]),
            threads=snakemake.threads,
            logger=logger,
            gpus=snakemake.resources.gpu,
            mpi=snakemake.resources.get("mpi"),
            checkpoints=checkpoints,
            log=snakemake.log[0],
        )
    checkpoints.remove()
