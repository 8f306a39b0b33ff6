"""The check of all results against the manifest, in real runs: what it says, and that its command repairs it."""

import json
import os
import re
import shlex

import pytest
from support.tree import contents

from lineup.files import keep, stamp

SOUND = r"^All (\d+) files of (\d+) jobs are as they were made\.$"
TRIAL = "results/trial"
LASSO = "results/trial/models/lasso_one"

pytestmark = pytest.mark.long


def verify(project):
    return project.run("--cores", "1", "verify")


def said(run):
    """Gives the count of wrong files, the count of all, and the targets of the command that is printed."""
    (line,) = [line for line in run.text.splitlines() if line.startswith("Error: ")]
    sentence = (
        r"Error: (\d+) of (\d+) files are not as their jobs made them, see results/logs/verify/verify\.log\. "
    )
    found = re.fullmatch(sentence + r"This makes them again: snakemake --cores 4 (.*)", line)
    assert found, line
    return int(found[1]), int(found[2]), shlex.split(found[3])


def logged(project):
    """Gives what the log says is wrong with files."""
    log = (project.results / "logs" / "verify" / "verify.log").read_text(encoding="utf-8")
    return [line.partition(" ERROR ")[2] for line in log.splitlines() if " ERROR results/" in line]


def made(project):
    """Maps what was made, but logs and what holds times, to its bytes."""
    return {
        name: data
        for name, data in contents(project.results).items()
        if not name.startswith(("logs/", "manifest/")) and not name.endswith("timings.csv")
    }


def test_sound_results_are_counted(small_run, small_again):
    run = verify(small_again)
    assert run.status == 0, run.text
    found = re.search(SOUND, run.text, re.MULTILINE)
    records = list((small_run.results / "manifest").rglob("*.json"))
    files = [name for name in contents(small_run.results) if not name.startswith(("logs/", "manifest/"))]
    assert (int(found[1]), int(found[2])) == (len(files), len(records))
    assert len(files) > 20 and len(records) == 11
    assert run.jobs == ["verify"]
    # It looks at results only: what was there is there, and nothing else but its log.
    new = set(contents(small_again.results)) - set(contents(small_run.results))
    assert new == {"logs/verify/verify.log"}
    assert small_again.dry_run().jobs == []


def edited(path):
    """Has another digit in it, and the size and the time of change that it had."""
    times, data = path.stat(), bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    return "was changed after it was made"


def cut_off(path):
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(size - 5)
    return f"was cut off: it has {size - 5:,} of {size:,} bytes"


def removed(path):
    path.unlink()
    return "is missing"


@pytest.mark.parametrize(
    ("spoil", "file", "jobs"),
    [
        (edited, f"{LASSO}/grid.png", ["plot_lasso.trial.lasso_one"]),
        (cut_off, f"{LASSO}/block_1/predictions.parquet", ["fit_lasso.trial.lasso_one.1"]),
        (removed, f"{TRIAL}/leaderboard.csv", ["compare.trial"]),
        (edited, "results/report.html", ["report"]),
        (edited, f"{TRIAL}/raw.data", ["fetch.trial"]),
    ],
    ids=["edited", "cut off", "missing", "report", "raw"],
)
def test_a_damaged_file_is_told_and_its_job_repairs_it(small_run, small_again, spoil, file, jobs):
    before = made(small_again)
    words = spoil(small_again.folder / file)
    run = verify(small_again)
    assert run.status == 1 and "Traceback" not in run.text
    assert run.jobs == ["verify"]
    count = len([name for name in contents(small_run.results) if not name.startswith(("logs/", "manifest/"))])
    assert said(run) == (1, count, [file])
    assert logged(small_again) == [f"{file} {words}"]
    repair = small_again.run("--cores", "2", *said(run)[2])
    assert repair.status == 0, repair.text
    assert repair.jobs == jobs
    assert made(small_again) == before
    again = verify(small_again)
    assert again.status == 0 and re.search(SOUND, again.text, re.MULTILINE), again.text


def test_a_missing_record_is_told(small_again):
    path = "results/manifest/compare/trial.json"
    (small_again.folder / path).unlink()
    run = verify(small_again)
    assert run.status == 1
    wrong, _, targets = said(run)
    assert (wrong, targets) == (1, [path])
    assert logged(small_again) == [f"{path} is missing, so its job is not done"]
    repair = small_again.run("--cores", "2", *targets)
    assert (repair.status, repair.jobs) == (0, ["compare.trial"])
    assert verify(small_again).status == 0


def test_several_damages_are_all_told_and_repaired(small_again):
    before = made(small_again)
    spoiled = {
        f"{LASSO}/grid.svg": cut_off,
        f"{LASSO}/path.png": removed,
        f"{TRIAL}/models/plain/block_1/coefficients.parquet": edited,
    }
    words = {file: spoil(small_again.folder / file) for file, spoil in spoiled.items()}
    record = "results/manifest/plot_comparison/trial.json"
    (small_again.folder / record).write_text("{", encoding="utf-8")
    words[record] = "cannot be read"
    run = verify(small_again)
    assert run.status == 1
    wrong, _, targets = said(run)
    assert wrong == 4
    assert sorted(logged(small_again)) == sorted(f"{file} {what}" for file, what in words.items())
    # A job is named once, whatever it lost.
    assert len(targets) == 3
    repair = small_again.run("--cores", "2", *targets)
    assert repair.status == 0, repair.text
    # The comparison stands on least squares, which comes out as it was.
    assert repair.jobs == [
        "fit_linear.trial.plain.1",
        "plot_comparison.trial",
        "plot_lasso.trial.lasso_one",
    ]
    assert made(small_again) == before
    assert verify(small_again).status == 0


def test_before_the_first_run_everything_is_missing(small_again):
    for path in sorted((small_again.results / "manifest").rglob("*.json")):
        path.unlink()
    run = verify(small_again)
    assert run.status == 1 and run.jobs == ["verify"]
    wrong, checked, targets = said(run)
    assert (wrong, len(targets)) == (11, 11)
    assert checked >= wrong
    assert all(line.endswith(" is missing, so its job is not done") for line in logged(small_again))


def test_no_earlier_digest_is_believed(small_again):
    """Even what is remembered of a file may be wrong: here that it has the bytes that its job wrote."""
    name = f"{TRIAL}/comparison.svg"
    edited(small_again.folder / name)
    record = small_again.results / "manifest" / "plot_comparison" / "trial.json"
    written = json.loads(record.read_text(encoding="utf-8"))["outputs"][name]["sha256"]
    cache = small_again.folder / ".snakemake" / "lineup" / "digests.json"
    for memory in ({}, {name: [stamp(small_again.folder / name), written]}):
        keep(cache, memory)
        run = verify(small_again)
        assert run.status == 1 and said(run)[0] == 1
