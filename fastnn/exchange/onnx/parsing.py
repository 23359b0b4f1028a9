"""ONNX files as plain Python: a source becomes a graph of nodes and arrays, or an error. Nothing it says is trusted."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from fastnn.extras import require

__all__ = ["Node", "array_of", "opset_of", "parsed"]

OLDEST = 7
"""The operator set since when operators broadcast as NumPy does."""


def parsed(source: Any) -> Any:
    """The `onnx.ModelProto` that a path, bytes, or itself stand for; see :func:`fastnn.from_onnx` for the errors."""
    onnx = require("onnx", "from_onnx", "onnx")
    if isinstance(source, onnx.ModelProto):
        return source
    if isinstance(source, (str, os.PathLike)):
        if not Path(source).is_file():
            raise FileNotFoundError(f"no ONNX file at {os.fspath(source)!r}")
        source = Path(source).read_bytes()
    if not isinstance(source, (bytes, bytearray, memoryview)):
        raise TypeError(f"from_onnx takes a path, bytes or an onnx.ModelProto, got {type(source).__name__}")
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(bytes(source))
    except Exception as error:  # protobuf's own kind, which may not be imported
        raise ValueError(f"from_onnx: it is no ONNX model, or it is damaged ({error})") from error
    return proto


def opset_of(proto: Any) -> int:
    """The version of the standard operators.

    Raises
    ------
    ValueError
        For a file without any, as one that isn't ONNX may look, and for parts of ONNX that a dense graph doesn't need.
    """
    versions = [entry.version for entry in proto.opset_import if entry.domain in STANDARD]
    if not versions or not proto.graph.node:
        raise ValueError("from_onnx: it is no ONNX model, or it is damaged: there are no nodes, or no version of operators")
    if max(versions) < OLDEST:
        raise ValueError(f"from_onnx: it uses opset {max(versions)}, {OLDEST} is the oldest; convert it with onnx.version_converter")
    if proto.functions or proto.graph.sparse_initializer:
        kind = "functions of its own: inline them with onnx.inliner" if proto.functions else "sparse arrays: make them dense"
        raise ValueError(f"from_onnx: it has {kind}")
    return max(versions)


STANDARD = "", "ai.onnx"


def array_of(tensor: Any) -> np.ndarray:
    """A tensor's numbers, without ever opening another file.

    Raises
    ------
    ValueError
        When they lie elsewhere, are no numbers, or not as many as its shape says.
    """
    onnx = require("onnx", "from_onnx", "onnx")
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise ValueError(f"from_onnx: tensor {tensor.name!r} lies in another file; onnx.save(onnx.load(path), one_path) puts all into one")
    size = math.prod(tensor.dims)
    try:
        if min(tensor.dims, default=0) < 0 or size > tensor.ByteSize() * 8:
            raise ValueError(f"shape {tuple(tensor.dims)} doesn't fit its {tensor.ByteSize()} bytes")
        array = onnx.numpy_helper.to_array(tensor)
        if array.dtype.name not in ("float16", "float32", "float64", "int32", "int64", "bool") or array.shape != tuple(tensor.dims):
            raise ValueError(f"it holds {array.dtype}, expected real numbers")
    except Exception as error:  # whatever a damaged tensor makes its reader raise
        raise ValueError(f"from_onnx: tensor {tensor.name!r} is damaged, or no array of numbers: {error}") from error
    return array.astype(np.float32) if array.dtype == np.float16 else array


class Node:
    """One node of a graph.

    Attributes
    ----------
    kind : str
        The operator, with its domain where that isn't the standard one.
    inputs, outputs : list of str
        Names; an input that was left out is ``""``.
    attributes : dict
    label : str
        What errors call it.
    """

    def __init__(self, proto: Any):
        self.kind = proto.op_type if proto.domain in STANDARD else f"{proto.domain}.{proto.op_type}"
        self.inputs, self.outputs = list(proto.input), list(proto.output)
        self.label = f"node {proto.name or next(iter(self.outputs), '')!r} ({self.kind})"
        try:
            self.attributes = {each.name: _attribute(each) for each in proto.attribute}
        except Exception as error:
            raise self.refused(f"its attributes are damaged: {error}") from error

    def refused(self, reason: str) -> ValueError:
        """The error that says why the node can't be read."""
        return ValueError(f"from_onnx: {self.label}: {reason}")

    def number(self, name: str, default: float) -> float:
        """The attribute `name`, a number; float32 as the shortest decimal number that means it."""
        value = self.attributes.get(name, default)
        if not isinstance(value, (int, float)):
            raise self.refused(f"attribute {name!r} must be a number, got {value!r}")
        return float(str(np.float32(value))) if isinstance(value, float) and name in self.attributes else value

    def whole(self, name: str, default: int) -> int:
        """The attribute `name`, an integer."""
        value = self.number(name, default)
        if not isinstance(value, int):
            raise self.refused(f"attribute {name!r} must be an integer, got {value!r}")
        return value


def _attribute(proto: Any) -> Any:
    value = require("onnx", "from_onnx", "onnx").helper.get_attribute_value(proto)
    return value.decode() if isinstance(value, bytes) else value
