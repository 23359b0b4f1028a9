"""What the command watches while it trains."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from fastnn.callbacks import Callback

__all__ = ["KeepBest", "Progress"]


class KeepBest(Callback):
    """Keeps the weights of the epoch with the lowest value of `monitor`.

    Parameters
    ----------
    monitor : str
        A key of the epoch's logs.

    Attributes
    ----------
    epoch : int or None
        The best epoch, from 1; None before one has ended.
    epochs : int
        How many have ended.

    Raises
    ------
    ValueError
        In `on_epoch_end`, when `monitor` isn't finite: training has diverged.
    """

    def __init__(self, monitor: str):
        super().__init__()
        self.monitor = monitor
        self.best = math.inf
        self.epoch: int | None = None
        self.epochs = 0
        self._weights: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        value = (logs or {})[self.monitor]
        if not math.isfinite(value):
            raise ValueError(f"training diverged: {self.monitor} is {value} in epoch {epoch + 1}; try a smaller --lr")
        self.epochs += 1
        if value < self.best:
            weights = self.model.get_weights()
            self._weights, self.best, self.epoch = weights, value, epoch + 1

    def restore(self) -> None:
        """Give the model its best weights back."""
        if self.epoch is not None:
            self.model.set_weights(self._weights)


class Progress(Callback):
    """A line of numbers an epoch: rewritten on a terminal; otherwise for epochs 1, 2, 5, 10, 20, 50, ... and the last.

    Parameters
    ----------
    epochs : int
        The most there can be.
    """

    def __init__(self, epochs: int):
        super().__init__()
        self.epochs = epochs
        self._terminal = sys.stdout.isatty()
        self._line, self._shown = "", True

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        numbers = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items() if name != "learning_rate")
        self._line = f"epoch {epoch + 1:>{len(str(self.epochs))}}/{self.epochs}  {numbers}"
        self._shown = self._terminal or _is_round(epoch + 1)
        if self._terminal:
            print(f"\r{self._line}\x1b[K", end="", flush=True)
        elif self._shown:
            print(self._line, flush=True)

    def on_train_end(self, logs: Any = None) -> None:
        if self._terminal:
            print()
        elif not self._shown:
            print(self._line, flush=True)


def _is_round(n: int) -> bool:
    return n / 10 ** (len(str(n)) - 1) in (1, 2, 5)
