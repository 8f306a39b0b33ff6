"""What runs again in a project on images."""

import pytest
from support.changes import (
    Change,
    append,
    check,
    delete,
    each_together,
    edit,
    model,
    newer,
    setting,
    spoil,
    upgraded,
)
from support.data import small_images, small_images_dataset
from support.jobs import (
    ALL_OF_IMAGES,
    DRAWN_IMAGES,
    NETWORKS,
    NOTHING,
    PREPARED_IMAGES,
    SECOND_SPLIT,
    drawn,
    of_images,
)


def of_rows(name, make, jobs, says="", **more):
    """Gives a change to the project on images. A dry run is enough, unless told otherwise."""
    return Change(f"images: {name}", make, jobs, says, **{"planned": True, "dataset": "rows"} | more)


def images(*keys, to):
    """Gives the change of a setting of the set of images."""
    return setting("datasets", "rows", *keys, to=to)


def other_images(place):
    small_images(place.folder / "rows", seed=8)
    place.dataset["sha256"] = small_images_dataset(place.folder / "rows")["sha256"]


def drop_a_model_of_images(place):
    place.dataset["models"].remove("sparse")


CHANGES = [
    of_rows("the files are others", other_images, ALL_OF_IMAGES, "sha256", planned=False),
    of_rows(
        "a file is cut off",
        spoil("rows/raw/train-images-idx3-ubyte", lambda old: old[:100]),
        ALL_OF_IMAGES,
        "train-images-idx3-ubyte was cut off: it has 100 of",
    ),
    of_rows(
        "a file is deleted",
        delete("rows/raw/t10k-labels-idx1-ubyte"),
        ALL_OF_IMAGES,
        "t10k-labels-idx1-ubyte is missing",
    ),
    of_rows(
        "the digit of a class is changed in the table",
        spoil("rows/table.parquet", lambda old: old[:-20] + bytes([old[-20] ^ 1]) + old[-19:]),
        PREPARED_IMAGES,
        "results/rows/table.parquet was changed after it was made",
    ),
    of_rows(
        "sources: another place to look",
        lambda place: place.dataset["sources"].append({"file": "elsewhere"}),
        ["report"],
        "sources was",
    ),
    of_rows("title", images("title", to="Other rows"), ["report"], "title was Made-up rows, is Other rows"),
    of_rows("classes", images("classes", to=["a", "b", "c"]), PREPARED_IMAGES, "; a, b, c are used now"),
    of_rows("target", images("target", to="place"), PREPARED_IMAGES, "target was row, is place"),
    of_rows(
        "reference", images("reference", to="sparse"), DRAWN_IMAGES, "reference was linear_net, is sparse"
    ),
    of_rows(
        "seeds: the second is another", images("splits", "seeds", to=[3, 5]), SECOND_SPLIT, planned=False
    ),
    of_rows(
        "models: one is removed",
        drop_a_model_of_images,
        [*DRAWN_IMAGES, "timings.rows"],
        planned=False,
    ),
    of_rows("network: hidden", model("deep_net", "hidden", to=[9]), of_images("deep_net"), "hidden was"),
    of_rows(
        "network: dropout",
        model("deep_net", "dropout", to=[0.5]),
        of_images("deep_net"),
        "dropout was",
        planned=False,
    ),
    of_rows(
        "network: weights",
        model("linear_net", "weights", to="best"),
        of_images("linear_net"),
        "weights was last, is best",
    ),
    of_rows(
        "network: threads_per_network",
        model("deep_net", "threads_per_network", to=2),
        of_images("deep_net"),
        "threads_per_network was 1, is 2",
    ),
    of_rows(
        "network: threads: only the report shows it",
        model("deep_net", "threads", to=2),
        ["report"],
        "deep_net.threads was 1, is 2",
    ),
    of_rows(
        "logistic: penalties.number",
        model("sparse", "penalties", "number", to=4),
        of_images("sparse"),
        "penalties.number was 3, is 4",
    ),
    of_rows(
        "logistic: penalties.smallest",
        model("sparse", "penalties", "smallest", to=0.1),
        of_images("sparse"),
        "penalties.smallest was 0.05, is 0.1",
    ),
    of_rows(
        "logistic: standardize", model("sparse", "standardize", to=True), of_images("sparse"), "standardize"
    ),
    of_rows("logistic: validation", model("sparse", "validation", to=0.3), of_images("sparse"), "validation"),
    of_rows("logistic: seed", model("sparse", "seed", to=1), of_images("sparse"), "seed was 0, is 1"),
    of_rows(
        "logistic: tolerance", model("sparse", "tolerance", to=0.02), of_images("sparse"), "tolerance was"
    ),
    of_rows(
        "logistic: max_iterations",
        model("sparse", "max_iterations", to=30),
        of_images("sparse"),
        "max_iterations was 20, is 30",
    ),
    of_rows(
        "logistic: threads: only the report shows it",
        model("sparse", "threads", to=2),
        ["report"],
        "sparse.threads was 1, is 2",
    ),
    of_rows(
        "the code that gets the files is edited: their digests decide",
        append("lineup/data/image_sources.py", "\nimport math\n\nmath.tau = 6.0\n"),
        NOTHING,
    ),
    of_rows(
        "the code of preprocess_images",
        edit("lineup/data/images.py", ("GROUP = 5000", "GROUP = 4000")),
        PREPARED_IMAGES,
        "lineup/data/images.py has changed",
    ),
    of_rows(
        "the code of fit_logistic_lasso",
        append("lineup/models/logistic_lasso.py", "\nimport math\n\nmath.tau = 6.0\n"),
        of_images("sparse"),
        "lineup/models/logistic_lasso.py has changed",
    ),
    of_rows(
        "the code of plot_classifier",
        edit("lineup/figures/classes.py", ("BINS = 10", "BINS = 8")),
        drawn("plot_classifier", *NETWORKS, "sparse"),
        "lineup/figures/classes.py has changed",
        planned=False,
    ),
    of_rows(
        "the code of plot_training",
        edit("lineup/figures/training.py", ("BAND = 10", "BAND = 9")),
        drawn("plot_training", *NETWORKS),
        "lineup/figures/training.py has changed",
        planned=False,
        spared=["report"],
    ),
    of_rows(
        "the code of plot_weights",
        edit("lineup/figures/weights.py", ("COLUMNS = 5", "COLUMNS = 4")),
        drawn("plot_weights", "linear_net", "sparse"),
        "lineup/figures/weights.py has changed",
        planned=False,
        spared=["report"],
    ),
    of_rows(
        "a library is upgraded: torchvision, which reads the files",
        newer("torchvision"),
        PREPARED_IMAGES,
        upgraded("torchvision"),
    ),
    of_rows(
        "a library is upgraded: scikit-learn, which fits the regression",
        newer("scikit-learn"),
        of_images("sparse"),
        upgraded("scikit-learn"),
    ),
    of_rows(
        "a library is upgraded: torchmetrics",
        newer("torchmetrics"),
        of_images(*NETWORKS),
        upgraded("torchmetrics"),
    ),
]


@pytest.mark.parametrize("change", each_together(CHANGES))
def test_runs_exactly_what_is_stale(change, finished, tmp_path):
    check(change, finished, tmp_path)
