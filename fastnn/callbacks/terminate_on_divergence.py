"""Stop when the loss explodes."""

from __future__ import annotations

import math

from fastnn.callbacks.callback import Logs
from fastnn.callbacks.monitor import MonitorCallback

__all__ = ["TerminateOnDivergence"]


class TerminateOnDivergence(MonitorCallback):
    """Stops the training after an epoch whose loss is several times that of the first, or no finite number.

    Where :class:`TerminateOnNaN` waits until a diverging training has left the numbers there are, this stops it on the way.

    Parameters
    ----------
    monitor : str, default "loss"
        What is bad when it grows.
    factor : float, default 3.0
        Above 1: how many times the first epoch's value is too much. Of a negative value, it is as far above it as of a positive one.
    raise_error : bool, default False
        Raise RuntimeError instead of stopping.

    Raises
    ------
    ValueError
        For another `factor`.
    """

    def __init__(self, monitor: str = "loss", factor: float = 3.0, raise_error: bool = False):
        super().__init__(monitor, "min", 0.0)
        if not isinstance(factor, (int, float)) or not 1 < factor < math.inf:
            raise ValueError(f"TerminateOnDivergence: factor must be a number above 1, got {factor!r}")
        self.factor, self.raise_error = factor, raise_error
        self.limit: float | None = None

    def on_train_begin(self, logs: Logs = None) -> None:
        self.limit = None

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        current = self.value(logs)
        if current is None:
            return
        if self.limit is None and math.isfinite(current):
            self.limit = current + (self.factor - 1) * abs(current)
        if not math.isfinite(current) or current > self.limit:  # type: ignore[operator]
            self._stop(epoch, current)

    def _stop(self, epoch: int, current: float) -> None:
        found = f"{self.monitor} is {current:g} after epoch {epoch + 1}" + ("" if self.limit is None else f", above {self.limit:g}")
        if self.raise_error:
            raise RuntimeError(f"the training diverges: {found}; lower the learning rate, clip gradients, or scale the data")
        print(f"Epoch {epoch + 1}: terminating training, {found}")
        self.model.stop_training = True
