"""What is asked of Snakemake's insides, on a small workflow: each test says what an upgrade has changed."""

import asyncio
import json
import shutil
import sys
import threading
from types import SimpleNamespace

import pytest
from support.runs import snakemake, with_plugins
from support.tree import ROOT
from support.waiting import PATIENCE

from lineup import scheduler_port as scheduler
from lineup import snakemake_port as port

SNAKEFILE = """
import json, sys
from pathlib import Path
from lineup import scheduler_port as scheduler
from lineup import snakemake_port as port
if scheduler.is_submitted(workflow):
    there = [*scheduler.submitted_jobs(), scheduler.shares_files(workflow), "--keep-incomplete" in sys.argv]
    Path("submitted.json").write_text(json.dumps(there))
asked_for, begun_jobs, finished_jobs = [], [], []
wildcards_of_a = port.Wildcards(fromdict={"name": "a"})

def asked(wildcards):
    if config.get("clear"):
        port.clear_locks(workflow)
    port.run_again(workflow, config.get("again", []), config.get("rules", []))
    port.watch(workflow, begun_jobs.extend, finished_jobs.extend)
    if config.get("old"):
        port.believe_times(workflow, {config["old"]: 1.0})
    answers = {
        "executes": port.executes(workflow),
        "locks": port.locks(workflow),
        "is_silent": port.is_silent(workflow),
        "runs_touched_scripts": port.runs_touched_scripts(workflow),
        "takes_from_cache": port.takes_from_cache(workflow),
        "targets": port.targets(workflow),
        "scripts": [port.scripts(workflow), port.script_of(workflow, "first")],
        "rules_without": port.rules_without(workflow, "more"),
        "makers_of": port.makers_of(workflow, ["first", "second"], "made/b.csv"),
        "number_of_outputs": port.number_of_outputs(workflow, "second"),
        "declared": [str(one) for one in port.declared(workflow, "second")],
        "names_of": port.names_of(workflow)["asked"] is asked,
        "action_of": [str(port.action_of(workflow, rule)) for rule in ("first", "second")],
        "wildcards_of": [
            port.wildcards_of(workflow, "second", "text", "made/a.txt"),
            port.wildcards_of(workflow, "second", "text", "elsewhere/a.txt"),
            port.wildcards_of(workflow, "gone", "text", "made/a.txt"),
        ],
        "param_of": port.param_of(workflow, "second", "what", {"name": "a"}),
        "resource_of": [port.resource_of(workflow, "second", name, {"name": "a"}) for name in ("mem_mb", "gone")],
        "named_files": [
            port.named_files(workflow, "second", part, wildcards_of_a) for part in ("input", "output")
        ],
        "filled": port.filled(workflow.get_rule("second").output.text, {"name": "b"}),
    }
    Path("answers.json").write_text(json.dumps(answers))
    return []

rule all:
    input: "made/a.txt"
rule first:
    input: asked
    output: text="first.txt"
    shell: "echo first > {output.text}"
rule second:
    input:
        "loose.in",
        lambda wildcards: [],
        one="first.txt",
        of_name=lambda wildcards: [f"{wildcards.name}.in"],
    output: text="made/{name}.txt", more="made/{name}.csv"
    log: "{name}.log"
    cache: True
    params: what=lambda wildcards: f"about {wildcards.name}"
    resources: mem_mb=5
    script: "scripts/second.py"
onstart:
    begun = [scheduler.submits(workflow), scheduler.name_of_submissions(workflow), scheduler.logs_of_jobs_to_run(workflow)]
    Path("begun.json").write_text(json.dumps(begun))
    if scheduler.submits(workflow):
        scheduler.end_submissions_with_run(workflow)
        scheduler.ask_again_for_jobs(workflow)
        scheduler.look_at_requests(workflow, asked_for.append)
    if config.get("hide"):
        port.hide_pandas()
onsuccess:
    Path("watched.json").write_text(json.dumps([[vars(job) for job in jobs] for jobs in (begun_jobs, finished_jobs)]))
    if scheduler.submits(workflow):
        Path("requests.json").write_text(json.dumps([vars(request) for request in asked_for]))
    Path("imported.json").write_text(json.dumps(sorted(name for name, module in sys.modules.items() if module)))
"""


@pytest.fixture
def run(tmp_path):
    """Gives a function that runs the workflow and reads what the port answered."""
    folder = tmp_path / "work"
    (folder / "scripts").mkdir(parents=True)
    (folder / "lineup").symlink_to(ROOT / "lineup")
    (folder / "Snakefile").write_text(SNAKEFILE)
    for name in ("a.in", "loose.in"):
        (folder / name).write_text("a\n")
    (folder / "scripts" / "second.py").write_text(
        "from shutil import copy\n[copy('a.in', file) for file in snakemake.output]\n"
    )

    def begin(*options, status=0, **variables):
        done = snakemake("--cores", "1", *options, cwd=folder, **variables)
        assert done.status == status, done.text
        answers = folder / "answers.json"
        return done, json.loads(answers.read_text()) if answers.exists() else {}

    begin.folder = folder
    return begin


def test_what_a_run_and_a_dry_run_answer(run):
    _, looked = run("--dry-run")
    done, ran = run()
    assert done.jobs == ["first", "second.a"]
    assert (looked["executes"], ran["executes"]) == (False, True), (
        "executes: how a run is told from a dry run"
    )
    assert ran["locks"] and not run("--nolock", "--forceall")[1]["locks"], (
        "locks: whether the folder is locked"
    )
    silent = [run("--forceall", *quiet)[1]["is_silent"] for quiet in ([], ["--quiet"], ["--quiet", "all"])]
    assert silent == [False, False, True], "is_silent: how little a run is to say"
    assert ran["runs_touched_scripts"], "runs_touched_scripts: the triggers of a run"
    assert ran["scripts"] == [["scripts/second.py"], None], (
        "scripts, script_of: where the script of a rule stands"
    )
    assert ran["rules_without"] == ["first"], "rules_without: where the outputs of a rule stand"
    actions = [
        "('echo first > {output.text}', None, None)",
        "('scripts/second.py', 'scripts/second.py', None)",
    ]
    assert ran["action_of"] == actions, (
        "action_of: where the text, the script and the function of a rule stand"
    )
    assert ran["makers_of"] == ["second"], "makers_of: how an output is matched"
    assert ran["number_of_outputs"] == 2, "number_of_outputs: where the outputs of a rule stand"
    assert ran["names_of"], "names_of: where the names of a Snakefile stand"
    names, params, inputs, values = ran["declared"]
    assert (names, params) == ("['one', 'of_name']", "['what']"), "declared: the names of inputs and params"
    assert inputs.startswith("['loose.in', <function") and values.startswith("[<function"), (
        "declared: inputs and params as they stand in the Snakefile"
    )
    assert ran["wildcards_of"] == [{"name": "a"}, None, None], "wildcards_of: how an output is matched"
    assert ran["param_of"] == "about a", "param_of: how a param of a job is had"
    assert ran["resource_of"] == [5, None], "resource_of: how a resource of a job is had"
    files = [
        {"": ["loose.in"], "one": "first.txt", "of_name": ["a.in"]},
        {"text": "made/a.txt", "more": "made/a.csv"},
    ]
    assert ran["named_files"] == files, "named_files: how the files of a rule are named"
    assert ran["filled"] == "made/b.txt", "filled: how wildcards are put into a pattern"
    for hide in (0, 1):
        run("--forceall", "--config", f"hide={hide}")
        imported = json.loads((run.folder / "imported.json").read_text())
        assert ("pandas" in imported) == (not hide), (
            "hide_pandas: whether, and when, Snakemake imports pandas"
        )
    _, fewer = run("--dry-run", "--rerun-triggers", "mtime", "--set-resources", "second:mem_mb=7")
    assert not fewer["runs_touched_scripts"], "runs_touched_scripts: the triggers of a run"
    assert fewer["resource_of"] == [7, None], "resource_of: how the command line sets a resource"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [([], ["made/a.txt"]), (["first"], ["first.txt"]), (["./first.txt"], ["first.txt"])],
    ids=["nothing", "a rule", "a file"],
)
def test_targets(run, asked, expected):
    assert run("--dry-run", *asked)[1]["targets"] == expected, "targets: where those of a run stand"


def test_what_begins_and_finishes(run):
    run()
    begun, finished = json.loads((run.folder / "watched.json").read_text())
    second = {
        "rule": "second",
        "inputs": ["loose.in", "first.txt", "a.in"],
        "outputs": ["made/a.txt", "made/a.csv"],
    }
    for jobs in (begun, finished):
        assert [job["name"] for job in jobs] == ["first", "second a", "all"], (
            "watch: when jobs begin and finish"
        )
        assert jobs[1] == second | {"name": "second a"}, "watch: what a job knows of its files"
    (run.folder / "made" / "a.txt").unlink()
    run()
    begun, finished = json.loads((run.folder / "watched.json").read_text())
    assert [job["name"] for job in begun] == [job["name"] for job in finished] == ["second a", "all"], (
        "watch: those of this run alone"
    )
    done, _ = run("--config", "rules=[first]")
    assert done.jobs == ["first", "second.a"], "run_again: how a rule is forced"


def test_believe_times(run):
    """An input that is newer than what was made of it is believed to be older."""
    run()
    (run.folder / ".snakemake" / "metadata").rename(run.folder / "metadata")
    (run.folder / "a.in").touch()
    assert run("--dry-run")[0].jobs == ["second.a"]
    run_of = run("--dry-run", "--config", "old=a.in")[0]
    assert run_of.jobs == [], "believe_times: where Snakemake keeps the times of files"


def test_run_again(run):
    run()
    assert run()[0].jobs == []
    done, _ = run("--config", "again=[first.txt]")
    assert done.jobs == ["first", "second.a"], "run_again: how a file is marked to be made again"


def test_clear_locks(run):
    run()
    (run.folder / ".snakemake" / "locks").mkdir(exist_ok=True)
    (run.folder / ".snakemake" / "locks" / "0.output.lock").write_text("first.txt\n")
    refused, _ = run("--forceall", status=1)
    assert "Directory cannot be locked" in refused.text
    done, _ = run("--forceall", "--config", "clear=1")
    assert done.jobs == ["first", "second.a"], "clear_locks: where the locks are, and when they are looked at"


def test_the_cache(run):
    cache = run.folder.parent / "cache"
    cache.mkdir()
    _, without = run("--dry-run")
    _, ran = run("--cache", "second", **{port.CACHE: str(cache)})
    assert (without["takes_from_cache"], ran["takes_from_cache"]) == (False, True), "takes_from_cache"
    (made,) = [path for path in cache.iterdir() if path.suffix == ".txt"]
    key = made.name.split("_")[0]
    assert len(key) == 64 and port.cached_file(cache, key, "text", "made/a.txt") == made, (
        "cached_file: its name"
    )
    shutil.rmtree(run.folder / "made")
    assert "Symlinking output" in run("--cache", "second", **{port.CACHE: str(cache)})[0].text


@pytest.mark.parametrize("group", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["job", "group"])
def test_a_scheduler(run, group):
    """The command to submit is a shell, which runs the job at once."""
    run()
    assert json.loads((run.folder / "begun.json").read_text()) == [False, None, ["a.log"]], (
        "submits, name_of_submissions, logs_of_jobs_to_run: of a run on this machine"
    )
    assert not (run.folder / "submitted.json").exists(), "is_submitted: how a process of a scheduler is told"
    submit = run.folder / "submit"
    submit.write_text('#!/bin/sh\nsh "$1" > "$1.out" 2>&1\necho 1\n')
    submit.chmod(0o755)
    options = (
        "--executor",
        "cluster-generic",
        "--cluster-generic-submit-cmd",
        "./submit",
        "--jobs",
        "1",
        "--seconds-between-status-checks",
        "0",
    )
    groups = ("--groups", "second=both") if group else ()
    run("--forcerun", "second", *groups, *options, **with_plugins())
    assert json.loads((run.folder / "begun.json").read_text())[0], "submits: how a scheduler is told"
    assert json.loads((run.folder / "submitted.json").read_text()) == [["second:name=a"], 1, True, True], (
        "submitted_jobs, shares_files, end_submissions_with_run: what is on the command line of a job"
    )
    asked = {"cpus": 1, "megabytes": 5, "minutes": 0, "partition": ""}
    asked["name"] = "The group both" if group else "second of a"
    assert json.loads((run.folder / "requests.json").read_text()) == [asked], "look_at_requests"


def test_jobs_that_a_check_said_nothing_of_are_asked_for_again(monkeypatch):
    told, ended = [], []

    class Executor:
        """One of four jobs is active, one has succeeded, one has failed; of the last nothing is said."""

        async def check_active_jobs(self, jobs):
            if len(jobs) < 4:  # nothing is said
                return
            active, good, bad, _ = jobs
            self.report_job_success(good)
            self.report_job_error(bad, msg="")
            yield active

        def report_job_success(self, job):
            ended.append(job)

        def report_job_error(self, job, msg=None):
            ended.append(job)

    async def asked(executor, jobs):
        return [job async for job in executor.check_active_jobs(jobs)]

    monkeypatch.setattr(port.logger, "warning", told.append)
    workflow = SimpleNamespace(scheduler=SimpleNamespace(_executor=Executor()))
    scheduler.ask_again_for_jobs(workflow)
    jobs = [SimpleNamespace(name=name) for name in ("active", "good", "bad", "silent")]
    left = asyncio.run(asked(workflow.scheduler._executor, jobs))
    assert [job.name for job in left] == ["active", "silent"] and [job.name for job in ended] == [
        "good",
        "bad",
    ]
    assert told == ["The scheduler said nothing of 1 of the jobs: it is asked again."]
    # One that has the id of a job that ended is not taken for it.
    assert asyncio.run(asked(workflow.scheduler._executor, [jobs[1]])) == [jobs[1]]


def test_the_end_does_not_wait_for_a_timer():
    """Snakemake leaves one behind that has a second to go."""
    fired, other = [], threading.Event()
    timer, thread = threading.Timer(PATIENCE, fired.append, [1]), threading.Thread(target=other.wait)
    for one in (timer, thread):
        one.start()
    port.end_timers()
    timer.join(PATIENCE / 2)
    assert not timer.is_alive() and fired == [] and thread.is_alive()
    other.set()


@pytest.mark.parametrize(
    ("path", "quoted"),
    [("/a b/python", "'/a b/python'"), ("'/a b/python'", "'/a b/python'"), ("/ab/python", "/ab/python")],
)
def test_quote_python(monkeypatch, path, quoted):
    monkeypatch.setattr(sys, "executable", path)
    port.quote_python()
    assert sys.executable == quoted


def test_a_release_that_was_not_tried_is_told(monkeypatch):
    told = []
    monkeypatch.setattr(port.logger, "warning", told.append)
    port.warn_of_untried_release(port.TRIED[-1])
    assert told == []
    port.warn_of_untried_release("99.1")
    assert len(told) == 1 and "Snakemake 99.1 was not tried" in told[0] and "\n" not in told[0]


def test_no_other_file_knows_snakemakes_insides():
    """Beside the port no module imports Snakemake, and the rules take of it only what is documented."""
    for path in (ROOT / "lineup").rglob("*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        taken = {
            line.strip() for line in lines if line.strip().startswith(("from snakemake", "import snakemake"))
        }
        assert str(path) in (port.__file__, scheduler.__file__) or not taken, path
    rules = [ROOT / "Snakefile", *(ROOT / "workflow" / "rules").glob("*.smk")]
    for path in rules:
        lines = path.read_text(encoding="utf-8").splitlines()
        taken = {line for line in lines if line.startswith(("from snakemake", "import snakemake"))}
        assert taken <= {
            "from snakemake.exceptions import WorkflowError",
            "from snakemake.utils import min_version",
        }, path
