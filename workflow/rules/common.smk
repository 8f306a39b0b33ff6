# What the rules ask of the config. It is checked here, before anything else looks at it.
import os
from pathlib import Path

from snakemake.exceptions import WorkflowError

import lineup.scheduler_port as scheduler
import lineup.snakemake_port as port
from lineup.asked import ALL_ROWS, asked_prediction, take_asked
from lineup.config import table_settings, validate
from lineup.config_files import take_files
from lineup.data.header import check_header
from lineup.data.task import Tasks
from lineup.errors import InputError, tell
from lineup.files import STATE
from lineup.estimator_check import check_estimators
from lineup.kinds import figures_by_rule, has_seed, is_linear, kinds, kinds_for, weights_of
from lineup.ledger.cutoff import tell_of_spared_jobs
from lineup.ledger.libraries import versions_of
from lineup.ledger.lock import follow_no_run
from lineup.ledger.specification import specification
from lineup.ledger.stale import mark_stale
from lineup.ledger.submissions import join_run, name_queue
from lineup.models.estimators import paths_in
from lineup.nodes import watch_requests
from lineup.seeds import shortest, split_seeds

port.quote_python()
if workflow.is_main_process:
    port.warn_of_untried_release()

# A job that a scheduler started: before Snakemake removes what it is to make.
if scheduler.is_submitted(workflow):
    if scheduler.shares_files(workflow):
        join_run(*scheduler.submitted_jobs())
    else:
        follow_no_run()

asked_about = take_asked(config)

try:
    tasks = Tasks(STATE / "tasks.json", workflow.is_main_process)
    validate(config, workflow.configfiles, tasks.of)
    tasks.save()
    files = take_files(config, STATE / "files.json", workflow.is_main_process)
    for dataset, file in files.items():
        check_header(file, config["datasets"][dataset])
    prediction = asked_prediction(asked_about, config)
    if workflow.is_main_process:
        check_estimators(config)
except InputError as error:
    if port.is_silent(workflow):
        tell(f"Error: {error}")
    raise WorkflowError(str(error))


def manifest_checked(wildcards):
    """Compares the manifest with the present before anything is planned. Asks for no file.

    It is the input function of every rule that stands on no other, so that no DAG is without it.
    """
    return mark_stale(workflow, is_in_config)


def spec(rule, settings=lambda wildcards: {}, files=(), code=True, modules=lambda wildcards: ()):
    """Gives the params function of a rule: all that its result depends on beside its input files.

    The rule runs again when the value changes, see lineup/ledger/specification.py. A rule must not use a
    setting that is not in it. Where the settings hold the digest of the result, the code does not count. The modules are those
    that the settings name.
    """
    return lambda wildcards: specification(
        port.script_of(workflow, rule) if code else None,
        settings(wildcards),
        files,
        inputs=port.named_files(workflow, rule, "input", wildcards),
        outputs=port.named_files(workflow, rule, "output", wildcards),
        modules=modules(wildcards),
    )


def growing(amount, per_megabyte=0, of_splits=False):
    """Gives a resource that grows with the input files, and with each attempt where the profile tries failed jobs again.

    What stands beside the amount is for each megabyte that is there when the job is about to run, and if asked for each
    split of its block, too.
    """

    def amount_of(wildcards, input, attempt):
        size = sum(os.path.getsize(file) for file in input if os.path.exists(file)) / 1e6
        times = fits_of_block(wildcards.dataset, wildcards.get("block", "1")) if of_splits else 1
        return int((amount + per_megabyte * size * times) * attempt)

    return amount_of


def dataset_settings(*keys):
    """Picks these keys of a job's dataset."""
    return lambda wildcards: {key: config["datasets"][wildcards.dataset][key] for key in keys}


def file_of(wildcards, output):
    """Gives the file of a job's dataset, where it has no other source, for messages; None where it has."""
    *others, last = config["datasets"][wildcards.dataset]["sources"]
    return None if others else last.get("file")


def blocks(dataset, model=None):
    """Lists the blocks of splits of a dataset, or of a model on it, as text: block k has the k-th lot of `block_size` seeds.

    The last one of a model with fewer splits may have only the first of its lot: `3_first_40` those of block 3.
    """
    splits = config["datasets"][dataset]["splits"]
    size, number = splits["block_size"], len(split_seeds(splits["seeds"]))
    wanted = min(config["models"][model].get("splits", number), number) if model else number
    whole, rest = divmod(wanted, size)
    is_last = wanted == number or not rest
    return [*map(str, range(1, whole + 1 + (rest > 0 and is_last)))] + (
        [] if is_last else [f"{whole + 1}_first_{rest}"]
    )


# The blocks of the first splits with fewer training rows, and with other seeds of the trainings.
SIZES, TRAININGS = "training_sizes", "trainings"


def has_training_sizes(dataset):
    """Tells whether the models of a dataset are fitted with fewer training rows, too."""
    return bool(config["datasets"][dataset]["training_sizes"]["shares"])


def models_with_sizes(dataset):
    """Lists the models of a dataset that are fitted with fewer training rows, too: those that have all splits of these."""
    return _with_first_splits(dataset, SIZES) if has_training_sizes(dataset) else []


def has_trainings(dataset):
    """Tells whether models of a dataset are trained with other seeds, too."""
    return config["datasets"][dataset].get(TRAININGS, {}).get("number", 1) > 1


def models_with_trainings(dataset):
    """Lists the models of a dataset that are trained with other seeds, too: those that have a seed, and all splits of these."""
    found = _with_first_splits(dataset, TRAININGS) if has_trainings(dataset) else []
    return [model for model in found if has_seed(config["models"][model])]


def _with_first_splits(dataset, key):
    """Lists the models of a dataset that have as many splits as a question asks about."""
    number = len(first_splits(dataset, key))
    return [
        model
        for model in config["datasets"][dataset]["models"]
        if config["models"][model].get("splits", number) >= number
    ]


def first_splits(dataset, key):
    """Lists the seeds of the splits that `training_sizes` or `trainings` is about: the first ones, of the first block."""
    splits = config["datasets"][dataset]["splits"]
    number = min(config["datasets"][dataset][key]["splits"], splits["block_size"])
    return split_seeds(splits["seeds"])[:number]


def fitted_blocks(dataset, model=None):
    """Lists the blocks of splits that a model is fitted on, or all that any is: also those of further questions."""
    models = [model] if model else [None, *config["datasets"][dataset]["models"]]
    found = dict.fromkeys(block for one in models for block in blocks(dataset, one))
    more = {SIZES: models_with_sizes(dataset), TRAININGS: models_with_trainings(dataset)}
    return [*found, *(block for block, fitted in more.items() if (model in fitted if model else fitted))]


# Ranks of models say something from so many datasets on.
FEWEST_DATASETS = 3


def ranked():
    """Lists the models that all datasets to build have, where their ranks say something; else none."""
    lists = [config["datasets"][dataset]["models"] for dataset in config["build"]]
    common = [model for model in lists[0] if all(model in models for models in lists)] if lists else []
    return common if len(lists) >= FEWEST_DATASETS and len(common) > 1 else []


# What `snakemake forecast` tries of a model: the first splits, in blocks of their own.
TRIED = {"tried_1": 1, "tried_10": 10}


def fits_to_forecast(wildcards):
    """Lists the jobs that fit each model on each dataset that is built, and what is tried of the models without a record."""
    found = []
    for dataset in config["build"]:
        for model in config["datasets"][dataset]["models"]:
            record = f"results/manifest/fit_{config['models'][model]['kind']}/{dataset}.{model}.{{}}.json"
            sizes = {block: fits_of_block(dataset, block) for block in fitted_blocks(dataset, model)}
            records = {block: record.format(block) for block in sizes}
            tried = {
                number: record.format(block)
                for block, number in TRIED.items()
                if number <= sum(sizes.values()) and not any(map(os.path.exists, records.values()))
            }
            found.append(
                {"dataset": dataset, "model": model, "blocks": sizes, "records": records, "tried": tried}
            )
    return found


def is_in_config(rule, wildcards):
    """Tells whether the config has a job. A record may be of one that it had once, with more splits, say."""
    dataset, model, block = (wildcards.get(name) for name in ("dataset", "model", "block"))
    if model and model not in config["models"]:
        return False
    if block and block not in [*fitted_blocks(dataset, model), *TRIED, ALL_ROWS]:
        return False
    if not model:
        return True
    kind, task = config["models"][model]["kind"], config["datasets"][dataset]["task"]
    return kind in kinds_for(task) and rule in rules_of(dataset, model)


def has_file_of_splits(dataset):
    """Tells whether a file gives the splits of a dataset."""
    return config["datasets"][dataset]["splits"].get("method") == "file"


def file_of_splits(*keys):
    """Picks what a job needs to know of the file that gives the splits of its dataset."""
    return lambda wildcards: {key: config["datasets"][wildcards.dataset]["splits"][key] for key in keys}


def seeds_of(wildcards):
    """Lists the seeds of a job's block of splits."""
    return seeds_of_block(wildcards.dataset, wildcards.get("block", "1"))


def seeds_of_block(dataset, block):
    """Lists the seeds of a block of splits: of one that is no lot of its own they are those of the first splits."""
    splits = config["datasets"][dataset]["splits"]
    if block in TRIED or block == ALL_ROWS:
        return split_seeds(splits["seeds"])[: TRIED.get(block, 1)]
    if block not in fitted_blocks(dataset):
        last = fitted_blocks(dataset)[-1]
        raise WorkflowError(f"The splits of {dataset} have no block {block}: the last is block {last}.")
    if block in (SIZES, TRAININGS):
        return first_splits(dataset, block)
    lot, _, some = block.partition("_first_")
    first = (int(lot) - 1) * splits["block_size"]
    number = min(int(some or splits["block_size"]), splits["block_size"])
    return split_seeds(splits["seeds"])[first : first + number]


def fits_of_block(dataset, block):
    """Counts how often a model is fitted on a block of splits."""
    number = len(seeds_of_block(dataset, block))
    if block == SIZES:
        return number * len(config["datasets"][dataset][SIZES]["shares"])
    return number * (config["datasets"][dataset][TRAININGS]["number"] - 1) if block == TRAININGS else number


def split_settings(wildcards):
    """Picks the settings of the splits of a job's dataset, with the seeds of its block."""
    dataset = config["datasets"][wildcards.dataset]
    splits, seeds = dataset["splits"], seeds_of(wildcards)
    method = splits.get("method", "random")
    is_stratified = splits.get("stratify", False) and method in ("random", "k_fold")
    settings = {"test_share": splits["test_share"], "seeds": shortest(list(seeds))}
    if wildcards.block == ALL_ROWS:
        return settings | {"all_rows": True}
    if wildcards.block == SIZES:
        settings["training_shares"] = dataset[SIZES]["shares"]
    if wildcards.block == TRAININGS:
        settings["trainings"] = dataset[TRAININGS]["number"]
    if is_stratified:
        settings["stratify"] = True
    if method == "random":
        return settings
    return settings | {"method": method} | ({"folds": splits["folds"]} if method == "k_fold" else {})


def comparison_settings(wildcards):
    """Picks the settings of the comparison of a job's dataset."""
    settings = dataset_settings("models", "metric", "reference", "null_model", "equivalence")(wildcards)
    models = models_with_trainings(wildcards.dataset)
    about = config["datasets"][wildcards.dataset][TRAININGS] if models else {"number": 1, "splits": 0}
    more = {"trainings": about | {"models": models}} | threshold_of(wildcards)
    return settings | method_of(wildcards) | more


def threshold_of(wildcards):
    """Picks the threshold of a job's dataset, where it is another than a half."""
    threshold = config["datasets"][wildcards.dataset].get("threshold", 0.5)
    return {"threshold": threshold} if threshold != 0.5 else {}


def method_of(wildcards):
    """Tells how the splits of a job's dataset are made; `given` where their rows came with the table."""
    splits = config["datasets"][wildcards.dataset]["splits"]
    return {"method": "given" if splits["test_share"] == "given" else splits.get("method", "random")}


def size_settings(wildcards):
    """Picks the settings of the comparison of training sizes of a job's dataset."""
    unit = config["datasets"][wildcards.dataset].get("target_unit", "")
    settings = {"models": models_with_sizes(wildcards.dataset), "target_unit": unit}
    return dataset_settings("metric")(wildcards) | settings | method_of(wildcards) | threshold_of(wildcards)


def of_trainings(pattern, models=False):
    """Gives the input function that lists a file of the block with other seeds of the trainings, if there is one; for each model."""

    def files_of(wildcards):
        trained = models_with_trainings(wildcards.dataset)
        return [
            port.filled(pattern, {"dataset": wildcards.dataset, "model": model, "block": TRAININGS})
            for model in (trained if models else trained[:1])
        ]

    return files_of


def variance_settings(wildcards):
    """Picks the settings of the figure of what the scores of a job's dataset vary by."""
    models = config["datasets"][wildcards.dataset]["models"]
    seedless = [model for model in models if not has_seed(config["models"][model])]
    metric = dataset_settings("metric")(wildcards)
    return metric | {"trained_again": models_with_trainings(wildcards.dataset), "seedless": seedless}


def model_settings(*left_out):
    """Picks the settings of a job's model that its fits depend on, less some."""
    return lambda wildcards: {
        key: value
        for key, value in sorted(config["models"][wildcards.model].items())
        if key not in {"splits", *left_out}
    }


def model_setting(key):
    """Picks one setting of a job's model."""
    return lambda wildcards: {key: config["models"][wildcards.model][key]}


def estimators_of(wildcards):
    """Lists the import paths that the settings of a job's model name."""
    return list(paths_in(config["models"][wildcards.model]))


def training_settings(wildcards):
    """Picks the settings that decide what the training of a network gives: those of its model, and the processes."""
    settings = model_settings("kind", "threads", "checkpoint_seconds")(wildcards)
    return settings | {"processes": port.resource_of(workflow, "fit_mlp", "tasks", wildcards)}


def threads_of_training(wildcards):
    """Counts the threads of a job that trains networks; where `mpi` starts its processes, those of one of them."""
    model = config["models"][wildcards.model]
    processes = port.resource_of(workflow, "fit_mlp", "tasks", wildcards)
    if processes == 1:
        return model["threads"]
    here = 1 if port.resource_of(workflow, "fit_mlp", "mpi", wildcards) else processes
    return here * model["threads_per_network"]


def alternatives(names):
    """Writes the pattern that matches these names, and nothing if there are none."""
    return "|".join(names) or "(?!)"


def datasets_with(key, value):
    """Matches the names of the datasets with this setting, so that each format and task has rules of its own."""
    return alternatives(name for name, dataset in config["datasets"].items() if dataset[key] == value)


def models_of_kind(kind):
    """Matches the names of the models of a kind, so that each kind has a rule of its own."""
    return alternatives(name for name, model in config["models"].items() if model["kind"] == kind)


def linear_models():
    """Matches the names of the models that are linear in the features."""
    return alternatives(name for name, model in config["models"].items() if is_linear(model))


def weights_of_blocks(wildcards):
    """Lists the files with the weights of a linear model, one for each block of splits."""
    file = weights_of(config["models"][wildcards.model])
    return of_blocks(f"results/{{dataset}}/models/{{model}}/block_{{block}}/{file}")(wildcards)


def rules_of(dataset, model):
    """Lists the rules that fit and draw a model on a dataset."""
    return [f"fit_{config['models'][model]['kind']}", *figures_of_model(dataset, model)]


def figures_of_model(dataset, model):
    """Lists by rule the figures of a model on a dataset."""
    more = {"importance": ["importance"]} if has_importance(dataset) else {}
    return figures_by_rule(config["models"][model], config["datasets"][dataset]) | more


def has_importance(dataset):
    """Tells whether the importance of the columns of a dataset is measured."""
    return config["datasets"][dataset].get("importance", {}).get("splits", 0) > 0


def importance_settings(wildcards):
    """Picks the settings of the importance of columns for a job's model."""
    unit = config["datasets"][wildcards.dataset].get("target_unit", "")
    settings = (
        dataset_settings("importance", "metric")(wildcards) | {"target_unit": unit} | threshold_of(wildcards)
    )
    # Of an estimator, which is fitted again for it, all settings count.
    is_again = "fitted" not in kinds()[config["models"][wildcards.model]["kind"]]
    return settings | {"model": model_settings("kind", "threads")(wildcards) if is_again else {}}


def measured_blocks(wildcards):
    """Lists the first blocks of a model that have as many splits as the importance of columns is measured on."""
    dataset = config["datasets"][wildcards.dataset]
    number = -(-dataset["importance"]["splits"] // dataset["splits"]["block_size"])
    return blocks(wildcards.dataset, wildcards.model)[:number]


def of_measured_blocks(pattern):
    """Gives the input function that lists a file for each of these blocks."""
    return lambda wildcards: [
        port.filled(pattern, dict(wildcards) | {"block": block}) for block in measured_blocks(wildcards)
    ]


def fitted_of_measured_blocks(wildcards):
    """Lists what the fits of these blocks left to predict with."""
    file = kinds()[config["models"][wildcards.model]["kind"]].get("fitted")
    folder = "results/{dataset}/models/{model}/block_{block}"
    return of_measured_blocks(f"{folder}/{file}")(wildcards) if file else []


def predicted_blocks():
    """Lists the blocks of splits whose models predict new rows: all, that with the one asked for, or the one with all rows."""
    known, seed = blocks(prediction.dataset, prediction.model), prediction.seed
    if prediction.all_rows:
        return [ALL_ROWS]
    if seed is None:
        return known
    splits = config["datasets"][prediction.dataset]["splits"]
    return [known[split_seeds(splits["seeds"]).index(seed) // splits["block_size"]]]


def fitted_file():
    """Names what a fit of the model that is to predict leaves to predict with; None of an estimator, which is fitted again."""
    return kinds()[config["models"][prediction.model]["kind"]].get("fitted")


def of_predicted(pattern, rows=True):
    """Gives the input function that lists a file for each of these blocks, where rows are to be predicted, or a model to be exported."""
    is_asked = prediction and (prediction.rows is not None) == rows and (rows or fitted_file())
    return lambda wildcards: [
        port.filled(pattern, {"dataset": prediction.dataset, "model": prediction.model, "block": block})
        for block in (predicted_blocks() if is_asked else [])
    ]


def fitted_of_predicted(rows=True):
    """Gives the input function that lists what the fits of these blocks left to predict with."""
    file = prediction and fitted_file()
    folder = "results/{dataset}/models/{model}/block_{block}"
    return of_predicted(f"{folder}/{file}", rows) if file else []


def prediction_settings(wildcards):
    """Picks what the prediction of new rows depends on beside the files; nothing where none are to be predicted."""
    if not prediction:
        return {}
    table = table_settings(config["datasets"][prediction.dataset])
    known = {
        "rows": prediction.rows,
        "output": prediction.to,
        "seed": prediction.seed,
        "reading": table["reading"],
    }
    imputation = table["imputation"] and table["imputation"]["numbers"]
    return (
        known
        | threshold_of(prediction)
        | {"imputation": imputation, "model": config["models"][prediction.model]}
    )


def rules_of_data(dataset):
    """Lists the rules that make the table of a dataset."""
    ending = {"csv": "", "images": "_images"}[config["datasets"][dataset]["format"]]
    of_splits = ["fetch_splits"] if has_file_of_splits(dataset) else []
    return [f"fetch{ending}", f"preprocess{ending}", *of_splits]


def rules_of_comparison(dataset):
    """Lists the rules that line up the models of a dataset."""
    more = {"training_sizes": has_training_sizes, "plot_variance": models_with_trainings}
    return [
        "compare",
        "plot_comparison",
        "timings",
        *(rule for rule, is_asked in more.items() if is_asked(dataset)),
    ]


def outputs_of(rule, **wildcards):
    """Lists the output files of a job."""
    return [port.filled(file, wildcards) for file in workflow.get_rule(rule).output]


def of_blocks(pattern):
    """Gives the input function that lists a file for each block of splits of a job's dataset, or of its model there."""

    def files_of(wildcards):
        known = dict(wildcards)
        return [
            port.filled(pattern, known | {"block": block})
            for block in blocks(known["dataset"], known.get("model"))
        ]

    return files_of


def of_first_block(pattern):
    """Gives the input function that names the file of the first block of splits."""
    return lambda wildcards: of_blocks(pattern)(wildcards)[0]


def of_models(pattern):
    """Gives the input function that lists a file for each model of a dataset, and for each block of splits that it has."""
    return lambda wildcards: [
        file
        for model in config["datasets"][wildcards.dataset]["models"]
        for file in of_blocks(pattern)({"dataset": wildcards.dataset, "model": model})
    ]


RULES = Path(workflow.basedir) / "workflow" / "rules"


def figures_of(dataset):
    """Lists the figures of a dataset, without their suffix."""
    more = {SIZES: has_training_sizes, "variance": models_with_trainings}
    of_all = [
        "comparison",
        "differences",
        *(figure for figure, is_asked in more.items() if is_asked(dataset)),
    ]
    return [f"results/{dataset}/{figure}" for figure in of_all] + [
        f"results/{dataset}/models/{model}/{figure}"
        for model in config["datasets"][dataset]["models"]
        for figures in figures_of_model(dataset, model).values()
        for figure in figures
    ]


def captions():
    """Lists the files with the captions of the figures in the report."""
    names = {f"{Path(figure).name}.rst" for dataset in config["build"] for figure in figures_of(dataset)}
    names |= {"ranks.rst"} if ranked() else set()
    return [f"workflow/report/{name}" for name in sorted(names)]


def of_both_sizes(pattern, models=False):
    """Gives the input function that lists a file of the first block of splits, and of that with fewer training rows; for each model."""
    return lambda wildcards: [
        port.filled(pattern, {"dataset": wildcards.dataset, "model": model, "block": block})
        for model in (models_with_sizes(wildcards.dataset) if models else [None])
        for block in (blocks(wildcards.dataset, model)[0], SIZES)
    ]


def fit_records(wildcards):
    """Lists the records of fitting each model of a dataset, one for each block of splits."""
    return [
        f"results/manifest/fit_{config['models'][model]['kind']}/{wildcards.dataset}.{model}.{block}.json"
        for model in config["datasets"][wildcards.dataset]["models"]
        for block in blocks(wildcards.dataset, model)
    ]


# The packages whose version can change a result.
PACKAGES = [
    "snakemake",
    "numpy",
    "pyarrow",
    "scikit-learn",
    "torch",
    "torchvision",
    "pytorch-lightning",
    "safetensors",
    "matplotlib",
]


def versions_of_estimators(models):
    """Gives the versions of the packages beside scikit-learn that models name, as far as they are installed."""
    named = {package for model in models for package in config["models"][model].get("packages", [])}
    found = versions_of(sorted(named - {"sklearn"}))
    return {package: version for package, version in found.items() if version and package in named}


def report_settings(wildcards):
    """Picks what the report shows of the built datasets, of the models that they name, and of the software."""
    datasets = {name: config["datasets"][name] for name in config["build"]}
    used = {model for dataset in datasets.values() for model in dataset["models"]}
    return {
        "build": config["build"],
        "datasets": datasets,
        "models": {name: model for name, model in config["models"].items() if name in used},
        "versions": versions_of(PACKAGES) | versions_of_estimators(used),
    }


def records(wildcards):
    """Lists the record of every job that the config asks for."""
    return [str(file) for file in rules.all.input if file.startswith("results/manifest/")]


wildcard_constraints:
    block=rf"[1-9]\d*(_first_[1-9]\d*)?|{alternatives([SIZES, TRAININGS, ALL_ROWS, *TRIED])}",
    dataset=alternatives(config["datasets"]),
