"""RMSprop, with and without momentum and centring."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.backend import Op
from fastnn.optimizers.optimizer import Optimizer, check_number, optimizers, update
from fastnn.optimizers.schedules import LearningRateSchedule

__all__ = ["RMSprop"]


def _increment(g: np.ndarray, v: np.ndarray, learning_rate: float, rho: float, epsilon: float) -> np.ndarray:
    v *= rho
    v += (1.0 - rho) * (g * g)
    return learning_rate * g / np.sqrt(v + epsilon)


def _centered_increment(g: np.ndarray, v: np.ndarray, a: np.ndarray, learning_rate: float, rho: float, epsilon: float) -> np.ndarray:
    v *= rho
    v += (1.0 - rho) * (g * g)
    a *= rho
    a += (1.0 - rho) * g
    # Rounding can make the variance negative, whose root would be NaN for the rest of the run.
    return learning_rate * g / np.sqrt(np.maximum(v - a * a, 0.0) + epsilon)


@update("p (s), g (s), v (s) -> p, v")
def rmsprop(p: np.ndarray, g: np.ndarray, v: np.ndarray, learning_rate: float, rho: float, epsilon: float, weight_decay: float) -> None:
    """``v = rho*v + (1-rho)*g**2``, and p moves by ``-learning_rate*g / sqrt(v + epsilon)``."""
    p *= 1.0 - learning_rate * weight_decay
    p -= _increment(g, v, learning_rate, rho, epsilon)


@update("p (s), g (s), v (s), m (s) -> p, v, m")
def rmsprop_momentum(
    p: np.ndarray,
    g: np.ndarray,
    v: np.ndarray,
    m: np.ndarray,
    learning_rate: float,
    rho: float,
    momentum: float,
    epsilon: float,
    weight_decay: float,
) -> None:
    """With v as in `rmsprop`, ``m = momentum*m + learning_rate*g / sqrt(v + epsilon)``, and p moves by -m."""
    m *= momentum
    m += _increment(g, v, learning_rate, rho, epsilon)
    p *= 1.0 - learning_rate * weight_decay
    p -= m


@update("p (s), g (s), v (s), a (s) -> p, v, a")
def rmsprop_centered(
    p: np.ndarray, g: np.ndarray, v: np.ndarray, a: np.ndarray, learning_rate: float, rho: float, epsilon: float, weight_decay: float
) -> None:
    """With v as in `rmsprop`, ``a = rho*a + (1-rho)*g``, and p moves by ``-learning_rate*g / sqrt(max(v - a**2, 0) + epsilon)``."""
    p *= 1.0 - learning_rate * weight_decay
    p -= _centered_increment(g, v, a, learning_rate, rho, epsilon)


@update("p (s), g (s), v (s), a (s), m (s) -> p, v, a, m")
def rmsprop_centered_momentum(
    p: np.ndarray,
    g: np.ndarray,
    v: np.ndarray,
    a: np.ndarray,
    m: np.ndarray,
    learning_rate: float,
    rho: float,
    momentum: float,
    epsilon: float,
    weight_decay: float,
) -> None:
    """`rmsprop_momentum` with the increment of `rmsprop_centered`."""
    m *= momentum
    m += _centered_increment(g, v, a, learning_rate, rho, epsilon)
    p *= 1.0 - learning_rate * weight_decay
    p -= m


_FORMS = {
    (False, False): (rmsprop, ("velocity",)),
    (False, True): (rmsprop_momentum, ("velocity", "momentum")),
    (True, False): (rmsprop_centered, ("velocity", "average_gradient")),
    (True, True): (rmsprop_centered_momentum, ("velocity", "average_gradient", "momentum")),
}


@optimizers.register("rmsprop")
class RMSprop(Optimizer):
    """Gradients divided by a running root mean square of themselves.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    rho : float
        Decay of the averages, in [0, 1).
    momentum : float
        In [0, 1).
    epsilon : float
        Positive; added under the root.
    centered : bool
        Whether to divide by the standard deviation instead of the root mean square.
    **options
        Those of :class:`Optimizer`.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    References
    ----------
    T. Tieleman, G. Hinton, "Lecture 6.5: rmsprop", Coursera: Neural Networks for Machine Learning, 2012.
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.rho = check_number("rho", rho, high=1.0)
        self.momentum = check_number("momentum", momentum, high=1.0)
        self.epsilon = check_number("epsilon", epsilon, open_low=True)
        self.centered = centered

    @property
    def op(self) -> Op:  # type: ignore[override]
        return _FORMS[bool(self.centered), self.momentum > 0][0]

    @property
    def slot_names(self) -> tuple[str, ...]:  # type: ignore[override]
        return _FORMS[bool(self.centered), self.momentum > 0][1]
