"""ReLU as a layer."""

from __future__ import annotations

from typing import Any

from fastnn import activations
from fastnn.layers.activation import Activation
from fastnn.layers.layer import layers

__all__ = ["ReLU"]


@layers.register("relu")
class ReLU(Activation):
    """``max(x, 0)``, or with parameters ``max_value`` for x >= max_value, x above the threshold, else ``negative_slope * (x - threshold)``.

    Parameters
    ----------
    max_value : float, optional
        None, the default, is no bound.
    negative_slope, threshold : float
        0 by default.
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Raises
    ------
    TypeError, ValueError
        When one of the three is no number, or negative.
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **options: Any,
    ):
        parameters = {"negative_slope": negative_slope, "max_value": max_value, "threshold": threshold}
        super().__init__(activations.relu.bind(**parameters), **options)
        self.negative_slope, self.max_value, self.threshold = self.activation.parameters.values()
