"""A penalty on what a layer puts out, as a layer."""

from __future__ import annotations

from typing import Any

from fastnn.layers.layer import Layer, layers
from fastnn.program import Program, Tensor
from fastnn.regularizers import L1L2

__all__ = ["ActivityRegularization"]


@layers.register()
class ActivityRegularization(Layer):
    """Passes its input on, and adds ``l1*sum(|x|) + l2*sum(x**2)`` to the loss, summed over each sample and averaged over the batch.

    Parameters
    ----------
    l1, l2 : float
        The two factors, not negative.
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Raises
    ------
    ValueError
        When a factor isn't a finite number >= 0.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **options: Any):
        super().__init__(**options)
        self.activity_regularizer = L1L2(l1, l2)
        self.l1, self.l2 = self.activity_regularizer.l1, self.activity_regularizer.l2

    def lower(self, program: Program, x: Tensor) -> Tensor:
        return program.penalize(self.activity_regularizer, x)
