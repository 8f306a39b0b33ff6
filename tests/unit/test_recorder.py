"""What surrounds a job: its log, its record, its exit status, and how it ends when something is wrong."""

import errno
import json
import logging
import os
import pickle
import signal
import subprocess
import sys
import time
import warnings
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from support.given import given
from support.tree import ROOT
from support.waiting import PATIENCE

from lineup.errors import InputError
from lineup.ledger import specification as specification_module
from lineup.ledger.recorder import job, log_to, outputs
from lineup.ledger.records import read_record

pytestmark = pytest.mark.usefixtures("quiet_logging")

IN_JOB = """
import pickle
from pathlib import Path
from lineup.files import replacing
from lineup.ledger.recorder import InputError, job
with open("given", "rb") as file:
    snakemake = pickle.load(file)
with job(snakemake) as logger:
    {body}
"""


@pytest.fixture
def snakemake(tmp_path, monkeypatch):
    """What a job is given that reads in.csv and writes out.csv, in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    made = given(
        "split",
        "",
        inputs={"table": "in.csv"},
        outputs={"splits": "out.csv"},
        settings={"seeds": [1, 2]},
        wildcards={"dataset": "trial"},
    )
    (tmp_path / "given").write_bytes(pickle.dumps(made))
    return made


def run(body):
    """Runs the body of a job in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", IN_JOB.format(body=body)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def files_here():
    """Lists the files in the current folder, but for what a test puts there."""
    here = {path.name for path in Path().iterdir() if path.is_file()}
    return sorted(here - {"given", "in.csv"})


def read(name):
    return Path(name).read_text(encoding="utf-8")


@pytest.mark.usefixtures("snakemake")
def test_a_job_that_succeeds_says_so_in_its_log_alone():
    done = run("logger.info('%d rows: größer.', 263); Path('out.csv').touch()")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (line,) = read("log").splitlines()
    assert line.endswith(" INFO 263 rows: größer.")
    assert files_here() == ["log", "out.csv", "record.json"]


@pytest.mark.usefixtures("snakemake")
def test_a_wrong_input_ends_the_job_with_its_sentence_and_no_traceback():
    done = run("logger.info('Reading.'); raise InputError('Column q is odd: mend it.')")
    assert done.returncode == 1
    assert done.stderr == "Error: Column q is odd: mend it.\n"
    lines = read("log").splitlines()
    assert len(lines) == 2
    assert lines[-1].endswith(" ERROR Column q is odd: mend it.")
    assert files_here() == ["log"]


@pytest.mark.usefixtures("snakemake")
def test_any_other_failure_is_logged_with_its_traceback_and_raised():
    done = run("Path('out.csv').touch(); 1 / 0")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    log = read("log")
    assert "ERROR The job failed." in log
    assert "Traceback (most recent call last):" in log
    assert log.rstrip().endswith("ZeroDivisionError: division by zero")
    assert files_here() == ["log", "out.csv"]


def test_the_failure_that_is_raised_is_the_one_that_happened(snakemake):
    failure = KeyError("lost")
    with pytest.raises(KeyError) as caught, job(snakemake):
        raise failure
    assert caught.value is failure


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.usefixtures("snakemake")
def test_a_full_disk_ends_the_job_with_one_sentence(number):
    body = f"with replacing('out.csv') as part: part.write_text('half'); raise OSError({number}, 'Too much')"
    done = run(body)
    sentence = "The disk is full (Too much): free some space, then run again."
    assert (done.returncode, done.stderr) == (1, f"Error: {sentence}\n")
    assert read("log").endswith(f" ERROR {sentence}\n") and "Traceback" not in read("log")
    assert files_here() == ["log"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_log_on_a_full_disk_does_not_hide_the_sentence(snakemake, tmp_path):
    (tmp_path / "log").symlink_to("/dev/full")
    done = run("logger.info('Some words.'); Path('out.csv').touch(); Path('/dev/full').write_text('x')")
    strerror = os.strerror(errno.ENOSPC)
    assert done.stderr == f"Error: The disk is full ({strerror}): free some space, then run again.\n"
    assert done.returncode == 1 and not Path("record.json").exists()


OUT_OF_MEMORY = {
    "a worker that is killed": (
        "import os; from concurrent.futures import ProcessPoolExecutor as Pool\n"
        "    with Pool(1) as pool: pool.submit(os._exit, 9).result()"
    ),
    "an array": "import numpy as np; np.ones(1 << 62, dtype=np.int8)",
    "a table": "import pyarrow as pa; pa.allocate_buffer(1 << 62)",
    "a library in C++": "raise MemoryError('std::bad_alloc')",
    "torch": 'raise RuntimeError("DefaultCPUAllocator: can\'t allocate memory: you tried to allocate 9 bytes.")',
}


@pytest.mark.usefixtures("snakemake")
@pytest.mark.parametrize("name", OUT_OF_MEMORY)
def test_too_little_memory_ends_the_job_with_one_sentence(name):
    done = run(OUT_OF_MEMORY[name])
    assert done.returncode == 1
    assert done.stderr.startswith(
        "Error: Memory ran out, or a process that worked for this job was killed: give"
    )
    assert done.stderr.count("\n") == 1 and "Traceback" not in read("log")


@pytest.mark.usefixtures("snakemake")
def test_another_error_of_the_system_is_no_full_disk():
    done = run("raise OSError(5, 'Input/output error')")
    assert done.returncode == 1 and "Traceback" in done.stderr and "disk is full" not in done.stderr
    assert files_here() == ["log"]


def test_the_record_says_what_was_made_of_what(snakemake):
    before = datetime.now(UTC)
    with job(snakemake):
        assert not Path("record.json").exists()
        Path("out.csv").write_text("c\n", encoding="utf-8")
        time.sleep(0.05)
    record = json.loads(read("record.json"))
    assert (record["rule"], record["wildcards"]) == ("split", {"dataset": "trial"})
    assert record["inputs"] == {"in.csv": sha256(b"a,b\n1,2\n").hexdigest()}
    assert record["outputs"] == {"out.csv": {"sha256": sha256(b"c\n").hexdigest(), "bytes": 2}}
    assert record["specification"] == snakemake.params.spec
    assert record["specification"]["settings"] == {"seeds": [1, 2]}
    started = datetime.fromisoformat(record["started"])
    assert before - timedelta(milliseconds=1) <= started <= datetime.now(UTC)
    assert set(record["cost"]) == {"wall_seconds", "cpu_seconds", "peak_memory_mib"}
    assert 0.05 <= record["cost"]["wall_seconds"] < 60
    assert 0 <= record["cost"]["cpu_seconds"] < 60
    # This process holds numpy and pytest at least, and not the memory of a hundred computers.
    assert 10 < record["cost"]["peak_memory_mib"] < 100_000


def test_the_outputs_are_without_the_record(snakemake):
    assert outputs(snakemake) == {"splits": "out.csv"}


def test_an_output_that_was_not_written_gives_no_record(snakemake):
    with pytest.raises(FileNotFoundError), job(snakemake):
        pass
    assert not Path("record.json").exists()


def rewrite():
    Path("in.csv").write_text("a,b\n1,3\n", encoding="utf-8")


def rewrite_in_secret():
    """Leaves the size and the time as they were."""
    times = Path("in.csv").stat()
    rewrite()
    os.utime("in.csv", ns=(times.st_atime_ns, times.st_mtime_ns))


def put_in_place():
    Path("other.csv").write_text(read("in.csv"), encoding="utf-8")
    Path("other.csv").replace("in.csv")


@pytest.mark.parametrize("change", [rewrite, rewrite_in_secret, put_in_place])
def test_an_input_that_changes_meanwhile_fails_the_job(snakemake, capsys, change):
    with pytest.raises(SystemExit) as caught, job(snakemake):
        Path("out.csv").touch()
        time.sleep(0.02)
        change()
    assert caught.value.code == 1
    assert capsys.readouterr().err == "Error: in.csv was changed while this job read it: run again.\n"
    assert not Path("record.json").exists()


def test_each_of_several_inputs_counts(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two", "three"):
        Path(name).write_text(name, encoding="utf-8")
    several = given("compare", "", {"table": "one", "scores": ["two", "three"]}, {"board": "board"})
    with job(several):
        Path("board").touch()
    assert set(read_record("record.json")["inputs"]) == {"one", "two", "three"}
    with pytest.raises(SystemExit), job(several):
        Path("three").write_text("other", encoding="utf-8")
    assert "three was changed while this job read it" in capsys.readouterr().err


def test_an_input_without_a_name_counts_as_any_other(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("one").write_text("one", encoding="utf-8")
    loose = given("compare", "", {"": ["one"]}, {"board": "board"})
    del loose.input._names[""]
    assert list(loose.input) == ["one"] and not dict(loose.input.items())
    with job(loose):
        Path("board").touch()
    assert set(read_record("record.json")["inputs"]) == {"one"}
    with pytest.raises(SystemExit), job(loose):
        Path("one").write_text("other", encoding="utf-8")
    assert "one was changed while this job read it" in capsys.readouterr().err


def test_code_that_was_changed_after_the_plan_does_not_run(snakemake, capsys):
    snakemake.params.spec["code"] = snakemake.params.spec["code"] | {"scripts/split.py": "0" * 64}
    with pytest.raises(SystemExit) as caught, job(snakemake):
        pytest.fail("it ran")
    assert caught.value.code == 1
    sentence = "scripts/split.py was changed after this run was planned: run again."
    assert capsys.readouterr().err == f"Error: {sentence}\n"
    assert files_here() == ["log"]


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_another_file_of_the_project_that_changed_fails_the_job(tmp_path, monkeypatch, capsys, when):
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.html"
    page.write_text("one", encoding="utf-8")
    # A path from the root on is not looked up below the root of the project.
    made = given("report", "", outputs={"html": "out.html"}, files=[str(page)])
    if when == "before":
        page.write_text("two", encoding="utf-8")
    with pytest.raises(SystemExit), job(made):
        assert when == "meanwhile"
        Path("out.html").touch()
        page.write_text("two", encoding="utf-8")
    assert f"{page} was changed after this run was planned: run again." in capsys.readouterr().err
    assert not Path("record.json").exists()


def test_code_that_the_plan_left_out_does_not_count(snakemake, monkeypatch):
    """The specification of a job whose result has a digest of its own holds no code."""
    snakemake.params.spec["code"] = {}
    monkeypatch.setattr(specification_module, "ROOT", ROOT)
    with job(snakemake):
        Path("out.csv").touch()
    assert read_record("record.json")["specification"]["code"] == {}


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.usefixtures("snakemake")
def test_a_job_that_is_stopped_leaves_nothing_half_done(number, status):
    # Python can miss a signal that comes just as a sleep begins, so there are many.
    sleeps = "[time.sleep(0.05) for _ in range(20_000)]"
    body = f"with replacing('out.csv') as part: part.write_text('half'); print('now', flush=True); {sleeps}"
    with subprocess.Popen(
        [sys.executable, "-c", "import time\n" + IN_JOB.format(body=body)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A run in the background of a terminal has some signals ignored.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    ) as process:
        try:
            assert process.stdout.readline() == "now\n", process.stderr.read()
            assert len(files_here()) == 2  # the log, and the file in the making
            process.send_signal(number)
            assert process.wait(timeout=PATIENCE) == status
        finally:
            process.kill()
        assert "Traceback" not in process.stderr.read()
    assert files_here() == ["log"]


def test_a_wrong_input_becomes_an_exit(tmp_path, capsys):
    with pytest.raises(SystemExit) as caught, log_to(str(tmp_path / "log")):
        raise InputError("No.")
    assert caught.value.code == 1
    assert capsys.readouterr().err == "Error: No.\n"


def test_warnings_go_to_the_log(tmp_path):
    with log_to(str(tmp_path / "log")):
        warnings.warn("the third column is nearly constant", UserWarning, stacklevel=1)
        logging.getLogger("another library").warning("not ours")
    log = read(tmp_path / "log")
    assert "the third column is nearly constant" in log
    assert "not ours" not in log


def test_the_log_of_an_earlier_run_is_replaced(tmp_path):
    (tmp_path / "log").write_text("of yesterday\n", encoding="utf-8")
    with log_to(str(tmp_path / "log")) as logger:
        logger.info("of today")
    assert "yesterday" not in read(tmp_path / "log")


def test_several_processes_add_lines_to_one_log(tmp_path):
    """None writes over another's lines, whoever comes first."""
    path = tmp_path / "log"
    code = "import sys; from lineup.ledger.recorder import log_to\n"
    code += "with log_to(sys.argv[1], append=True) as logger: logger.info('from the other one')"
    with log_to(str(path)) as logger:
        logger.info("before")
        subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, check=True, timeout=PATIENCE)
        logger.info("after")
    lines = [line.split(" INFO ")[1] for line in path.read_text(encoding="utf-8").splitlines()]
    assert lines == ["before", "from the other one", "after"]


@pytest.mark.long
def test_the_cost_counts_processes_that_have_ended_but_not_those_before(snakemake):
    """A quarter of a second of work in a child of the job counts, and one second before it does not."""
    busy = "import time\nwhile time.process_time() < {}: pass"
    subprocess.run([sys.executable, "-c", busy.format(1.0)], check=True)
    with job(snakemake):
        subprocess.run([sys.executable, "-c", busy.format(0.25)], check=True)
        Path("out.csv").touch()
    assert 0.25 <= read_record("record.json")["cost"]["cpu_seconds"] < 1.0
