"""The code of rules of a person's own."""

import subprocess
import sys

from support.tree import ROOT

FUNCTION = """
from lineup.ledger.rule_code import _Look
for number in (1, 2):
    names = dict(TABLE={"functions": [len]}, NUMBER=number)
    exec("def loud(text):\\n    return NUMBER, TABLE, text in {'one', 'two', 'three', 'four', 'five'}", names)
    print(_Look(names).at(names["loud"]))
"""


def parts(seed):
    run = subprocess.run(
        [sys.executable, "-c", FUNCTION],
        cwd=ROOT,
        env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.splitlines()


def test_the_code_of_a_function_is_the_same_in_every_process():
    """The order of a set is not, nor is the address of what a name stands for."""
    first, *others = [parts(seed) for seed in ("1", "2", "3")]
    assert others == [first, first]
    assert len(first) == len({*first}) == 2
