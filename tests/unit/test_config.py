"""The check of the config: what it refuses, in which words, and what it accepts."""

import copy
import hashlib
import json
import re

import pytest
import yaml
from support.runs import snakemake
from support.tree import ROOT

from lineup.config import schema, validate
from lineup.config_files import take_files
from lineup.errors import InputError
from lineup.kinds import DEFAULTS, kinds, kinds_for
from lineup.seeds import shortest, split_seeds

SCHEMA_TREE = schema()
# Without what YAML shares between models.
SHIPPED = json.loads(json.dumps(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))))
DIGEST = SHIPPED["datasets"]["hitters"]["sha256"]
DATA, SPLITS, PUBLISHED = "datasets/hitters", "datasets/hitters/splits", "datasets/hitters/published/0"
SOURCE = f"{DATA}/sources/0"
WHEEL = f"{DATA}/sources/1"
URL = f"{DATA}/sources/2"

NAME = "a name of at most 60 lower-case letters, digits and underscores that starts with a letter"
SHARE = "a number between 0 and 1 or a fraction such as 1/3"
TEXT = "leave out quotes, and write an exponent with a point and a sign, as in 1.0e-8."
LASSO_KEYS = "kind, standardize, penalties, folds, tolerance, max_iterations, failures and splits"
NETWORK_KEYS = (
    "kind, standardize, standardize_target, hidden, dropout, loss, optimizer, learning_rate, batch_size, epochs, seed, validation, patience, "
    "weights, accelerator, precision, failures, threads, threads_per_network, checkpoint_seconds and splits"
)


def one_of(names):
    """Lists names, the last after an or."""
    *first, last = names
    return f"{', '.join(first)} or {last}"


def place(config, path):
    """Finds the block or list that the last part of a path is in, and that part."""
    *parents, last = path.split("/")
    for part in parents:
        config = config[int(part) if isinstance(config, list) else part]
    return config, int(last) if isinstance(config, list) else last


def put(path, value):
    def change(config):
        block, key = place(config, path)
        block[key] = copy.deepcopy(value)

    return change


def drop(path):
    def change(config):
        block, key = place(config, path)
        del block[key]

    return change


def rename(path, name):
    def change(config):
        block, key = place(config, path)
        block[name] = block.pop(key)

    return change


def add(path, key, value):
    """Adds an entry under a key that is no plain word."""

    def change(config):
        block, last = place(config, path)
        block[last][key] = value

    return change


def both(*changes):
    def change(config):
        for one in changes:
            one(config)

    return change


def shipped_with(*changes):
    config = copy.deepcopy(SHIPPED)
    for change in changes:
        change(config)
    return config


def refusal(config, files=()):
    with pytest.raises(InputError) as caught:
        validate(config, files)
    return str(caught.value)


# Each change of config.yaml, and what is said of it after "In the config, ".
EARLY = {"validation": 0.2, "patience": 1, "weights": "best"}

BAD = [
    # A key that is not known, at each level.
    (rename("build", "biuld"), "biuld is not a known key: did you mean build?"),
    (
        put("datasets/hitters/columns", {1: "ignore"}),
        "the name 1 under datasets.hitters.columns is not allowed: use text, in quotes if it looks like a number or a word of YAML.",
    ),
    (
        put("models/forest/settings", {"class_weight": {0: 1}}),
        "models.forest.settings.class_weight has the key 0, which is no text: write it in quotes.",
    ),
    (
        put("models/forest/settings", {1: 1}),
        "the name 1 under models.forest.settings is not allowed: use text, in quotes if it looks like a number or a word of YAML.",
    ),
    (
        put("models/forest/estimator", "Forest"),
        "models.forest.estimator has to be the import path of an estimator, with points between its parts, not 'Forest'.",
    ),
    (
        put("models/forest/search/settings", {"max_depth": 3}),
        "models.forest.search.settings.max_depth has to be a list of values, or a distribution such as {log_uniform: [0.001, 10.0]}, not 3.",
    ),
    (put("extra", 1), "extra is not a known key: the keys are build, datasets and models."),
    (add("models/lasso", 1, 2), f"models.lasso.1 is not a known key: the keys are {LASSO_KEYS}."),
    (
        add("models/lasso", "a\nb", 2),
        f"models.lasso.'a\\nb' is not a known key: the keys are {LASSO_KEYS}.",
    ),
    (rename(f"{DATA}/title", "tilte"), "datasets.hitters.tilte is not a known key: did you mean title?"),
    (
        rename(f"{SPLITS}/test_share", "test_shares"),
        "datasets.hitters.splits.test_shares is not a known key: did you mean test_share?",
    ),
    (
        put(f"{SPLITS}/seeds", {"frist": 1, "last": 3}),
        "datasets.hitters.splits.seeds.frist is not a known key: did you mean first?",
    ),
    (
        put(f"{SPLITS}/seeds", {"first": 1, "last": 9, "step": 2}),
        "datasets.hitters.splits.seeds.step is not a known key: the keys are first and last.",
    ),
    (
        rename(f"{SOURCE}/file", "flie"),
        "datasets.hitters.sources[0].flie is not a known key: did you mean file?",
    ),
    (
        rename(f"{WHEEL}/member", "membr"),
        "datasets.hitters.sources[1].membr is not a known key: did you mean member?",
    ),
    (
        rename(f"{PUBLISHED}/mae", "maee"),
        "datasets.hitters.published[0].maee is not a known key: did you mean mae?",
    ),
    (
        put("models/least_squares/standardize", True),
        "models.least_squares.standardize is not a known key: the keys are kind and splits.",
    ),
    (
        rename("models/lasso/tolerance", "tolerence"),
        "models.lasso.tolerence is not a known key: did you mean tolerance?",
    ),
    (
        rename("models/lasso/penalties/smallest", "smalest"),
        "models.lasso.penalties.smalest is not a known key: did you mean smallest?",
    ),
    (
        rename("models/lasso/folds/number", "nubmer"),
        "models.lasso.folds.nubmer is not a known key: did you mean number?",
    ),
    (
        rename("models/network/epochs", "epoch"),
        "models.network.epoch is not a known key: did you mean epochs?",
    ),
    (
        put("models/network/workers", 2),
        f"models.network.workers is not a known key: the keys are {NETWORK_KEYS}.",
    ),
    # A value of another type.
    (put("build", "hitters"), "build has to be a list, not 'hitters'."),
    (put("build", None), "build has to be a list, not empty."),
    (put("datasets", None), "datasets has to be a block of keys, not empty."),
    (put("models", []), "models has to be a block of keys, not []."),
    (put("models/lasso", "linear"), "models.lasso has to be a block of keys, not 'linear'."),
    (put(SPLITS, None), "datasets.hitters.splits has to be a block of keys, not empty."),
    (put(SPLITS, [1]), "datasets.hitters.splits has to be a block of keys, not a list."),
    (put(SOURCE, "a.csv"), "datasets.hitters.sources[0] has to be a block of keys, not 'a.csv'."),
    (put(f"{DATA}/title", 1987), "datasets.hitters.title has to be text, not 1987."),
    (put(f"{DATA}/models", "lasso"), "datasets.hitters.models has to be a list, not 'lasso'."),
    (put(f"{DATA}/published", None), "datasets.hitters.published has to be a list, not empty."),
    (put("models/network/hidden", 50), "models.network.hidden has to be a list, not 50."),
    (put("models/network/dropout", 0.4), "models.network.dropout has to be a list, not 0.4."),
    (put("models/lasso/standardize", "yes"), "models.lasso.standardize has to be true or false, not 'yes'."),
    (put("models/lasso/standardize", 1), "models.lasso.standardize has to be true or false, not 1."),
    (put("models/network/epochs", 5.0), "models.network.epochs has to be a whole number, not 5.0."),
    (put("models/network/threads", False), "models.network.threads has to be a whole number, not false."),
    (
        put(f"{SPLITS}/block_size", 1.5),
        "datasets.hitters.splits.block_size has to be a whole number, not 1.5.",
    ),
    (
        put("models/network/patience", 2.5),
        "models.network.patience has to be none or a whole number, at least 1, not 2.5.",
    ),
    (
        put("models/network/patience", None),
        "models.network.patience has to be none or a whole number, at least 1, not empty.",
    ),
    (put(f"{DATA}/max_megabytes", True), "datasets.hitters.max_megabytes has to be a number, not true."),
    (
        put(f"{DATA}/max_megabytes", float("inf")),
        "datasets.hitters.max_megabytes has to be a number, not inf.",
    ),
    (
        put("models/network/learning_rate", float("nan")),
        "models.network.learning_rate has to be a number, not nan.",
    ),
    (
        put("models/network/learning_rate", "1e-3"),
        f"models.network.learning_rate has to be a number, not the text '1e-3': {TEXT}",
    ),
    (
        put("models/network/epochs", "5.0"),
        f"models.network.epochs has to be a whole number, not the text '5.0': {TEXT}",
    ),
    (
        put(f"{SPLITS}/test_share", "0.2"),
        f"datasets.hitters.splits.test_share has to be {SHARE}, not the text '0.2': {TEXT}",
    ),
    (
        put(f"{SPLITS}/test_share", float("nan")),
        f"datasets.hitters.splits.test_share has to be {SHARE}, not nan.",
    ),
    (
        put(f"{SPLITS}/seeds", 3),
        "datasets.hitters.splits.seeds has to be a list such as [1, 2, 7] or a range such as {first: 1, last: 100}, not 3.",
    ),
    (put(f"{SPLITS}/seeds", [1.0]), "datasets.hitters.splits.seeds[0] has to be a whole number, not 1.0."),
    # A value that cannot be.
    (put("build", []), "build needs at least 1 entry."),
    (put("models", {}), "models needs at least 1 entry."),
    (put(f"{DATA}/title", ""), "datasets.hitters.title must not be empty."),
    (put(f"{DATA}/models", []), "datasets.hitters.models needs at least 1 entry."),
    (put(f"{DATA}/sources", []), "datasets.hitters.sources needs at least 1 entry."),
    (put(f"{DATA}/max_megabytes", 0), "datasets.hitters.max_megabytes has to be more than 0, not 0."),
    (
        put(f"{DATA}/task", "rank"),
        "datasets.hitters.task has to be regression or classification, not 'rank'.",
    ),
    (
        put(f"{DATA}/missing_target", "dorp"),
        "datasets.hitters.missing_target has to be drop or error, not 'dorp'.",
    ),
    (
        lambda config: [
            change(config)
            for change in (put(f"{DATA}/trainings", {"number": 2}), put(f"{SPLITS}/block_size", 1))
        ],
        "datasets.hitters.trainings.number is 2, and the first block of splits has one only: set it to 1.",
    ),
    (
        lambda config: [
            change(config)
            for change in (put(f"{DATA}/trainings", {"number": 3}), put(f"{DATA}/models", ["least_squares"]))
        ],
        "datasets.hitters.trainings.number is 3, and no model of the dataset has a seed and 50 splits: set it to 1.",
    ),
    (put(f"{SPLITS}/test_share", 0), "datasets.hitters.splits.test_share has to be more than 0, not 0."),
    (put(f"{SPLITS}/test_share", 1), "datasets.hitters.splits.test_share has to be less than 1, not 1."),
    (
        put(f"{SPLITS}/test_share", -0.2),
        "datasets.hitters.splits.test_share has to be more than 0, not -0.2.",
    ),
    (
        put(f"{SPLITS}/test_share", "3/2"),
        "datasets.hitters.splits.test_share has to be less than 1, not 3/2.",
    ),
    (
        put(f"{SPLITS}/test_share", "1/1"),
        "datasets.hitters.splits.test_share has to be less than 1, not 1/1.",
    ),
    (put(f"{SPLITS}/test_share", "1/0"), f"datasets.hitters.splits.test_share has to be {SHARE}, not '1/0'."),
    (put(f"{SPLITS}/test_share", "0/3"), f"datasets.hitters.splits.test_share has to be {SHARE}, not '0/3'."),
    (
        put(f"{SPLITS}/test_share", "1/3\n"),
        f"datasets.hitters.splits.test_share has to be {SHARE}, not '1/3\\n'.",
    ),
    (
        put(f"{SPLITS}/test_share", "9" * 5000 + "/1"),
        f"datasets.hitters.splits.test_share has to be {SHARE}, not '{'9' * 98}….",
    ),
    (put(f"{SPLITS}/seeds", []), "datasets.hitters.splits.seeds needs at least 1 entry."),
    (put(f"{SPLITS}/seeds", [1, -1]), "datasets.hitters.splits.seeds[1] has to be at least 0, not -1."),
    (
        put(f"{SPLITS}/seeds", [2**32]),
        "datasets.hitters.splits.seeds[0] has to be at most 4294967295, not 4294967296.",
    ),
    (
        put(f"{SPLITS}/seeds", {"first": 5, "last": 4}),
        "datasets.hitters.splits.seeds.last has to be at least 5, which is the first seed.",
    ),
    (
        put(f"{SPLITS}/seeds", {"first": 1, "last": 2_000_000}),
        "datasets.hitters.splits.seeds has to be at most 1000000 seeds, not 2000000.",
    ),
    (
        put(f"{SPLITS}/seeds", {"first": 0, "last": 1_000_000}),
        "datasets.hitters.splits.seeds has to be at most 1000000 seeds, not 1000001.",
    ),
    (put(f"{SPLITS}/block_size", 0), "datasets.hitters.splits.block_size has to be at least 1, not 0."),
    (put(f"{SPLITS}/block_size", -5), "datasets.hitters.splits.block_size has to be at least 1, not -5."),
    (put(f"{PUBLISHED}/mae", {}), "datasets.hitters.published[0].mae needs at least 1 entry."),
    (
        put(f"{PUBLISHED}/mae/lasso", -1),
        "datasets.hitters.published[0].mae.lasso has to be at least 0, not -1.",
    ),
    (
        put("models/lasso/kind", "laso"),
        f"models.lasso.kind has to be {one_of(kinds())}, not 'laso'.",
    ),
    (put("models/lasso/folds/number", 0), "models.lasso.folds.number has to be at least 2, not 0."),
    (put("models/lasso/penalties/number", 1), "models.lasso.penalties.number has to be at least 2, not 1."),
    (
        put("models/lasso/penalties/smallest", 1),
        "models.lasso.penalties.smallest has to be less than 1, not 1.",
    ),
    (put("models/lasso/tolerance", 0), "models.lasso.tolerance has to be more than 0, not 0."),
    (put("models/lasso/tolerance", 0.5), "models.lasso.tolerance has to be at most 0.01, not 0.5."),
    (
        put("models/network/hidden", []),
        "models.network.dropout needs as many entries as hidden, which has 0, not 1.",
    ),
    (put("models/network/hidden", [0]), "models.network.hidden[0] has to be at least 1, not 0."),
    (put("models/network/dropout", [1]), "models.network.dropout[0] has to be less than 1, not 1."),
    (put("models/network/epochs", 0), "models.network.epochs has to be at least 1, not 0."),
    (
        put("models/network/optimizer", "Adam"),
        "models.network.optimizer has to be rmsprop, adam or sgd, not 'Adam'.",
    ),
    (
        put("models/network/validation", "tset"),
        "models.network.validation has to be test or a number between 0 and 1, not 'tset'.",
    ),
    (put("models/network/validation", 1), "models.network.validation has to be less than 1, not 1."),
    (put("models/network/patience", 0), "models.network.patience has to be at least 1, not 0."),
    (
        put("models/network/patience", "ever"),
        "models.network.patience has to be none or a whole number, at least 1, not 'ever'.",
    ),
    (
        put("models/network/patience", 5),
        "models.network.patience stops a training some epochs after its best one, whose weights are then the ones to "
        "keep: set weights to best, or patience to none.",
    ),
    (
        put("models/network/weights", "best"),
        "models.network.weights needs validation rows that are held out to be best, because nothing may be chosen by "
        "the test rows: set validation to a share, such as 0.2, or weights to last.",
    ),
    (
        put("models/network/precision", 16),
        "models.network.precision has to be 32-true, bf16-mixed or 16-mixed, not 16.",
    ),
    (
        put("models/network/checkpoint_seconds", -1),
        "models.network.checkpoint_seconds has to be at least 0, not -1.",
    ),
    (
        both(put("models/network/precision", "16-mixed"), put("models/network/accelerator", "cpu")),
        "models.network.precision is 16-mixed, which a CPU cannot do: take bf16-mixed or 32-true.",
    ),
    (put("models/network/weights", "first"), "models.network.weights has to be last or best, not 'first'."),
    (put("datasets/mnist/format", "png"), "datasets.mnist.format has to be csv or images, not 'png'."),
    (
        put("datasets/mnist/target_unit", "digits"),
        "datasets.mnist.target_unit is not a known key: did you mean target?",
    ),
    (
        drop("datasets/mnist/sha256/test_images"),
        "datasets.mnist.sha256.test_images is missing: docs/config.md describes it.",
    ),
    (put("datasets/mnist/classes", ["0"]), "datasets.mnist.classes needs at least 2 entries."),
    (put("datasets/mnist/classes", ["0", "1", "0"]), "datasets.mnist.classes has '0' twice."),
    (
        put("datasets/mnist/splits/test_share", 0.2),
        "datasets.mnist.splits.test_share has to be given, not 0.2.",
    ),
    (
        put("datasets/mnist/published/0/accuracy/multinomial", 91.6),
        "datasets.mnist.published[0].accuracy.multinomial has to be at most 1, not 91.6.",
    ),
    (
        put("datasets/mnist/published/0/accuracy/net", 0.9),
        "datasets.mnist.published[0].accuracy.net names the model 'net', which is not described under models: did you "
        "mean network?",
    ),
    (
        put("datasets/mnist/sources/2/suffix", ".zip"),
        "datasets.mnist.sources[2].suffix has to be .gz, not '.zip'.",
    ),
    (
        put("datasets/mnist/sources/0/suffix", ".gz"),
        "datasets.mnist.sources[0].suffix is not a known key: the only key is file.",
    ),
    # Which models do which task.
    (
        put("datasets/mnist/models/2", "network"),
        "datasets.mnist.models[2] names the model 'network', whose loss is squared_error, and a classification needs "
        "auto or cross_entropy.",
    ),
    (
        put(f"{DATA}/models/3", "digits_network"),
        "datasets.hitters.models[3] names the model 'digits_network', whose loss is cross_entropy, and a regression needs "
        "auto, squared_error or absolute_error.",
    ),
    (
        put("models/network/hidden", [50, 20]),
        "models.network.dropout needs as many entries as hidden, which has 2, not 1.",
    ),
    # A source that is none, or two.
    (put(SOURCE, {}), "datasets.hitters.sources[0] needs one of the keys file, url, wheel and npm."),
    (drop(f"{WHEEL}/wheel"), "datasets.hitters.sources[1] needs one of the keys file, url, wheel and npm."),
    (
        put(f"{SOURCE}/url", "https://example.org/a.csv"),
        "datasets.hitters.sources[0] has the keys file and url: make a source of each.",
    ),
    (
        put(f"{SOURCE}/url", "ftp"),
        "datasets.hitters.sources[0] has the keys file and url: make a source of each.",
    ),
    (
        put(f"{WHEEL}/npm", "a@1.0.0"),
        "datasets.hitters.sources[1] has the keys wheel and npm: make a source of each.",
    ),
    (
        put(SOURCE, {"npm": "a@1.0.0", "member": "a.csv", "wheel_sha256": DIGEST}),
        "datasets.hitters.sources[0].wheel_sha256 is not a known key: the keys are npm and member.",
    ),
    (put(f"{SOURCE}/file", ""), "datasets.hitters.sources[0].file must not be empty."),
    # An address, a package or a digest of another form.
    (
        put(f"{URL}/url", "http://example.org/a.csv"),
        "datasets.hitters.sources[2].url has to be an address that starts with https://, not 'http://example.org/a.csv'.",
    ),
    (
        put(f"{URL}/url", "https://example.org/a b"),
        "datasets.hitters.sources[2].url has to be an address that starts with https://, not 'https://example.org/a b'.",
    ),
    (
        put(f"{WHEEL}/wheel", "ISLP>=1"),
        "datasets.hitters.sources[1].wheel has to be NAME==VERSION, not 'ISLP>=1'.",
    ),
    (
        put(f"{WHEEL}/wheel", "ISLP==0.4.0\n--pre"),
        "datasets.hitters.sources[1].wheel has to be NAME==VERSION, not 'ISLP==0.4.0\\n--pre'.",
    ),
    (
        put(f"{WHEEL}/wheel_sha256", "abc"),
        "datasets.hitters.sources[1].wheel_sha256 has to be 64 lower-case hexadecimal digits, not 'abc'.",
    ),
    (
        put(SOURCE, {"npm": "a@latest", "member": "a.csv"}),
        "datasets.hitters.sources[0].npm has to be NAME@VERSION, with a number for the version, not 'a@latest'.",
    ),
    (
        put(SOURCE, {"npm": "../a@1.0.0", "member": "a.csv"}),
        "datasets.hitters.sources[0].npm has to be NAME@VERSION, with a number for the version, not '../a@1.0.0'.",
    ),
    (
        put(f"{DATA}/sha256", DIGEST.upper()),
        f"datasets.hitters.sha256 has to be 64 lower-case hexadecimal digits, not '{DIGEST.upper()}'.",
    ),
    (
        put(f"{DATA}/sha256", f"{DIGEST}\n"),
        f"datasets.hitters.sha256 has to be 64 lower-case hexadecimal digits, not '{DIGEST}\\n'.",
    ),
    (
        put(f"{DATA}/sha256", 123),
        "datasets.hitters.sha256 has to be 64 lower-case hexadecimal digits, not 123.",
    ),
    # A name that is none.
    *(
        (add(block, name, entry), f"the name {shown} under {block} is not allowed: use {NAME}.")
        for block, entry in (("datasets", SHIPPED["datasets"]["hitters"]), ("models", {"kind": "linear"}))
        for name, shown in [
            ("../x", "'../x'"),
            ("A", "'A'"),
            ("a-b", "'a-b'"),
            ("a\n", "'a\\n'"),
            ("", "''"),
            ("é", "'é'"),
            ("1a", "'1a'"),
            ("_a", "'_a'"),
            ("a" * 61, f"'{'a' * 61}'"),
            (1, "1"),
            (True, "true"),
        ]
    ),
    (
        add(f"{PUBLISHED}/mae", "A", 1.0),
        f"the name 'A' under datasets.hitters.published[0].mae is not allowed: use {NAME}.",
    ),
    (put("build", ["hitters\n"]), f"build[0] has to be {NAME}, not 'hitters\\n'."),
    (put(f"{DATA}/reference", "Lasso"), f"datasets.hitters.reference has to be {NAME}, not 'Lasso'."),
    (
        put("models/null_model", {"kind": "linear"}),
        "models.null_model takes a name that is kept for the null model: choose another.",
    ),
    # A name of nothing, or one that stands twice.
    (
        put("build", ["hiters"]),
        "build[0] names the dataset 'hiters', which is not described under datasets: did you mean hitters?",
    ),
    (
        put("build", ["wages"]),
        "build[0] names the dataset 'wages', which is not described under datasets: the datasets are hitters and mnist.",
    ),
    (
        put(f"{DATA}/models", ["least_squares", "laso"]),
        "datasets.hitters.models[1] names the model 'laso', which is not described under models: did you mean lasso?",
    ),
    (
        put(f"{DATA}/reference", "networks"),
        "datasets.hitters.reference is 'networks', which is not in datasets.hitters.models: did you mean network?",
    ),
    (
        put(f"{DATA}/models", ["lasso"]),
        "datasets.hitters.reference is 'least_squares', which is not in datasets.hitters.models: the only model is lasso.",
    ),
    (
        put(f"{PUBLISHED}/mae/laso", 1.0),
        "datasets.hitters.published[0].mae.laso names the model 'laso', which is not described under models: did you mean lasso?",
    ),
    (put("build", ["hitters", "hitters"]), "build has 'hitters' twice."),
    (put(f"{DATA}/models", ["lasso", "network", "lasso"]), "datasets.hitters.models has 'lasso' twice."),
    (put(f"{SPLITS}/seeds", [1, 2, 1]), "datasets.hitters.splits.seeds has 1 twice."),
]


# Several mistakes are told at once, the outermost first, and what follows from one is not.
MANY = [
    (
        lambda config: config.update(build=[], datasets=None),
        ["build needs at least 1 entry.", "datasets has to be a block of keys, not empty."],
    ),
    (
        lambda config: config["datasets"]["hitters"].update(splits=None, sources=[{"file": 1}]),
        [
            "datasets.hitters.splits has to be a block of keys, not empty.",
            "datasets.hitters.sources[0].file has to be text, not 1.",
        ],
    ),
    (
        put("datasets/mnist/classes", [0, 1]),
        [f"datasets.mnist.classes[{place}] has to be text, not {place}." for place in (0, 1)],
    ),
    (
        put("datasets/mnist/models/0", "lasso"),
        [
            "datasets.mnist.models[0] names the model 'lasso', which is of kind lasso and does a regression, not a "
            f"classification: take one of kind {one_of(kinds_for('classification'))}.",
            "datasets.mnist.reference is 'multinomial', which is not in datasets.mnist.models: did you mean multinomial_lasso?",
        ],
    ),
    (
        put(f"{DATA}/models/0", "multinomial_lasso"),
        [
            "datasets.hitters.models[0] names the model 'multinomial_lasso', which is of kind logistic_lasso and does a "
            f"classification, not a regression: take one of kind {one_of(kinds_for('regression'))}.",
            "datasets.hitters.reference is 'least_squares', which is not in datasets.hitters.models: the models are "
            "multinomial_lasso, lasso, lasso_as_printed and network.",
        ],
    ),
]


@pytest.mark.parametrize(("change", "problems"), MANY)
def test_tells_all_mistakes_at_once(change, problems):
    assert refusal(shipped_with(change)).splitlines() == [f"In the config, {problem}" for problem in problems]


@pytest.mark.parametrize(("change", "problem"), BAD, ids=[f"{problem[:70]}" for _, problem in BAD])
def test_refuses_in_one_sentence(change, problem):
    sentence = refusal(shipped_with(change))
    assert sentence == f"In the config, {problem}"
    assert sentence[-1] in ".?" and sentence.isprintable()
    assert not re.search(r"[.?!] ", sentence), "this is more than one sentence"


OPTIONAL = ("file", "url", "wheel", "npm", "suffix")


def every_path(block, path=""):
    """Lists the path of every key of config.yaml that is neither a name nor says of what kind a source is."""
    entries = enumerate(block) if isinstance(block, list) else block.items()
    for key, value in entries:
        here = f"{path}/{key}".strip("/")
        named = path in ("datasets", "models") or path.endswith(("/mae", "/accuracy"))
        if not (isinstance(block, list) or named or key in OPTIONAL):
            yield here
        # What the settings of an estimator are is its package's to say.
        if isinstance(value, dict | list) and not (key == "settings" and path.startswith("models")):
            yield from every_path(value, here)


def referred(node):
    if node is True:  # a key of some kinds of source, described there
        return {}
    name = node.get("$ref", "").removeprefix("#/$defs/")
    return SCHEMA_TREE["$defs"][name] | node if name else node


def node_at(path):
    """Finds what the schema says of a key of config.yaml, and of the block that it stands in."""
    block, node, value = SCHEMA_TREE, SCHEMA_TREE, SHIPPED
    for part in path.split("/"):
        value = value[int(part) if isinstance(value, list) else part]
        block = node
        if "properties" in block and part in block["properties"]:
            node = referred(block["properties"][part])
        elif isinstance(block.get("additionalProperties"), dict):
            node = referred(block["additionalProperties"])
        else:
            node = referred(block["items"])
        if "if" in node:
            is_so = set(node["if"]["required"]) <= value.keys()
            node = referred(node["then" if is_so else "else"])
        if {"allOf", "required"} <= node.keys():  # a dataset or a model: what holds for its format or kind
            node = SCHEMA_TREE["$defs"][value[next(iter(node["required"]))]]
    return block, node


def has_default(path):
    return bool(DEFAULTS & node_at(path)[1].keys())


@pytest.mark.parametrize("path", [path for path in every_path(SHIPPED) if not has_default(path)])
def test_misses_each_key_without_a_default(path):
    dotted = re.sub(r"/(\d+)", r"[\1]", path).replace("/", ".")
    expected = f"In the config, {dotted} is missing: docs/config.md describes it."
    if path.endswith("/format"):  # it is then a table
        assert refusal(shipped_with(drop(path))).startswith(
            "In the config, datasets.mnist.classes is not a known key"
        )
        return
    if path == "datasets/hitters/sources":
        expected = "In the config, datasets.hitters needs one of the keys file and sources."
    assert refusal(shipped_with(drop(path))) == expected


def test_what_is_left_out_is_filled_in():
    """The shipped config without all that has a default, and with it as the schema says."""
    config = copy.deepcopy(SHIPPED)
    # A dataset has to say its format if it is not csv; a network for classes needs another loss and its own patience.
    kept = ("/sha256", "/format", "/patience", "/loss")
    for path in sorted(every_path(SHIPPED), key=lambda path: -path.count("/")):
        if has_default(path) and not path.endswith(kept):
            drop(path)(config)
    validate(config)
    for path in every_path(SHIPPED):
        if "/published/" in path or "/models/" in path:  # parts of a default that is shorter
            continue
        block, key = place(config, path)
        node, shipped = node_at(path)[1], place(SHIPPED, path)
        if node.get("default", {}) != {} and block[key] != shipped[0][shipped[1]]:
            assert block[key] == node["default"], path
        assert (path.startswith("models/") and key == "splits") or block[key] is not None
    assert config["datasets"]["hitters"]["title"] == "hitters"
    assert config["datasets"]["mnist"]["reference"] == "multinomial"
    assert config["models"]["digits_network"]["dropout"] == [0.0, 0.0]


def two_lines(**more):
    return {
        "build": ["mine"],
        "datasets": {"mine": {"file": "mine.csv", "target": "y"} | more},
        "models": SHIPPED["models"],
    }


def test_a_file_and_a_target_are_enough(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = copy.deepcopy(two_lines())
    validate(config)
    mine = config["datasets"]["mine"]
    assert mine["models"] == ["least_squares", "ridge", "lasso"] and mine["reference"] == "least_squares"
    defaults = {
        "method": "random",
        "stratify": False,
        "folds": 10,
        "test_share": 0.25,
        "seeds": {"first": 1, "last": 100},
        "block_size": 1000,
    }
    assert mine["splits"] == defaults
    with pytest.raises(InputError, match=r"datasets.mine.file is 'mine.csv', and there is no such file in /"):
        take_files(config, tmp_path / "digests", are_here=True)
    (tmp_path / "mine.csv").write_bytes(b"1" * 3_000_000)
    config = copy.deepcopy(two_lines(max_megabytes=1))
    validate(config)
    take_files(config, tmp_path / "digests", are_here=True)
    mine = config["datasets"]["mine"]
    assert (
        mine["sources"] == [{"file": "mine.csv"}]
        and mine["sha256"] == hashlib.sha256(b"1" * 3_000_000).hexdigest()
        and mine["max_megabytes"] == 3
    )
    # What is written in full is the same setting.
    again = copy.deepcopy(config)
    validate(again)
    assert again == config


def test_models_that_need_no_description_are_described():
    config = two_lines()
    config["models"] = {"own": {"kind": "linear"}}
    validate(config)
    assert config["models"]["lasso"]["penalties"] == {"number": 100, "smallest": 0.001, "standardize": True}
    assert set(config["models"]) == {"own", "least_squares", "ridge", "lasso"}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"sources": [{"file": "a"}]}, "datasets.mine has the keys file and sources: take one of them."),
        ({"file": ""}, "datasets.mine.file must not be empty."),
        ({"splits": 3}, "datasets.mine.splits has to be a block of keys, not 3."),
    ],
)
def test_a_short_block_that_is_wrong(more, said):
    assert refusal(two_lines(**more)) == f"In the config, {said}"


@pytest.mark.parametrize(
    "changes",
    [
        [],
        [put(f"{SPLITS}/seeds", {"first": 1, "last": 100})],
        [put(f"{SPLITS}/seeds", {"first": 3, "last": 3})],
        [put(f"{SPLITS}/seeds", [0, 2**32 - 1])],
        [put(f"{SPLITS}/test_share", "88/263")],
        [put(f"{SPLITS}/test_share", 0.25)],
        [put("models/network/validation", 0.2)],
        [put(f"models/network/{key}", value) for key, value in EARLY.items()],
        [put("models/network/validation", 0.2), put("models/network/weights", "best")],
        [put("models/network/hidden", []), put("models/network/dropout", [])],
        [put("models/digits_network/threads_per_network", 4)],
        [put("datasets/mnist/sources", [{"url": "https://example.org/digits/", "suffix": ".gz"}])],
        [put(f"{SPLITS}/block_size", 1)],
        [put(f"{SPLITS}/block_size", 10**9)],
        [put(f"{SPLITS}/seeds", {"first": 2**32 - 10**6, "last": 2**32 - 1})],
        [put("models/network/hidden", [64, 32]), put("models/network/dropout", [0, 0.5])],
        [put("models/network/learning_rate", 1)],
        [put("models/network/precision", "16-mixed")],
        [put("models/network/checkpoint_seconds", 0)],
        [put(f"{DATA}/published", [])],
        [put(f"{DATA}/target_unit", "")],
        [put(f"{DATA}/max_megabytes", 0.5)],
        [put(SOURCE, {"npm": "@scope/name@1.2.3-rc.1", "member": "data/a.csv"})],
        [put("models/a_2", {"kind": "linear"})],
        [put("datasets/unused", SHIPPED["datasets"]["hitters"])],
    ],
)
def test_accepts(changes):
    validate(shipped_with(*changes))


def test_accepts_the_shipped_file():
    validate(SHIPPED, [ROOT / "config.yaml"])


def test_accepts_anchors_and_merges(tmp_path):
    """A key that a merge brings may be set again."""
    text = (ROOT / "config.yaml").read_text(encoding="utf-8").replace("  network:\n", "  network: &network\n")
    text += "  wide:\n    <<: *network\n    hidden: [200]\n  twins:\n    <<: [*network]\n    epochs: 10\n"
    file = tmp_path / "config.yaml"
    file.write_text(text, encoding="utf-8")
    config = yaml.safe_load(text)
    validate(config, [file])
    assert config["models"]["wide"]["hidden"] == [200]
    assert config["models"]["twins"]["hidden"] == [50]


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("build: [a]\nmodels: {}\nbuild: [b]\n", 3, "'build'"),
        ("models:\n  a:\n    kind: lasso\n    folds: {number: 5, seed: 1, number: 6}\n", 4, "'number'"),
        ("datasets:\n  - a: 1\n    b: 2\n    a: 3\n", 4, "'a'"),
        ("models:\n  1: {}\n  # the same\n  1: {}\n", 4, "1"),
        ('{\n\t"a": 1,\n\t"a": 2\n}\n', 3, "'a'"),
    ],
)
def test_refuses_a_key_that_stands_twice(tmp_path, text, line, key):
    """Of two files, the one that has it is named. What YAML made of it is not looked at."""
    first, second = tmp_path / "config.yaml", tmp_path / "mine.yaml"
    first.write_text("build: [hitters]\n", encoding="utf-8")
    second.write_text(text, encoding="utf-8")
    assert refusal(SHIPPED, [first, second]) == (
        f"In mine.yaml, line {line}, the key {key} stands a second time in its block: remove one of the two."
    )


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [
        ([7, 1, 2], [7, 1, 2]),
        ({"first": 1, "last": 4}, [1, 2, 3, 4]),
        ({"first": 9, "last": 9}, [9]),
        ({"last": 1, "first": 0}, [0, 1]),
    ],
)
def test_split_seeds(seeds, expected):
    assert list(split_seeds(seeds)) == expected


def test_split_seeds_gives_a_list_of_its_own():
    seeds = [1, 2]
    split_seeds(seeds).append(3)
    assert seeds == [1, 2]


def test_a_range_of_seeds_is_not_written_out():
    """Four billion seeds would fill the memory before the config is refused."""
    assert len(split_seeds({"first": 0, "last": 2**32 - 1})) == 2**32
    seeds = {"first": 0, "last": 2**32 - 1}
    assert shortest(seeds) == seeds
    assert "not 4294967296" in refusal(shipped_with(put(f"{SPLITS}/seeds", seeds)))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--config", "biuld=[hitters]"], "In the config, biuld is not a known key: did you mean build?"),
        (
            ["--configfile", "mine.yaml"],
            "In mine.yaml, line 5, the key 'number' stands a second time in its block: remove one of the two.",
        ),
    ],
)
def test_snakemake_says_it_and_runs_nothing(tmp_path, options, sentence):
    twice = "models:\n  lasso:\n    folds:\n      number: 5\n      number: 6\n"
    (tmp_path / "mine.yaml").write_text(twice, encoding="utf-8")
    where = ("--snakefile", ROOT / "Snakefile", "--directory", tmp_path)
    run = snakemake("--dry-run", *where, *options, cwd=tmp_path)
    assert run.status == 1
    assert run.text.splitlines().count(sentence) == 1, run.text
    assert "Traceback" not in run.text and "Job stats" not in run.text and "rule " not in run.text
    assert not (tmp_path / "results").exists()


def blocks_of(node, path="config"):
    """Yields each block of keys in the schema, with its path: the nodes that have properties or names."""
    if not isinstance(node, dict):
        return
    if "properties" in node or node.get("type") == "object" or "propertyNames" in node:
        yield path, node
    for word in ("properties", "$defs"):
        for key, value in node.get(word, {}).items():
            yield from blocks_of(value, f"{path}.{key}")
    for word in ("items", "additionalProperties"):
        yield from blocks_of(node.get(word), f"{path}[]")


BLOCKS = dict(blocks_of(SCHEMA_TREE))


@pytest.mark.parametrize("path", BLOCKS)
def test_schema_is_closed(path):
    block = BLOCKS[path]
    if path in ("config.model", "config.dataset"):
        # It is closed kind by kind, and a kind that is none of these is refused.
        (key,) = block["required"]
        kinds = [case["if"]["properties"][key]["const"] for case in block["allOf"]]
        assert [case["then"] for case in block["allOf"]] == [{"$ref": f"#/$defs/{kind}"} for kind in kinds]
        assert kinds == block["properties"][key]["enum"]
        return
    names = block["additionalProperties"]
    assert names is False or (
        "properties" not in block
        and block["propertyNames"] in [{"$ref": f"#/$defs/{name}"} for name in ("name", "any_name")]
    )


@pytest.mark.parametrize("path", BLOCKS)
def test_schema_describes_every_key(path):
    for key, node in BLOCKS[path].get("properties", {}).items():
        if path not in (
            "config.source",
            "config.images_source",
        ):  # It lists the keys of all kinds of source, each described there.
            description = referred(node)["description"]
            assert re.fullmatch(r"[A-Z][^\n]+\.", description.strip()), (path, key)


def test_every_key_is_required_or_has_a_default():
    optional = {}
    for path, block in BLOCKS.items():
        with_default = {
            key for key, node in block.get("properties", {}).items() if DEFAULTS & referred(node).keys()
        }
        assert not with_default & set(block.get("required", [])), path
        optional[path] = set(block.get("properties", {})) - set(block.get("required", [])) - with_default
    # These are required by the rules that tell the kinds of source and of model apart.
    source = {"file", "url", "wheel", "npm", "wheel_sha256", "member"}
    assert {path: keys for path, keys in optional.items() if keys} == {
        "config.csv": {"file", "sources"},
        "config.source": source,
        "config.source_file": {"file"},
        "config.source_url": {"url"},
        "config.source_wheel": {"wheel"},
        "config.source_npm": {"npm"},
        "config.images_source": source | {"suffix"},
        "config.images_file": {"file"},
        "config.images_url": {"url", "suffix"},
        # One of the distributions.
        "config.sklearn.search.settings[]": {"uniform", "log_uniform", "integers"},
    }


def test_schema_uses_every_definition():
    text = json.dumps(schema())
    assert set(re.findall(r"#/\$defs/(\w+)", text)) == set(SCHEMA_TREE["$defs"])


def test_shipped_file_shows_every_key():
    definitions = SCHEMA_TREE["$defs"]
    assert set(SHIPPED) == set(SCHEMA_TREE["required"])
    for dataset in SHIPPED["datasets"].values():
        assert set(dataset) == set(definitions[dataset["format"]]["properties"]) - {"file", "positive"}
        splits = definitions[{"csv": "splits", "images": "given_splits"}[dataset["format"]]]
        assert set(dataset["splits"]) == set(splits["properties"]) - {"file"}
    formats = {dataset["format"] for dataset in SHIPPED["datasets"].values()}
    assert formats == set(definitions["dataset"]["properties"]["format"]["enum"])
    for model in SHIPPED["models"].values():
        assert set(model) | {"splits"} == set(definitions[model["kind"]]["properties"])
    assert any("splits" in model for model in SHIPPED["models"].values())
    kinds = {model["kind"] for model in SHIPPED["models"].values()}
    assert kinds == set(definitions["model"]["properties"]["kind"]["enum"])


@pytest.mark.parametrize(
    ("seeds", "short"),
    [
        ([1], {"first": 1, "last": 1}),
        ([3, 4, 5], {"first": 3, "last": 5}),
        ({"first": 3, "last": 5}, {"first": 3, "last": 5}),
        ([5, 4, 3], [5, 4, 3]),
        ([3, 5], [3, 5]),
        ([1, 3, 2, 4], [1, 3, 2, 4]),
        ([0, 2**32 - 1], [0, 2**32 - 1]),
    ],
)
def test_seeds_have_one_shortest_form(seeds, short):
    assert shortest(seeds) == short
    assert list(split_seeds(shortest(seeds))) == list(split_seeds(seeds))


def test_many_seeds_are_shortened():
    """A list and a range of the same seeds are one setting, and a small one."""
    assert shortest(list(range(1000))) == shortest({"first": 0, "last": 999}) == {"first": 0, "last": 999}


@pytest.mark.parametrize(
    ("splits", "last"),
    [
        ({}, 100),
        ({"method": "k_fold"}, 100),
        ({"method": "time"}, 3),
        ({"method": "time", "test_share": 0.1}, 9),
        ({"method": "time", "test_share": "1/3"}, 2),
        ({"method": "time", "test_share": 0.7}, 1),
        ({"method": "time", "test_share": 0.001}, 100),
        ({"method": "column"}, 1),
        ({"method": "file", "file": "splits.csv"}, 1),
    ],
)
def test_without_seeds_there_are_as_many_splits_as_fit(splits, last):
    """Of parts in time, each with rows before it to train on; of those that are numbered in the data, the first."""
    config = {
        "build": ["mine"],
        "datasets": {"mine": {"file": "a.csv", "target": "y", "splits": splits}},
        "models": {"any": {"kind": "linear"}},
    }
    validate(config)
    assert config["datasets"]["mine"]["splits"]["seeds"] == {"first": 1, "last": last}
