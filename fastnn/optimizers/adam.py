"""Adam, its AMSGrad variant, and AdamW."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn.backend import Op
from fastnn.optimizers.optimizer import optimizers, update
from fastnn.optimizers.schedules import LearningRateSchedule
from fastnn.optimizers.two_means import TwoMeans

__all__ = ["Adam", "AdamW"]


def _moments(g: np.ndarray, m: np.ndarray, v: np.ndarray, beta_1: float, beta_2: float) -> None:
    m += (g - m) * (1.0 - beta_1)
    v += (g * g - v) * (1.0 - beta_2)


def _rate(learning_rate: float, beta_1: float, beta_2: float, step: float) -> float:
    """The learning rate with the bias corrections of both moments in it."""
    return learning_rate * math.sqrt(1.0 - beta_2**step) / (1.0 - beta_1**step)


@update("p (s), g (s), m (s), v (s) -> p, m, v")
def adam(
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
    """``m = beta_1*m + (1-beta_1)*g``, ``v = beta_2*v + (1-beta_2)*g**2``, and p moves by ``-rate*m / (sqrt(v) + epsilon)``.

    ``rate = learning_rate * sqrt(1 - beta_2**step) / (1 - beta_1**step)``. Before, p is multiplied by
    ``1 - learning_rate*weight_decay``.
    """
    _moments(g, m, v, beta_1, beta_2)
    p *= 1.0 - learning_rate * weight_decay
    p -= _rate(learning_rate, beta_1, beta_2, step) * m / (np.sqrt(v) + epsilon)


@update("p (s), g (s), m (s), v (s), v_hat (s) -> p, m, v, v_hat")
def adam_amsgrad(
    p: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    v_hat: np.ndarray,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    weight_decay: float,
    step: float,
) -> None:
    """`adam` with ``v_hat = max(v_hat, v)`` under the root instead of v."""
    _moments(g, m, v, beta_1, beta_2)
    np.maximum(v_hat, v, out=v_hat)
    p *= 1.0 - learning_rate * weight_decay
    p -= _rate(learning_rate, beta_1, beta_2, step) * m / (np.sqrt(v_hat) + epsilon)


@optimizers.register()
class Adam(TwoMeans):
    """Steps by a running mean of the gradient over the root of a running mean of its square.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    beta_1, beta_2 : float
        Decays of the two means, in [0, 1).
    epsilon : float
        Positive; added to the root ("epsilon hat" in the paper).
    amsgrad : bool
        Whether to divide by the largest mean so far.
    **options
        Those of :class:`Optimizer`.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    References
    ----------
    D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, end of section 2.
    S. J. Reddi, S. Kale, S. Kumar, "On the convergence of Adam and beyond", ICLR 2018, algorithm 2.
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Any,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **options)
        self.amsgrad = amsgrad

    @property
    def op(self) -> Op:  # type: ignore[override]
        return adam_amsgrad if self.amsgrad else adam

    @property
    def slot_names(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("momentum", "velocity", "velocity_hat") if self.amsgrad else ("momentum", "velocity")


@optimizers.register("adamw")
class AdamW(Adam):
    """Adam with decoupled weight decay.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    weight_decay : float
        Before each update, p is multiplied by ``1 - learning_rate*weight_decay``.
    beta_1, beta_2 : float
        Decays of the two means, in [0, 1).
    epsilon : float
        Positive; added to the root.
    amsgrad : bool
        Whether to divide by the largest mean so far.
    **options
        Those of :class:`Optimizer`.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    References
    ----------
    I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2.
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Any,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **options)
