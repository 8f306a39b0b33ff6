"""Says what more training rows would bring: the errors of all models on nested shares of the training rows."""

from lineup.comparison.training_sizes import training_sizes
from lineup.figures.training_sizes import plot_training_sizes
from lineup.ledger.recorder import job

if __name__ == "__main__":
    with job(snakemake) as logger:
        settings, made = snakemake.params.spec["settings"], snakemake.output
        training_sizes(
            table=snakemake.input.table,
            splits=list(snakemake.input.splits),
            predictions=list(snakemake.input.predictions),
            sizes_csv=made.sizes,
            laws_csv=made.laws,
            models=settings["models"],
            metric=settings["metric"],
            method=settings["method"],
            threshold=settings.get("threshold", 0.5),
            logger=logger,
        )
        plot_training_sizes(
            sizes=made.sizes,
            laws=made.laws,
            metric=settings["metric"],
            target_unit=settings["target_unit"],
            svg=made.svg,
            png=made.png,
        )
