"""Radial basis functions: units that answer to inputs near their centre."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn import initializers, random, regularizers
from fastnn.arrays import positive_integer
from fastnn.backend import op
from fastnn.layers.adapting import Adapted
from fastnn.layers.layer import Shape, layers
from fastnn.program import Program, Tensor

__all__ = ["RBF"]


@op("x (n, k), c (k, m) -> d (n, m)", split="n")
def squared_distance(x, c, d):
    """The squared distances of rows of `x` from columns of `c`, as sums of squares: near a centre no digits cancel."""
    d[...] = 0
    for column, row in zip(x.T, c, strict=True):
        d += np.square(column[:, None] - row)


@op("x (n, k), c (k, m), dd (n, m) -> dx (n, k)", differentiable=False, split="n")
def squared_distance_backward_input(x, c, dd, dx):
    """``dx = 2 (x sum_j dd_j - dd c^T)``."""
    np.matmul(dd, c.T, out=dx)
    dx[...] = 2 * (x * dd.sum(axis=1, keepdims=True) - dx)


@op("x (n, k), c (k, m), dd (n, m) -> dc (k, m)", differentiable=False)
def squared_distance_backward_centers(x, c, dd, dc):
    """``dc = 2 (c sum_i dd_i - x^T dd)``."""
    np.matmul(x.T, dd, out=dc)
    dc[...] = 2 * (c * dd.sum(axis=0) - dc)


@op("d (n, m), s (m) -> y (n, m)", split="n", draw={"d": "positive", "s": "positive"})
def gaussian_unit(d, s, y):
    """``y = exp(-d / (2 s^2))`` of squared distances d and widths s."""
    np.exp(d * (-0.5 / np.square(s)), out=y)


@op("d (n, m), s (m), y (n, m), dy (n, m) -> dd (n, m)", differentiable=False, split="n", draw={"d": "positive", "s": "positive"})
def gaussian_unit_backward(d, s, y, dy, dd):
    """``dd = -dy y / (2 s^2)``; `dd` may be `dy`."""
    dd[...] = dy * y * (-0.5 / np.square(s))


@op("d (n, m), s (m), y (n, m), dy (n, m) -> ds (m)", differentiable=False, split="m", draw={"d": "positive", "s": "positive"})
def gaussian_unit_backward_widths(d, s, y, dy, ds):
    """``ds = sum(dy y d) / s^3``."""
    ds[...] = (dy * y * d).sum(axis=0) / s**3


@layers.register("rbf")
class RBF(Adapted):
    """Gaussian units, ``exp(-|x - c|^2 / (2 s^2))``: each has a centre c and a width s, which are learned.

    Call `adapt` with the training data to begin with centres that are samples, or give an initializer.

    Parameters
    ----------
    units : int
        Number of outputs.
    centers_initializer, widths_initializer : str or Initializer
        Of centres, shape (inputs, units), and widths, shape (units,).
    centers_regularizer, widths_regularizer : str or Regularizer, optional
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Attributes
    ----------
    centers : Parameter of shape (inputs, units)
        A column a unit.
    widths : Parameter of shape (units,)

    Raises
    ------
    ValueError
        When `units` is no positive integer, or a name is unknown.

    References
    ----------
    Broomhead & Lowe 1988, "Multivariable functional interpolation and adaptive networks", Complex Systems 2.
    """

    def __init__(
        self,
        units: int,
        centers_initializer: Any = "random_normal",
        widths_initializer: Any = "ones",
        centers_regularizer: Any = None,
        widths_regularizer: Any = None,
        **options: Any,
    ):
        super().__init__(**options)
        self.units = positive_integer(f"layer {self.name!r}: units", units)
        self.centers_initializer = initializers.get(centers_initializer)
        self.widths_initializer = initializers.get(widths_initializer)
        self.centers_regularizer = regularizers.get(centers_regularizer)
        self.widths_regularizer = regularizers.get(widths_regularizer)

    def statistics(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Centres that are samples, and widths that cover the space between them.

        Samples are drawn without repetition by the process-wide generator; the width is the largest distance of two of them over
        ``sqrt(2 units)`` (Haykin 1999, "Neural networks", section 5.13).
        """
        if len(x) < self.units:
            count = f"data has {len(x)} rows, {self.units} units need as many centres"
            raise ValueError(f"layer {self.name!r}: {count}; give more data or take fewer units")
        centers = x[random.generator().permutation(len(x))[: self.units]].T.copy()
        distances = np.zeros((self.units, self.units))
        squared_distance.reference(centers.T, centers, distances)
        width = math.sqrt(distances.max() / (2 * self.units)) or 1.0
        return {"centers": centers, "widths": np.full(self.units, width)}

    def make_parameters(self, features: tuple[int, ...]) -> None:
        if not features:
            raise ValueError(f"layer {self.name!r} expects samples with at least one axis, got scalars; reshape x to (n, 1)")
        self.centers = self.add_weight((features[-1], self.units), self.centers_initializer, "centers", self.centers_regularizer)
        self.widths = self.add_weight((self.units,), self.widths_initializer, "widths", self.widths_regularizer)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    def lower(self, program: Program, x: Tensor) -> Tensor:
        d, y = (program.tensor(*x.features[:-1], self.units) for _ in range(2))
        xr, dr, yr, c, s = x.rows, d.rows, y.rows, self.centers, self.widths
        program.forward(squared_distance, xr.value, c.value, dr.value)
        if x.grad is not None:
            program.backward(squared_distance_backward_input, xr.value, c.value, dr.grad, xr.grad)
        program.backward(squared_distance_backward_centers, xr.value, c.value, dr.grad, c.grad)
        program.forward(gaussian_unit, dr.value, s.value, yr.value)
        program.backward(gaussian_unit_backward, dr.value, s.value, yr.value, yr.grad, dr.grad)
        program.backward(gaussian_unit_backward_widths, dr.value, s.value, yr.value, yr.grad, s.grad)
        return y
