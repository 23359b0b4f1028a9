"""AdaBelief."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.optimizers.optimizer import optimizers, update
from fastnn.optimizers.schedules import LearningRateSchedule
from fastnn.optimizers.two_means import TwoMeans

__all__ = ["AdaBelief"]


@update("p (s), g (s), m (s), v (s) -> p, m, v")
def adabelief(
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
) -> None:
    """``m = beta_1*m + (1-beta_1)*g``, ``v = beta_2*v + (1-beta_2)*(g-m)**2``, and p moves by ``-rate*m / (root + epsilon)``.

    ``rate = learning_rate / (1 - beta_1**step)`` and ``root = sqrt(v / (1 - beta_2**step) + epsilon / (1-beta_2))``: the paper's v has
    epsilon added at each step, which comes to the same.
    """
    m += (g - m) * (1.0 - beta_1)
    v += ((g - m) * (g - m) - v) * (1.0 - beta_2)
    p *= 1.0 - learning_rate * weight_decay
    p -= learning_rate / (1.0 - beta_1**step) * m / (np.sqrt(v / (1.0 - beta_2**step) + epsilon / (1.0 - beta_2)) + epsilon)


@optimizers.register("adabelief")
class AdaBelief(TwoMeans):
    """Adam that divides by how far gradients are from their mean: long steps where they agree.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    beta_1, beta_2 : float
        Decays of the two means, in [0, 1).
    epsilon : float
        Positive; added to the mean of squares at each step, and to its root.
    **options
        Those of :class:`Optimizer`.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    References
    ----------
    J. Zhuang et al., "AdaBelief optimizer: adapting stepsizes by the belief in observed gradients", NeurIPS 2020, algorithm 2.
    """

    op, slot_names = adabelief, ("momentum", "belief")

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-16,
        **options: Any,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **options)
