"""Small datasets, made up for the tests, and models of each kind that are soon fitted."""

import copy
import hashlib

import numpy as np
import yaml
from support.tree import ROOT


def small_csv(path, seed, rows=40, target="strength"):
    """Writes a table of four numbers, a factor of two levels, one of three and a target."""
    random = np.random.default_rng(seed)
    numbers = random.normal(size=(rows, 4))
    treated, dose = random.choice(["no", "yes"], rows), random.choice(["high", "low", "mid"], rows)
    y = 10 + numbers @ [1.0, -2.0, 0.0, 0.5] + 3 * (treated == "yes") + random.normal(size=rows)
    lines = [f"width,depth,heat,age,treated,dose,{target}"]
    for row, *factors, value in zip(numbers, treated, dose, y, strict=True):
        lines.append(",".join([*(f"{number:.4f}" for number in row), *factors, f"{value:.4f}"]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def small_dataset(csv, **changes):
    """Describes a table of ``small_csv`` as config.yaml does, with two splits."""
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    dataset = next(iter(shipped["datasets"].values()))
    return dataset | {
        "sources": [{"file": str(csv)}],
        "sha256": hashlib.sha256(csv.read_bytes()).hexdigest(),
        "title": "Strength of made-up beams",
        "target": "strength",
        "target_unit": "newton",
        "splits": {"method": "random", "folds": 10, "test_share": 0.25, "seeds": [3, 4], "block_size": 10},
        "models": ["plain", "lasso_one", "lasso_two", "net"],
        "reference": "plain",
        "published": [],
        **changes,
    }


def small_estimator():
    """Describes an estimator as config.yaml does, on all splits and with few folds."""
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["models"]["forest"]
    soon = {"threads": 1, "search": shipped["search"] | {"folds": {"number": 3, "seed": 1}}}
    return copy.deepcopy({key: value for key, value in shipped.items() if key != "splits"} | soon)


def small_models():
    """Describes a model of each kind and a second lasso, of config.yaml but soon fitted."""
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["models"]
    first = {model["kind"]: model for model in reversed(shipped.values())}
    lasso = first["lasso"] | {
        "penalties": {"number": 8, "smallest": 0.01, "standardize": True},
        "folds": {"number": 3, "seed": 1},
    }
    net = first["mlp"] | {
        "hidden": [6],
        "dropout": [0.2],
        "epochs": 2,
        "batch_size": 8,
        "threads": 2,
        "accelerator": "cpu",
    }
    models = {
        "plain": first["linear"],
        "lasso_one": lasso,
        "lasso_two": lasso | {"standardize": not lasso["standardize"]},
        "net": net,
    }
    return {name: copy.deepcopy(model) for name, model in models.items()}


# What a comparison is told where nothing is trained again.
NO_TRAININGS = {"number": 1, "splits": 0, "models": []}

# What the rule that trains networks writes, but for its record.
# The settings of a network that is soon trained.
NETWORK = {
    "standardize": True, "standardize_target": True, "hidden": [4], "dropout": [0.0], "loss": "squared_error",
    "optimizer": "adam", "learning_rate": 0.01, "batch_size": 16, "epochs": 4, "seed": 0, "validation": "test",
    "accelerator": "cpu", "precision": "32-true", "processes": 1, "patience": "none", "weights": "last",
    "threads_per_network": 1, "threads": 1,
}  # fmt: skip

NETWORK_FILES = {
    "predictions": "predictions.parquet",
    "scores": "scores.parquet",
    "training_log": "training_log.csv",
    "learning_curves": "learning_curves.parquet",
    "summary": "summary.txt",
    "weights": "weights.safetensors",
}
IMAGE_FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}


def small_images(folder, seed, train=60, test=24, size=6, classes=3):
    """Writes the four files of a set of images: a class has a bright row of its own, under noise."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for side, rows in (("train", train), ("test", test)):
        labels = random.integers(0, classes, rows).astype(np.uint8)
        images = random.integers(0, 120, (rows, size, size)).astype(np.uint8)
        images[np.arange(rows), labels] += 90
        for what, values in (("images", images), ("labels", labels)):
            # The format: two zeros, 8 for bytes, the number of axes, their lengths, and the values.
            head = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">i4").tobytes()
            (folder / IMAGE_FILES[f"{side}_{what}"]).write_bytes(head + values.tobytes())
    return folder


def small_csv_of_classes(path, seed, rows=40):
    """Writes a table of ``small_csv`` with ``good`` and ``bad`` in place of the numbers, and one row that is neither."""
    small_csv(path, seed, rows, target="grade")
    first, *lines = path.read_text(encoding="utf-8").splitlines()
    cut = [line.rpartition(",") for line in lines]
    middle = np.median([float(value) for _, _, value in cut])
    grades = ["odd", *("good" if float(value) > middle else "bad" for _, _, value in cut[1:])]
    written = [f"{line},{grade}" for (line, _, _), grade in zip(cut, grades, strict=True)]
    path.write_text("\n".join([first, *written]) + "\n", encoding="utf-8")
    return path


def small_dataset_of_classes(csv, **changes):
    """Describes such a table, with two splits."""
    dataset = small_dataset(csv)
    of_classes = {"task": "classification", "target": "grade", "target_unit": "", "metric": "log_loss"}
    of_classes |= {"null_model": "frequencies", "splits": dataset["splits"] | {"stratify": True}}
    return dataset | of_classes | {"models": ["plain", "sparse"]} | changes


def small_models_for_classes():
    """Describes a logistic regression, and one with a penalty, of which both are soon fitted."""
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["models"]
    soon = {"penalties": {"number": 5, "smallest": 0.05}, "folds": {"number": 3, "seed": 1}}
    return copy.deepcopy({"plain": shipped["logistic"], "sparse": shipped["logistic_lasso"] | soon})


def small_images_dataset(folder, **changes):
    """Describes a set of ``small_images`` as config.yaml does, with two splits."""
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["datasets"]["mnist"]
    return shipped | {
        "sources": [{"file": str(folder)}],
        "sha256": {
            key: hashlib.sha256((folder / name).read_bytes()).hexdigest() for key, name in IMAGE_FILES.items()
        },
        "title": "Made-up rows",
        "target": "row",
        "classes": ["top", "upper", "lower"],
        "splits": {"test_share": "given", "seeds": [3, 4], "block_size": 1},
        "models": ["linear_net", "sparse", "deep_net"],
        "reference": "linear_net",
        "published": [],
        **changes,
    }


def small_models_of_classes():
    """Describes models of classes, of config.yaml but soon fitted."""
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["models"]
    soon = {"epochs": 3, "batch_size": 16, "accelerator": "cpu"}
    models = {
        "linear_net": shipped["multinomial"] | soon,
        "sparse": shipped["multinomial_lasso"] | {"penalties": {"number": 3, "smallest": 0.05}},
        "deep_net": shipped["digits_network"] | soon | {"hidden": [8], "dropout": [0.2]},
    }
    return {name: copy.deepcopy(model) for name, model in models.items()}
