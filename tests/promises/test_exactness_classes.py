"""What runs again in a project on a table of classes."""

import pytest
from support.changes import Change, append, check, each_together, edit, model, setting
from support.jobs import DRAWN_CLASSES, PREPARED_CLASSES, SPLIT_CLASSES, of_classes


def of_grades(name, make, jobs, says="", **more):
    """Gives a change to the project on classes. A dry run is enough, unless told otherwise."""
    return Change(f"classes: {name}", make, jobs, says, **{"planned": True, "dataset": "grades"} | more)


def grades(*keys, to):
    """Gives the change of a setting of the table."""
    return setting("datasets", "grades", *keys, to=to)


SPARSE = of_classes("sparse")


def drop_the_penalized(place):
    """Takes a model out of the config, the figures of which come from a rule of all kinds."""
    place.dataset["models"].remove("sparse")
    del place.config["models"]["sparse"]


CHANGES = [
    of_grades("rare_classes", grades("rare_classes", to=1), PREPARED_CLASSES, "rare_classes was 2, is 1"),
    of_grades(
        "positive",
        lambda place: place.dataset.update(positive="bad"),
        PREPARED_CLASSES,
        "positive was",
        planned=False,
    ),
    of_grades(
        "threshold",
        grades("threshold", to=0.3),
        [*DRAWN_CLASSES, "plot_classifier.grades.plain", "plot_classifier.grades.sparse"],
        "threshold was not set, is 0.3",
        planned=False,
    ),
    of_grades("metric", grades("metric", to="auc"), DRAWN_CLASSES, "metric was log_loss, is auc"),
    of_grades("stratify", grades("splits", "stratify", to=False), SPLIT_CLASSES, "stratify was"),
    of_grades(
        "penalized: validation",
        model("sparse", "validation", to=0.25),
        SPARSE,
        "validation was folds",
        planned=False,
    ),
    of_grades(
        "penalized: folds.number",
        model("sparse", "folds", "number", to=4),
        SPARSE,
        "folds.number was 3, is 4",
    ),
    of_grades(
        "penalized: folds.seed", model("sparse", "folds", "seed", to=2), SPARSE, "folds.seed was 1, is 2"
    ),
    of_grades(
        "penalized: solver", model("sparse", "solver", to="saga"), SPARSE, "solver was newton, is saga"
    ),
    of_grades("penalized: tolerance", model("sparse", "tolerance", to=1e-6), SPARSE, "tolerance was"),
    of_grades("logistic: threads: only the report shows it", model("plain", "threads", to=2), ["report"]),
    of_grades(
        "a model is gone from the config",
        drop_the_penalized,
        [*DRAWN_CLASSES, "timings.grades"],
        "models: sparse is no longer used",
    ),
    of_grades(
        "the code of fit_logistic",
        append("lineup/models/logistic.py", "\nimport math\n\nmath.tau = 6.0\n"),
        of_classes("plain", "sparse"),
        "lineup/models/logistic.py has changed",
    ),
    of_grades(
        "the code of the solver that both have",
        edit("lineup/models/proximal_newton.py", ("STALE = 0.3", "STALE = 0.2")),
        of_classes("plain", "sparse"),
        "lineup/models/proximal_newton.py has changed",
        planned=False,
        spared=[job for job in of_classes("plain", "sparse") if not job.startswith(("fit_", "timings"))],
    ),
    of_grades(
        "the code of the ROC curve",
        edit("lineup/figures/roc.py", ("np.linspace(0, 1, 201)", "np.linspace(0, 1, 101)")),
        ["plot_classifier.grades.plain", "plot_classifier.grades.sparse", "report"],
        "lineup/figures/roc.py has changed",
    ),
]


@pytest.mark.parametrize("change", each_together(CHANGES))
def test_runs_exactly_what_is_stale(change, finished, tmp_path):
    check(change, finished, tmp_path)
