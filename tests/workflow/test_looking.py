"""Looking at the workflow without running it, as in a fresh checkout: no results, no data, no network."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.runs import heavy_imports, snakemake
from support.tree import MAKE_NOTHING, ROOT, contents, copy_of_tree, files_of_tree

NO_NETWORK = {
    name: "http://127.0.0.1:9"
    for proxy in ("http_proxy", "https_proxy", "all_proxy")
    for name in (proxy, proxy.upper())
}
SMK = [ROOT / path for path in files_of_tree() if path.suffix == ".smk"]
PROFILES = [path for path in files_of_tree() if path.parts[0] == "profiles"]

# Each rule, with its source: from its name to the next thing that is not indented.
RULES = {
    name: body
    for path in SMK
    for name, body in re.findall(
        r"^rule (\w+):\n((?:(?: .*)?\n)+)", path.read_text(encoding="utf-8"), re.MULTILINE
    )
}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    return copy_of_tree(tmp_path_factory.mktemp("fresh"))


@pytest.fixture(scope="module", autouse=True)
def nothing_written(fresh):
    """Looking must not leave anything in the tree but what snakemake notes down for itself."""
    before = contents(fresh)
    yield
    after = contents(fresh)
    assert {name: data for name, data in after.items() if not name.startswith(".snakemake/")} == before


@pytest.fixture(scope="module")
def look(fresh):
    """Gives a function that runs snakemake in the fresh tree."""
    return lambda *options: snakemake(*options, cwd=fresh, **NO_NETWORK)


@pytest.mark.parametrize(
    ("option", "shown"),
    [
        ("--dry-run", "This was a dry-run"),
        ("--dag", "digraph snakemake_dag"),
        ("--rulegraph=mermaid-js", "flowchart TB"),
        ("--summary", "results/report.html\t-\treport"),
        ("--lint", "Congratulations, your workflow is in a good condition!"),
    ],
)
def test_looks(look, option, shown):
    run = look(option)
    assert run.status == 0, run.text
    assert shown in run.text


def test_lists_each_rule_with_a_sentence(look):
    run = look("--list-rules")
    assert run.status == 0, run.text
    listed = dict(re.findall(r"^(\w+)(?: \((.+)\))?$", run.text, re.MULTILINE))
    assert set(listed) == {"all", *RULES}
    for rule in RULES:
        assert re.fullmatch(r"[A-Z].*\.", listed[rule]), f"{rule}: {listed[rule]!r}"


def test_dry_run_plans_all_rules_but_the_check(look):
    planned = {job.split(".")[0] for job in look("--dry-run").jobs}
    planned |= {job.split(".")[0] for job in look("--dry-run", "--config", "build=[mnist]").jobs}
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    named = {model for dataset in config["datasets"].values() for model in dataset["models"]}
    spare = {model["kind"] for name, model in config["models"].items() if name not in named}
    spare -= {config["models"][name]["kind"] for name in named}
    unnamed = {f"{what}_{kind}" for what in ("fit", "plot") for kind in spare}
    # No shipped dataset has a file of splits, training sizes or several trainings, and no three are built.
    asked = MAKE_NOTHING | {
        "fetch_splits",
        "plot_coefficients",
        "importance",
        "plot_variance",
        "training_sizes",
        "rank_models",
    }
    assert planned == set(RULES) - asked - unnamed


def test_dry_run_imports_no_heavy_package(fresh):
    assert heavy_imports(cwd=fresh) == []


@pytest.mark.parametrize("rule", RULES)
def test_rule_says_what_it_takes(rule):
    body, makes = RULES[rule], rule not in MAKE_NOTHING
    for directive in ("log", "conda", "threads", "resources", "script", *(["output"] if makes else [])):
        assert re.search(rf"^    {directive}:", body, re.MULTILINE), f"{rule} has no {directive}"
    for resource in ("mem_mb", "runtime"):
        stated = rf"^        {resource}=growing\(\d+(, [\d.]+(, of_splits=True)?)?\),$"
        assert re.search(stated, body, re.MULTILINE), f"{rule} has no {resource} that grows"
    assert f'"results/logs/{rule}/' in body
    # What it costs stands in its record.
    assert (f'        record="results/manifest/{rule}/' in body) == makes and "benchmark:" not in body
    assert '"../../environment.yml"' in body


@pytest.mark.parametrize("rule", RULES)
def test_rule_script_and_test_have_one_name(rule):
    assert f'"../../scripts/{rule}.py"' in RULES[rule]
    assert (ROOT / "scripts" / f"{rule}.py").is_file()
    # The rules that draw share their code, and so their tests.
    test = "figures" if rule.startswith("plot_") else rule
    assert list((ROOT / "tests").glob(f"*/test_{test}.py"))


def test_no_rule_is_hidden():
    found = [
        name for path in SMK for name in re.findall(r"^ *(?:rule|checkpoint) +(\w+)", path.read_text(), re.M)
    ]
    assert sorted(found) == sorted(RULES) and len(found) == len(set(found))


def test_profiles_are_files_that_snakemake_finds():
    assert Path("profiles/default/profile.yaml") in PROFILES
    assert all(len(path.parts) == 3 for path in PROFILES)
    assert {path.parts[1] for path in PROFILES} == {
        path.parts[1] for path in PROFILES if path.name == "profile.yaml"
    }


def test_the_default_profile_is_used(look):
    """Those for clusters need plugins, see test_profiles.py."""
    for profile in (["--workflow-profile", "profiles/default"], []):
        run = look("--dry-run", *profile)
        assert run.status == 0, run.text
        assert "profiles/default" in run.text


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = [
    line.split("  ")[0].split(" >")[0]
    for page in PAGES
    for line in page.read_text(encoding="utf-8").splitlines()
    if line.startswith("snakemake ")
]


# In a process of its own: the command line changes the process that it is in.
PARSE = """
import json, shlex, sys
from snakemake.cli import get_argument_parser
for command in json.load(sys.stdin):
    options, unknown = get_argument_parser().parse_known_args(shlex.split(command)[1:])
    print(json.dumps([sorted(options.targets), unknown]))
"""


def test_the_commands_of_the_docs_are_commands():
    """Snakemake's parser takes each, and its targets are rules."""
    commands = json.dumps(COMMANDS)
    done = subprocess.run([sys.executable, "-c", PARSE], input=commands, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    parsed = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(parsed) == len(COMMANDS) > 10
    for command, (targets, unknown) in zip(COMMANDS, parsed, strict=True):
        assert unknown == [] and set(targets) <= set(RULES), command
