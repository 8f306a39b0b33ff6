"""The comparison: pandas for the sums, and small cases by hand."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from scripts.compare import compare, leaderboard, null_scores
from scripts.evaluation import METRICS
from scripts.tables import Design, Split, read_table, write_table

# pandas and numpy sum in different orders: the last digits differ.
ROUNDING = 1e-12
NAMES = ("ridge", "tree", "stump")


def made_up(seeds):
    """Gives scores of three models over some splits, the same splits hard for all of them."""
    generator = np.random.default_rng(1)
    hard = generator.normal(100, 20, len(seeds))
    return {
        name: {
            "seed": np.array(seeds),
            "mae": hard + generator.normal(place, 5, len(seeds)),
            "rmse": 1.3 * hard + generator.normal(place, 5, len(seeds)),
            "r2": generator.uniform(0.1, 0.9, len(seeds)),
        }
        for place, name in enumerate(NAMES)
    }


@pytest.fixture
def compared(tmp_path, prepare, logger):
    """Gives a function that compares made-up scores on the splits of a made-up table."""

    def run(seeds, null_model="median", name="compared"):
        generator = np.random.default_rng(2)
        folder = tmp_path / name
        folder.mkdir()
        table, splits = prepare(
            folder, {"a": generator.normal(size=40), "y": generator.exponential(100, 40)}, seeds
        )
        model_scores = []
        for model, columns in made_up(seeds).items():
            model_scores.append(str(folder / f"{model}.parquet"))
            write_table(columns, model_scores[-1])
        scores, board = str(folder / "scores.parquet"), str(folder / "leaderboard.csv")
        compare(table, splits, model_scores, scores, board, list(NAMES), "tree", null_model, logger)
        return table, splits, model_scores, scores, board

    return run


def test_the_leaderboard_is_that_of_pandas():
    scores = made_up(range(25))
    frame = pd.concat(pd.DataFrame(columns).assign(model=name) for name, columns in scores.items())
    grouped = frame.groupby("model")[list(METRICS)].agg(["mean", "std"])
    wide = frame.pivot(index="seed", columns="model", values="mae")
    differences = wide.sub(wide["tree"], axis=0)
    records = leaderboard(scores, "tree")
    assert [record["model"] for record in records] == list(grouped["mae"]["mean"].sort_values().index)
    for record in records:
        name = record["model"]
        assert record["splits"] == 25
        for metric in METRICS:
            mean, deviation = grouped.loc[name, metric]
            assert record[metric] == pytest.approx(mean, rel=ROUNDING)
            assert record[f"{metric}_sd"] == pytest.approx(deviation, rel=ROUNDING)
        assert record["mae_difference"] == pytest.approx(differences[name].mean(), rel=ROUNDING, abs=1e-12)
        assert record["mae_difference_sd"] == pytest.approx(differences[name].std(), rel=ROUNDING, abs=1e-12)
        assert record["splits_better"] == (differences[name] < 0).sum()
    # The pairs matter: the differences vary far less than the errors do.
    ridge = next(record for record in records if record["model"] == "ridge")
    assert 0 < ridge["mae_difference_sd"] < 0.5 * ridge["mae_sd"]


def test_differences_and_wins_by_hand():
    scores = {
        name: {"seed": np.arange(4), "mae": np.array(mae), "rmse": np.ones(4), "r2": np.zeros(4)}
        for name, mae in {"a": [3.0, 3.0, 3.0, 3.0], "b": [1.0, 2.0, 3.0, 10.0]}.items()
    }
    best, other = leaderboard(scores, "a")
    assert (best["model"], best["mae"], best["mae_sd"]) == ("a", 3.0, 0.0)
    assert (best["mae_difference"], best["mae_difference_sd"], best["splits_better"]) == (0.0, 0.0, 0)
    assert (other["model"], other["mae"], other["mae_difference"]) == ("b", 4.0, 1.0)
    # Differences -2, -1, 0 and 7: a tie is no win, and their squares about 1 are 9, 4, 1 and 36.
    assert other["splits_better"] == 2
    assert other["mae_difference_sd"] == pytest.approx(np.sqrt(50 / 3), rel=ROUNDING)


def test_of_one_split_there_is_no_standard_deviation(compared):
    *_, board = compared([7])
    with Path(board).open(newline="", encoding="utf-8") as file:
        records = list(csv.DictReader(file))
    assert len(records) == 4
    for record in records:
        assert record["splits"] == "1"
        assert {record[key] for key in record if key.endswith("_sd")} == {""}
        assert float(record["mae"]) > 0


@pytest.mark.parametrize(("null_model", "value"), [("mean", 4.0), ("median", 2.0)])
def test_the_null_model_by_hand(null_model, value):
    """It knows the training targets 1, 2 and 9 and is tested on 3 and 5."""
    design = Design(["a"], np.zeros((5, 1)), np.array([1.0, 3.0, 2.0, 5.0, 9.0]), "y")
    columns = null_scores(design, [Split(6, np.array([4, 0, 2]), np.array([1, 3]))], null_model)
    errors = np.array([3.0, 5.0]) - value
    assert columns["seed"].tolist() == [6]
    assert columns["mae"] == pytest.approx([np.abs(errors).mean()], rel=ROUNDING)
    assert columns["rmse"] == pytest.approx([np.sqrt((errors**2).mean())], rel=ROUNDING)
    assert columns["r2"] == pytest.approx([1 - (errors**2).sum() / 2], rel=ROUNDING)


def test_the_null_model_of_the_book_split(hitters, book_split):
    columns = null_scores(hitters, [book_split], "median")
    expected = np.abs(hitters.y[book_split.test] - np.median(hitters.y[book_split.train])).mean()
    assert columns["mae"] == pytest.approx([expected], rel=ROUNDING)
    assert f"{columns['mae'][0]:.2f}" == "333.28"
    # A mean and a median of skewed salaries are different models.
    assert null_scores(hitters, [book_split], "mean")["mae"][0] > expected + 1


def test_the_tables_that_are_written(compared):
    _, _, model_scores, scores, board = compared([3, 1, 2])
    columns = pq.read_table(scores).to_pandas()
    assert list(columns) == ["model", "seed", *METRICS]
    assert columns["model"].tolist() == [name for name in (*NAMES, "null_model") for _ in range(3)]
    assert columns["seed"].tolist() == [3, 1, 2] * 4
    for name, path in zip(NAMES, model_scores, strict=True):
        for metric in METRICS:
            np.testing.assert_array_equal(columns[columns["model"] == name][metric], read_table(path)[metric])

    records = pd.read_csv(board)
    assert list(records) == [
        "model", "splits", "mae", "mae_sd", "rmse", "rmse_sd", "r2", "r2_sd", "mae_difference",
        "mae_difference_sd", "splits_better", "source",
    ]  # fmt: skip
    assert records["mae"].is_monotonic_increasing
    expected = columns.groupby("model")["mae"].mean()
    np.testing.assert_allclose(records["mae"], expected[records["model"]], rtol=ROUNDING)
    sources = dict(zip(records["model"], records["source"], strict=True))
    assert sources == dict(zip(NAMES, model_scores, strict=True)) | {"null_model": scores}


def test_the_null_model_is_the_one_asked_for(compared):
    means = read_table(compared([1, 2], "mean", "with_mean")[3])
    medians = read_table(compared([1, 2], "median", "with_median")[3])
    null = means["model"] == "null_model"
    assert (means["mae"][null] != medians["mae"][null]).all()
    np.testing.assert_array_equal(means["mae"][~null], medians["mae"][~null])


def test_the_same_bytes_are_written_twice(compared):
    first, second = compared([1, 2], name="first"), compared([1, 2], name="second")
    assert Path(first[3]).read_bytes() == Path(second[3]).read_bytes()
    texts = [Path(made[4]).read_text(encoding="utf-8") for made in (first, second)]
    # But for the folders that the lines come from.
    assert texts[0].replace("first", "second") == texts[1]
