"""Flatten: every sample becomes a vector."""

from __future__ import annotations

import math

from fastnn.layers.layer import Layer, Shape, layers
from fastnn.program import Program, Tensor

__all__ = ["Flatten"]


@layers.register()
class Flatten(Layer):
    """Turns samples of any shape into vectors, without moving a byte: ``(n, 28, 28)`` becomes ``(n, 784)``.

    Parameters
    ----------
    name : str, optional
    input_shape : tuple of int, optional
    """

    def __init__(self, name: str | None = None, input_shape: tuple[int, ...] | None = None):
        super().__init__(name, input_shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], math.prod(input_shape[1:]))  # type: ignore[arg-type]

    def lower(self, program: Program, x: Tensor) -> Tensor:
        return x.reshape(len(x.value), math.prod(x.features))
