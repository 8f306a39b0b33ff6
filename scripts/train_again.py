"""Trains networks again with other seeds on some splits, to tell what the seed does from what the rows do."""

from lineup.ledger.recorder import job
from lineup.models.trainings import Again, train_again
from lineup.networks.checkpoints import Checkpoints
from lineup.networks.settings import Settings
from lineup.settings import typed

if __name__ == "__main__":
    with job(snakemake) as logger:
        settings = snakemake.params.spec["settings"]
        checkpoints = Checkpoints.of_job(
            logger,
            snakemake.params.spec,
            inputs=list(snakemake.input),
            seconds=snakemake.params.checkpoint_seconds,
        )
        train_again(
            **snakemake.input,
            trainings=snakemake.output.trainings,
            settings=typed(Settings, settings),
            again=typed(Again, settings),
            threads=snakemake.threads,
            logger=logger,
            gpus=snakemake.resources.gpu,
            checkpoints=checkpoints,
        )
    checkpoints.remove()
