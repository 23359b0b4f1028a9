"""Learning rates that change with the step."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import Any

from fastnn.configurable import Catalogue, Configurable

__all__ = [
    "CosineDecay",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "get",
    "schedules",
]


class LearningRateSchedule(Configurable):
    """Base of all schedules: called with the number of steps done (0 at first), returns the learning rate.

    To write one, subclass it, keep the constructor's arguments as attributes of the same names, and define ``__call__``.
    """

    def __call__(self, step: int) -> float:
        """The learning rate after `step` steps."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, step)")


schedules: Catalogue[LearningRateSchedule] = Catalogue("learning-rate schedule", LearningRateSchedule)
"""Every schedule class by its names."""

get = schedules.get


def _check(schedule: LearningRateSchedule, **ranges: float) -> None:
    """Raise ValueError unless each named attribute is a finite number, at least the given one; 1 means any above 0."""
    for name, low in ranges.items():
        value = getattr(schedule, name)
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not number or value < 0 or (low > 0 and value == 0):
            raise ValueError(f"{type(schedule).__name__}: {name} must be a number {'> 0' if low else '>= 0'}, got {value!r}")


@schedules.register()
class ExponentialDecay(LearningRateSchedule):
    """``initial_learning_rate * decay_rate ** (step / decay_steps)``.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
        Positive.
    decay_rate : float
    staircase : bool
        Whether ``step / decay_steps`` is rounded down, so that the rate falls in steps.
    name : str

    Raises
    ------
    ValueError
        When an argument isn't a number in its range.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ):
        self.initial_learning_rate, self.decay_steps, self.decay_rate = initial_learning_rate, decay_steps, decay_rate
        self.staircase, self.name = staircase, name
        _check(self, initial_learning_rate=0, decay_steps=1, decay_rate=0)

    def __call__(self, step: int) -> float:
        return self.initial_learning_rate * self.decay_rate ** _periods(self, step)


def _periods(schedule: Any, step: int) -> float:
    periods = step / schedule.decay_steps
    return math.floor(periods) if schedule.staircase else periods


@schedules.register()
class InverseTimeDecay(LearningRateSchedule):
    """``initial_learning_rate / (1 + decay_rate * step / decay_steps)``.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
        Positive.
    decay_rate : float
    staircase : bool
        Whether ``step / decay_steps`` is rounded down, so that the rate falls in steps.
    name : str

    Raises
    ------
    ValueError
        When an argument isn't a number in its range.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ):
        self.initial_learning_rate, self.decay_steps, self.decay_rate = initial_learning_rate, decay_steps, decay_rate
        self.staircase, self.name = staircase, name
        _check(self, initial_learning_rate=0, decay_steps=1, decay_rate=0)

    def __call__(self, step: int) -> float:
        return self.initial_learning_rate / (1.0 + self.decay_rate * _periods(self, step))


@schedules.register()
class PolynomialDecay(LearningRateSchedule):
    """``(initial_learning_rate - end_learning_rate) * (1 - step/decay_steps)**power + end_learning_rate``.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
        Positive; the end rate is reached here and kept.
    end_learning_rate : float
    power : float
    cycle : bool
        Instead of staying at the end, stretch `decay_steps` to its next multiple that is not below `step`.
    name : str

    Raises
    ------
    ValueError
        When an argument isn't a number in its range.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ):
        self.initial_learning_rate, self.decay_steps, self.end_learning_rate = initial_learning_rate, decay_steps, end_learning_rate
        self.power, self.cycle, self.name = power, cycle, name
        _check(self, initial_learning_rate=0, decay_steps=1, end_learning_rate=0, power=0)

    def __call__(self, step: int) -> float:
        stretch = max(1, math.ceil(step / self.decay_steps)) if self.cycle else 1
        done = min(step / (self.decay_steps * stretch), 1.0)
        return (self.initial_learning_rate - self.end_learning_rate) * (1.0 - done) ** self.power + self.end_learning_rate


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
        if any(isinstance(v, (str, bool)) or not 0 <= v < math.inf for v in self.values):
            raise ValueError(f"values must be numbers >= 0, got {self.values}")

    def __call__(self, step: int) -> float:
        return float(self.values[bisect_left(self.boundaries, step)])


@schedules.register()
class CosineDecay(LearningRateSchedule):
    """Half a cosine from the initial rate down to `alpha` times it, after an optional linear warm-up.

    With ``c = (1 + cos(pi * step / decay_steps)) / 2`` the rate is ``start * ((1 - alpha) * c + alpha)``.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
        Positive; steps of the decay, which come after those of the warm-up.
    alpha : float
        The last rate as a share of the first.
    name : str
    warmup_target : float, optional
        When given, the rate first rises from `initial_learning_rate` to it, and the cosine starts there.
    warmup_steps : int
        Steps of the warm-up.

    Raises
    ------
    ValueError
        When an argument isn't a number in its range.

    References
    ----------
    I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017, equation 5.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ):
        self.initial_learning_rate, self.decay_steps, self.alpha, self.name = initial_learning_rate, decay_steps, alpha, name
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps
        _check(self, initial_learning_rate=0, decay_steps=1, alpha=0, warmup_steps=0)
        if warmup_target is not None:
            _check(self, warmup_target=0)

    def __call__(self, step: int) -> float:
        if self.warmup_target is None:
            return self._decayed(self.initial_learning_rate, step)
        if step < self.warmup_steps:
            return self.initial_learning_rate + (self.warmup_target - self.initial_learning_rate) * step / self.warmup_steps
        return self._decayed(self.warmup_target, step - self.warmup_steps)

    def _decayed(self, start: float, step: int) -> float:
        cosine = 0.5 * (1.0 + math.cos(math.pi * min(step / self.decay_steps, 1.0)))
        return start * ((1.0 - self.alpha) * cosine + self.alpha)
