"""Adamax."""

from __future__ import annotations

import numpy as np

from fastnn.optimizers.optimizer import optimizers, update
from fastnn.optimizers.two_means import TwoMeans

__all__ = ["Adamax"]


@update("p (s), g (s), m (s), u (s) -> p, m, u")
def adamax(
    p: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    u: np.ndarray,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    weight_decay: float,
    step: float,
) -> None:
    """``m = beta_1*m + (1-beta_1)*g``, ``u = max(beta_2*u, |g|)``, and p moves by ``-rate*m / (u + epsilon)``.

    ``rate = learning_rate / (1 - beta_1**step)``.
    """
    m += (g - m) * (1.0 - beta_1)
    np.maximum(beta_2 * u, np.abs(g), out=u)
    p *= 1.0 - learning_rate * weight_decay
    p -= learning_rate / (1.0 - beta_1**step) * m / (u + epsilon)


@optimizers.register()
class Adamax(TwoMeans):
    """Adam with the largest gradient so far, which decays, in place of the root mean square.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    beta_1, beta_2 : float
        Decays of the mean and of the largest, in [0, 1).
    epsilon : float
        Positive; added to the largest, as in Keras. torch adds it to each gradient's magnitude before the larger is taken.
    **options
        Those of :class:`Optimizer`.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    References
    ----------
    D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 2.
    """

    op, slot_names = adamax, ("momentum", "norm")
