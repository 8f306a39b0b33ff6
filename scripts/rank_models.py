"""Ranks the models that all tables have, and draws which of them cannot be told apart."""

from lineup.comparison.ranks import rank_models
from lineup.figures.ranks import plot_ranks
from lineup.ledger.recorder import job

if __name__ == "__main__":
    with job(snakemake) as logger:
        made = snakemake.output
        rank_models(list(snakemake.input), snakemake.params.spec["settings"]["metrics"], made.ranks, logger)
        plot_ranks(made.ranks, made.svg, made.png)
