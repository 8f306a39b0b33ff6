"""The penalized logistic regression: optimal, chosen on rows held out, and the same in any company."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.optimize
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from lineup.data.design import Design, read_design
from lineup.data.tables import lists, read_parquet, read_splits, read_table, write_table
from lineup.errors import InputError
from lineup.models.class_search import Settings, held_out_sets
from lineup.models.logistic_lasso import fit_logistic_lasso, search
from lineup.models.newton_search import Together, search_by_newton
from lineup.models.saga import Scaler, largest_penalty
from lineup.settings import typed

SETTINGS = {
    "penalties": {"number": 4, "smallest": 0.02},
    "standardize": False,
    "validation": 0.2,
    "folds": {"number": 4, "seed": 1},
    "solver": "saga",
    "seed": 0,
    "tolerance": 1.0e-6,
    "max_iterations": 5000,
}
OUTPUTS = ("predictions", "scores", "coefficients", "grid")


@pytest.fixture
def fitted(tmp_path, logger):
    """Gives a function that fits on a table and returns the paths of what is written."""
    made = []

    def fit(table, splits, processes=1, **more):
        made.append(tmp_path / f"fit{len(made)}")
        paths = {name: str(made[-1] / f"{name}.parquet") for name in OUTPUTS}
        settings = typed(Settings, SETTINGS | more)
        fit_logistic_lasso(table, splits, **paths, settings=settings, processes=processes, logger=logger)
        return paths

    return fit


def held_out(train, share, seed, split_seed):
    """The rows to fit on and those held out, where they are held out once."""
    settings = typed(Settings, SETTINGS | {"validation": share, "seed": seed})
    return held_out_sets(np.zeros(int(train.max()) + 1, dtype=int), train, split_seed, settings)[0]


def made_up(classes=3, rows=150, features=15, seed=0):
    """Gives a design where the classes hang on two of the features."""
    random = np.random.default_rng(seed)
    X = random.integers(0, 256, (rows, features)).astype(np.uint8)
    logits = (X[:, :2] / 255 - 0.5) @ random.normal(0, 6, (2, classes))
    y = (logits + random.gumbel(size=(rows, classes))).argmax(axis=1)
    names = [f"pixel_0_{place}" for place in range(features)]
    return Design(names, X, y, "y", [f"class {place}" for place in range(classes)], 255.0)


def objective(X, y, penalty, weights, intercepts):
    """Computes what is minimized: the mean log loss and the penalty."""
    loss = -log_softmax(X @ weights.T + intercepts, axis=1)[np.arange(len(y)), y].mean()
    return loss + penalty * np.abs(weights).sum()


def by_scipy(X, y, classes, penalty):
    """Minimizes the same by L-BFGS-B, each weight as the difference of two that are not negative."""
    n, p = X.shape
    size = classes * p

    def of(theta):
        weights = (theta[:size] - theta[size : 2 * size]).reshape(classes, p)
        left = softmax(X @ weights.T + theta[2 * size :], axis=1)
        value = objective(X, y, 0, weights, theta[2 * size :]) + penalty * theta[: 2 * size].sum()
        left[np.arange(n), y] -= 1
        slope = (left.T @ X).ravel() / n
        return value, np.concatenate([slope + penalty, -slope + penalty, left.mean(axis=0)])

    bounds = [(0, None)] * (2 * size) + [(None, None)] * classes
    start = np.zeros(2 * size + classes)
    found = scipy.optimize.minimize(
        of,
        start,
        jac=True,
        bounds=bounds,
        method="L-BFGS-B",
        options={"maxiter": 20_000, "ftol": 1e-14, "gtol": 1e-9},
    )
    return found.fun


@pytest.mark.parametrize("solver", ["saga", "newton"])
@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_fit_is_the_best_there_is(classes, standardize, solver):
    """Of the objective, scipy finds the same to 1e-5: 32 bits have 7 digits. The slopes are within the penalty.

    For two classes scikit-learn penalizes the one vector of coefficients that is the difference.
    """
    design = made_up(classes)
    train, test = np.arange(120), np.arange(120, 150)
    found = search(
        design, train, test, 7, typed(Settings, SETTINGS | {"standardize": standardize, "solver": solver})
    )
    penalty = found.penalties[found.chosen]
    assert found.chosen > 0
    scaler = Scaler(design.X[train], 255.0, standardize)
    X, y = scaler.apply(design.X[train]).astype(np.float64), design.y[train]
    # Back to the scale that the solver sees.
    weights = found.coefficients * scaler.scale
    intercepts = found.intercepts + found.coefficients @ scaler.centre
    logits = X @ weights.T + intercepts
    if classes == 2:
        logits = np.column_stack([np.zeros(len(X)), logits])
    left = softmax(logits, axis=1) - np.eye(classes)[y]
    slopes = left.T[-len(weights) :] @ X / len(y)
    zero = weights == 0
    assert zero.any() and not zero.all()
    assert np.abs(slopes[zero]).max() <= penalty * (1 + 1e-3)
    np.testing.assert_allclose(-slopes[~zero], penalty * np.sign(weights[~zero]), rtol=5e-3)
    np.testing.assert_allclose(left.mean(axis=0), 0, atol=1e-4)
    if classes > 2:
        best = by_scipy(X, y, classes, penalty)
        if solver == "newton":
            assert objective(X, y, penalty, weights, intercepts) == pytest.approx(best, rel=1e-7)
        assert objective(X, y, penalty, weights, intercepts) == pytest.approx(best, rel=1e-5)
        assert best < 0.98 * objective(X, y, penalty, np.zeros_like(weights), np.log(np.bincount(y)))


@pytest.mark.parametrize("classes", [2, 4])
def test_the_largest_penalty_leaves_nothing_and_a_smaller_one_something(classes):
    design = made_up(classes)
    X = (design.X / 255).astype(np.float32)
    largest = largest_penalty(X, design.y, classes)
    for factor, some in ((1.001, False), (0.99, True)):
        model = LogisticRegression(
            l1_ratio=1,
            C=1 / (factor * largest * len(X)),
            solver="saga",
            tol=1e-7,
            max_iter=20_000,
            random_state=1,
        )
        assert model.fit(X, design.y).coef_.any() == some


@pytest.mark.long
def test_the_penalty_is_the_one_with_the_lowest_loss_on_the_rows_held_out(fitted, digits):
    """By fits of their own, from nothing, without a warm start."""
    table, splits_of = digits
    more = {"tolerance": 1.0e-3, "penalties": {"number": 3, "smallest": 0.01}}
    paths = fitted(table, splits_of(5), **more)
    design, grid = read_design(table), read_table(paths["grid"])
    rows, held = held_out(np.arange(1400), 0.2, 0, 5)
    assert set(rows) | set(held) == set(range(1400)) and len(held) == 280 and len(rows) == 1120
    X = design.X / 255
    assert grid["penalty"] == pytest.approx(
        largest_penalty(X[rows], design.y[rows], 10) * np.array([1, 0.1, 0.01]), rel=1e-5
    )
    for place, penalty in enumerate(grid["penalty"]):
        model = LogisticRegression(
            l1_ratio=1, C=1 / (penalty * 1120), solver="saga", tol=1e-3, max_iter=5000, random_state=3
        ).fit(X[rows], design.y[rows])
        log_loss = -np.log(model.predict_proba(X[held])[np.arange(280), design.y[held]]).mean()
        assert grid["log_loss"][place] == pytest.approx(log_loss, rel=0.01)
        assert grid["accuracy"][place] == pytest.approx(model.score(X[held], design.y[held]), abs=0.011)
    assert (
        grid["chosen"].tolist()
        == [False, False, True]
        == (grid["log_loss"] == grid["log_loss"].min()).tolist()
    )
    # With no coefficients there is nothing whose change could be small.
    assert grid["converged"][1:].all() and 10 * grid["nonzero"][0] < grid["nonzero"][1] < grid["nonzero"][2]
    # Far better than the tenth that guessing gets.
    assert read_table(paths["scores"])["accuracy"][0] > 0.85


def test_the_coefficients_give_the_predictions(fitted, digits):
    table, splits_of = digits
    for standardize in (False, True):
        paths = fitted(table, splits_of(1, 2), standardize=standardize, tolerance=0.01)
        design = read_design(table)
        columns = read_table(paths["coefficients"])
        values = columns["coefficient"].reshape(2, 10, 65)
        assert columns["term"][:65].tolist() == ["(intercept)", *design.features]
        assert columns["class"].reshape(2, 10, 65)[1, :, 0].tolist() == list(range(10))
        written = lists(read_parquet(paths["predictions"])["probabilities"]).reshape(2, 397, 10)
        for place in range(2):
            logits = design.X[1400:] @ values[place, :, 1:].T + values[place, :, 0]
            np.testing.assert_allclose(softmax(logits, axis=1), written[place], atol=1e-5)


def test_no_test_row_can_change_a_fit(fitted, digits, tmp_path):
    table, splits_of = digits
    whole = read_parquet(table)
    pixels = whole["pixels"].to_pylist()
    changed = [*pixels[:1400], *(bytes(64) for _ in pixels[1400:])]
    other = str(tmp_path / "changed.parquet")
    write_table(whole.set_column(0, "pixels", pa.array(changed, pa.binary(64))), other)
    first, second = (fitted(path, splits_of(1), tolerance=0.01) for path in (table, other))
    for name in ("coefficients", "grid"):
        for key, values in read_table(first[name]).items():
            np.testing.assert_array_equal(values, read_table(second[name])[key])
    assert read_table(first["scores"])["accuracy"] != read_table(second["scores"])["accuracy"]


@pytest.mark.long
def test_a_fit_is_the_same_in_any_company(fitted, digits):
    table, splits_of = digits
    together = fitted(table, splits_of(1, 2, 3), tolerance=0.01)
    side_by_side = fitted(table, splits_of(1, 2, 3), tolerance=0.01, processes=2)
    alone = fitted(table, splits_of(2), tolerance=0.01)
    for name in OUTPUTS:
        columns, others, one = (read_table(paths[name]) for paths in (together, side_by_side, alone))
        here = columns["seed"] == 2
        for key, values in columns.items():
            if key != "probabilities":
                np.testing.assert_array_equal(values, others[key])
                np.testing.assert_array_equal(values[here], one[key])
    assert Path(together["coefficients"]).read_bytes() == Path(side_by_side["coefficients"]).read_bytes()
    values = read_table(together["coefficients"])["coefficient"].reshape(3, -1)
    assert (values[0] != values[1]).any()


def test_a_solver_that_stops_early_is_told(fitted, digits, caplog):
    table, splits_of = digits
    with caplog.at_level("INFO"):
        paths = fitted(table, splits_of(1), max_iterations=2)
    assert not read_table(paths["grid"])["converged"][1:].any()
    assert "did not reach its tolerance within max_iterations" in caplog.text


def test_a_class_without_rows_is_refused():
    design = made_up(3)
    design.y[design.y == 1] = 2
    with pytest.raises(
        InputError, match=r"Split 4 has no row of the class 'class 1' to fit on: .*lower validation"
    ):
        search(design, np.arange(120), np.arange(120, 150), 4, typed(Settings, SETTINGS))


def test_a_validation_share_that_leaves_nothing_is_refused():
    with pytest.raises(
        InputError, match=r"A validation share of 0.95 leaves none of the 10 training rows: lower it\."
    ):
        held_out(np.arange(10), 0.95, 0, 1)


def test_a_constant_feature_is_scaled_to_zero():
    X = np.full((10, 2), 7, dtype=np.uint8)
    X[:5, 1] = 9
    scaled = Scaler(X, 255.0, True).apply(X)
    assert (scaled[:, 0] == 0).all() and scaled[:, 1].std() == pytest.approx(1)
    assert scaled.dtype == np.float32


def test_splits_are_seeds_of_what_is_held_out():
    rows = np.arange(1000)
    assert set(held_out(rows, 0.2, 0, 1)[1]) != set(held_out(rows, 0.2, 0, 2)[1])
    assert set(held_out(rows, 0.2, 0, 1)[1]) != set(held_out(rows, 0.2, 1, 1)[1])
    np.testing.assert_array_equal(held_out(rows, 0.2, 3, 1)[1], held_out(rows, 0.2, 3, 1)[1])


# Of tables, by cross-validation


def table_of(classes=3, rows=160, seed=0, **more):
    """A design of numbers of unlike scales, where the classes hang on two of them."""
    chance = np.random.default_rng(seed)
    X = chance.normal(size=(rows, 6)) * [1, 10, 0.1, 1, 1, 1] + [0, 5, 0, 0, 0, 100]
    logits = (X[:, :2] / [1, 10]) @ chance.normal(0, 2, (2, classes))
    y = (logits + chance.gumbel(size=(rows, classes))).argmax(axis=1)
    return Design([*"abcdef"], X, y, "y", [f"class {place}" for place in range(classes)], **more)


TABLE = SETTINGS | {
    "validation": "folds", "solver": "newton", "standardize": True, "tolerance": 1e-7,
    "penalties": {"number": 8, "smallest": 0.01},
}  # fmt: skip


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
def test_every_fold_is_that_of_scikit_learn(classes, standardize, weighted):
    """Each by a scaler and a logistic regression of its own, at a tight tolerance."""
    chance = np.random.default_rng(1)
    design = table_of(classes, weights=chance.exponential(size=160) if weighted else None)
    train, test = np.arange(120), np.arange(120, 160)
    settings = typed(Settings, TABLE | {"standardize": standardize})
    found = search(design, train, test, 7, settings)
    folds = [
        held for _, held in StratifiedKFold(4, shuffle=True, random_state=1).split(train, design.y[train])
    ]
    weights = np.ones(160) if design.weights is None else design.weights

    def fit(rows, penalty):
        centre, spread = np.zeros(6), np.ones(6)
        if standardize:
            centre = np.average(design.X[rows], axis=0, weights=weights[rows])
            spread = np.sqrt(np.average((design.X[rows] - centre) ** 2, axis=0, weights=weights[rows]))
        # Shifting features changes nothing but how fast saga is.
        shift = design.X[rows].mean(axis=0) if not standardize else centre
        own = weights[rows] / weights[rows].mean()
        model = LogisticRegression(
            l1_ratio=1, C=1 / (penalty * len(rows)), solver="saga", tol=1e-9, max_iter=100_000, random_state=1
        ).fit((design.X[rows] - shift) / spread, design.y[rows], own)
        return lambda some: model.predict_proba((design.X[some] - shift) / spread)

    # At the largest penalty saga, without a coefficient that changes, stops at once.
    for place in (2, 4, 7):
        for fold, held in enumerate(folds):
            P = fit(np.delete(train, held), found.penalties[place])(train[held])
            own, y = weights[train[held]], design.y[train[held]]
            loss = np.average(-np.log(P[np.arange(len(held)), y]), weights=own)
            assert found.log_loss[fold, place] == pytest.approx(loss, rel=1e-5)
            assert found.accuracy[fold, place] == pytest.approx(
                np.average(P.argmax(axis=1) == y, weights=own)
            )
    assert found.chosen == found.log_loss.mean(axis=0).argmin() > 0
    expected = fit(train, found.penalties[found.chosen])(test)
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-5)
    assert found.converged.all() and found.refit
    assert 2 * found.nonzero[:, 0].sum() < found.nonzero[:, -1].sum()


def test_features_that_repeat_and_do_not_vary_are_no_hindrance():
    """A column twice, a constant one, and one that is constant in the rows of some folds."""
    design = table_of(2)
    lone = np.zeros(160)
    lone[3] = 1.0
    X = np.column_stack([design.X, design.X[:, 0], np.full(160, 0.1), lone])
    more = Design([*"abcdefghi"], X, design.y, "y", design.classes)
    train, test = np.arange(120), np.arange(120, 160)
    settings = typed(Settings, TABLE)
    found, plain = (search(one, train, test, 7, settings) for one in (more, design))
    assert found.converged.all() and found.coefficients[0, 7] == 0
    np.testing.assert_allclose(found.penalties, plain.penalties, rtol=1e-9)
    assert np.abs(found.log_loss - plain.log_loss).max() < 0.2


def test_more_features_than_rows_and_a_class_of_two_rows():
    """Every penalty is solved; a fold without a row of the class gives it a probability of next to nothing."""
    chance = np.random.default_rng(2)
    y = np.repeat([0, 1, 2, 3], [20, 20, 18, 2])
    X = chance.normal(size=(60, 120))
    X[np.arange(60), y] += 3
    design = Design([f"f{place}" for place in range(120)], X, y, "y", [*"abcd"])
    found = search(design, np.arange(60), np.arange(60), 1, typed(Settings, TABLE | {"tolerance": 1e-5}))
    assert found.converged.all() and np.isfinite(found.log_loss).all()
    assert (found.probabilities.argmax(axis=1) == y).mean() > 0.9
    assert np.count_nonzero(found.coefficients) < 200


def test_what_is_filled_in_is_learned_from_each_fold(tmp_path, prepare):
    """A table with gaps, whose fits are those of tables that are filled in by hand."""
    chance = np.random.default_rng(3)
    frame = pd.DataFrame(chance.normal(size=(120, 3)), columns=[*"abc"])
    frame["y"] = np.where(frame["a"] + chance.logistic(size=120) > 0, "up", "down")
    frame.loc[chance.random(120) < 0.2, "b"] = np.nan
    table, splits = prepare(
        tmp_path,
        frame,
        seeds=[1],
        task="classification",
        imputation={"numbers": "median", "indicators": True},
    )
    design, drawn = read_design(table), read_splits([splits])
    settings = typed(Settings, TABLE | {"penalties": {"number": 4, "smallest": 0.05}})
    train, test = drawn.train[0], drawn.test[0]
    found = search(design, train, test, 1, settings)
    fold = held_out_sets(design.y, train, 1, settings)[2]
    place = design.features.index("b")
    gap = design.X[:, place] == 0
    filled = design.X.copy()
    filled[gap, place] = np.median(design.X[fold[0]][~gap[fold[0]], place])
    plain = Design(design.features, filled, design.y, "y", design.classes)
    sets = [fold, fold]
    by_hand = search_by_newton(plain, fold[0], fold[1], sets, 1, settings)
    assert by_hand.penalties[0] != found.penalties[0]
    model = Together.of(plain, filled[fold[0]], fold[0], np.ones((1, len(fold[0])), bool), [], settings)
    for number, penalty in enumerate(found.penalties):
        model.path.step_to(penalty)
        slopes = model.path.B[0, 1:, 0] / model.spread
        logit = filled[fold[1]] @ slopes + model.path.B[0, 0, 0] - slopes @ model.centre
        loss = np.logaddexp(0, np.where(design.y[fold[1]] == 1, -logit, logit)).mean()
        assert found.log_loss[2, number] == pytest.approx(loss, rel=1e-5)


def test_saga_does_not_weigh_rows():
    design = table_of(2, weights=np.ones(160))
    with pytest.raises(InputError, match="saga cannot weigh rows: set solver: newton"):
        search(design, np.arange(120), np.arange(120, 160), 1, typed(Settings, SETTINGS))


def test_features_without_a_say_leave_no_penalty():
    design = Design(["a"], np.zeros((40, 1)), np.arange(40) % 2, "y", ["a", "b"])
    with pytest.raises(InputError, match="no penalty to choose"):
        search(design, np.arange(30), np.arange(30, 40), 1, typed(Settings, TABLE))
