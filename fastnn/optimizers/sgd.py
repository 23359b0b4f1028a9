"""Gradient descent: plain, with momentum, and with Nesterov's momentum."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.backend import Op
from fastnn.optimizers.optimizer import ONE_TOO, Optimizer, check_number, optimizers, update
from fastnn.optimizers.schedules import LearningRateSchedule

__all__ = ["SGD"]


@update("p (s), g (s) -> p")
def sgd(p: np.ndarray, g: np.ndarray, learning_rate: float, weight_decay: float) -> None:
    """``p = (1 - learning_rate*weight_decay)*p - learning_rate*g``."""
    p *= 1.0 - learning_rate * weight_decay
    p -= learning_rate * g


@update("p (s), g (s), m (s) -> p, m", draw={"dampening": 0.3})
def sgd_momentum(
    p: np.ndarray, g: np.ndarray, m: np.ndarray, learning_rate: float, momentum: float, dampening: float, weight_decay: float
) -> None:
    """``m = momentum*m - (1-dampening)*learning_rate*g``, and p moves by m."""
    m *= momentum
    m -= learning_rate * (1.0 - dampening) * g
    p *= 1.0 - learning_rate * weight_decay
    p += m


@update("p (s), g (s), m (s) -> p, m", draw={"dampening": 0.3})
def sgd_nesterov(
    p: np.ndarray, g: np.ndarray, m: np.ndarray, learning_rate: float, momentum: float, dampening: float, weight_decay: float
) -> None:
    """With m as in `sgd_momentum`, p moves by ``momentum*m - (1-dampening)*learning_rate*g``."""
    rate = learning_rate * (1.0 - dampening)
    m *= momentum
    m -= rate * g
    p *= 1.0 - learning_rate * weight_decay
    p += momentum * m - rate * g


@optimizers.register()
class SGD(Optimizer):
    """Gradient descent.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    momentum : float
        In [0, 1]; 0 is plain gradient descent.
    nesterov : bool
        Whether the step looks ahead along the momentum.
    dampening : float
        In [0, 1): a gradient enters the momentum times ``1 - dampening``. With ``dampening=momentum`` the momentum is the exponential
        average of the gradients, ``m = momentum*m + (1-momentum)*g``, and p moves by ``-learning_rate*m``. As in torch, but for
        torch's first gradient, which it takes whole.
    **options
        Those of :class:`Optimizer`.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    References
    ----------
    I. Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013, equations 1 to 4.

    Notes
    -----
    As in Keras, the momentum holds steps rather than gradients: a change of the learning rate counts from the next gradient on. In
    torch it would change what has gathered in the momentum, too.
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        *,
        dampening: float = 0.0,
        name: str = "SGD",
        **options: Any,
    ):
        super().__init__(learning_rate, name=name, **options)
        self.momentum = check_number("momentum", momentum, high=ONE_TOO)
        self.nesterov = nesterov
        self.dampening = check_number("dampening", dampening, high=1.0)

    @property
    def op(self) -> Op:  # type: ignore[override]
        return (sgd_nesterov if self.nesterov else sgd_momentum) if self.momentum else sgd

    @property
    def slot_names(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("momentum",) if self.momentum else ()
