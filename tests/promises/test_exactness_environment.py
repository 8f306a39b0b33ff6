"""What runs again after a change of a library, a variable of the environment or an option."""

import os

import pytest
from support.changes import Change, check, each_together, newer, several, upgraded
from support.jobs import FIGURES, LASSOS, NOTHING, PREPARED, of


def variable(name, value):
    """Gives the change of an environment variable."""
    return lambda place: place.variables.update({name: value})


def other(name, *values):
    """Gives the change of a variable to the first of some values that it does not have, and what is told of it."""
    before = os.environ.get(name, "not set")
    value = next(value for value in values if value != before)
    return variable(name, value), f"{name} was {before}, is {value}"


def with_options(*options):
    """Gives the change of what a run is told on the command line."""
    return lambda place: setattr(place, "options", (*options, *place.options))


def matplotlibrc(place):
    (place.beside / "matplotlibrc").write_text("font.size: 20\n", encoding="utf-8")
    place.variables["MATPLOTLIBRC"] = str(place.beside / "matplotlibrc")


# One of these is set on many machines.
ATEN = other("ATEN_CPU_CAPABILITY", "default", "avx2")
OPENBLAS = other("OPENBLAS_CORETYPE", "Haswell", "Prescott")

CHANGES = [
    Change("a library is upgraded: numpy", newer("numpy"), PREPARED, upgraded("numpy"), planned=True),
    Change(
        "a library is upgraded: matplotlib",
        newer("matplotlib"),
        FIGURES,
        upgraded("matplotlib"),
        planned=True,
    ),
    Change(
        "a library that a library needs: scipy", newer("scipy"), of(*LASSOS), upgraded("scipy"), planned=True
    ),
    Change(
        "a library that a library needs: joblib",
        newer("joblib"),
        of(*LASSOS),
        upgraded("joblib"),
        planned=True,
    ),
    Change(
        "a library that a library needs: pillow", newer("pillow"), FIGURES, upgraded("pillow"), planned=True
    ),
    Change(
        "a library that a library needs: markupsafe, for jinja2",
        newer("markupsafe"),
        of("net"),
        upgraded("markupsafe"),
        planned=True,
    ),
    Change(
        "Snakemake is upgraded: the report shows its version",
        newer("snakemake"),
        ["report"],
        planned=True,
    ),
    Change("a library that nothing uses is upgraded", newer("pytest"), NOTHING),
    Change("a library that nothing uses is installed", newer("unheard-of"), NOTHING),
    Change(
        "another number of cores",
        with_options("--cores", "1"),
        NOTHING,
    ),
    Change(
        "a profile that gives no GPU, more memory, a longer time",
        with_options("--set-resources", "fit_mlp:gpu=0", "fit_lasso:mem_mb=9000", "fit_linear:runtime=900"),
        NOTHING,
    ),
    Change(
        "a profile that trains a network in two processes",
        with_options("--set-resources", "fit_mlp:tasks=2"),
        of("net"),
        "processes was 1, is 2",
        planned=True,
    ),
    Change(
        "ATEN_CPU_CAPABILITY=default",
        ATEN[0],
        of("net"),
        ATEN[1],
        planned=True,
    ),
    Change(
        "OPENBLAS_CORETYPE=Haswell",
        OPENBLAS[0],
        PREPARED,
        OPENBLAS[1],
        planned=True,
    ),
    Change("PYTHONHASHSEED=7", variable("PYTHONHASHSEED", "7"), NOTHING),
    Change(
        "TZ, LC_ALL and a variable that nothing knows",
        several(variable("TZ", "Asia/Tokyo"), variable("LC_ALL", "C"), variable("LINEUP_TEST", "1")),
        NOTHING,
    ),
    Change("OMP_NUM_THREADS=3", variable("OMP_NUM_THREADS", "3"), NOTHING),
    Change(
        "MPLBACKEND and a matplotlibrc with another font size",
        several(variable("MPLBACKEND", "svg"), matplotlibrc),
        NOTHING,
    ),
]


@pytest.mark.parametrize("change", each_together(CHANGES))
def test_runs_exactly_what_is_stale(change, finished, tmp_path):
    check(change, finished, tmp_path)
