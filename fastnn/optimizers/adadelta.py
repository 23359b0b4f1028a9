"""Adadelta."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.optimizers.optimizer import Optimizer, check_number, optimizers, update
from fastnn.optimizers.schedules import LearningRateSchedule

__all__ = ["Adadelta"]


@update("p (s), g (s), v (s), u (s) -> p, v, u")
def adadelta(
    p: np.ndarray, g: np.ndarray, v: np.ndarray, u: np.ndarray, learning_rate: float, rho: float, epsilon: float, weight_decay: float
) -> None:
    """``v = rho*v + (1-rho)*g**2``, ``d = g * sqrt(u + epsilon) / sqrt(v + epsilon)``, ``u = rho*u + (1-rho)*d**2``, and p moves by
    ``-learning_rate*d``.
    """
    v += (g * g - v) * (1.0 - rho)
    change = np.sqrt(u + epsilon) * g / np.sqrt(v + epsilon)
    u += (change * change - u) * (1.0 - rho)
    p *= 1.0 - learning_rate * weight_decay
    p -= learning_rate * change


@optimizers.register()
class Adadelta(Optimizer):
    """Steps as long as recent steps were, by the root mean square of them over that of the gradients.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
        0.001 as in Keras; the paper and torch have 1.
    rho : float
        Decay of the two means of squares, in [0, 1).
    epsilon : float
        Positive; added under both roots.
    **options
        Those of :class:`Optimizer`.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    References
    ----------
    M. D. Zeiler, "ADADELTA: an adaptive learning rate method", arXiv:1212.5701, algorithm 1.
    """

    op, slot_names = adadelta, ("accumulated_grad", "accumulated_delta_var")

    def __init__(self, learning_rate: float | LearningRateSchedule = 0.001, rho: float = 0.95, epsilon: float = 1e-7, **options: Any):
        super().__init__(learning_rate, **options)
        self.rho = check_number("rho", rho, high=1.0)
        self.epsilon = check_number("epsilon", epsilon, open_low=True)
