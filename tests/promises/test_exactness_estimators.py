"""What runs again in a project with estimators of scikit-learn and of a module of one's own."""

import pytest
from support.changes import Change, append, check, each_together, edit, model, several
from support.jobs import ESTIMATORS, NOTHING, of_estimators


def of_estimated(name, make, jobs, says="", **more):
    """Gives a change to the project with estimators. A dry run is enough, unless told otherwise."""
    return Change(f"estimators: {name}", make, jobs, says, **{"planned": True, "dataset": "estimated"} | more)


def first_splits(number):
    """Gives the change of the splits that the tree is fitted on."""
    return lambda place: place.config["models"]["tree"].update(splits=number)


def importance(**settings):
    """Gives the change of how the importance of the columns is measured."""
    return lambda place: place.dataset["importance"].update(settings)


IMPORTANCE = [f"importance.estimated.{name}" for name in ("plain", *ESTIMATORS)]
TREE, NEAREST = of_estimators("tree"), of_estimators("nearest")

CHANGES = [
    of_estimated(
        "a setting",
        model("tree", "settings", "depth", to=3),
        TREE,
        "settings.depth was 2, is 3",
        planned=False,
    ),
    of_estimated(
        "another setting", model("tree", "settings", to={}), TREE, "settings.depth was 2, is not set"
    ),
    of_estimated(
        "the values to search",
        model("nearest", "search", "settings", "n_neighbors", to=[2, 4, 6]),
        NEAREST,
        "search.settings.n_neighbors",
    ),
    of_estimated(
        "the metric that chooses",
        model("nearest", "search", "metric", to="rmse"),
        NEAREST,
        "search.metric was auto, is rmse",
    ),
    of_estimated(
        "the seed of the folds",
        model("nearest", "search", "folds", "seed", to=2),
        NEAREST,
        "search.folds.seed was 1, is 2",
    ),
    of_estimated("the seed", model("tree", "seed", to=5), TREE, "seed was 0, is 5"),
    of_estimated(
        "standardize", model("tree", "standardize", to=True), TREE, "standardize was false, is true"
    ),
    of_estimated(
        "what to do with failures",
        model("tree", "failures", to="error"),
        TREE,
        "failures was leave_out, is error",
    ),
    of_estimated(
        "a package that may be imported",
        model("tree", "packages", to=["my_trees", "sklearn"]),
        TREE,
        "packages: sklearn is used now",
    ),
    of_estimated(
        "threads: only the report shows it", model("tree", "threads", to=2), ["report"], "threads was 1, is 2"
    ),
    of_estimated(
        "fewer splits",
        first_splits(1),
        ["split.estimated.1_first_1", *of_estimators("tree", block="1_first_1")],
        planned=False,
    ),
    of_estimated("more splits than there are", first_splits(9), ["report"], "splits was not set, is 9"),
    of_estimated(
        "a constant of a module of one's own",
        edit("my_trees.py", ("LEAF = 2", "LEAF = 5")),
        TREE,
        "my_trees.py has changed",
        planned=False,
    ),
    of_estimated(
        "a function of it that nothing uses", edit("my_trees.py", ("return 1", "return 2")), NOTHING
    ),
    of_estimated("a comment in it", append("my_trees.py", "\n# A comment.\n"), NOTHING),
    of_estimated(
        "importance of the columns",
        importance(splits=1),
        [*IMPORTANCE, "report"],
        planned=False,
    ),
    of_estimated(
        "importance, and a setting of an estimator that is fitted again for it",
        several(importance(splits=1), model("tree", "settings", "depth", to=3)),
        [*TREE, *(job for job in IMPORTANCE)],
        "settings.depth was 2, is 3",
    ),
    of_estimated(
        "how estimators are made",
        edit("lineup/models/estimators.py", ("LARGEST_SEED = 2**31 - 1", "LARGEST_SEED = 2**30 - 1")),
        of_estimators(*ESTIMATORS),
        "lineup/models/estimators.py has changed",
    ),
]


@pytest.mark.parametrize("change", each_together(CHANGES))
def test_runs_exactly_what_is_stale(change, finished, tmp_path):
    check(change, finished, tmp_path)
