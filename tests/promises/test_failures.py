"""Failures heal: after a kill, an error or a full disk, the next plain run gives what an undisturbed one gives."""

import copy
import fcntl
import os
import pty
import random
import re
import shutil
import signal
import subprocess
import sys
import termios
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from support.data import small_csv, small_dataset, small_models
from support.runs import Project, Run, environment, reproducible
from support.shared import made_once
from support.tree import sketching_tree
from support.waiting import PATIENCE, wait_for

from lineup.files import STATE

MODELS = ["lasso_one", "net"]
SCRIPTS = ".snakemake/scripts/"  # where Snakemake puts the scripts that it runs
PLAIN = ("--cores", "4")

# A way to meddle with a job while it writes: what the file `trap` in the working directory says happens
# to the job that is about to put a file of that name in place, when the partial file lies beside it.
TRAP = """

def _trap(path):
    trap = Path("trap")
    with suppress(FileNotFoundError):
        action, name = trap.read_text().split()
        if str(path).endswith(name):
            if action == "kill":
                os.kill(os.getpid(), 9)
            if action == "raise":
                raise RuntimeError("Nobody had foreseen this.")
            Path("trapped").write_text(str(os.getpid()))
            while trap.exists():
                time.sleep(0.02)
"""


def change_dropout(config):
    config["models"]["net"]["dropout"] = [0.4]


def change_solver(config):
    """Asks of a lasso what it cannot do, so that its job fails."""
    config["models"]["lasso_one"] |= {"max_iterations": 1, "tolerance": 1.0e-300}


def train_for_ever(config):
    config["models"]["net"]["epochs"] = 1_000_000


def processes_of(project):
    """Lists the processes that belong to a project: those that name its folder, or work in it."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words, where = " ".join(process.cmdline()), process.cwd()
            mine = f"{project.folder}/" in f"{words.replace(' ', '/ ')}/" or where == str(project.folder)
            if mine and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def jobs_of(project, script=""):
    """Lists the processes of a project that run a script."""
    found = []
    for process in processes_of(project):
        with suppress(psutil.Error):
            words = process.cmdline()
            # A process that is just ending has no words any more.
            of_python = any("python" in Path(word).name for word in words[:1])
            if of_python and any(SCRIPTS in word and script in word for word in words):
                found.append(process)
    return found


@dataclass
class Started:
    """A run in the background.

    Attributes:
        process: Its main process, the first of a process group and of a session.
        log: The file that it prints to.
    """

    process: subprocess.Popen
    log: Path

    @property
    def text(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def ended(self, seconds=PATIENCE):
        """Waits for its end."""
        return Run(self.process.wait(timeout=seconds), self.text)


def listen_to_interrupts():
    """Gives a new process the usual signals: a shell ignores some for what runs in the background."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def start(tmp_path):
    """Gives a function that starts a run in the background. No process outlives the test."""
    started = []

    def begin(project, *options, terminal=None):
        log = tmp_path / f"run{len(started)}.log"

        def before():
            listen_to_interrupts()
            if terminal is not None:
                fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)

        with log.open("w") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "snakemake", *project.command(*(options or PLAIN))],
                cwd=project.folder.parent,
                env=environment(TMPDIR=str(project.temporary)),
                stdin=subprocess.DEVNULL if terminal is None else terminal,
                stdout=stream if terminal is None else terminal,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=before,
            )
        started.append((project, Started(process, log)))
        return started[-1][1]

    yield begin
    # A disk that a run has its folder on is taken away after this.
    for project, run in started:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()
        for process in processes_of(project):
            with suppress(psutil.Error):
                process.kill()


def failing_tree(folder):
    """Makes a copy of the tree, with a trap in the function that writes files."""
    tree = sketching_tree(folder)
    path = tree / "lineup" / "files.py"
    text = path.read_text(encoding="utf-8")
    before = "        try:\n            temporary.replace(path)\n"
    assert text.count(before) == 1
    path.write_text(text.replace(before, f"        _trap(path)\n{before}") + TRAP, encoding="utf-8")
    return tree


def failing_config(folder):
    csv = small_csv(folder / "trial.csv", seed=1)
    dataset = small_dataset(
        csv,
        splits={"test_share": 0.25, "seeds": [3, 4], "block_size": 10},
        models=MODELS,
        reference="lasso_one",
    )
    models = {name: model for name, model in small_models().items() if name in MODELS}
    return {"build": ["trial"], "datasets": {"trial": dataset}, "models": models}


@dataclass(frozen=True)
class Undisturbed:
    """What a run gives that nothing happens to.

    Attributes:
        project: Where it ran.
        results: What it made, by name.
        jobs: The jobs that it ran.
    """

    project: Project
    results: dict
    jobs: list


def measured(project):
    """Runs a project undisturbed. It takes the room that it needs: it is lent nothing of what other runs remember."""
    (project.folder / STATE).mkdir(parents=True, exist_ok=True)
    run = project.run(*PLAIN)
    assert run.status == 0, run.text
    return Undisturbed(project, reproducible(project), run.jobs)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """A run from an empty folder."""

    def make(folder):
        return measured(Project(folder / "work", failing_tree(folder), failing_config(folder)))

    return made_once(tmp_path_factory, "undisturbed", make)


@pytest.fixture(scope="session")
def undisturbed_change(tmp_path_factory, undisturbed):
    """A run with a changed setting beside finished results."""

    def make(folder):
        project = copy_of(undisturbed, folder / "work")
        change_dropout(project.config)
        return measured(project)

    changed = made_once(tmp_path_factory, "undisturbed_change", make)
    assert set(changed.results) == set(undisturbed.results) and changed.results != undisturbed.results
    return changed


def copy_of(undisturbed, folder):
    """Copies a finished project to another folder."""
    project = Project(folder, undisturbed.project.tree, copy.deepcopy(undisturbed.project.config))
    shutil.copytree(undisturbed.project.folder, folder, dirs_exist_ok=True)
    return project


@pytest.fixture
def project(tmp_path, undisturbed):
    """A project in an empty folder, with a config to change."""
    return Project(tmp_path / "work", undisturbed.project.tree, copy.deepcopy(undisturbed.project.config))


@pytest.fixture
def again(tmp_path, undisturbed):
    """A copy of the finished project, with a config to change."""
    return copy_of(undisturbed, tmp_path / "work")


def faults(project, run, expected):
    """Lists what is not as after an undisturbed run.

    Args:
        project: The project.
        run: The plain run after the failure.
        expected: The results of an undisturbed run.

    Returns:
        What is wrong, in words.
    """
    found = []
    if run.status != 0:
        found.append(f"the run after it ended with status {run.status}:\n{run.text}")
    for demand in ("--unlock", "--rerun-incomplete", "Traceback"):
        if demand in run.text:
            found.append(f"the run after it says {demand}:\n{run.text}")
    now = reproducible(project)
    names = sorted(name for name in {*expected, *now} if expected.get(name) != now.get(name))
    if names:
        found.append(f"not the same bytes: {', '.join(names)}")
    found += [f"left behind: {path}" for path in partial_files(project)]
    runs = project.folder / STATE / "runs"
    found += [f"left behind: {path}" for path in runs.iterdir()]
    found += [f"still there: {process}" for process in processes_of(project)]
    further = project.run(*PLAIN, "all", "verify")
    if further.status != 0 or further.jobs != ["verify"]:
        found.append(f"a further run does something, or the records do not hold:\n{further.text}")
    return found


def heals(project, expected):
    """Runs a project after a failure, checks that it is as after an undisturbed run, and gives the run."""
    run = project.run(*PLAIN)
    assert faults(project, run, expected) == []
    return run


def partial_files(project):
    return sorted(path for path in project.results.rglob("*") if ".part" in path.name)


def traps(project, action, name):
    """Sets the trap for the job that writes a file."""
    (project.folder / "trapped").unlink(missing_ok=True)
    (project.folder / "trap").write_text(f"{action} {name}")


def trapped(project):
    """Waits until a job is in the trap, and gives its process."""
    mark = project.folder / "trapped"
    pid = wait_for(lambda: mark.exists() and mark.read_text(), "no job came to the trap")
    return psutil.Process(int(pid))


def release(project):
    """Takes the trap away."""
    for name in ("trap", "trapped"):
        (project.folder / name).unlink(missing_ok=True)


# Kills at random moments ------------------------------------------------------------------------------

KILLS = [5, 3]  # in an empty folder, and beside finished results with a changed setting


def wait_for_moment(run, chance):
    """Waits until a random share of a run's steps is done, and for a random part of a step; gives the seconds.

    A moment of the clock would be after the end of the run, or before it does anything, on a machine that is now busier or
    less busy than before.
    """
    share, begun = chance.uniform(0, 0.7), time.monotonic()
    while run.process.poll() is None:
        done = re.findall(r"^(\d+) of (\d+) steps", run.text, re.MULTILINE)
        steps, total = map(int, done[-1]) if done else (0, 1)
        if share < 0.2 or steps / total >= share - 0.2:
            break
        time.sleep(0.02)
    step = (time.monotonic() - begun) / steps if run.process.poll() is None and done and steps else 2.0
    with suppress(subprocess.TimeoutExpired):
        run.process.wait(timeout=chance.uniform(0, step / 2))
    return time.monotonic() - begun


@pytest.mark.parametrize("folders", [2, pytest.param(5, marks=pytest.mark.slow)])
def test_killed_at_any_moment(tmp_path, start, tell, undisturbed, undisturbed_change, folders):
    """Snakemake is killed, its rerun as well, and so on; the last run of each folder is left alone."""
    seed, kills, wrong = 0, [], []
    line = "{:>4} {:>7} {:>9} {:>10} {:>8} {:>11}  {}"
    tell(line.format("seed", "begun", "moment/s", "steps done", "orphans", "rerun's jobs", "ok"))
    for number in range(folders):
        kind = number % 2
        goal = [undisturbed, undisturbed_change][kind]
        folder = tmp_path / f"folder{number}"
        if kind:
            project = copy_of(undisturbed, folder)
            change_dropout(project.config)
        else:
            project = Project(folder, undisturbed.project.tree, copy.deepcopy(undisturbed.project.config))
        lines, seen = [], set()
        for _ in range(KILLS[kind]):
            run = start(project)
            moment = wait_for_moment(run, random.Random(seed))
            hit = run.process.poll() is None
            run.process.kill()
            run.process.wait()
            orphans = len({process.pid for process in jobs_of(project)} - seen)
            seen |= {process.pid for process in jobs_of(project)}
            done = re.findall(r"^(\d+ of \d+) steps", run.text, re.MULTILINE)
            words = run.text.splitlines()
            stage = "planned" if any(word.startswith("Job stats") for word in words) else "starting"
            kills.append(Counter(hit=hit, orphans=hit and orphans > 0, work=hit and bool(orphans or done)))
            lines.append(
                [seed, ["empty", "changed"][kind], f"{moment:.2f}",
                 (done[-1] if done else stage) if hit else "ended", orphans]
            )  # fmt: skip
            seed += 1
            if len(lines) < KILLS[kind]:
                lines[-1] += ["killed", ""]
        last = project.run(*PLAIN)
        found = faults(project, last, goal.results)
        lines[-1] += [len(last.jobs), "ok" if not found else "NOT THE SAME"]
        wrong += [f"folder {number}: {fault}" for fault in found]
        tell("\n".join(line.format(*map(str, values)) for values in lines))
    total = sum(kills, Counter())
    tell(f"{len(kills)} kills: {total['hit']} hit a run, {total['orphans']} of them left orphans")
    assert not wrong, "\n".join(wrong)
    # The kills mean something only if they hit runs, and runs at work; some may come after the end of the run.
    assert total["hit"] >= len(kills) / 2
    assert total["orphans"] >= int(0.15 * len(kills)) and total["work"] >= int(0.3 * len(kills))


# Signals ----------------------------------------------------------------------------------------------

WEIGHTS = "models/net/block_1/weights.safetensors"  # the first file that the network's job writes
SUMMARY = "models/net/block_1/summary.txt"  # its last
GRID = "models/lasso_one/block_1/grid.parquet"  # the fourth of the five that the lasso's job writes
# A run in which no network is trained, and what is in its way.
LASSO = (*PLAIN, f"results/trial/{GRID}")


# `make test` stops the network's job while it writes in test_everything_is_stopped_again_and_again.
@pytest.mark.parametrize(
    ("job", "file", "options"),
    [
        ("fit_lasso.trial.lasso_one.1", GRID, LASSO),
        pytest.param("fit_mlp.trial.net.1", WEIGHTS, PLAIN, marks=pytest.mark.slow),
    ],
    ids=["lasso", "network"],
)
def test_a_job_is_stopped_while_it_writes(project, start, undisturbed, job, file, options):
    for stop in (signal.SIGTERM, signal.SIGKILL):
        traps(project, "wait", file)
        run = start(project, *options)
        process = trapped(project)
        assert partial_files(project)
        process.send_signal(stop)
        ended = run.ended()
        release(project)
        assert ended.status == 1 and "Traceback" not in ended.text, ended.text
        assert f"Error in rule {job.split('.')[0]}:" in ended.text and job in ended.jobs
    assert job in heals(project, undisturbed.results).jobs


def test_snakemake_is_asked_to_stop(project, start, undisturbed):
    """After SIGTERM it waits for the jobs that run, and these are done."""
    traps(project, "wait", GRID)
    run = start(project, *LASSO)
    trapped(project)
    run.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert run.process.poll() is None
    release(project)
    ended = run.ended()
    assert ended.status == 1 and "Traceback" not in ended.text, ended.text
    rerun = heals(project, undisturbed.results)
    assert "fit_lasso.trial.lasso_one.1" not in rerun.jobs and "report" in rerun.jobs


STOPS = [
    (signal.SIGINT, "training"),
    (signal.SIGHUP, "training"),
    (signal.SIGHUP, "writing"),
    (signal.SIGKILL, "writing"),
    (signal.SIGINT, "writing"),
]


@pytest.mark.parametrize("stops", [STOPS[:1], pytest.param(STOPS, marks=pytest.mark.slow)], ids=len)
def test_everything_is_stopped_again_and_again(project, start, undisturbed, stops):
    """The signals go to the process group, as that of Ctrl-C does; at last, the terminal is closed."""
    good = project.config
    slow = copy.deepcopy(good)
    train_for_ever(slow)
    log = project.results / "logs" / "fit_mlp" / "trial.net.1.log"
    for stop, at in stops:
        config = slow if at == "training" else good
        log.unlink(missing_ok=True)
        traps(project, "wait", WEIGHTS)
        project.config = config
        run = start(project)
        if config == slow:
            wait_for(log.exists, "the network's job did not come to its work")
            time.sleep(0.5)
        else:
            trapped(project)
        os.killpg(run.process.pid, stop)
        ended = run.ended()
        release(project)
        assert ended.status == (1 if stop == signal.SIGINT else -stop), ended.text
    project.config = good
    outer, inner = pty.openpty()
    os.set_blocking(outer, False)
    traps(project, "wait", WEIGHTS)
    run = start(project, terminal=inner)
    os.close(inner)

    def reads_until_trapped():
        with suppress(BlockingIOError):
            os.read(outer, 1 << 16)
        return (project.folder / "trapped").exists()

    wait_for(reads_until_trapped, "no job came to the trap")
    os.close(outer)
    assert run.process.wait(timeout=PATIENCE) == -signal.SIGHUP
    release(project)
    assert "fit_mlp.trial.net.1" in heals(project, undisturbed.results).jobs


# Orphans ----------------------------------------------------------------------------------------------


# Whether the job is at its work when its run is killed, and whether the next run comes at once.
ORPHANS = [(False, True), (True, False), (False, False), (True, True)]


@pytest.mark.parametrize("orphaned", [ORPHANS[2:], pytest.param(ORPHANS, marks=pytest.mark.slow)], ids=len)
def test_orphans_end_and_do_not_race_the_next_run(project, start, undisturbed, orphaned):
    """The jobs of the killed runs would train for ever, and then write a network of another setting."""
    good = project.config
    project.config = copy.deepcopy(good)
    train_for_ever(project.config)
    log = project.results / "logs" / "fit_mlp" / "trial.net.1.log"
    for is_training, restart in orphaned:
        log.unlink(missing_ok=True)
        run = start(project)
        wait_for(lambda: jobs_of(project, "fit_mlp"), "the network's job did not begin")
        if is_training:
            wait_for(log.exists, "the network's job did not come to its work")
        orphans = jobs_of(project, "fit_mlp")
        assert orphans and log.exists() == is_training
        run.process.kill()
        assert run.process.wait() == -signal.SIGKILL
        if not restart:
            assert psutil.wait_procs(orphans, timeout=PATIENCE)[1] == []
            wait_for(lambda: processes_of(project) == [], "something of a killed run goes on")
        elif not is_training:
            # The next one is killed too.
            again = start(project)
            wait_for(lambda: jobs_of(project, "fit_mlp"), "the network's job did not begin")
            again.process.kill()
            again.process.wait()
    project.config = good
    with ThreadPoolExecutor() as beside:
        rerun = beside.submit(project.run, *PLAIN)
        assert psutil.wait_procs(orphans, timeout=PATIENCE)[1] == []
        ended = rerun.result()
    assert faults(project, ended, undisturbed.results) == []
    assert "fit_mlp.trial.net.1" in ended.jobs
    # What was done before the kill is not done again.
    assert not {"fetch.trial", "preprocess.trial", "split.trial.1"} & {*ended.jobs}


# Two runs ---------------------------------------------------------------------------------------------


def stopped(run):
    """Lists the processes of a run after stopping them all, so that it makes no progress."""
    os.kill(run.process.pid, signal.SIGSTOP)
    processes = [psutil.Process(run.process.pid)]
    processes += processes[0].children(recursive=True)
    for process in processes[1:]:
        with suppress(psutil.NoSuchProcess):
            process.suspend()
    return processes


def stamps(project):
    """Maps what lies in a project's folder, but Snakemake's own logs, to its size and its times."""
    found = {}
    for path in sorted(project.folder.rglob("*")):
        if ".snakemake/log" not in str(path) and "__pycache__" not in path.parts:
            status = path.stat()
            size = None if path.is_dir() else status.st_size
            found[str(path.relative_to(project.folder))] = (size, status.st_mtime_ns, status.st_ino)
    # A new log changes the time of the folder above alone.
    found.pop(".snakemake")
    return found


def test_a_second_run_says_so_and_changes_nothing(project, start, undisturbed):
    traps(project, "wait", GRID)
    first = start(project, *LASSO)
    trapped(project)
    processes = stopped(first)
    before = stamps(project)
    try:
        for options in (PLAIN, ("--cores", "1", "verify"), ("--cores", "2", "--forceall")):
            second = project.run(*options)
            assert second.status == 1 and second.jobs == [] and "Traceback" not in second.text, second.text
            said = [line for line in second.text.splitlines() if "run is going on" in line]
            assert said == [
                f"Another run is going on in this folder, as process {first.process.pid}: wait until it "
                "has ended, or stop it. This run changed nothing."
            ], second.text
            assert stamps(project) == before
        look = project.dry_run()
        assert look.status == 0 and "report" in look.jobs, look.text
        # A dry run keeps what it found out of the files, for the next one.
        kept = (".snakemake/iocache", ".snakemake/lineup")
        after = {name: stamp for name, stamp in stamps(project).items() if not name.startswith(kept)}
        assert after == {name: stamp for name, stamp in before.items() if not name.startswith(kept)}
    finally:
        for process in processes:
            # One may have ended just before it was to be stopped.
            with suppress(psutil.NoSuchProcess):
                process.resume()
    release(project)
    ended = first.ended()
    assert ended.status == 0, ended.text
    heals(project, undisturbed.results)


# Jobs that fail ---------------------------------------------------------------------------------------


def test_a_job_fails_beside_older_results(again, undisturbed):
    good = again.config
    again.config = copy.deepcopy(good)
    change_solver(again.config)
    for _ in range(2):
        run = again.run(*PLAIN)
        assert run.status == 1 and "Error in rule fit_lasso:" in run.text and "Traceback" not in run.text
        assert "Error: The lasso did not converge" in run.text
        assert partial_files(again) == []
    again.config = good
    assert "fit_lasso.trial.lasso_one.1" in heals(again, undisturbed.results).jobs


def test_a_job_ends_as_nobody_foresaw_beside_older_results(again, undisturbed_change):
    """It has written some of its files then; and it is killed, as the system does when memory is short."""
    change_dropout(again.config)
    for action in ("raise", "kill"):
        traps(again, action, SUMMARY)
        run = again.run(*PLAIN)
        release(again)
        assert run.status == 1 and "Error in rule fit_mlp:" in run.text, run.text
        assert ("RuntimeError: Nobody had foreseen this." in run.text) == (action == "raise")
        assert bool(partial_files(again)) == (action == "kill")
    assert "fit_mlp.trial.net.1" in heals(again, undisturbed_change.results).jobs


# What is edited meanwhile -----------------------------------------------------------------------------


def test_an_input_and_a_script_are_edited_while_a_job_runs(project, tmp_path, undisturbed):
    project.tree = tmp_path / "tree"
    shutil.copytree(undisturbed.project.tree, project.tree)
    table = project.results / "trial" / "table.parquet"
    script = project.tree / "lineup" / "comparison" / "scores.py"
    for file, more, sentence in [
        (table, b"more", "results/trial/table.parquet was changed while this job read it: run again."),
        (
            script,
            b"\nprint(end='')\n",
            "lineup/comparison/scores.py was changed after this run was planned: run again.",
        ),
    ]:
        traps(project, "wait", GRID)
        with ThreadPoolExecutor() as beside:
            run = beside.submit(project.run, *PLAIN)
            trapped(project)
            file.write_bytes(file.read_bytes() + more)
            release(project)
            ended = run.result()
        assert ended.status == 1 and "Traceback" not in ended.text, ended.text
        assert f"Error: {sentence}" in ended.text.splitlines(), ended.text
    # The first run after the edit of the table has made it again.
    assert "preprocess.trial" in ended.jobs
    assert "fit_lasso.trial.lasso_one.1" in heals(project, undisturbed.results).jobs


# A full disk ------------------------------------------------------------------------------------------


def bytes_of(folder):
    """Tells how much room the files of a folder take on a disk with pages of 4 KiB."""
    return sum(-(-path.lstat().st_size // 4096) * 4096 for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def mount():
    """Gives a function that mounts a disk of some bytes at a folder, or changes its size."""
    mounted = []

    def of_size(folder, size):
        remount = ["remount,"] if folder in mounted else [""]
        command = ["mount", "-t", "tmpfs", "-o", f"{remount[0]}size={size}", "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode and folder not in mounted:
            pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
        assert done.returncode == 0, done.stderr
        mounted.append(folder)

    yield of_size
    for folder in set(mounted):
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.getuid() != 0, reason="only root may mount a disk"
)
@pytest.mark.parametrize("where", ["results", "folder"])
def test_the_disk_is_full(project, mount, tell, undisturbed, where):
    """It grows a little, and is full again: at another job each time."""
    disk = getattr(project, where)
    disk.mkdir(exist_ok=True)
    whole, failed = bytes_of(getattr(undisturbed.project, where)), []
    before = bytes_of(getattr(undisturbed.project, where) / STATE)  # is written before any job
    for share in (0.1, 0.4, 0.6, 0.8):
        mount(disk, int(before + (whole - before) * share) // 4096 * 4096)
        run = project.run(*PLAIN)
        assert run.status == 1, run.text
        # In the whole folder, Snakemake's own files may be those that do not fit: it has its own words for it.
        said = "Error: The disk is full" if where == "results" else "isk is full|No space left on device"
        assert re.search(said, run.text), run.text
        assert SCRIPTS not in "".join(re.findall('^ *File ".*$', run.text, re.MULTILINE)), run.text
        assert partial_files(project) == []
        failed.append(tuple(re.findall(r"^Error in rule (\w+):", run.text, re.MULTILINE)))
    tell(f"Full disk, {where}: stopped at {'; '.join(map(' and '.join, failed))}")
    assert len({*failed}) >= 2
    mount(disk, whole * 10)
    assert "report" in heals(project, undisturbed.results).jobs
