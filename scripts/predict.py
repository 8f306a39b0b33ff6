"""Predicts new rows with the models that were fitted on a table."""

from lineup.errors import InputError
from lineup.ledger.recorder import log_to
from lineup.models.prediction import predict

if __name__ == "__main__":
    with log_to(snakemake.log[0]) as logger:
        settings, files = snakemake.params.settings, snakemake.input
        if not settings.get("rows"):
            raise InputError(
                "Say which rows and which model: snakemake predict --config rows=FILE model=NAME, and dataset=NAME if several "
                "have it."
            )
        print(
            predict(
                table=files.table[0],
                splits=list(files.splits),
                predictions=list(files.predictions),
                fitted=list(files.fitted),
                logger=logger,
                **settings,
            )
        )
