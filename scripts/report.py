"""Writes the report: one HTML page that needs no other file and no network."""

from lineup.ledger.recorder import job
from lineup.report import report

if __name__ == "__main__":
    with job(snakemake) as logger:
        report(
            **snakemake.params.spec["settings"],
            tables=list(snakemake.input.tables),
            leaderboards=list(snakemake.input.leaderboards),
            differences=list(snakemake.input.differences),
            scores=list(snakemake.input.scores),
            laws=list(snakemake.input.laws),
            ranks=list(snakemake.input.ranks),
            figures=list(snakemake.input.figures),
            folder=snakemake.params.folder,
            output=snakemake.output.html,
            logger=logger,
        )
