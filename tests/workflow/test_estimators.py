"""Estimators by their import path: from the config to the report."""

import copy

import pytest
from support.data import small_csv, small_dataset, small_estimator, small_models
from support.runs import Project
from support.tree import sketching_tree

TREES = '''
from sklearn.tree import DecisionTreeRegressor


class Moody(DecisionTreeRegressor):
    """Is fitted on some splits alone."""

    def fit(self, X, y):
        if self.random_state % 2:
            raise ValueError("not today")
        return super().fit(X, y)
'''


@pytest.fixture
def project(tmp_path):
    """A table with least squares on eight splits, and a module of a person's own."""
    tree = sketching_tree(tmp_path / "tree")
    (tree / "my_trees.py").write_text(TREES, encoding="utf-8")
    csv = small_csv(tmp_path / "trial.csv", seed=1)
    splits = {
        "method": "random",
        "folds": 10,
        "test_share": 0.25,
        "seeds": {"first": 1, "last": 8},
        "block_size": 8,
    }
    dataset = small_dataset(csv, splits=splits, models=["plain", "moody"])
    moody = small_estimator() | {"estimator": "my_trees.Moody", "settings": {}, "packages": ["my_trees"]}
    models = {"plain": small_models()["plain"], "moody": moody}
    return Project(
        tmp_path / "work", tree, {"build": ["trial"], "datasets": {"trial": dataset}, "models": models}
    )


def test_splits_that_fail_are_told_where_people_look(project):
    run = project.run()
    assert run.status == 0, run.text
    assert "Warning: moody: could not be fitted on " in run.text and "ValueError: not today" in run.text
    page = (project.results / "report.html").read_text(encoding="utf-8")
    assert "which its scores leave out: ValueError: not today" in page
    assert "of the 8 splits, and its figures are of these alone" in page
    # Another setting of it, and nothing but it is computed.
    project.config["models"]["moody"]["failures"] = "error"
    run = project.run()
    assert run.status != 0 and "Error: my_trees.Moody could not be fitted on " in run.text


WRONG = [
    ({"settings": {"max_dept": 3}}, "models.moody.settings.max_dept is not a setting of my_trees.Moody: did you mean max_depth?"),
    ({"estimator": "my_tree.Moody"}, "models.moody.estimator is my_tree.Moody, and only my_trees may be imported: add my_tree to packages if you trust it."),
    ({"estimator": "my_trees.Mody"}, "models.moody.estimator is my_trees.Mody, and my_trees has no Mody: did you mean Moody?"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "sentence"), [WRONG[0], *(pytest.param(*one, marks=pytest.mark.slow) for one in WRONG[1:])]
)
def test_what_is_wrong_is_said_before_anything_runs(project, changes, sentence):
    project.config["models"]["moody"] |= changes
    for options in (["-n"], []):
        run = project.run(*options)
        assert run.status != 0 and run.jobs == []
        assert f"In the config, {sentence}" in run.text
    assert not (project.results / "trial").exists()
    # A dataset that is not built may have it.
    other = copy.deepcopy(project.config["datasets"]["trial"]) | {"models": ["plain"], "reference": "plain"}
    project.config["datasets"]["other"] = other
    project.config["build"] = ["other"]
    assert project.run("-n").status == 0
