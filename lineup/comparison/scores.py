"""Scores the predictions that the models make for the test rows."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lineup.comparison.metrics import contributions, signed
from lineup.comparison.metrics import scores as scores_of
from lineup.data.design import Design
from lineup.data.tables import SCHEMA_KEY, Splits, list_column, lists, read_parquet, write_table
from lineup.metrics import METRICS

# ASSUME: a grid is too narrow if an end of it is chosen in more than this share of the splits.
AT_END = 0.1
# ASSUME: no honest model of people's data explains more than this share of the variance.
TOO_GOOD = 0.999


# What fits tell of themselves, by how many splits it is so in.
COUNTED = {
    "unfinished": "in {} of {} splits the solver stopped short of its tolerance: raise max_iterations of the model",
    "warned": "in {} of {} splits the fit stopped before it had converged: raise the number of its iterations among its settings",
    "separated": "in {} of {} splits the features tell the classes of the training rows apart without a mistake, so that the "
    "coefficients have no end: take a model with a penalty",
}


@dataclass(frozen=True)
class GridEnds:
    """In how many splits a grid search chose the first penalty of its grid, or the last one while its error still fell."""

    largest: int
    smallest: int
    splits: int

    def doubts(self) -> list[str]:
        """Says that the grid may be too narrow, if it looks so."""
        ends = {
            "largest": "no feature may help much, or the grid ends too early",
            "smallest": "the error still falls there, so lower penalties.smallest of the model",
        }
        return [
            f"in {getattr(self, end)} of {self.splits} splits the chosen penalty is the {end} of its grid: {advice}"
            for end, advice in ends.items()
            if getattr(self, end) > AT_END * self.splits
        ]


def doubts_of_fits(paths: Iterable[str], splits: int) -> list[str]:
    """Says what may be wrong with the fits of a model, by the scores of its blocks, of so many splits in all."""
    said = [_said(path) for path in paths]
    ends = [sum(one.get(end, 0) for one in said) for end in ("largest", "smallest")]
    counts = {what: sum(one.get(what, 0) for one in said) for what in COUNTED}
    unweighted = any(not one.get("is_weighted", True) for one in said)
    words = [
        "the weights of the rows count in its scores alone, not in its fits: this kind of model has none"
    ]
    counted = [COUNTED[what].format(number, splits) for what, number in counts.items() if number]
    return (words if unweighted else []) + counted + GridEnds(*ends, splits).doubts()


def failures_of(paths: Iterable[str]) -> dict[int, str]:
    """Gives by its seed each split that a model could not be fitted on, and why, by the scores of its blocks."""
    return {seed: reason for path in paths for seed, reason in _said(path).get("failures", [])}


def doubts_of_failures(failures: dict[int, str], splits: int) -> list[str]:
    """Says on how many splits a model could not be fitted, beside those that it was, and why the first was none."""
    if not failures:
        return []
    seed, reason = next(iter(failures.items()))
    return [
        f"could not be fitted on {len(failures)} of {splits + len(failures)} splits, which its scores leave out: {reason} (split {seed})"
    ]


def _said(path: str) -> dict:
    """Reads what a model tells of its fits beside its scores."""
    metadata = pq.read_schema(path).metadata
    return json.loads(metadata[SCHEMA_KEY]) if metadata and SCHEMA_KEY in metadata else {}


def doubts_of_record(record: dict, null: dict, metric: str) -> list[str]:
    """Says what may be wrong with a model by its line of the leaderboard, the null model's mean on its splits, and the metric that ranks."""
    found = []
    if signed(record[metric], metric) >= signed(null[metric], metric):
        found.append(
            "is no better than the null model, which predicts the same for every row: look at its settings, or the features may not help"
        )
    if record.get("r2", 0.0) > TOO_GOOD:
        found.append("is too good: look for a column that gives the target away")
    return found


def write_evaluation(
    design: Design,
    splits: Splits,
    predicted: np.ndarray,
    predictions: str,
    scores: str,
    grid_ends: GridEnds | None = None,
    is_weighted: bool = True,
    counts: dict[str, int] | None = None,
    failures: list[tuple[int, str]] | None = None,
) -> None:
    """Writes the predictions and the scores of one model over S splits.

    Args:
        design: The prepared table.
        splits: The splits.
        predicted: Predictions for their N test rows, split after split: numbers, shape (N,), or the probabilities of K
            classes, shape (N, K).
        predictions: Parquet file to write: ``seed``, ``row``, ``actual``, ``predicted``. For a
            classification the last two are places in the list of classes, and ``probabilities`` is
            the list of those of all classes, float32.
        scores: Parquet file to write: ``seed`` and a column for each metric.
        grid_ends: How often a penalty was chosen from an end of its grid, for ``compare``.
        is_weighted: Whether the weights of the rows, if they have any, counted in the fits.
        counts: In how many splits something is so that ``compare`` tells, see ``COUNTED``.
        failures: Other splits, on which the model could not be fitted, by their seeds, and why.
    """
    tests = np.concatenate(list(splits.test)) if len(splits) else np.empty(0, dtype=np.int64)
    columns = {
        "seed": np.repeat(splits.seeds, splits.sizes()[1]),
        "row": tests,
        "actual": design.y[tests],
    }
    if design.classes:
        places = np.min_scalar_type(len(design.classes) - 1)
        columns["actual"] = columns["actual"].astype(places)
        columns["predicted"] = predicted.argmax(axis=1).astype(places)
        columns["probabilities"] = list_column(predicted.astype(np.float32))
    else:
        columns["predicted"] = predicted
    write_table(columns, predictions)
    found = pa.table(score_columns(design, splits, predicted))
    said = asdict(grid_ends) if grid_ends and (grid_ends.largest or grid_ends.smallest) else {}
    said |= {what: number for what, number in (counts or {}).items() if number}
    if design.weights is not None and not is_weighted:
        said["is_weighted"] = False
    if failures:
        said["failures"] = failures
    if said:
        found = found.replace_schema_metadata({SCHEMA_KEY: json.dumps(said)})
    write_table(found, scores)


def read_predicted(paths: list[str], task: str) -> np.ndarray:
    """Reads the predictions of blocks of splits, one below the other: numbers (N,), or the probabilities of K classes (N, K)."""
    column = {"regression": "predicted", "classification": "probabilities"}[task]
    tables = [read_parquet(path, [column])[column] for path in paths]
    return np.concatenate([lists(one) if task == "classification" else one.to_numpy() for one in tables])


def score_columns(
    design: Design, splits: Splits, predicted: np.ndarray, threshold: float = 0.5
) -> dict[str, np.ndarray]:
    """Scores one model over S splits, see ``write_evaluation``: the column ``seed`` and one for each metric."""
    found = [dict.fromkeys(METRICS[design.task], np.empty(0))]  # where there are no splits
    if len(splits):
        found = [scores_of(design.task, *part, threshold) for part in _parts(design, splits, predicted)]
    return {"seed": splits.seeds} | {name: np.concatenate([one[name] for one in found]) for name in found[0]}


def contributions_of(
    metric: str, design: Design, splits: Splits, predicted: np.ndarray, threshold: float = 0.5
) -> np.ndarray:
    """Computes what each of the N test rows of S splits adds to its score, split after split, see ``contributions``."""
    parts = _parts(design, splits, predicted)
    return np.concatenate([contributions(metric, *part, threshold).ravel() for part in parts])


def _parts(
    design: Design, splits: Splits, predicted: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
    """Yields targets, predictions and weights of the test rows of runs of splits of equal size."""
    start = 0
    for part in splits.parts():
        end = start + part.test.size
        weights = None if design.weights is None else design.weights[part.test]
        by_split = predicted[start:end].reshape(*part.test.shape, *predicted.shape[1:])
        yield design.y[part.test], by_split, weights
        start = end
