"""What runs again when a project gets smaller: what only a larger one had is left alone, and stops nothing."""

import copy

import pytest
from support.changes import Change, check, each_together, model, several
from support.data import small_images, small_images_dataset, small_models_of_classes
from support.jobs import ALL_OF_IMAGES, DRAWN, TOGETHER, fits, plots

MODELS = ["plain", "lasso_one", "net"]
DRAWN_AGAIN = [*plots(*MODELS), *TOGETHER]


def blocks(*numbers):
    """Lists the jobs of some blocks of the first table, and what stands on them."""
    return [f"split.trial.{number}" for number in numbers] + fitted(*numbers)


def fitted(*numbers, models=MODELS):
    """Lists the jobs that fit some models on some blocks of the first table, and what stands on them."""
    again = [job for number in numbers for job in fits(*models, block=number)]
    return [*again, *plots(*models), *TOGETHER]


def splits(**settings):
    """Gives the change of how the first table is split."""
    return lambda place: place.dataset["splits"].update(settings)


def models(*names):
    """Gives the change of the models of the first table."""
    return lambda place: place.dataset.update(models=list(names))


def build_the_first(place):
    place.config["build"] = ["trial"]


def fewer_splits_of_the_other(place):
    place.config["datasets"]["other"]["splits"]["seeds"] = [1]


def drop_the_other(place):
    del place.config["datasets"]["other"]


def drop_the_lasso(place):
    for dataset in place.config["datasets"].values():
        dataset["models"].remove("lasso_one")
    del place.config["models"]["lasso_one"]


def no_lasso_any_more(place):
    place.config["models"]["lasso_one"] = {"kind": "linear"}


def images_under_the_same_name(place):
    """Another format, another task, and other kinds of models, of the same names."""
    images = small_images_dataset(small_images(place.folder / "rows", seed=1))
    names = dict(zip(images["models"], ["plain", "lasso_one", "net"], strict=True))
    place.config["models"] = {names[name]: settings for name, settings in small_models_of_classes().items()}
    images |= {"models": list(names.values()), "reference": "plain", "sources": [{"file": "rows"}]}
    place.config["datasets"], place.config["build"] = {"trial": images}, ["trial"]


OF_IMAGES = {"rows": "trial", "linear_net": "plain", "sparse": "lasso_one", "deep_net": "net"}


def renamed(job):
    return ".".join(OF_IMAGES.get(word, word) for word in job.split("."))


def smaller(name, make, jobs, says="", **more):
    """Gives a change to the project of two tables, in blocks of two splits. A dry run is enough."""
    return Change(f"smaller: {name}", make, jobs, says, planned=True, dataset="many", **more)


LASSO = [
    *fitted(1, 2, 3, models=["lasso_one"]),
    *(f"fit_lasso.other.lasso_one.{block}" for block in (1, 2)),
    *(f"{rule}.other" for rule in ("compare", "plot_comparison", "timings")),
    "plot_lasso.other.lasso_one",
]
NETWORK = fitted(1, 2, 3, models=["net"])

CHANGES = [
    smaller("seeds: 1 to 6 becomes 1 to 4", splits(seeds={"first": 1, "last": 4}), DRAWN_AGAIN),
    smaller("seeds: 1 to 6 becomes 1 and 2", splits(seeds=[1, 2]), DRAWN_AGAIN),
    smaller("seeds: 1 to 6 becomes 1", splits(seeds=[1]), blocks(1)),
    smaller("seeds: 1 to 6 becomes 1 to 5", splits(seeds={"first": 1, "last": 5}), blocks(3)),
    smaller(
        "block_size: 2 becomes 1", splits(block_size=1), blocks(1, 2, 3, 4, 5, 6), "block_size was 2, is 1"
    ),
    smaller("block_size: 2 becomes 3, so that there are fewer blocks", splits(block_size=3), blocks(1, 2)),
    smaller("test_share", splits(test_share=0.1), blocks(1, 2, 3), "test_share was 0.25, is 0.1"),
    smaller(
        "models: one of three is left, and fewer splits",
        several(models("plain"), splits(seeds=[1, 2])),
        [*plots("plain"), *TOGETHER],
        "models: lasso_one, net are no longer used",
    ),
    smaller("build: one of two is left", build_the_first, ["report"], "build: other is no longer used"),
    smaller(
        "build: one of two is left, and the other has fewer splits",
        several(build_the_first, fewer_splits_of_the_other),
        ["report"],
        "build: other is no longer used",
    ),
    smaller(
        "datasets: one of two is left",
        several(build_the_first, drop_the_other),
        ["report"],
        "build: other is no longer used",
    ),
    smaller(
        "models: one is gone from the config",
        drop_the_lasso,
        [*TOGETHER, *(f"{rule}.other" for rule in ("compare", "plot_comparison", "timings"))],
        "models: lasso_one is no longer used",
    ),
    smaller(
        "kind: a lasso becomes least squares, which has fewer settings",
        no_lasso_any_more,
        [job.replace("_lasso.", "_linear.") for job in LASSO],
    ),
    smaller(
        "format, task and kinds: images take the place of the tables",
        images_under_the_same_name,
        [renamed(job) for job in ALL_OF_IMAGES],
    ),
    smaller(
        "hidden and dropout: one layer less",
        several(model("net", "hidden", to=[4]), model("net", "dropout", to=[0.1])),
        NETWORK,
        "hidden was [4, 6], is [4]",
    ),
    smaller("epochs", model("net", "epochs", to=1), NETWORK, "epochs was 2, is 1"),
    smaller("batch_size", model("net", "batch_size", to=1), NETWORK, "batch_size was 8, is 1"),
    smaller("folds.number", model("lasso_one", "folds", "number", to=2), LASSO, "folds.number was 3, is 2"),
    smaller("penalties.number", model("lasso_one", "penalties", "number", to=2), LASSO, "penalties.number"),
    smaller(
        "max_megabytes",
        lambda place: place.dataset.update(max_megabytes=0.1),
        ["report"],
        "max_megabytes was 1, is 0.1",
    ),
    smaller(
        "title and unit: empty",
        lambda place: place.dataset.update(target_unit=""),
        [*plots(*MODELS), *(job for job in DRAWN if "compare" not in job)],
        "target_unit was newton",
    ),
]


@pytest.mark.parametrize("change", each_together(CHANGES))
def test_runs_exactly_what_is_stale(change, finished, tmp_path):
    check(change, finished, tmp_path)


def shortened(config):
    """Yields where a list or a number of a config stands, and the config with that list shortened or number lowered."""

    def walk(value, path):
        if isinstance(value, dict):
            for key, inside in value.items():
                yield from walk(inside, [*path, key])
        elif isinstance(value, list) or (isinstance(value, int | float) and not isinstance(value, bool)):
            yield (
                path,
                value[:-1]
                if isinstance(value, list)
                else value // 2
                if isinstance(value, int)
                else value / 2,
            )

    for path, less in walk(config, []):
        other = copy.deepcopy(config)
        *above, key = path
        block = other
        for part in above:
            block = block[part]
        block[key] = less
        yield ".".join(path), other


@pytest.mark.parametrize("some", [3, pytest.param(1, marks=pytest.mark.slow)], ids=["a third", "all"])
def test_every_list_shortened_and_every_number_lowered_is_planned_or_refused_in_a_sentence(
    finished, tmp_path, some
):
    place = finished("many").copied_to(tmp_path)
    refused, planned = [], []
    for path, config in [*shortened(place.config)][::some]:
        place.config = config
        run = place.dry_run()
        assert "Traceback" not in run.text, f"{path}: {run.text}"
        [refused, planned][run.status == 0].append(path)
        if run.status:
            assert path.rpartition(".")[2] in run.text, f"{path}: {run.text}"
    assert len(planned) > 20 / some and 0 < len(refused) < len(planned) / 2
