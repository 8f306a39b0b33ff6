"""Draws which rule needs the results of which; an arrow is left out where others lead to the same rule."""

import logging
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import matplotlib
import networkx as nx
import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path as Curve
from matplotlib.textpath import TextPath

from lineup.errors import InputError
from lineup.files import replacing

FONT = FontProperties(family="DejaVu Sans", size=9)
TALL, PAD, GAP, MARGIN = 21, 8, 34, 6  # in points: a box, beside its text, between columns, around all
INK, LINE, FILL = "#1a1a1a", "#0072b2", "#eaf4fb"
Node = str | tuple[str, str, int]  # a rule; or the start, the end and the column of an arrow that passes


def read_dot(text: str) -> nx.DiGraph:
    """Reads what ``snakemake --rulegraph`` prints, into a graph that is always in the same order.

    Args:
        text: What was printed; lines before the graph are passed over.

    Returns:
        The rules but ``all``, each with an edge to those that need its results.

    Raises:
        InputError: If there is no graph, or if a rule needs its own results.
    """
    text = text[max(0, text.find("digraph snakemake_dag")) :]
    names = dict(re.findall(r'^\s*(\d+)\[label = "([^"]+)"', text, re.MULTILINE))
    edges = re.findall(r"^\s*(\d+) -> (\d+)\s*$", text, re.MULTILINE)
    graph = nx.DiGraph()
    graph.add_nodes_from(sorted(names.values()))
    graph.add_edges_from(sorted((names[start], names[end]) for start, end in edges))
    graph.remove_nodes_from(["all"])
    if not graph or not nx.is_directed_acyclic_graph(graph):
        raise InputError("The rule graph is empty or runs in a circle, so it cannot be drawn.")
    return graph


def arrange(graph: nx.DiGraph) -> tuple[list[list[Node]], dict[Node, float]]:
    """Puts each rule to the right of all that it needs, and keeps a way free for each arrow.

    Args:
        graph: The rules and the arrows.

    Returns:
        The columns from left to right, each from top to bottom, and the height of each node,
        counted downwards.
    """
    columns: list[list[Node]] = [list(rules) for rules in nx.topological_generations(graph)]
    number = {rule: column for column, rules in enumerate(columns) for rule in rules}
    steps = nx.Graph()
    for start, end in graph.edges:
        passed = [(start, end, column) for column in range(number[start] + 1, number[end])]
        nx.add_path(steps, [start, *passed, end])
        for node in passed:
            columns[node[2]].append(node)
    height = {node: float(TALL * row) for nodes in columns for row, node in enumerate(nodes)}
    for sweep in range(40):  # Moves each node to the mean of its neighbours on one side, in turns.
        for before, nodes in pairwise(columns[:: -1 if sweep % 2 else 1]):
            wanted = {}
            for node in nodes:
                near = [height[other] for other in before if other in steps.adj.get(node, before)]
                wanted[node] = np.mean(near or height[node])
            nodes.sort(key=wanted.__getitem__)
            place = {nodes[0]: wanted[nodes[0]]}
            for above, node in pairwise(nodes):
                room = 10 + TALL / 2 * (isinstance(above, str) + isinstance(node, str))
                place[node] = max(wanted[node], place[above] + room)
            shift = np.mean([wanted[node] - place[node] for node in nodes if node in steps] or 0)
            height.update({node: round(float(place[node] + shift), 1) for node in nodes})
    return columns, height


def draw(graph: nx.DiGraph) -> Figure:
    """Draws a rule graph.

    Args:
        graph: The rules and all their edges.

    Returns:
        The figure; a unit of its axes is a point.
    """
    graph = graph.copy()  # The reduction itself comes in an order that changes from process to process.
    graph.remove_edges_from(set(graph.edges) - set(nx.transitive_reduction(graph).edges))
    columns, height = arrange(graph)
    left, right, x = {}, {}, MARGIN
    for nodes in columns:
        texts = [TextPath((0, 0), node, prop=FONT) for node in nodes if isinstance(node, str)]
        wide = max(text.get_extents().width for text in texts) + 2 * PAD
        left.update(dict.fromkeys(nodes, x))
        right.update(dict.fromkeys(nodes, x + wide))
        x += wide + GAP
    top, bottom = (end(height.values()) + sign * (TALL / 2 + MARGIN) for end, sign in ((min, -1), (max, 1)))
    wide = x - GAP + MARGIN
    figure = Figure(figsize=(wide / 72, (bottom - top) / 72), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, wide), ylim=(bottom, top))
    axes.set_axis_off()
    for start, end in graph.edges:
        points = [(right[start], height[start])]
        codes = [Curve.MOVETO]
        for node in [node for nodes in columns for node in nodes if node[:2] == (start, end)] + [end]:
            (x, y), level = points[-1], height[node]
            points += [(x + GAP / 2, y), (x + GAP / 2, level), (left[node], level)]
            codes += [Curve.CURVE4] * 3
            if node != end:
                points.append((right[node], level))
                codes.append(Curve.LINETO)
        head = "-|>,head_length=5,head_width=2.2"
        curve = Curve(points, codes)
        axes.add_patch(FancyArrowPatch(path=curve, arrowstyle=head, mutation_scale=1, lw=0.9, color=LINE))
    for rule in graph:
        corner, wide = (left[rule], height[rule] - TALL / 2), right[rule] - left[rule]
        round_box = "round,pad=0,rounding_size=5"
        axes.add_patch(FancyBboxPatch(corner, wide, TALL, round_box, fc=FILL, ec=LINE))
        at = corner[0] + wide / 2, height[rule]
        axes.text(*at, rule, ha="center", va="center_baseline", color=INK, fontproperties=FONT)
    return figure


def rulegraph(
    snakefile: str | Path, configfiles: list[str | Path], svg: str | Path, logger: logging.Logger
) -> None:
    """Draws the rule graph of a workflow; a run of it may be under way, as this takes no lock.

    Args:
        snakefile: The Snakefile.
        configfiles: What the run was given with ``--configfile``, in that order.
        svg: The picture to write, with the same bytes for the same graph.
        logger: Where to report.
    """
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--rulegraph", "dot"]
    command += ["--profile", "none", "--workflow-profile", "none"]
    command += ["--configfile", *map(str, configfiles)] if configfiles else []
    done = subprocess.run([*command, "--", "all"], capture_output=True, text=True)
    if done.returncode:
        raise InputError(f"Snakemake cannot list the rules of {snakefile}. It says: {done.stderr.strip()}")
    graph = read_dot(done.stdout)
    logger.info("There are %d rules with %d edges between them.", len(graph), graph.number_of_edges())
    fixed = {"svg.hashsalt": "rulegraph", "svg.fonttype": "path"}
    with replacing(svg) as temporary, matplotlib.rc_context(fixed):
        about = {"Date": None, "Creator": None, "Title": "Rules of the workflow"}
        draw(graph).savefig(temporary, metadata=about)
