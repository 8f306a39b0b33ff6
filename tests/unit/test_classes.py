"""The classes of a table: which they are, which splits are drawn of them, and what is told of them."""

import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.model_selection import StratifiedKFold, train_test_split

from lineup.data.classes import ClassSettings, find_classes
from lineup.data.design import read_design
from lineup.data.splits import split
from lineup.data.stratification import stratified_folds, stratified_split
from lineup.data.tables import read_schema, read_splits
from lineup.errors import InputError


def found(values, rare=1, positive=None, kept=None):
    kept = pa.chunked_array([kept or [True] * len(values)])
    return find_classes(pa.chunked_array([values]), kept, "kind", ClassSettings(rare, positive))


def test_classes_are_in_order_and_the_positive_one_of_two_is_the_second():
    assert found(["b", "a", "a"]).names == ["a", "b"]
    assert found(["10", "9", "100"]).names == ["9", "10", "100"]
    both = found(["no", "yes", "no"], positive="no")
    assert both.names == ["yes", "no"] and both.places.to_pylist() == [1, 0, 1] and both.counts == [1, 2]


def test_rare_classes_are_left_out_and_told():
    classes = found(["a", "b", "a", "b", "c", "d"], rare=2)
    assert classes.names == ["a", "b"] and classes.kept.to_pylist() == [True] * 4 + [False] * 2
    assert classes.places.to_pylist() == [0, 1, 0, 1]
    (doubt,) = classes.doubts
    assert "classes 'c', 'd' of 'kind' are left out, 2 in all" in doubt and "fewer than 2 rows" in doubt
    assert not found(["a", "b", "c"], rare=1).doubts


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values": ["a", "a"]}, "fewer than two classes with 1 rows"),
        ({"values": ["a", "a", "b"], "rare": 2}, "fewer than two classes with 2 rows"),
        ({"values": [str(place) for place in range(300)]}, "300 different values in 300 rows"),
        ({"values": ["a", "b", "c"], "positive": "a"}, "calls 'a' the positive one: name one of two"),
        ({"values": ["a", "b"], "positive": "yes"}, "'a', 'b' .*calls 'yes' the positive one"),
    ],
)
def test_what_are_no_classes_is_said(arguments, message):
    with pytest.raises(InputError, match=message):
        found(**arguments)


@pytest.mark.parametrize("seed", range(40))
def test_stratified_rows_are_those_of_scikit_learn(seed):
    """Of classes with two rows and with many, in any order."""
    chance = np.random.default_rng(seed)
    classes = int(chance.integers(2, 6))
    y = np.concatenate([np.repeat(np.arange(classes), 2), chance.integers(0, classes, 20 + 4 * seed)])
    chance.shuffle(y)
    tests = int(chance.integers(classes, len(y) - classes))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = train_test_split(np.arange(len(y)), test_size=tests, random_state=seed, stratify=y)
        number = min(int(np.bincount(y).max()), 2 + seed % 9)
        folds = [held for _, held in StratifiedKFold(number, shuffle=True, random_state=seed).split(y, y)]
    for rows, others in zip(stratified_split(y, tests, seed), expected, strict=True):
        np.testing.assert_array_equal(rows, others)
    for rows, others in zip(stratified_folds(y, number, seed), folds, strict=True):
        np.testing.assert_array_equal(rows, others)


def test_a_class_of_one_row_is_on_one_side():
    y = np.array([0] * 9 + [1] * 9 + [2])
    for seed in range(5):
        train, test = stratified_split(y, 5, seed)
        assert sorted([*train, *test]) == list(range(19)) and len(test) == 5
    assert sorted(np.concatenate(stratified_folds(y, 4, 0))) == list(range(19))


def table_of_classes(tmp_path, prepare, **more):
    chance = np.random.default_rng(0)
    frame = pd.DataFrame({"a": chance.normal(size=80), "b": chance.normal(size=80)})
    frame["y"] = np.where(chance.random(80) < 0.1, "rare", "common")
    return prepare(tmp_path, frame, seeds=range(1, 6), task="classification", **more), frame


def test_a_table_holds_the_places_of_its_classes(tmp_path, prepare):
    (table, splits), frame = table_of_classes(tmp_path, prepare)
    design, schema = read_design(table), read_schema(table)
    assert design.task == schema["task"] == "classification"
    assert design.classes == schema["target"]["classes"] == ["common", "rare"]
    assert [design.classes[place] for place in design.y] == frame["y"].tolist()
    assert schema["target"]["counts"] == frame["y"].value_counts()[design.classes].tolist()
    rare = int((design.y == 1).sum())
    for test in read_splits([splits]).test:
        assert abs((design.y[test] == 1).sum() - rare / 4) < 1


@pytest.mark.parametrize("method", ["random", "k_fold"])
def test_without_stratification_splits_are_those_of_a_number(tmp_path, prepare, logger, method):
    (table, _), _ = table_of_classes(tmp_path, prepare)
    paths = [str(tmp_path / name) for name in ("with", "without")]
    for path, stratify in zip(paths, (True, False), strict=True):
        split(table, path, 0.25, [1, 2, 3, 4], logger, method=method, folds=4, stratify=stratify)
    ours, plain = (read_splits([path]) for path in paths)
    y = read_design(table).y
    shares = [np.array([y[test].mean() for test in one.test]) for one in (ours, plain)]
    assert np.ptp(shares[0]) <= 1 / 20 < np.ptp(shares[1]) + 1 / 40
    if method == "k_fold":
        assert sorted(np.concatenate(list(ours.test))) == list(range(80))


@pytest.mark.parametrize("leak", ["today", "word"])
def test_what_gives_classes_away_is_told(tmp_path, prepare, leak):
    chance = np.random.default_rng(0)
    frame = pd.DataFrame({"a": chance.normal(size=80), "today": chance.normal(size=80)})
    frame["y"] = np.where(frame["today"] > 0, "up", "down")
    frame["word"] = np.where(frame["y"] == "up", chance.choice(["w", "x"], 80), chance.choice(["y", "z"], 80))
    other = {"today": "word", "word": "today"}[leak]
    table, _ = prepare(tmp_path, frame.drop(columns=other), task="classification")
    (doubt,) = read_schema(table)["doubts"]
    assert f"Column '{leak}' gives the target 'y' away" in doubt and f"columns: {{{leak}: ignore}}" in doubt
    frame.loc[0, "today"] = -frame.loc[0, "today"]
    table, _ = prepare(tmp_path, frame.drop(columns="word"), task="classification")
    assert "doubts" not in read_schema(table)


def test_numbers_are_classes_where_it_is_told(tmp_path, prepare):
    frame = {"a": np.arange(30.0), "y": np.tile([10, 9, 2], 10)}
    table, _ = prepare(tmp_path, frame, task="classification")
    design = read_design(table)
    assert design.classes == ["2", "9", "10"] and design.y[:3].tolist() == [2, 1, 0]
