"""The picture of the rules: what is read, that it is drawn clearly, and that it is drawn in a run."""

import os
import subprocess
import sys
from itertools import combinations, pairwise

import networkx as nx
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from support.runs import snakemake
from support.tree import ROOT

from lineup.errors import InputError
from lineup.figures.rulegraph import draw, read_dot, rulegraph

MODELS = ("linear", "lasso", "mlp")
NEEDS = {
    "all": ["report", "timings", "rulegraph"],
    "fetch": [],
    "preprocess": ["fetch"],
    "split": ["preprocess"],
    **{f"fit_{model}": ["preprocess", "split"] for model in MODELS},
    **{f"plot_{model}": [f"fit_{model}"] for model in MODELS},
    "compare": ["preprocess", "split", *(f"fit_{model}" for model in MODELS)],
    "plot_comparison": ["compare"],
    "report": ["compare", "plot_comparison", *(f"plot_{model}" for model in MODELS)],
    "timings": [f"fit_{model}" for model in MODELS],
    "rulegraph": [],
}


def as_dot(needs):
    """Writes a graph as snakemake prints it, after a line that a Snakefile prints."""
    number = {rule: count for count, rule in enumerate(needs)}
    lines = [
        f'\t{count}[label = "{rule}", color = "0.1", style="rounded"];' for rule, count in number.items()
    ]
    lines += [
        f"\t{number[need]} -> {number[rule]}" for rule, all_needs in needs.items() for need in all_needs
    ]
    head = "7 -> 8\ndigraph snakemake_dag {\n    graph[margin=0];\n    node[shape=box, style=rounded];\n"
    return head + "\n".join(lines) + "\n}            \n"


def random_needs(seed):
    """Makes a graph of 14 rules at random, each needing some of those before it."""
    graph = nx.gnp_random_graph(14, 0.25, seed=seed)
    name = {node: f"rule_{node}" + "_x" * (node % 4) for node in graph}
    return {name[node]: [name[other] for other in graph[node] if other < node] for node in graph}


def picture_of(needs, folder, hash_seed="0"):
    """Draws a graph in a process of its own, for which a module stands in for snakemake."""
    folder.mkdir()
    (folder / "snakemake.py").write_text(f"print({as_dot(needs)!r})")
    code = "import logging; from lineup.figures.rulegraph import rulegraph; "
    code += "rulegraph('Snakefile', [], 'graph.svg', logging.getLogger())"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed}
    subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, check=True)
    return (folder / "graph.svg").read_bytes()


def test_reads_rules_and_edges():
    graph = read_dot(as_dot(NEEDS))
    assert set(graph) == set(NEEDS) - {"all"}
    edges = {(need, rule) for rule, needs in NEEDS.items() if rule != "all" for need in needs}
    assert set(graph.edges) == edges


@pytest.mark.parametrize("text", ["", "nothing here", as_dot({"all": []}), as_dot({"a": ["b"], "b": ["a"]})])
def test_refuses_what_cannot_be_drawn(text):
    with pytest.raises(InputError, match="empty or runs in a circle"):
        read_dot(text)


@pytest.mark.parametrize("needs", [NEEDS, {"alone": []}, *map(random_needs, range(8))])
@pytest.mark.long
def test_is_clear(needs):
    """Each rule has one box that holds its name; no two boxes touch, and no arrow runs through one."""
    figure = draw(read_dot(as_dot(needs)))
    FigureCanvasAgg(figure).draw()
    axes = figure.axes[0]
    boxes = {patch: patch.get_window_extent() for patch in axes.patches if isinstance(patch, FancyBboxPatch)}
    arrows = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    texts = [(text.get_text(), text.get_window_extent()) for text in axes.texts]
    assert sorted(name for name, _ in texts) == sorted(set(needs) - {"all"})
    assert len(boxes) == len(texts)
    for one, other in combinations(boxes.values(), 2):
        assert not one.padded(1).overlaps(other)
    for _, extent in texts:
        inside = [box for box in boxes.values() if box.overlaps(extent)]
        assert len(inside) == 1 and inside[0].padded(-1).containsx(extent.x0)
        assert inside[0].padded(-1).containsx(extent.x1)
    for box in boxes.values():
        assert figure.bbox.padded(-2).fully_containsx(box.x0) and figure.bbox.fully_containsx(box.x1)
        assert figure.bbox.padded(-2).fully_containsy(box.y0) and figure.bbox.fully_containsy(box.y1)
    for arrow in arrows:
        for line in arrow.get_transform().transform_path(arrow.get_path()).to_polygons(closed_only=False):
            inner = [box.padded(-1.5) for box in boxes.values()]
            steps = [a + (b - a) * part / 20 for a, b in pairwise(line) for part in range(20)]
            assert not any(box.contains(*point) for box in inner for point in steps)
    reduced = nx.transitive_reduction(read_dot(as_dot(needs)))
    assert len(arrows) == reduced.number_of_edges()


@pytest.mark.long
def test_same_bytes(tmp_path):
    """Neither the order in which snakemake prints the rules nor that of Python's sets shows."""
    turned = {rule: NEEDS[rule][::-1] for rule in reversed(NEEDS)}
    first, second = picture_of(NEEDS, tmp_path / "1", "1"), picture_of(NEEDS, tmp_path / "2", "2")
    assert first == second == picture_of(turned, tmp_path / "3", "3")
    assert b"<text" not in first and b"<dc:date" not in first


@pytest.mark.long
def test_in_a_run(tmp_path):
    """A rule draws the graph while its run holds the lock, with the config of that run."""
    for name in ("lineup", "scripts"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "Snakefile").write_text("""
configfile: "config.yaml"
print("digraph")
rule all:
    input: "graph.svg", [f"last.{n}" for n in range(config["number"])]
rule first:
    output: "first"
    shell: "ls .snakemake/locks > {output}"
rule last:
    input: "first"
    output: "last.{n}"
    shell: "touch {output}"
rule rulegraph:
    input: "first"
    output: svg="graph.svg", record="record.json"
    log: "graph.log"
    params:
        spec={"code": {}, "files": {}},
        snakefile=str(workflow.main_snakefile),
        configfiles=[str(file) for file in workflow.overwrite_configfiles],
    script: "scripts/rulegraph.py"
""")
    (tmp_path / "config.yaml").write_text("number: 0\n")
    (tmp_path / "more.yaml").write_text("number: 2\n")
    profile = tmp_path / "profiles" / "default"  # the picture must not depend on it
    profile.mkdir(parents=True)
    (profile / "config.yaml").write_text("configfile: more.yaml\n")
    with_more = {"first": [], "last": ["first"], "rulegraph": ["first"]}
    without = {"first": [], "rulegraph": ["first"]}
    for needs, options in ((with_more, []), (without, ["--workflow-profile", "none", "--forceall"])):
        run = snakemake("--cores", "1", *options, cwd=tmp_path)
        assert run.status == 0, run.text
        assert (tmp_path / "first").read_text().strip()  # there was a lock
        expected = picture_of(needs, tmp_path / f"{len(needs)} rules")
        assert (tmp_path / "graph.svg").read_bytes() == expected


@pytest.mark.long
def test_says_why_it_failed(tmp_path, monkeypatch, logger):
    (tmp_path / "Snakefile").write_text("rule other:\n    output: 'a'\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"(?s)cannot list the rules of .*No rule to produce all") as caught:
        rulegraph(tmp_path / "Snakefile", [], "graph.svg", logger)
    assert "Traceback" not in str(caught.value)
    assert not (tmp_path / "graph.svg").exists()
