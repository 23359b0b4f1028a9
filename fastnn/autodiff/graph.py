"""The graph of what a function computes: printed as a table, as Graphviz source, and drawn."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnn.autodiff.forward import Forward
from fastnn.autodiff.inputs import as_input, as_output, called, one_number
from fastnn.autodiff.primitive import Primitive
from fastnn.autodiff.reverse import Record, Reverse, gradients
from fastnn.autodiff.traced import Traced, raw
from fastnn.text_table import TextTable, brief

SIGNS = {"np.add": "+", "np.subtract": "-", "np.multiply": "*", "np.divide": "/", "np.matmul": "@", "np.power": "**"}
"""How operations of two arguments are written between them."""


@dataclass
class Node:
    """An input, or the result of one operation.

    Attributes
    ----------
    name : str
        An input's own, or ``"v1"``, ``"v2"`` in the order of computation.
    op : str
        The operation, ``"input"`` for an input.
    inputs : tuple of str
        The names of the nodes, and the constants, that it is applied to.
    parents : tuple of str
        The names of the nodes alone.
    value, gradient, tangent : array or None
        Its value; the derivative of the graph's result by it; its change when the inputs change.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    parents: tuple[str, ...]
    value: Any
    gradient: Any = None
    tangent: Any = None

    @property
    def expression(self) -> str:
        """The operation as a formula, ``"x * y"`` or ``"exp(v1)"``."""
        sign = SIGNS.get(f"np.{self.op}")
        if sign and len(self.inputs) == 2:
            return f" {sign} ".join(self.inputs)
        return f"{self.op}({', '.join(self.inputs)})"


class Graph(TextTable):
    """What a function computed, operation by operation, with the gradient of its result by each; :func:`graph` makes one.

    It prints as a table of node, op, inputs, value and gradient.

    Attributes
    ----------
    nodes : list of Node
        Inputs first, then the operations in their order, the result last.
    """

    def __init__(self, f: Callable[..., Any], arrays: Sequence[Any], names: Sequence[str]):
        self._f, self._arrays, self._names = f, arrays, names
        self.nodes = _nodes(f, arrays, names)
        super().__init__(["node", "op", "inputs", "value", "gradient"], self._rows("gradient"))

    def _rows(self, derivative: str) -> list[tuple[Any, ...]]:
        return [(n.name, n.op, ", ".join(n.inputs), n.value, getattr(n, derivative)) for n in self.nodes]

    def forward(self, *tangents: Any) -> TextTable:
        """The same operations in forward mode.

        Parameters
        ----------
        *tangents : array_like
            The change of each input, ``forward(1, 0)`` for the derivative by the first of two numbers.

        Returns
        -------
        TextTable
            Of node, op, inputs, value and tangent.

        Raises
        ------
        ValueError
            When there isn't one tangent an input, of its shape.
        """
        if [np.shape(t) for t in tangents] != [np.shape(a) for a in self._arrays]:
            shapes = ", ".join(str(np.shape(a)) for a in self._arrays)
            raise ValueError(
                f"forward needs a tangent for each input, of shapes {shapes}, got {', '.join(str(np.shape(t)) for t in tangents)}"
            )
        trace = Forward()
        given = [Traced(trace, a, np.asarray(t, a.dtype)) for a, t in zip(self._arrays, tangents, strict=True)]
        rows = [(n.name, n.op, ", ".join(n.inputs), n.value, n.tangent) for n in _nodes(self._f, given, self._names)]
        return TextTable(["node", "op", "inputs", "value", "tangent"], rows)

    def to_dot(self) -> str:
        """The graph in Graphviz' language: save it as ``graph.dot`` and run ``dot -Tsvg graph.dot``."""
        lines = ["digraph {", "  rankdir=LR", "  node [shape=box, fontname=Helvetica]"]
        lines += [f"  {_quoted(n.name)} [label={_quoted(label(n))}{', style=rounded' if n.op == 'input' else ''}]" for n in self.nodes]
        lines += [f"  {_quoted(parent)} -> {_quoted(n.name)}" for n in self.nodes for parent in n.parents]
        return "\n".join([*lines, "}", ""])

    def plot(self, ax: Any = None) -> Any:
        """Draw the graph, inputs on the left, the result on the right.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where; a new figure by default.

        Returns
        -------
        matplotlib Figure

        Raises
        ------
        ImportError
            When matplotlib isn't installed.
        """
        from fastnn.autodiff.drawing import draw

        return draw(self, ax)


def graph(f: Callable[..., Any], *arrays: Any, names: Sequence[str] | None = None) -> Graph:
    """The graph of ``f(*arrays)``: every operation with its value and its gradient.

    Parameters
    ----------
    f : callable
        As for :func:`vjp`, giving one number; small enough to look at.
    *arrays : array_like
        Its arguments.
    names : sequence of str, optional
        What to call them; as `f` does by default.

    Returns
    -------
    Graph

    Raises
    ------
    TypeError, ValueError
        As :func:`grad`; where the result depends on no argument, and for another number of names.

    Examples
    --------
    >>> from fastnn.autodiff import graph
    >>> print(graph(lambda x, y, z: x**2 * y / z, 3, 4, 2))
    node  op        inputs  value  gradient
    x     input                 3        12
    y     input                 4       4.5
    z     input                 2        -9
    v1    square    x           9         2
    v2    multiply  v1, y      36       0.5
    v3    divide    v2, z      18         1
    """
    inputs = [as_input(a, i, f) for i, a in enumerate(arrays)]
    chosen = list(names) if names is not None else _parameters(f, len(inputs))
    if len(chosen) != len(inputs) or len(set(chosen)) < len(chosen):
        raise ValueError(f"graph: {len(inputs)} arguments need as many different names, got {chosen}")
    return Graph(f, inputs, chosen)


def _parameters(f: Callable[..., Any], count: int) -> list[str]:
    try:
        named = [p.name for p in inspect.signature(f).parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    except ValueError:  # a ufunc of older NumPy
        named = []
    return [named[i] if i < len(named) else f"x{i}" for i in range(count)]


def _nodes(f: Callable[..., Any], arrays: Sequence[Any], names: Sequence[str]) -> list[Node]:
    trace = Reverse()
    leaves = [trace.leaf(a) for a in arrays]
    y = as_output(f(*leaves), f)
    one_number(y, f)
    if not (isinstance(y, Traced) and y.mark is not None and y.trace is trace):
        raise ValueError(f"graph: the result of {called(f)} doesn't depend on its arguments")
    found = gradients(y.mark, np.ones_like(raw(y)))
    known = {leaf.mark: name for leaf, name in zip(leaves, names, strict=True)}
    inner = sorted((record for record in found if record not in known), key=lambda record: record.number)
    known |= {record: f"v{i}" for i, record in enumerate(inner, 1)}
    zeros = {leaf.mark: np.zeros_like(raw(leaf)) for leaf in leaves}
    return [_node(record, known, (zeros | found)[record]) for record in [*(leaf.mark for leaf in leaves), *inner]]


def _node(record: Record, known: dict[Record, str], gradient: Any) -> Node:
    own = record.value
    tangent = own.mark if isinstance(own, Traced) else None
    if record.primitive is None:
        return Node(known[record], "input", (), (), raw(own), raw(gradient), tangent)
    arguments = [known[record.parents[i]] if i in record.parents else _constant(a) for i, a in enumerate(record.args)]
    shown = arguments[: len(record.primitive.rules)] + _options(record.primitive, record.args)
    parents = tuple(dict.fromkeys(known[p] for p in record.parents.values()))
    return Node(
        known[record], record.primitive.name.rpartition("np.")[2].lstrip("_"), tuple(shown), parents, raw(own), raw(gradient), tangent
    )


def _constant(a: Any) -> str:
    plain = raw(a)
    return brief(plain) if np.ndim(plain) == 0 else f"array{np.shape(plain)}"


def _options(primitive: Primitive, args: Sequence[Any]) -> list[str]:
    """What the operation was told beside its arrays, where it isn't the default."""
    given = list(zip(primitive.parameters, args, strict=False))[len(primitive.rules) :]
    return [f"{p.name}={raw(a)}" for p, a in given if p.default is p.empty or raw(a) is not p.default]


def label(node: Node) -> str:
    """What a picture says of a node, in lines."""
    first = node.name if node.op == "input" else f"{node.name} = {node.expression}"
    return f"{first}\nvalue {brief(node.value)}\ngradient {brief(node.gradient)}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
