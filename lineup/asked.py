"""What a person asks of one command with `--config`, beside the config of the project."""

import re
from dataclasses import dataclass
from pathlib import Path

from lineup.errors import InputError
from lineup.hints import hint_of, listed
from lineup.seeds import split_seeds

# What `snakemake describe`, `explain` and `predict` are asked about.
KEYS = ("file", "target", "before", "after", "rows", "model", "dataset", "fit", "to")
ALL_ROWS = "all_rows"
# Of files that a table may be in.
ENDINGS = (".csv", ".tsv", ".txt", ".parquet", ".feather", ".arrow", ".zip", ".gz", ".bz2", ".xz")


def take_asked(config: dict) -> dict[str, str]:
    """Takes what is asked out of the config, where a block of the same name may stand."""
    asked = {key: config.pop(key) for key in KEYS if not isinstance(config.get(key, {}), dict | list)}
    return {key: str(value) for key, value in asked.items() if value not in (None, "")}


@dataclass(frozen=True)
class Prediction:
    """What new rows are predicted with."""

    dataset: str
    model: str
    rows: str | None  # the file of new rows; None where the model itself is asked for
    to: str  # the file to write
    seed: int | None  # of the split whose model is asked for
    all_rows: bool  # whether a model that is fitted on all rows of the table is asked for


def asked_prediction(asked: dict[str, str], config: dict) -> Prediction | None:
    """Finds out what is to be predicted, and with what; None if nothing is.

    Args:
        asked: What is asked.
        config: The whole config.

    Raises:
        InputError: If it does not say that, or says what is not there.
    """
    if not asked.keys() & {"rows", "model"}:
        return None
    dataset, model = _dataset_and_model(asked, config)
    fit, block = asked.get("fit", "splits"), config["datasets"][dataset]
    if block["format"] == "images":
        raise InputError(f"{dataset} has images, and predict takes tables.")
    seeds = split_seeds(block["splits"]["seeds"])
    seeds = seeds[: config["models"][model].get("splits", len(seeds))]
    seed = int(fit) if re.fullmatch("-?[0-9]+", fit) else None
    if (seed is None and fit not in ("splits", ALL_ROWS)) or (seed is not None and seed not in seeds):
        raise InputError(
            f"fit={fit} is none of those of {model} on {dataset}: leave it out for all its splits together, or write the seed of "
            f"one, such as fit={seeds[0]}, or fit={ALL_ROWS} for one fit to the whole table."
        )
    rows = asked.get("rows")
    to = asked.get("to", _beside(Path(rows)) if rows else f"{dataset}.{model}.onnx")
    _check_output(to, (".csv", ".parquet") if rows else (".onnx",), rows, config)
    return Prediction(dataset, model, rows, to, seed, fit == ALL_ROWS)


def _beside(rows: Path) -> str:
    """Names the file for what is predicted of rows: new.predicted.csv beside new.csv.gz."""
    name = rows.name
    while name.endswith(ENDINGS):
        name = name.rpartition(".")[0]
    return str(rows.parent / f"{name}.predicted.csv")


def _check_output(to: str, endings: tuple[str, ...], rows: str | None, config: dict) -> None:
    """Raises an InputError if a file is none to be written: it has to have one of some endings, and to be no other's."""
    path = Path(to)
    if path.suffix not in endings:
        raise InputError(f"to={to} has to end in {listed(endings, 'or')}.")
    blocks = [one for block in config["datasets"].values() for one in (block, block["splits"])]
    sources = [source.get("file") for block in blocks for source in block.get("sources", [])]
    # A table may be a folder, of which each file counts.
    taken = [Path(file).resolve() for file in [rows, *sources, "results", ".snakemake"] if file]
    if path.is_dir() or any(map(path.resolve().is_relative_to, taken)):
        raise InputError(f"to={to} would take the place of what is read: name another file.")


def _dataset_and_model(asked: dict[str, str], config: dict) -> tuple[str, str]:
    datasets, model = config["datasets"], asked.get("model")
    if asked.get("dataset", next(iter(datasets))) not in datasets:
        raise InputError(
            f"dataset={asked['dataset']} is not in the config: {hint_of(asked['dataset'], datasets, 'dataset')}."
        )
    among = [asked["dataset"]] if "dataset" in asked else config["build"]
    known = list(dict.fromkeys(name for dataset in among for name in datasets[dataset]["models"]))
    if model is None:
        raise InputError(f"Say which model is to predict, as model={known[0]}: there are {listed(known)}.")
    having = [dataset for dataset in among if model in datasets[dataset]["models"]]
    if not having:
        raise InputError(
            f"model={model} is not among the models of {listed(among)}: {hint_of(model, known, 'model')}."
        )
    if len(having) > 1:
        raise InputError(
            f"{model} is fitted on {listed(having)}: say which is meant, as dataset={having[0]}."
        )
    return having[0], model
