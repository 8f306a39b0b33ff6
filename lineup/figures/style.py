"""The style that all figures share, and how they are saved."""

from pathlib import Path

from matplotlib import rcdefaults, rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from lineup.files import replacing

# Okabe and Ito's palette, which colour-blind readers can tell apart.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#8A8A8A"
PALETTE = [BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9", "#000000"]

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#444444",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "svg.hashsalt": "lineup",
    "svg.fonttype": "path",
    # A column name may hold a dollar sign; it does not start a formula.
    "text.parse_math": False,
}


def new_figure(
    width: float = 6.3, height: float = 3.9, rows: int = 1, columns: int = 1, **more: object
) -> tuple[Figure, Axes]:
    """Makes a figure of so many inches, with one pair of axes or a grid of them; ``more`` is for matplotlib's ``subplots``."""
    # What the user has set for matplotlib must not show.
    rcdefaults()
    rcParams.update(STYLE)
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, **more)


def logarithmic_x(axes: Axes) -> None:
    """Makes the x axis of what is drawn logarithmic, with plain numbers at the powers of ten, and 2 and 5 times these."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    # Over many powers of ten, more numbers would overlap.
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 1e4 else (1,)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))


def save_figure(figure: Figure, svg: str | Path, png: str | Path) -> None:
    """Saves a figure as SVG and as PNG, with the same bytes on every run."""
    # The layout of both is computed once. Where savefig finds an engine, it draws the figure once more for it.
    figure.get_layout_engine().execute(figure)
    figure.set_layout_engine(None)
    with replacing(svg) as temporary:
        figure.savefig(temporary, metadata={"Date": None, "Creator": None})
    with replacing(png) as temporary:
        figure.savefig(temporary, dpi=200, metadata={"Software": None})


def label(name: str) -> str:
    """Turns the name of a model into words."""
    return name.replace("_", " ")


def shortened(name: str, longest: int = 12) -> str:
    """Cuts a name that is too long for its place."""
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def with_unit(text: str, unit: str) -> str:
    """Adds a unit to the label of an axis, if there is one."""
    return f"{text} ({unit})" if unit else text
