"""Compares the lasso's whole grid search on wide tables with scikit-learn's LassoCV, on the same folds, penalties and gap.

    python benchmarks/wide.py [--rounds 3]

The tables are made up, in the shapes of Khan (63 x 2,308) and NCI60 (64 x 6,830): five features and noise. LassoCV has them
standardized beforehand, which is less work than in each fold. Times are those of the processor, of one thread, the sides in turn.
"""

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from sklearn.linear_model import LassoCV  # noqa: E402

from lineup.models.grid_search import Folds, Training, fold_rows  # noqa: E402
from lineup.models.lasso import Penalties, Settings, search  # noqa: E402

SHAPES = {"Khan": (63, 2308), "NCI60": (64, 6830)}
GAP = 1e-8


def compare(name: str, rounds: int) -> tuple[float, float]:
    """Prints the median times of both sides, and gives them."""
    n, p = SHAPES[name]
    chance, spent = np.random.default_rng(0), []
    settings = Settings(True, Penalties(100, 0.01, True), Folds(10, 1), GAP, 10**6)
    everything = np.arange(n)
    folds = [(np.delete(everything, rows), rows) for rows in fold_rows(n, settings.folds)]
    for _ in range(rounds):
        X = chance.normal(size=(n, p))
        y = X[:, :5] @ [3.0, -2.0, 1.0, 1.0, 0.5] + chance.normal(size=n)
        Z = (X - X.mean(axis=0)) / X.std(axis=0)
        times = [time.process_time()]
        found = search(Training(X[None], y[None]), settings)
        times.append(time.process_time())
        LassoCV(alphas=found.penalties[0], cv=folds, tol=GAP, max_iter=10**6).fit(Z, y)
        times.append(time.process_time())
        spent.append(np.diff(times))
        assert found.solved_again == 0
    ours, theirs = np.median(spent, axis=0)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name} {n} x {p}: {ours:.3f} s, LassoCV {theirs:.3f} s, ratio {ours / theirs:.2f}; {memory:.0f} MiB at most"
    )
    return ours, theirs


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    with threadpool_limits(1):
        for table in SHAPES:
            compare(table, wanted.rounds)
