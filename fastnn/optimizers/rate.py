"""The learning rate as what Keras has in its place, a variable: a number that can be assigned to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from fastnn.optimizers.optimizer import Optimizer

__all__ = ["Rate"]


class Rate(float):
    """The number that an optimizer's learning rate is now.

    Parameters
    ----------
    value : float
    optimizer : Optimizer
        Whose rate it is.

    Examples
    --------
    >>> import fastnn
    >>> adam = fastnn.optimizers.Adam(0.1)
    >>> adam.learning_rate.assign(0.01)
    >>> adam.learning_rate
    0.01
    """

    def __new__(cls, value: float, optimizer: Optimizer) -> Rate:
        made = super().__new__(cls, value)
        made._optimizer = optimizer
        return made

    _optimizer: Optimizer

    def assign(self, value: float) -> None:
        """Set the optimizer's learning rate, which is what assigning to ``optimizer.learning_rate`` does."""
        self._optimizer.learning_rate = value

    def numpy(self) -> np.floating[Any]:
        """The number, as one of NumPy's."""
        return np.float64(self)

    value = property(float, doc="The number.")

    def __reduce__(self) -> tuple[Any, ...]:
        return float, (float(self),)
