"""Rescaling: a factor and an offset that are known beforehand."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.arrays import as_numbers
from fastnn.layers.layer import Layer, layers
from fastnn.layers.row_normalization import affine, affine_backward
from fastnn.program import Program, Tensor

__all__ = ["Rescaling"]


@layers.register()
class Rescaling(Layer):
    """Computes ``x * scale + offset``, to bring bytes to [0, 1] by ``Rescaling(1 / 255)`` for instance.

    Parameters
    ----------
    scale : float or array_like of shape (features,)
        Of the last axis where it is an array.
    offset : float or array_like of shape (features,)
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Raises
    ------
    ValueError
        For anything but finite numbers, and when built for another number of features.

    Notes
    -----
    As in Keras. `Normalization` learns such numbers from data.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.layers.Rescaling(0.5, offset=-1)([[0, 4]])
    array([[-1.,  1.]], dtype=float32)
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **options: Any):
        super().__init__(**options)
        self.scale, self.offset = self._checked("scale", scale), self._checked("offset", offset)

    def _checked(self, word: str, value: Any) -> float | list[float]:
        given = as_numbers(np.asarray(value), f"layer {self.name!r}: {word}").astype(np.float64)
        if given.ndim > 1 or not np.isfinite(given).all():
            raise ValueError(f"layer {self.name!r}: {word} must be a finite number or a vector of such, got {value!r}")
        return given.tolist()

    def make_parameters(self, features: tuple[int, ...]) -> None:
        for word, value in ("scale", self.scale), ("offset", self.offset):
            if isinstance(value, list) and len(value) not in (1, features[-1]):
                raise ValueError(f"layer {self.name!r}: {word} has {len(value)} entries, samples have {features[-1]} features")

    def lower(self, program: Program, x: Tensor) -> Tensor:
        y = program.successor(x)
        xr, yr = x.rows, y.rows
        scale, offset = (np.full(xr.value.shape[1], value, program.dtype) for value in (self.scale, self.offset))
        program.forward(affine, xr.value, scale, offset, yr.value)
        if x.grad is not None:
            program.backward(affine_backward, yr.grad, scale, xr.grad)
        return y
