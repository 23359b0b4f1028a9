"""Flatten: every sample becomes a vector."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn.layers.layer import Layer, Shape, layers
from fastnn.program import Program, Tensor

__all__ = ["Flatten"]


@layers.register()
class Flatten(Layer):
    """Turns samples of any shape into vectors, without moving a byte: ``(n, 28, 28)`` becomes ``(n, 784)``.

    Parameters
    ----------
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.
    """

    def __init__(self, **options: Any):
        super().__init__(**options)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], math.prod(input_shape[1:]))  # type: ignore[arg-type]

    def check_samples(self, x: np.ndarray) -> np.ndarray:
        return x.reshape(len(x), -1)

    def lower(self, program: Program, x: Tensor) -> Tensor:
        return x.reshape(len(x.value), math.prod(x.features))
