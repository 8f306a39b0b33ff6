"""The profiles: that Snakemake takes all that they say, and that every rule can run on a cluster with them."""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from support.runs import Project, environment, reproducible, snakemake, with_plugins
from support.shared import made_once
from support.tree import ROOT, contents, copy_of_tree
from support.waiting import PATIENCE

CLUSTERS = {"slurm", "slurm-gpu", "slurm-ddp", "cluster-generic", "kubernetes"}


def checked(tree, profiles, folder, all_plugins=False):
    """Runs the checker and gives what it says of each profile, by the name of the folder."""
    plugins = with_plugins(all_plugins).get("PYTHONPATH", "")
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "tests" / "support" / "profile_check.py"),
            str(tree / "Snakefile"),
            *map(str, profiles),
        ],
        cwd=folder,
        env=environment(PYTHONPATH=plugins),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return {Path(profile).name: said for profile, said in json.loads(done.stdout.splitlines()[-1]).items()}


@pytest.fixture(scope="session")
def said(tmp_path_factory):
    """What the checker says of the profiles, and of that for Slurm after each change."""
    text = (ROOT / "profiles" / "slurm" / "profile.yaml").read_text(encoding="utf-8")

    def make(folder):
        for name, (old, new, _) in CHANGES.items():
            assert old in text, name
            (folder / name).mkdir(exist_ok=True)
            (folder / name / "profile.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
        (folder / "empty").mkdir(exist_ok=True)
        profiles = [ROOT / "profiles" / name for name in sorted(CLUSTERS | {"default"})]
        profiles += [folder / name for name in (*CHANGES, "empty", "not_there")]
        return checked(ROOT, profiles, folder, all_plugins=True)

    return made_once(tmp_path_factory, "profiles", make)


def test_these_profiles_are_there():
    found = {path.relative_to(ROOT / "profiles").as_posix() for path in (ROOT / "profiles").rglob("*.*")}
    assert found == {f"{name}/profile.yaml" for name in CLUSTERS | {"default"}}


@pytest.mark.parametrize("name", sorted(CLUSTERS | {"default"}))
def test_profile_has_no_problem(said, name):
    assert said[name]["problems"] == []


def test_profiles_train_networks_as_their_names_say(said):
    asked = {name: said[name]["fit_mlp"] for name in CLUSTERS | {"default"}}
    gpus = {name: resources["gpu"] for name, resources in asked.items()}
    without = dict.fromkeys(["slurm", "slurm-ddp", "cluster-generic", "kubernetes"], 0)
    assert gpus == without | {"default": 1, "slurm-gpu": 1}
    several = asked.pop("slurm-ddp")
    assert (several["tasks"], several["nodes"], several["mpi"]) == (2, 2, "srun")
    for resources in asked.values():
        assert resources["tasks"] == 1 and "mpi" not in resources


@pytest.mark.parametrize("name", sorted(CLUSTERS))
def test_profile_knows_no_person_and_no_place_and_submits_no_arrays(name):
    """What depends on the site is a comment, to be filled in."""
    profile = yaml.safe_load((ROOT / "profiles" / name / "profile.yaml").read_text(encoding="utf-8"))
    resources = profile["default-resources"] | profile["set-resources"]["fit_mlp"]
    assert not {"slurm_account", "slurm_partition", "gpu_model"} & resources.keys()
    # Array jobs hang where `jobs` is smaller than the ready jobs of a rule, and all get the resources of the first.
    assert "slurm-array-jobs" not in profile


class EmptyBucket(BaseHTTPRequestHandler):
    """Answers as a bucket does that holds nothing."""

    def do_HEAD(self):
        is_bucket = self.path.strip("/").count("/") == 0
        self.send_response(200 if is_bucket else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        page = b"<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_):
        pass


@pytest.fixture
def empty_bucket():
    """The address of an S3 server with an empty bucket."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), EmptyBucket)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


# `make test` checks this profile as the others, above.
@pytest.mark.slow
def test_kubernetes_would_run_every_job_for_an_empty_bucket(small_run, tmp_path, empty_bucket):
    project = Project(tmp_path / "work", small_run.tree, copy.deepcopy(small_run.config))
    keys = {"SNAKEMAKE_STORAGE_S3_ACCESS_KEY": "none", "SNAKEMAKE_STORAGE_S3_SECRET_KEY": "none"}
    run = project.run_with("kubernetes", "--dry-run", "--storage-s3-endpoint-url", empty_bucket, **keys)
    assert run.status == 0, run.text
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", run.text, re.MULTILINE))
    assert int(jobs["total"]) == 12 and {"fit_linear", "fit_lasso", "report"} <= jobs.keys(), run.text
    assert "s3://my-bucket/lineup/results/report.html (send to storage)" in run.text


# Changes of a profile that Snakemake takes without a word, or says no to, and what the checker says.
CHANGES = {
    "mistyped_mapping": ("set-resources:", "set-resource:", "set-resource is passed over"),
    "mistyped_key": ("latency-wait:", "latency-weight:", "unrecognized arguments: --latency-weight=60"),
    "mistyped_rule": ("  fit_mlp:", "  fit_mpl:", "set-resources names fit_mpl"),
    "mistyped_group": ("  plot_lasso: report", "  plot_laso: report", "groups names plot_laso"),
    "not_grouped": ("  plot_lasso: report\n", "", "plot_lasso is small, and neither local nor in a group"),
    "local_in_group": (
        "  plot_lasso: report",
        "  plot_lasso: report\n  timings: report",
        "timings is local and",
    ),
    "threads_of_none": ("retries: 2", "retries: 2\nset-threads:\n  fit_all: 2", "set-threads names fit_all"),
    "not_growing": ("    gpu: 0", "    gpu: 0\n    mem_mb: 16000", "mem_mb of fit_mlp does not grow"),
    "other_triggers": ("[mtime, params,", "[mtime, code, params,", "rerun-triggers is"),
    "no_triggers": ("rerun-triggers:", "# rerun-triggers:", "rerun-triggers is None"),
    "small_checksum": ("100000000000", "1000000", "max-checksum-file-size is 1000000"),
    "not_again": ("rerun-incomplete: true", "rerun-incomplete: false", "rerun-incomplete is False"),
    "twice": ("retries: 2", "retries: 2\nretries: 3", "retries stands twice"),
    "both_requeue": (
        "slurm-requeue: true",
        "slurm-requeue: true\nslurm-no-requeue: true",
        "mutually exclusive",
    ),
    "no_yaml": ("executor: slurm", "executor: [slurm", "does not take it"),
    "no_plugin": ("executor: slurm", "executor: slrum", "does not take it"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_checker_finds(said, name):
    assert any(CHANGES[name][2] in problem for problem in said[name]["problems"]), said[name]


def test_checker_finds_a_profile_that_is_not_there(said):
    for name in ("not_there", "empty"):
        (problem,) = said[name]["problems"]
        assert problem.endswith(f"{name}/profile.yaml is not there")


def test_checker_finds_rules_that_are_not_for_clusters(tmp_path):
    tree = copy_of_tree(tmp_path / "tree")
    rules = tree / "workflow" / "rules"
    for file, old, new in (
        ("data.smk", "    localrule: True\n", ""),
        ("lasso.smk", "    threads: 1\n", ""),
        ("linear.smk", "        mem_mb=growing(1000, 30),\n", ""),
        ("linear.smk", "        mem_mb=growing(1000, 20),\n", ""),
        ("comparison.smk", "        runtime=growing(10, 0.05),\n", "        runtime=10,\n"),
    ):
        text = (rules / file).read_text(encoding="utf-8")
        assert old in text
        (rules / file).write_text(text.replace(old, new), encoding="utf-8")
    shutil.copytree(ROOT / "profiles" / "slurm", tmp_path / "slurm")
    problems = set(checked(tree, [tmp_path / "slurm"], tmp_path)["slurm"]["problems"])
    assert problems == {
        "fetch is not local, and nodes have no internet",
        "fetch_images is not local, and nodes have no internet",
        "fetch_splits is not local, and nodes have no internet",
        "fit_lasso states no threads",
        "plot_lasso states no threads",
        "fit_linear states no mem_mb",
        "plot_linear states no mem_mb",
        *(
            f"runtime of {name} does not grow with the attempt"
            for name in ("compare", "plot_comparison", "report", "training_sizes")
        ),
    }


def test_memory_and_time_follow_the_data(small_again):
    """A megabyte more asks for 30 more to fit least squares, and for 1.2 s of each of its two splits."""
    splits = small_again.results / "trial" / "splits" / "block_1.parquet"

    def asked():
        text = small_again.run("--dry-run", "--forcerun", "fit_linear").text
        block = re.search(r"^rule fit_linear:\n(.*?)\n\n", text, re.MULTILINE | re.DOTALL)[1]
        return [int(re.search(rf"\b{name}=(\d+)", block)[1]) for name in ("mem_mb", "runtime")]

    assert asked() == [1000, 30]
    os.truncate(splits, 100_000_000)
    assert asked() == [4000, 34]


# Runs a job in an empty folder of its own, with nothing of the run in its environment but the plugins.
SUBMIT = """\
#!/bin/sh
mkdir -p {nodes}/$$ && cp "$1" {nodes}/$$/job.sh && cd {nodes}/$$
env -u LINEUP_RUN sh job.sh > output 2>&1; echo $? > status
echo $$
"""
STATUS = """\
#!/bin/sh
[ "$(cat {nodes}/$1/status)" = 0 ] && echo success || echo failed
"""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("rsync"), reason="the storage plugin for a folder needs rsync")
def test_jobs_that_share_no_folder_give_the_same_bytes(small_run, tmp_path, tell):
    """Snakemake ships an archive of the sources, which has to hold all that the scripts import."""
    nodes, bucket, work = (tmp_path / name for name in ("nodes", "bucket", "work"))
    for name, text in (("submit", SUBMIT), ("status", STATUS)):
        (tmp_path / name).write_text(text.format(nodes=nodes), encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    shutil.copytree(small_run.tree, work)
    (work / "config.yaml").write_text(yaml.safe_dump(small_run.config), encoding="utf-8")
    for command in (["init", "--quiet"], ["add", "."]):  # what git does not know is not shipped
        subprocess.run(["git", *command], cwd=work, check=True)
    variables = with_plugins(all_of_them=True)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    run = snakemake(
        *("--jobs", "2", "--cores", "2", "--executor", "cluster-generic", "--shared-fs-usage", "none"),
        *(
            "--cluster-generic-submit-cmd",
            tmp_path / "submit",
            "--cluster-generic-status-cmd",
            tmp_path / "status",
        ),
        *("--default-storage-provider", "fs", "--default-storage-prefix", bucket, "--job-deploy-sources"),
        *("--seconds-between-status-checks", "0"),
        cwd=work,
        PATH=path,
        **variables,
    )
    told = "".join(file.read_text(encoding="utf-8")[-2000:] for file in nodes.glob("*/output"))
    assert run.status == 0, run.text + told
    assert "Warning: The jobs of this run do not see its folder." in run.text
    made = {
        name: data
        for name, data in contents(bucket / "results").items()
        if not name.startswith(("logs/", "manifest/")) and not name.endswith("timings.csv")
    }
    expected = {name: data for name, data in reproducible(small_run).items() if name in made}
    tell(f"no shared files: {len(list(nodes.iterdir()))} jobs, {len(made)} files equal")
    assert made == expected and "report.html" in made and len(made) > 10
