"""Draws the figures of the lasso: its cross-validation, its coefficient paths, its predictions."""

import numpy as np

from scripts.figures import (
    BLUE,
    GREY,
    ORANGE,
    PALETTE,
    label,
    logarithmic_x,
    new_figure,
    plot_predictions,
    save_figure,
    with_unit,
)
from scripts.job import job
from scripts.tables import read_schema, read_table

# ASSUME: a reader tells this many paths apart; the other features are drawn in grey.
NAMED_PATHS = 6


def first_split(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Keeps the records of the first split of a table."""
    kept = columns["seed"] == columns["seed"][0]
    return {name: values[kept] for name, values in columns.items()}


def plot_grid(model: str, grid: str, unit: str, svg: str, png: str) -> None:
    """Draws the cross-validation curve of the first split, with the chosen penalty.

    The band is one standard error of the mean over the folds, ``sd / sqrt(folds)`` (Hastie,
    Tibshirani and Friedman 2009, section 7.10). The curves of other splits lie behind it in grey.

    Args:
        model: Name of the model.
        grid: Its grid, as ``fit_lasso`` wrote it.
        unit: Unit of the target, empty if it has none.
        svg: SVG file to write.
        png: PNG file to write.
    """
    columns = read_table(grid)
    folds = int(columns["fold"].max())
    seeds = np.unique(columns["seed"])
    penalties = columns["penalty"].reshape(len(seeds), -1, folds)[:, :, 0]
    errors = columns["mae"].reshape(len(seeds), -1, folds)
    chosen = columns["chosen"].reshape(len(seeds), -1, folds)[0, :, 0]
    mean, error = errors.mean(axis=2), errors[0].std(axis=1, ddof=1) / np.sqrt(folds)
    figure, axes = new_figure()
    for k in range(1, min(len(seeds), 200)):
        axes.plot(penalties[k], mean[k], color=GREY, linewidth=0.5, alpha=0.3)
    axes.fill_between(
        penalties[0],
        mean[0] - error,
        mean[0] + error,
        color=BLUE,
        alpha=0.18,
        linewidth=0,
        label="one standard error",
    )
    axes.plot(penalties[0], mean[0], color=BLUE, label=f"mean over {folds} folds")
    best = float(penalties[0][chosen][0])
    axes.axvline(best, color=ORANGE, linestyle="--", linewidth=1.2, label=f"chosen penalty {best:.4g}")
    logarithmic_x(axes)
    axes.set(
        title=f"{label(model)}: cross-validation, split seed {columns['seed'][0]}",
        xlabel="penalty (log scale)",
        ylabel=with_unit("held-out MAE", unit),
    )
    axes.legend()
    save_figure(figure, svg, png)


def plot_path(model: str, path: str, grid: str, table: str, unit: str, svg: str, png: str) -> None:
    """Draws the coefficients of the first split against the penalty.

    Each coefficient is multiplied by the standard deviation of its feature over all rows, so that
    features of different units can share an axis.

    Args:
        model: Name of the model.
        path: Its coefficient paths, as ``fit_lasso`` wrote them.
        grid: Its grid, for the chosen penalty.
        table: The prepared table, for the standard deviations of the features.
        unit: Unit of the target, empty if it has none.
        svg: SVG file to write.
        png: PNG file to write.
    """
    columns, schema, rows = first_split(read_table(path)), read_schema(table), read_table(table)
    features = [feature["name"] for feature in schema["features"]]
    scale = np.array([rows[name].astype(float).std() for name in features])
    penalties = columns["penalty"].reshape(-1, len(features))[:, 0]
    coefficients = columns["coefficient"].reshape(-1, len(features)) * scale
    searched = first_split(read_table(grid))
    best = float(searched["penalty"][searched["chosen"]][0])
    figure, axes = new_figure()
    largest = np.argsort(-np.abs(coefficients).max(axis=0), kind="stable")
    for j in largest[NAMED_PATHS:]:
        axes.plot(penalties, coefficients[:, j], color=GREY, linewidth=0.8, alpha=0.7)
    named = [
        axes.plot(penalties, coefficients[:, j], color=color)[0]
        for color, j in zip(PALETTE, largest[:NAMED_PATHS], strict=False)
    ]
    named.append(axes.axvline(best, color="#444444", linestyle="--", linewidth=1))
    axes.axhline(0, color="#444444", linewidth=0.6)
    logarithmic_x(axes)
    axes.set(
        title=f"{label(model)}: coefficient paths, split seed {columns['seed'][0]}",
        xlabel="penalty (log scale)",
        ylabel=with_unit("coefficient per standard deviation", unit),
    )
    # Named here, because matplotlib leaves a line out whose own label starts with an underscore.
    names = [*(features[j] for j in largest[:NAMED_PATHS]), "chosen penalty"]
    axes.legend(named, names, ncols=1, loc="center left", bbox_to_anchor=(1, 0.5))
    save_figure(figure, svg, png)


if __name__ == "__main__":
    with job(snakemake):
        model, files, out = snakemake.wildcards.model, snakemake.input, snakemake.output
        unit = snakemake.params.spec["settings"]["target_unit"]
        plot_grid(model, files.grid, unit, out.grid_svg, out.grid_png)
        plot_path(model, files.path, files.grid, files.table, unit, out.path_svg, out.path_png)
        plot_predictions(
            model, files.predictions, files.table, unit, out.predictions_svg, out.predictions_png
        )
