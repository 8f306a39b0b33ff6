"""The settings that a search tries: combinations of the values in lists, or drawn from them and from distributions."""

from collections.abc import Mapping
from dataclasses import dataclass

from lineup.models.grid_search import Folds


@dataclass(frozen=True)
class Searched:
    """How settings are searched, see sklearn.yaml."""

    settings: dict
    method: str
    number: int
    metric: str
    folds: Folds


def candidates_of(search: Searched) -> list[dict]:
    """Lists the settings to try, in order; one of nothing where nothing is searched."""
    # It takes as long to import as some fits take.
    from sklearn.model_selection import ParameterGrid, ParameterSampler

    if not search.settings:
        return [{}]
    if search.method == "grid":
        return list(ParameterGrid(search.settings))
    drawn = {
        key: _distribution(one) if isinstance(one, dict) else one for key, one in search.settings.items()
    }
    is_finite = all(isinstance(one, list) for one in drawn.values())
    number = min(search.number, len(ParameterGrid(drawn))) if is_finite else search.number
    found = ParameterSampler(drawn, number, random_state=search.folds.seed)
    # Numbers of Python, which go into a file.
    return [
        {key: getattr(one, "item", lambda one=one: one)() for key, one in candidate.items()}
        for candidate in found
    ]


def _distribution(block: Mapping) -> object:
    """Makes the distribution between two values, both included of ``integers``, of a block with one key."""
    # Other jobs need not import it.
    from scipy import stats

    ((name, (low, high)),) = block.items()
    if name == "integers":
        return stats.randint(low, high + 1)
    return stats.uniform(low, high - low) if name == "uniform" else stats.loguniform(low, high)
