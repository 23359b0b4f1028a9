"""Lion."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.optimizers.optimizer import ONE_TOO, Optimizer, check_number, optimizers, update
from fastnn.optimizers.schedules import LearningRateSchedule

__all__ = ["Lion"]


@update("p (s), g (s), m (s) -> p, m")
def lion(p: np.ndarray, g: np.ndarray, m: np.ndarray, learning_rate: float, beta_1: float, beta_2: float, weight_decay: float) -> None:
    """P moves by ``-learning_rate * sign(beta_1*m + (1-beta_1)*g)``, and then ``m = beta_2*m + (1-beta_2)*g``."""
    p *= 1.0 - learning_rate * weight_decay
    p -= learning_rate * np.sign(m + (g - m) * (1.0 - beta_1))
    m += (g - m) * (1.0 - beta_2)


@optimizers.register()
class Lion(Optimizer):
    """Steps of one length for each entry, along the sign of the momentum; the rate is best a third to a tenth of Adam's.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    beta_1 : float
        Share of the momentum in the step, in (0, 1].
    beta_2 : float
        Decay of the momentum, in [0, 1).
    **options
        Those of :class:`Optimizer`.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    References
    ----------
    X. Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023, algorithm 2.
    """

    op, slot_names = lion, ("momentum",)

    def __init__(self, learning_rate: float | LearningRateSchedule = 0.001, beta_1: float = 0.9, beta_2: float = 0.99, **options: Any):
        super().__init__(learning_rate, **options)
        self.beta_1 = check_number("beta_1", beta_1, high=ONE_TOO, open_low=True)
        self.beta_2 = check_number("beta_2", beta_2, high=1.0)
