"""Adagrad."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.optimizers.optimizer import Optimizer, check_number, optimizers, update
from fastnn.optimizers.schedules import LearningRateSchedule
from fastnn.parameters import Arena

__all__ = ["Adagrad"]


@update("p (s), g (s), v (s) -> p, v")
def adagrad(p: np.ndarray, g: np.ndarray, v: np.ndarray, learning_rate: float, epsilon: float, weight_decay: float) -> None:
    """``v = v + g**2``, and p moves by ``-learning_rate*g / sqrt(v + epsilon)``."""
    v += g * g
    p *= 1.0 - learning_rate * weight_decay
    p -= learning_rate * g / np.sqrt(v + epsilon)


@optimizers.register()
class Adagrad(Optimizer):
    """Gradients divided by the root of the sum of all their squares so far.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    initial_accumulator_value : float
        What the sums start from, not negative.
    epsilon : float
        Positive; added under the root.
    **options
        Those of :class:`Optimizer`.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    References
    ----------
    J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods", JMLR 12 (2011), 2121-2159.
    """

    slot_names = ("accumulator",)
    op = adagrad

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.initial_accumulator_value = check_number("initial_accumulator_value", initial_accumulator_value)
        self.epsilon = check_number("epsilon", epsilon, open_low=True)

    def initial(self, name: str, arena: Arena) -> float:
        return self.initial_accumulator_value if name == "accumulator" else 0.0
