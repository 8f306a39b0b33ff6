"""Lines up the scores of all models of a dataset, split by split, beside a null model."""

from lineup.comparison.leaderboard import compare
from lineup.ledger.recorder import job

if __name__ == "__main__":
    with job(snakemake) as logger:
        compare(
            table=snakemake.input.table,
            splits=list(snakemake.input.splits),
            model_scores=list(snakemake.input.model_scores),
            predictions=list(snakemake.input.predictions),
            again=list(snakemake.input.again),
            splits_again=list(snakemake.input.splits_again),
            scores=snakemake.output.scores,
            leaderboard_csv=snakemake.output.leaderboard,
            differences_csv=snakemake.output.differences,
            logger=logger,
            **snakemake.params.spec["settings"],
        )
