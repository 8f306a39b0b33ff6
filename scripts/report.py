"""Writes the report: one HTML page that needs no other file and no network."""

import base64
import csv
import logging
from pathlib import Path

import jinja2
import yaml

from scripts.config import NULL_MODEL, split_seeds
from scripts.files import replacing
from scripts.job import job
from scripts.tables import read_schema, read_table

CAPTIONS = {
    "comparison": "Mean absolute error of each model on the test rows. Lower is better.",
    "predictions": "Predicted against actual targets of the test rows. On the dashed line the two are equal.",
    "grid": (
        "Mean absolute error on the held-out folds by penalty. The band is one standard error of the mean over the "
        "folds; the dashed line marks the penalty with the lowest mean, which the model is fitted with."
    ),
    "path": (
        "Coefficients of the fit on all training rows by penalty, each times the standard deviation of its feature. "
        "The features with the largest ones are named; the others are grey."
    ),
    "learning_curves": "Mean absolute error after each epoch. That of training is measured with dropout on, batch by batch.",
}


def figure(path: str) -> dict[str, str]:
    """Reads a figure for the page.

    Args:
        path: An SVG file under ``results/{dataset}/``.

    Returns:
        Its ``path``, its ``name``, its ``caption`` and its content as a ``data`` address. In an
        address, unlike in the page itself, an SVG cannot run a script or load anything.
    """
    name = Path(path).stem
    data = base64.b64encode(Path(path).read_bytes()).decode()
    return {
        "path": path,
        "name": name,
        "caption": CAPTIONS[name],
        "data": f"data:image/svg+xml;base64,{data}",
    }


def published_figures(published: list[dict], scores: str) -> list[dict]:
    """Sets published figures beside ours for the same split.

    Args:
        published: The dataset's ``published`` block of the config.
        scores: The scores of all models.

    Returns:
        For each figure whose model and split were computed: ``source``, ``seed``, ``model``,
        ``published`` and ``ours``.
    """
    columns = read_table(scores)
    ours = dict(zip(zip(columns["model"], columns["seed"], strict=True), columns["mae"], strict=True))
    return [
        {
            "source": block["source"],
            "seed": block["seed"],
            "model": model,
            "published": value,
            "ours": ours[model, block["seed"]],
        }
        for block in published
        for model, value in block["mae"].items()
        if (model, block["seed"]) in ours
    ]


def read_leaderboard(path: str, null_model: str) -> list[dict]:
    """Reads a leaderboard, with numbers as numbers, empty fields as None and the null model's rule in its name."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        records = list(csv.DictReader(file))
    text = {"model", "source"}
    records = [
        {key: value if key in text else float(value) if value else None for key, value in record.items()}
        for record in records
    ]
    for record in records:
        record["label"] = f"null model ({null_model})" if record["model"] == NULL_MODEL else record["model"]
    return records


def report(
    build: list[str],
    datasets: dict[str, dict],
    models: dict[str, dict],
    versions: dict[str, str],
    tables: list[str],
    leaderboards: list[str],
    scores: list[str],
    figures: list[str],
    template: str,
    output: str,
    logger: logging.Logger,
) -> None:
    """Writes the page.

    Args:
        build: Names of the built datasets, in the order of the page.
        datasets: The blocks of the built datasets in the config, by name.
        models: The blocks of the models that they name.
        versions: The versions of Python and of the packages that can change a result.
        tables: The prepared tables, in the order of ``build``.
        leaderboards: The leaderboards, in that order.
        scores: The scores of all models, in that order.
        figures: All figures, as SVG files under ``results/{dataset}/``.
        template: The page's Jinja2 template.
        output: The HTML file to write.
        logger: Where to report.
    """
    sections = []
    for name, table, leaderboard, score in zip(build, tables, leaderboards, scores, strict=True):
        settings = datasets[name]
        folder = Path(table).parent
        drawn = [figure(path) for path in figures if Path(path).is_relative_to(folder)]
        seeds = split_seeds(settings["splits"]["seeds"])
        sections.append(
            {
                "name": name,
                "settings": settings,
                "schema": read_schema(table),
                "seeds": ", ".join(map(str, seeds))
                if len(seeds) <= 12
                else f"{seeds[0]} to {seeds[-1]}, {len(seeds)} in all",
                "leaderboard": read_leaderboard(leaderboard, settings["null_model"]),
                "leaderboard_path": leaderboard,
                "published": published_figures(settings["published"], score),
                "figures": [one for one in drawn if Path(one["path"]).parent == folder],
                "models": {
                    model: [one for one in drawn if Path(one["path"]).parent == folder / "models" / model]
                    for model in settings["models"]
                },
                "timings_path": f"{folder}/timings.csv",
            }
        )
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["yaml"] = lambda value: yaml.safe_dump(
        value, sort_keys=False, allow_unicode=True, width=100
    ).strip()
    page = environment.from_string(Path(template).read_text(encoding="utf-8")).render(
        sections=sections,
        models=models,
        versions=versions,
    )
    with replacing(output) as temporary:
        temporary.write_text(page, encoding="utf-8")
    logger.info("Report of %d datasets and %d figures written.", len(sections), len(figures))


if __name__ == "__main__":
    with job(snakemake) as logger:
        report(
            **snakemake.params.spec["settings"],
            tables=list(snakemake.input.tables),
            leaderboards=list(snakemake.input.leaderboards),
            scores=list(snakemake.input.scores),
            figures=list(snakemake.input.figures),
            template=snakemake.params.template,
            output=snakemake.output.html,
            logger=logger,
        )
