"""What surrounds a job: its log, its exit status, and files that appear whole."""

import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from scripts.errors import InputError
from scripts.files import replacing
from scripts.job import job

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.usefixtures("quiet_logging")


def run(body, log):
    """Runs the body of a job in a process of its own."""
    code = f"from scripts.job import InputError, job\nwith job({str(log)!r}) as logger:\n    {body}\n"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_job_that_succeeds_says_so_in_its_log_alone(tmp_path):
    done = run("logger.info('%d rows: größer.', 263)", tmp_path / "log")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (line,) = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert line.endswith(" INFO 263 rows: größer.")


def test_a_wrong_input_ends_the_job_with_its_sentence_and_no_traceback(tmp_path):
    done = run("logger.info('Reading.'); raise InputError('Column q is odd: mend it.')", tmp_path / "log")
    assert done.returncode == 1
    assert done.stderr == "Error: Column q is odd: mend it.\n"
    lines = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2
    assert lines[-1].endswith(" ERROR Column q is odd: mend it.")


def test_any_other_failure_is_logged_with_its_traceback_and_raised(tmp_path):
    done = run("1 / 0", tmp_path / "log")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert "ERROR The job failed." in log
    assert "Traceback (most recent call last):" in log
    assert log.rstrip().endswith("ZeroDivisionError: division by zero")


def test_the_failure_that_is_raised_is_the_one_that_happened(tmp_path):
    failure = KeyError("lost")
    with pytest.raises(KeyError) as caught, job(str(tmp_path / "log")):
        raise failure
    assert caught.value is failure


def test_a_wrong_input_becomes_an_exit(tmp_path, capsys):
    with pytest.raises(SystemExit) as caught, job(str(tmp_path / "log")):
        raise InputError("No.")
    assert caught.value.code == 1
    assert capsys.readouterr().err == "Error: No.\n"


def test_warnings_go_to_the_log(tmp_path):
    with job(str(tmp_path / "log")):
        warnings.warn("the third column is nearly constant", UserWarning, stacklevel=1)
        logging.getLogger("another library").warning("not ours")
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert "the third column is nearly constant" in log
    assert "not ours" not in log


def test_the_log_of_an_earlier_run_is_replaced(tmp_path):
    (tmp_path / "log").write_text("of yesterday\n", encoding="utf-8")
    with job(str(tmp_path / "log")) as logger:
        logger.info("of today")
    assert "yesterday" not in (tmp_path / "log").read_text(encoding="utf-8")


def test_a_file_takes_its_place_when_the_body_succeeds(tmp_path):
    path = tmp_path / "new" / "folder" / "table.csv"
    with replacing(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".csv"
        assert str(os.getpid()) in temporary.name  # two processes do not share one
        temporary.write_text("whole", encoding="utf-8")
        assert not path.exists()
    assert path.read_text(encoding="utf-8") == "whole"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("old", ["as it was", None])
def test_a_body_that_fails_leaves_what_was_there(tmp_path, failure, old):
    path = tmp_path / "table.csv"
    if old is not None:
        path.write_text(old, encoding="utf-8")
    with pytest.raises(failure), replacing(str(path)) as temporary:
        temporary.write_text("half of", encoding="utf-8")
        raise failure
    assert [entry.read_text(encoding="utf-8") for entry in tmp_path.iterdir()] == (
        [] if old is None else [old]
    )


def test_a_body_that_writes_nothing_is_not_a_success(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("as it was", encoding="utf-8")
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert path.read_text(encoding="utf-8") == "as it was"
