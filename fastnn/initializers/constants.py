"""Values that nobody draws."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.initializers.initializer import Initializer, initializers

__all__ = ["Constant", "Ones", "Zeros"]


@initializers.register()
class Zeros(Initializer):
    """A weight of zeros."""

    def fill(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.zeros(shape)


@initializers.register()
class Ones(Initializer):
    """A weight of ones."""

    def fill(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.ones(shape)


@initializers.register()
class Constant(Initializer):
    """One value everywhere, or an array of values.

    Parameters
    ----------
    value : float or array_like, default 0.0
        An array must broadcast to the weight's shape, otherwise the call raises ValueError.
    """

    def __init__(self, value: Any = 0.0):
        self.value = value

    def fill(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.full(shape, self.value, dtype=np.float64)
