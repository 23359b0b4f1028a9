"""Dense: every output unit sees every input."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn import activations, constraints, initializers, regularizers
from fastnn.backend import op
from fastnn.layers.activation import activated_shape, lower_activation
from fastnn.layers.layer import Layer, Shape, layers
from fastnn.memory import aligned_zeros
from fastnn.program import Program, Tensor

__all__ = ["Dense"]


@op("x (n, k), w (k, m), b (m) -> z (n, m)", split="n")
def dense(x, w, b, z):
    """``z = x @ w + b``."""
    np.matmul(x, w, out=z)
    z += b


@op("dz (n, m), w (k, m) -> dx (n, k)", differentiable=False, split="n")
def dense_backward_input(dz, w, dx):
    """``dx = dz @ w.T``."""
    np.matmul(dz, w.T, out=dx)


@op("x (n, k), dz (n, m) -> dw (k, m)", differentiable=False, split="k")
def dense_backward_kernel(x, dz, dw):
    """``dw = x.T @ dz``."""
    np.matmul(x.T, dz, out=dw)


@op("dz (n, m) -> db (m)", differentiable=False, split="m")
def dense_backward_bias(dz, db):
    """``db``, the sums of dz's columns."""
    np.sum(dz, axis=0, out=db)


@layers.register()
class Dense(Layer):
    """``activation(x @ kernel + bias)``, on the last axis of its input.

    Parameters
    ----------
    units : int
        Number of outputs; a gated activation, ``"glu"`` for instance, halves it.
    activation : str or fastnn.activations.Activation, optional
        Linear by default.
    use_bias : bool
    kernel_initializer, bias_initializer : str or Initializer
    kernel_regularizer, bias_regularizer, activity_regularizer : str or Regularizer, optional
        Penalties on the parameters, and on what the layer puts out: the mean over the batch.
    kernel_constraint, bias_constraint : str or Constraint, optional
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Attributes
    ----------
    kernel : Parameter of shape (inputs, units)
    bias : Parameter of shape (units,) or None

    Raises
    ------
    ValueError
        When `units` is no positive integer or doesn't suit the activation, or a name is unknown.
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **options: Any,
    ):
        super().__init__(**options)
        if isinstance(units, bool) or not isinstance(units, (int, np.integer)) or units <= 0:
            raise ValueError(f"layer {self.name!r}: units must be a positive integer, got {units!r}")
        self.units = int(units)
        self.activation = activations.get(activation)
        activated_shape(self, self.activation, (self.units,))
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.bias = None

    def make_parameters(self, features: tuple[int, ...]) -> None:
        if not features:
            raise ValueError(f"layer {self.name!r} expects samples with at least one axis, got scalars; reshape x to (n, 1)")
        shape = features[-1], self.units
        self.kernel = self.add_weight(shape, self.kernel_initializer, "kernel", self.kernel_regularizer, constraint=self.kernel_constraint)
        if self.use_bias:
            self.bias = self.add_weight(shape[1:], self.bias_initializer, "bias", self.bias_regularizer, constraint=self.bias_constraint)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return activated_shape(self, self.activation, (*input_shape[:-1], self.units))

    def lower(self, program: Program, x: Tensor) -> Tensor:
        z = program.tensor(*x.features[:-1], self.units)
        xr, zr, w = x.rows, z.rows, self.kernel
        program.forward(dense, xr.value, w.value, self.bias.value if self.bias else aligned_zeros(self.units, self.dtype), zr.value)
        program.backward(dense_backward_kernel, xr.value, zr.grad, w.grad)
        if self.bias:
            program.backward(dense_backward_bias, zr.grad, self.bias.grad)
        if x.grad is not None:
            program.backward(dense_backward_input, zr.grad, w.value, xr.grad)
        a = lower_activation(self.activation, program, z)
        return a if self.activity_regularizer is None else program.penalize(self.activity_regularizer, a)
