"""ELU as a layer."""

from __future__ import annotations

from typing import Any

from fastnn import activations
from fastnn.layers.activation import Activation
from fastnn.layers.layer import layers

__all__ = ["ELU"]


@layers.register()
class ELU(Activation):
    """``x`` for x > 0, else ``alpha * (exp(x) - 1)``; see :data:`fastnn.activations.elu`.

    Parameters
    ----------
    alpha : float
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Raises
    ------
    TypeError, ValueError
        When alpha is no number.
    """

    def __init__(self, alpha: float = 1.0, **options: Any):
        super().__init__(activations.elu.bind(alpha=alpha), **options)
        self.alpha = float(alpha)
