"""A slow start before any schedule."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.optimizers.schedules.piecewise import Constant
from fastnn.optimizers.schedules.schedule import LearningRateSchedule, check, get, schedules

__all__ = ["Warmup"]


@schedules.register()
class Warmup(LearningRateSchedule):
    """A rate that rises along a line to where another schedule begins, and then follows it.

    Parameters
    ----------
    schedule : LearningRateSchedule or float
        What comes after the warm-up, as if no step had been done; a number is a constant rate.
    steps : int
        Positive: steps of the warm-up.
    start : float, default 0.0
        The rate of the first step.

    Raises
    ------
    ValueError
        When an argument isn't a number in its range.
    TypeError
        When `schedule` is something else.

    Examples
    --------
    >>> from fastnn.optimizers.schedules import CosineDecay, Warmup
    >>> Warmup(CosineDecay(0.1, 100), steps=4).rates(6).round(4).tolist()
    [0.0, 0.025, 0.05, 0.075, 0.1, 0.1]

    References
    ----------
    P. Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017, section 2.2 (arXiv:1706.02677).
    """

    def __init__(self, schedule: Any, steps: int, start: float = 0.0):
        number = isinstance(schedule, (int, float, np.number)) and not isinstance(schedule, bool)
        self.schedule = Constant(schedule) if number else get(schedule)
        self.steps, self.start = steps, start
        check(self, steps=1, start=0)

    def formula(self, steps: np.ndarray) -> np.ndarray:
        top = self.schedule.rates(np.zeros(1))[0]
        rise = self.start + (top - self.start) * steps / self.steps
        return np.where(steps < self.steps, rise, self.schedule.rates(np.maximum(steps - self.steps, 0.0)))
