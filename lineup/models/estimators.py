"""Makes estimators that keep scikit-learn's conventions of what the config says, and says what is wrong with that.

A mapping with the key ``estimator`` stands for an object: the import path of its class, or of a function that makes it, and
the ``settings`` to make it with, in which others may stand.

Modules are imported by names of the config. The specification of a job names them, see ``lineup/ledger/specification.py``.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import redirect_stdout
from difflib import get_close_matches
from functools import cache
from importlib import import_module

from lineup.errors import InputError
from lineup.hints import hint_of, listed
from lineup.metrics import METRICS

ESTIMATOR, SETTINGS = "estimator", "settings"
# What sets the random numbers of an estimator, and how many threads it takes; names after the last `__`.
SEEDS = {"random_state", "random_seed"}
THREADS = {"n_jobs", "nthread", "thread_count"}
# What no class has a setting of that name for, unless it takes any.
ANY = "lineup_any"
# ASSUME: the largest seed that all packages take is that of a number of 32 bits with a sign.
LARGEST_SEED = 2**31 - 1


def paths_in(value: object) -> Iterator[str]:
    """Lists the import paths of all estimators in a value of the config."""
    if isinstance(value, Mapping):
        if isinstance(value.get(ESTIMATOR), str):
            yield value[ESTIMATOR]
        value = [*value.values()]
    if isinstance(value, list):
        for one in value:
            yield from paths_in(one)


def made_of(value: object, packages: Iterable[str], where: str = "") -> object:
    """Makes the estimators in a value of the config, and gives the rest as it is.

    Args:
        value: The value.
        packages: The packages that may be imported.
        where: The key of the value, for messages.

    Raises:
        InputError: If there is no such estimator, or it cannot be made. The message begins with the key.
    """
    if isinstance(value, list):
        return [made_of(one, packages, f"{where}[{place}]") for place, one in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    is_object = isinstance(value.get(ESTIMATOR), str)
    inside = f"{where}.{SETTINGS}".lstrip(".") if is_object else where
    given = value.get(SETTINGS) or {} if is_object else value
    made = {key: made_of(one, packages, f"{inside}.{key}".lstrip(".")) for key, one in given.items()}
    if not is_object:
        return made
    maker = _found(value[ESTIMATOR], packages, f"{where}.{ESTIMATOR}".lstrip("."))
    return _made(maker, value[ESTIMATOR], made, inside)


def _found(path: str, packages: Iterable[str], where: str) -> object:
    """Imports a class or a function by its path."""
    top = path.partition(".")[0]
    if top not in packages:
        raise InputError(
            f"{where} is {path}, and only {listed(packages)} may be imported: add {top} to packages if you trust it"
        )
    module, names = path, []
    while True:
        try:
            found = import_module(module)
            break
        except ModuleNotFoundError as error:
            if not f"{path}.".startswith(f"{error.name}."):
                raise InputError(f"{where} is {path}, which needs {error.name}: install it") from error
            module, _, last = module.rpartition(".")
            names.insert(0, last)
            if not module:
                raise InputError(
                    f"{where} is {path}, and there is no package {top}: install it, or correct its name"
                ) from error
    for name in names:
        if not hasattr(found, name):
            known = [one for one in dir(found) if not one.startswith("_")]
            raise InputError(f"{where} is {path}, and {module} has no {name}: {hint_of(name, known, 'name')}")
        found = getattr(found, name)
    is_class = isinstance(found, type) and hasattr(found, "get_params")
    is_function = callable(found) and not isinstance(found, type) and top != "sklearn"
    if not (is_class or is_function):
        raise InputError(f"{where} is {path}, which is no estimator: name the class of one")
    return found


def _made(maker: object, path: str, settings: dict, where: str) -> object:
    """Calls a class or a function with settings that it knows."""
    try:
        made = maker(**settings)
    except (TypeError, ValueError) as error:
        known = maker._get_param_names() if hasattr(maker, "_get_param_names") else list(settings)
        wrong = next((key for key in settings if key not in known), None)
        missing = re.findall(r"'(\w+)'", str(error)) if " missing " in str(error) else []
        if wrong is None and missing:
            raise InputError(
                f"{where} needs {listed(missing)}: {path} has no value for it by itself"
            ) from error
        if wrong is None:
            raise InputError(f"{where} cannot be taken by {path}: {error}") from error
        hint = hint_of(wrong, known, "setting") if known else "it has none"
        raise InputError(f"{where}.{wrong} is not a setting of {path}: {hint}") from error
    if isinstance(maker, type) and _takes(maker, ANY):
        _check_names(maker, path, settings, where)
    _check_values(made, where)
    return made


@cache
def _takes(maker: type, name: str) -> bool:
    """Tells whether a class can be made with a setting of this name."""
    try:
        maker(**{name: None})
    except Exception:
        return False
    return True


def _check_names(maker: type, path: str, settings: dict, where: str) -> None:
    """Raises an InputError for a misspelt setting of a class that takes any: what it has by itself is written almost so."""
    known = maker().get_params()
    for key in settings:
        if key not in known and get_close_matches(key, known, 1, 0.85):
            raise InputError(f"{where}.{key} is not a setting of {path}: {hint_of(key, known, 'setting')}")


def _params_of(estimator: object) -> dict:
    """Gives the settings of an estimator, and of those in it; also seeds and threads that some packages list only when they are set."""
    known, maker = estimator.get_params(deep=True), type(estimator)
    unlisted = [] if _takes(maker, ANY) else [name for name in SEEDS | THREADS if _takes(maker, name)]
    return dict.fromkeys(unlisted) | known


def _check_values(made: object, where: str) -> None:
    """Raises an InputError for a value that scikit-learn would refuse only when it fits."""
    inner = [*made.get_params(deep=True).values()] if hasattr(made, "get_params") else []
    for one in [made, *inner]:
        if hasattr(one, "_parameter_constraints") and hasattr(one, "_validate_params"):
            try:
                one._validate_params()
            except ValueError as error:
                raise InputError(f"{where}: {error}") from error


def estimator_of(model: Mapping, candidate: Mapping | None = None) -> object:
    """Makes the estimator of a model of the config, with other values for some of its settings, and one thread.

    Raises:
        InputError: If it cannot be made.
    """
    made = made_of({ESTIMATOR: model[ESTIMATOR], SETTINGS: model[SETTINGS]}, model["packages"])
    # What an estimator gets from one inside it, it may have only when it is fitted.
    if not hasattr(type(made), "fit") or not hasattr(type(made), "predict"):
        raise InputError(
            f"{ESTIMATOR} is {model[ESTIMATOR]}, which does not fit and predict: name an estimator that does"
        )
    known, more = _params_of(made), dict(candidate or {})
    for key, value in more.items():
        # What is inside another one may be searched, too.
        is_unlisted = not _takes(type(made), ANY) and _takes(type(made), key)
        if key not in known and not is_unlisted and not ("__" in key and key.partition("__")[0] in more):
            raise InputError(
                f"search.settings.{key} is not a setting of {model[ESTIMATOR]}: {hint_of(key, known, 'setting')}"
            )
        more[key] = made_of(value, model["packages"], f"search.settings.{key}")
    made.set_params(**more)
    if more:
        _check_values(made, "search.settings")
    threads = {
        name: 1 for name, value in _params_of(made).items() if _last(name) in THREADS and value is None
    }
    return made.set_params(**threads)


def with_seed(estimator: object, seed: int) -> object:
    """Gives an estimator, and those in it, a seed wherever they take one and have none."""
    known = {name: value for name, value in _params_of(estimator).items() if _last(name) in SEEDS}
    owners: dict[str, list[str]] = {}
    for name in sorted(known):
        owners.setdefault(name.removesuffix(_last(name)), []).append(name)
    # Of several names for the same, one alone may be set.
    free = [names[0] for names in owners.values() if all(known[name] is None for name in names)]
    return estimator.set_params(**dict.fromkeys(free, seed))


def _last(name: str) -> str:
    return name.rpartition("__")[2]


def problem_of(model: Mapping, tasks: Iterable[str]) -> str | None:
    """Says what is wrong with a model of kind ``sklearn`` by trying to make it, its key first; None if nothing is."""
    try:
        estimator = estimator_of(model)
        for key, values in model["search"]["settings"].items():
            if isinstance(values, dict):
                _check_distribution(values, model["search"]["method"], f"search.settings.{key}")
                (values,) = values.values()
            for value in values:
                estimator_of(model, {key: value})
        _check_kind(estimator, model, tasks)
    except InputError as error:
        return str(error)
    return None


def _check_distribution(block: Mapping, method: str, where: str) -> None:
    """Raises an InputError if there is no such distribution, or the search draws nothing. The message begins with the key."""
    ((name, (low, high)),) = block.items()
    if method != "random":
        raise InputError(
            f"{where} is a distribution, and a grid search takes lists: set search.method to random"
        )
    if not low < high:
        raise InputError(f"{where}.{name} goes from {low} to {high}: write the lower value first")
    if name == "log_uniform" and low <= 0:
        raise InputError(f"{where}.{name} begins at {low}: its values are above 0")
    if name == "integers" and not (isinstance(low, int) and isinstance(high, int)):
        raise InputError(f"{where}.{name} has to go from a whole number to another")


def _check_kind(estimator: object, model: Mapping, tasks: Iterable[str]) -> None:
    """Raises an InputError if an estimator cannot do a task."""
    from sklearn.base import is_classifier, is_regressor

    metric = model["search"].get("metric", "auto")
    for task in tasks:
        if metric not in ("auto", *METRICS[task]):
            raise InputError(
                f"search.metric is {metric}, which is none of a {task}: take {listed(METRICS[task], 'or')}"
            )
        can = is_classifier(estimator) if task == "classification" else is_regressor(estimator)
        if not can:
            raise InputError(
                f"{ESTIMATOR} is {model[ESTIMATOR]}, which is none for a {task}: take a {'classifier' if task == 'classification' else 'regressor'}"
            )
        if task == "classification" and not _gives_probabilities(estimator):
            raise InputError(
                f"{ESTIMATOR} is {model[ESTIMATOR]}, which gives no probabilities: put it into "
                "sklearn.calibration.CalibratedClassifierCV, as docs/models.md shows"
            )


def _gives_probabilities(estimator: object) -> bool:
    """Tells whether a classifier gives probabilities, which some can tell only when they are fitted."""
    if hasattr(estimator, "predict_proba") or not hasattr(type(estimator), "predict_proba"):
        return hasattr(estimator, "predict_proba")
    X = [[3 * row % 11, row % 7] for row in range(40)]
    try:
        estimator.fit(X, [row % 2 for row in range(40)])
    except Exception:
        return True  # the fits will say it
    return hasattr(estimator, "predict_proba")


def main() -> None:
    """Reads models and their tasks from standard input, and writes what is wrong with each, in JSON."""
    models = json.load(sys.stdin)
    with redirect_stdout(sys.stderr):  # a module may print when it is imported
        found = {name: problem_of(model, tasks) for name, (model, tasks) in models.items()}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
