"""The figures: what is drawn, that any name is drawn as text, and the same bytes on every run."""

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
from matplotlib.font_manager import findfont, get_font
from workflow_helpers import given

from scripts import figures, plot_comparison, plot_lasso, plot_mlp
from scripts.figures import label, logarithmic_x, new_figure, save_figure, with_unit
from scripts.tables import write_table

ROOT = Path(__file__).resolve().parent.parent

# A formula to matplotlib, a name that it hides, a tag and a comment to a browser, and more.
NAMES = ["$x_1$", "_hidden", "<b>bold</b>", "a -- > & \"b\" 'c'", "100 % \\alpha^2", "größe", "{x}", "$"]
UNIT = "$/day$ <i>_"
TARGET = "pay_$y$"


class Results:
    """Small results of made-up models on several splits, as the jobs write them."""

    def __init__(self, folder, seeds, target="y", unit="kg", features=("a", "b", "c")):
        """Writes them into a folder."""
        self.folder, self.seeds, self.features, self.number = folder, seeds, list(features), 0
        self.unit = unit
        generator = np.random.default_rng(0)
        rows, count = 20, len(seeds)
        schema = {
            "task": "regression",
            "target": {"name": target},
            "features": [{"name": name} for name in features],
        }
        columns = [generator.normal(size=rows) for _ in features] + [generator.normal(100, 20, rows)]
        table = pa.table(columns, names=[*features, target])
        self.table = self._write("table", table.replace_schema_metadata({"lineup": json.dumps(schema)}))
        actual = generator.normal(100, 20, 5 * count)
        self.predictions = self._write(
            "predictions",
            {
                "seed": np.repeat(seeds, 5),
                "row": np.tile(np.arange(5), count),
                "actual": actual,
                "predicted": actual + generator.normal(0, 5, 5 * count),
            },
        )
        self.penalties = np.logspace(1, -1, 7)
        self.errors = generator.normal(50, 5, (count, 7, 4))
        self.chosen = 2
        self.grid = self._write(
            "grid",
            {
                "seed": np.repeat(seeds, 7 * 4),
                "penalty": np.tile(np.repeat(self.penalties, 4), count),
                "fold": np.tile(np.arange(1, 5), 7 * count),
                "mae": self.errors.ravel(),
                "chosen": np.tile(np.repeat(np.arange(7) == self.chosen, 4), count),
            },
        )
        # The later a feature stands, the smaller its coefficients are.
        size = 10.0 / (1 + np.arange(len(features)))
        self.coefficients = size * np.arange(7)[:, None] * np.ones((count, 1, 1))
        self.path = self._write(
            "path",
            {
                "seed": np.repeat(seeds, 7 * len(features)),
                "penalty": np.tile(np.repeat(self.penalties, len(features)), count),
                "feature": list(features) * (7 * count),
                "coefficient": self.coefficients.ravel(),
            },
        )
        self.curves = {
            "train_mae": generator.uniform(250, 300, (count, 10)),
            "valid_mae": generator.uniform(230, 260, (count, 10)),
        }
        self.learning_curves = self._write(
            "learning_curves",
            {"seed": np.repeat(seeds, 10), "epoch": np.tile(np.arange(1, 11), count)}
            | {name: values.ravel() for name, values in self.curves.items()},
        )
        self.models = {"so_so": 60.0, "best_one": 40.0, "null_model": 90.0}
        self.scores = self._write(
            "scores",
            {
                "model": [name for name in self.models for _ in seeds],
                "seed": np.tile(seeds, 3),
                "mae": np.concatenate([np.full(count, mae) for mae in self.models.values()])
                + np.tile(np.linspace(-1, 1, count) if count > 1 else 0.0, 3),
            },
        )

    def _write(self, name, table):
        path = str(self.folder / f"{name}.parquet")
        write_table(table, path)
        return path

    def draw(self, figure, **more):
        """Draws one of the figures and returns the paths of its two files."""
        self.number += 1
        svg, png = (str(self.folder / f"{figure}{self.number}.{suffix}") for suffix in ("svg", "png"))
        out = {"unit": self.unit, "svg": svg, "png": png} | more
        {
            "predictions": lambda: figures.plot_predictions(
                "some_model", self.predictions, self.table, **out
            ),
            "grid": lambda: plot_lasso.plot_grid("some_model", self.grid, **out),
            "path": lambda: plot_lasso.plot_path("some_model", self.path, self.grid, self.table, **out),
            "learning_curve": lambda: plot_mlp.plot_learning_curve(
                "some_model", self.learning_curves, **({"validation": "test"} | out)
            ),
            "comparison": lambda: plot_comparison.plot_comparison(
                self.scores, out.pop("unit"), **({"null_model": "median"} | out)
            ),
        }[figure]()
        return svg, png


FIGURES = ["predictions", "grid", "path", "learning_curve", "comparison"]


@pytest.fixture
def results(tmp_path):
    """Gives a function that writes small results, by default of one split."""

    def make(seeds=(4,), **more):
        return Results(tmp_path, np.array(seeds), **more)

    return make


@pytest.fixture
def drawn(monkeypatch):
    """Collects the figures that are saved, and saves them."""
    saved = []

    def spy(figure, svg, png):
        saved.append(figure)
        save_figure(figure, svg, png)

    for module in (figures, plot_lasso, plot_mlp, plot_comparison):
        monkeypatch.setattr(module, "save_figure", spy)
    return saved


def line(axes, name):
    """Finds the line of a legend's entry."""
    (found,) = (one for one in axes.get_lines() if one.get_label() == name)
    return found


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


@pytest.mark.parametrize("seeds", [(4,), (4, 1, 9)], ids=["one split", "three splits"])
@pytest.mark.parametrize("figure", FIGURES)
def test_both_files_are_written_with_the_same_bytes_twice(results, figure, seeds):
    made = results(seeds)
    first, second = made.draw(figure), made.draw(figure)
    for one, other in zip(first, second, strict=True):
        assert Path(one).read_bytes() == Path(other).read_bytes()
    ElementTree.parse(first[0])
    pixels = matplotlib.image.imread(first[1])
    assert pixels.shape[0] > 300
    assert pixels.shape[1] > 300
    assert 0.5 < (pixels[..., :3] == 1).all(axis=2).mean() < 0.999  # mostly paper, and not only paper


def test_another_process_writes_the_same_bytes(results, tmp_path):
    made = results((4, 1), features=NAMES)
    svg, png = made.draw("path")
    again = [str(tmp_path / f"again.{suffix}") for suffix in ("svg", "png")]
    code = "import sys; from scripts.plot_lasso import plot_path; plot_path(*sys.argv[1:])"
    subprocess.run(
        [sys.executable, "-c", code, "some_model", made.path, made.grid, made.table, made.unit, *again],
        cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": "5"}, timeout=120, check=True,
    )  # fmt: skip
    assert [Path(path).read_bytes() for path in again] == [Path(path).read_bytes() for path in (svg, png)]


def test_nothing_in_a_file_tells_when_or_with_what_it_was_made(results):
    svg, png = results().draw("grid")
    assert "<dc:date>" not in Path(svg).read_text(encoding="utf-8")
    assert b"Software" not in Path(png).read_bytes()


@pytest.mark.parametrize("figure", FIGURES)
def test_an_axis_has_the_unit_of_the_target(results, drawn, figure):
    results(unit="kg").draw(figure)
    results(unit="").draw(figure)
    labels = [[figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()] for figure in drawn]
    assert any(text.endswith(" (kg)") for text in labels[0])
    assert not any("(" in text and "log scale" not in text for text in labels[1])
    assert [text.removesuffix(" (kg)") for text in labels[0]] == labels[1]


@pytest.mark.parametrize("figure", FIGURES)
def test_any_name_is_drawn_as_text(results, drawn, figure):
    made = results((4, 1), target=TARGET, unit=UNIT, features=NAMES)
    svg, _ = made.draw(figure)
    (axes,) = drawn[0].axes
    words = f"{axes.get_xlabel()} {axes.get_ylabel()}"
    assert UNIT in words
    assert (TARGET in words) == (figure == "predictions")
    assert not any(text.get_parse_math() for text in (axes.xaxis.label, axes.yaxis.label, axes.title))
    # Every dollar sign is among the glyphs that are drawn: none of them started a formula.
    if axes.get_legend():
        words += "".join(legend(axes))
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


@pytest.mark.parametrize("seeds", [(4,), (4, 1, 9)], ids=["one split", "three splits"])
def test_the_predictions_of_the_first_split_stand_out(results, drawn, seeds):
    made = results(seeds)
    made.draw("predictions")
    (axes,) = drawn[0].axes
    columns = figures.read_table(made.predictions)
    points = [collection.get_offsets() for collection in axes.collections]
    first = np.column_stack([columns["actual"], columns["predicted"]])[:5]
    np.testing.assert_array_equal(points[-1], first)
    mae = np.abs(first[:, 0] - first[:, 1]).mean()
    assert axes.get_title(loc="left") == f"some model, test rows of split seed 4: MAE {mae:.1f}"
    if len(seeds) == 1:
        assert axes.get_legend() is None
    else:
        assert legend(axes) == ["2 other splits", "split seed 4"]
        assert len(points[0]) == 10


@pytest.mark.parametrize("seeds", [(4,), (4, 1, 9)], ids=["one split", "three splits"])
def test_the_grid_shows_the_mean_over_the_folds_and_its_error(results, drawn, seeds):
    made = results(seeds)
    made.draw("grid")
    (axes,) = drawn[0].axes
    mean = line(axes, "mean over 4 folds")
    np.testing.assert_allclose(mean.get_xdata(), made.penalties)
    np.testing.assert_allclose(mean.get_ydata(), made.errors[0].mean(axis=1))
    best = made.penalties[made.chosen]
    assert set(line(axes, f"chosen penalty {best:.4g}").get_xdata()) == {best}
    error = made.errors[0].std(axis=1, ddof=1) / 2
    (band,) = axes.collections
    vertices = band.get_paths()[0].vertices
    for edge in (made.errors[0].mean(axis=1) - error, made.errors[0].mean(axis=1) + error):
        for x, y in zip(made.penalties, edge, strict=True):
            assert np.isclose(vertices, [x, y]).all(axis=1).any()
    assert len(axes.get_lines()) == len(seeds) + 1
    assert axes.get_xscale() == "log"


def test_the_paths_are_scaled_by_the_standard_deviations_of_the_features(results, drawn):
    made = results((4, 1), features=[f"f{place}" for place in range(8)])
    made.draw("path")
    (axes,) = drawn[0].axes
    columns = figures.read_table(made.table)
    paths = [one for one in axes.get_lines() if len(one.get_xdata()) == 7]
    assert len(paths) == 8
    shown = np.array([one.get_ydata() for one in paths])
    scale = np.array([columns[name].std() for name in made.features])
    expected = (made.coefficients[0] * scale).T
    np.testing.assert_allclose(np.sort(shown[:, -1]), np.sort(expected[:, -1]))
    assert len(legend(axes)) == plot_lasso.NAMED_PATHS + 1


@pytest.mark.parametrize("seeds", [(4,), (4, 1, 9)], ids=["one split", "three splits"])
@pytest.mark.parametrize(
    ("validation", "words"),
    [("test", "the test rows"), (0.2, "20% of the training rows, held out")],
    ids=["test", "share"],
)
def test_the_learning_curve_shows_both_errors_from_0_on(results, drawn, seeds, validation, words):
    made = results(seeds)
    made.draw("learning_curve", validation=validation)
    (axes,) = drawn[0].axes
    assert legend(axes) == ["training, with dropout", f"validation: {words}"]
    for name, metric in zip(legend(axes), made.curves, strict=True):
        np.testing.assert_array_equal(line(axes, name).get_xdata(), np.arange(1, 11))
        np.testing.assert_array_equal(line(axes, name).get_ydata(), made.curves[metric][0])
    # Errors of up to 300 and a tenth, to the next hundred: the axis of the book's figure.
    assert axes.get_ylim() == (0, 400)
    assert len(axes.get_lines()) == 1 + len(seeds)


@pytest.mark.parametrize("seeds", [(4,), (4, 1, 9)], ids=["one split", "three splits"])
def test_the_comparison_has_the_best_model_on_top(results, drawn, seeds):
    made = results(seeds)
    made.draw("comparison", null_model="mean")
    (axes,) = drawn[0].axes
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names == ["null model (mean)", "so so", "best one"]
    means = [
        collection.get_offsets()[0] for collection in axes.collections if len(collection.get_offsets()) == 1
    ]
    np.testing.assert_allclose(means, [[90, 0], [60, 1], [40, 2]])
    assert [text.get_text() for text in axes.texts] == ["90.0", "60.0", "40.0"]
    points = sum(len(collection.get_offsets()) for collection in axes.collections)
    assert points == 3 + (9 if len(seeds) == 3 else 0)
    said = "split seed 4" if len(seeds) == 1 else "3 splits and their mean"
    assert axes.get_title(loc="left") == f"Test MAE, {said}"


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
