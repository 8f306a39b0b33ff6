"""Compares the penalty that is chosen with scikit-learn's, on the same folds and penalties of some splits.

    python benchmarks/penalties.py [--splits 20] [Caravan Khan NCI60 ...]

Two classes are fitted by liblinear, and then polished: where many columns are 0 in all but a few rows, held-out losses still move by
per cents while the objective moves by 1e-8 of itself, and liblinear has a small penalty on the constant. More classes are fitted by saga.
Of wide tables it gets the features that the sequential strong rules keep (Tibshirani and others 2012), and those that are then found to
violate the conditions of a minimum, until none does: so it minimizes over all features, in minutes in place of hours.
"""

import argparse
import io
import logging
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy.optimize import minimize
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from lineup.data.design import Design  # noqa: E402
from lineup.data.packages import open_wheel  # noqa: E402
from lineup.data.stratification import stratified_split  # noqa: E402
from lineup.models.class_search import Penalties, Settings, held_out_sets  # noqa: E402
from lineup.models.grid_search import Folds  # noqa: E402
from lineup.models.logistic_lasso import search  # noqa: E402


@dataclass(frozen=True)
class Table:
    """A table of the ISLP package, and the search that is made on it."""

    target: str
    penalties: int
    smallest: float  # of the penalties, as a share of the largest
    folds: int
    left_out: tuple[str, ...] = ()


TABLES = {
    "Caravan": Table("Purchase", 20, 0.05, 10),
    "Default": Table("default", 25, 0.01, 10),
    "OJ": Table("Purchase", 25, 0.01, 10),
    "Smarket": Table("Direction", 25, 0.01, 10, ("Today",)),
    "Weekly": Table("Direction", 25, 0.01, 10, ("Today",)),
    "Khan": Table("class", 6, 0.2, 3),
    "NCI60": Table("class", 6, 0.3, 3),
}


def frame_of(name: str) -> pd.DataFrame:
    """Reads a table; of Khan and NCI60 the package has features and classes in files of their own."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    source = next(one for one in config["datasets"]["hitters"]["sources"] if "wheel" in one)
    with open_wheel(source, logging.getLogger()) as opener:

        def read(file: str) -> io.BytesIO:
            with opener(f"ISLP/data/{file}") as (stream, _):
                return io.BytesIO(stream.read())

        if name == "Khan":
            sides = [
                [pd.read_csv(read(f"Khan_{part}{side}.csv")) for part in "xy"] for side in ("train", "test")
            ]
            frame = pd.concat([X.assign(**{"class": y.iloc[:, -1]}) for X, y in sides])
            return frame.loc[:, [column for column in frame if not column.startswith("Unnamed")]]
        if name == "NCI60":
            # Every tenth of the genes, for the time.
            frame = pd.DataFrame(np.load(read("NCI60data.npy"))[:, ::10]).add_prefix("gene_")
            return frame.assign(**{"class": pd.read_csv(read("NCI60labs.csv")).iloc[:, -1]})
        return pd.read_csv(read(f"{name}.csv"))


def design_of(name: str) -> Design:
    """Gives a table with its factors as 0/1 columns, without classes of one row."""
    table, frame = TABLES[name], frame_of(name).drop(columns=[*TABLES[name].left_out])
    frame = frame[frame.groupby(table.target)[table.target].transform("size") > 1]
    classes, y = np.unique(frame.pop(table.target), return_inverse=True)
    X = pd.get_dummies(frame, drop_first=True)
    return Design([*X], X.to_numpy(float), y, table.target, [*classes])


def losses_of_two(Z: np.ndarray, y: np.ndarray, out: tuple, penalties: np.ndarray) -> list[float]:
    """Fits two classes at all penalties, and gives the log losses on the rows held out.

    Where columns are the same in the rows of a fit, the minimum is not unique, and what is held out tells them apart: the first counts.
    """
    found, first = [], np.sort(np.unique(Z.round(9), axis=1, return_index=True)[1])
    Z, out = Z[:, first], (out[0][:, first], out[1])
    for penalty in penalties:
        model = LogisticRegression(
            l1_ratio=1,
            solver="liblinear",
            C=1 / (penalty * len(Z)),
            tol=1e-6,
            max_iter=10_000,
            intercept_scaling=1000.0,
        ).fit(Z, y)
        weights, constant = polished(Z, y, penalty, model.coef_[0], model.intercept_[0])
        found.append(log_loss(out[1], expit(out[0] @ weights + constant), labels=[0, 1]))
    return found


def polished(
    Z: np.ndarray, y: np.ndarray, penalty: float, weights: np.ndarray, constant: float
) -> tuple[np.ndarray, float]:
    """Goes on from a fit of two classes by SciPy, over the features in use with their signs, until the conditions of a minimum hold.

    With its signs fixed, the penalty is linear and the objective smooth. On the way to the minimum the first weight that comes to 0
    goes out; at the minimum the feature that violates its condition most comes in. The objective falls each time (feature-sign search,
    Lee and others 2007), and where all conditions hold it has its minimum.
    """
    n, signs, weights = len(Z), np.sign(weights), weights.copy()
    while True:
        used = np.flatnonzero(signs)
        A, slopes = np.column_stack([Z[:, used], np.ones(n)]), np.append(penalty * signs[used], 0.0)

        def value(beta: np.ndarray, A: np.ndarray = A, slopes: np.ndarray = slopes) -> float:
            margins = A @ beta
            return np.logaddexp(0, margins).mean() - y @ margins / n + slopes @ beta

        def gradient(beta: np.ndarray, A: np.ndarray = A, slopes: np.ndarray = slopes) -> np.ndarray:
            return A.T @ (expit(A @ beta) - y) / n + slopes

        def hessian(beta: np.ndarray, A: np.ndarray = A) -> np.ndarray:
            shares = expit(A @ beta)
            return (A.T * (shares * (1 - shares))) @ A / n

        beta = np.append(weights[used], constant)
        beta = minimize(value, beta, jac=gradient, hess=hessian, method="trust-exact", tol=1e-9).x
        # Once more, where the values differ by rounding alone; columns may be combinations of others.
        beta -= np.linalg.lstsq(hessian(beta), gradient(beta), rcond=None)[0]
        before = weights[used]
        turns = np.flatnonzero(beta[:-1] * signs[used] <= 0)
        shares = before[turns] / (before[turns] - beta[:-1][turns])
        share = min(shares, default=1.0)
        weights[used] = before + share * (beta[:-1] - before)
        constant += share * (beta[-1] - constant)
        if turns.size:
            out = used[turns[np.argmin(shares)]]
            weights[out] = signs[out] = 0
            continue
        slope = Z.T @ (expit(Z @ weights + constant) - y) / n
        missed = np.where(signs == 0, np.abs(slope), 0).argmax()
        if signs[missed] or abs(slope[missed]) <= penalty * (1 + 1e-9):
            return weights, constant
        signs[missed] = -np.sign(slope[missed])


def losses_of_many(
    Z: np.ndarray, y: np.ndarray, out: tuple, penalties: np.ndarray, tolerance: float
) -> list[float]:
    """Likewise of K classes, over the features that have to be looked at."""
    n, p = Z.shape
    actual = np.eye(y.max() + 1)[y]
    weights, constants = np.zeros((actual.shape[1], p)), np.log(actual.mean(axis=0))

    def slopes() -> np.ndarray:
        return np.abs(Z.T @ (softmax(Z @ weights.T + constants, axis=1) - actual) / n).max(axis=1)

    found, before = [], penalties[0]
    for penalty in penalties:
        kept = (slopes() >= 2 * penalty - before) | weights.any(axis=0)
        kept[slopes().argmax()] = True
        while True:
            model = LogisticRegression(
                l1_ratio=1,
                solver="saga",
                C=1 / (penalty * n),
                tol=tolerance,
                max_iter=20_000,
                warm_start=True,
                random_state=0,
            )
            model.classes_, model.coef_, model.intercept_ = (
                np.unique(y),
                weights[:, kept].copy(),
                constants.copy(),
            )
            model.fit(Z[:, kept], y)
            weights[:, kept], constants = model.coef_, model.intercept_
            missed = (slopes() > penalty * (1 + 1e-4)) & ~kept
            if not missed.any():
                break
            kept |= missed
        before = penalty
        found.append(log_loss(out[1], softmax(out[0] @ weights.T + constants, axis=1), labels=np.unique(y)))
    return found


def compare(name: str, splits: int, tolerance: float) -> None:
    """Prints on how many splits the same penalty is chosen, and how far the held-out losses are from each other."""
    design, table = design_of(name), TABLES[name]
    same, off, ours, theirs = 0, [], 0.0, 0.0
    settings = Settings(
        True,
        Penalties(table.penalties, table.smallest),
        "folds",
        Folds(table.folds, 1),
        "newton",
        0,
        1e-7,
        5000,
    )
    for seed in range(1, splits + 1):
        train, test = stratified_split(design.y, -(-len(design.y) // 4), seed)
        begin = time.process_time()
        found = search(design, train, test, seed, settings)
        middle, losses = time.process_time(), []
        for fit, held in held_out_sets(design.y, train, seed, settings):
            scaler, y = StandardScaler().fit(design.X[fit]), design.y[fit]
            Z, out = scaler.transform(design.X[fit]), (scaler.transform(design.X[held]), design.y[held])
            two = len(design.classes) == 2
            losses.append(
                losses_of_two(Z, y, out, found.penalties)
                if two
                else losses_of_many(Z, y, out, found.penalties, tolerance)
            )
        ours, theirs = ours + middle - begin, theirs + time.process_time() - middle
        same += int(np.mean(losses, axis=0).argmin()) == found.chosen
        off.append(np.abs(np.array(losses) / found.log_loss - 1))
    print(
        f"{name}, {len(train):,} x {design.X.shape[1]:,}: the same penalty on {same} of {splits} splits; held-out losses off by "
        f"{np.median(off):.0e} at the median and {np.max(off):.0e} at most; {ours / splits:.2f} s a split, scikit-learn {theirs / splits:.1f} s",
        flush=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("tables", nargs="*", default=list(TABLES))
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--tolerance", type=float, default=1e-6, help="of saga")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for table in options.tables:
        compare(table, options.splits, options.tolerance)
