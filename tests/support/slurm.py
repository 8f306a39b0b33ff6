"""A Slurm of two small nodes on this machine, for the tests: it has a folder, a key and ports of its own."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from support.waiting import PATIENCE, wait_for

DAEMONS = ("munged", "slurmctld", "slurmd")
CLIENTS = ("sbatch", "srun", "squeue", "sinfo", "scancel", "scontrol")
NODES = ("n1", "n2")
# Debian puts the daemons where the path of an ordinary user does not lead.
SYSTEM = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])

# A job that is put back in the queue waits as long as its credentials are valid, so that is short here.
CONFIG = """\
ClusterName=lineup
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/filetxt
GresTypes=gpu
JobCompLoc={folder}/ended.txt
MinJobAge=300
KillWait=5
SchedulerParameters=sched_interval=2,bf_interval=2
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=30
{nodes}
PartitionName=all Nodes={names} Default=YES MaxTime=INFINITE State=UP
"""


@dataclass(frozen=True)
class Job:
    """A submission that Slurm knows.

    Attributes:
        number: Its number.
        state: Its state, such as ``RUNNING``.
        node: The node that it is on, or the empty text.
        rule: The rule with the wildcards, or the group, that the slurm plugin wrote in its comment.
        restarts: How often Slurm put it back in the queue.
    """

    number: int
    state: str
    node: str
    rule: str
    restarts: int


def reason_to_skip():
    """Says why no Slurm can be started here, or gives None."""
    missing = [name for name in DAEMONS + CLIENTS if not shutil.which(name, path=SYSTEM)]
    if missing:
        return f"no Slurm can be started: {', '.join(missing)} not found (packages slurm-wlm and munge)"
    if os.geteuid() != 0:
        return (
            "no Slurm can be started: its daemons start jobs as other users, so the tests have to run as root"
        )
    return None


class Slurm:
    """A running Slurm; to be used in a ``with`` statement, which ends all processes that it started.

    Attributes:
        folder: Where it keeps all its files.
        environment: What a process needs in its environment to talk to it.
    """

    def __init__(self):
        # The path of a Unix socket must be short, so this is not in the folder of a test.
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        path = os.pathsep.join([str(self.folder / "bin"), SYSTEM])
        self.environment = {"SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": path}
        self.daemons = {}

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            self._end([*(f"slurmd {node}" for node in NODES), "slurmctld"], signal.SIGTERM)
            self._kill(self._processes())
            self._end(["munged"], signal.SIGTERM)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self):
        host = socket.gethostname().split(".")[0]
        ports = _free_ports(1 + len(NODES))
        nodes = [
            f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=64000 Gres=gpu:1"
            for name, port in zip(NODES, ports[1:], strict=True)
        ]
        (self.folder / "slurm.conf").write_text(
            CONFIG.format(
                host=host,
                folder=self.folder,
                controller_port=ports[0],
                nodes="\n".join(nodes),
                names=",".join(NODES),
            ),
            encoding="utf-8",
        )
        # Slurm hands out what it is told is a GPU, so that what jobs ask for can be tested without one.
        (self.folder / "gres.conf").write_text(
            f"NodeName={','.join(NODES)} Name=gpu File=/dev/null\n", "utf-8"
        )
        (self.folder / "state").mkdir()
        # The plugin takes SLURM_CONF from the environment of srun, which then looks for a Slurm of the machine.
        srun = self.folder / "bin" / "srun"
        srun.parent.mkdir()
        real = shutil.which("srun", path=SYSTEM)
        srun.write_text(
            f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec {real} "$@"\n', encoding="utf-8"
        )
        srun.chmod(0o755)
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        files = {name: f"{self.folder}/munge.{name}" for name in ("socket", "pid", "log", "seed")}
        # `--force` turns what munged says of folders that only we can enter into warnings.
        self._daemon(
            "munged",
            "munged",
            "--foreground",
            "--force",
            f"--key-file={key}",
            f"--socket={files['socket']}",
            f"--pid-file={files['pid']}",
            f"--log-file={files['log']}",
            f"--seed-file={files['seed']}",
        )
        wait_for(Path(files["socket"]).exists, "munged has made its socket")
        self.start_controller()
        for node in NODES:
            self.start_node(node)
        self.wait_for_nodes("idle")

    def _daemon(self, name, *command, **more):
        with (self.folder / f"{name.replace(' ', '.')}.output").open("ab") as output:
            self.daemons[name] = subprocess.Popen(
                [shutil.which(command[0], path=SYSTEM), *command[1:]],
                env=os.environ | self.environment | more,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _end(self, names, number):
        for name in names:
            if name in self.daemons:
                self.daemons[name].send_signal(number)
        for name in names:
            if name in self.daemons:
                daemon = self.daemons.pop(name)
                try:
                    daemon.wait(timeout=PATIENCE)
                except subprocess.TimeoutExpired:
                    daemon.kill()
                    daemon.wait()

    def _processes(self, node=None):
        """Lists the processes of a node, or of both: its daemon, its jobs, and the steps that look after these."""
        found = {}
        for process in psutil.process_iter():
            try:
                its, above = process.environ(), process.parent()
                if its.get("SLURM_CONF") != self.environment["SLURM_CONF"]:
                    continue
                on = its.get("SLURMD_NODENAME") or its.get("TEST_NODE")
                if on and on == (node or on):
                    found |= {one.pid: one for one in [process, *process.children(recursive=True)]}
                    # A slurmstepd has no environment to be known by, but each job is a child of one.
                    if above and above.name().startswith("slurmstepd"):
                        found[above.pid] = above
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return list(found.values())

    def _kill(self, processes):
        """Kills processes at one moment: none sees another one end, so none can tell the controller."""
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(number)
        psutil.wait_procs(processes, timeout=PATIENCE)

    def ask(self, *command, check=True):
        """Runs a command of Slurm and gives what it prints."""
        done = subprocess.run(
            command, env=os.environ | self.environment, capture_output=True, text=True, timeout=PATIENCE
        )
        assert done.returncode == 0 or not check, f"{command}: {done.stderr}{self.logs()}"
        return done.stdout

    def logs(self):
        """Gives the end of what the daemons said."""
        files = [*sorted(self.folder.glob("*.log")), *sorted(self.folder.glob("*.output"))]
        return "".join(
            f"\n--- {file.name}\n" + "\n".join(file.read_text("utf-8", "replace").splitlines()[-15:])
            for file in files
        )

    def states(self):
        """Maps each node to its state, such as ``idle``."""
        lines = self.ask("sinfo", "--noheader", "--Node", "--format", "%N %T", check=False).split("\n")
        return dict(line.split() for line in lines if line)

    def wait_for_nodes(self, state, nodes=NODES):
        """Waits until these nodes are in a state."""
        try:
            wait_for(lambda: all(self.states().get(node) == state for node in nodes), f"{nodes} are {state}")
        except AssertionError as error:
            raise AssertionError(f"{error}, but {self.states()}{self.logs()}") from None

    def jobs(self):
        """Lists the submissions of the last minutes, also those that have ended."""
        form = "%i|%T|%N|%k"
        lines = self.ask("squeue", "--noheader", "--states=all", "--format", form).splitlines()
        jobs = []
        for line in lines:
            number, state, node, comment = line.split("|", 3)
            shown = self.ask("scontrol", "--oneliner", "show", "job", number, check=False)
            restarts = re.search(r"\bRestarts=(\d+)", shown)
            jobs.append(Job(int(number), state, node, comment, int(restarts[1]) if restarts else 0))
        return jobs

    def job(self, number):
        """Gives one submission."""
        return next(job for job in self.jobs() if job.number == number)

    def running(self, text=""):
        """Lists the submissions that are running and have this text in their comment."""
        return [job for job in self.jobs() if job.state == "RUNNING" and text in job.rule]

    def ended(self):
        """Lists how often each state and node stand in the log of the submissions that have ended."""
        log = self.folder / "ended.txt"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        return [
            (re.search(r"JobState=(\S+)", line)[1], re.search(r"NodeList=(\S+)", line)[1]) for line in lines
        ]

    def start_controller(self):
        """Starts the controller and waits until it answers."""
        self._daemon("slurmctld", "slurmctld", "-D")
        wait_for(lambda: "UP" in self.ask("scontrol", "ping", check=False), "slurmctld answers")

    def kill_controller(self):
        """Kills the controller, as when its machine goes down, once it has written down what it knows."""
        for job in self.running():  # a change of a job has the state saved within seconds
            self.ask("scontrol", "update", f"jobid={job.number}", "admincomment=test")
        saved, now = self.folder / "state" / "job_state", time.time()
        wait_for(lambda: saved.exists() and saved.stat().st_mtime > now, "slurmctld has saved its state")
        self._end(["slurmctld"], signal.SIGKILL)

    def start_node(self, node):
        """Starts a node. What tells running systems apart is another for each node, as if they were machines."""
        boot_id = self.folder / f"boot_id.{node}"
        boot_id.write_text(f"{node}-{uuid.uuid4()}\n", encoding="utf-8")
        mount = f"mount --bind {boot_id} /proc/sys/kernel/random/boot_id"
        slurmd = f"{mount}; exec {shutil.which('slurmd', path=SYSTEM)} -D -N {node}"
        # Where namespaces are not allowed, as in some containers, the nodes count as one machine.
        allowed = subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0
        start = ["unshare", "--mount", "sh", "-c"] if allowed else ["sh", "-c"]
        self._daemon(
            f"slurmd {node}", *start, slurmd if allowed else slurmd.partition("; ")[2], TEST_NODE=node
        )

    def kill_node(self, node, tell=True):
        """Kills all processes of a node, as when its power fails, and tells the controller, or lets it find out."""
        self._kill(self._processes(node))
        self._end([f"slurmd {node}"], signal.SIGKILL)
        if tell:
            self.ask("scontrol", "update", f"nodename={node}", "state=down", "reason=test")

    def cut_node(self, node):
        """Takes a node off the network, and tells the controller: its jobs go on."""
        self._end([f"slurmd {node}"], signal.SIGKILL)
        self.ask("scontrol", "update", f"nodename={node}", "state=down", "reason=test")

    def processes(self, node, text):
        """Maps the processes of the jobs of a node that have a text in their command lines to these."""
        found = {}
        for process in self._processes(node):
            with suppress(psutil.NoSuchProcess):
                command = " ".join(process.cmdline())
                if text in command and not process.name().startswith("slurm"):
                    found[process] = command
        return found

    def revive_node(self, node):
        """Starts a node that was killed and waits until it can take jobs."""
        self.start_node(node)
        wait_for(
            lambda: self.states().get(node) in ("idle", "mixed", "allocated"), f"{node} takes jobs again"
        )

    def cancel(self, number):
        """Cancels a submission."""
        self.ask("scancel", str(number))

    def requeue(self, number):
        """Puts a running submission back in the queue."""
        self.ask("scontrol", "requeue", str(number))


def _free_ports(number):
    """Finds ports that nothing listens to."""
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture(scope="session")
def slurm():
    """A running Slurm, or the test is skipped."""
    reason = reason_to_skip()
    if reason:
        pytest.skip(reason)
    with Slurm() as running:
        yield running
