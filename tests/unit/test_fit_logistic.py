"""Logistic regression by maximum likelihood: as scikit-learn has it without a penalty."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from lineup.comparison.scores import doubts_of_fits
from lineup.data.design import read_design
from lineup.data.tables import lists, read_parquet, read_splits, read_table
from lineup.errors import InputError
from lineup.models.logistic import fit_logistic, maximum_likelihood

OUTPUTS = ("predictions", "scores", "coefficients")


def made_up(classes, rows=300, seed=0):
    chance = np.random.default_rng(seed)
    X = chance.normal(size=(rows, 4)) * [1, 100, 0.01, 1] + [0, 0, 0, 1000]
    logits = (X[:, :2] / [1, 100]) @ chance.normal(size=(2, classes))
    return X, (logits + chance.gumbel(size=(rows, classes))).argmax(axis=1)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_the_fit_is_that_of_scikit_learn(classes, weighted):
    """By L-BFGS on standardized features, at its tightest tolerance."""
    X, y = made_up(classes)
    weights = np.random.default_rng(1).exponential(size=len(X)) if weighted else None
    found = maximum_likelihood(X, y, classes, weights)
    assert found.has_converged and not found.is_separated
    assert found.coefficients.shape == (1 if classes == 2 else classes, 4)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(Z, y, weights)
    np.testing.assert_allclose(found.probabilities(X), model.predict_proba(Z), atol=1e-6)
    assert found.probabilities(X).std() > 0.05
    if classes == 2:
        np.testing.assert_allclose(
            found.coefficients[0] * X.std(axis=0), model.coef_[0], rtol=1e-4, atol=1e-5
        )


def test_dependent_features_change_no_prediction():
    X, y = made_up(3)
    more = np.column_stack([X, X[:, 0] + X[:, 1] / 100, X[:, 0], np.full(len(X), 7.0)])
    plain, found = (maximum_likelihood(one, y, 3) for one in (X, more))
    np.testing.assert_allclose(found.probabilities(more), plain.probabilities(X), atol=1e-7)
    # Of a feature that stands there twice, each has the same share.
    np.testing.assert_allclose(found.coefficients[:, 5], found.coefficients[:, 0], atol=0.5)
    assert np.abs(found.coefficients[:, 6]).max() < 1e-12


def test_no_likelihood_is_largest_where_the_classes_can_be_told_apart():
    X, _ = made_up(2)
    y = (X[:, 0] > 0).astype(int)
    found = maximum_likelihood(X, y, 2)
    assert found.is_separated and (found.probabilities(X).argmax(axis=1) == y).all()
    wide = np.random.default_rng(0).normal(size=(30, 200))
    of_three = maximum_likelihood(wide, np.arange(30) % 3, 3)
    assert of_three.is_separated and np.isfinite(of_three.coefficients).all()


def test_a_column_that_one_class_alone_has_does_not_stop_the_fit():
    """Its coefficient has no end, the others have; far steps are not taken."""
    X, y = made_up(2, rows=400)
    flag = np.zeros(400)
    flag[np.flatnonzero(y == 0)[:9]] = 1
    found = maximum_likelihood(np.column_stack([X, flag]), y, 2)
    rest = maximum_likelihood(X[flag == 0], y[flag == 0], 2)
    assert found.has_converged and not found.is_separated and found.coefficients[0, 4] < -5
    np.testing.assert_allclose(found.coefficients[0, :2], rest.coefficients[0, :2], rtol=1e-3)


def test_too_many_coefficients_are_refused():
    with pytest.raises(
        InputError, match=r"would have 6,006 coefficients, and 4,000 are the most: take logistic_lasso"
    ):
        maximum_likelihood(np.random.default_rng(0).normal(size=(2100, 2002)), np.arange(2100) % 2 * 0, 3)


@pytest.fixture
def fitted(tmp_path, prepare, logger):
    """Fits on three splits of a table with a gap, a factor and three classes."""
    X, y = made_up(3, rows=200)
    frame = pd.DataFrame(X, columns=[*"abcd"])
    frame["e"] = np.where(frame["a"] > 1, "high", "low")
    frame.loc[::9, "b"] = np.nan
    frame["y"] = np.array(["x", "y", "z"])[y]
    imputation = {"numbers": "median", "indicators": False}
    table, splits = prepare(tmp_path, frame, seeds=[1, 2, 3], task="classification", imputation=imputation)
    paths = {name: str(tmp_path / f"{name}.parquet") for name in OUTPUTS}
    fit_logistic(table, splits, **paths, processes=2, logger=logger)
    return read_design(table), read_splits([splits]), paths


def test_the_coefficients_give_the_predictions(fitted):
    design, splits, paths = fitted
    columns = read_table(paths["coefficients"])
    values = columns["coefficient"].reshape(3, 3, -1)
    assert columns["term"][: values.shape[2]].tolist() == ["(intercept)", *design.features]
    written = lists(read_parquet(paths["predictions"])["probabilities"]).reshape(3, 50, 3)
    for place in range(3):
        train, test = splits.train[place], splits.test[place]
        X = design.coded(train[None], test[None])[0][0]
        logits = X @ values[place, :, 1:].T + values[place, :, 0]
        np.testing.assert_allclose(softmax(logits, axis=1), written[place], atol=1e-6)
    assert (read_table(paths["scores"])["accuracy"] > 0.4).all()


def test_a_fit_without_an_end_is_told(tmp_path, prepare, logger):
    chance = np.random.default_rng(0)
    frame = {"a": chance.normal(size=60), "b": chance.normal(size=60)}
    frame["y"] = np.where(frame["a"] + frame["b"] > 0, "up", "down")
    table, splits = prepare(tmp_path, frame, seeds=[1, 2], task="classification")
    paths = {name: str(tmp_path / f"{name}.parquet") for name in OUTPUTS}
    fit_logistic(table, splits, **paths, processes=1, logger=logger)
    (doubt,) = doubts_of_fits([paths["scores"]], 2)
    assert doubt.startswith("in 2 of 2 splits the features tell the classes of the training rows apart")
