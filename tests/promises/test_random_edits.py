"""Random edits of the code: no job is spared whose results they change, and few are run for nothing.

The truth is found by running every job after each edit, and comparing all results byte by byte.
"""

import json
import random
import subprocess

import pytest
from support.edits import edited
from support.jobs import ALL
from support.runs import reproducible

from lineup.ledger.code import files_loaded

# A number of them is run in `make test`, all in `make test-all`.
EDITS, FEW = 60, 1
SECONDS = 120  # until a run counts as one that an edit has stopped


def files():
    """Lists the modules that jobs of the project load, but for those that plan, which a mistake would keep from planning."""
    scripts = {f"scripts/{job.partition('.')[0]}.py" for job in ALL}
    loaded = sorted({file for script in scripts for file in files_loaded(script)})
    return [
        file
        for file in loaded
        if file.startswith("lineup/") and "/ledger/" not in file and not file.endswith("__init__.py")
    ]


def edit(tree, seed):
    """Makes a random edit of a tree, and says which."""
    draw = random.Random(seed)
    while True:
        path = tree / draw.choice(files())
        done = edited(path.read_text(encoding="utf-8"), draw)
        if done:
            path.write_text(done[1], encoding="utf-8")
            return f"{path.relative_to(tree)}: {done[0]}"


def makers(place):
    """Maps each result to the job that makes it."""
    found = {}
    for path in (place.results / "manifest").glob("*/*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        name = ".".join([record["rule"], *record["wildcards"].values()])
        found |= dict.fromkeys((file.removeprefix("results/") for file in record["outputs"]), name)
    return found


@pytest.mark.parametrize(
    "seed", [pytest.param(k, marks=[] if k < FEW else pytest.mark.slow) for k in range(EDITS)]
)
def test_no_job_is_spared_whose_results_change(seed, finished, tmp_path, record_property):
    place = finished("trial").copied_to(tmp_path)
    before, made_by = reproducible(place), makers(place)
    what = edit(place.tree, seed)
    look = place.dry_run()
    if look.status:  # who can plan nothing spares nothing
        assert "Traceback" not in look.text or "/lineup/" in look.text, look.text
        return
    try:
        run = place.run("--cores", "2", "--forceall", "--keep-going")
        after = reproducible(place)
    except subprocess.TimeoutExpired:
        pytest.fail(f"{what}: a run without an end")
    changed = {made_by[name] for name in before if after.get(name) != before[name]}
    failed = set(ALL) - {job for job in ALL if job in run.jobs} if run.status else set()
    missed = (changed | failed) - set(look.jobs)
    record_property("edit", what)
    print(
        f"{what}: planned {len(look.jobs)}, of which {len(set(look.jobs) - changed)} gave what they gave before"
    )
    assert not missed, f"{what}: not planned: {sorted(missed)}"
