"""Rules of a person's own, without a record: what they are made of is followed all the same.

Each case is a Snakefile with a rule, an edit, and whether the job has to run after it, which is also whether it would give
something else.
"""

import json
import shutil

import pytest
from support.runs import snakemake
from support.tree import ROOT

HEAD = """
from functools import lru_cache, partial
from pathlib import Path
import sys
sys.path.insert(0, workflow.basedir)
import lineup.snakemake_port as port
from lineup.ledger.stale import mark_stale
configfile: "config.json"

def checked(wildcards):
    return mark_stale(workflow, lambda rule, wildcards: False)

rule all:
    input: WANTED
rule start:
    input: checked
    output: "results/a.txt"
    shell: "echo a > {output}"
rule free:
    input: "results/a.txt"
    output: "results/free.txt"
    shell: "cat {input} > {output}"
"""
RUN = """
rule b§:
    input: "results/a.txt"
    output: "results/b§.txt"
    run:
        Path(output[0]).write_text(str(%s))
"""
SHELL = """
rule b§:
    input: "results/a.txt"
    output: "results/b§.txt"
    params: x=%s
    shell: "echo %s {params.x} > {output}"
"""
PARAM = """
rule b§:
    input: "results/a.txt"
    output: "results/b§.txt"
    params: x=lambda wildcards: %s
    shell: "echo {params.x} > {output}"
"""

CASES = {
    "a set": ("S§ = {'one', 'two'}\n" + RUN % "sorted(S§)", ("'two'", "'three'"), True),
    "a lambda in a dict": ("D§ = {'f': lambda: 1}\n" + PARAM % "D§['f']()", ("lambda: 1", "lambda: 2"), True),
    "a class": ("class C§:\n    def f(self):\n        return 1\n" + PARAM % "C§().f()", ("return 1", "return 2"), True),
    "an attribute of a class": ("class C§:\n    x = 1\n    def f(self):\n        return self.x\n" + PARAM % "C§().f()", ("x = 1", "x = 2"), True),
    "an object": ("class C§:\n    def __init__(self, x):\n        self.x = x\nO§ = C§(1)\n" + PARAM % "O§.x", ("C§(1)", "C§(2)"), True),
    "a cached function": ("@lru_cache\ndef f§():\n    return 1\n" + PARAM % "f§()", ("return 1", "return 2"), True),
    "a default": ("def f§(x=1):\n    return x\n" + PARAM % "f§()", ("x=1", "x=2"), True),
    "a closure": ("def make§(x):\n    def f§():\n        return x\n    return f§\nF§ = make§(1)\n" + PARAM % "F§()", ("make§(1)", "make§(2)"), True),
    "a path": ("P§ = Path('one')\n" + PARAM % "P§.name", ("Path('one')", "Path('two')"), True),
    "a partial": ("def f§(x):\n    return x\nF§ = partial(f§, 1)\n" + PARAM % "F§()", ("f§, 1)", "f§, 2)"), True),
    "a number in a command": ("N§ = 1\n" + SHELL % ("0", "{N§}"), ("N§ = 1", "N§ = 2"), True),
    "a param": (SHELL % ("1", ""), ("x=1", "x=2"), True),
    "a function for a param": ("def f§(wildcards):\n    return 1\n" + SHELL % ("f§", ""), ("return 1", "return 2"), True),
    "a setting in a run": (RUN % "config['name']['x']", ("config.json", '"x": 1', '"x": 2'), True),
    "another setting": (PARAM % "config['name']['z']", ("config.json", '"y": 1', '"y": 2'), False),
    "a setting in a command": (SHELL % ("0", "{config[name][x]}"), ("config.json", '"x": 1', '"x": 2'), True),
    "a setting for a param": (SHELL % ("lambda wildcards: config['name']['x']", ""), ("config.json", '"x": 1', '"x": 2'), True),
    "a script that a command names": (SHELL % ("0", "$(sh mine/part.sh)"), ("mine/part.sh", "part", "Part"), True),
    "an unused function": ("def g§():\n    return 1\n" + PARAM % "3", ("return 1", "return 2"), False),
    "a comment": ("# one§\n" + PARAM % "3", ("# one§", "# two§"), False),
    "an older input": ((SHELL % ("0", "$(cat {input})")).replace('"results/a.txt"', '"one.in"'), ('"one.in"', '"two.in"'), True),
}  # fmt: skip


@pytest.fixture
def project(tmp_path):
    """Gives a function that makes a project with a rule, and one that runs it."""
    folder = tmp_path / "work"
    for name in ("lineup", "scripts"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "mine").mkdir()
    (folder / "mine" / "part.sh").write_text("echo part\n")
    for name in ("one.in", "two.in"):
        (folder / name).write_text(f"{name}\n")
    (folder / "config.json").write_text(json.dumps({"name": {"x": 1, "y": 1, "z": 1}}))

    def write(text, wanted=("b",)):
        files = ", ".join(f'"results/{name}.txt"' for name in (*wanted, "free"))
        (folder / "Snakefile").write_text(HEAD.replace("WANTED", files) + named(text, ""))

    def run(*options):
        done = snakemake("--cores", "1", "--rerun-triggers", "mtime", *options, cwd=folder)
        assert done.status == 0, done.text
        return [job for job in done.jobs if job != "all"]

    return folder, write, run


def named(text, number):
    """Gives the names of a case a number of their own."""
    return text.replace("§", number)


def edited(folder, path, old, new):
    text = (folder / path).read_text()
    assert old in text
    (folder / path).write_text(text.replace(old, new))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_what_a_rule_is_made_of_is_followed(project, case):
    folder, write, run = project
    text, edit, matters = CASES[case]
    write(text)
    assert run() == ["b", "free", "start"]
    assert run() == []
    before = (folder / "results" / "b.txt").read_text()
    edited(folder, *(edit if len(edit) == 3 else ("Snakefile", *(named(part, "") for part in edit))))
    # Notes of Snakemake's own do not count.
    shutil.rmtree(folder / ".snakemake")
    assert run() == (["b"] if matters else [])
    assert ((folder / "results" / "b.txt").read_text() != before) == matters
    assert run() == []


def test_all_that_rules_are_made_of_is_followed(project):
    """All cases in one project, each with names of its own, and their edits in one go."""
    folder, write, run = project
    names = {case: f"b{number}" for number, case in enumerate(CASES)}
    write("\n".join(named(text, names[case][1:]) for case, (text, *_) in CASES.items()), names.values())
    assert run() == sorted(["free", "start", *names.values()])
    assert run() == []
    before = {case: (folder / "results" / f"{name}.txt").read_text() for case, name in names.items()}
    changed = {case: edit for case, (_, edit, _) in CASES.items()}
    for path, old, new in {edit for edit in changed.values() if len(edit) == 3}:
        edited(folder, path, old, new)
    write(
        "\n".join(
            named(text.replace(*edit) if len(edit) == 2 else text, names[case][1:])
            for case, (text, edit, _) in CASES.items()
        ),
        names.values(),
    )
    shutil.rmtree(folder / ".snakemake")
    assert run() == sorted(names[case] for case, (*_, matters) in CASES.items() if matters)
    for case, name in names.items():
        after = (folder / "results" / f"{name}.txt").read_text()
        assert (after != before[case]) == CASES[case][2], case
    assert run() == []


TWO = """
rule two:
    input: "results/a.txt"
    output: "results/b.txt", "results/c.txt"
    shell: "for file in {output}; do echo two > $file; done"
"""


def test_outputs_that_move_from_rule_to_rule(project):
    folder, write, run = project
    write(TWO)
    assert run() == ["free", "start", "two"]
    # One is left out, and the code changes: it runs once, and no more.
    write(TWO.replace(', "results/c.txt"', "").replace("echo two", "echo one"))
    assert run() == ["two"]
    assert run() == []
    assert (folder / "results" / "b.txt").read_text() == "one\n"
    # The other one comes back, from another rule.
    three = '\nrule three:\n    input: "results/a.txt"\n    output: "results/c.txt"\n    shell: "echo three > {output}"\n'
    write(TWO.replace(', "results/c.txt"', "").replace("echo two", "echo one") + three)
    assert run("--", "results/c.txt") == ["three"]
    assert (folder / "results" / "c.txt").read_text() == "three\n"
    # A rule under another name, with other code.
    write(
        TWO.replace(', "results/c.txt"', "")
        .replace("rule two", "rule named")
        .replace("echo two", "echo name")
        + three
    )
    assert run() == ["named"]
    assert run() == []
    # Under another name alone.
    write(
        TWO.replace(', "results/c.txt"', "")
        .replace("rule two", "rule other")
        .replace("echo two", "echo name")
        + three
    )
    assert run() == []


FOLDER = """
rule many:
    input: "results/a.txt"
    output: directory("results/d")
    shell: "mkdir {output}; echo one > {output}/one; echo two > {output}/two"
rule b:
    input: "results/d"
    output: "results/b.txt"
    shell: "cat {input}/* > {output}"
"""


def test_a_folder_is_what_is_in_it(project):
    folder, write, run = project
    write(FOLDER)
    assert run() == ["b", "free", "many", "start"]
    assert run() == []
    write(FOLDER.replace("echo two", "echo 2"))
    assert run() == ["b", "many"]
    assert (folder / "results" / "b.txt").read_text() == "one\n2\n"
    (folder / "results" / "d" / "one").write_text("1\n")
    assert run() == ["many"]  # it comes out as it was, so that what stands on it is spared
    assert (folder / "results" / "d" / "one").read_text() == "one\n"
    assert run() == []


@pytest.mark.parametrize(
    "damage", ["cut off", *(pytest.param(one, marks=pytest.mark.slow) for one in ("a folder", "gone"))]
)
def test_records_that_are_lost_are_no_license(project, damage):
    folder, write, run = project
    write(SHELL % ("0", "one"))
    assert run() == ["b", "free", "start"]
    path = folder / "results" / "manifest" / "others.json"
    text = path.read_text()
    path.unlink()
    if damage == "cut off":
        path.write_text(text[: len(text) // 2])
    elif damage == "a folder":
        path.mkdir()
    write(SHELL % ("0", "two"))
    jobs = run()
    assert "b" in jobs
    assert (folder / "results" / "b.txt").read_text() == "two 0\n"
    if damage != "a folder":
        assert run() == []


def test_an_input_that_changes_while_the_job_runs(project):
    folder, write, run = project
    (folder / "mine.txt").write_text("one\n")
    text = SHELL % ("0", "$(cat mine.txt)")
    text = text.replace('input: "results/a.txt"', 'input: "results/a.txt", "mine.txt"')
    write(text.replace('> {output}"', '> {output}; echo two > mine.txt; touch -d 2020-01-01 mine.txt"'))
    assert "b" in run()
    assert (folder / "results" / "b.txt").read_text() == "one 0\n"
    assert run() == ["b"]
    assert (folder / "results" / "b.txt").read_text() == "two 0\n"
    assert run() == []
