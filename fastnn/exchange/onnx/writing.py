"""Writing a model as ONNX."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._version import __version__
from fastnn.exchange.onnx.graph import Graph
from fastnn.exchange.onnx.layers import emit
from fastnn.extras import require
from fastnn.files import replacing, target_path

if TYPE_CHECKING:
    from fastnn.models.sequential import Sequential

__all__ = ["CONFIG", "OLDEST", "model_proto", "write"]

CONFIG = "fastnn"
"""The entry of a file's metadata that holds the model's configuration as JSON."""
OLDEST = 17
"""The first operator set with LayerNormalization."""
LARGEST = 2**31 - 2**20
"""Bytes that a file may hold: protobuf's limit, less some for the nodes."""


def write(model: Sequential, path: Any, opset: int, batch_size: int | None, name: str | None, metadata: Mapping[str, Any] | None) -> Any:
    """See `Sequential.to_onnx`."""
    onnx = require("onnx", "to_onnx", "onnx")
    target = None if path is None else target_path(path)
    proto = model_proto(model, opset, batch_size, name, metadata)
    onnx.checker.check_model(proto, full_check=True)
    if target is not None:
        with replacing(target, "wb") as file:
            file.write(proto.SerializeToString())
    return proto


def model_proto(
    model: Sequential,
    opset: int = OLDEST,
    batch_size: int | None = None,
    name: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Any:
    """A built model as an `onnx.ModelProto`; errors as in `Sequential.to_onnx`."""
    onnx = require("onnx", "to_onnx", "onnx")
    _check(model, opset, onnx.defs.onnx_opset_version(), batch_size)
    g = Graph(opset, model.dtype)
    _close(g, emit(g, model.layers, "input"))
    properties = _properties(model, metadata)
    kind = onnx.helper.np_dtype_to_tensor_dtype(g.dtype)
    size = batch_size or "batch"
    ends = [
        onnx.helper.make_tensor_value_info(end, kind, [size, *shape[1:]])
        for end, shape in (("input", model.input_shape), ("output", model.output_shape))
    ]
    arrays = [onnx.numpy_helper.from_array(array, each) for each, array in g.initializers.items()]
    graph = onnx.helper.make_graph(g.nodes, name or model.name, ends[:1], ends[1:], arrays)
    version = [onnx.helper.make_opsetid("", opset)]
    proto = onnx.helper.make_model(graph, opset_imports=version, ir_version=onnx.helper.find_min_ir_version_for(version))
    proto.producer_name, proto.producer_version = "fastnn", __version__
    proto.doc_string = graph.doc_string = f"{model.name}: {' -> '.join(layer.name for layer in model.layers)}"
    onnx.helper.set_model_props(proto, properties)
    return proto


def _check(model: Sequential, opset: Any, newest: int, batch_size: Any) -> None:
    model._require_built()
    if not _whole(opset) or not OLDEST <= opset <= newest:
        raise ValueError(f"to_onnx: opset must be an integer from {OLDEST} to {newest}, the newest that this onnx knows, got {opset!r}")
    if batch_size is not None and not (_whole(batch_size) and batch_size > 0):
        raise ValueError(f"to_onnx: batch_size must be a positive integer, or None for any, got {batch_size!r}")
    if sum(parameter.value.nbytes for parameter in model.weights) > LARGEST:
        raise ValueError(f"to_onnx: model {model.name!r} has more than the 2 GB that an ONNX file holds; save it with model.save")


def _whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _close(g: Graph, last: str) -> None:
    """Let what the last node puts out be called ``output``."""
    if not g.nodes or last not in g.nodes[-1].output:
        last = g.Identity(last)
    outputs = g.nodes[-1].output
    outputs[list(outputs).index(last)] = "output"


def _properties(model: Sequential, metadata: Mapping[str, Any] | None) -> dict[str, str]:
    """The configuration, where there is one, and the metadata as text."""
    given = {str(key): _text(key, value) for key, value in (model.metadata if metadata is None else metadata).items()}
    if CONFIG in given:
        raise ValueError(f"to_onnx: metadata {CONFIG!r} is the model's configuration; choose another key")
    try:
        return {CONFIG: json.dumps(model.get_config()), **given}
    except TypeError:  # a part of the user's own that can't be described, a regularizer say: the graph needs none
        return given


def _text(key: str, value: Any) -> str:
    try:
        return value if isinstance(value, str) and meaning(value) == value else json.dumps(value)
    except TypeError as error:
        raise TypeError(f"to_onnx: metadata[{key!r}]: {error}; give text, or what JSON can hold") from None


def meaning(text: str) -> Any:
    """What a file's metadata says: JSON, or else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text
