"""What a learning-rate schedule is: a function of the number of steps done."""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn.arrays import positive_integer
from fastnn.configurable import Catalogue, Configurable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LearningRateSchedule", "get", "schedules"]


class LearningRateSchedule(Configurable):
    """Base of all schedules: called with the number of steps done (0 at first), returns the learning rate.

    To write one, subclass it, keep the constructor's arguments as attributes of the same names, and define either ``__call__`` of one
    step, or `formula` of an array of them, which is asked once for thousands of steps and so costs a training less.

    A schedule counts steps, as in Keras: an epoch has ``ceil(samples / batch_size)`` of them.
    """

    def __call__(self, step: Any) -> Any:
        """The learning rate after `step` steps.

        Parameters
        ----------
        step : int or array_like of int

        Returns
        -------
        float, or ndarray of the same shape
        """
        rates = self.formula(np.array(step, np.float64, ndmin=1))
        return rates if np.ndim(step) else float(rates[0])

    def formula(self, steps: np.ndarray) -> np.ndarray:
        """The learning rates after each of `steps`, as float64.

        Parameters
        ----------
        steps : ndarray of float64
            Whole numbers, of any shape.
        """
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, step), or formula(self, steps) of arrays")

    def rates(self, steps: Any) -> np.ndarray:
        """The learning rates of several steps.

        Parameters
        ----------
        steps : int or array_like of int
            The first so many steps, or these.

        Returns
        -------
        ndarray of float64
        """
        given = np.arange(steps) if np.ndim(steps) == 0 else np.asarray(steps)
        if type(self).__call__ is LearningRateSchedule.__call__:
            return self.formula(given.astype(np.float64))
        return np.array([self(int(step)) for step in given.flat], np.float64).reshape(given.shape)

    def plot(self, steps: int, ax: Axes | None = None) -> Axes:
        """Draw the learning rates of the first steps.

        Parameters
        ----------
        steps : int
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure's by default.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ImportError
            When matplotlib, of the extra ``plot``, isn't installed.
        """
        steps = positive_integer("steps", steps)
        if ax is None:
            ax = _new_axes()
        ax.plot(self.rates(steps), label=type(self).__name__)
        ax.set(xlabel="step", ylabel="learning rate")
        return ax


def _new_axes() -> Axes:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("plot needs matplotlib: install it with pip install 'fastnn[plot]'") from error
    return pyplot.subplots()[1]


schedules: Catalogue[LearningRateSchedule] = Catalogue("learning-rate schedule", LearningRateSchedule)
"""Every schedule class by its names."""

get = schedules.get


def check(schedule: LearningRateSchedule, **ranges: float) -> None:
    """Raise ValueError unless each named attribute is a finite number, at least the given one; 1 means any above 0."""
    for name, low in ranges.items():
        value = getattr(schedule, name)
        number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
        if not number or value < 0 or (low > 0 and value == 0):
            raise ValueError(f"{type(schedule).__name__}: {name} must be a number {'> 0' if low else '>= 0'}, got {value!r}")
