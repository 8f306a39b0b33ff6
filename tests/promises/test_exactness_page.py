"""docs/exactness.md has every change, and says of each that it is exact."""

import re
import sys

from support.changes import EDITED
from support.tree import ROOT

sys.path.append(str(ROOT / "docs"))
from exactness import BEGIN, END, PAGE, changes, how, must_run


def test_each_change_has_a_name_of_its_own():
    names = [change.name for change in changes()]
    assert len(names) == len(set(names)) > 200


def test_what_the_changes_edit_is_there():
    changes()
    shipped = [(ROOT / file, old) for file, old in EDITED if (ROOT / file).is_file()]
    assert len(shipped) > 50
    added = (ROOT / "tests" / "support" / "constructs.py").read_text(encoding="utf-8")
    gone = [(path, old) for path, old in shipped if old not in path.read_text(encoding="utf-8") + added]
    assert gone == []


def test_the_page_says_of_every_change_that_it_is_exact():
    written = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    shown = [line[2:].split(" | ")[:3] for line in written.splitlines() if line.startswith("| ")][1:]
    expected = [
        [
            change.name,
            must_run(change),
            f"exact ({how(change)})",
        ]
        for change in changes()
    ]
    assert shown == expected
    exact, of = re.search(r"Lineup is exact in (\d+) of (\d+)", written).groups()
    assert int(exact) == int(of) == len(expected)
