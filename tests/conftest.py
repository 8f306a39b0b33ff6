"""What several test files share: the real table, its split of the book, and small tables made up for a test."""

import copy
import json
import logging
import os
import shutil
import signal
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from support.changes import Change, names
from support.data import small_csv, small_dataset, small_models
from support.quick import own
from support.runs import Project
from support.shared import made_once
from support.slurm import slurm  # noqa: F401  (a fixture)
from support.tree import ROOT, compile_tree, sketching_tree
from support.warm import SHARED, Folder

from lineup.data.design import Design, read_design
from lineup.data.preparation import preprocess
from lineup.data.splits import given_splits, split
from lineup.data.tables import SCHEMA_KEY, Splits, read_splits, write_splits, write_table
from lineup.errors import InputError

# What waits more than it works stands first: one worker begins with it, and the others take what is left of its share.
FIRST = ["test_slurm", "test_failures"]


def pytest_xdist_auto_num_workers():
    """Gives the number of workers: one more than cores, because some tests wait more than they work."""
    return (os.cpu_count() or 1) + 1


def pytest_configure(config):
    """Gives the workers one folder for the processes of their warm runs, the code compiled, and a thread of BLAS each.

    With a thread for each core in each worker, the threads wait for one another most of the time.
    """
    if not hasattr(config, "workerinput"):
        compile_tree()
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        folder = Folder()
        os.environ[SHARED] = folder.name
        config.add_cleanup(folder.close)


def pytest_addoption(parser):
    """Adds the option of ``make quick``."""
    parser.addoption(
        "--quick",
        metavar="FILE",
        help="plan the changes that name a file, and no other; of other files, leave out the long tests",
    )


def pytest_collection_modifyitems(config, items):
    """Sorts the tests by file, and within a file not at all; with ``--quick``, leaves most changes out."""
    if file := config.getoption("--quick"):
        chosen, of_file = [], own(file)
        for item in items:
            params = item.callspec.params if hasattr(item, "callspec") else {}
            if isinstance(change := params.get("change"), Change):
                params["change"] = replace(change, planned=True)
            others = item.get_closest_marker("long") and item.path.stem not in of_file
            is_change = "test_exactness" in item.path.stem
            if not others and (not is_change or (isinstance(change, Change) and names(change, file))):
                chosen.append(item)
        items[:] = chosen
    files = [*FIRST, *dict.fromkeys(item.path.stem for item in items if item.path.stem not in FIRST)]
    items.sort(key=lambda item: files.index(item.path.stem))


@pytest.fixture
def tell(record_property):
    """Gives a function that shows lines at the end of the session, whichever worker the test is in."""
    return lambda text: record_property("told", text)


def pytest_terminal_summary(terminalreporter):
    """Shows what the tests told."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        told = [text for name, text in report.user_properties if name == "told"]
        if report.when == "call" and told:
            terminalreporter.write_sep("-", report.nodeid)
            terminalreporter.write_line("\n".join(told))


@pytest.fixture(scope="session")
def logger():
    return logging.getLogger("tests")


@pytest.fixture(scope="session")
def hitters_csv(tmp_path_factory, logger):
    """The raw file: a copy that is here already, or else from the sources of the config."""
    from lineup.data.sources import fetch

    dataset = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["datasets"]["hitters"]
    here = [ROOT / "data" / "Hitters.csv", ROOT / "results" / "hitters" / "raw.data"]
    sources = [{"file": str(path)} for path in here if path.exists()]
    sources += [source for source in dataset["sources"] if "file" not in source]
    raw = tmp_path_factory.mktemp("hitters") / "raw.csv"
    fetch(
        sources=sources,
        sha256=dataset["sha256"],
        max_megabytes=dataset["max_megabytes"],
        output=raw,
        logger=logger,
    )
    return str(raw)


@pytest.fixture(scope="session")
def hitters_settings():
    """The settings of the prepared table that the book uses."""
    return {
        "target": "Salary",
        "task": "regression",
        "missing_target": "drop",
        "missing_features": "error",
        "imputation": None,
        "rare_levels": 1,
        "reading": {},
        "columns": {},
    }


@pytest.fixture(scope="session")
def hitters_table(tmp_path_factory, hitters_csv, hitters_settings, logger):
    """The prepared table: 263 rows, 19 features."""
    table = str(tmp_path_factory.mktemp("hitters") / "table.parquet")
    preprocess(raw=hitters_csv, output=table, logger=logger, **hitters_settings)
    assert pq.read_metadata(table).num_rows == 263
    return table


@pytest.fixture(scope="session")
def hitters_splits(tmp_path_factory, hitters_table, logger):
    """The book's split: a third to test on, drawn with the seed 1."""
    splits = str(tmp_path_factory.mktemp("hitters") / "splits.parquet")
    split(table=hitters_table, output=splits, test_share="1/3", seeds=[1], logger=logger)
    return splits


@pytest.fixture(scope="session")
def hitters(hitters_table) -> Design:
    return read_design(hitters_table)


@pytest.fixture(scope="session")
def book_split(hitters_splits) -> Splits:
    """That one split, its arrays with a first axis of length 1."""
    return read_splits([hitters_splits])


@pytest.fixture(scope="session")
def prepare(logger):
    """Gives a function that writes the prepared table and the splits of columns made up for a test."""
    import pandas as pd

    def write(
        folder,
        columns,
        seeds=(1,),
        target="y",
        test_share=0.25,
        rare_levels=1,
        imputation=None,
        told=None,
        task="regression",
    ):
        missing_features = "impute" if imputation else "error"
        raw, table, splits = (
            str(folder / name) for name in ("made.csv", "made_table.parquet", "made_splits.parquet")
        )
        pd.DataFrame(columns).to_csv(raw, index=False)
        preprocess(
            raw,
            table,
            target,
            task,
            "drop",
            missing_features,
            imputation,
            rare_levels,
            {},
            told or {},
            logger,
        )
        split(table, splits, test_share, list(seeds), logger, stratify=task == "classification")
        return table, splits

    return write


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """1,797 real images of 8 x 8 pixels, 1,400 of them to train on: the prepared table and a maker of splits."""
    from sklearn.datasets import load_digits

    folder, found = tmp_path_factory.mktemp("digits"), load_digits()
    images = (found.data * 15).astype(np.uint8)  # from 0 to 16, to 0 to 240
    sides = {"train": 1400, "test": 397}
    schema = {
        "task": "classification",
        "target": {"name": "digit", "classes": [str(name) for name in range(10)]},
        "images": {"height": 8, "width": 8},
        "features": [],
        "rows": {"read": 1797, "dropped": 0, "kept": 1797} | sides,
    }
    table = pa.table(
        {
            "pixels": pa.array([row.tobytes() for row in images], pa.binary(64)),
            "digit": found.target.astype(np.uint8),
        }
    )
    path = str(folder / "table.parquet")
    write_table(table.replace_schema_metadata({SCHEMA_KEY: json.dumps(schema)}), path)

    def splits_of(*seeds):
        splits = str(folder / f"splits_{'_'.join(map(str, seeds))}.parquet")
        write_splits(given_splits(**sides, seeds=list(seeds)), splits)
        return splits

    return path, splits_of


@pytest.fixture(scope="session")
def mnist_table(tmp_path_factory, logger):
    """The prepared table of MNIST, from the sources of the config; the test is skipped if none can be reached."""
    from lineup.data.image_sources import FILES, fetch_images
    from lineup.data.images import preprocess_images

    dataset = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["datasets"]["mnist"]
    folder = tmp_path_factory.mktemp("mnist")
    sources = [source for source in dataset["sources"] if "file" not in source]
    sources = [{"file": str(ROOT / place)} for place in ("data/mnist", "results/mnist/raw")] + sources
    files = {key: str(folder / name) for key, name in FILES.items()}
    try:
        fetch_images(
            sources=sources,
            sha256=dataset["sha256"],
            max_megabytes=dataset["max_megabytes"],
            output=files,
            logger=logger,
        )
    except InputError as error:
        pytest.skip(f"MNIST cannot be had here: {error}")
    table = str(folder / "table.parquet")
    preprocess_images(
        **files, table=table, target=dataset["target"], classes=dataset["classes"], logger=logger
    )
    return table


@pytest.fixture(scope="session")
def sketching(tmp_path_factory):
    """A tree whose figures are sketched, for runs of which nobody looks at the figures."""
    return made_once(tmp_path_factory, "sketching", lambda folder: sketching_tree(folder / "tree"))


@pytest.fixture(scope="session")
def small_run(tmp_path_factory, sketching):
    """A project of least squares and one lasso on a small table, after its first run."""
    csv = small_csv(tmp_path_factory.mktemp("small_data") / "trial.csv", seed=1)
    models = {name: model for name, model in small_models().items() if name in ("plain", "lasso_one")}
    config = {
        "build": ["trial"],
        "datasets": {"trial": small_dataset(csv, models=list(models))},
        "models": models,
    }
    project = Project(tmp_path_factory.mktemp("small_run") / "work", sketching, config)
    run = project.run()
    assert run.status == 0, run.text
    return project


@pytest.fixture
def small_again(small_run, tmp_path):
    """A copy of the project that has run, with a config to change."""
    shutil.copytree(small_run.folder, tmp_path / "work")
    return Project(tmp_path / "work", small_run.tree, copy.deepcopy(small_run.config))


@pytest.fixture
def quiet_logging():
    """Takes back what ``job`` sets, handlers and all: in a run, that ends with the process of the job."""
    raises = logging.raiseExceptions
    signals = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    loggers = [logging.getLogger(name) for name in ("lineup", "py.warnings")]
    before = [(logger.handlers[:], logger.level) for logger in loggers]
    yield
    logging.captureWarnings(False)
    logging.raiseExceptions = raises
    for number, handler in signals.items():
        signal.signal(number, handler)
    for logger, (handlers, level) in zip(loggers, before, strict=True):
        for handler in set(logger.handlers) - set(handlers):
            logger.removeHandler(handler)
            handler.close()
        logger.setLevel(level)
