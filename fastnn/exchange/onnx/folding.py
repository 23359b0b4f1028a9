"""Nodes that compute from nothing but constants: exporters leave some, transposed weights for instance."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.exchange.onnx.parsing import Node, array_of
from fastnn.extras import require

__all__ = ["folded"]


def folded(node: Node, given: list[np.ndarray]) -> np.ndarray:
    """What the node puts out.

    Raises
    ------
    ValueError
        For an operator that isn't known here, or arrays that it doesn't take.
    """
    if node.kind not in folds:
        raise node.refused(f"of constants only {', '.join(sorted(folds))} are computed; simplify the graph before")
    try:
        return np.asarray(folds[node.kind](node, *given))
    except Exception as error:
        raise node.refused(f"it can't be computed: {error}") from error


def constant(node: Node) -> Any:
    for name, value in node.attributes.items():
        if name == "value":
            return array_of(value)
        if name in ("value_float", "value_floats", "value_int", "value_ints"):
            return np.asarray(value, np.float32 if "float" in name else np.int64)
    raise ValueError("it has no numbers")


def cast(node: Node, x: np.ndarray) -> np.ndarray:
    dtype = require("onnx", "from_onnx", "onnx").helper.tensor_dtype_to_np_dtype(node.whole("to", 0))
    if dtype.name not in ("float32", "float64", "int32", "int64", "bool"):
        raise ValueError(f"{dtype} isn't there")
    return x.astype(dtype)


def elementwise(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of arrays, none of which grows."""

    def fold(node: Node, *given: np.ndarray) -> Any:
        if math.prod(np.broadcast_shapes(*(x.shape for x in given))) > max(x.size for x in given):
            raise ValueError("the result is larger than what it is made of")
        with np.errstate(all="ignore"):
            return function(*given).astype(given[0].dtype)

    return fold


def axes_of(node: Node, *rest: np.ndarray) -> tuple[int, ...]:
    """The axes of a node that has them as an attribute or, since opset 13, as an input."""
    given = rest[0].tolist() if rest else node.attributes.get("axes", [])
    return tuple(int(axis) for axis in np.atleast_1d(given))


def few(node: Node, x: np.ndarray, index: np.ndarray) -> np.ndarray:
    if x.ndim != 1 or index.size > x.size:
        raise ValueError("it takes numbers from other than a vector")
    return np.take(x, index)


folds: dict[str, Callable[..., Any]] = {
    "Constant": constant,
    "Cast": cast,
    "Identity": lambda node, x: x,
    "Transpose": lambda node, x: np.transpose(x, node.attributes.get("perm")),
    "Reshape": lambda node, x, shape: x.reshape([x.shape[i] if size == 0 else int(size) for i, size in enumerate(shape)]),
    "Squeeze": lambda node, x, *rest: np.squeeze(x, axes_of(node, *rest) or None),
    "Unsqueeze": lambda node, x, *rest: np.expand_dims(x, axes_of(node, *rest)),
    "Concat": lambda node, *given: np.concatenate(given, node.whole("axis", 0)),
    "Gather": few,
    "Add": elementwise(np.add),
    "Sub": elementwise(np.subtract),
    "Mul": elementwise(np.multiply),
    "Div": elementwise(np.divide),
    "Sqrt": elementwise(np.sqrt),
    "Neg": elementwise(np.negative),
    "Reciprocal": elementwise(lambda x: 1 / x),
}
"""The operators that are computed."""
