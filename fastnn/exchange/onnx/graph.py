"""A graph under construction: each node is a method call, ``g.Mul(x, g.Sigmoid(x))``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from fastnn.extras import require
from fastnn.parameters import Parameter

__all__ = ["Graph"]

Value = Any
"""The name of a value; or a parameter, an array or a number, which becomes an initializer. Integers become int64."""


class Graph:
    """Nodes and initializers in the order they are asked for.

    Any operator is a method: its inputs are values, its attributes keywords, and it returns the name of its output.

    Parameters
    ----------
    opset : int
    dtype : {"float32", "float64"}
        Of all that isn't an integer.

    Attributes
    ----------
    nodes : list of onnx.NodeProto
    initializers : dict of str to ndarray
    scope : str
        What the names of new nodes begin with: the path of a layer.
    double : bool
        Whether it computes in float64, for which ONNX Runtime lacks some operators.
    """

    def __init__(self, opset: int, dtype: str):
        self.opset, self.dtype, self.double = opset, np.dtype(dtype), dtype == "float64"
        self.nodes: list[Any] = []
        self.initializers: dict[str, np.ndarray] = {}
        self.scope = ""
        self._known: dict[Any, str] = {}
        self._taken: set[str] = set()

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        if not kind[:1].isupper():
            raise AttributeError(kind)
        return functools.partial(self.add, kind)

    def add(self, kind: str, *inputs: Value, outputs: int = 1, **attributes: Any) -> Any:
        """Append a node.

        Returns
        -------
        str, or list of str
            What it puts out; a list where that are several.
        """
        name = self.unique(f"{self.scope}/{kind}")
        names = [name] if outputs == 1 else [f"{name}:{number}" for number in range(outputs)]
        given = [self._named(value) for value in inputs]
        self.nodes.append(require("onnx", "to_onnx", "onnx").helper.make_node(kind, given, names, name, **attributes))
        return name if outputs == 1 else names

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Nodes that are made within belong to the layer `name`, within what is around it."""
        outer, self.scope = self.scope, f"{self.scope}/{name}" if self.scope else name
        try:
            yield
        finally:
            self.scope = outer

    def unique(self, name: str) -> str:
        """`name`, with a number where it is taken."""
        number, free = 0, name
        while free in self._taken:
            number, free = number + 1, f"{name}_{number + 1}"
        self._taken.add(free)
        return free

    def _named(self, value: Value) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, Parameter):
            return self._initializer(id(value), value.path, value.value)
        array = np.asarray(value)
        array = array if array.dtype == np.int64 else array.astype(self.dtype)
        return self._initializer((array.dtype, array.shape, array.tobytes()), f"{self.scope}/constant", array)

    def _initializer(self, key: Any, name: str, array: np.ndarray) -> str:
        if key not in self._known:
            self._known[key] = self.unique(name)
            self.initializers[self._known[key]] = array
        return self._known[key]

    # ------------------------------------------------------------------------------ what several formulas need

    def reduce(self, kind: str, x: Value, axis: int = -1, keepdims: int = 1) -> str:
        """A ``ReduceMean`` or the like along one axis, which opset 18 made an input of all; ``ReduceSum`` had it before."""
        if self.opset >= 18 or kind == "ReduceSum":
            return self.add(kind, x, [axis], keepdims=keepdims)
        return self.add(kind, x, axes=[axis], keepdims=keepdims)

    def cast(self, x: Value, dtype: Any = None) -> str:
        """`x` as another dtype, the graph's by default."""
        return self.Cast(x, to=require("onnx", "to_onnx", "onnx").helper.np_dtype_to_tensor_dtype(np.dtype(dtype or self.dtype)))
