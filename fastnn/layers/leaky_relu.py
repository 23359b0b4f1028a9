"""LeakyReLU as a layer."""

from __future__ import annotations

from typing import Any

from fastnn import activations
from fastnn.layers.activation import Activation
from fastnn.layers.layer import layers

__all__ = ["LeakyReLU"]


@layers.register("leaky_relu")
class LeakyReLU(Activation):
    """``x`` for x > 0, else ``negative_slope * x``; see :data:`fastnn.activations.leaky_relu`.

    Parameters
    ----------
    negative_slope : float
        Not negative. 0.3 as in Keras' layer, whose function has 0.2; torch has 0.01.
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Raises
    ------
    TypeError, ValueError
        When negative_slope is no number, or negative.
    """

    def __init__(self, negative_slope: float = 0.3, **options: Any):
        super().__init__(activations.leaky_relu.bind(negative_slope=negative_slope), **options)
        if negative_slope < 0:
            raise ValueError(f"layer {self.name!r}: negative_slope must not be negative, got {negative_slope!r}")
        self.negative_slope = float(negative_slope)
