"""The projects that changes are made to."""

import copy

from support.changes import Place
from support.constructs import add_constructs
from support.data import (
    small_csv,
    small_csv_of_classes,
    small_dataset,
    small_dataset_of_classes,
    small_estimator,
    small_images,
    small_images_dataset,
    small_models,
    small_models_for_classes,
    small_models_of_classes,
)
from support.jobs import ALL, ALL_OF_CLASSES, ALL_OF_CODED, ALL_OF_ESTIMATED, ALL_OF_IMAGES, LASSOS, MODELS
from support.tree import sketching_tree


def trial(folder):
    """A small table and four models."""
    models = small_models()
    for name in LASSOS:
        models[name]["folds"] = {"number": 3, "seed": 2}
    models["net"] |= {"hidden": [4, 6, 6], "dropout": [0.1, 0.2, 0.2]}
    csv = small_csv(folder / "trial.csv", seed=1)
    return {"trial": small_dataset(csv) | {"sources": [{"file": "trial.csv"}]}}, models, ALL


def rows(folder):
    """A small set of images and three models."""
    images = small_images(folder / "rows", seed=1)
    dataset = small_images_dataset(images) | {"sources": [{"file": "rows"}]}
    return {"rows": dataset}, small_models_of_classes(), ALL_OF_IMAGES


def grades(folder):
    """A small table of classes and two models."""
    csv = small_csv_of_classes(folder / "grades.csv", seed=1)
    dataset = small_dataset_of_classes(csv) | {"sources": [{"file": "grades.csv"}]}
    return {"grades": dataset}, small_models_for_classes(), ALL_OF_CLASSES


def many(folder):
    """Two tables in blocks of two splits, and three models."""
    models = {name: settings for name, settings in small_models().items() if name != "lasso_two"}
    models["net"] |= {"hidden": [4, 6], "dropout": [0.1, 0.2]}
    datasets, jobs = {}, ["report"]
    for seed, (name, last, used) in enumerate(
        [("trial", 6, [*models]), ("other", 4, ["plain", "lasso_one"])]
    ):
        splits = {"test_share": 0.25, "seeds": {"first": 1, "last": last}, "block_size": 2}
        csv = small_csv(folder / f"{name}.csv", seed)
        dataset = small_dataset(csv, splits=splits, models=used) | {"sources": [{"file": csv.name}]}
        datasets[name] = dataset
        jobs += [
            f"{rule}.{name}" for rule in ("fetch", "preprocess", "compare", "plot_comparison", "timings")
        ]
        jobs += [f"plot_{MODELS[model]}.{name}.{model}" for model in used]
        for block in range(1, last // 2 + 1):
            jobs += [
                f"split.{name}.{block}",
                *(f"fit_{MODELS[model]}.{name}.{model}.{block}" for model in used),
            ]
    return datasets, models, jobs


def coded(folder):
    """A small table and one model, with code that does more than its names say, and with rules of a person's own."""
    models = {"plain": small_models()["plain"]}
    csv = small_csv(folder / "coded.csv", seed=1)
    dataset = small_dataset(csv, models=["plain"]) | {"sources": [{"file": "coded.csv"}]}
    return {"coded": dataset}, models, ALL_OF_CODED


def estimated(folder):
    """A small table, and estimators of scikit-learn and of a module of a person's own."""
    models = {
        "plain": small_models()["plain"],
        "tree": small_estimator()
        | {"estimator": "my_trees.make_tree", "settings": {"depth": 2}, "packages": ["my_trees"]},
        "nearest": small_estimator()
        | {
            "estimator": "sklearn.neighbors.KNeighborsRegressor",
            "settings": {},
            "search": small_estimator()["search"] | {"settings": {"n_neighbors": [2, 4]}},
        },
    }
    csv = small_csv(folder / "estimated.csv", seed=1)
    dataset = small_dataset(csv, models=[*models]) | {"sources": [{"file": "estimated.csv"}]}
    return {"estimated": dataset}, models, ALL_OF_ESTIMATED


def add_module(tree):
    """Adds a module of a person's own to a tree."""
    (tree / "my_trees.py").write_text(MY_TREES, encoding="utf-8")


MY_TREES = '''
from sklearn.tree import DecisionTreeRegressor

LEAF = 2


def make_tree(depth=1):
    """Makes a tree."""
    return DecisionTreeRegressor(max_depth=depth, min_samples_leaf=LEAF)


def unused():
    return 1
'''

PROJECTS = {
    "estimated": estimated,
    "many": many,
    "trial": trial,
    "rows": rows,
    "grades": grades,
    "coded": coded,
}
# What is added to the tree of a project.
ADDED = {"coded": add_constructs, "estimated": add_module}


def place_of(name, base, tree_of=sketching_tree):
    """Writes a project into a folder, with a copy of the tree, and lists the jobs of its first run."""
    for part in ("tree", "work"):
        (base / part).mkdir(parents=True)
    datasets, models, jobs = PROJECTS[name](base / "work")
    config = {"build": list(datasets), "datasets": datasets, "models": models}
    tree = tree_of(base / "tree")
    ADDED.get(name, lambda tree: None)(tree)
    return Place(base / "work", tree, copy.deepcopy(config), {}, (), next(iter(datasets))), jobs
