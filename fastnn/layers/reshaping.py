"""Layers that compute nothing: another shape, or some of the columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn.backend import op
from fastnn.layers.layer import Layer, Shape, layers
from fastnn.program import Program, Tensor

__all__ = ["Columns", "Reshape"]


@layers.register()
class Reshape(Layer):
    """Gives samples another shape, without moving a byte: of (n, 12), ``Reshape((3, 4))`` makes (n, 3, 4).

    Parameters
    ----------
    target_shape : tuple of int
        Without the batch axis; one entry may be -1, which is what remains.
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Raises
    ------
    ValueError
        For a shape that isn't one, or holds another number of entries than a sample.
    """

    def __init__(self, target_shape: Sequence[int] | int, **options: Any):
        super().__init__(**options)
        given = (target_shape,) if isinstance(target_shape, (int, np.integer)) else tuple(target_shape)
        whole = all(isinstance(size, (int, np.integer)) and (size > 0 or size == -1) for size in given)
        if not given or not whole or given.count(-1) > 1:
            raise ValueError(f"layer {self.name!r}: target_shape must be positive integers, of which one may be -1, got {target_shape!r}")
        self.target_shape = tuple(int(size) for size in given)

    def make_parameters(self, features: tuple[int, ...]) -> None:
        self.compute_output_shape((None, *features))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        entries, stated = math.prod(input_shape[1:]), math.prod(size for size in self.target_shape if size != -1)  # type: ignore[arg-type]
        if entries % stated or (-1 not in self.target_shape and entries != stated):
            raise ValueError(f"layer {self.name!r}: samples of shape {tuple(input_shape[1:])} can't become {self.target_shape}")
        return (input_shape[0], *(entries // stated if size == -1 else size for size in self.target_shape))

    def check_samples(self, x: np.ndarray) -> np.ndarray:
        return x.reshape(len(x), *self.compute_output_shape(x.shape)[1:])  # type: ignore[arg-type]

    def lower(self, program: Program, x: Tensor) -> Tensor:
        return x.reshape(len(x.value), *self.compute_output_shape(x.value.shape)[1:])  # type: ignore[arg-type]


@op("x (n, k), index (m) int64 -> y (n, m)", split="n")
def take_columns(x, index, y):
    """The columns of `x` that `index` names; NaN for one that isn't there."""
    known = (index >= 0) & (index < x.shape[1])
    y[:, known] = x[:, index[known]]
    y[:, ~known] = np.nan


@op("dy (n, m), index (m) int64 -> dx (n, k)", differentiable=False, split="n")
def take_columns_backward(dy, index, dx):
    """The gradient of each column is the sum of those of all its copies."""
    dx[...] = 0
    for column, number in enumerate(index):
        if 0 <= number < dx.shape[1]:
            dx[:, number] += dy[:, column]


@layers.register()
class Columns(Layer):
    """Passes some of the features on: the inputs of one branch, say, of a table with numbers and categories.

    Parameters
    ----------
    indices : list of int
        Which, in this order; negative ones count from the end.
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Raises
    ------
    ValueError
        For what isn't integers, or features that aren't there.

    Examples
    --------
    >>> import fastnn
    >>> from fastnn.layers import Columns, Embedding, Flatten, Normalization, Parallel
    >>> numbers, colour = [Columns([0, 1]), Normalization()], [Columns([2]), Embedding(8, 3), Flatten()]
    >>> Parallel([numbers, colour]).compute_output_shape((None, 3))
    (None, 5)
    """

    def __init__(self, indices: Sequence[int], **options: Any):
        super().__init__(**options)
        given = np.asarray(indices)
        if given.ndim != 1 or given.dtype.kind not in "iu" or not given.size:
            raise ValueError(f"layer {self.name!r}: indices must be a list of integers, got {indices!r}")
        self.indices = [int(i) for i in given]

    def make_parameters(self, features: tuple[int, ...]) -> None:
        self._numbers(features)

    def _numbers(self, features: tuple[int, ...]) -> np.ndarray:
        width = features[-1] if features else 0
        if missing := [i for i in self.indices if not -width <= i < width]:
            raise ValueError(f"layer {self.name!r}: there is no feature {missing[0]}, inputs have shape {features}")
        return np.array([i % width for i in self.indices], np.int64)

    def check_samples(self, x: np.ndarray) -> np.ndarray:
        return x[..., self._numbers(x.shape[1:])]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], len(self.indices))

    def lower(self, program: Program, x: Tensor) -> Tensor:
        y = program.tensor(*x.features[:-1], len(self.indices), needs_grad=x.grad is not None)
        index = self._numbers(x.features)
        program.forward(take_columns, x.rows.value, index, y.rows.value)
        if x.grad is not None:
            program.backward(take_columns_backward, y.rows.grad, index, x.rows.grad)
        return y
