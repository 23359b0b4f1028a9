"""PReLU: a leaky relu that learns its slopes (He, Zhang, Ren and Sun, ICCV 2015)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn import constraints, initializers, regularizers
from fastnn.backend import op
from fastnn.layers.layer import Layer, layers
from fastnn.program import Program, Tensor

__all__ = ["PReLU"]


@op("z (n, m), alpha (m) -> a (n, m)", split="n")
def prelu(z, alpha, a):
    """``z`` for z > 0, else ``alpha * z``; `a` may be `z`."""
    a[...] = np.where(z > 0, z, alpha * z)


@op("z (n, m), alpha (m), da (n, m) -> dz (n, m)", differentiable=False, split="n")
def prelu_backward(z, alpha, da, dz):
    """Slope 1 for z > 0, else alpha; `dz` may be `da`."""
    np.multiply(da, np.where(z > 0, 1, alpha), out=dz)


@op("z (n, m), da (n, m) -> dalpha (m)", differentiable=False, split="m")
def prelu_backward_alpha(z, da, dalpha):
    """Sums of ``da * min(z, 0)`` over the samples."""
    dalpha[:] = np.sum(da * np.where(z > 0, 0, z), axis=0, dtype=np.float64)


@layers.register("prelu")
class PReLU(Layer):
    """``x`` for x > 0, else ``alpha * x`` with an alpha for each unit, or one for all, that is learned.

    Parameters
    ----------
    alpha_initializer : str or Initializer
        Zeros by default, as in Keras; torch begins with 0.25.
    alpha_regularizer : str or Regularizer, optional
    alpha_constraint : str or Constraint, optional
    shared_axes : int or sequence of int, optional
        Axes, counted from the batch axis 0, along which units share their alpha: ``[1]`` lets all units of a vector have one, as torch's
        ``num_parameters=1``. The first ones of a sample or all of them.
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Attributes
    ----------
    alpha : Parameter
        Of a sample's shape, with 1 for the shared axes.

    Raises
    ------
    ValueError
        For an unknown name; when it is built, for other axes to share.
    """

    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **options: Any,
    ):
        super().__init__(**options)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        shared = [shared_axes] if isinstance(shared_axes, (int, np.integer)) else shared_axes
        self.shared_axes = None if shared is None else [int(axis) for axis in shared]

    def make_parameters(self, features: tuple[int, ...]) -> None:
        shared = sorted(self.shared_axes or [])
        if shared != list(range(1, len(shared) + 1)) or len(shared) > len(features):
            raise ValueError(
                f"layer {self.name!r}: shared_axes must be the first axes of samples of shape {features}, counted from 1, "
                f"got {self.shared_axes}"
            )
        shape = (1,) * len(shared) + features[len(shared) :]
        self.alpha = self.add_weight(shape, self.alpha_initializer, "alpha", self.alpha_regularizer, constraint=self.alpha_constraint)

    def lower(self, program: Program, x: Tensor) -> Tensor:
        y = program.tensor(*x.features) if program.training else program.successor(x)
        units = self.alpha.value.size
        rows = math.prod(x.value.shape) // max(units, 1)
        xr, yr, alpha = x.reshape(rows, units), y.reshape(rows, units), self.alpha.value.reshape(units)
        program.forward(prelu, xr.value, alpha, yr.value)
        if program.training:
            program.backward(prelu_backward_alpha, xr.value, yr.grad, self.alpha.grad.reshape(units))  # type: ignore[union-attr]
        if x.grad is not None:
            program.backward(prelu_backward, xr.value, alpha, yr.grad, xr.grad)
        return y
