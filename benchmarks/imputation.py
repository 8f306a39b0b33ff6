"""Times the fits of 1,000 splits of Hitters with a tenth of the values missing beside those of the complete table.

``python -m benchmarks.imputation CSV`` prints a table of ratios. Both sides of each are measured in turn, as seconds of
the processor, the least of three. With indicators the complete table has as many columns of noise in their place.
"""

import argparse
import logging
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd
import yaml

from lineup.config import table_settings, validate
from lineup.data.preparation import preprocess
from lineup.data.splits import split
from lineup.models import lasso, ridge
from lineup.models.linear import fit_linear
from lineup.settings import typed

ROOT = Path(__file__).parents[1]
LOGGER = logging.getLogger("bench")
OUTPUTS = {
    "least squares": ("predictions", "scores", "coefficients"),
    "ridge": ("predictions", "scores", "coefficients", "grid"),
    "lasso": ("predictions", "scores", "coefficients", "grid", "path"),
}


def tables(raw: Path, folder: Path, splits: int) -> dict[str, str]:
    """Prepares the complete players and those with gaps, with and without indicators, and draws splits beside each."""
    whole = pd.read_csv(raw).dropna().reset_index(drop=True)
    chance = np.random.default_rng(0)
    gaps = whole.mask(chance.random(whole.shape) < 0.1).assign(Salary=whole["Salary"])
    noise = pd.DataFrame(chance.integers(0, 2, (len(whole), 19))).add_prefix("noise_")
    frames = {"whole": whole, "gaps": gaps, "whole, more": whole.join(noise), "gaps, indicators": gaps}
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    found = {}
    for name, frame in frames.items():
        dataset = config["datasets"]["hitters"] | {"missing_features": "impute"}
        dataset["imputation"] = {"indicators": name == "gaps, indicators"}
        validate(config | {"datasets": {"hitters": dataset}, "build": ["hitters"]})
        frame.to_csv(folder / f"{name}.csv", index=False)
        found[name] = str(folder / f"{name}.parquet")
        preprocess(str(folder / f"{name}.csv"), found[name], logger=LOGGER, **table_settings(dataset))
        seeds = {"first": 1, "last": splits}
        split(found[name], splits_of(found[name]), dataset["splits"]["test_share"], seeds, LOGGER)
    return found


def splits_of(table: str) -> str:
    """Names the file with the splits of a table."""
    return table.replace(".parquet", ".splits.parquet")


def fits(folder: Path) -> dict[str, Callable[[str], None]]:
    """Gives, by the name of a model, what fits it to a table."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    config["models"]["ridge"] = {"kind": "ridge"}
    validate(config)
    lassos, ridges = (
        partial(fit, settings=typed(module.Settings, config["models"][name]))
        for fit, module, name in ((lasso.fit_lasso, lasso, "lasso"), (ridge.fit_ridge, ridge, "ridge"))
    )

    def on(fit: Callable, outputs: tuple[str, ...], table: str) -> None:
        fit(table, splits_of(table), **{name: str(folder / name) for name in outputs}, logger=LOGGER)

    by_name = {"least squares": fit_linear, "ridge": ridges, "lasso": lassos}
    return {name: partial(on, fit, OUTPUTS[name]) for name, fit in by_name.items()}


def seconds(fit: Callable[[str], None], table: str) -> float:
    """Measures the seconds of the processor that a fit takes."""
    started = process_time()
    fit(table)
    return process_time() - started


def main() -> None:
    """Prints how many times as long each model takes with gaps as without."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("csv", type=Path, help="the raw Hitters.csv")
    parser.add_argument("--splits", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        made = tables(options.csv, Path(name), options.splits)
        print("model           gaps  gaps, indicators")
        for model, fit in fits(Path(name)).items():
            times = {table: min(seconds(fit, path) for _ in range(3)) for table, path in made.items()}
            ratios = times["gaps"] / times["whole"], times["gaps, indicators"] / times["whole, more"]
            print(f"{model:<14} {ratios[0]:5.2f} {ratios[1]:17.2f}")


if __name__ == "__main__":
    main()
