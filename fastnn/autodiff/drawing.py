"""Drawing a graph with matplotlib: a column of boxes for each distance from the inputs, and lines that keep clear of the boxes."""

from __future__ import annotations

import itertools
from typing import Any

from fastnn.autodiff.graph import Graph, Node, label

Edge = tuple[str, str]
Place = tuple[float, float]


def draw(graph: Graph, axes: Any = None) -> Any:
    """Draw `graph`; see :meth:`Graph.plot`."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("plot needs matplotlib: install it with pip install 'fastnn[plot]', or use to_dot()") from error
    depth = _depths(graph.nodes)
    columns = _columns(graph.nodes, depth)
    tallest = max(map(len, columns))
    if axes is None:
        axes = Figure(figsize=(2.4 * len(columns), 0.4 + 0.9 * tallest), layout="constrained").subplots()
    places = {(x, what): (x, _height(i, column, tallest)) for x, column in enumerate(columns) for i, what in enumerate(column)}
    boxes = {n.name: _box(axes, places[depth[n.name], n.name], n) for n in graph.nodes}
    for start, end in _edges(graph.nodes):
        between = [places[x, (start, end)] for x in range(depth[start] + 1, depth[end])]
        _line(axes, [places[depth[start], start], *between, places[depth[end], end]], boxes[start], boxes[end])
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(-tallest / 2 - 0.1, tallest / 2 + 0.1))
    axes.set_axis_off()
    return axes.figure


def _edges(nodes: list[Node]) -> list[Edge]:
    return [(parent, node.name) for node in nodes for parent in node.parents]


def _depths(nodes: list[Node]) -> dict[str, int]:
    """The longest way to each node from an input; an input stands just before the first node that reads it."""
    depth: dict[str, int] = {}
    for node in nodes:
        depth[node.name] = 1 + max((depth[p] for p in node.parents), default=-1)
    readers = {n.name: [depth[end] for start, end in _edges(nodes) if start == n.name] for n in nodes if n.op == "input"}
    return depth | {name: min(found) - 1 for name, found in readers.items() if found}


def _columns(nodes: list[Node], depth: dict[str, int]) -> list[list[str | Edge]]:
    """What stands in each column from the top: nodes, and edges that pass it; each as high as what leads to it, on the whole."""
    columns: list[list[str | Edge]] = []
    for x in range(max(depth.values()) + 1):
        passing: list[str | Edge] = [edge for edge in _edges(nodes) if depth[edge[0]] < x < depth[edge[1]]]
        column = [*passing, *(n.name for n in nodes if depth[n.name] == x)]
        before = {what: i for i, what in enumerate(columns[-1])} if columns else {}
        columns.append(sorted(column, key=lambda what: _rank(what, nodes, before)))
    return columns


def _rank(what: str | Edge, nodes: list[Node], before: dict[str | Edge, int]) -> float:
    """The mean place, in the column before, of what leads to `what`; inputs go to the top."""
    edges = [what] if isinstance(what, tuple) else [edge for edge in _edges(nodes) if edge[1] == what]
    found = [before[each] for edge in edges for each in (edge, edge[0]) if each in before]
    return sum(found) / len(found) if found else -1.0


def _height(i: int, column: list[Any], tallest: int) -> float:
    return tallest * (0.5 - (i + 0.5) / len(column))


def _line(axes: Any, points: list[Place], start: Any, end: Any) -> None:
    """A line through `points`, from the box `start` to an arrowhead at the box `end`."""
    for i, (a, b) in enumerate(itertools.pairwise(points)):
        last = i == len(points) - 2
        ends = {"patchA": start.get_bbox_patch() if i == 0 else None, "patchB": end.get_bbox_patch() if last else None}
        style = {"arrowstyle": "-|>" if last else "-", "color": "0.4", "shrinkA": 0, "shrinkB": 2 if last else 0, **ends}
        axes.annotate("", xy=b, xytext=a, arrowprops=style)


def _box(axes: Any, place: Place, node: Node) -> Any:
    color = "#dceaf7" if node.op == "input" else "#f5f0dc"
    box = {"boxstyle": "round,pad=0.4", "facecolor": color, "edgecolor": "0.5"}
    return axes.text(*place, label(node), ha="center", va="center", fontsize=8, bbox=box, zorder=3)
