# What the rules ask of the config. It is checked here, before anything else looks at it.
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.io import apply_wildcards

from scripts.config import shortest, split_seeds, validate
from scripts.errors import InputError
from scripts.plan import plan
from scripts.specification import specification, versions_of

# Where pandas is installed, Snakemake imports it to see whether a param is a data frame. None is, and
# it takes a quarter of a second at every start. The scripts are processes of their own.
sys.modules.setdefault("pandas", None)

try:
    validate(config, workflow.configfiles)
except InputError as error:
    raise WorkflowError(str(error))


def manifest_checked(wildcards):
    """Compares the manifest with the present before anything is planned. Asks for no file.

    It is the input function of every rule that stands on no other, so that no DAG is without it.
    """
    return plan(workflow)


def spec(rule, settings=lambda wildcards: {}, files=(), code=True):
    """Gives the params function of a rule: all that its result depends on beside its input files.

    The rule runs again when the value changes, see scripts/specification.py. A rule must not use a
    setting that is not in it. Where the settings hold the digest of the result, the code does not count.
    """
    return lambda wildcards: specification(
        f"scripts/{rule}.py" if code else None,
        settings(wildcards),
        files,
        inputs=named_files(workflow.get_rule(rule).input, wildcards),
        outputs=named_files(workflow.get_rule(rule).output, wildcards),
    )


def named_files(files, wildcards):
    """Lists the inputs or the outputs of a job by their names in the rule."""

    def of(value):
        if callable(value):
            value = value(wildcards)
        if isinstance(value, str):
            return apply_wildcards(value, wildcards)
        return [of(one) for one in value]

    return {name: of(value) for name, value in files.items()}


def dataset_settings(*keys):
    """Picks these keys of a job's dataset."""
    return lambda wildcards: {key: config["datasets"][wildcards.dataset][key] for key in keys}


def blocks(dataset):
    """Lists the blocks of splits of a dataset: block k has the k-th lot of `block_size` seeds."""
    splits = config["datasets"][dataset]["splits"]
    return range(1, -(-len(split_seeds(splits["seeds"])) // splits["block_size"]) + 1)


def split_settings(wildcards):
    """Picks the settings of the splits of a job's dataset, with the seeds of its block."""
    splits = config["datasets"][wildcards.dataset]["splits"]
    first = (int(wildcards.block) - 1) * splits["block_size"]
    seeds = split_seeds(splits["seeds"])[first : first + splits["block_size"]]
    return {"test_share": splits["test_share"], "seeds": shortest(list(seeds))}


def model_settings(*left_out):
    """Picks the settings of a job's model, less some."""
    return lambda wildcards: {
        key: value for key, value in sorted(config["models"][wildcards.model].items()) if key not in left_out
    }


def models_of_kind(kind):
    """Matches the names of the models of a kind, so that each kind has a rule of its own."""
    names = [name for name, model in config["models"].items() if model["kind"] == kind]
    return "|".join(names) or "(?!)"


def of_blocks(pattern):
    """Gives the input function that lists a file for each block of splits of a job's dataset and model."""
    return lambda wildcards: [
        apply_wildcards(pattern, dict(wildcards) | {"block": block}) for block in blocks(wildcards.dataset)
    ]


def of_first_block(pattern):
    """Gives the input function that names the file of the first block of splits."""
    return lambda wildcards: apply_wildcards(pattern, dict(wildcards) | {"block": 1})


def of_models(pattern):
    """Gives the input function that lists a file for each model of a dataset, and for each block of splits."""
    return lambda wildcards: expand(
        pattern,
        dataset=wildcards.dataset,
        model=config["datasets"][wildcards.dataset]["models"],
        block=blocks(wildcards.dataset),
    )


RULES = Path(workflow.basedir) / "workflow" / "rules"
FIGURES = {
    "linear": ["predictions"],
    "lasso": ["grid", "path", "selection", "predictions"],
    "mlp": ["learning_curves", "predictions"],
}


def figures_of(dataset):
    """Lists the figures of a dataset, without their suffix."""
    return [f"results/{dataset}/{figure}" for figure in ["comparison", "differences"]] + [
        f"results/{dataset}/models/{model}/{figure}"
        for model in config["datasets"][dataset]["models"]
        for figure in FIGURES[config["models"][model]["kind"]]
    ]


def fit_records(wildcards):
    """Lists the records of fitting each model of a dataset, one for each block of splits."""
    return [
        f"results/manifest/fit_{config['models'][model]['kind']}/{wildcards.dataset}.{model}.{block}.json"
        for model in config["datasets"][wildcards.dataset]["models"]
        for block in blocks(wildcards.dataset)
    ]


# The packages whose version can change a result.
PACKAGES = [
    "snakemake",
    "numpy",
    "pyarrow",
    "scikit-learn",
    "torch",
    "pytorch-lightning",
    "safetensors",
    "matplotlib",
]


def report_settings(wildcards):
    """Picks what the report shows of the built datasets, of the models that they name, and of the software."""
    datasets = {name: config["datasets"][name] for name in config["build"]}
    used = {model for dataset in datasets.values() for model in dataset["models"]}
    return {
        "build": config["build"],
        "datasets": datasets,
        "models": {name: model for name, model in config["models"].items() if name in used},
        "versions": versions_of(PACKAGES),
    }


def records(wildcards):
    """Lists the record of every job that the config asks for."""
    return [str(file) for file in rules.all.input if file.startswith("results/manifest/")]


def rulegraph_settings(wildcards):
    """Picks what decides which rules there are: the kinds of the models that are built."""
    return {"kinds": sorted({model["kind"] for model in report_settings(wildcards)["models"].values()})}


def snakefiles():
    """Lists the Snakefile and the files that it includes, relative to the root of the project."""
    return ["Snakefile", *(f"workflow/rules/{file.name}" for file in sorted(RULES.glob("*.smk")))]


wildcard_constraints:
    block=r"[1-9]\d*",
    dataset="|".join(config["datasets"]),
