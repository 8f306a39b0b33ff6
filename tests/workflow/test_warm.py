"""Warm runs, which most tests of the whole workflow are, and cold ones: the same bytes, jobs and messages."""

import re
from collections import Counter

import pytest
from support.projects import place_of
from support.runs import reproducible, snakemake
from support.tree import contents, copy_of_tree

# What differs from run to run: places, times, the run's number, and the order in which files are listed and jobs run.
PASSING = [
    (r"\S*/(cold|warm)/", "…/"),
    (r"\S+/python(?= \S+/scripts/)", "python"),
    (r"\btmp\w{8}\b", "…"),
    (r"source-cache/snakemake-runtime-cache/\w+/", ""),
    (r"\d\d:\d\d:\d\d([.,]\d+)?", "…"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "…"),
    (r"\d{4}-\d\d-\d\dT\d{6}\.\d{6}", "…"),
    (r"(?m)^  Run directory: .*$", ""),
    (r"(?m)^Finished jobid: .*$|^\s+(jobid|Shell command): .*$|^\d+ of \d+ steps .*$", ""),
    (r"(?m)^(Select jobs to execute|Execute \d+ jobs|Elapsed time: ).*$", ""),
]


def said(text):
    """Counts the lines of a run, with the files that a line lists in order."""
    for pattern, instead in PASSING:
        text = re.sub(pattern, instead, text)
    return Counter(", ".join(sorted(re.split(r", |; |: ", line))) for line in text.splitlines() if line)


@pytest.mark.parametrize("project", ["trial", pytest.param("rows", marks=pytest.mark.slow)])
def test_the_same_bytes_jobs_and_messages(project, tmp_path):
    places = [place_of(project, tmp_path / name, copy_of_tree)[0] for name in ("cold", "warm")]
    for place in places:
        del place.dataset["models"][1:-1]  # the last is a network

    def both(*options):
        """Runs both projects with their config as it is now, and gives what they have in common."""
        cold, warm = (
            snakemake(
                *place.command(*options), cwd=place.beside, TMPDIR=str(place.temporary), cold=number == 0
            )
            for number, place in enumerate(places)
        )
        assert (cold.status, cold.jobs) == (warm.status, warm.jobs)
        assert said(cold.text) - said(warm.text) == said(warm.text) - said(cold.text) == Counter()
        return cold

    assert len(both("--cores", "2").jobs) > 10
    cold, warm = (reproducible(place) for place in places)
    assert len(cold) > 20 and cold == warm
    # The figures are drawn, not sketched.
    assert any(name.endswith(".png") and data.startswith(b"\x89PNG") for name, data in warm.items())
    assert contents(places[0].results).keys() == contents(places[1].results).keys()
    assert both("--dry-run").jobs == []
    assert both("--cores", "2", "verify").status == 0
    for place in places:
        place.dataset["reference"] = "nobody"
    mistaken = both("--cores", "2")
    assert mistaken.status == 1 and "reference" in mistaken.text
    for place in places:
        place.dataset["reference"] = place.dataset["models"][0]
        (place.folder / place.dataset["sources"][0]["file"]).rename(place.beside / "hidden")
        (place.results / "report.html").unlink()
    failed = both("--cores", "2", "--forcerun", "fetch", "fetch_images")
    assert failed.status == 1 and any(job.startswith("fetch") for job in failed.jobs)


def test_what_a_library_may_look_at_while_it_is_imported_makes_a_run_cold(tmp_path):
    place, _ = place_of("trial", tmp_path)
    options, where = place.command("--dry-run"), {"cwd": place.beside, "TMPDIR": str(place.temporary)}
    assert "import time:" not in snakemake(*options, **where).text
    # Python itself looks at this one, at its start.
    assert "import time:" in snakemake(*options, **where, PYTHONPROFILEIMPORTTIME="1").text
