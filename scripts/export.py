"""Writes a fitted model as ONNX."""

from lineup.errors import InputError
from lineup.ledger.recorder import log_to
from lineup.models.onnx import export

if __name__ == "__main__":
    with log_to(snakemake.log[0]) as logger:
        asked, files = snakemake.params.asked, snakemake.input
        if not asked:
            raise InputError(
                "Say which model: snakemake export --config model=NAME, and dataset=NAME if several have it; without rows."
            )
        print(
            export(
                table=next(iter(files.table), ""),
                splits=list(files.splits),
                predictions=list(files.predictions),
                fitted=list(files.fitted),
                logger=logger,
                **asked,
            )
        )
