"""Tries all estimators of scikit-learn on a small table, and writes docs/estimators.md: which go through, and what is said of the others."""

import sys
from pathlib import Path

import numpy as np
import sklearn
from sklearn.utils import all_estimators

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lineup.data.design import Design  # noqa: E402
from lineup.models.estimators import problem_of  # noqa: E402
from lineup.models.grid_search import Folds  # noqa: E402
from lineup.models.sklearn import Fitter, Searched, Settings  # noqa: E402

PAGE = ROOT / "docs" / "estimators.md"
BEGIN = "<!-- Written by docs/estimators.py, from here to the end mark. -->\n"
END = "<!-- End. -->\n"
KINDS = {"regressor": "regression", "classifier": "classification"}
ROWS = 60


def table_for(task: str) -> Design:
    """Makes a small table, with a number or three classes as the target."""
    chance = np.random.default_rng(0)
    X = chance.normal(size=(ROWS, 4))
    signal = X @ [3.0, -2.0, 1.0, 0.0] + chance.normal(size=ROWS)
    if task == "regression":
        return Design([*"abcd"], X, signal, "y")
    return Design([*"abcd"], X, np.digitize(signal, [-1.5, 1.5]), "y", ["low", "middle", "high"])


def outcome(name: str, path: str, task: str) -> str:
    """Says what comes of an estimator with the settings that it has by itself."""
    model = {"estimator": path, "settings": {}, "packages": ["sklearn"], "search": {"settings": {}}}
    problem = problem_of(model, [task])
    if problem:
        return problem
    searched = Searched({}, "grid", 1, "auto", Folds(2, 1))
    settings = Settings(path, {}, ["sklearn"], False, searched, "leave_out", 0)
    fit = Fitter(table_for(task), settings).fit(np.arange(40), np.arange(40, ROWS), 1)
    return fit.failure or "goes through"


def lines() -> list[str]:
    """Writes a line of the table for each estimator."""
    found = []
    for kind, task in KINDS.items():
        for name, maker in all_estimators(type_filter=kind):
            public = maker.__module__.split("._")[0]
            found.append(f"| `{public}.{name}` | {task} | {outcome(name, f'{public}.{name}', task)} |\n")
    return found


def page(text: str) -> str:
    """Gives the page with the table in its place."""
    head, rest = text.split(BEGIN)
    rows = lines()
    through = sum("| goes through |" in row for row in rows)
    said = f"Of {len(rows)} estimators of scikit-learn {sklearn.__version__}, {through} go through as they are.\n\n"
    return (
        head
        + BEGIN
        + "\n"
        + said
        + "| estimator | task | what comes of it |\n|---|---|---|\n"
        + "".join(rows)
        + "\n"
        + END
        + rest.split(END)[1]
    )


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
