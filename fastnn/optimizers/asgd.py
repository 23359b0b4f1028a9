"""Averaged stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.optimizers.optimizer import Optimizer, check_number, optimizers, update
from fastnn.optimizers.schedules import LearningRateSchedule

__all__ = ["ASGD"]


@update("p (s), g (s), average (s) -> p, average", draw={"lambd": 0.1, "alpha": 0.75, "t0": 1.0, "step": 5})
def asgd(
    p: np.ndarray,
    g: np.ndarray,
    average: np.ndarray,
    learning_rate: float,
    lambd: float,
    alpha: float,
    t0: float,
    weight_decay: float,
    step: float,
) -> None:
    """With ``eta = learning_rate / (1 + lambd*learning_rate*(step-1))**alpha``: ``p = (1 - lambd*eta)*p - eta*g``, and the average moves
    by ``(p - average) / max(1, step - 1 - t0)``.
    """
    eta = learning_rate / (1.0 + lambd * learning_rate * (step - 1)) ** alpha
    p *= (1.0 - learning_rate * weight_decay) * (1.0 - lambd * eta)
    p -= eta * g
    average += (p - average) / max(1.0, step - 1 - t0)


@optimizers.register("asgd")
class ASGD(Optimizer):
    """Gradient descent with a falling rate, and from step `t0` on the mean of the parameters, which takes their place when `fit` ends.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    lambd : float
        Not negative: how quickly the rate falls, and a weight decay.
    alpha : float
        Not negative; the power by which the rate falls.
    t0 : float
        The step after which the mean begins, not negative. Before it, the mean is the parameters themselves.
    **options
        Those of :class:`Optimizer`.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    References
    ----------
    B. T. Polyak, A. B. Juditsky, "Acceleration of stochastic approximation by averaging", SIAM J. Control Optim. 30 (1992), 838-855.
    Names, defaults and the rate's fall are torch's, which leaves it to its user to take the mean.
    """

    op, slot_names = asgd, ("mean",)

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.01,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.lambd = check_number("lambd", lambd)
        self.alpha = check_number("alpha", alpha)
        self.t0 = check_number("t0", t0)

    def finalize_variable_values(self, var_list: Any = None) -> None:
        if self.iterations > self.t0 + 1:
            self.take("mean")
        super().finalize_variable_values(var_list)
