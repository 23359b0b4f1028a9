"""Rates that fall by a formula: exponentials, inverse time, polynomials."""

from __future__ import annotations

import numpy as np

from fastnn.optimizers.schedules.schedule import LearningRateSchedule, check, schedules

__all__ = ["ExponentialDecay", "InverseTimeDecay", "NaturalExponentialDecay", "PolynomialDecay"]


class Decay(LearningRateSchedule):
    """What exponential and inverse-time decay share: periods of `decay_steps`, gone through smoothly or in stairs."""

    def __init__(self, initial_learning_rate: float, decay_steps: int, decay_rate: float, staircase: bool = False, name: str = ""):
        self.initial_learning_rate, self.decay_steps, self.decay_rate = initial_learning_rate, decay_steps, decay_rate
        self.staircase, self.name = staircase, name or type(self).__name__
        check(self, initial_learning_rate=0, decay_steps=1, decay_rate=0)

    def formula(self, steps: np.ndarray) -> np.ndarray:
        periods = steps / self.decay_steps
        return self.initial_learning_rate * self.share(np.floor(periods) if self.staircase else periods)

    def share(self, periods: np.ndarray) -> np.ndarray:
        """What is left of the rate after so many periods."""
        raise NotImplementedError


@schedules.register("ExponentialLR")
class ExponentialDecay(Decay):
    """``initial_learning_rate * decay_rate ** (step / decay_steps)``.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
        Positive.
    decay_rate : float
        Not negative.
    staircase : bool
        Whether ``step / decay_steps`` is rounded down, so that the rate falls in steps.
    name : str

    Raises
    ------
    ValueError
        When an argument isn't a number in its range.
    """

    def share(self, periods: np.ndarray) -> np.ndarray:
        return np.power(float(self.decay_rate), periods)


@schedules.register("NaturalExpDecay")
class NaturalExponentialDecay(Decay):
    """``initial_learning_rate * exp(-decay_rate * step / decay_steps)``.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
        Positive.
    decay_rate : float
        Not negative.
    staircase : bool
        Whether ``step / decay_steps`` is rounded down, so that the rate falls in steps.
    name : str

    Raises
    ------
    ValueError
        When an argument isn't a number in its range.

    Notes
    -----
    Keras 3 hasn't got it; formula, arguments and the short name ``NaturalExpDecay`` are those of TensorFlow's ``natural_exp_decay``.
    """

    def share(self, periods: np.ndarray) -> np.ndarray:
        return np.exp(-self.decay_rate * periods)


@schedules.register()
class InverseTimeDecay(Decay):
    """``initial_learning_rate / (1 + decay_rate * step / decay_steps)``.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
        Positive.
    decay_rate : float
        Not negative.
    staircase : bool
        Whether ``step / decay_steps`` is rounded down, so that the rate falls in steps.
    name : str

    Raises
    ------
    ValueError
        When an argument isn't a number in its range.
    """

    def share(self, periods: np.ndarray) -> np.ndarray:
        return 1.0 / (1.0 + self.decay_rate * periods)


@schedules.register("PolynomialLR")
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
        check(self, initial_learning_rate=0, decay_steps=1, end_learning_rate=0, power=0)

    def formula(self, steps: np.ndarray) -> np.ndarray:
        stretch = np.maximum(1.0, np.ceil(steps / self.decay_steps)) if self.cycle else 1.0
        left = 1.0 - np.minimum(steps / (self.decay_steps * stretch), 1.0)
        return (self.initial_learning_rate - self.end_learning_rate) * left**self.power + self.end_learning_rate
