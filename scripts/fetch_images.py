"""Gets the four files of a set of images: from the first source that gives them with the SHA-256 in the config."""

from lineup.data.image_sources import fetch_images
from lineup.ledger.recorder import job, outputs

if __name__ == "__main__":
    with job(snakemake) as logger:
        fetch_images(
            **snakemake.params.spec["settings"],
            **snakemake.params.ladder,
            output=outputs(snakemake),
            logger=logger,
        )
