"""Resilient backpropagation."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.optimizers.checks import check_pair
from fastnn.optimizers.optimizer import Optimizer, optimizers, update
from fastnn.optimizers.schedules import LearningRateSchedule

__all__ = ["Rprop"]


@update(
    "p (s), g (s), previous (s), size (s) -> p, previous, size",
    draw={"size": "positive", "eta_minus": 0.5, "eta_plus": 1.2, "step_size_min": 1e-6, "step_size_max": 1.8},
)
def rprop(
    p: np.ndarray,
    g: np.ndarray,
    previous: np.ndarray,
    size: np.ndarray,
    learning_rate: float,
    eta_minus: float,
    eta_plus: float,
    step_size_min: float,
    step_size_max: float,
    weight_decay: float,
) -> None:
    """P moves by ``-sign(g)*size``, where size grows by `eta_plus` while the gradient keeps its sign; where the sign turns it shrinks by
    `eta_minus`, and p stays for a step. A size of 0 is one that hasn't begun: it starts at the learning rate, with the
    first gradient and learning rate that aren't 0.
    """
    turn = np.sign(g) * np.sign(previous)
    factor = np.where(turn > 0, eta_plus, np.where(turn < 0, eta_minus, 1 + turn))
    grown = np.clip(np.where(size == 0, learning_rate, size) * factor, step_size_min, step_size_max)
    size[...] = np.where(((np.abs(g) > 0) & (learning_rate > 0)) | (size > 0), grown, 0)
    previous[...] = np.where(turn < 0, 0, g)
    p *= 1.0 - learning_rate * weight_decay
    p -= size * np.sign(previous)


@optimizers.register()
class Rprop(Optimizer):
    """Steps whose lengths depend on the signs of the gradients alone: made for gradients of all the data, not of batches.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
        The length of the first step; schedules and later changes of it do nothing. While it is 0, nothing moves.
    etas : (float, float)
        Factors on the length of a step where the gradient's sign turned, and where it didn't.
    step_sizes : (float, float)
        The shortest and the longest step; positive.
    **options
        Those of :class:`Optimizer`.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    References
    ----------
    M. Riedmiller, H. Braun, "A direct adaptive method for faster backpropagation learning: the RPROP algorithm", IEEE International
    Conference on Neural Networks 1993. Names, defaults and the pause of a step (iRprop-) are torch's.
    """

    op, slot_names = rprop, ("previous", "step_size")

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.01,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50.0),
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.etas, self.step_sizes = check_pair("etas", etas), check_pair("step_sizes", step_sizes)
        if not self.etas[0] < 1 < self.etas[1]:
            raise ValueError(f"etas must lie below and above 1, got {etas!r}")

    @property
    def eta_minus(self) -> float:
        return self.etas[0]

    @property
    def eta_plus(self) -> float:
        return self.etas[1]

    @property
    def step_size_min(self) -> float:
        return self.step_sizes[0]

    @property
    def step_size_max(self) -> float:
        return self.step_sizes[1]
