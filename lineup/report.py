"""Writes the report: one HTML page that needs no other file and no network."""

import base64
import csv
import logging
from pathlib import Path

import jinja2
import yaml

from lineup.comparison.scores import HIGHER_IS_BETTER, METRICS
from lineup.config import NULL_MODEL, split_seeds
from lineup.data.tables import read_schema, read_table
from lineup.files import replacing

# Digits after the point, in the tables.
DIGITS = {"mae": 2, "rmse": 2, "r2": 3, "accuracy": 4, "log_loss": 4}
CAPTIONS = {
    "comparison": (
        "Mean absolute error of each model on the test rows. Lower is better. Of many splits, the shape is the distribution "
        "of the errors over them, the bar spans the central 90 %, and the diamond is the first split."
    ),
    "differences": (
        "Mean absolute error of each model minus that of the reference on the same split. The bar is a 95 % interval for the "
        "mean difference that allows for the training rows that the splits share; the shape and the diamond are as above."
    ),
    "predictions": (
        "Predicted against actual targets of the test rows. On the dashed line the two are equal. The points are those of "
        "the first split; of several splits, a grey line spans the central 90 % of the predictions for a row."
    ),
    "grid": (
        "Mean absolute error on the held-out folds by penalty, for the first split. The blue band is one standard error of "
        "the mean over the folds; the dashed line marks the penalty with the lowest mean, which the model is fitted with. "
        "Of several splits, the grey band spans the central 90 % of their curves."
    ),
    "path": (
        "Coefficients of the fit on all training rows of the first split by penalty, each times the standard deviation of its "
        "feature. The features with the largest ones are named; the others are grey."
    ),
    "selection": (
        "Left, how often each penalty was chosen. Right, in how many of the splits the fit at the chosen penalty keeps each "
        "coefficient, that is, does not set it to zero; a diamond marks those kept on the first split. A coefficient that is "
        "kept often need not be large, and the splits share rows."
    ),
    "learning_curves": (
        "Mean absolute error after each epoch. That of training is measured with dropout on, batch by batch. The lines are "
        "those of the first split; of several splits, a band spans the central 90 %."
    ),
}

# What is said instead, and of other figures, where classes are told apart.
CAPTIONS_OF_CLASSES = {
    "comparison": (
        "Accuracy of each model on the test rows. Higher is better. The bar is a 95 % interval that says how far off the "
        "accuracy on other rows of this kind may be. Of several trainings, a small dot is one, and the diamond the first."
    ),
    "differences": (
        "Accuracy of each model minus that of the reference. The bar is a 95 % interval of the difference on the same test "
        "rows; dots and diamond are as above."
    ),
    "learning_curves": (
        "Accuracy and loss after each epoch. Those of training are measured with dropout on, batch by batch. The strong lines "
        "are those of the first split."
    ),
    "confusion": "How many test rows of each class are taken for which, on the first split.",
    "mistakes": "The test images whose actual class got the lowest probability on the first split, the worst first.",
    "calibration": (
        "How often predictions of about the same probability are right, on the first split. On the dashed line the "
        "probabilities are what they say. Below, how many predictions there are."
    ),
    "weights": "The weights of each class as a picture, on the first split.",
}


def figure(path: str, task: str) -> dict[str, str]:
    """Reads a figure for the page.

    Args:
        path: An SVG file under ``results/{dataset}/``.
        task: The task of the dataset.

    Returns:
        Its ``path``, its ``name``, its ``caption`` and its content as a ``data`` address. In an
        address, unlike in the page itself, an SVG cannot run a script or load anything.
    """
    name = Path(path).stem
    data = base64.b64encode(Path(path).read_bytes()).decode()
    return {
        "path": path,
        "name": name,
        "caption": (CAPTIONS | CAPTIONS_OF_CLASSES if task == "classification" else CAPTIONS)[name],
        "data": f"data:image/svg+xml;base64,{data}",
    }


def published_figures(published: list[dict], scores: str, metric: str) -> list[dict]:
    """Sets published figures beside ours for the same split.

    Args:
        published: The dataset's ``published`` block of the config.
        scores: The scores of all models.
        metric: The metric that the figures are of.

    Returns:
        For each figure whose model and split were computed: ``source``, ``seed``, ``model``,
        ``published`` and ``ours``.
    """
    columns = read_table(scores)
    ours = dict(zip(zip(columns["model"], columns["seed"], strict=True), columns[metric], strict=True))
    return [
        {
            "source": block["source"],
            "seed": block["seed"],
            "model": model,
            "published": value,
            "ours": ours[model, block["seed"]],
        }
        for block in published
        for model, value in block[metric].items()
        if (model, block["seed"]) in ours
    ]


def read_records(path: str) -> list[dict]:
    """Reads a CSV file that ``compare`` wrote, with numbers as numbers and empty fields as None."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        records = list(csv.DictReader(file))
    text = {"model", "other", "source"}
    return [
        {key: value if key in text else float(value) if value else None for key, value in record.items()}
        for record in records
    ]


def read_leaderboard(leaderboard: str, differences: str, reference: str, null_model: str) -> list[dict]:
    """Reads a leaderboard, and sets beside each line the difference of its model to the reference.

    Args:
        leaderboard: The leaderboard.
        differences: The differences of each pair.
        reference: The model that the others are compared with.
        null_model: ``mean`` or ``median``.

    Returns:
        The records of the leaderboard, best model first, each with a ``label`` and with ``against``,
        the record of the difference to the reference; None for the reference itself.
    """
    against = {
        record["model"]: record for record in read_records(differences) if record["other"] == reference
    }
    return [
        record
        | {
            "label": f"null model ({null_model})" if record["model"] == NULL_MODEL else record["model"],
            "against": against.get(record["model"]),
        }
        for record in read_records(leaderboard)
    ]


def report(
    build: list[str],
    datasets: dict[str, dict],
    models: dict[str, dict],
    versions: dict[str, str],
    tables: list[str],
    leaderboards: list[str],
    differences: list[str],
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
        differences: The differences of each pair of models, in that order.
        scores: The scores of all models, in that order.
        figures: All figures, as SVG files under ``results/{dataset}/``.
        template: The page's Jinja2 template.
        output: The HTML file to write.
        logger: Where to report.
    """
    sections = []
    for name, table, leaderboard, difference, score in zip(
        build, tables, leaderboards, differences, scores, strict=True
    ):
        settings = datasets[name]
        folder = Path(table).parent
        drawn = [figure(path, settings["task"]) for path in figures if Path(path).is_relative_to(folder)]
        metrics = METRICS[settings["task"]]
        seeds = split_seeds(settings["splits"]["seeds"])
        sections.append(
            {
                "name": name,
                "settings": settings,
                "schema": read_schema(table),
                "seeds": ", ".join(map(str, seeds))
                if len(seeds) <= 12
                else f"{seeds[0]} to {seeds[-1]}, {len(seeds)} in all",
                "leaderboard": read_leaderboard(
                    leaderboard, difference, settings["reference"], settings["null_model"]
                ),
                "leaderboard_path": leaderboard,
                "differences_path": difference,
                "published": published_figures(settings["published"], score, next(iter(metrics))),
                "metrics": metrics,
                "digits": {metric: DIGITS[metric] for metric in metrics},
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
        higher_is_better=HIGHER_IS_BETTER,
    )
    with replacing(output) as temporary:
        temporary.write_text(page, encoding="utf-8")
    logger.info("Report of %d datasets and %d figures written.", len(sections), len(figures))
