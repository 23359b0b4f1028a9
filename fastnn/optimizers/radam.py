"""RAdam."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn.optimizers.optimizer import optimizers, update
from fastnn.optimizers.schedules import LearningRateSchedule
from fastnn.optimizers.two_means import TwoMeans

__all__ = ["RAdam"]


@update("p (s), g (s), m (s), v (s) -> p, m, v", draw={"step": 8})
def radam(
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
    """M and v as in `adam`; p moves by ``-rate*m / (sqrt(v) + epsilon)`` where v is known well enough, before that by ``-rate*m``.

    ``rate = learning_rate / (1 - beta_1**step)``, in the first case times ``sqrt(1 - beta_2**step)`` and the rectification.
    """
    m += (g - m) * (1.0 - beta_1)
    v += (g * g - v) * (1.0 - beta_2)
    p *= 1.0 - learning_rate * weight_decay
    rate, decayed = learning_rate / (1.0 - beta_1**step), beta_2**step
    end = 2.0 / (1.0 - beta_2) - 1.0
    length = end - 2.0 * step * decayed / (1.0 - decayed)
    if length > 5:
        rectification = (length - 4) * (length - 2) * end / ((end - 4) * (end - 2) * length)
        p -= rate * math.sqrt((1.0 - decayed) * rectification) * m / (np.sqrt(v) + epsilon)
    else:
        p -= rate * m


@optimizers.register("radam")
class RAdam(TwoMeans):
    """Adam that goes along its momentum alone until the mean of squares is known well enough, and then rectifies its variance.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    beta_1, beta_2 : float
        Decays of the two means, in [0, 1).
    epsilon : float
        Positive; added to the root before the correction of its bias, as in torch.
    **options
        Those of :class:`Optimizer`.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    References
    ----------
    L. Liu et al., "On the variance of the adaptive learning rate and beyond", ICLR 2020, algorithm 2.
    """

    op, slot_names = radam, ("momentum", "velocity")

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        **options: Any,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **options)
