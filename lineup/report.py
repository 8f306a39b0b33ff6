"""Writes the report: one HTML page that needs no other file and no network."""

import base64
import csv
import hashlib
import logging
from collections.abc import Iterable
from pathlib import Path

import jinja2
import numpy as np
import yaml

from lineup.comparison.answer import answer
from lineup.comparison.metrics import decimals, digits_of
from lineup.data.split_doubts import doubts_of_order
from lineup.data.tables import read_schema, read_table
from lineup.files import name_of, replacing
from lineup.metrics import DEFINITIONS, HIGHER_IS_BETTER, LABELS, NULL_MODEL, metrics_of
from lineup.seeds import split_seeds

# Significant digits of errors, in the tables.
SIGNIFICANT = 5


def figure(path: str, settings: dict, folder: Path) -> dict[str, str]:
    """Reads a figure for the page.

    Args:
        path: An SVG file under ``results/{dataset}/``.
        settings: The block of the dataset in the config.
        folder: The folder with the captions, which are those of Snakemake's own report.

    Returns:
        Its ``path``, its ``name``, its ``caption`` and its content as a ``data`` address. In an
        address, unlike in the page itself, an SVG cannot run a script or load anything.
    """
    data = base64.b64encode(Path(path).read_bytes()).decode()
    caption = (folder / f"{Path(path).stem}.rst").read_text(encoding="utf-8")
    # What Snakemake gives to a caption in its report.
    job = {"params": {"spec": {"settings": settings}}}
    return {
        "path": name_of(path),
        "name": Path(path).stem,
        "caption": jinja2.Template(caption, undefined=jinja2.StrictUndefined).render(snakemake=job).strip(),
        "data": f"data:image/svg+xml;base64,{data}",
    }


def published_figures(published: list[dict], scores: str) -> list[dict]:
    """Sets published figures beside ours for the same split.

    Args:
        published: The dataset's ``published`` block of the config.
        scores: The scores of all models.

    Returns:
        For each figure whose model and split were computed: ``source``, ``seed``, ``model``,
        ``metric``, in words, ``published`` and ``ours``.
    """
    columns = read_table(scores)
    places = {pair: place for place, pair in enumerate(zip(columns["model"], columns["seed"], strict=True))}
    return [
        {
            "source": block["source"],
            "seed": block["seed"],
            "model": model,
            "metric": LABELS[metric],
            "published": value,
            "ours": columns[metric][places[model, block["seed"]]],
        }
        for block in published
        for metric in LABELS
        for model, value in block.get(metric, {}).items()
        if (model, block["seed"]) in places and not columns["failure"][places[model, block["seed"]]]
    ]


def read_records(path: str) -> list[dict]:
    """Reads a CSV file that ``compare`` wrote, with numbers as numbers and empty fields as None."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        records = list(csv.DictReader(file))
    text = {"model", "other", "metric", "verdict", "covers", "doubts", "source", "dataset"}
    return [
        {key: value if key in text else float(value) if value else None for key, value in record.items()}
        for record in records
    ]


def read_leaderboard(leaderboard: str, null_model: str) -> list[dict]:
    """Reads a leaderboard, best model first, and gives each line a ``label``, by what the null model predicts."""
    return [
        record | {"label": f"null model ({null_model})" if record["model"] == NULL_MODEL else record["model"]}
        for record in read_records(leaderboard)
    ]


def set_against(lines: list[dict], pairs: list[dict], reference: str, metrics: Iterable[str]) -> list[dict]:
    """Sets beside the lines of a leaderboard, by metric, the records of their differences to a reference, which has none."""
    against = {(pair["model"], pair["metric"]): pair for pair in pairs if pair["other"] == reference}
    return [
        line | {"against": {metric: against[line["model"], metric] for metric in metrics}}
        for line in lines
        if line["model"] != reference
    ]


def shares_of(target: dict) -> list[tuple[str, float]]:
    """Gives the classes of a table, each with its share of the rows; none of a regression or of images."""
    counts = target.get("counts", [])
    return [
        (name, count / sum(counts)) for name, count in zip(target.get("classes", []), counts, strict=False)
    ]


def section(
    name: str,
    settings: dict,
    table: str,
    leaderboard: str,
    differences: str,
    scores: str,
    laws: list[str],
    figures: list[str],
    folder: Path,
) -> dict:
    """Collects what the page shows of a dataset.

    Args:
        name: Name of the dataset.
        settings: Its block of the config.
        table: Its prepared table.
        leaderboard: Its leaderboard.
        differences: Its differences of each pair of models.
        scores: The scores of all its models.
        laws: The power laws of the datasets that have some.
        figures: All figures of the page, also of other datasets.
        folder: The folder with the captions.
    """
    results = Path(name_of(table)).parent
    own_laws = [path for path in laws if Path(name_of(path)).parent == results]
    drawn = [
        figure(path, settings, folder) for path in figures if Path(name_of(path)).is_relative_to(results)
    ]
    first = settings["metric"]
    metrics = metrics_of(settings["task"], first)
    seeds = split_seeds(settings["splits"]["seeds"])
    few = ", ".join(map(str, seeds)) if len(seeds) <= 12 else None
    lines, pairs = read_leaderboard(leaderboard, settings["null_model"]), read_records(differences)
    means, schema = [line[first] for line in lines], read_schema(table)
    digits = {metric: decimals(metric, means, SIGNIFICANT) for metric in metrics}
    of_first = [pair for pair in pairs if pair["metric"] == first]
    # Differences have the digits that their intervals are wide by.
    widths = [pair["high"] - pair["low"] for pair in of_first if pair["low"] is not None]
    apart = max(digits_of(np.median(widths), 3) if any(widths) else digits[first], 0)

    def written(value: float, sign: str = "+") -> str:
        return f"{value:{sign}.{apart if sign else digits[first]}f}"

    what = "training" if settings["splits"]["test_share"] == "given" else "split"
    said = answer(lines, of_first, written, metrics[first], what)
    return {
        "name": name,
        "settings": settings,
        "schema": schema,
        "seeds": few or f"{seeds[0]} to {seeds[-1]}, {len(seeds)} in all",
        "leaderboard": lines,
        "answer": said,
        "differences": set_against(lines, pairs, settings["reference"], metrics),
        "pairs": of_first,
        "laws": read_records(own_laws[0]) if own_laws else [],
        "doubts": doubts_of_order(schema, settings["splits"]),
        "leaderboard_path": name_of(leaderboard),
        "differences_path": name_of(differences),
        "published": published_figures(settings["published"], scores),
        "metrics": metrics,
        "shares": shares_of(schema["target"]),
        "digits": digits,
        "digits_apart": apart,
        "figures": [one for one in drawn if Path(one["path"]).parent == results],
        "models": {
            model: [one for one in drawn if Path(one["path"]).parent == results / "models" / model]
            for model in settings["models"]
        },
        "timings_path": f"{results}/timings.csv",
    }


def report(
    build: list[str],
    datasets: dict[str, dict],
    models: dict[str, dict],
    versions: dict[str, str],
    tables: list[str],
    leaderboards: list[str],
    differences: list[str],
    scores: list[str],
    laws: list[str],
    ranks: list[str],
    figures: list[str],
    folder: str,
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
        laws: The power laws of errors by training rows, of the datasets that have some.
        ranks: The ranks of the models over all datasets, and their figure; none if there are none.
        figures: All figures, as SVG files under ``results/{dataset}/``.
        folder: The folder with the page's Jinja2 template, ``report.html.j2``, and the captions.
        output: The HTML file to write.
        logger: Where to report.
    """
    parts = zip(build, tables, leaderboards, differences, scores, strict=True)
    sections = [section(name, datasets[name], *files, laws, figures, Path(folder)) for name, *files in parts]
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["yaml"] = lambda value: yaml.safe_dump(
        value, sort_keys=False, allow_unicode=True, width=100
    ).strip()
    script = Path(folder, "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = environment.from_string(Path(folder, "report.html.j2").read_text(encoding="utf-8")).render(
        sections=sections,
        ranks=[record for record in read_records(ranks[0]) if record["dataset"] == build[0]] if ranks else [],
        ranks_figure=figure(ranks[1], {}, Path(folder)) if ranks else None,
        models=models,
        versions=versions,
        higher_is_better=HIGHER_IS_BETTER,
        definitions=DEFINITIONS,
        script=script,
        script_digest=digest,
    )
    with replacing(output) as temporary:
        temporary.write_text(page, encoding="utf-8")
    logger.info("Report of %d datasets and %d figures written.", len(sections), len(figures))
