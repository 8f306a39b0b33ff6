"""Checks the configuration, says in one sentence what is wrong with it, and fills in what it leaves out."""

import copy
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from jsonschema.validators import extend

from lineup.config_errors import outermost_first, sentence
from lineup.errors import InputError, ended
from lineup.hints import hint_of, listed
from lineup.kinds import add_to, has_seed, kinds, kinds_for, problems
from lineup.metrics import METRICS, NULL_MODEL
from lineup.seeds import split_seeds

SCHEMA = Path(__file__).parents[1] / "workflow" / "schemas" / "config.schema.yaml"

# Models that need not be described, with their kinds: those of a dataset that names none, by its task.
PLAIN = {
    "regression": {"least_squares": "linear", "ridge": "ridge", "lasso": "lasso"},
    "classification": {"logistic": "logistic", "logistic_lasso": "logistic_lasso"},
}
NULL_MODELS = {"regression": ["median", "mean"], "classification": ["frequencies"]}

# More is a slip of the finger: the scores of a million splits are no less certain than those of more.
MOST_SPLITS = 1_000_000


def _is_integer(_checker: object, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(_checker: object, value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


# JSON Schema takes 5.0 for an integer, and infinity and NaN for numbers; the scripts could not.
StrictValidator = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_integer, "number": _is_number}
    ),
)


def validate(
    config: dict,
    files: list[str | Path] = (),
    task_of: Callable[[str, dict, dict], str] = lambda *_: "regression",
) -> None:
    """Checks a config and the files it was read from, and fills in the defaults of what it leaves out, in place.

    Args:
        config: The config.
        files: The files it was read from.
        task_of: Tells the task of a table that the config says none of, by its name, its block and the models.

    Raises:
        InputError: If anything is wrong. The message has a line for each problem, a sentence that names the key.
    """
    for file in files:
        _refuse_duplicate_keys(Path(file))
    tree = schema()
    _set_formats(config)
    errors = sorted(StrictValidator(tree).iter_errors(config), key=outermost_first)
    # What is wrong with one block often breaks several rules, and what is wrong inside it others.
    problems = {tuple(map(str, error.absolute_path)): sentence(error) for error in reversed(errors)}
    outermost = [path for path in problems if not any(path[:end] in problems for end in range(len(path)))]
    if outermost:
        raise InputError("\n".join(problems[path] for path in reversed(outermost)))
    for name, dataset in config["datasets"].items():
        if "task" not in dataset and dataset["format"] == "csv":
            dataset["task"] = task_of(name, dataset, config["models"])
    _fill_in(config, tree)
    problems = [ended(f"In the config, {key} {problem}") for key, problem in _problems_across_keys(config)]
    if problems:
        raise InputError("\n".join(problems))


def schema() -> dict:
    """Reads the schema of the config, with the settings of each kind of model."""
    return add_to(yaml.load(SCHEMA.read_text(encoding="utf-8"), yaml.CSafeLoader))


def _set_formats(config: dict) -> None:
    """Sets the format of datasets that have none, which says what other keys there are."""
    datasets = config.get("datasets")
    for dataset in datasets.values() if isinstance(datasets, dict) else ():
        if isinstance(dataset, dict):
            dataset.setdefault("format", "csv")


def _fill_in(config: dict, tree: dict) -> None:
    """Sets what a config that fits the schema leaves out."""
    for name, dataset in config["datasets"].items():
        _set_seeds(dataset.get("splits", {}), tree["$defs"]["splits"]["properties"]["test_share"]["default"])
        _set_defaults(dataset, tree["$defs"][dataset["format"]], tree)
        _set_by_task(dataset)
        dataset.setdefault("title", name)
        dataset.setdefault("reference", dataset["models"][0])
        for model in dataset["models"]:
            for plain in PLAIN.values():
                if model in plain:
                    config["models"].setdefault(model, {"kind": plain[model]})
    for model in config["models"].values():
        _set_defaults(model, tree["$defs"][model["kind"]], tree)
        for key, other in kinds()[model["kind"]].get("same_length", {}).items():
            model.setdefault(key, [0.0] * len(model[other]))


def _set_by_task(dataset: dict) -> None:
    """Sets what a dataset leaves out and its task decides."""
    task = dataset["task"]
    dataset.setdefault("models", list(PLAIN[task]))
    dataset.setdefault("null_model", NULL_MODELS[task][0])
    # Of classes of which few rows may be of one, the log loss says more than the accuracy.
    dataset.setdefault("metric", "log_loss" if task == "classification" else next(iter(METRICS[task])))
    if dataset["format"] == "csv":
        dataset["splits"].setdefault("stratify", task == "classification")


def _set_seeds(splits: dict, default_share: float) -> None:
    """Sets the seeds of splits that are numbered, where none are given: as many as fit in time, the first of those in a column or file."""
    if "seeds" in splits or splits.get("method", "random") in ("random", "k_fold"):
        return
    last = 1
    if splits["method"] == "time":
        # The first rows are left to train on.
        share = Fraction(str(splits.get("test_share", default_share)))
        last = min(max(1, math.ceil(1 / share) - 1), 100)
    splits["seeds"] = {"first": 1, "last": last}


def _set_defaults(block: dict, node: dict, tree: dict) -> None:
    """Sets the defaults of a node of the schema in a block, and in the blocks inside it."""
    for key, inner in node["properties"].items():
        if "default" in inner:
            block.setdefault(key, copy.deepcopy(inner["default"]))
        inner = tree["$defs"][inner["$ref"].rpartition("/")[2]] if "$ref" in inner else inner
        if "properties" in inner and isinstance(block.get(key), dict):
            _set_defaults(block[key], inner, tree)


def table_settings(dataset: dict) -> dict:
    """Picks the settings of the table of a dataset; those of the imputation where there is one."""
    keys = ["target", "task", "missing_target", "missing_features", "rare_levels", "reading", "columns"]
    imputation = dataset["imputation"] if dataset["missing_features"] == "impute" else None
    settings = {key: dataset[key] for key in keys} | {"imputation": imputation}
    if dataset["task"] == "classification":
        settings |= {"rare_classes": dataset["rare_classes"], "positive": dataset.get("positive")}
    # Where a file tells of rows by their number, the table has to know them.
    return settings | ({"numbered": True} if dataset["splits"]["method"] == "file" else {})


def _problems_across_keys(config: dict) -> Iterator[tuple[str, str]]:
    """Yields each breach of a rule that involves several keys, as its key and what is wrong."""
    datasets, models = config["datasets"], config["models"]
    for place, name in enumerate(config["build"]):
        if name not in datasets:
            yield f"build[{place}]", _unknown(name, "dataset", datasets)
    for name, model in models.items():
        if name == NULL_MODEL:
            yield f"models.{name}", "takes a name that is kept for the null model: choose another"
        for key, problem in problems(model):
            yield f"models.{name}.{key}", problem
    for name, dataset in datasets.items():
        key = f"datasets.{name}"
        for place, model in enumerate(dataset["models"]):
            if model not in models:
                yield f"{key}.models[{place}]", _unknown(model, "model", models)
            else:
                for problem in _unsuited(dataset["task"], models[model]):
                    yield f"{key}.models[{place}]", f"names the model {model!r}, {problem}"
        yield from ((f"{key}.{setting}", problem) for setting, problem in _against_task(dataset))
        if dataset["reference"] not in dataset["models"]:
            hint = hint_of(dataset["reference"], dataset["models"], "model")
            yield f"{key}.reference", f"is {dataset['reference']!r}, which is not in {key}.models: {hint}"
        yield from ((f"{key}.{setting}", problem) for setting, problem in _against_splits(dataset, models))
        for place, published in enumerate(dataset["published"]):
            metric = next(name for name in published if name not in ("source", "seed"))
            if metric not in METRICS[dataset["task"]]:
                yield (
                    f"{key}.published[{place}].{metric}",
                    f"is no metric of a {dataset['task']}: leave it out",
                )
            for model in published[metric]:
                if model not in models:
                    yield f"{key}.published[{place}].{metric}.{model}", _unknown(model, "model", models)


def _against_splits(dataset: dict, models: dict) -> Iterator[tuple[str, str]]:
    """Yields each setting of a dataset that does not go with its splits, and what is wrong with it."""
    sizes, seeds = dataset["training_sizes"], dataset["splits"]["seeds"]
    number = min(sizes["splits"], dataset["splits"]["block_size"], len(split_seeds(seeds)))
    if sizes["shares"] and all(
        models.get(one, {}).get("splits", number) < number for one in dataset["models"]
    ):
        yield (
            "training_sizes.splits",
            f"is {sizes['splits']}, and no model has so many splits: lower it",
        )
    yield from _against_trainings(dataset, models)
    if (dataset["splits"].get("method") == "file") != ("file" in dataset["splits"]):
        yield "splits.file", "goes with method: file, and only with it: write both, or neither"
    share, seeds = dataset["splits"]["test_share"], dataset["splits"]["seeds"]
    if isinstance(share, str) and share != "given" and Fraction(share) >= 1:
        yield "splits.test_share", f"has to be less than 1, not {share}"
    if isinstance(seeds, dict) and seeds["last"] < seeds["first"]:
        yield "splits.seeds.last", f"has to be at least {seeds['first']}, which is the first seed"
    elif len(split_seeds(seeds)) > MOST_SPLITS:
        yield (
            "splits.seeds",
            f"has to be at most {MOST_SPLITS} seeds, not {len(split_seeds(seeds))}",
        )


def _against_trainings(dataset: dict, models: dict) -> Iterator[tuple[str, str]]:
    """Yields what keeps a dataset from several trainings on each of some splits, where it asks for them."""
    asked, splits = dataset.get("trainings", {"number": 1}), dataset["splits"]
    if asked["number"] == 1:
        return
    number = min(asked["splits"], splits["block_size"], len(split_seeds(splits["seeds"])))
    known = [models[model] for model in dataset["models"] if model in models]
    if number < 2:
        yield (
            "trainings.number",
            f"is {asked['number']}, and the first block of splits has one only: set it to 1",
        )
    elif not any(has_seed(model) and model.get("splits", number) >= number for model in known):
        yield (
            "trainings.number",
            f"is {asked['number']}, and no model of the dataset has a seed and {number} splits: set it to 1",
        )


def _against_task(dataset: dict) -> Iterator[tuple[str, str]]:
    """Yields each setting of a dataset that does not go with its task, and what is wrong with it."""
    task = dataset["task"]
    for setting, known in (("null_model", NULL_MODELS[task]), ("metric", list(METRICS[task]))):
        if dataset[setting] not in known:
            yield setting, f"is {dataset[setting]}, and a {task} has {listed(known, 'or')}"
    if task == "regression" and "positive" in dataset:
        yield (
            "positive",
            "names a class, and a regression has none: set task: classification, or leave it out",
        )
    if task == "regression" and dataset.get("threshold", 0.5) != 0.5:
        yield "threshold", "is for classes, and a regression has none: leave it out"
    if task == "regression" and dataset["splits"].get("stratify"):
        yield "splits.stratify", "goes by classes, and a regression has none: leave it out"


def _unsuited(task: str, model: dict) -> Iterator[str]:
    """Yields why a model cannot do a task, if it cannot."""
    kind = model["kind"]
    described = kinds()[kind]["tasks"]
    if task not in described:
        fitting = listed(kinds_for(task), "or")
        yield f"which is of kind {kind} and does a {next(iter(described))}, not a {task}: take one of kind {fitting}"
        return
    for key, values in described[task].get("allowed", {}).items():
        if model[key] not in values:
            yield f"whose {key} is {model[key]}, and a {task} needs {listed(values, 'or')}"


def _unknown(name: str, what: str, known: dict) -> str:
    return f"names the {what} {name!r}, which is not described under {what}s: {hint_of(name, known, what)}"


class _UniqueKeyLoader(yaml.CSafeLoader):
    """Reads YAML, and refuses a mapping that has a key twice."""


def _construct_mapping(loader: yaml.Loader, node: yaml.MappingNode) -> dict:
    seen = set()
    for key_node, _ in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            continue
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            mark = key_node.start_mark
            raise InputError(
                f"In {Path(mark.name).name}, line {mark.line + 1}, the key {key!r} stands a second time in "
                "its block: remove one of the two."
            )
        seen.add(key)
    loader.flatten_mapping(node)
    return yaml.CSafeLoader.construct_mapping(loader, node, deep=True)


_UniqueKeyLoader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)


def _refuse_duplicate_keys(file: Path) -> None:
    with file.open(encoding="utf-8") as stream:
        yaml.load(stream, _UniqueKeyLoader)
