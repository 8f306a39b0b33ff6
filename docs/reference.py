"""Writes docs/config.md from the schema of the config, docs/outputs.md and the groups of the profiles from the rules.

Of each page, what stands outside the two marks is written by hand, and stays; so is what stands around the groups.
"""

import re
import sys
from pathlib import Path

import yaml
from snakemake.api import SnakemakeApi
from snakemake.rules import Rule
from snakemake.settings.types import OutputSettings, Quietness, ResourceSettings

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lineup import config  # noqa: E402
from lineup.kinds import kinds  # noqa: E402

BEGIN = "<!-- Written by docs/reference.py, from here to the end mark: `make docs` renews it. -->\n"
END = "<!-- End. -->\n"

# Headings, and the blocks of the schema whose keys stand in the table below them.
BLOCKS = {
    "Top level": [""],
    "A dataset of format csv": ["csv"],
    "A source of a dataset of format csv": [
        "source",
        "source_file",
        "source_url",
        "source_wheel",
        "source_npm",
    ],
    "How the file of a dataset of format csv is written": ["reading"],
    "Missing values of a dataset of format csv": ["imputation"],
    "The splits of a dataset of format csv": ["splits"],
    "Published figures of a regression": ["published"],
    "A dataset of format images": ["images"],
    "A source of a dataset of format images": [
        "images_source",
        "images_file",
        "images_url",
        "source_wheel",
        "source_npm",
    ],
    "The splits of a dataset of format images": ["given_splits"],
    "Published figures of a classification": ["published_accuracy"],
} | {f"A model of kind {kind}": [kind] for kind in kinds()}
KINDS = {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false"}
BOUNDS = {"minimum": "at least", "exclusiveMinimum": "more than"}
BOUNDS |= {"maximum": "at most", "exclusiveMaximum": "less than"}

# What each output is, and its columns. The PNG file of a figure stands beside its SVG file.
OUTPUTS = {
    "results/{dataset}": {
        "raw.data": ("The file from the source, as it came.", ""),
        "splits.data": ("The file that gives the splits, as it came, where there is one.", ""),
        "table.parquet": (
            "The prepared table: the features as numbers, the target last. Of images: `pixels`, a byte each, row by row, and the "
            "label; the images to train on stand first.",
            "",
        ),
        "scores.parquet": (
            "The scores of all models and the null model. Of classes: `accuracy` and `log_loss`. `failure` says why a model could not be "
            "fitted on a split.",
            "model seed mae rmse r2 failure",
        ),
        "leaderboard.csv": (
            "The scores over the splits, a line for each model, the best first. Of classes: likewise of `accuracy` and "
            "`log_loss`, and the 95 % interval `accuracy_low` to `accuracy_high`. `shared_splits` are those that all models have, `failed` those on which one "
            "could not be fitted. `doubts` says what may be wrong with a model.",
            "model splits mae mae_sd mae_q05 mae_q50 mae_q95 rmse rmse_sd rmse_q05 rmse_q50 rmse_q95 "
            "r2 r2_sd r2_q05 r2_q50 r2_q95 shared_splits mean_on_shared mean_rank failed seed_share doubts source",
        ),
        "differences.csv": (
            "The differences of the models on the same splits, a line for each pair and metric. The reference stands second. See "
            "[comparison.md](comparison.md).",
            "model other metric splits difference difference_sd low high together_low together_high corrected_low "
            "corrected_high p_better p_equivalent p_worse effect_size region verdict rows_for_sign rows_needed covers splits_needed "
            "splits_better",
        ),
        "training_sizes.csv": (
            "The errors of the models on shares of the training rows, where the config has `training_sizes`.",
            "model training_rows error low high",
        ),
        "power_laws.csv": (
            "The power law through these errors, and what it says of a third more training rows. Empty from `floor` on where none fits.",
            "model rows more_rows floor scale exponent misfit from_rows error more_error gain low high covers",
        ),
        "training_sizes.svg": ("The errors and the laws.", ""),
        "variance.svg": (
            "What the scores vary by, rows or seed, where networks are trained several times.",
            "",
        ),
        "comparison.svg": ("Mean absolute error, or accuracy, of each model over the splits.", ""),
        "differences.svg": ("The same, minus that of the reference.", ""),
        "timings.csv": ("Cost of fitting each model.", "model jobs wall_seconds cpu_seconds peak_memory_mib"),
    },
    "results/{dataset}/raw": {
        "train-images-idx3-ubyte": ("The images to train on, as they came, unpacked.", ""),
        "train-labels-idx1-ubyte": ("Their labels.", ""),
        "t10k-images-idx3-ubyte": ("The images to test on.", ""),
        "t10k-labels-idx1-ubyte": ("Their labels.", ""),
    },
    "results/{dataset}/splits": {
        "block_{block}.parquet": (
            "Which rows each split trains on and tests on, a line for each split. The block `training_sizes` has the first splits with "
            "shares of their training rows, share after share; `trainings` has them for the trainings after the first, each with a seed of "
            "its own and its training rows in another order; `all_rows` has one split of all rows, where `predict` was asked for it.",
            "seed train test",
        ),
    },
    "results/{dataset}/models/{model}/block_{block}": {
        "predictions.parquet": (
            "Predictions for the test rows. Of classes: their places in the list of classes, and `probabilities`, one for each "
            "class.",
            "seed row actual predicted",
        ),
        "scores.parquet": (
            "Scores on the test rows. Of classes: `accuracy`, `log_loss`, `brier`, `auc`, `balanced_accuracy`, `f1`, `precision` and `recall`.",
            "seed mae rmse r2",
        ),
        "coefficients.parquet": (
            "Intercept and coefficients of the fit. Of classes there is a column `class`, too; of two classes they are those of the second, "
            "the positive one.",
            "seed term coefficient",
        ),
        "grid.parquet": (
            "The whole grid search. That of `fit_logistic_lasso` has instead of errors `log_loss`, `accuracy`, `nonzero` and "
            "`converged`.",
            "seed penalty fold mae chosen",
        ),
        "search.parquet": (
            "What a search of settings tried, a line for each split, combination and held-out fold; empty where nothing was searched.",
            "seed candidate settings fold metric value chosen",
        ),
        "path.parquet": (
            "Fits on all training rows of the first split of the block, by penalty.",
            "seed penalty feature coefficient",
        ),
        "training_log.csv": (
            "The learning curve of the first split of the block.",
            "seed epoch train_mae train_loss valid_mae valid_loss",
        ),
        "learning_curves.parquet": (
            "Errors by epoch. After a training that was stopped early there are no more lines. Of classes: `train_accuracy` and "
            "`valid_accuracy` in place of the errors.",
            "seed epoch train_mae train_loss valid_mae valid_loss",
        ),
        "summary.txt": ("The layers of the network, with their shapes and parameters.", ""),
        "weights.safetensors": ("The weights. The first axis of each tensor is the split.", ""),
    },
    "results/{dataset}/models/{model}": {
        "importance.parquet": (
            "How much worse the model predicts test rows when a column is shuffled among them, where `importance` asks for it; columns "
            "that are shuffled together are joined by ` + `.",
            "seed feature increase",
        ),
        "importance.svg": ("The same, the most important columns first.", ""),
        "predictions.svg": (
            "Predicted against actual targets of the test rows, residuals, and the coverage of conformal intervals.",
            "",
        ),
        "grid.svg": ("The error on the held-out folds, by penalty.", ""),
        "path.svg": ("Coefficients of the first split, by penalty.", ""),
        "selection.svg": ("The chosen penalties, and in how many splits each coefficient is kept.", ""),
        "learning_curves.svg": ("Mean absolute error, or accuracy and loss, by epoch.", ""),
        "confusion.svg": ("Which classes are taken for which.", ""),
        "mistakes.svg": ("The worst mistakes, as images.", ""),
        "calibration.svg": ("How often predictions of some probability are right.", ""),
        "roc.svg": ("The ROC curve and the precision-recall curve, over the splits.", ""),
        "weights.svg": ("The weights of each class, as an image.", ""),
        "coefficients.svg": (
            "The largest coefficients, over the splits; of more than two classes as a map.",
            "",
        ),
    },
    "results": {
        "ranks.csv": (
            "The ranks of the models that all datasets have, where three or more are built: a line for each model and dataset, the best "
            "model first.",
            "model dataset rank mean_rank tables critical_difference friedman_p",
        ),
        "ranks.svg": ("The mean ranks, and which models cannot be told apart.", ""),
        "report.html": ("The report, one page that needs no other file and no network.", ""),
    },
}


def resolved(node: dict, schema: dict) -> dict:
    """Joins what a node of the schema says with what it refers to; its own words come first."""
    return schema["$defs"][node["$ref"].rpartition("/")[2]] | node if "$ref" in node else node


def keys(block: dict, schema: dict, prefix: str = "") -> dict[str, dict]:
    """Lists the keys of a block by dotted path, with those of blocks inside it that have no table of their own."""
    found = {}
    for key, node in block.get("properties", {}).items():
        if isinstance(node, dict):
            found[prefix + key] = resolved(node, schema)
            found |= keys(node, schema, f"{prefix}{key}.")
    return found


def words(node: dict, schema: dict) -> str:
    """Says what a value has to be."""
    node = resolved(node, schema)
    if "title" in node or "words" in node:
        return node.get("title") or node["words"]
    if "enum" in node or "const" in node:
        return code(*node.get("enum", [node.get("const")])).replace(", ", " or ")
    if node["type"] == "array":
        number = " of one or more" if node.get("minItems") else ""
        return f"a list{number}, each entry {words(node['items'], schema)}"
    if node["type"] == "object":
        each = node.get("additionalProperties")
        return f"names, each with {words(each, schema)}" if each else "a block of keys"
    bounds = " and ".join(f"{text} {node[bound]}" for bound, text in BOUNDS.items() if bound in node)
    return f"{KINDS[node['type']]}{', not empty' if 'minLength' in node else ''}{bounds and ', ' + bounds}"


def default(node: dict) -> str:
    """Says what holds where a key is left out; of a block, its keys do."""
    if "default_words" in node:
        return node["default_words"]
    if node.get("default", {}) == {}:
        return ""
    return code(
        yaml.safe_dump(node["default"], default_flow_style=True, width=200).removesuffix("...\n").strip()
    )


def code(*names: str) -> str:
    """Sets names as code."""
    return ", ".join(f"`{name}`" for name in names)


def table(*lines: list[str]) -> str:
    """Writes a Markdown table; the first line is its head."""
    head, *body = [f"| {' | '.join(line)} |\n" for line in lines]
    return head + "|---" * len(lines[0]) + "|\n" + "".join(body)


def config_page() -> str:
    """Describes every key of the config."""
    schema = config.schema()
    page = ""
    for heading, places in BLOCKS.items():
        blocks = [schema["$defs"][place] if place else schema for place in places]
        found = {key: node for block in blocks for key, node in keys(block, schema).items()}
        lines = [
            [code(key), words(node, schema), default(node), node.get("unit", ""), node["description"]]
            for key, node in found.items()
        ]
        page += f"\n### {heading}\n\n{blocks[0]['description']}\n\n"
        page += table(["Key", "Value", "Default", "Unit", "What it is"], *lines)
    return page


def rules() -> list[Rule]:
    """Asks Snakemake for the rules."""
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(resource_settings=ResourceSettings(), snakefile=ROOT / "Snakefile")
        return list(workflow._workflow.rules)


def rule_outputs() -> dict[str, list[str]]:
    """Lists the path of each output but the records, with the names of the rules that write it."""
    found = {}
    for rule in rules():
        for output in rule.output:
            if output.startswith("results/manifest/"):
                continue
            # A wildcard stands there with the names that it may take, as {dataset,hitters}.
            path = re.sub(r"\{(\w+),[^{}]*\}", r"{\1}", str(output))
            found.setdefault(path, []).append(rule.name)
    return found


def outputs_page() -> str:
    """Describes every output of every rule."""
    rules, page = rule_outputs(), ""
    for folder, files in OUTPUTS.items():
        lines = [["File", "Rule", "What it is", "Columns"]]
        for file, (description, columns) in files.items():
            names = [file]
            if file.endswith(".svg") and f"{folder}/{file[:-4]}.png" in rules:
                names.append(f"{file[:-4]}.png")
            writers = {rule: None for name in names for rule in rules.pop(f"{folder}/{name}")}
            lines.append([code(*names), code(*writers), description, code(*columns.split())])
        page += f"\n### {folder}/\n\n{table(*lines)}"
    if rules:
        raise KeyError(f"OUTPUTS in docs/reference.py says nothing of {', '.join(rules)}.")
    return page


def groups() -> str:
    """Writes the groups in which a cluster gets the small jobs, for a profile: a line for each rule."""
    found = {"data": r"preprocess\w*|split", "report": r"plot_\w+|compare|rank_models|training_sizes|report"}
    lines = [
        f"  {name}: {group}\n"
        for group, pattern in found.items()
        for name in dict.fromkeys(rule.name for rule in rules())
        if re.fullmatch(pattern, name)
    ]
    return "groups:\n" + "".join(lines)


def pages() -> dict[Path, str]:
    """Gives the text of each page: what stands outside its marks, and between them what is written anew."""
    texts = {}
    for path, written in (("docs/config.md", config_page()), ("docs/outputs.md", outputs_page())):
        before, begin, rest = (ROOT / path).read_text(encoding="utf-8").partition(BEGIN)
        _, end, after = rest.partition(END)
        texts[ROOT / path] = before + (begin or BEGIN) + written + "\n" + (end or END) + after
    return texts


def profiles() -> dict[Path, str]:
    """Gives the text of each profile, with the groups written anew."""
    written = groups()
    return {
        path: re.sub(r"^groups:\n(  .*\n)+", written, path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        for path in sorted((ROOT / "profiles").glob("*/profile.yaml"))
    }


if __name__ == "__main__":
    for path, text in (pages() | profiles()).items():
        path.write_text(text, encoding="utf-8")
