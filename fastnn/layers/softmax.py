"""Softmax as a layer."""

from __future__ import annotations

import operator
from typing import Any

from fastnn import activations
from fastnn.layers.activation import Activation
from fastnn.layers.layer import Shape, layers

__all__ = ["Softmax"]


@layers.register()
class Softmax(Activation):
    """``exp(x) / sum(exp(x))`` along the last axis; see :data:`fastnn.activations.softmax`.

    Parameters
    ----------
    axis : int
        The last one, as -1 (the default) or counted from the batch axis, 0.
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Raises
    ------
    ValueError
        When it is built, for another axis than the last.
    """

    def __init__(self, axis: int = -1, **options: Any):
        super().__init__(activations.softmax, **options)
        self.axis = operator.index(axis)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if self.axis not in (-1, len(input_shape) - 1):
            raise ValueError(
                f"layer {self.name!r}: axis must be the last one, -1 or {len(input_shape) - 1}, got {self.axis}; move the axis to the end"
            )
        return super().compute_output_shape(input_shape)
