"""Set the learning rate of each epoch."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np

from fastnn.callbacks.callback import Callback, Logs

__all__ = ["LearningRateScheduler"]


class LearningRateScheduler(Callback):
    """Sets the learning rate before each epoch. Adds ``learning_rate`` to the logs.

    Parameters
    ----------
    schedule : callable
        ``schedule(epoch, lr) -> float``, or ``schedule(epoch)``; `epoch` counts from 0, `lr` is the rate now.
    verbose : {0, 1}, default 0
        1 prints each rate.

    Raises
    ------
    TypeError
        When `schedule` can't be called.
    ValueError
        In training, when it gives no number.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0):
        if not callable(schedule):
            raise TypeError(f"LearningRateScheduler: schedule must be a function of epoch and learning rate, got {schedule!r}")
        self.schedule, self.verbose = schedule, verbose
        self._takes_rate = _takes_two(schedule)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        optimizer = self.model.optimizer
        rate = self.schedule(epoch, float(optimizer.learning_rate)) if self._takes_rate else self.schedule(epoch)
        if isinstance(rate, bool) or not isinstance(rate, (int, float, np.integer, np.floating)):
            raise ValueError(f"LearningRateScheduler: schedule must give a number, got {rate!r} for epoch {epoch}")
        optimizer.learning_rate = float(rate)
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


def _takes_two(function: Callable[..., float]) -> bool:
    try:
        inspect.signature(function).bind(0, 0.1)
    except TypeError:
        return False
    except ValueError:  # a builtin without a signature
        return True
    return True
