"""Draws which rule needs the results of which; an arrow is left out where others lead to the same rule."""

from lineup.figures.rulegraph import rulegraph
from lineup.ledger.recorder import job

if __name__ == "__main__":
    with job(snakemake) as logger:
        rulegraph(
            snakefile=snakemake.params.snakefile,
            configfiles=snakemake.params.configfiles,
            svg=snakemake.output.svg,
            logger=logger,
        )
