"""A learnable mix of the identity and an activation."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn import activations, constraints, initializers, regularizers
from fastnn.backend import op
from fastnn.layers.layer import Layer, layers
from fastnn.program import Program, Tensor

__all__ = ["ActivationMix"]


@op("x (n, m), a (n, m), weight (m) -> y (n, m)", split="n")
def mix(x, a, weight, y):
    """``y = x + (a - x) * weight``; `y` may be `a`."""
    y[...] = x + (a - x) * weight


@op("weight (m), dy (n, m) -> da (n, m)", differentiable=False, split="n")
def mix_backward_activation(weight, dy, da):
    """``da = dy * weight``."""
    np.multiply(dy, weight, out=da)


@op("weight (m), dy (n, m), dx (n, m) -> dx", differentiable=False, split="n")
def mix_backward_input(weight, dy, dx):
    """Add ``dy * (1 - weight)`` to what came through the activation."""
    dx += dy * (1 - weight)


@op("x (n, m), a (n, m), dy (n, m) -> dweight (m)", differentiable=False, split="m")
def mix_backward_weight(x, a, dy, dweight):
    """Sums of ``dy * (a - x)`` over the samples."""
    dweight[:] = np.sum(dy * (a - x), axis=0, dtype=np.float64)


@layers.register()
class ActivationMix(Layer):
    """``x + (activation(x) - x) * weight``, with a weight for each unit that is learned: 0 is the identity, 1 the activation.

    Parameters
    ----------
    activation : str or fastnn.activations.Activation
        One that keeps the shape of its input.
    weight_initializer : str or Initializer
        Ones by default: training begins with the plain activation.
    weight_regularizer : str or Regularizer, optional
    weight_constraint : str or Constraint, optional
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Attributes
    ----------
    weight : Parameter of shape (units,)
        Units are the last axis.

    Raises
    ------
    ValueError
        For an unknown name, or an activation that changes the shape.
    """

    def __init__(
        self,
        activation: Any,
        weight_initializer: Any = "ones",
        weight_regularizer: Any = None,
        weight_constraint: Any = None,
        **options: Any,
    ):
        super().__init__(**options)
        self.activation = activations.get(activation)
        if self.activation.compute_output_shape((2,)) != (2,):
            raise ValueError(f"layer {self.name!r} mixes x with an activation of its shape, {self.activation.name!r} halves it")
        self.weight_initializer = initializers.get(weight_initializer)
        self.weight_regularizer = regularizers.get(weight_regularizer)
        self.weight_constraint = constraints.get(weight_constraint)

    def make_parameters(self, features: tuple[int, ...]) -> None:
        if not features:
            raise ValueError(f"layer {self.name!r} expects samples with at least one axis, got scalars; reshape x to (n, 1)")
        constraint = self.weight_constraint
        self.weight = self.add_weight(features[-1:], self.weight_initializer, "weight", self.weight_regularizer, constraint=constraint)

    def lower(self, program: Program, x: Tensor) -> Tensor:
        if self.activation.forward is None:  # the identity, whatever the weight
            return x
        a, weight = program.tensor(*x.features, needs_grad=x.grad is not None), self.weight
        y = program.tensor(*x.features) if program.training else program.successor(a)
        xr, ar, yr = x.rows, a.rows, y.rows
        if x.grad is not None:  # backward calls run from the last
            program.backward(mix_backward_input, weight.value, yr.grad, xr.grad)
        self.activation.lower(program, x, a)
        program.forward(mix, xr.value, ar.value, weight.value, yr.value)
        if x.grad is not None:
            program.backward(mix_backward_activation, weight.value, yr.grad, ar.grad)
        if program.training:
            program.backward(mix_backward_weight, xr.value, ar.value, yr.grad, weight.grad)
        return y
