"""Turns the four files of a set of images into the table that every model sees."""

from lineup.ledger.recorder import job, outputs

# isort: split
from lineup.data.images import preprocess_images

if __name__ == "__main__":
    with job(snakemake) as logger:
        preprocess_images(
            **snakemake.input, **outputs(snakemake), **snakemake.params.spec["settings"], logger=logger
        )
