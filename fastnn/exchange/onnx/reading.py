"""Reading ONNX: a file of fastnn's own as the model it was, any other as the chain of layers that its nodes are."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from fastnn.exchange.onnx.chain import LARGEST_SAMPLE, Chain
from fastnn.exchange.onnx.folding import folded
from fastnn.exchange.onnx.formulas import MOST_NODES, Formula, recognised
from fastnn.exchange.onnx.functions import readers
from fastnn.exchange.onnx.parsing import Node, array_of, opset_of, parsed
from fastnn.exchange.onnx.writing import CONFIG, meaning, model_proto
from fastnn.extras import require
from fastnn.layers import Activation, Input
from fastnn.layers.layer import layers as catalogue
from fastnn.layers.nested import every_layer
from fastnn.models.sequential import Sequential

__all__ = ["read"]


def read(source: Any, output: str | None) -> Sequential:
    """See :func:`fastnn.from_onnx`."""
    proto = parsed(source)
    try:
        return _model(proto, output)
    except ValueError:
        raise
    except Exception as error:  # whatever damaged names and sizes make their reader raise
        raise ValueError(f"from_onnx: it is damaged ({type(error).__name__}: {error})") from error


def _model(proto: Any, output: str | None) -> Sequential:
    opset = opset_of(proto)
    arrays = {tensor.name: array_of(tensor) for tensor in proto.graph.initializer}
    properties = {entry.key: entry.value for entry in proto.metadata_props}
    model = _own(proto, opset, properties, arrays) if output is None else None
    model = model or _Reading(proto.graph, opset, arrays, output).model()
    model.metadata = {key: meaning(value) for key, value in properties.items() if key != CONFIG}
    return model


# ---------------------------------------------------------------------------------------------- files of our own


class _Given(dict[str, np.ndarray]):
    """Weights of a file, none of which may be missing: no other is made, however large a configuration says it is."""

    def pop(self, name: str, default: Any = None) -> Any:
        return super().pop(name)


def _own(proto: Any, opset: int, properties: dict[str, str], arrays: dict[str, np.ndarray]) -> Sequential | None:
    """The model whose configuration the file holds, if writing that gives the same graph: so it is what the nodes say."""
    try:
        config = json.loads(properties[CONFIG])
        made = [catalogue.get(layer) for layer in config["layers"]]
        for layer in every_layer(made):
            layer.loaded = _Given()
        for layer in made:
            layer.load(arrays)
        model = Sequential(made, name=config["name"], dtype=config["dtype"])
        if not model.built:
            model.build(tuple(config["build_input_shape"]))
        size = proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value
        again = model_proto(model, opset, size or None).graph
    except Exception:  # whatever a configuration that isn't one makes its reader raise: the nodes are there to be read
        return None
    same = [_text(each) for each in (*again.node, *again.input, *again.output)] == [
        _text(each) for each in (*proto.graph.node, *proto.graph.input, *proto.graph.output)
    ]
    return model if same and _same_arrays(again, arrays) else None


def _text(part: Any) -> bytes:
    return part.SerializeToString(deterministic=True)


def _same_arrays(graph: Any, arrays: dict[str, np.ndarray]) -> bool:
    ours = {tensor.name: array_of(tensor) for tensor in graph.initializer}
    return ours.keys() == arrays.keys() and all(
        a.dtype == arrays[name].dtype and a.shape == arrays[name].shape and a.tobytes() == arrays[name].tobytes()
        for name, a in ours.items()
    )


# --------------------------------------------------------------------------------------------- anybody's files


class _Reading:
    """A pass over a graph's nodes, in their order.

    It is cut into segments wherever one value alone is still needed. A segment of one node becomes what `nodes` says; one of several must
    be a formula that is known.
    """

    def __init__(self, graph: Any, opset: int, arrays: dict[str, np.ndarray], output: str | None):
        self.graph, self.constants = graph, dict(arrays)
        self.budget = 4 * sum(array.nbytes for array in arrays.values()) + 2**26
        given = [each for each in graph.input if each.name not in arrays]
        if len(given) != 1:
            raise ValueError(f"from_onnx: it has {len(given)} inputs ({', '.join(each.name for each in given)}), a Sequential has one")
        self.value, self.output = given[0].name, self._chosen(output)
        self.chain = self._begun(given[0], opset)
        self.features = self.chain.features
        self.nodes = self._needed([Node(node) for node in graph.node])

    def _chosen(self, output: str | None) -> str:
        known = [each.name for each in self.graph.output]
        if output is None and len(known) != 1:
            raise ValueError(f"from_onnx: it has the outputs {', '.join(known) or 'none'}; choose one: from_onnx(path, output=...)")
        return known[0] if output is None else output

    def _begun(self, given: Any, opset: int) -> Chain:
        kind = require("onnx", "from_onnx", "onnx").TensorProto
        tensor, who = given.type.tensor_type, f"from_onnx: input {given.name!r}"
        if tensor.elem_type not in (kind.FLOAT, kind.DOUBLE, kind.INT64, kind.INT32):
            raise ValueError(f"{who} must be float32, float64, int32 or int64; convert the model")
        sizes = [axis.dim_value for axis in tensor.shape.dim]
        if len(sizes) < 2 or min(sizes[1:]) < 1:
            raise ValueError(f"{who} has the shape {tuple(sizes)}, 0 where it isn't known: give all after the first, that of the samples")
        if math.prod(sizes[1:]) > LARGEST_SAMPLE:
            raise ValueError(f"{who} has samples of shape {tuple(sizes[1:])}, more than {LARGEST_SAMPLE} numbers")
        double = tensor.elem_type == kind.DOUBLE or any(array.dtype == np.float64 for array in self.constants.values())
        self.dtype = "float64" if double else "float32"
        codes = "given" if tensor.elem_type in (kind.INT64, kind.INT32) else ""
        return Chain(tuple(sizes[1:]), sizes[0] if sizes[0] > 0 else -1, codes, opset)

    def _needed(self, nodes: list[Node]) -> list[Node]:
        """Those that lead to the output."""
        needed, kept = {self.output}, []
        for node in reversed(nodes):
            if needed.intersection(node.outputs):
                kept.append(node)
                needed.update(node.inputs)
        return kept[::-1]

    def _segments(self) -> Iterator[list[Node]]:
        """The nodes between two values each of which is all that is still needed; constants are computed on the way."""
        last = {name: place for place, node in enumerate(self.nodes) for name in node.inputs} | {self.output: len(self.nodes)}
        known, segment = {self.value}, list[Node]()
        for place, node in enumerate(self.nodes):
            self._check(node, known)
            if not self._fold(node, bool(segment)):
                segment.append(node)
                known.update(node.outputs)
            live = [name for name in known if last.get(name, -1) > place]
            if segment and live == node.outputs[:1]:
                yield segment
                known, segment, self.value = set(live), [], live[0]
            elif len(segment) > MOST_NODES:
                raise node.refused(f"since {self.value!r} paths run side by side; a Sequential is a chain")
        if segment or self.output != self.value:
            where = segment[-1].label if segment else f"output {self.output!r}"
            raise ValueError(f"from_onnx: {where}: no chain of nodes leads there from the input")

    def _check(self, node: Node, known: set[str]) -> None:
        for name in node.inputs:
            if name and name not in known and name not in self.constants:
                raise node.refused(f"it reads {name!r}, which nothing before it puts out, or which lies on another path")
        if twice := [name for name in node.outputs if name in known or name in self.constants]:
            raise node.refused(f"it puts out {twice[0]!r}, which is there already")

    def _fold(self, node: Node, within: bool) -> bool:
        """Compute the node if it needs nothing but constants, or the shape of the value that has come so far."""
        computed = [name for name in node.inputs if name and name not in self.constants]
        if node.kind == "Shape" and computed == [self.value] and not within:
            result = np.array([0, *self.chain.features], np.int64)  # 0: whatever the number of samples is
        elif computed:
            return False
        else:
            result = folded(node, [self.constants[name] for name in node.inputs if name])
        self._spend(node, result)
        self.constants[node.outputs[0]] = result
        return True

    def _spend(self, node: Node, *arrays: np.ndarray) -> None:
        self.budget -= sum(array.nbytes for array in arrays)
        if self.budget < 0:
            raise node.refused("the model would take several times the memory that the file does")

    def _take(self, segment: list[Node]) -> None:
        """Let the segment become layers."""
        node, before = segment[-1], len(self.chain.steps)
        computed = [name for name in node.inputs if name and name not in self.constants]
        if len(segment) > 1 or len(computed) > 1:
            self._recognise(segment)
        elif node.kind in readers:
            readers[node.kind](self.chain, node, [self.constants.get(name) for name in node.inputs])
        else:
            raise node.refused(f"fastnn has no such operator; there are {', '.join(sorted(readers))}, and formulas of activations")
        self._spend(node, *(array for step in self.chain.steps[before:] for array in step.weights.values()))

    def _recognise(self, segment: list[Node]) -> None:
        node = segment[-1]
        found = recognised(Formula(segment, self.value, node.outputs[0], self.constants, self.chain.rank))
        if found is None:
            kinds = ", ".join(each.kind for each in segment[:8])
            raise node.refused(
                f"paths that branched at {self.value!r} meet there, and what they compute ({kinds}) is no formula known here"
            )
        self.chain.check_upright(node)
        kind, options, factor = found
        if kind is Activation:
            self.chain.activate(node, options["activation"])
        else:
            self.chain.add(node, kind, **options)
        if factor != 1:
            self.chain.affine(node, factor)

    def model(self) -> Sequential:
        """What the nodes make of the input."""
        for segment in self._segments():
            self._take(segment)
        if self.chain.flipped or self.chain.codes:
            raise ValueError(f"from_onnx: output {self.output!r} is transposed, or integers")
        made = [step.made() for step in self.chain.steps if not step.does_nothing] or [Activation("linear")]
        return Sequential([Input(self.features), *made], name=self.graph.name or None, dtype=self.dtype)
