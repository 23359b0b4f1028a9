"""What optimizers with two running means have in common."""

from __future__ import annotations

from typing import Any

from fastnn.optimizers.optimizer import Optimizer, check_number
from fastnn.optimizers.schedules import LearningRateSchedule

__all__ = ["TwoMeans"]


class TwoMeans(Optimizer):
    """Base of optimizers that remember a running mean of the gradients and one of their sizes.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    beta_1, beta_2 : float
        Decays of the two means, in [0, 1).
    epsilon : float
        Positive; keeps the divisor from 0.
    **options
        Those of :class:`Optimizer`.

    Raises
    ------
    ValueError
        When an argument is outside its range.
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.beta_1 = check_number("beta_1", beta_1, high=1.0)
        self.beta_2 = check_number("beta_2", beta_2, high=1.0)
        self.epsilon = check_number("epsilon", epsilon, open_low=True)
