"""The figures: what is drawn, that any name is drawn as text, and the same bytes on every run."""

import csv
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.image
import numpy as np
import pyarrow as pa
import pytest
from matplotlib.collections import FillBetweenPolyCollection, LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.font_manager import findfont, get_font
from support.given import given
from support.tree import ROOT
from support.waiting import PATIENCE

from lineup.comparison.intervals import corrected
from lineup.data.tables import parquet_writer, read_table, read_tables, write_table
from lineup.figures import comparison as plot_comparison
from lineup.figures import lasso as plot_lasso
from lineup.figures import learning_curves as plot_mlp
from lineup.figures import predictions as plot_predictions
from lineup.figures import variance as plot_variance
from lineup.figures.comparison import OUTLINE
from lineup.figures.style import BLUE, GREY, ORANGE, label, logarithmic_x, new_figure, with_unit

# A formula to matplotlib, a name that it hides, a tag and a comment to a browser, and more.
NAMES = ["$x_1$", "_hidden", "<b>bold</b>", "a -- > & \"b\" 'c'", "100 % \\alpha^2", "größe", "{x}", "$"]
UNIT = "$/day$ <i>_"
TARGET = "pay_$y$"


def ends_of(differences):
    """The ends of an interval for the mean of some differences."""
    interval = corrected(differences, 1, 2)
    return interval.mean - interval.half(0.95), interval.mean + interval.half(0.95)


class Results:
    """Small results of made-up models on several splits, as the jobs write them, in one block or several."""

    def __init__(
        self, folder, seeds, target="y", unit="kg", features=("a", "b", "c"), blocks=1, verdict="open"
    ):
        """Writes them into a folder."""
        self.folder, self.seeds, self.features, self.number = folder, seeds, list(features), 0
        self.verdict = verdict
        self.unit, self.blocks = unit, blocks
        generator = np.random.default_rng(0)
        rows, count = 20, len(seeds)
        schema = {
            "task": "regression",
            "target": {"name": target},
            "features": [{"name": name} for name in features],
        }
        values = generator.normal(100, 20, rows)
        columns = [generator.normal(size=rows) for _ in features] + [values]
        table = pa.table(columns, names=[*features, target])
        self.table = str(folder / "table.parquet")
        write_table(table.replace_schema_metadata({"lineup": json.dumps(schema)}), self.table)
        # The splits test on five rows each, many of them on the same.
        row = np.array([generator.permutation(8)[:5] for _ in seeds])
        self.rows, self.actual = row, values[row]
        self.predicted = self.actual + generator.normal(0, 5, row.shape)
        self.predictions = self._write(
            "predictions",
            {"seed": np.repeat(seeds, 5).reshape(count, 5), "row": row}
            | {"actual": self.actual, "predicted": self.predicted},
        )
        # Each split has a largest penalty of its own.
        self.penalties = np.logspace(1, -1, 7) * np.linspace(1, 2, count)[:, None]
        self.errors = generator.normal(50, 5, (count, 7, 4))
        self.chosen = generator.integers(0, 7, count)
        grid = np.ones((count, 7, 4))
        self.grid = self._write(
            "grid",
            {
                "seed": (seeds[:, None, None] * grid).astype(int),
                "penalty": self.penalties[:, :, None] * grid,
                "fold": (np.arange(1, 5) * grid).astype(np.int32),
                "mae": self.errors,
                "chosen": (np.arange(7) == self.chosen[:, None])[:, :, None] * grid > 0,
            },
            part=2,
        )
        # The later a feature stands, the smaller its coefficients are.
        size = 10.0 / (1 + np.arange(len(features)))
        self.coefficients = size * np.arange(7)[:, None]
        self.path = str(folder / "path.parquet")
        write_table(
            {
                "seed": np.repeat(seeds[0], 7 * len(features)),
                "penalty": np.repeat(self.penalties[0], len(features)),
                "feature": list(features) * 7,
                "coefficient": self.coefficients.ravel(),
            },
            self.path,
        )
        # The later a feature stands, the fewer splits keep it; all keep the first.
        self.kept = generator.uniform(size=(count, len(features))) < np.linspace(1, 0.3, len(features))
        terms = np.array([["(intercept)", *features]] * count, dtype=object)
        self.terms = self._write(
            "coefficients",
            {
                "seed": np.repeat(seeds, terms.shape[1]).reshape(terms.shape),
                "term": terms,
                "coefficient": np.column_stack([np.zeros(count), self.kept * -0.5]),
            },
        )
        self.curves = {
            "train_mae": generator.uniform(250, 300, (count, 10)),
            "valid_mae": generator.uniform(230, 260, (count, 10)),
        }
        self.learning_curves = self._write(
            "learning_curves",
            {
                "seed": np.repeat(seeds, 10).reshape(count, 10),
                "epoch": np.tile(np.arange(1, 11, dtype=np.int32), (count, 1)),
            }
            | self.curves,
        )
        # The worst of the splits is the first.
        spread = np.append(5.0, np.linspace(-3, 3, count - 1)) if count > 1 else np.zeros(1)
        self.models = {
            "so_so": 60 + spread - spread.mean(),
            "best_one": 40 + 2 * (spread - spread.mean()),
            "null_model": 90 - (spread - spread.mean()),
        }
        self.scores, self.differences, self.leaderboard = self.compared(self.models)

    def _write(self, name, columns, part=None):
        """Writes a file a block, and in it a part for so many splits. The arrays have an axis for the splits."""
        paths = []
        for block in np.array_split(np.arange(len(self.seeds)), self.blocks):
            paths.append(str(self.folder / f"{name}_{len(paths) + 1}.parquet"))
            with parquet_writer(paths[-1]) as write:
                for start in range(0, len(block), part or len(block)):
                    some = block[start : start + (part or len(block))]
                    write({key: values[some].ravel() for key, values in columns.items()})
        return paths

    def compared(self, models, reference="best_one", name="scores"):
        """Writes errors by model, their differences to the reference, and their quantiles."""
        scores, differences = str(self.folder / f"{name}.parquet"), str(self.folder / f"{name}.csv")
        count = len(self.seeds)
        write_table(
            {
                "model": [name for name in models for _ in range(count)],
                "seed": np.tile(self.seeds, len(models)),
                "mae": np.concatenate(list(models.values())),
                "failure": [""] * (count * len(models)),
            },
            scores,
        )
        with Path(differences).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["model", "other", "metric", "low", "high", "verdict"])
            for model, errors in models.items():
                if model != reference:
                    ends = ends_of(errors - models[reference]) if count > 1 else ("", "")
                    writer.writerow([model, reference, "mae", *ends, self.verdict])
                    writer.writerow([model, f"not_{reference}", "mae", 1, 2, "open"])
                    writer.writerow([model, reference, "rmse", 1, 2, "worse"])
        leaderboard = str(self.folder / f"{name}_board.csv")
        with Path(leaderboard).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["model", "mae_q05", "mae_q95"])
            writer.writerows([model, *np.quantile(errors, [0.05, 0.95])] for model, errors in models.items())
        return scores, differences, leaderboard

    def draw(self, figure, **more):
        """Draws one of the figures and returns the paths of its two files."""
        self.number += 1
        svg, png = (str(self.folder / f"{figure}{self.number}.{suffix}") for suffix in ("svg", "png"))
        out = {"svg": svg, "png": png} | more
        unit, null_model = out.pop("unit", self.unit), out.pop("null_model", "median")
        scores, differences, leaderboard = (out.pop(name, getattr(self, name)) for name in TABLES)
        grid = plot_lasso.read_grid(self.grid)
        {
            "predictions": lambda: plot_predictions.plot_predictions(
                "some_model", out.pop("predictions", self.predictions), self.table, unit, **out
            ),
            "grid": lambda: plot_lasso.plot_grid("some_model", grid, unit, **out),
            "path": lambda: plot_lasso.plot_path(
                "some_model", self.path, grid.chosen[0], self.table, unit, **out
            ),
            "selection": lambda: plot_lasso.plot_selection("some_model", grid, self.terms, **out),
            "learning_curve": lambda: plot_mlp.plot_learning_curve(
                "some_model", self.learning_curves, unit, **({"validation": "test"} | out)
            ),
            "scores": lambda: plot_comparison.plot_scores(
                scores, leaderboard, differences, "mae", "random", unit, null_model, **out
            ),
            "differences": lambda: plot_comparison.plot_differences(
                scores,
                differences,
                out.pop("reference", "best_one"),
                "mae",
                "random",
                unit,
                null_model,
                **out,
            ),
        }[figure]()
        return svg, png


TABLES = ("scores", "differences", "leaderboard")
FIGURES = ["predictions", "grid", "path", "selection", "learning_curve", "scores", "differences"]
# From one split to more than enough for an outline, 40 of them in three blocks.
SPLITS = {
    "one split": ((4,), 1),
    "two splits": ((4, 1), 1),
    "29 splits": (tuple(range(29, 0, -1)), 2),
    "40 splits": (tuple(range(4, 44)), 3),
}
assert len(SPLITS["29 splits"][0]) < OUTLINE <= len(SPLITS["40 splits"][0])


def on_splits(mark):
    """Gives the parameters of a test on all of these numbers of splits; those between the least and the most are marked."""
    between = [*SPLITS][1:-1]
    cases = [
        pytest.param(*these, id=name, marks=[mark] * (name in between)) for name, these in SPLITS.items()
    ]
    return pytest.mark.parametrize(("seeds", "blocks"), cases)


SOME = on_splits(pytest.mark.long)
# Where what is asked does not hang on the number.
FEW = on_splits(pytest.mark.slow)


@pytest.fixture
def results(tmp_path):
    """Gives a function that writes small results, by default of one split."""

    def make(seeds=(4,), **more):
        return Results(tmp_path, np.array(seeds), **more)

    return make


@pytest.fixture
def drawn(monkeypatch):
    """Collects the figures that are saved, and saves the smaller of their files, without a layout."""
    saved = []

    def spy(figure, svg, png):
        saved.append(figure)
        figure.set_layout_engine("none")
        figure.savefig(svg)

    for module in (plot_predictions, plot_lasso, plot_mlp, plot_comparison):
        monkeypatch.setattr(module, "save_figure", spy)
    return saved


def line(axes, name):
    """Finds the line of a legend's entry."""
    (found,) = (one for one in axes.get_lines() if one.get_label() == name)
    return found


def legend(axes):
    """Gives the words of a legend, which may stand beside the axes."""
    legends = axes.figure.legends or [axes.get_legend()]
    return [text.get_text() for one in legends for text in one.get_texts()]


def points(axes, color=None):
    """Gives the positions of the dots, of those that have a colour."""
    found = [
        one.get_offsets()
        for one in axes.collections
        if isinstance(one, PathCollection)
        and (color is None or to_hex(one.get_facecolor()[0]) == color.lower())
    ]
    return [np.asarray(one) for one in found]


def bands(axes):
    """Gives by its label the places, the lower and the upper edge of each band."""
    found = {}
    for one in axes.collections:
        if isinstance(one, FillBetweenPolyCollection):
            vertices = one.get_paths()[0].vertices
            places = np.unique(vertices[:, 0])
            at = [vertices[vertices[:, 0] == place, 1] for place in places]
            found.setdefault(one.get_label(), []).append(
                (places, [edge.min() for edge in at], [edge.max() for edge in at])
            )
    return found


@FEW
@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.long
def test_both_files_are_written(results, figure, seeds, blocks):
    svg, png = results(seeds, blocks=blocks).draw(figure)
    ElementTree.parse(svg)
    pixels = matplotlib.image.imread(png)
    assert pixels.shape[0] > 300
    assert pixels.shape[1] > 300
    assert 0.5 < (pixels[..., :3] == 1).all(axis=2).mean() < 0.999  # mostly paper, and not only paper


@pytest.mark.long
def test_another_process_writes_the_same_bytes(results, tmp_path):
    made = results((4, 1), features=NAMES)
    svg, png = made.draw("path")
    again = [str(tmp_path / f"again.{suffix}") for suffix in ("svg", "png")]
    code = (
        "import sys; from lineup.figures.lasso import plot_path, read_grid; model, path, grid, *rest = sys.argv[1:]\n"
        "plot_path(model, path, read_grid([grid]).chosen[0], *rest)"
    )
    subprocess.run(
        [sys.executable, "-c", code, "some_model", made.path, *made.grid, made.table, made.unit, *again],
        cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": "5"}, timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert [Path(path).read_bytes() for path in again] == [Path(path).read_bytes() for path in (svg, png)]


def test_nothing_in_a_file_tells_when_or_with_what_it_was_made(results):
    svg, png = results().draw("grid")
    assert "<dc:date>" not in Path(svg).read_text(encoding="utf-8")
    assert b"Software" not in Path(png).read_bytes()


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.long
def test_the_same_bytes_are_drawn_twice_whatever_the_cut_into_blocks(tmp_path, figure):
    drawings = []
    for name, number in (("whole", 1), ("cut", 3)):
        (tmp_path / name).mkdir()
        made = Results(tmp_path / name, np.arange(4, 11), blocks=number)
        assert len(made.predictions) == number
        drawings.append([Path(path).read_bytes() for path in made.draw(figure)])
    assert drawings[0] == drawings[1]


@pytest.mark.parametrize("figure", [figure for figure in FIGURES if figure != "selection"])
def test_an_axis_has_the_unit_of_the_target(results, drawn, figure):
    results((4, 1), unit="kg").draw(figure)
    results((4, 1), unit="").draw(figure)
    labels = [[figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()] for figure in drawn]
    assert any(text.endswith(" (kg)") for text in labels[0])
    assert not any("(" in text and "log scale" not in text for text in labels[1])
    assert [text.removesuffix(" (kg)") for text in labels[0]] == labels[1]


@pytest.mark.parametrize("figure", FIGURES)
def test_any_name_is_drawn_as_text(results, drawn, figure):
    made = results((4, 1), target=TARGET, unit=UNIT, features=NAMES)
    svg, _ = made.draw(figure)
    axes = drawn[0].axes[-1]
    words = " ".join(f"{one.get_xlabel()} {one.get_ylabel()}" for one in drawn[0].axes)
    assert (UNIT in words) == (figure != "selection")
    assert (TARGET in words) == (figure == "predictions")
    ticks = axes.get_yticklabels()
    assert not any(text.get_parse_math() for text in (axes.xaxis.label, axes.yaxis.label, axes.title, *ticks))
    # Every dollar sign is among the glyphs that are drawn: none of them started a formula.
    words += "".join([*(legend(axes) if axes.get_legend() else []), *(text.get_text() for text in ticks)])
    glyph = get_font(findfont("DejaVu Sans")).get_char_index(ord("$"))
    uses = Path(svg).read_text(encoding="utf-8").count(f'xlink:href="#DejaVuSans-{glyph:x}"')
    assert uses == words.count("$") >= 2
    # The names did not become elements of the drawing.
    elements = {element.tag.rpartition("}")[2] for element in ElementTree.parse(svg).iter()}
    assert not elements & {"b", "i", "script", "text"}


def test_the_legend_of_the_paths_names_the_largest_whatever_they_are_called(results, drawn):
    results(features=NAMES).draw("path")
    assert legend(drawn[0].axes[0]) == [*NAMES[: plot_lasso.NAMED_PATHS], "chosen penalty"]


# What the lines and points stand for


@SOME
def test_the_predictions_of_the_first_split_stand_out(results, drawn, seeds, blocks):
    made = results(seeds, blocks=blocks)
    made.draw("predictions")
    axes, *_ = drawn[0].axes
    (shown,) = points(axes)
    np.testing.assert_array_equal(shown, np.column_stack([made.actual[0], made.predicted[0]]))
    mae = np.abs(made.actual[0] - made.predicted[0]).mean()
    assert axes.get_title(loc="left") == f"some model, split seed {seeds[0]}: MAE {mae:#.4g}"
    # The points are those of no other split.
    assert not any(np.array_equal(made.predicted[0], other) for other in made.predicted[1:])
    spans = [one for one in axes.collections if isinstance(one, LineCollection)]
    if len(seeds) == 1:
        assert axes.get_legend() is None
        assert spans == []
        return
    assert legend(axes) == [f"90 % of {len(seeds)} splits", f"split seed {seeds[0]}"]
    # A line for each row that any split tests on, from the 5 % to the 95 % of its predictions.
    tested = np.unique(made.rows)
    assert len(tested) > 5
    segments = {round(line[0][0], 9): line for line in spans[0].get_segments()}
    assert len(segments) == len(tested)
    for row in tested:
        here = made.rows == row
        low, high = segments[round(made.actual[here][0], 9)]
        assert low[0] == high[0] == made.actual[here][0]
        expected = np.quantile(made.predicted[here], [0.05, 0.95])
        np.testing.assert_allclose([low[1], high[1]], expected, rtol=1e-12)
        assert here.sum() == 1 or low[1] < high[1]


@SOME
def test_the_grid_shows_the_mean_over_the_folds_and_its_error(results, drawn, seeds, blocks):
    made = results(seeds, blocks=blocks)
    made.draw("grid")
    (axes,) = drawn[0].axes
    mean = line(axes, "mean over 4 folds")
    np.testing.assert_allclose(mean.get_xdata(), made.penalties[0])
    np.testing.assert_allclose(mean.get_ydata(), made.errors[0].mean(axis=1))
    best = made.penalties[0, made.chosen[0]]
    assert set(line(axes, f"chosen penalty {best:.4g}").get_xdata()) == {best}
    shown = bands(axes)
    error = made.errors[0].std(axis=1, ddof=1) / 2
    ((places, below, above),) = shown.pop("one standard error")
    # The band lists the penalties from the smallest up.
    np.testing.assert_allclose(places, made.penalties[0][::-1])
    np.testing.assert_allclose(below, (made.errors[0].mean(axis=1) - error)[::-1])
    np.testing.assert_allclose(above, (made.errors[0].mean(axis=1) + error)[::-1])
    if len(seeds) > 1:
        ((places, below, above),) = shown.pop(f"90 % of {len(seeds)} splits")
        np.testing.assert_allclose(places, np.median(made.penalties, axis=0)[::-1])
        low, high = np.quantile(made.errors.mean(axis=2), [0.05, 0.95], axis=0)
        np.testing.assert_allclose(below, low[::-1])
        np.testing.assert_allclose(above, high[::-1])
        assert (low < high).all()
    assert shown == {}
    assert axes.get_title(loc="left") == f"some model: cross-validation, split seed {seeds[0]}"
    assert len(axes.get_lines()) == 2
    assert axes.get_xscale() == "log"


@SOME
def test_a_grid_is_read_as_it_was_searched(results, seeds, blocks):
    made = results(seeds, blocks=blocks)
    grid = plot_lasso.read_grid(made.grid)
    np.testing.assert_array_equal(grid.seeds, seeds)
    np.testing.assert_array_equal(grid.penalties, made.penalties)
    np.testing.assert_allclose(grid.errors, made.errors.mean(axis=2))
    np.testing.assert_array_equal(grid.chosen, made.penalties[np.arange(len(seeds)), made.chosen])
    np.testing.assert_array_equal(grid.first, made.errors[0])


def test_the_paths_are_scaled_by_the_standard_deviations_of_the_features(results, drawn):
    made = results((4, 1), features=[f"f{place}" for place in range(8)])
    made.draw("path")
    (axes,) = drawn[0].axes
    columns = read_table(made.table)
    paths = [one for one in axes.get_lines() if len(one.get_xdata()) == 7]
    assert len(paths) == 8
    for one in paths:
        np.testing.assert_array_equal(one.get_xdata(), made.penalties[0])
    shown = np.array([one.get_ydata() for one in paths])
    scale = np.array([columns[name].std() for name in made.features])
    expected = (made.coefficients * scale).T
    np.testing.assert_allclose(np.sort(shown[:, -1]), np.sort(expected[:, -1]))
    assert len(legend(axes)) == plot_lasso.NAMED_PATHS + 1
    best = made.penalties[0, made.chosen[0]]
    assert [best, best] in [list(one.get_xdata()) for one in axes.get_lines()]


@SOME
def test_the_selection_counts_the_splits(results, drawn, seeds, blocks):
    made = results(seeds, blocks=blocks, features=[f"f{place}" for place in range(8)])
    made.draw("selection")
    left, right = drawn[0].axes
    splits = len(seeds)
    assert left.get_title(loc="left") == f"some model: {splits} split{'s' if splits > 1 else ''}"
    # Every split is in the histogram, and in the bin of its penalty.
    chosen = made.penalties[np.arange(splits), made.chosen]
    edges = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in left.patches]
    heights = [bar.get_height() for bar in left.patches]
    # A penalty that is the edge of two bins counts in the upper one; rounding blurs the edges by 1e-9.
    assert sum(heights) == splits
    for (low, high), height in zip(edges, heights, strict=True):
        inside = ((chosen >= low * (1 + 1e-9)) & (chosen < high * (1 - 1e-9))).sum()
        touching = ((chosen >= low * (1 - 1e-9)) & (chosen < high * (1 + 1e-9))).sum()
        assert inside <= height <= touching
    first = f"split seed {seeds[0]}: {chosen[0]:.3g}"
    assert [text.get_text() for text in left.get_legend().get_texts()] == [first]
    assert set(line(left, first).get_xdata()) == {chosen[0]}

    assert [text.get_text() for text in right.get_legend().get_texts()] == [f"kept on split seed {seeds[0]}"]
    share = dict(zip(made.features, made.kept.mean(axis=0), strict=True))
    names = [text.get_text() for text in right.get_yticklabels()]
    assert set(names) == set(made.features)
    assert [bar.get_width() for bar in right.patches] == pytest.approx([share[name] for name in names])
    assert [share[name] for name in names] == sorted(share.values())
    marked = {names[int(place)] for _, place in points(right)[0]}
    assert marked == {name for name, kept in zip(made.features, made.kept[0], strict=True) if kept}
    assert "f0" in marked


def test_of_many_features_those_kept_most_often_are_shown(results, drawn):
    made = results(tuple(range(20)), features=[f"f{place}" for place in range(60)])
    made.draw("selection")
    right = drawn[0].axes[1]
    names = [text.get_text() for text in right.get_yticklabels()]
    assert len(names) == plot_lasso.NAMED_FEATURES == len(right.patches)
    share = dict(zip(made.features, made.kept.mean(axis=0), strict=True))
    left_out = [share[name] for name in made.features if name not in names]
    assert len(left_out) == 20
    assert max(left_out) <= min(share[name] for name in names)


@SOME
@pytest.mark.parametrize(
    ("validation", "words"),
    [("test", "the test rows"), (0.2, "20% of the training rows, held out")],
    ids=["test", "share"],
)
def test_the_learning_curve_shows_both_errors_from_0_on(results, drawn, seeds, blocks, validation, words):
    made = results(seeds, blocks=blocks)
    made.draw("learning_curve", validation=validation)
    (axes,) = drawn[0].axes
    lines = [f"{what}, split seed {seeds[0]}" for what in ("training, with dropout", f"validation: {words}")]
    band = f"90 % of {len(seeds)} splits"
    assert legend(axes) == (lines if len(seeds) == 1 else [band, lines[0], band, lines[1]])
    for name, metric in zip(lines, made.curves, strict=True):
        np.testing.assert_array_equal(line(axes, name).get_xdata(), np.arange(1, 11))
        np.testing.assert_array_equal(line(axes, name).get_ydata(), made.curves[metric][0])
    shown = bands(axes).get(band, [])
    assert len(shown) == (0 if len(seeds) == 1 else 2)
    for (places, below, above), metric in zip(shown, made.curves, strict=False):
        np.testing.assert_array_equal(places, np.arange(1, 11))
        low, high = np.quantile(made.curves[metric], [0.05, 0.95], axis=0)
        np.testing.assert_allclose(below, low)
        np.testing.assert_allclose(above, high)
    # Errors of up to 300 and a tenth, to the next hundred: the axis of the book's figure.
    assert axes.get_ylim() == (0, 400)
    assert len(axes.get_lines()) == 2


def test_a_training_that_stopped_early_ends_its_line_and_leaves_the_band(results, drawn):
    """The first split lasts 4 epochs, the second 10, the third 6: so far each counts in the band."""
    made = results((4, 1, 9))
    columns = read_tables(made.learning_curves)
    lasts = dict(zip((4, 1, 9), (4, 10, 6), strict=True))
    there = columns["epoch"] <= [lasts[seed] for seed in columns["seed"]]
    write_table({name: values[there] for name, values in columns.items()}, made.learning_curves[0])
    made.draw("learning_curve")
    (axes,) = drawn[0].axes
    first = line(axes, "training, with dropout, split seed 4")
    np.testing.assert_array_equal(first.get_xdata(), np.arange(1, 5))
    np.testing.assert_array_equal(first.get_ydata(), made.curves["train_mae"][0, :4])
    (places, below, above), _ = bands(axes)["90 % of 3 splits"]
    np.testing.assert_array_equal(places, np.arange(1, 11))
    curves = made.curves["train_mae"].copy()
    curves[0, 4:] = curves[2, 6:] = np.nan
    low, high = np.nanquantile(curves, [0.05, 0.95], axis=0)
    np.testing.assert_allclose(below, low)
    np.testing.assert_allclose(above, high)
    assert above[-1] == below[-1] == made.curves["train_mae"][1, -1]


# The comparison


def labels_of(axes):
    return [text.get_text() for text in axes.get_yticklabels()]


@SOME
def test_the_comparison_has_the_best_model_on_top(results, drawn, seeds, blocks):
    made = results(seeds, blocks=blocks)
    made.draw("scores", null_model="mean")
    (axes,) = drawn[0].axes
    assert labels_of(axes) == ["null model (mean)", "so so", "best one"]
    means = [
        one
        for color in (GREY, BLUE)
        for one in points(axes, color)
        if len(one) == 1 and one[0, 1] in (0, 1, 2)
    ]
    np.testing.assert_allclose(np.concatenate(means), [[90, 0], [60, 1], [40, 2]])
    assert [text.get_text() for text in axes.texts] == ["90.00", "60.00", "40.00"]
    splits, order = len(seeds), ["null_model", "so_so", "best_one"]
    said = f"split seed {seeds[0]}" if splits == 1 else f"{splits} splits"
    assert axes.get_title(loc="left") == f"Test MAE, {said}"

    # The first split is marked on each line, and is not the mean.
    marks = points(axes, ORANGE)
    if splits == 1:
        assert marks == []
        assert drawn[0].legends == []
    else:
        first = [[made.models[name][0], place] for place, name in enumerate(order)]
        np.testing.assert_allclose(np.concatenate(marks), first)
        assert np.abs(np.concatenate(marks)[:, 0] - [90, 60, 40]).min() > 1
        words = [f"mean over {splits} splits", f"split seed {seeds[0]}"]
        assert legend(axes) == words[:1] + ["90 % of the splits"] * (splits >= OUTLINE) + words[1:]
    # A dot for each split of a few; of many, their outline, and a bar from 5 % to 95 %.
    dots = [one for one in points(axes) if len(one) > 1]
    outlines = [one for one in axes.collections if isinstance(one, FillBetweenPolyCollection)]
    if 1 < splits < OUTLINE:
        for place, (name, shown) in enumerate(zip(order, dots, strict=True)):
            np.testing.assert_array_equal(shown[:, 0], made.models[name])
            assert np.abs(shown[:, 1] - place).max() < 0.3
        assert len(np.unique(np.concatenate(dots)[:, 1])) == 3 * splits
    else:
        assert dots == []
    assert len(outlines) == (3 if splits >= OUTLINE else 0)
    bars = axes.get_lines()
    assert len(bars) == (3 if splits >= OUTLINE else 0)
    for place, (name, bar) in enumerate(zip(order, bars, strict=False)):
        np.testing.assert_allclose(bar.get_xdata(), np.quantile(made.models[name], [0.05, 0.95]))
        assert list(bar.get_ydata()) == [place, place]
        low, high = outlines[place].get_paths()[0].get_extents().intervalx
        assert (low, high) == pytest.approx((made.models[name].min(), made.models[name].max()))


@SOME
def test_the_differences_are_those_to_the_reference_split_by_split(results, drawn, seeds, blocks):
    made = results(seeds, blocks=blocks)
    made.draw("differences")
    (axes,) = drawn[0].axes
    # In the order of the comparison, without the reference.
    assert labels_of(axes) == ["null model (median)", "so so"]
    order, splits = ["null_model", "so_so"], len(seeds)
    differences = {name: made.models[name] - made.models["best_one"] for name in order}
    means = [one for color in (GREY, BLUE) for one in points(axes, color) if len(one) == 1]
    np.testing.assert_allclose(np.concatenate(means), [[50, 0], [20, 1]])
    assert [text.get_text() for text in axes.texts] == ["50.00", "20.00"]
    assert axes.get_title(loc="left") == "Test MAE minus that of best one, split by split"
    zero, *bars = axes.get_lines()
    assert list(zero.get_xdata()) == [0, 0]
    marks = points(axes, ORANGE)
    if splits == 1:
        assert (bars, marks, drawn[0].legends) == ([], [], [])
        return
    first = [[differences[name][0], place] for place, name in enumerate(order)]
    np.testing.assert_allclose(np.concatenate(marks), first)
    words = [f"mean over {splits} splits", "95 % interval of the mean", f"split seed {seeds[0]}"]
    assert legend(axes) == words
    for place, (name, bar) in enumerate(zip(order, bars, strict=True)):
        ends = ends_of(differences[name])
        np.testing.assert_allclose(bar.get_xdata(), ends)
        assert list(bar.get_ydata()) == [place, place]
        assert ends[0] < differences[name].mean() < ends[1]


@pytest.mark.long
def test_a_thousand_splits_have_a_comma(results, drawn):
    made = results(tuple(range(1000)))
    for figure in ("scores", "differences", "predictions", "selection", "learning_curve", "grid"):
        made.draw(figure)
    titles = [one.axes[0].get_title(loc="left") for one in drawn]
    assert titles[0] == "Test MAE, 1,000 splits"
    assert titles[3] == "some model: 1,000 splits"
    assert legend(drawn[0].axes[0])[0] == legend(drawn[1].axes[0])[0] == "mean over 1,000 splits"
    for one in (drawn[2], drawn[4], drawn[5]):
        assert "90 % of 1,000 splits" in legend(one.axes[0])


# What does not vary


@FEW
@pytest.mark.long
def test_predictions_and_targets_that_are_all_equal_are_drawn(results, drawn, seeds, blocks):
    made = results(seeds, blocks=blocks)
    for change in ({"predicted": 7.0}, {"actual": 7.0}, {"predicted": 7.0, "actual": 7.0}):
        paths = []
        for path in made.predictions:
            columns = read_table(path)
            paths.append(f"{path}.equal")
            rows = len(columns["row"])
            write_table(columns | {name: np.full(rows, value) for name, value in change.items()}, paths[-1])
        svg, _ = made.draw("predictions", predictions=paths)
        ElementTree.parse(svg)
        axes = drawn[-1].axes[0]
        for place, name in enumerate(("actual", "predicted")):
            shown = points(axes)[0][:, place]
            assert len(shown) == 5
            assert (set(shown) == {7.0}) == (name in change)
        low, high = axes.get_xlim()
        assert low < points(axes)[0][:, 0].min() and points(axes)[0][:, 0].max() < high


@SOME
def test_a_model_that_equals_the_reference_is_drawn_at_0(results, drawn, seeds, blocks):
    made = results(seeds, blocks=blocks)
    for others in ({}, {"worse": made.models["so_so"]}):
        errors = made.models["best_one"]
        models = {"best_one": errors, "twin": errors.copy()} | others
        tables = dict(zip(TABLES, made.compared(models, name=f"twins{len(others)}"), strict=True))
        for figure in ("differences", "scores"):
            svg, _ = made.draw(figure, **tables)
            ElementTree.parse(svg)
        axes = drawn[-2].axes[0]
        assert labels_of(axes) == [*others, "twin"]
        at = len(others)
        twin = [one for one in points(axes, BLUE) if len(one) == 1 and one[0, 1] == at]
        np.testing.assert_array_equal(twin, [[[0, at]]])
        assert axes.texts[-1].get_text() == "0.00"
        if len(seeds) > 1:
            bar = axes.get_lines()[-1]
            assert (list(bar.get_xdata()), list(bar.get_ydata())) == ([0, 0], [at, at])
        low, high = axes.get_xlim()
        assert low < 0 < high


@FEW
def test_a_model_that_errs_alike_on_every_split_is_drawn(results, drawn, seeds, blocks):
    made = results(seeds, blocks=blocks)
    models = {"best_one": np.full(len(seeds), 5.0), "other": np.full(len(seeds), 8.0)}
    tables = dict(zip(TABLES, made.compared(models, name="alike"), strict=True))
    made.draw("scores", **tables)
    made.draw("differences", **tables)
    assert [text.get_text() for text in drawn[0].axes[0].texts] == ["8.000", "5.000"]
    assert [text.get_text() for text in drawn[1].axes[0].texts] == ["3.000"]


@FEW
@pytest.mark.long
def test_a_selection_of_nothing_is_drawn(results, drawn, seeds, blocks):
    """One penalty is chosen on all splits, and no coefficient is kept on any."""
    made = results(seeds, blocks=blocks)
    for path in made.terms:
        columns = read_table(path)
        write_table(columns | {"coefficient": np.zeros(len(columns["seed"]))}, path)
    made.draw("selection")
    right = drawn[0].axes[1]
    assert [bar.get_width() for bar in right.patches] == [0, 0, 0]
    assert [len(one) for one in points(right)] == [0]


# What the figures share


def test_a_logarithmic_axis_has_plain_numbers():
    figure, axes = new_figure()
    axes.plot([0.3, 300], [1, 2])
    logarithmic_x(axes)
    figure.draw_without_rendering()
    low, high = axes.get_xlim()
    ticks = [
        (value, text.get_text())
        for value, text in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
        if low <= value <= high
    ]
    assert [text for _, text in ticks] == ["0.5", "1", "2", "5", "10", "20", "50", "100", "200"]
    assert all(float(text) == pytest.approx(value) for value, text in ticks)


def test_words_and_units():
    assert label("lasso_as_printed") == "lasso as printed"
    assert with_unit("MAE", "kg") == "MAE (kg)"
    assert with_unit("MAE", "") == "MAE"


@pytest.mark.usefixtures("quiet_logging")
def test_the_script_of_least_squares_draws_its_predictions(results, tmp_path):
    made = results()
    svg, png = made.draw("predictions")
    out = {"svg": str(tmp_path / "out.svg"), "png": str(tmp_path / "out.png")}
    snakemake = given(
        "plot_linear",
        tmp_path,
        inputs={"table": made.table, "predictions": made.predictions},
        outputs=out,
        settings={"target_unit": made.unit},
        wildcards={"model": "some_model"},
    )
    runpy.run_path(str(ROOT / "scripts" / "plot_linear.py"), {"snakemake": snakemake}, "__main__")
    assert Path(out["svg"]).read_bytes() == Path(svg).read_bytes()
    assert Path(out["png"]).read_bytes() == Path(png).read_bytes()


@pytest.mark.parametrize("verdict", ["open", "equivalent", "better", "worse"])
def test_models_that_cannot_be_told_apart_have_a_bar_at_the_edge(results, drawn, verdict):
    made = results(seeds=(4, 1), verdict=verdict)
    made.draw("scores")
    axes = drawn[-1].axes[0]
    bars = [bar for bar in axes.patches if bar.get_x() > 1]
    # The pairs that do not stand in the table are open, too.
    whole = [[bar.get_y(), bar.get_y() + bar.get_height()] for bar in bars]
    places = len(axes.get_yticks())
    assert ([-0.25, places - 0.75] in whole) == (verdict in ("open", "equivalent"))
    assert whole


@FEW
def test_residuals_and_their_means_in_tenths(results, drawn, seeds, blocks):
    made = results(seeds, blocks=blocks)
    made.draw("predictions")
    axes = drawn[0].axes[1]
    (shown,) = points(axes)
    left = made.actual - made.predicted
    np.testing.assert_allclose(shown, np.column_stack([made.predicted[0], left[0]]))
    means = axes.lines[-1].get_xydata()
    # As many predictions in each tenth as there are in the others, give or take one.
    order = np.argsort(made.predicted.ravel())
    assert len(means) == min(10, made.predicted.size)
    if made.predicted.size >= 100:
        tenths = np.array_split(order, 10)
        expected = [[made.predicted.ravel()[one].mean(), left.ravel()[one].mean()] for one in tenths]
        np.testing.assert_allclose(means, expected, atol=1.5)


@FEW
def test_the_coverage_of_intervals(results, drawn, seeds, blocks):
    """Of five test rows, three are known: their largest residual is for 75 %."""
    made = results(seeds, blocks=blocks)
    made.draw("predictions")
    axes = drawn[0].axes[2]
    left = np.abs(made.actual - made.predicted)
    x, y = axes.lines[-1].get_xydata()[-1]
    assert x == pytest.approx(75)
    held = left[:, 1::2] <= left[:, ::2].max(axis=1, keepdims=True)
    assert y == pytest.approx(100 * held.mean())


def test_what_scores_vary_by(drawn, monkeypatch, tmp_path):
    """Variances of 16 and 4, the first with three quarters by the seed; a model of which nothing is known is left out."""
    monkeypatch.setattr(plot_variance, "save_figure", lambda figure, *_: drawn.append(figure))
    board = tmp_path / "board.csv"
    board.write_text(
        "model,mae_sd,seed_share\nnet,4,0.75\nother,9,\nplain,2,\nnull_model,8,\n", encoding="utf-8"
    )
    plot_variance.plot_variance(str(board), "mae", ["net"], ["plain"], "a.svg", "a.png")
    (axes,) = drawn[0].axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["plain", "net"]
    rows, seeds = (np.array([bar.get_width() for bar in bars]) for bars in axes.containers)
    np.testing.assert_allclose(rows, [25, 25])
    np.testing.assert_allclose(seeds, [0, 75])
    assert [text.get_text() for text in axes.texts] == ["no seed", "75 % seed"]
