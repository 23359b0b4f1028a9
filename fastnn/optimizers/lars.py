"""LARS."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.optimizers.optimizer import ONE_TOO, Optimizer, check_number, optimizers, update
from fastnn.optimizers.schedules import LearningRateSchedule

__all__ = ["LARS"]


@update("p (s), g (s), m (s) -> p, m", split=None, draw={"trust_coefficient": 0.3})
def lars(
    p: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    learning_rate: float,
    momentum: float,
    trust_coefficient: float,
    epsilon: float,
    weight_decay: float,
) -> None:
    """``m = momentum*m + learning_rate*trust*(g + weight_decay*p)``, and p moves by -m.

    ``trust = trust_coefficient * |p| / (|g| + weight_decay*|p| + epsilon)``, or 1 where p or g is all zeros.
    """
    length, slope = (float(np.linalg.norm(x.astype(np.float64))) for x in (p, g))
    trust = trust_coefficient * length / (slope + weight_decay * length + epsilon) if length > 0 and slope > 0 else 1.0
    m *= momentum
    m += learning_rate * trust * (g + weight_decay * p)
    p -= m


@optimizers.register("lars")
class LARS(Optimizer):
    """Momentum whose steps are as long as a share of the parameter itself, each parameter for itself: for very large batches.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    momentum : float
        In [0, 1).
    trust_coefficient : float
        Positive; the share.
    epsilon : float
        Positive; added to the gradient's norm.
    **options
        Those of :class:`Optimizer`. The weight decay is the paper's: ``weight_decay*p`` is added to the gradient, and its norm to
        the gradient's. Where norms mean little, for biases say, ``groups`` can lower the rate.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    References
    ----------
    Y. You, I. Gitman, B. Ginsburg, "Large batch training of convolutional networks", arXiv:1708.03888, algorithm 1.
    """

    op, slot_names = lars, ("momentum",)

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.01,
        momentum: float = 0.9,
        trust_coefficient: float = 0.001,
        epsilon: float = 1e-8,
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.momentum = check_number("momentum", momentum, high=ONE_TOO)
        self.trust_coefficient = check_number("trust_coefficient", trust_coefficient, open_low=True)
        self.epsilon = check_number("epsilon", epsilon, open_low=True)
