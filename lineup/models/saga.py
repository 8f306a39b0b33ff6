"""Penalized logistic regressions by scikit-learn's SAGA, which takes passes over the rows: for many rows and features, as of images."""

import warnings
from typing import TYPE_CHECKING

import numpy as np

from lineup.data.design import Design
from lineup.errors import InputError
from lineup.models.class_search import Search, Settings, check_penalty, coded_for

if TYPE_CHECKING:  # scikit-learn takes a second to import, and most searches do without
    from sklearn.linear_model import LogisticRegression


class Scaler:
    """Divides features by the scale of the table, and if asked to centres and scales them, by some rows.

    Args:
        X: The rows that it goes by, shape (n, p).
        scale: What all features are divided by.
        standardize: Whether to centre them and to divide them by their standard deviations.
    """

    def __init__(self, X: np.ndarray, scale: float, standardize: bool) -> None:
        self.centre, self.scale = np.zeros(X.shape[1]), np.full(X.shape[1], float(scale))
        if standardize:
            self.centre, deviation = X.mean(axis=0), X.std(axis=0)
            # A constant feature becomes 0, whatever its deviation is rounded to.
            self.scale = np.where(X.min(axis=0) < X.max(axis=0), deviation, 1.0)

    def apply(self, X: np.ndarray) -> np.ndarray:
        """Gives the features as the solver sees them: in 32 bits, which halve its time and its memory."""
        scaled = np.empty(X.shape, dtype=np.float32)
        for start in range(0, len(X), 4096):  # so that no copy of all rows is in 64 bits
            some = slice(start, start + 4096)
            scaled[some] = (X[some] - self.centre) / self.scale
        return scaled


def largest_penalty(X: np.ndarray, y: np.ndarray, classes: int) -> float:
    """Computes the smallest penalty that sets every coefficient to zero, for features (n, p) and places of K classes.

    It is the largest slope of the mean log loss where the probabilities are the frequencies of the classes.
    """
    left = (np.bincount(y, minlength=classes) / len(y) - np.eye(classes)[y]).astype(X.dtype)
    return float(np.abs(X.T @ left).max() / len(y))


def fit(solver: "LogisticRegression", X: np.ndarray, y: np.ndarray, penalty: float) -> bool:
    """Minimizes the mean log loss plus the penalty times the sum of absolute coefficients; intercepts are free.

    The solver begins with the coefficients that it has, and is left with the fit. Returns whether it reached its tolerance.
    """
    from sklearn.exceptions import ConvergenceWarning

    solver.set_params(C=1 / (penalty * len(y)))
    with warnings.catch_warnings():
        # It is told in the log, once, and written with the grid.
        warnings.simplefilter("ignore", ConvergenceWarning)
        solver.fit(X, y)
    return int(solver.n_iter_.max()) < solver.max_iter


def predict(model: "LogisticRegression", X: np.ndarray) -> np.ndarray:
    """Predicts probabilities, shape (n, K), of features of shape (n, p)."""
    probabilities = model.predict_proba(X).astype(np.float64)
    # Those of 32 bits add up to 1 in 32 bits.
    return probabilities / probabilities.sum(axis=1, keepdims=True)


def search_by_saga(
    design: Design,
    train: np.ndarray,
    test: np.ndarray,
    held: list[tuple[np.ndarray, np.ndarray]],
    split_seed: int,
    settings: Settings,
) -> Search:
    """Searches the penalty of one split, as ``search_by_newton``; each fit begins where the last one ended.

    Raises:
        InputError: If a class has no row to fit on, there is no penalty to choose, or rows have weights.
    """
    if design.weights is not None:
        raise InputError("The solver saga cannot weigh rows: set solver: newton in the model.")
    scored, grid = [], None
    for fitted, out in [(train, train), *held] if len(held) > 1 else held:
        check_classes(design, fitted, split_seed)
        X, X_held = coded_for(design, fitted, fitted, out)
        scaler = Scaler(X, design.scale, settings.standardize)
        X, y = scaler.apply(X), design.y[fitted]
        if grid is None:
            grid = largest_penalty(X, y, len(design.classes)) * settings.shares()
            check_penalty(grid[0], split_seed)
        if out is not train:
            model = solver(settings, split_seed)
            one, best = search_grid(model, X, y, scaler.apply(X_held), design.y[out], grid)
            scored.append(one)
        del X, X_held  # more rows come now
    found = {name: np.stack([one[name] for one in scored]) for name in scored[0]}
    chosen = int(found["log_loss"].mean(axis=0).argmin())

    X, X_test = coded_for(design, train, train, test)
    scaler = Scaler(X, design.scale, settings.standardize)
    model = solver(settings, split_seed)
    model.coef_, model.intercept_ = best
    refit = fit(model, scaler.apply(X), design.y[train], grid[chosen])
    coefficients, intercepts = model.coef_.astype(np.float64), model.intercept_.astype(np.float64)
    slopes = coefficients / scaler.scale
    return Search(
        penalties=grid,
        **found,
        refit=refit,
        coefficients=slopes,
        intercepts=intercepts - slopes @ scaler.centre,
        probabilities=predict(model, scaler.apply(X_test)),
    )


def solver(settings: Settings, split_seed: int) -> "LogisticRegression":
    """Makes what fits, each time from the coefficients that it has."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(
        l1_ratio=1,
        solver="saga",
        tol=settings.tolerance,
        max_iter=settings.max_iterations,
        warm_start=True,
        random_state=int(np.random.SeedSequence([settings.seed, split_seed]).generate_state(1)[0]),
    )


def check_classes(design: Design, fitted: np.ndarray, split_seed: int) -> None:
    """Raises an InputError if a class has no row to fit on."""
    counts = np.bincount(design.y[fitted], minlength=len(design.classes))
    if (counts == 0).any():
        name = design.classes[int(counts.argmin())]
        raise InputError(
            f"Split {split_seed} has no row of the class {name!r} to fit on: take the class out of the data, or lower "
            "validation."
        )


def search_grid(
    model: "LogisticRegression",
    X: np.ndarray,
    y: np.ndarray,
    X_held: np.ndarray,
    y_held: np.ndarray,
    grid: np.ndarray,
) -> tuple[dict[str, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Fits at each penalty, from the largest down, and scores on the rows held out.

    Args:
        model: What fits, see ``solver``.
        X: Features to fit on, shape (n, p).
        y: Places of the classes, shape (n,).
        X_held: Features of the rows held out, shape (h, p).
        y_held: Places of their classes, shape (h,).
        grid: The penalties, shape (G,).

    Returns:
        ``log_loss``, ``accuracy``, ``nonzero`` and ``converged``, see ``Search``; and the coefficients and intercepts
        with the lowest log loss.
    """
    from sklearn.metrics import log_loss

    found, best = [], None
    for penalty in grid:
        converged = fit(model, X, y, penalty)
        predicted = predict(model, X_held)
        loss = log_loss(y_held, predicted, labels=model.classes_)
        if not found or loss < min(found)[0]:
            best = model.coef_.copy(), model.intercept_.copy()
        hits = predicted.argmax(axis=1) == y_held
        found.append((loss, hits.mean(), np.count_nonzero(model.coef_), converged))
    names = ("log_loss", "accuracy", "nonzero", "converged")
    return dict(zip(names, map(np.array, zip(*found, strict=True)), strict=True)), best
