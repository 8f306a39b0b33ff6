"""The search of a penalty for classes by proximal Newton steps, all folds of a split side by side."""

from dataclasses import dataclass

import numpy as np

from lineup.data.design import Design
from lineup.models.class_search import Search, Settings, check_penalty, coded_for
from lineup.models.proximal_newton import NEVER, Fits, Path, actual_probability, probabilities_of

# A deviation of less than this share of that over all rows is rounding.
CONSTANT = 1e-9


@dataclass(frozen=True)
class Together:
    """Fits on the same n rows, each of some of them, with what the coefficients are in units of."""

    path: Path
    held: list[np.ndarray]  # places of the rows that each fit is scored on
    centre: np.ndarray  # of each feature, shape (p,)
    spread: np.ndarray  # likewise

    @classmethod
    def of(
        cls,
        design: Design,
        X: np.ndarray,
        rows: np.ndarray,
        inside: np.ndarray,
        held: list[np.ndarray],
        settings: Settings,
    ) -> "Together":
        """Makes F fits.

        Args:
            design: The prepared table.
            X: Features of the rows, shape (n, p).
            rows: Their numbers, shape (n,).
            inside: Which rows are in each fit, shape (F, n).
            held: Places of the rows that each is scored on.
            settings: Those of the model.
        """
        X = X / design.scale
        shares = inside * (1.0 if design.weights is None else design.weights[rows])
        shares = shares / shares.sum(axis=1, keepdims=True)
        whole = shares[-1]
        centre = whole @ X
        spread = np.sqrt(whole @ (X - centre) ** 2)
        spread = np.where(_constant(X[inside[-1]]), 1.0, spread)
        Z = np.column_stack([np.ones(len(X)), (X - centre) / spread])
        weights = np.zeros((len(shares), Z.shape[1]))
        for one, share, within in zip(weights, shares, inside, strict=True):
            own = 1 / spread
            if settings.standardize:
                own = np.sqrt(np.maximum(share @ Z[:, 1:] ** 2 - (share @ Z[:, 1:]) ** 2, 0.0))
            one[1:] = np.where(_constant(Z[within][:, 1:]), NEVER, own)
        y, classes = design.y[rows], len(design.classes)
        Y = (y == 1)[None].astype(np.float64) if classes == 2 else np.eye(classes)[:, y]
        path = Path(Fits(Z, Y, shares, weights), settings.tolerance, settings.max_iterations)
        return cls(path, held, centre, spread)

    def scores(self, y: np.ndarray, weights: np.ndarray | None) -> list[tuple[float, float, int]]:
        """Scores each fit that has rows to be scored on: log loss, accuracy and the number of coefficients that are not zero."""
        found, Y = [], self.path.fits.Y
        for fit, rows in enumerate(self.held):
            P = self.path.P[fit][:, rows]
            own = None if weights is None else weights[rows]
            of_actual = np.maximum(actual_probability(P, Y[:, rows]), np.finfo(np.float32).tiny)
            best = P[0] > 0.5 if len(P) == 1 else P.argmax(axis=0)
            loss = float(np.average(-np.log(of_actual), weights=own))
            accuracy = float(np.average(best == y[rows], weights=own))
            found.append((loss, accuracy, int(np.count_nonzero(self.path.B[fit, 1:]))))
        return found


def _constant(X: np.ndarray) -> np.ndarray:
    """Tells which features (n, p) have one value, but for rounding, shape (p,)."""
    low, high = X.min(axis=0), X.max(axis=0)
    return high - low <= CONSTANT * np.maximum(np.abs(low), np.abs(high))


def search_by_newton(
    design: Design,
    train: np.ndarray,
    test: np.ndarray,
    held: list[tuple[np.ndarray, np.ndarray]],
    split_seed: int,
    settings: Settings,
) -> Search:
    """Searches the penalty of one split, see ``lineup/models/logistic_lasso.py``; all fits go down the path of penalties together.

    Args:
        design: The prepared table.
        train: The training rows.
        test: The test rows.
        held: The rows to fit on and to hold out.
        split_seed: Seed of the split.
        settings: Those of the model.

    Raises:
        InputError: If there is no penalty to choose.
    """
    X, X_test = coded_for(design, train, train, test)
    everyone = np.ones((1, len(train)), dtype=bool)
    if design.unlearned is None:
        out = np.stack([np.isin(train, rows) for _, rows in held])
        places = [np.flatnonzero(rows) for rows in out]
        groups = [(train, Together.of(design, X, train, np.concatenate([~out, everyone]), places, settings))]
    else:
        groups = [_of_fold(design, *pair, settings) for pair in held]
        groups.append((train, Together.of(design, X, train, everyone, [], settings)))
    whole = groups[-1][1]
    # The first of the others has the rows of the only held-out set.
    first = groups[0][1].path.largest(0) if len(held) == 1 else whole.path.largest(-1)
    check_penalty(first, split_seed)
    grid = first * settings.shares()
    scored, converged, fits = [], [], []
    for penalty in grid:
        reached, found = [], []
        for rows, together in groups:
            reached += together.path.step_to(penalty).tolist()
            weights = None if design.weights is None else design.weights[rows]
            found += together.scores(design.y[rows], weights)
        scored.append(found)
        converged.append(reached)
        fits.append(whole.path.B[-1].copy())
    log_loss, accuracy, nonzero = np.array(scored).transpose(2, 1, 0)
    converged, chosen = np.array(converged).T, int(log_loss.mean(axis=0).argmin())
    slopes = fits[chosen][1:].T / whole.spread
    intercepts = fits[chosen][0] - slopes @ whole.centre
    slopes = slopes / design.scale
    P = probabilities_of(X_test @ slopes.T + intercepts)
    return Search(
        penalties=grid,
        log_loss=log_loss,
        accuracy=accuracy,
        nonzero=nonzero.astype(np.int64),
        converged=converged[:-1],
        refit=bool(converged[-1, chosen]),
        coefficients=slopes,
        intercepts=intercepts,
        probabilities=np.column_stack([1 - P, P]) if P.shape[1] == 1 else P,
    )


def _of_fold(
    design: Design, fitted: np.ndarray, out: np.ndarray, settings: Settings
) -> tuple[np.ndarray, Together]:
    """Makes the fit of one fold whose rows are coded by those that it leaves, and gives the rows."""
    X = np.concatenate(coded_for(design, fitted, fitted, out))
    inside = np.arange(len(X))[None] < len(fitted)
    rows = np.concatenate([fitted, out])
    places = np.arange(len(fitted), len(rows))
    return rows, Together.of(design, X, rows, inside, [places], settings)
