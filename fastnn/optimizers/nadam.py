"""Nadam, Adam with Nesterov's momentum, and NAdamW."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn.optimizers.optimizer import check_number, optimizers, update
from fastnn.optimizers.schedules import LearningRateSchedule
from fastnn.optimizers.two_means import TwoMeans
from fastnn.optimizers.updates import Steps

__all__ = ["NAdamW", "Nadam"]


@update("p (s), g (s), m (s), v (s) -> p, m, v", draw={"mean_factor": 0.9, "gradient_factor": 0.4})
def nadam(
    p: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    weight_decay: float,
    step: float,
    mean_factor: float,
    gradient_factor: float,
) -> None:
    """With m and v as in `adam`, p moves by ``-learning_rate * m_hat / (sqrt(v / (1 - beta_2**step)) + epsilon)``.

    ``m_hat = mean_factor*m + gradient_factor*g``.
    """
    m += (g - m) * (1.0 - beta_1)
    v += (g * g - v) * (1.0 - beta_2)
    p *= 1.0 - learning_rate * weight_decay
    p -= learning_rate * (mean_factor * m + gradient_factor * g) / (np.sqrt(v / (1.0 - beta_2**step)) + epsilon)


@optimizers.register()
class Nadam(TwoMeans):
    """Adam that looks ahead along its momentum, whose decay grows from half of `beta_1` to `beta_1`.

    With ``u(t) = beta_1 * (1 - 0.96**(t*momentum_decay) / 2)`` and U(t) the product of u(1) to u(t), step t is along
    ``u(t+1)*m / (1 - U(t+1)) + (1 - u(t))*g / (1 - U(t))``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    beta_1, beta_2 : float
        Decays of the two means, in [0, 1).
    epsilon : float
        Positive; added to the root.
    momentum_decay : float
        Positive: how quickly the momentum's decay reaches `beta_1`. 1 as in Keras, which has no such argument; torch has 0.004.
    **options
        Those of :class:`Optimizer`.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    References
    ----------
    T. Dozat, "Incorporating Nesterov momentum into Adam", ICLR 2016 workshop, algorithm 2 and section 3.
    """

    op, slot_names = nadam, ("momentum", "velocity")

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        *,
        momentum_decay: float = 1.0,
        **options: Any,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **options)
        self.momentum_decay = check_number("momentum_decay", momentum_decay, open_low=True)

    def _u(self, step: np.ndarray) -> np.ndarray:
        return self.beta_1 * (1.0 - 0.5 * 0.96 ** (step * self.momentum_decay))

    def _product(self, step: np.ndarray) -> np.ndarray:
        """The product of u up to a step: 0 from where ``beta_1**step`` is nothing beside 1, so that it is made anew each time."""
        last = math.ceil(math.log(1e-20) / math.log(self.beta_1)) if self.beta_1 else 1
        upto = min(last, int(step.max(initial=1)))
        products = np.append(np.cumprod(self._u(np.arange(1, upto + 1))), 0.0)
        return products[np.minimum(step - 1, last)]

    def mean_factor(self, steps: Steps) -> np.ndarray:
        return self._u(steps.step + 1) / (1.0 - self._product(steps.step + 1))

    def gradient_factor(self, steps: Steps) -> np.ndarray:
        return (1.0 - self._u(steps.step)) / (1.0 - self._product(steps.step))


@optimizers.register("nadamw")
class NAdamW(Nadam):
    """Nadam with decoupled weight decay.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    weight_decay : float
        Before each update, p is multiplied by ``1 - learning_rate*weight_decay``.
    beta_1, beta_2 : float
        Decays of the two means, in [0, 1).
    epsilon : float
        Positive; added to the root.
    momentum_decay : float
        As for :class:`Nadam`.
    **options
        Those of :class:`Optimizer`.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    References
    ----------
    T. Dozat, "Incorporating Nesterov momentum into Adam", ICLR 2016 workshop.
    I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019.
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Any,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, weight_decay=weight_decay, **options)
