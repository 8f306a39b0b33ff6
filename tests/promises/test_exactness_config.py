"""What runs again after a change of the config."""

import copy

import pytest
from support.changes import (
    PARAGRAPH,
    Change,
    append,
    check,
    each_together,
    edit,
    finish,
    model,
    setting,
    several,
)
from support.data import small_csv, small_dataset
from support.jobs import (
    ALL,
    DRAWN,
    FIGURES,
    LASSOS,
    MODELS,
    NOTHING,
    PREPARED,
    SPLIT,
    TOGETHER,
    fits,
    of,
    plots,
)


def add_model(place):
    place.config["models"]["wide"] = place.config["models"]["net"] | {"hidden": [9], "dropout": [0.1]}
    place.dataset["models"].append("wide")


def rename_model(place):
    place.config["models"]["small"] = place.config["models"].pop("lasso_one")
    place.dataset["models"] = ["plain", "small", "lasso_two", "net"]


def rename_dataset(place):
    place.config["datasets"]["beams"] = place.config["datasets"].pop("trial")
    place.config["build"] = ["beams"]


def describe_other(place):
    csv = small_csv(place.folder / "other.csv", seed=2)
    place.config["datasets"]["other"] = small_dataset(csv, models=["plain"], reference="plain") | {
        "sources": [{"file": "other.csv"}]
    }


def build_other(place):
    describe_other(place)
    place.config["build"].append("other")


def another_kind(place):
    place.config["models"]["lasso_one"] = {"kind": "linear"}


def reorder_keys(place):
    def turned(value):
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(value)}
        return value

    place.config = turned(place.config)


def add_block(place):
    """Blocks hold two splits, which are there, and two more splits are asked for."""
    place.dataset["splits"]["block_size"] = 2
    finish(place)
    place.dataset["splits"]["seeds"] = {"first": 3, "last": 6}


def there_and_back(place):
    """A setting is changed, the workflow run, and the setting put back."""
    good = copy.deepcopy(place.config)
    place.config["datasets"]["trial"]["null_model"] = "mean"
    finish(place)
    place.config = good


def other_sizes(place):
    """There are training sizes, the workflow is run, and one of them is another."""
    place.dataset["training_sizes"] = {"shares": [0.5, 0.6, 0.8], "splits": 2}
    finish(place)
    place.dataset["training_sizes"] = {"shares": [0.5, 0.7, 0.8], "splits": 2}


def one_training_more(place):
    """There are two trainings on some splits, the workflow is run, and there are three."""
    place.dataset["trainings"] = {"number": 2, "splits": 2}
    finish(place)
    place.dataset["trainings"] = {"number": 3, "splits": 2}


def back_before_a_run(place):
    good = copy.deepcopy(place.config)
    place.config["models"]["lasso_one"]["penalties"]["number"] = 9
    assert place.dry_run().jobs
    place.config = good


def two_then_one(place):
    build_other(place)
    finish(place)
    place.config["build"] = ["trial"]


def two_in_another_order(place):
    build_other(place)
    finish(place)
    place.config["build"] = ["other", "trial"]


def data(*keys, to):
    """Gives the change of a setting of the dataset."""
    return setting("datasets", "trial", *keys, to=to)


LASSO = "lasso_one"
PENALTIES = model(LASSO, "penalties", "number", to=9)


CHANGES = [
    Change(
        "two values trade places: folds.number and folds.seed",
        model(LASSO, "folds", to={"number": 2, "seed": 3}),
        of(LASSO),
        "folds.number was 3, is 2",
    ),
    Change(
        "hidden: [4, 6, 6] becomes [4, 4, 6]",
        model("net", "hidden", to=[4, 4, 6]),
        of("net"),
        "hidden was [4, 6, 6]",
        planned=True,
    ),
    Change("seeds: [3, 4] becomes [4, 3]", data("splits", "seeds", to=[4, 3]), SPLIT, "seeds", planned=True),
    Change("the keys of all mappings in another order", reorder_keys, NOTHING),
    Change("a setting is changed, run and put back", there_and_back, DRAWN, "null_model was mean, is median"),
    Change("a setting is changed and put back without a run", back_before_a_run, NOTHING),
    Change(
        "build: a dataset is added",
        build_other,
        [
            *(f"{step}.other" for step in ("fetch", "preprocess", "compare", "plot_comparison", "timings")),
            "split.other.1",
            "fit_linear.other.plain.1",
            "plot_linear.other.plain",
            "report",
        ],
        "build: other is used now",
    ),
    Change("build: a dataset is removed", two_then_one, ["report"], "build: other is no longer used"),
    Change(
        "build: another order", two_in_another_order, ["report"], "build has the same entries", planned=True
    ),
    Change("a dataset that is not built is described", describe_other, NOTHING),
    Change(
        "a dataset is renamed",
        rename_dataset,
        [job.replace("trial", "beams") for job in ALL],
        "build: trial is no longer used; beams is used now",
        planned=True,
    ),
    Change(
        "sources: another place to look",
        lambda place: place.dataset["sources"].append({"file": "elsewhere.csv"}),
        ["report"],
        "sources was",
    ),
    Change(
        "max_megabytes", data("max_megabytes", to=2), ["report"], "max_megabytes was 1, is 2", planned=True
    ),
    Change(
        "max_megabytes: 1 becomes 1.0",
        data("max_megabytes", to=1.0),
        ["report"],
        "max_megabytes was 1, is 1.0",
        alone=True,
    ),
    Change(
        "title",
        data("title", to="Other beams"),
        ["report"],
        "title was Strength of made-up beams, is Other beams",
    ),
    Change("target", data("target", to="age"), PREPARED, "target was strength, is age", planned=True),
    Change(
        "target_unit",
        data("target_unit", to="kilonewton"),
        FIGURES,
        "target_unit was newton, is kilonewton",
        planned=True,
    ),
    Change(
        "missing_target",
        data("missing_target", to="error"),
        PREPARED,
        "missing_target was drop, is error",
        planned=True,
    ),
    Change(
        "missing_features",
        data("missing_features", to="drop"),
        PREPARED,
        "missing_features was error, is drop",
        planned=True,
    ),
    Change(
        "imputation, where nothing is imputed",
        data("imputation", "numbers", to="mean"),
        ["report"],
        "imputation.numbers was median, is mean",
        planned=True,
    ),
    Change(
        "rare_levels",
        data("rare_levels", to=3),
        PREPARED,
        "rare_levels was 1, is 3",
        planned=True,
    ),
    Change(
        "reading: a word for missing",
        data("reading", to={"missing": ["?"]}),
        PREPARED,
        "reading.missing was not set, is",
        planned=True,
    ),
    Change(
        "columns: one is left out",
        data("columns", to={"width": "ignore"}),
        PREPARED,
        "columns.width was not set, is ignore",
        planned=True,
    ),
    Change(
        "splits: method",
        data("splits", "method", to="k_fold"),
        SPLIT,
        "method was not set, is k_fold",
        planned=True,
    ),
    Change(
        "splits: folds, where there are none",
        data("splits", "folds", to=5),
        ["report"],
        "splits.folds was 10, is 5",
        planned=True,
    ),
    Change(
        "test_share", data("splits", "test_share", to=0.3), SPLIT, "test_share was 0.25, is 0.3", planned=True
    ),
    Change("seeds: one more", data("splits", "seeds", to=[3, 4, 6]), SPLIT, "seeds was", planned=True),
    Change(
        "seeds: [3, 4] is written as a range: only the report shows it",
        data("splits", "seeds", to={"first": 3, "last": 4}),
        ["report"],
        "seeds was",
    ),
    Change(
        "models: one more",
        add_model,
        ["fit_mlp.trial.wide.1", "plot_mlp.trial.wide", *TOGETHER],
        "models: wide is used now",
        planned=True,
    ),
    Change(
        "models: one less",
        data("models", to=["plain", "lasso_one", "net"]),
        TOGETHER,
        "models: lasso_two is no longer used",
    ),
    Change(
        "models: another order",
        data("models", to=["net", "plain", *LASSOS]),
        TOGETHER,
        "models has the same entries, in another order",
        planned=True,
    ),
    Change(
        "a model is renamed",
        rename_model,
        ["fit_lasso.trial.small.1", "plot_lasso.trial.small", *TOGETHER],
        "is no longer used; small is used now",
        planned=True,
    ),
    Change(
        "kind: a lasso becomes least squares",
        another_kind,
        ["fit_linear.trial.lasso_one.1", "plot_linear.trial.lasso_one", *TOGETHER],
    ),
    Change(
        "a model that no dataset uses",
        lambda place: place.config["models"].update(unused={"kind": "linear"}),
        NOTHING,
    ),
    Change("reference", data("reference", to="net"), DRAWN, "reference was plain, is net", planned=True),
    Change(
        "training_sizes: a share is another",
        other_sizes,
        [
            "split.trial.training_sizes",
            *fits(*MODELS, block="training_sizes"),
            "training_sizes.trial",
            "report",
        ],
        "training_shares was [0.5, 0.6, 0.8]",
    ),
    Change(
        "trainings: one more",
        one_training_more,
        [
            "split.trial.trainings",
            *fits(*LASSOS, "net", block="trainings"),
            "compare.trial",
            "plot_comparison.trial",
            "plot_variance.trial",
            "report",
        ],
        "trainings was 2, is 3",
    ),
    Change("null_model", data("null_model", to="mean"), DRAWN, "null_model was median, is mean"),
    Change("metric", data("metric", to="rmse"), DRAWN, "metric was mae, is rmse"),
    Change(
        "published",
        data("published", to=[{"source": "a", "seed": 3, "mae": {"net": 1.0}}]),
        ["report"],
        "published was",
        planned=True,
    ),
    Change(
        "lasso: standardize",
        model(LASSO, "standardize", to=False),
        of(LASSO),
        "standardize was true, is false",
        planned=True,
    ),
    Change("lasso: penalties.number", PENALTIES, of(LASSO), "penalties.number was 8, is 9"),
    Change(
        "lasso: penalties.smallest",
        model(LASSO, "penalties", "smallest", to=0.02),
        of(LASSO),
        "penalties.smallest was 0.01, is 0.02",
        planned=True,
    ),
    Change(
        "lasso: penalties.standardize",
        model(LASSO, "penalties", "standardize", to=False),
        of(LASSO),
        "penalties.standardize was true, is false",
        planned=True,
    ),
    Change(
        "lasso: folds.number",
        model(LASSO, "folds", "number", to=4),
        of(LASSO),
        "folds.number was 3, is 4",
        planned=True,
    ),
    Change(
        "lasso: folds.seed",
        model("lasso_two", "folds", "seed", to=5),
        of("lasso_two"),
        "folds.seed was 2, is 5",
        planned=True,
    ),
    Change(
        "lasso: tolerance",
        model("lasso_two", "tolerance", to=1.0e-7),
        of("lasso_two"),
        "tolerance was 1e-08, is 1e-07",
        planned=True,
    ),
    Change(
        "lasso: max_iterations",
        model(LASSO, "max_iterations", to=999_999),
        of(LASSO),
        "max_iterations was 1000000, is 999999",
        planned=True,
    ),
    Change(
        "network: standardize",
        model("net", "standardize", to=True),
        of("net"),
        "standardize was false, is true",
        planned=True,
    ),
    Change(
        "network: standardize_target",
        model("net", "standardize_target", to=True),
        of("net"),
        "standardize_target was false, is true",
        planned=True,
    ),
    Change(
        "network: dropout",
        model("net", "dropout", to=[0.1, 0.1, 0.2]),
        of("net"),
        "dropout was [0.1, 0.2, 0.2], is [0.1, 0.1, 0.2]",
        planned=True,
    ),
    Change(
        "network: loss",
        model("net", "loss", to="absolute_error"),
        of("net"),
        "loss was squared_error, is absolute_error",
        planned=True,
    ),
    Change(
        "network: optimizer",
        model("net", "optimizer", to="adam"),
        of("net"),
        "optimizer was rmsprop, is adam",
        planned=True,
    ),
    Change(
        "network: learning_rate",
        model("net", "learning_rate", to=0.02),
        of("net"),
        "learning_rate was 0.01, is 0.02",
        planned=True,
    ),
    Change(
        "network: batch_size",
        model("net", "batch_size", to=9),
        of("net"),
        "batch_size was 8, is 9",
        planned=True,
    ),
    Change("network: epochs", model("net", "epochs", to=3), of("net"), "epochs was 2, is 3", planned=True),
    Change("network: seed", model("net", "seed", to=1), of("net"), "seed was 0, is 1", planned=True),
    Change(
        "network: validation",
        model("net", "validation", to=0.2),
        of("net"),
        "validation was test, is 0.2",
        planned=True,
    ),
    Change(
        "network: accelerator",
        model("net", "accelerator", to="auto"),
        of("net"),
        "accelerator was cpu, is auto",
        planned=True,
    ),
    Change(
        "network: precision",
        model("net", "precision", to="bf16-mixed"),
        of("net"),
        "precision was 32-true, is bf16-mixed",
    ),
    Change(
        "network: checkpoint_seconds: only the report shows it",
        model("net", "checkpoint_seconds", to=60),
        ["report"],
        "checkpoint_seconds was 10, is 60",
        planned=True,
    ),
    Change(
        "network: patience",
        several(
            model("net", "validation", to=0.2),
            model("net", "weights", to="best"),
            model("net", "patience", to=1),
        ),
        of("net"),
        "patience was none, is 1",
        planned=True,
        alone=True,
    ),
    Change(
        "network: threads: only the report shows it",
        model("net", "threads", to=1),
        ["report"],
        "threads was 2, is 1",
    ),
    Change(
        "block_size: the splits fit into a block all the same",
        data("splits", "block_size", to=3),
        ["report"],
        "block_size was 10, is 3",
    ),
    Change(
        "block_size: the splits are cut",
        data("splits", "block_size", to=1),
        [*SPLIT, "split.trial.2", *(f"{job[:-1]}2" for job in fits(*MODELS))],
        "block_size was 10, is 1",
    ),
    Change(
        "seeds: another block is added",
        add_block,
        ["split.trial.2", *(f"{job[:-1]}2" for job in fits(*MODELS)), *plots(*MODELS), *TOGETHER],
    ),
    Change("a comment in config.yaml", append("config.yaml", PARAGRAPH), NOTHING),
    Change(
        "a number is written in another way: 0.01 as 1.0e-2",
        edit("config.yaml", ("learning_rate: 0.01", "learning_rate: 1.0e-2")),
        NOTHING,
    ),
]


@pytest.mark.parametrize("change", each_together(CHANGES))
def test_runs_exactly_what_is_stale(change, finished, tmp_path):
    check(change, finished, tmp_path)
