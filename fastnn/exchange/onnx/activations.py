"""What each activation becomes: functions ``name(g, x, **parameters)``, called as fastnn calls the activation.

One operator where ONNX has it and ONNX Runtime computes it in the graph's dtype, else the formula, written so that no digits are lost.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.activations import Activation
from fastnn.activations.saturating import SELU_ALPHA, SELU_SCALE
from fastnn.activations.smooth import LAMBERT
from fastnn.exchange.onnx.graph import Graph

__all__ = ["activate", "forms"]

Form = Callable[..., str]

forms: dict[str, Form] = {}
"""The activations that are carried, by name."""


def form(function: Form) -> Form:
    """Decorator: add what the activation of this name becomes."""
    forms[function.__name__] = function
    return function


def activate(g: Graph, activation: Activation, x: str) -> str:
    """Append `activation` of `x`.

    Raises
    ------
    ValueError
        For an activation of the user's own.
    """
    if activation.name not in forms:
        raise ValueError(f"layer {g.scope!r}: activation {activation.name!r} has no form in ONNX; there are {', '.join(forms)}")
    return forms[activation.name](g, x, **activation.parameters)


def operator(name: str, kind: str, **attributes: Any) -> None:
    """Add an activation that is one operator in either dtype."""
    forms[name] = lambda g, x: g.add(kind, x, **attributes)


operator("sigmoid", "Sigmoid")
operator("tanh", "Tanh")
operator("exponential", "Exp")
operator("softmax", "Softmax", axis=-1)
operator("log_softmax", "LogSoftmax", axis=-1)


@form
def linear(g: Graph, x: str) -> str:
    return x


# -------------------------------------------------------------------------------------------------- piecewise


@form
def relu(g: Graph, x: str, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> str:
    if not negative_slope and not threshold:
        return g.Relu(x) if max_value is None else g.Clip(x, 0.0, max_value)
    below = g.Mul(g.Sub(x, threshold), negative_slope)
    return g.Where(g.LessOrEqual(x, threshold), below, x if max_value is None else g.Min(x, max_value))


@form
def relu6(g: Graph, x: str) -> str:
    return g.Clip(x, 0.0, 6.0)


@form
def leaky_relu(g: Graph, x: str, negative_slope: float) -> str:
    return g.Where(g.Greater(x, 0.0), x, g.Mul(x, negative_slope)) if g.double else g.LeakyRelu(x, alpha=negative_slope)


@form
def threshold(g: Graph, x: str, threshold: float, default_value: float) -> str:
    return g.Where(g.LessOrEqual(x, threshold), default_value, x)


@form
def step(g: Graph, x: str) -> str:
    return g.cast(g.GreaterOrEqual(x, 0.0))


@form
def hard_sigmoid(g: Graph, x: str) -> str:
    return g.Clip(g.Add(g.Mul(x, 1 / 6), 0.5), 0.0, 1.0) if g.double else g.HardSigmoid(x, alpha=1 / 6, beta=0.5)


@form
def hard_tanh(g: Graph, x: str, min_value: float, max_value: float) -> str:
    return g.Clip(x, min_value, max_value)


@form
def hard_silu(g: Graph, x: str) -> str:
    return g.Mul(x, hard_sigmoid(g, x)) if g.double else g.HardSwish(x)


@form
def hard_shrink(g: Graph, x: str, threshold: float) -> str:
    return g.Where(g.LessOrEqual(g.Abs(x), threshold), 0.0, x)


@form
def soft_shrink(g: Graph, x: str, threshold: float) -> str:
    return g.Sub(x, g.Clip(x, -threshold, threshold))


@form
def sparse_sigmoid(g: Graph, x: str) -> str:
    return g.Mul(g.Clip(g.Add(x, 1.0), 0.0, 2.0), 0.5)


@form
def sparse_plus(g: Graph, x: str) -> str:
    half = sparse_sigmoid(g, x)
    return g.Where(g.GreaterOrEqual(x, 1.0), x, g.Mul(half, half))


# ------------------------------------------------------------------------------------------------- saturating


@form
def softsign(g: Graph, x: str) -> str:
    return g.Div(x, g.Add(g.Abs(x), 1.0)) if g.double else g.Softsign(x)


def _expm1_below(g: Graph, x: str) -> str:
    return g.Sub(g.Exp(g.Min(x, 0.0)), 1.0)


@form
def elu(g: Graph, x: str, alpha: float) -> str:
    return g.Where(g.Greater(x, 0.0), x, g.Mul(_expm1_below(g, x), alpha)) if g.double else g.Elu(x, alpha=alpha)


@form
def selu(g: Graph, x: str) -> str:
    return g.Mul(elu(g, x, SELU_ALPHA), SELU_SCALE) if g.double else g.Selu(x)


@form
def celu(g: Graph, x: str, alpha: float) -> str:
    if not g.double:
        return g.Celu(x, alpha=alpha)
    return g.Add(g.Relu(x), g.Mul(_expm1_below(g, g.Div(x, alpha)), alpha))


# ----------------------------------------------------------------------------------------------------- smooth


@form
def softplus(g: Graph, x: str) -> str:
    return g.Add(g.Relu(x), g.Log(g.Add(g.Exp(g.Neg(g.Abs(x))), 1.0))) if g.double else g.Softplus(x)


@form
def log_sigmoid(g: Graph, x: str) -> str:
    return g.Neg(softplus(g, g.Neg(x)))


@form
def squareplus(g: Graph, x: str, b: float) -> str:
    half = g.Mul(g.Add(g.Abs(x), g.Sqrt(g.Add(g.Mul(x, x), b))), 0.5)
    return g.Where(g.Less(x, 0.0), g.Div(b / 4, half), half)


@form
def silu(g: Graph, x: str) -> str:
    return g.Mul(x, g.Sigmoid(x))


def _erf(g: Graph, x: str) -> str:
    """ONNX Runtime has it in float32 alone, which is right to 1e-7 of 1."""
    return g.cast(g.Erf(g.cast(x, "float32"))) if g.double else g.Erf(x)


@form
def gelu(g: Graph, x: str, approximate: bool = False) -> str:
    if g.opset >= 20 and not g.double:
        return g.Gelu(x, approximate="tanh" if approximate else "none")
    if approximate:
        cubic = g.Add(x, g.Mul(g.Mul(g.Mul(x, x), x), 0.044715))
        return g.Mul(g.Mul(x, g.Add(g.Tanh(g.Mul(cubic, math.sqrt(2 / math.pi))), 1.0)), 0.5)
    return g.Mul(g.Mul(x, g.Add(_erf(g, g.Div(x, math.sqrt(2))), 1.0)), 0.5)


@form
def mish(g: Graph, x: str) -> str:
    return g.Mul(x, g.Tanh(softplus(g, x)))


@form
def tanh_shrink(g: Graph, x: str) -> str:
    """Near 0 by the series of :data:`fastnn.activations.tanh_shrink`: the difference has no digits there."""
    above, below = LAMBERT[g.dtype.name]
    near = g.Clip(x, -2.0, 2.0)
    square = g.Mul(near, near)
    series = g.Mul(g.Mul(near, square), g.Div(_polynomial(g, square, above), _polynomial(g, square, below)))
    return g.Where(g.Less(g.Abs(x), 2.0), series, g.Sub(x, g.Tanh(x)))


def _polynomial(g: Graph, x: str, coefficients: list[float]) -> str:
    value: Any = coefficients[-1]
    for c in coefficients[-2::-1]:
        value = g.Add(g.Mul(value, x), c)
    return value


# --------------------------------------------------------------------------------------------------- rowwise


@form
def softmin(g: Graph, x: str) -> str:
    return g.Softmax(g.Neg(x), axis=-1)


@form
def sparsemax(g: Graph, x: str) -> str:
    """``max(x - t, 0)`` with ``t = max_k (sum of the k largest - 1) / k`` (Martins & Astudillo 2016, algorithm 1)."""
    d = g.Sub(x, g.reduce("ReduceMax", x))
    columns = g.Gather(g.Shape(x), [-1])
    falling, _ = g.TopK(d, columns, axis=-1, outputs=2)
    counts = g.cast(g.Range(np.int64(1), g.Squeeze(g.Add(columns, [1])), np.int64(1)))
    means = g.Div(g.Sub(g.CumSum(falling, np.int64(-1)), 1.0), counts)
    return g.Relu(g.Sub(d, g.reduce("ReduceMax", means)))


def gated(name: str, gate: str) -> None:
    """Add a unit whose last half of columns, through the activation `gate`, multiplies the first."""

    def emit(g: Graph, x: str) -> str:
        first, last = g.Split(x, axis=-1, outputs=2, **({"num_outputs": 2} if g.opset >= 18 else {}))
        return g.Mul(first, forms[gate](g, last))

    forms[name] = emit


gated("glu", "sigmoid")
gated("reglu", "relu")
gated("geglu", "gelu")
gated("swiglu", "silu")
