# What the rules ask of the config. It is checked here, before anything else looks at it.
import sys

from snakemake.exceptions import WorkflowError

from scripts.config import validate
from scripts.job import InputError
from scripts.specification import specification

# Where pandas is installed, Snakemake imports it to see whether a param is a data frame. None is, and
# it takes a quarter of a second at every start. The scripts are processes of their own.
sys.modules.setdefault("pandas", None)

try:
    validate(config, workflow.configfiles)
except InputError as error:
    raise WorkflowError(str(error))


def spec(rule, settings=lambda wildcards: {}, files=()):
    """Gives the params function of a rule: all that its result depends on beside its input files.

    The rule runs again when the value changes, see scripts/specification.py. A rule must not use a
    setting that is not in it.
    """
    return lambda wildcards: specification(f"scripts/{rule}.py", settings(wildcards), files)


def dataset_settings(*keys):
    """Picks these keys of a job's dataset."""
    return lambda wildcards: {key: config["datasets"][wildcards.dataset][key] for key in keys}


def model_settings(*left_out):
    """Picks the settings of a job's model, less some."""
    return lambda wildcards: {
        key: value for key, value in sorted(config["models"][wildcards.model].items()) if key not in left_out
    }


def models_of_kind(kind):
    """Matches the names of the models of a kind, so that each kind has a rule of its own."""
    names = [name for name, model in config["models"].items() if model["kind"] == kind]
    return "|".join(names) or "(?!)"


def of_models(pattern):
    """Gives the input function that lists a file for each model of a dataset."""
    return lambda wildcards: expand(
        pattern, dataset=wildcards.dataset, model=config["datasets"][wildcards.dataset]["models"]
    )


FIGURES = {
    "linear": ["predictions"],
    "lasso": ["grid", "path", "predictions"],
    "mlp": ["learning_curves", "predictions"],
}


def figures_of(dataset):
    """Lists the figures of a dataset, without their suffix."""
    return [f"results/{dataset}/comparison"] + [
        f"results/{dataset}/models/{model}/{figure}"
        for model in config["datasets"][dataset]["models"]
        for figure in FIGURES[config["models"][model]["kind"]]
    ]


def fit_benchmarks(wildcards):
    """Lists the benchmark record of fitting each model of a dataset."""
    return [
        f"results/benchmarks/fit_{config['models'][model]['kind']}/{wildcards.dataset}.{model}.tsv"
        for model in config["datasets"][wildcards.dataset]["models"]
    ]


def report_settings(wildcards):
    """Picks the settings that the report shows: of the built datasets, and of the models that they name."""
    datasets = {name: config["datasets"][name] for name in config["build"]}
    used = {model for dataset in datasets.values() for model in dataset["models"]}
    return {
        "datasets": datasets,
        "models": {name: model for name, model in config["models"].items() if name in used},
    }


wildcard_constraints:
    dataset="|".join(config["datasets"]),
