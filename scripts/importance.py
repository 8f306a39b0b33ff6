"""Measures how much a model needs each column, and draws it."""

from lineup.figures.importance import plot_importance
from lineup.ledger.recorder import job
from lineup.models.importance import Importance, importance
from lineup.settings import typed

if __name__ == "__main__":
    with job(snakemake) as logger:
        settings, made = snakemake.params.spec["settings"], snakemake.output
        importance(
            table=snakemake.input.table,
            splits=list(snakemake.input.splits),
            predictions=list(snakemake.input.predictions),
            fitted=list(snakemake.input.fitted),
            output=made.importance,
            model=settings["model"],
            measured=typed(Importance, settings["importance"]),
            metric=settings["metric"],
            logger=logger,
            threshold=settings.get("threshold", 0.5),
        )
        plot_importance(
            model=snakemake.wildcards.model,
            importance=made.importance,
            metric=settings["metric"],
            unit=settings["target_unit"],
            svg=made.svg,
            png=made.png,
        )
