"""Fits any estimator that keeps scikit-learn's conventions on every split, with a search of its settings if wanted."""

import json
import logging
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from lineup.comparison.metrics import scores as scores_of
from lineup.comparison.metrics import signed
from lineup.comparison.scores import write_evaluation
from lineup.data.design import Design, read_design
from lineup.data.stratification import stratified_folds
from lineup.data.tables import read_splits, write_table
from lineup.errors import InputError
from lineup.models.candidates import Searched, candidates_of
from lineup.models.estimators import LARGEST_SEED, estimator_of, with_seed
from lineup.models.grid_search import check_folds, fold_rows
from lineup.parallel import map_in_processes
from lineup.progress import Progress

CHOOSES = {"regression": "mae", "classification": "log_loss"}


@dataclass(frozen=True)
class Settings:
    """The settings of an estimator, see sklearn.yaml."""

    estimator: str
    settings: dict
    packages: list
    standardize: bool
    search: Searched
    failures: str
    seed: int


@dataclass(frozen=True)
class Fit:
    """What came of one split: t predictions, or why there are none."""

    predicted: np.ndarray | None = (
        None  # numbers, shape (t,), or the probabilities of K classes, shape (t, K)
    )
    failure: str = ""
    warned: tuple[str, ...] = ()  # the kinds of the warnings that were given
    errors: np.ndarray | None = (
        None  # of F held-out folds and C candidates, by the metric that chooses, shape (F, C)
    )
    chosen: int = 0  # the place of the candidate that was chosen


def seed_of(seed: int, split_seed: int) -> int:
    """Derives the seed of the fits on a split from that of the model and that of the split."""
    return int(np.random.SeedSequence([seed, split_seed]).generate_state(1)[0]) & LARGEST_SEED


class Fitter:
    """Fits an estimator on splits of a table.

    Args:
        design: The prepared table.
        settings: Those of the model.
    """

    def __init__(self, design: Design, settings: Settings) -> None:
        self.design, self.settings = design, settings
        self.block, self.candidates = asdict(settings), candidates_of(settings.search)
        self.task = design.task
        chooses = settings.search.metric
        self.metric = CHOOSES[self.task] if chooses == "auto" else chooses

    def fit(self, train: np.ndarray, test: np.ndarray, split_seed: int) -> Fit:
        """Fits on the training rows of a split, and predicts its test rows. What fails is a reason, not an error."""
        from threadpoolctl import threadpool_limits

        seed = seed_of(self.settings.seed, split_seed)
        with threadpool_limits(1), warnings.catch_warnings(record=True) as caught:
            try:
                chosen, errors = self._choose(train, seed)
                warnings.simplefilter("always")
                predicted = self._predict(self.candidates[chosen], train, test, seed)
            except (InputError, MemoryError, OSError, ImportError):
                raise  # another machine may fit it
            except Exception as error:
                reason = " ".join(str(error).split())[:200]
                return Fit(failure=f"{type(error).__name__}: {reason}" if reason else type(error).__name__)
        if not np.isfinite(predicted).all():
            return Fit(failure="it predicts what is no finite number")
        return Fit(predicted, "", tuple({one.category.__name__ for one in caught}), errors, chosen)

    def _choose(self, train: np.ndarray, seed: int) -> tuple[int, np.ndarray | None]:
        """Chooses the candidate with the best mean over the folds on which the metric can be computed, the first of several."""
        if len(self.candidates) == 1:
            return 0, None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            errors = self._search(train, seed)
            means = errors.mean(axis=0) if np.isfinite(errors).all() else np.nanmean(errors, axis=0)
        if not np.isfinite(means).any():
            raise ValueError(f"the metric {self.metric} can be computed on no held-out fold")
        return int(np.where(np.isnan(means), np.inf, means).argmin()), errors

    def _search(self, train: np.ndarray, seed: int) -> np.ndarray:
        """Computes the metric that chooses, lower is better, of all candidates on the held-out folds: (F, C)."""
        folds = self.settings.search.folds
        check_folds("The search", len(train), folds)
        y = self.design.y[train]
        held = (
            stratified_folds(y, folds.number, folds.seed)
            if self.design.classes
            else fold_rows(len(train), folds)
        )
        errors = np.empty((len(held), len(self.candidates)))
        for fold, rows in enumerate(held):
            left, out = np.delete(train, rows), train[rows]
            weights = None if self.design.weights is None else self.design.weights[out][None]
            for place, candidate in enumerate(self.candidates):
                predicted = self._predict(candidate, left, out, seed)
                found = scores_of(self.task, self.design.y[out][None], predicted[None], weights)
                error = signed(found[self.metric], self.metric)[0]
                errors[fold, place] = error if np.isfinite(predicted).all() else np.inf
        return errors

    def _predict(self, candidate: dict, train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
        """Fits on some rows with some settings, and predicts others."""
        (X,) = self.design.coded(train[None], test[None])
        return self._fitted(candidate, train, seed)(X[0])

    def _fitted(self, candidate: dict, train: np.ndarray, seed: int) -> Callable[[np.ndarray], np.ndarray]:
        """Fits on some rows with some settings, and gives what predicts for features as they code them."""
        from sklearn.preprocessing import StandardScaler
        from sklearn.utils.validation import has_fit_parameter

        (X,) = self.design.coded(train[None], train[None])
        X, scaler = X[0] / self.design.scale, None
        if self.settings.standardize:
            scaler = StandardScaler().fit(X)
            X = scaler.transform(X)
        estimator = with_seed(estimator_of(self.block, candidate), seed)
        more = {}
        if self.design.weights is not None and has_fit_parameter(estimator, "sample_weight"):
            more["sample_weight"] = self.design.weights[train]
        estimator.fit(X, self.design.y[train], **more)

        def predict(X: np.ndarray) -> np.ndarray:
            X = X / self.design.scale
            X = X if scaler is None else scaler.transform(X)
            if not self.design.classes:
                return np.asarray(estimator.predict(X), dtype=np.float64).reshape(len(X))
            found = np.zeros((len(X), len(self.design.classes)))
            found[:, estimator.classes_] = estimator.predict_proba(X)
            return found

        return predict

    def predictor(self, train: np.ndarray, split_seed: int) -> Callable[[np.ndarray], np.ndarray]:
        """Fits on the training rows of a split as ``fit`` does, and gives what predicts for features as they code them."""
        from threadpoolctl import threadpool_limits

        seed = seed_of(self.settings.seed, split_seed)
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore")
            return self._fitted(self.candidates[self._choose(train, seed)[0]], train, seed)

    @property
    def takes_weights(self) -> bool:
        """Whether the weights of rows count in the fits."""
        from sklearn.utils.validation import has_fit_parameter

        return has_fit_parameter(estimator_of(self.block), "sample_weight")


def fit_sklearn(
    table: str,
    splits: str,
    predictions: str,
    scores: str,
    search: str,
    settings: Settings,
    processes: int,
    logger: logging.Logger,
) -> None:
    """Fits an estimator on the training rows of a block of splits and writes what it gives.

    Args:
        table: The prepared table.
        splits: The block of splits.
        predictions: Parquet file to write, see ``write_evaluation``.
        scores: Parquet file to write, see ``write_evaluation``.
        search: Parquet file to write, see ``write_search``.
        settings: Those of the model.
        processes: How many splits are worked on at once. The result does not depend on it.
        logger: Where to report.

    Raises:
        InputError: If a split cannot be fitted, and that is to be an error, or if none can of several.
    """
    design, drawn = read_design(table), read_splits([splits])
    fitter, progress = Fitter(design, settings), Progress(logger, "splits fitted", len(drawn))

    def work(place: int) -> Fit:
        found = fitter.fit(drawn.train[place], drawn.test[place], int(drawn.seeds[place]))
        progress.advance(1)
        return found

    fits = list(map_in_processes(work, range(len(drawn)), min(processes, len(drawn))))
    has = np.array([fit.predicted is not None for fit in fits])
    failures = [(int(seed), fit.failure) for seed, fit in zip(drawn.seeds, fits, strict=True) if fit.failure]
    if failures and (settings.failures == "error" or len(failures) == len(drawn) > 1):
        seed, reason = failures[0]
        raise InputError(
            f"{settings.estimator} could not be fitted on {len(failures)} of {len(drawn)} splits: {reason} (split {seed})."
        )
    empty = np.empty((0, len(design.classes)) if design.classes else 0)
    predicted = np.concatenate([empty, *(fit.predicted for fit in fits if fit.predicted is not None)])
    warned = Counter(kind for fit in fits for kind in fit.warned)
    write_evaluation(
        design,
        drawn[has],
        predicted,
        predictions,
        scores,
        is_weighted=design.weights is None or fitter.takes_weights,
        counts={"warned": warned.pop("ConvergenceWarning", 0)},
        failures=failures,
    )
    write_search(drawn.seeds[has], [fit for fit in fits if not fit.failure], fitter, search)
    for kind, number in sorted(warned.items()):
        logger.info("In %d of %d splits the fits gave a %s.", number, len(drawn), kind)
    logger.info("%s fitted on %d of %d splits.", settings.estimator, has.sum(), len(drawn))


def write_search(seeds: np.ndarray, fits: list[Fit], fitter: Fitter, path: str) -> None:
    """Writes what a search tried, nothing where nothing was searched.

    Args:
        seeds: Seeds of the splits.
        fits: The fits on these.
        fitter: What fitted.
        path: Parquet file to write: ``seed``, ``candidate`` (its number, from 1), ``settings``, as JSON, ``fold``, ``metric``, its
            ``value``, and ``chosen``, one record for each split, candidate and fold.
    """
    texts = [json.dumps(candidate, sort_keys=True) for candidate in fitter.candidates]
    records = [
        (
            int(seed),
            place + 1,
            texts[place],
            fold + 1,
            fitter.metric,
            float(signed(value, fitter.metric)),
            place == fit.chosen,
        )
        for seed, fit in zip(seeds, fits, strict=True)
        if fit.errors is not None
        for place, of_folds in enumerate(fit.errors.T)
        for fold, value in enumerate(of_folds)
    ]
    names = ("seed", "candidate", "settings", "fold", "metric", "value", "chosen")
    kinds = (np.int64, np.int32, object, np.int32, object, np.float64, bool)
    columns = zip(*records, strict=True) if records else [[]] * len(names)
    write_table(
        {
            name: np.array(list(column), dtype=kind)
            for name, kind, column in zip(names, kinds, columns, strict=True)
        },
        path,
    )
