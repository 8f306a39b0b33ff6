"""The comparison: pandas and scipy for the sums, and small cases by hand."""

import csv
import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.stats
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)
from support.data import NO_TRAININGS

from lineup.comparison.intervals import RowsAndTrainings, wilson_interval
from lineup.comparison.leaderboard import compare, leaderboard
from lineup.comparison.metrics import decimals
from lineup.comparison.metrics import scores as scores_of
from lineup.comparison.null_model import null_predictions
from lineup.comparison.scores import GridEnds, doubts_of_record, score_columns, write_evaluation
from lineup.data.design import Design, read_design
from lineup.data.splits import given_splits
from lineup.data.tables import SCHEMA_KEY, Splits, read_splits, read_table, write_splits, write_table
from lineup.errors import InputError
from lineup.metrics import METRICS as METRICS_OF

# pandas and numpy sum in different orders: the last digits differ.
ROUNDING = 1e-12
NAMES = ("ridge", "tree", "stump")
METRICS = list(METRICS_OF["regression"])
FILES = ("predictions", "scores")


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


def by_hand(**errors):
    """Gives scores of models with these errors."""
    count = len(next(iter(errors.values())))
    return {
        name: {"seed": np.arange(count), "mae": np.array(mae), "rmse": np.ones(count), "r2": np.zeros(count)}
        for name, mae in errors.items()
    }


def null_scores(design, splits, null_model):
    """Gives the scores of the null model."""
    return score_columns(design, splits, null_predictions(design, splits, null_model))


@pytest.fixture
def compared(tmp_path, prepare, logger):
    """Gives a function that compares made-up scores on the splits of a made-up table, in one block or several."""

    def run(seeds, null_model="median", name="compared", block_size=1000, reference="tree", missing=None):
        """``missing`` gives by model the seeds of splits that it could not be fitted on."""
        generator = np.random.default_rng(2)
        folder = tmp_path / name
        folder.mkdir()
        columns = {"a": generator.normal(size=40), "y": generator.exponential(100, 40)}
        blocks = [seeds[start : start + block_size] for start in range(0, len(seeds), block_size)]
        splits, files = [], {name: [] for name in NAMES}
        for number, block in enumerate(blocks, 1):
            table, drawn = prepare(folder, columns, block)
            splits.append(str(Path(drawn).rename(folder / f"block_{number}.parquet")))
            design, read = read_design(table), read_splits([splits[-1]])
            for place, (model, made) in enumerate(files.items()):
                made.append([str(folder / model / f"block_{number}" / f"{what}.parquet") for what in FILES])
                off = [np.random.default_rng([seed, place]).normal(0, 60 + 5 * place, 10) for seed in block]
                lost = (missing or {}).get(model, ())
                has = ~np.isin(read.seeds, lost)
                failures = [(int(seed), f"too {model}") for seed in read.seeds[~has]]
                own = read[has]
                predicted = (design.y[own.test] + np.reshape(off, (-1, 10))[has]).ravel()
                write_evaluation(design, own, predicted, *made[-1], failures=failures)
        paths = {
            "scores": str(folder / "scores.parquet"),
            "leaderboard_csv": str(folder / "leaderboard.csv"),
            "differences_csv": str(folder / "differences.csv"),
        }
        predictions, model_scores = (
            [pair[place] for made in files.values() for pair in made] for place in (0, 1)
        )
        compare(
            table,
            splits,
            model_scores,
            predictions,
            [],
            [],
            **paths,
            models=list(NAMES),
            metric="mae",
            reference=reference,
            null_model=null_model,
            method="random",
            equivalence=0.01,
            trainings=NO_TRAININGS,
            logger=logger,
        )
        return paths | {"table": table, "splits": splits, "model_scores": model_scores}

    return run


def ends_of(interval):
    """The ends of a 95 % interval."""
    return interval.mean - interval.half(0.95), interval.mean + interval.half(0.95)


def read_csv(path):
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# The leaderboard


def test_the_leaderboard_is_that_of_pandas():
    scores = made_up(range(25))
    frame = pd.concat(pd.DataFrame(columns).assign(model=name) for name, columns in scores.items())
    grouped = frame.groupby("model")[METRICS]
    summary, quantiles = grouped.agg(["mean", "std"]), grouped.quantile([0.05, 0.5, 0.95])
    wide = frame.pivot(index="seed", columns="model", values="mae")
    ranks = wide.rank(axis=1).mean()
    records = leaderboard(scores, METRICS)
    assert [record["model"] for record in records] == list(summary["mae"]["mean"].sort_values().index)
    for record in records:
        name = record["model"]
        assert record["splits"] == 25
        for metric in METRICS:
            mean, deviation = summary.loc[name, metric]
            assert record[metric] == pytest.approx(mean, rel=ROUNDING)
            assert record[f"{metric}_sd"] == pytest.approx(deviation, rel=ROUNDING)
            shown = [record[f"{metric}_{quantile}"] for quantile in ("q05", "q50", "q95")]
            assert shown == pytest.approx(quantiles.loc[name, metric].tolist(), rel=ROUNDING)
            assert shown[0] < shown[1] < shown[2]
        assert record["mean_rank"] == pytest.approx(ranks[name], rel=ROUNDING)
    assert len(set(ranks)) > 1


def test_quantiles_by_hand():
    """Of 21 errors in steps of 10, the central 90 % leave out one on each side."""
    errors = np.random.default_rng(0).permutation(np.arange(0.0, 210.0, 10.0))
    (record,) = leaderboard(by_hand(a=errors), METRICS)
    assert [record[f"mae_{name}"] for name in ("q05", "q50", "q95")] == pytest.approx([10, 100, 190])


def test_mean_ranks_by_hand():
    """On the third split two models share the ranks 1 and 2; on the fourth all three share 1, 2 and 3."""
    errors = {"a": [1.0, 5.0, 2.0, 4.0], "b": [2.0, 3.0, 2.0, 4.0], "c": [3.0, 4.0, 7.0, 4.0]}
    records = leaderboard(by_hand(**errors), METRICS)
    ranks = {record["model"]: record["mean_rank"] for record in records}
    assert ranks == {"a": (1 + 3 + 1.5 + 2) / 4, "b": (2 + 1 + 1.5 + 2) / 4, "c": (3 + 2 + 3 + 2) / 4}
    assert [record["model"] for record in records] == ["b", "a", "c"]


def test_models_that_are_equal_keep_their_order():
    records = leaderboard(by_hand(z=[1.0, 2.0], a=[2.0, 1.0], m=[1.0, 1.0]), METRICS)
    assert [record["model"] for record in records] == ["m", "z", "a"]


# The differences of the pairs


@pytest.mark.parametrize("reference", NAMES)
def test_the_reference_stands_second_whatever_its_rank(compared, reference):
    made = compared([3, 1, 2], name=reference, reference=reference)
    records = read_csv(made["differences_csv"])
    pairs = [(record["model"], record["other"]) for record in records]
    every = {frozenset(pair) for pair in combinations((*NAMES, "null_model"), 2)}
    assert len(pairs) == 6 * 3 and {frozenset(pair) for pair in pairs} == every
    assert [record["metric"] for record in records] == [metric for metric in METRICS for _ in range(6)]
    assert [other for model, other in pairs if reference in (model, other)] == [reference] * 9
    # In the other pairs the better model by the first metric stands first.
    for record in records[:6]:
        if record["other"] != reference:
            assert float(record["difference"]) <= 0


def test_the_differences_are_those_of_pandas(compared):
    made = compared(range(40))
    scores = pq.read_table(made["scores"]).to_pandas()
    records = read_csv(made["differences_csv"])
    for record in records:
        wide = scores.pivot(index="seed", columns="model", values=record["metric"])
        difference = wide[record["model"]] - wide[record["other"]]
        assert record["splits"] == "40"
        assert float(record["difference"]) == pytest.approx(difference.mean(), rel=1e-9, abs=1e-12)
        assert float(record["difference_sd"]) == pytest.approx(difference.std(), rel=1e-9)
        higher = record["metric"] == "r2"
        assert int(record["splits_better"]) == (difference > 0 if higher else difference < 0).sum()
        ends = [float(record[key]) for key in ("together_low", "low", "difference", "high", "together_high")]
        assert ends == sorted(ends) and ends[0] < ends[1] and ends[3] < ends[4]
        assert sum(float(record[key]) for key in ("p_better", "p_equivalent", "p_worse")) == pytest.approx(1)
        assert record["covers"] == "other tables of this kind"
        assert record["verdict"] in ("better", "worse", "equivalent", "open")
    assert {record["verdict"] for record in records} >= {"open"}


def test_of_one_model_there_is_the_pair_with_the_null_model(tmp_path, prepare, logger):
    table, splits = prepare(tmp_path, {"a": np.arange(20.0), "y": np.arange(20.0) ** 2}, (1, 2))
    design, drawn = read_design(table), read_splits([splits])
    files = [str(tmp_path / "only" / "block_1" / name) for name in FILES]
    write_evaluation(design, drawn, np.concatenate(list(design.y[drawn.test])) + 0.5, *files)
    paths = [str(tmp_path / name) for name in ("all.parquet", "leaderboard.csv", "differences.csv")]
    settings = ["mae", "only", "mean", "random", 0.01, NO_TRAININGS]
    compare(table, [splits], files[1:], files[:1], [], [], *paths, ["only"], *settings, logger)
    records = read_csv(paths[2])
    assert [(record["model"], record["other"]) for record in records] == [("null_model", "only")] * 3
    assert float(records[0]["difference"]) > 1 and records[0]["splits_better"] == "0"


def test_of_one_split_there_is_no_spread(compared):
    made = compared([7])
    board, differences = read_csv(made["leaderboard_csv"]), read_csv(made["differences_csv"])
    assert (len(board), len(differences)) == (4, 18)
    for record in board:
        assert record["splits"] == "1"
        spread = [key for key in record if key.endswith(("_sd", "_q05", "_q50", "_q95"))]
        assert len(spread) == 12
        assert {record[key] for key in spread} == {""}
        assert float(record["mae"]) > 0
    assert sorted(float(record["mean_rank"]) for record in board) == [1, 2, 3, 4]
    for record in differences:
        assert record["splits"] == "1" and record["difference_sd"] == record["corrected_low"] == ""
        assert record["covers"] == "other rows of this kind, for these trained models"
        assert float(record["low"]) < float(record["difference"]) < float(record["high"])


# The null model


@pytest.mark.parametrize(("null_model", "values"), [("mean", [4.0, 17 / 3]), ("median", [2.0, 5.0])])
def test_the_null_model_by_hand(null_model, values):
    """It knows the training targets 1, 2 and 9 and is tested on 3 and 5; then 5, 9 and 3, and 1 and 2."""
    design = Design(["a"], np.zeros((5, 1)), np.array([1.0, 3.0, 2.0, 5.0, 9.0]), "y")
    splits = Splits(np.array([6, 0]), np.array([[4, 0, 2], [3, 4, 1]]), np.array([[1, 3], [0, 2]]))
    columns = null_scores(design, splits, null_model)
    errors = np.array([[3.0, 5.0], [1.0, 2.0]]) - np.array(values)[:, None]
    assert columns["seed"].tolist() == [6, 0]
    assert columns["mae"] == pytest.approx(np.abs(errors).mean(axis=1), rel=ROUNDING)
    assert columns["rmse"] == pytest.approx(np.sqrt((errors**2).mean(axis=1)), rel=ROUNDING)
    assert columns["r2"] == pytest.approx(1 - (errors**2).sum(axis=1) / [2, 0.5], rel=ROUNDING)


def test_the_null_model_of_the_book_split(hitters, book_split):
    columns = null_scores(hitters, book_split, "median")
    actual, known = hitters.y[book_split.test[0]], hitters.y[book_split.train[0]]
    expected = np.abs(actual - np.median(known)).mean()
    assert columns["mae"] == pytest.approx([expected], rel=ROUNDING)
    assert f"{columns['mae'][0]:.2f}" == "333.28"
    # A mean and a median of skewed salaries are different models.
    assert null_scores(hitters, book_split, "mean")["mae"][0] > expected + 1


# The tables that are written


def test_the_tables_that_are_written(compared):
    made = compared([3, 1, 2])
    columns = pq.read_table(made["scores"]).to_pandas()
    assert list(columns) == ["model", "seed", *METRICS, "failure"]
    assert columns["model"].tolist() == [name for name in (*NAMES, "null_model") for _ in range(3)]
    assert columns["seed"].tolist() == [3, 1, 2] * 4
    for name, path in zip(NAMES, made["model_scores"], strict=True):
        for metric in METRICS:
            np.testing.assert_array_equal(columns[columns["model"] == name][metric], read_table(path)[metric])

    records = pd.read_csv(made["leaderboard_csv"])
    assert list(records) == [
        "model", "splits", "mae", "mae_sd", "mae_q05", "mae_q50", "mae_q95", "rmse", "rmse_sd", "rmse_q05",
        "rmse_q50", "rmse_q95", "r2", "r2_sd", "r2_q05", "r2_q50", "r2_q95", "shared_splits", "mean_on_shared",
        "mean_rank", "failed", "seed_share", "doubts", "source",
    ]  # fmt: skip
    assert records["mae"].is_monotonic_increasing
    expected = columns.groupby("model")["mae"].mean()
    np.testing.assert_allclose(records["mae"], expected[records["model"]], rtol=ROUNDING)
    sources = dict(zip(records["model"], records["source"], strict=True))
    assert sources == dict(zip(NAMES, made["model_scores"], strict=True)) | {"null_model": made["scores"]}

    assert list(pd.read_csv(made["differences_csv"])) == [
        "model", "other", "metric", "splits", "difference", "difference_sd", "low", "high", "together_low", "together_high",
        "corrected_low", "corrected_high", "p_better", "p_equivalent", "p_worse", "effect_size", "region", "verdict",
        "rows_for_sign", "rows_needed", "covers", "splits_needed", "splits_better",
    ]  # fmt: skip


def test_models_are_compared_on_the_splits_that_both_have(compared, capsys):
    """A pair has what it would have in a comparison of these splits alone; nothing is averaged over what is missing."""
    seeds, lost = list(range(60)), {"tree": [0, 17], "ridge": list(range(40, 60))}
    made = compared(seeds, name="some", missing=lost, block_size=25)
    pairs = {
        frozenset((one["model"], one["other"])): one
        for one in read_csv(made["differences_csv"])
        if one["metric"] == "mae"
    }
    for pair in combinations((*NAMES, "null_model"), 2):
        left = [seed for seed in seeds if not any(seed in lost.get(name, ()) for name in pair)]
        alone = compared(left, name="-".join(pair))
        expected = {
            frozenset((one["model"], one["other"])): one
            for one in read_csv(alone["differences_csv"])
            if one["metric"] == "mae"
        }[frozenset(pair)]
        found = pairs[frozenset(pair)]
        flip = 1 if found["model"] == expected["model"] else -1
        assert found["splits"] == expected["splits"] == str(len(left))
        assert float(found["difference"]) == pytest.approx(flip * float(expected["difference"]), rel=ROUNDING)
        wide, wanted = (float(one["high"]) - float(one["low"]) for one in (found, expected))
        assert wide == pytest.approx(wanted, rel=1e-9)
        # Other pairs are fewer splits' together, but each has its own interval inside them.
        assert float(found["together_high"]) >= float(found["high"])
    board = {record["model"]: record for record in read_csv(made["leaderboard_csv"])}
    assert {name: (one["splits"], one["failed"]) for name, one in board.items()} == {
        "tree": ("58", "2"), "ridge": ("40", "20"), "stump": ("60", "0"), "null_model": ("60", "0"),
    }  # fmt: skip
    scores = pd.read_parquet(made["scores"])
    shared = [seed for seed in seeds if seed not in (*lost["tree"], *lost["ridge"])]
    means = scores[scores.seed.isin(shared)].groupby("model")["mae"].mean()
    assert list(board) == list(means.sort_values().index)
    for name, record in board.items():
        assert record["shared_splits"] == "38"
        assert float(record["mean_on_shared"]) == pytest.approx(means[name], rel=ROUNDING)
        own = scores[(scores.model == name) & (scores.failure == "")]["mae"]
        assert float(record["mae"]) == pytest.approx(own.mean(), rel=ROUNDING)
    failed = scores[scores.failure != ""]
    assert set(zip(failed.model, failed.seed, failed.failure, strict=True)) == {
        (name, seed, f"too {name}") for name, gone in lost.items() for seed in gone
    }
    assert failed[METRICS].isna().all(axis=None)
    said = capsys.readouterr().err
    assert (
        "tree: could not be fitted on 2 of 60 splits, which its scores leave out: too tree (split 0)." in said
    )
    assert "20 of 60 splits" in board["ridge"]["doubts"] and not board["stump"]["doubts"]


def test_a_model_is_held_against_the_null_model_on_its_own_splits(compared):
    """On the splits that it has, which are the hard ones, it is no better; on all of them the null model is."""
    made = compared(list(range(12)), name="whole")
    scores = pd.read_parquet(made["scores"])
    gain = (
        scores[scores.model == "null_model"]["mae"].to_numpy()
        - scores[scores.model == "stump"]["mae"].to_numpy()
    )
    assert gain.mean() > 0 > gain.min()
    worst = int(gain.argmin())
    lost = [seed for seed in range(12) if seed != worst]
    board = {
        one["model"]: one
        for one in read_csv(compared(list(range(12)), missing={"stump": lost})["leaderboard_csv"])
    }
    assert "no better than the null model" in board["stump"]["doubts"]
    assert "no better" not in board["tree"]["doubts"]


def test_a_model_without_any_split_is_named(compared):
    with pytest.raises(InputError, match=r"tree could not be fitted on any split: too tree\."):
        compared([1, 2], missing={"tree": [1, 2]}, block_size=1)


def test_models_without_a_common_split_are_not_lined_up(compared):
    with pytest.raises(InputError, match="no split on which all models could be fitted"):
        compared([1, 2, 3, 4], missing={"tree": [1, 2], "ridge": [3, 4]})


@pytest.mark.parametrize("block_size", [1, 2, 4])
def test_several_blocks_give_what_one_gives(compared, block_size):
    """The last block may be a smaller one. Only the source differs: it stands for the files of all blocks."""
    seeds = [9, 1, 2, 8, 4]
    one, several = compared(seeds, name="one"), compared(seeds, name="several", block_size=block_size)
    assert len(several["splits"]) == -(-5 // block_size) > len(one["splits"]) == 1
    assert Path(one["scores"]).read_bytes() == Path(several["scores"]).read_bytes()
    assert read_table(one["scores"])["seed"].tolist() == seeds * 4
    assert Path(one["differences_csv"]).read_bytes() == Path(several["differences_csv"]).read_bytes()
    for alone, together in zip(
        read_csv(one["leaderboard_csv"]), read_csv(several["leaderboard_csv"]), strict=True
    ):
        source = together.pop("source")
        assert (
            alone.pop("source").replace("/one/", "/several/").replace("/block_1/", "/block_[0-9]*/") == source
        )
        assert ("block_[0-9]*" in source) == (alone["model"] != "null_model")
        assert alone == together


def test_the_null_model_is_the_one_asked_for(compared):
    means = read_table(compared([1, 2], "mean", "with_mean")["scores"])
    medians = read_table(compared([1, 2], "median", "with_median")["scores"])
    null = means["model"] == "null_model"
    assert (means["mae"][null] != medians["mae"][null]).all()
    np.testing.assert_array_equal(means["mae"][~null], medians["mae"][~null])


def test_the_null_model_is_tested_on_the_rows_of_each_block(compared):
    """Each error is that of its own split, although the blocks are scored together."""
    made = compared([5, 3, 1], name="cut", block_size=1)
    columns = read_table(made["scores"])
    null = columns["mae"][columns["model"] == "null_model"]
    alone = [compared([seed], name=f"alone{seed}")["scores"] for seed in (5, 3, 1)]
    assert [read_table(path)["mae"][-1] for path in alone] == null.tolist()
    assert len(set(null)) == 3


def test_the_same_bytes_are_written_twice(compared):
    first, second = compared([1, 2], name="first"), compared([1, 2], name="second")
    for key in ("scores", "differences_csv"):
        assert Path(first[key]).read_bytes() == Path(second[key]).read_bytes()
    texts = [Path(made["leaderboard_csv"]).read_text(encoding="utf-8") for made in (first, second)]
    # But for the folders that the lines come from.
    assert texts[0].replace("first", "second") == texts[1]


# Classes, on test rows that are given


def test_the_null_model_of_classes_by_hand():
    """It knows the classes 2, 0, 2 and 2 and is tested on 0 and 2."""
    design = Design(["a"], np.zeros((6, 1)), np.array([2, 0, 2, 2, 0, 2]), "y", ["x", "y", "z"])
    splits = Splits(np.array([5]), np.array([[0, 1, 2, 3]]), np.array([[4, 5]]))
    predicted = null_predictions(design, splits, "frequencies")
    assert predicted.tolist() == [[0.25, 0, 0.75]] * 2
    scores = null_scores(design, splits, "frequencies")
    assert scores["accuracy"] == [0.5]
    assert scores["log_loss"] == pytest.approx([-(np.log(0.25) + np.log(0.75)) / 2], rel=ROUNDING)


@pytest.fixture
def compared_classes(tmp_path, logger):
    """Gives a function that compares two models on given test rows, over some seeds in blocks of their own."""

    def run(seeds):
        generator = np.random.default_rng(4)
        y = generator.integers(0, 3, 90)
        schema = {
            "task": "classification",
            "target": {"name": "y", "classes": ["a", "b", "c"]},
            "images": {"height": 1, "width": 1},
            "rows": {"train": 50, "test": 40},
        }
        pixels = pa.array([bytes([value]) for value in y], pa.binary(1))
        table = pa.table({"pixels": pixels, "y": y.astype(np.uint8)})
        write_table(table.replace_schema_metadata({SCHEMA_KEY: json.dumps(schema)}), tmp_path / "table")
        design, splits, files = read_design(tmp_path / "table"), [], {"good": [], "bad": []}
        for seed in seeds:
            drawn = given_splits(50, 40, [seed])
            splits.append(str(tmp_path / f"splits_{seed}"))
            write_splits(drawn, splits[-1])
            for name, paths in files.items():
                probabilities = generator.dirichlet([1, 1, 1], (1, 40))
                right = generator.random(40) < {"good": 0.8, "bad": 0.4}[name]
                best = np.where(right, y[50:], (y[50:] + 1) % 3)
                probabilities[0, np.arange(40), best] += 1
                paths.append(
                    [str(tmp_path / name / f"block_{seed}" / kind) for kind in ("predictions", "scores")]
                )
                write_evaluation(design, drawn, np.concatenate(list(probabilities)) / 2, *paths[-1])
        made = [str(tmp_path / name) for name in ("scores.parquet", "leaderboard.csv", "differences.csv")]
        lists = [[pair[place] for paths in files.values() for pair in paths] for place in (1, 0)]
        settings = ["accuracy", "bad", "frequencies", "given", 0.01, NO_TRAININGS]
        compare(str(tmp_path / "table"), splits, *lists, [], [], *made, list(files), *settings, logger)
        return y[50:], {name: [pair[0] for pair in paths] for name, paths in files.items()}, made

    return run


@pytest.mark.parametrize("seeds", [[7], [7, 1, 4]], ids=["one training", "three trainings"])
def test_classes_on_given_rows_are_compared_row_by_row(compared_classes, seeds):
    actual, predictions, (scores, board, differences) = compared_classes(seeds)
    hits = {
        name: np.array([read_table(path)["predicted"] == actual for path in paths])
        for name, paths in predictions.items()
    }
    records = {record["model"]: record for record in read_csv(board)}
    # Higher is better: the best model stands first, and the null model last.
    assert list(records) == ["good", "bad", "null_model"]
    for name, right in hits.items():
        assert float(records[name]["accuracy"]) == pytest.approx(right.mean(), rel=ROUNDING)
        low, high = wilson_interval(right.mean(), 40)
        if len(seeds) > 1:
            both = np.clip(ends_of(RowsAndTrainings.of(right.astype(float))), 0, 1)
            low, high = min(low, both[0]), max(high, both[1])
        assert float(records[name]["accuracy_low"]) == pytest.approx(low, rel=ROUNDING)
        assert float(records[name]["accuracy_high"]) == pytest.approx(high, rel=ROUNDING)
    assert float(records["good"]["mean_rank"]) == 1
    of_accuracy = [one for one in read_csv(differences) if one["metric"] == "accuracy"]
    pairs = {(one["model"], one["other"]): one for one in of_accuracy}
    assert list(pairs) == [("good", "null_model"), ("good", "bad"), ("null_model", "bad")]
    record = pairs["good", "bad"]
    assert int(record["splits_better"]) == len(seeds)
    by_row = hits["good"].mean(axis=0) - hits["bad"].mean(axis=0)
    assert float(record["difference"]) == pytest.approx(by_row.mean(), rel=ROUNDING)
    # Half a row more in each cell: two of 42 rows differ by as much as one does, in both directions.
    cells = np.append(by_row, [np.sqrt(0.5), -np.sqrt(0.5)])
    error, quantile = cells.std() / np.sqrt(42), scipy.stats.t.ppf(0.975, 39)
    expected = by_row.mean() - quantile * error, by_row.mean() + quantile * error
    if len(seeds) > 1:
        expected = ends_of(RowsAndTrainings.of(*(hits[name].astype(float) for name in ("good", "bad")), True))
    assert [float(record[end]) for end in ("low", "high")] == pytest.approx(expected, rel=1e-9)
    columns = read_table(scores)
    assert list(columns) == ["model", "seed", *METRICS_OF["classification"], "failure"]
    assert columns["seed"].tolist() == seeds * 3


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [2, 4])
def test_scores_of_classes_are_those_of_scikit_learn(classes, weighted):
    """Some probabilities are equal, and a class of the four is in no test row of a split."""
    generator = np.random.default_rng(1)
    actual, probabilities = (
        generator.integers(0, classes, (3, 50)),
        generator.dirichlet([1] * classes, (3, 50)).round(1) + 0.05,
    )
    probabilities /= probabilities.sum(axis=2, keepdims=True)
    actual[2][actual[2] == 2] = 1
    weights = generator.exponential(size=(3, 50)) if weighted else None
    scores = scores_of("classification", actual, probabilities, weights)
    for split in range(3):
        y, p = actual[split], probabilities[split]
        own = {"sample_weight": None if weights is None else weights[split]}
        best, there = p.argmax(axis=1), np.unique(y)
        of = [1] if classes == 2 else range(classes)
        rates = own | ({} if classes == 2 else {"labels": there, "average": "macro"})
        ones = np.eye(classes)[y]
        expected = {
            "accuracy": accuracy_score(y, best, **own),
            "log_loss": log_loss(y, p, labels=range(classes), **own),
            "brier": np.average(((p - ones) ** 2)[:, of].sum(axis=1), weights=own["sample_weight"]),
            "auc": np.mean([roc_auc_score(ones[:, k], p[:, k], **own) for k in np.intersect1d(of, there)]),
            "balanced_accuracy": np.mean([recall_score(y == k, best == k, **own) for k in there]),
            "f1": f1_score(y, best, **rates),
            "precision": precision_score(y, best, **rates),
            "recall": recall_score(y, best, **rates),
        }
        assert {name: values[split] for name, values in scores.items()} == pytest.approx(expected, rel=1e-9)
        if classes == 2:
            assert scores["brier"][split] == pytest.approx(brier_score_loss(y, p[:, 1], **own))
    assert len(set(scores["log_loss"])) == 3


def test_a_threshold_moves_what_is_predicted_and_no_probability():
    generator = np.random.default_rng(2)
    actual, probabilities = generator.integers(0, 2, (1, 80)), generator.dirichlet([1, 1], (1, 80))
    low, half = (scores_of("classification", actual, probabilities, threshold=at) for at in (0.2, 0.5))
    assert low["recall"] == recall_score(actual[0], probabilities[0, :, 1] > 0.2) > half["recall"]
    assert low["precision"] == precision_score(actual[0], probabilities[0, :, 1] > 0.2)
    assert all(low[name] == half[name] for name in ("log_loss", "brier", "auc"))


def test_rates_where_a_class_is_never_predicted_or_never_there():
    """Nothing is predicted to be positive: its precision is 0, as in scikit-learn. Of no positive rows there is no rate."""
    sure = np.array([[[0.9, 0.1]] * 3])
    scores = scores_of("classification", np.array([[0, 0, 1]]), sure)
    assert scores["precision"] == scores["recall"] == scores["f1"] == 0
    assert scores["balanced_accuracy"] == scores["auc"] == 0.5
    none = scores_of("classification", np.array([[0, 0, 0]]), sure)
    assert all(np.isnan(none[name]).all() for name in ("recall", "f1", "auc"))


@pytest.mark.parametrize(
    ("record", "null", "said"),
    [
        ({"mae": 1.0, "r2": 0.5}, {"mae": 2.0}, ""),
        ({"mae": 2.0, "r2": 0.5}, {"mae": 2.0}, "is no better than the null model"),
        ({"mae": 3.0, "r2": 0.5}, {"mae": 2.0}, "is no better than the null model"),
        ({"accuracy": 0.9}, {"accuracy": 0.5}, ""),
        ({"accuracy": 0.4}, {"accuracy": 0.5}, "is no better than the null model"),
        ({"mae": 1e-9, "r2": 0.9999}, {"mae": 2.0}, "is too good: look for a column"),
    ],
)
def test_what_may_be_wrong_with_a_model(record, null, said):
    """A model that is as good as the null model is no better; of a metric where higher is better, the lower ones are not."""
    doubts = doubts_of_record(record, null, next(iter(record)))
    assert len(doubts) == bool(said) and "".join(doubts).startswith(said)


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        (GridEnds(10, 10, 100), ""),
        (GridEnds(0, 11, 100), "in 11 of 100 splits the chosen penalty is the smallest"),
        (GridEnds(100, 0, 100), "in 100 of 100 splits the chosen penalty is the largest"),
    ],
)
def test_a_grid_that_may_be_too_narrow(ends, said):
    assert len(ends.doubts()) == bool(said) and "".join(ends.doubts()).startswith(said)


@pytest.mark.parametrize(
    ("values", "digits"),
    [
        ([222.9, 238.1, 246.5, 337.0], 2),
        ([1.2e-6, 1.3e-6, 3.7e-6], 10),
        ([5e6, 6e6, 7e6], 0),
        ([0.86, 0.87, 3.1, 9_999_989.0], 4),
        ([0.0, 0.0, 1.0], 5),
    ],
)
def test_errors_have_digits_by_the_typical_one(values, digits):
    """A model that is far off does not take the digits of the others."""
    assert decimals("mae", values, 5) == digits and decimals("accuracy", values, 5) == 4
