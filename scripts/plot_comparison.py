"""Draws the scores of all models of a dataset side by side, and their differences to the reference."""

from lineup.figures.comparison import plot_differences, plot_scores
from lineup.ledger.recorder import job

if __name__ == "__main__":
    with job(snakemake):
        files, out, settings = snakemake.input, snakemake.output, dict(snakemake.params.spec["settings"])
        reference = settings.pop("reference")
        plot_scores(
            files.scores,
            files.leaderboard,
            files.differences,
            **settings,
            svg=out.comparison_svg,
            png=out.comparison_png,
        )
        plot_differences(
            files.scores,
            files.differences,
            reference,
            **settings,
            svg=out.differences_svg,
            png=out.differences_png,
        )
