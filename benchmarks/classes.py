"""Compares the search of a penalty for two classes with scikit-learn's LogisticRegressionCV, on the same folds and penalties.

    python benchmarks/classes.py [--penalties 25] [--tolerance 1e-4] [Default Smarket Caravan]

Each table of the ISLP package is split once; both sides search the same grid on the same ten folds and fit again on all training
rows. How far off the minimum each is, is measured by a third search at a tight tolerance: the largest excess of the objective
over all folds and penalties, as a share of the loss without features. Times are those of the processor.
"""

import argparse
import io
import logging
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from sklearn.linear_model import LogisticRegressionCV  # noqa: E402

from lineup.data.design import Design  # noqa: E402
from lineup.data.packages import open_wheel  # noqa: E402
from lineup.data.stratification import stratified_split  # noqa: E402
from lineup.models.class_search import Penalties, Settings, held_out_sets  # noqa: E402
from lineup.models.grid_search import Folds  # noqa: E402
from lineup.models.newton_search import Together, search_by_newton  # noqa: E402

TARGETS = {"Default": "default", "Smarket": "Direction", "Caravan": "Purchase"}
SMALLEST = 0.01
# At the largest penalties, where no coefficient can change, saga stops at once, whatever its tolerance.
BEGUN = 3


def design_of(name: str) -> Design:
    """Reads a table of the ISLP package, with its factors as 0/1 columns."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    source = next(one for one in config["datasets"]["hitters"]["sources"] if "wheel" in one)
    with (
        open_wheel(source, logging.getLogger()) as opener,
        opener(f"ISLP/data/{name}.csv") as (stream, _),
    ):
        frame = pd.read_csv(io.BytesIO(stream.read()))
    classes, y = np.unique(frame.pop(TARGETS[name]), return_inverse=True)
    X = pd.get_dummies(frame, drop_first=True)
    return Design([*X], X.to_numpy(float), y, TARGETS[name], [*classes])


def compare(name: str, number: int, tolerance: float) -> None:
    """Prints the times and the errors of both sides for a table."""
    design = design_of(name)
    train, test = stratified_split(design.y, len(design.y) // 4, 1)
    settings = Settings(True, Penalties(number, SMALLEST), "folds", Folds(10, 1), "newton", 0, 1e-5, 1000)
    held = held_out_sets(design.y, train, 1, settings)
    search_by_newton(design, train, test, held, 1, settings)  # what is imported late
    begin = time.process_time()
    found = search_by_newton(design, train, test, held, 1, settings)
    ours = time.process_time() - begin

    # The features standardized once: scikit-learn's side has no scaler of its own to pay for in each fold.
    X = design.X[train]
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    place = {row: number for number, row in enumerate(train)}
    folds = [([place[row] for row in fit], [place[row] for row in out]) for fit, out in held]
    C = 1 / (found.penalties * len(train))
    model = LogisticRegressionCV(
        Cs=C, cv=folds, l1_ratios=(1,), solver="saga", tol=tolerance, max_iter=10_000, scoring="neg_log_loss",
        random_state=0, use_legacy_attributes=False,
    )  # fmt: skip
    begin = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(Z, design.y[train])
    theirs = time.process_time() - begin

    # Each side is set beside the minimum of its own problem.
    excess = {"ours": [], "saga": []}
    for fold, (fit, _) in enumerate(folds):
        inside = np.zeros((1, len(train)), dtype=bool)
        inside[0, fit] = True
        for side, weighed in (("ours", True), ("saga", False)):
            tight = Together.of(design, X, train, inside, [], replace(settings, tolerance=1e-9))
            loose = Together.of(design, X, train, inside, [], settings)
            # Here features are in units of the rows of the fold, there of all training rows.
            units = X.std(axis=0) / tight.spread
            if not weighed:
                tight.path.fits.weights[0, 1:] = units
            some = np.array([0])
            null = tight.path.fits.objectives(tight.path.B, 0.0, some)[0]
            for step, penalty in enumerate(found.penalties):
                # A sum over fewer rows has a smaller penalty as a mean.
                penalty = penalty if weighed else 1 / (C[step] * len(fit))
                tight.path.step_to(penalty)
                best = tight.path.fits.objectives(tight.path.B, penalty, some)[0]
                if weighed:
                    loose.path.step_to(penalty)
                    B = loose.path.B
                else:
                    path = np.asarray(model.coefs_paths_).reshape(len(folds), number, -1)[fold, step]
                    constant = path[-1] + path[:-1] @ ((tight.centre - X.mean(axis=0)) / X.std(axis=0))
                    B = np.append(constant, path[:-1] / units)[None, :, None]
                if step >= BEGUN:
                    excess[side].append((tight.path.fits.objectives(B, penalty, some)[0] - best) / null)
    print(
        f"{name}, {len(train):,} x {X.shape[1]}, {number} penalties: ours {ours:.3f} s, LogisticRegressionCV {theirs:.1f} s: "
        f"{theirs / ours:.0f} times; off the minimum by at most {max(excess['ours']):.1e} and {max(excess['saga']):.1e}",
        flush=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("tables", nargs="*", default=list(TARGETS))
    parser.add_argument("--penalties", type=int, default=25)
    parser.add_argument("--tolerance", type=float, default=1e-4)
    options = parser.parse_args()
    for table in options.tables:
        compare(table, options.penalties, options.tolerance)
