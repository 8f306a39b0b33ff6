"""The jobs of the two small projects, each as its rule and wildcards, and which of them stand on what."""

# The table: four models of two splits, in one block.

MODELS = {"plain": "linear", "lasso_one": "lasso", "lasso_two": "lasso", "net": "mlp"}
LASSOS = ["lasso_one", "lasso_two"]
NOTHING: list[str] = []
DRAWN = ["compare.trial", "plot_comparison.trial", "report"]
TOGETHER = [*DRAWN, "timings.trial"]


def fits(*models, block=1):
    """Lists the jobs that fit some models on a block of splits."""
    return [f"fit_{MODELS[model]}.trial.{model}.{block}" for model in models]


def plots(*models):
    """Lists the jobs that draw some models."""
    return [f"plot_{MODELS[model]}.trial.{model}" for model in models]


def of(*models):
    """Lists the jobs that fit and draw some models, and what stands on all models."""
    return [*fits(*models), *plots(*models), *TOGETHER]


def after_fits(*models):
    """Lists what stands on the fits of some models, and is spared where these come out as they were."""
    return [*plots(*models), *DRAWN]


MODELLED = of(*MODELS)
SPLIT = ["split.trial.1", *MODELLED]
PREPARED = ["preprocess.trial", *SPLIT]
ALL = ["fetch.trial", *PREPARED]
FIGURES = [*plots(*MODELS), "plot_comparison.trial", "report"]

# The images: three models of two splits, in a block each.

MODELS_OF_IMAGES = {"linear_net": "mlp", "sparse": "logistic_lasso", "deep_net": "mlp"}
FIGURES_OF_IMAGES = {
    "linear_net": ["plot_training", "plot_classifier", "plot_mistakes", "plot_weights"],
    "sparse": ["plot_logistic_lasso", "plot_classifier", "plot_mistakes", "plot_weights"],
    "deep_net": ["plot_training", "plot_classifier", "plot_mistakes"],
}
NETWORKS = ["linear_net", "deep_net"]
DRAWN_IMAGES = ["compare.rows", "plot_comparison.rows", "report"]
TOGETHER_IMAGES = [*DRAWN_IMAGES, "timings.rows"]


def of_images(*models):
    """Lists the jobs that fit and draw some models of images, and what stands on all models."""
    fitted = [f"fit_{MODELS_OF_IMAGES[model]}.rows.{model}.{block}" for model in models for block in (1, 2)]
    figures = [f"{rule}.rows.{model}" for model in models for rule in FIGURES_OF_IMAGES[model]]
    return sorted([*fitted, *figures, *TOGETHER_IMAGES])


def drawn(rule, *models):
    """Lists the jobs of a rule that draw some models of images, and the report."""
    return [*(f"{rule}.rows.{model}" for model in models), "report"]


PREPARED_IMAGES = ["preprocess_images.rows", "split.rows.1", "split.rows.2", *of_images(*MODELS_OF_IMAGES)]
ALL_OF_IMAGES = ["fetch_images.rows", *PREPARED_IMAGES]
# Some figures show the first split alone, so another second split leaves them as they are.
SECOND_SPLIT = [
    *TOGETHER_IMAGES,
    "split.rows.2",
    *(f"fit_mlp.rows.{model}.2" for model in NETWORKS),
    "fit_logistic_lasso.rows.sparse.2",
    *(f"plot_training.rows.{model}" for model in NETWORKS),
    *(f"plot_classifier.rows.{model}" for model in MODELS_OF_IMAGES),
    "plot_logistic_lasso.rows.sparse",
]


# The table of classes: two models.

FIGURES_OF_CLASSES = {
    "plain": ["plot_classifier", "plot_coefficients"],
    "sparse": ["plot_logistic_lasso", "plot_classifier", "plot_coefficients"],
}
DRAWN_CLASSES = ["compare.grades", "plot_comparison.grades", "report"]


def of_classes(*models):
    """Lists the jobs that fit and draw some models of classes in a table, and what stands on all models."""
    kinds = {"plain": "logistic", "sparse": "logistic_lasso"}
    return [
        *(f"fit_{kinds[model]}.grades.{model}.1" for model in models),
        *(f"{rule}.grades.{model}" for model in models for rule in FIGURES_OF_CLASSES[model]),
        *DRAWN_CLASSES,
        "timings.grades",
    ]


SPLIT_CLASSES = ["split.grades.1", *of_classes(*FIGURES_OF_CLASSES)]
PREPARED_CLASSES = ["preprocess.grades", *SPLIT_CLASSES]
ALL_OF_CLASSES = ["fetch.grades", *PREPARED_CLASSES]


# The table with estimators: least squares, a tree of a module of one's own, and nearest neighbours with a search.

ESTIMATORS = ["tree", "nearest"]
DRAWN_ESTIMATED = ["compare.estimated", "plot_comparison.estimated", "report"]


def of_estimators(*models, block="1"):
    """Lists the jobs that fit and draw some estimators, and what stands on all models."""
    return [
        *(f"fit_sklearn.estimated.{model}.{block}" for model in models),
        *(f"plot_sklearn.estimated.{model}" for model in models),
        *DRAWN_ESTIMATED,
        "timings.estimated",
    ]


ALL_OF_ESTIMATED = [
    *("fetch.estimated", "preprocess.estimated", "split.estimated.1"),
    *("fit_linear.estimated.plain.1", "plot_linear.estimated.plain"),
    *of_estimators(*ESTIMATORS),
]

# The table with code that does more than its names say: one model, and three rules of a person's own.

OWN = ["shout", "say", "tell"]
FIGURES_OF_CODED = ["plot_linear.coded.plain", "plot_comparison.coded", "report"]
COMPARED_CODED = ["compare.coded", "plot_comparison.coded", "report", *OWN]
FITTED_CODED = ["fit_linear.coded.plain.1", "plot_linear.coded.plain", "timings.coded", *COMPARED_CODED]
ALL_OF_CODED = ["fetch.coded", "preprocess.coded", "split.coded.1", *FITTED_CODED]
