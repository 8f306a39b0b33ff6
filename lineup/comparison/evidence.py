"""What is known of all models on the splits of a dataset, which some may have only a part of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from lineup.comparison.jackknife import Tested
from lineup.comparison.scores import contributions_of
from lineup.data.design import Design
from lineup.data.tables import Splits


@dataclass(frozen=True)
class Present:
    """Which of S splits a model has scores on, shape (S,), and which of their N test rows, shape (N,)."""

    splits: np.ndarray
    rows: np.ndarray


@dataclass(frozen=True)
class Evidence:
    """The scores of all models on S splits, by one metric.

    Attributes:
        metric: The metric.
        scores: By model, its scores, shape (S,).
        losses: By model, what each of the N test rows adds to them, split after split, shape (N,).
        tested: The rows that these are of.
        train_rows: The mean number of training rows.
        test_rows: That of test rows.
        are_random: Whether the splits are drawn at random, row by row.
        are_given: Whether each split tests on the same rows, so that a split is a training.
        are_alone: Whether rows say nothing of each other, as those of a group or of neighbouring times do.
        region: How small a difference makes no difference in practice, in units of the metric.
        present: Of models that have some of the splits alone, which; their scores and losses elsewhere say nothing.
    """

    metric: str
    scores: Mapping[str, np.ndarray]
    losses: Mapping[str, np.ndarray]
    tested: Tested
    train_rows: float
    test_rows: float
    are_random: bool
    are_given: bool
    are_alone: bool
    region: float
    present: Mapping[str, Present] = field(default_factory=dict)

    def of(self, models: Iterable[str]) -> "Evidence":
        """Gives what is known of some models on the splits that all of them have."""
        models = list(models)
        some = [self.present[name] for name in models if name in self.present]
        if not some:
            return self
        splits = np.all([one.splits for one in some], axis=0)
        rows = np.all([one.rows for one in some], axis=0)
        return replace(
            self,
            scores={name: self.scores[name][splits] for name in models},
            losses={name: self.losses[name][rows] for name in models},
            tested=Tested(self.tested.rows[rows], int(splits.sum()), self.tested.total),
            present={},
        )

    @property
    def splits(self) -> int:
        """The number of splits S."""
        return self.tested.splits


def evidence_of(
    metric: str,
    design: Design,
    drawn: Splits,
    by_model: dict[str, dict[str, np.ndarray]],
    predicted: dict[str, np.ndarray],
    present: dict[str, Present],
    region: float,
    threshold: float,
    method: str,
    has_groups: bool,
) -> Evidence:
    """Collects what is known of the models by one metric.

    Args:
        metric: The metric.
        design: The prepared table.
        drawn: The S splits.
        by_model: The scores of each model, the best first, see ``leaderboard``.
        predicted: The predictions of each for the test rows of its splits, split after split.
        present: Which splits these are, of models that have not all.
        method: How the splits were made; ``given`` where their rows came with the table.
        has_groups: Whether rows belong to groups, of which none is on both sides.
        region: The region of practical equivalence, see ``region_of``.
        threshold: See ``compare``.
    """
    rows = np.concatenate(list(drawn.test))
    train_rows, test_rows = (float(side.mean()) for side in drawn.sizes())
    scores, losses = {}, {}
    for name, columns in by_model.items():
        scores[name] = columns[metric]
        own = drawn[present[name].splits] if name in present else drawn
        losses[name] = contributions_of(metric, design, own, predicted[name], threshold)
        if name in present:
            scores[name] = _spread(scores[name], present[name].splits)
            losses[name] = _spread(losses[name], present[name].rows)
    return Evidence(
        metric=metric,
        scores=scores,
        losses=losses,
        present=present,
        tested=Tested(rows, len(drawn), len(design.y)),
        train_rows=train_rows,
        test_rows=test_rows,
        are_random=method == "random" and not has_groups,
        are_given=method == "given",
        are_alone=method != "time" and not has_groups,
        region=region,
    )


def present_of(drawn: Splits, by_model: dict[str, dict[str, np.ndarray]]) -> dict[str, Present]:
    """Finds which of the splits the models have that have not all."""
    found = {}
    for name, columns in by_model.items():
        if len(columns["seed"]) < len(drawn):
            has = np.isin(drawn.seeds, columns["seed"])
            found[name] = Present(has, np.repeat(has, drawn.sizes()[1]))
    return found


def _spread(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    spread = np.full(len(places), np.nan)
    spread[places] = values
    return spread
