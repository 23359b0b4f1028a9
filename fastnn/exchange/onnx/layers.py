"""What each layer becomes: functions ``(g, layer, x)`` that append nodes and return the name of what the layer puts out."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from fastnn import activations
from fastnn import layers as kinds
from fastnn.exchange.onnx.activations import activate
from fastnn.exchange.onnx.graph import Graph
from fastnn.layers import merging
from fastnn.layers.layer import Layer
from fastnn.layers.noise import Noise

__all__ = ["emit", "forms"]

Form = Callable[[Graph, Any, str], str]

forms: dict[type, Form] = {}
"""The classes of layers that are carried."""


def form(*classes: type) -> Callable[[Form], Form]:
    """Decorator: add what layers of these classes become."""

    def add(function: Form) -> Form:
        forms.update(dict.fromkeys(classes, function))
        return function

    return add


def emit(g: Graph, layers: Iterable[Layer], x: str) -> str:
    """Append layers that follow one another.

    Raises
    ------
    ValueError
        When one has no form in ONNX; the message names it.
    """
    for layer in layers:
        with g.inside(layer.name):
            x = _form_of(layer, g.scope)(g, layer, x)
    return x


def _form_of(layer: Layer, path: str) -> Form:
    """That of its class, or of the nearest base from which it differs by nothing but its constructor."""
    for kind in type(layer).__mro__:
        if kind in forms:
            return forms[kind]
        if any(inspect.isfunction(value) and name != "__init__" for name, value in vars(kind).items()):
            break
    raise ValueError(
        f"layer {path!r}: {type(layer).__name__} has no form in ONNX, which takes no Python; compose it of fastnn's own layers, "
        "or write a model of the layers before it"
    )


# ------------------------------------------------------------------------------- what computes nothing, or a table


@form(kinds.InputLayer, kinds.ActivityRegularization, Noise)
def nothing(g: Graph, layer: Layer, x: str) -> str:
    return x


@form(kinds.Flatten, kinds.Reshape)
def reshaped(g: Graph, layer: Layer, x: str) -> str:
    before, after = layer.built_shape, layer.compute_output_shape((None, *layer.built_shape))[1:]  # type: ignore[misc]
    if before == after:
        return x
    return g.Flatten(x, axis=1) if len(after) == 1 else g.Reshape(x, [0, *after])  # type: ignore[misc]


@form(kinds.Columns)
def columns(g: Graph, layer: kinds.Columns, x: str) -> str:
    return g.Gather(x, np.array(layer.indices, np.int64), axis=-1)


@form(kinds.Embedding)
def embedding(g: Graph, layer: kinds.Embedding, x: str) -> str:
    return g.Gather(layer.embeddings, g.cast(x, np.int64))


@form(kinds.CategoryEncoding)
def category_encoding(g: Graph, layer: kinds.CategoryEncoding, x: str) -> str:
    codes = g.cast(x, np.int64)
    if layer.output_mode == "one_hot" and layer.built_shape[-1] == 1:  # type: ignore[index]
        codes = g.Squeeze(codes, [-1])
    hot = g.cast(g.OneHot(codes, np.int64(layer.num_tokens), np.arange(2), axis=-1))
    if layer.output_mode == "one_hot":
        return hot
    return g.reduce("ReduceSum" if layer.output_mode == "count" else "ReduceMax", hot, axis=-2, keepdims=0)


# ---------------------------------------------------------------------------------------------- products


@form(kinds.Dense)
def dense(g: Graph, layer: kinds.Dense, x: str) -> str:
    bias: list[Any] = [layer.bias] if layer.bias else []
    if len(layer.built_shape) == 1:  # type: ignore[arg-type]
        return activate(g, layer.activation, g.Gemm(x, layer.kernel, *bias))
    return activate(g, layer.activation, functools.reduce(g.Add, bias, g.MatMul(x, layer.kernel)))


@form(kinds.PCAWhitening)
def pca_whitening(g: Graph, layer: kinds.PCAWhitening, x: str) -> str:
    return g.MatMul(g.Sub(x, layer.mean), layer.kernel)


@form(kinds.RBF)
def rbf(g: Graph, layer: kinds.RBF, x: str) -> str:
    difference = g.Sub(g.Unsqueeze(x, [-1]), layer.centers)
    squares = g.reduce("ReduceSum", g.Mul(difference, difference), axis=-2, keepdims=0)
    return g.Exp(g.Neg(g.Div(squares, g.Mul(g.Mul(layer.widths, layer.widths), 2.0))))


# ------------------------------------------------------------------------------------------- activations


@form(kinds.Activation, kinds.Softmax)
def activation(g: Graph, layer: kinds.Activation, x: str) -> str:
    return activate(g, layer.activation, x)


@form(kinds.ActivationMix)
def activation_mix(g: Graph, layer: kinds.ActivationMix, x: str) -> str:
    return g.Add(x, g.Mul(g.Sub(activate(g, layer.activation, x), x), layer.weight))


@form(kinds.PReLU)
def prelu(g: Graph, layer: kinds.PReLU, x: str) -> str:
    return g.Where(g.Greater(x, 0.0), x, g.Mul(x, layer.alpha)) if g.double else g.PRelu(x, layer.alpha)


@form(kinds.RReLU)
def rrelu(g: Graph, layer: kinds.RReLU, x: str) -> str:
    return activate(g, activations.leaky_relu.bind(negative_slope=(layer.lower_slope + layer.upper_slope) / 2), x)


# ------------------------------------------------------------------------------ normalizations and scales


@form(kinds.BatchNormalization)
def batch_normalization(g: Graph, layer: kinds.BatchNormalization, x: str) -> str:
    shape = layer.built_shape
    gamma, beta = layer.gamma or np.ones(shape[-1]), layer.beta or np.zeros(shape[-1])  # type: ignore[index]
    rows = x if len(shape) == 1 else g.Reshape(x, [-1, shape[-1]])  # type: ignore[arg-type, index]
    y = g.BatchNormalization(rows, gamma, beta, layer.moving_mean, layer.moving_variance, epsilon=layer.epsilon)
    return y if rows == x else g.Reshape(y, [-1, *shape])  # type: ignore[misc]


def _scaled(g: Graph, layer: Any, x: str) -> str:
    """By the learned factor and offset, where there are such."""
    x = g.Mul(x, layer.gamma) if layer.gamma else x
    return g.Add(x, layer.beta) if layer.beta else x


@form(kinds.LayerNormalization)
def layer_normalization(g: Graph, layer: kinds.LayerNormalization, x: str) -> str:
    learned = [layer.gamma or np.ones(layer.built_shape[-1]), *([layer.beta] if layer.beta else [])]  # type: ignore[index]
    return g.LayerNormalization(x, *learned, axis=-1, epsilon=layer.epsilon)


@form(kinds.GroupNormalization)
def group_normalization(g: Graph, layer: kinds.GroupNormalization, x: str) -> str:
    (features,) = layer.built_shape  # type: ignore[misc]
    groups = features if layer.groups == -1 else layer.groups
    parts = g.Reshape(x, [0, groups, features // groups])
    h = g.LayerNormalization(parts, np.ones(features // groups), axis=-1, epsilon=layer.epsilon)
    return _scaled(g, layer, g.Reshape(h, [0, features]))


@form(kinds.RMSNormalization)
def rms_normalization(g: Graph, layer: kinds.RMSNormalization, x: str) -> str:
    mean_square = g.reduce("ReduceMean", g.Mul(x, x))
    return _scaled(g, layer, g.Div(x, g.Sqrt(g.Add(mean_square, layer.epsilon))))


@form(kinds.UnitNormalization)
def unit_normalization(g: Graph, layer: kinds.UnitNormalization, x: str) -> str:
    return g.Div(x, g.Max(g.reduce("ReduceL2", x), layer.epsilon))


@form(kinds.Normalization, kinds.MinMaxScaling, kinds.RobustScaling)
def scaling(g: Graph, layer: Any, x: str) -> str:
    if layer.invert:
        return g.Add(g.Mul(x, layer.scale), layer.center)
    return g.Div(g.Sub(x, layer.center), layer.scale)


@form(kinds.Rescaling)
def rescaling(g: Graph, layer: kinds.Rescaling, x: str) -> str:
    return g.Add(g.Mul(x, np.array(layer.scale)), np.array(layer.offset))


# ------------------------------------------------------------------------------------------------ branches


@form(kinds.Parallel)
def parallel(g: Graph, layer: kinds.Parallel, x: str) -> str:
    if len(layer.branches) == 1:
        return emit(g, layer.branches[0], x)
    if type(layer.merge) not in merges:
        known = ", ".join(kind.__name__.lower() for kind in merges)
        raise ValueError(f"layer {g.scope!r}: merge {layer.merge.name!r} has no form in ONNX; there are {known}")
    return merges[type(layer.merge)](g, [emit(g, branch, x) for branch in layer.branches])


def _pairwise(kind: str) -> Callable[[Graph, list[str]], str]:
    return lambda g, parts: functools.reduce(g.__getattr__(kind), parts)


merges: dict[type, Callable[[Graph, list[str]], str]] = {
    merging.Add: _pairwise("Add"),
    merging.Subtract: _pairwise("Sub"),
    merging.Multiply: _pairwise("Mul"),
    merging.Maximum: _pairwise("Max"),
    merging.Minimum: _pairwise("Min"),
    merging.Average: lambda g, parts: g.Mul(functools.reduce(g.Add, parts), 1 / len(parts)),
    merging.Concatenate: lambda g, parts: g.Concat(*parts, axis=-1),
}
"""What each way to merge branches becomes."""
