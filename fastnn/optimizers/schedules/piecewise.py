"""Rates that stay for a while and then jump."""

from __future__ import annotations

import math
from numbers import Real

import numpy as np

from fastnn.optimizers.schedules.schedule import LearningRateSchedule, check, schedules

__all__ = ["Constant", "MultiStepDecay", "PiecewiseConstantDecay", "StepDecay"]


@schedules.register()
class Constant(LearningRateSchedule):
    """The same rate at every step; for what takes a schedule, such as :class:`Warmup`.

    Parameters
    ----------
    learning_rate : float

    Raises
    ------
    ValueError
        When it isn't a finite number >= 0.
    """

    def __init__(self, learning_rate: float):
        self.learning_rate = learning_rate
        check(self, learning_rate=0)

    def formula(self, steps: np.ndarray) -> np.ndarray:
        return np.full(steps.shape, float(self.learning_rate))


@schedules.register("StepLR")
class StepDecay(LearningRateSchedule):
    """``initial_learning_rate * gamma ** floor(step / step_size)``, torch's ``StepLR``.

    Parameters
    ----------
    initial_learning_rate : float
    step_size : int
        Positive: steps from one fall to the next.
    gamma : float
        What the rate is multiplied by at each.

    Raises
    ------
    ValueError
        When an argument isn't a number in its range.
    """

    def __init__(self, initial_learning_rate: float, step_size: int, gamma: float = 0.1):
        self.initial_learning_rate, self.step_size, self.gamma = initial_learning_rate, step_size, gamma
        check(self, initial_learning_rate=0, step_size=1, gamma=0)

    def formula(self, steps: np.ndarray) -> np.ndarray:
        return self.initial_learning_rate * np.power(float(self.gamma), np.floor(steps / self.step_size))


@schedules.register("MultiStepLR")
class MultiStepDecay(LearningRateSchedule):
    """Multiplies the rate by `gamma` at each of some steps, as torch's ``MultiStepLR``.

    Parameters
    ----------
    initial_learning_rate : float
    milestones : list of int
        The steps, in order, that begin with a smaller rate; one given twice counts twice.
    gamma : float

    Raises
    ------
    ValueError
        When an argument isn't a number in its range, or the milestones aren't in order.
    """

    def __init__(self, initial_learning_rate: float, milestones: list[int], gamma: float = 0.1):
        self.initial_learning_rate, self.milestones, self.gamma = initial_learning_rate, list(milestones), gamma
        check(self, initial_learning_rate=0, gamma=0)
        if self.milestones != sorted(self.milestones):
            raise ValueError(f"MultiStepDecay: milestones must be in order, got {self.milestones}")

    def formula(self, steps: np.ndarray) -> np.ndarray:
        return self.initial_learning_rate * np.power(float(self.gamma), np.searchsorted(self.milestones, steps, "right"))


@schedules.register()
class PiecewiseConstantDecay(LearningRateSchedule):
    """``values[0]`` up to and including step ``boundaries[0]``, then ``values[1]`` up to ``boundaries[1]``, and so on.

    Parameters
    ----------
    boundaries : list of number
        Strictly increasing.
    values : list of float
        One more than `boundaries`.
    name : str

    Raises
    ------
    ValueError
        When the lengths don't fit, boundaries don't increase, or a value isn't a number >= 0.
    """

    def __init__(self, boundaries: list[float], values: list[float], name: str = "PiecewiseConstant"):
        self.boundaries, self.values, self.name = list(boundaries), list(values), name
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"values must be one more than boundaries, got {len(self.values)} values and {len(self.boundaries)} boundaries"
            )
        if any(not a < b for a, b in zip(self.boundaries, self.boundaries[1:], strict=False)):
            raise ValueError(f"boundaries must increase, got {self.boundaries}")
        if any(isinstance(v, bool) or not isinstance(v, Real) or not 0 <= v < math.inf for v in self.values):
            raise ValueError(f"values must be numbers >= 0, got {self.values}")

    def formula(self, steps: np.ndarray) -> np.ndarray:
        return np.asarray(self.values, np.float64)[np.searchsorted(self.boundaries, steps)]
