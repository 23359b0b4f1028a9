"""Evaluate, and save, with the moving average of the weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.callbacks.callback import Callback, Logs

__all__ = ["SwapEMAWeights"]


class SwapEMAWeights(Callback):
    """Puts the moving average that an optimizer with ``use_ema=True`` keeps in the weights' place, while the model is evaluated.

    Parameters
    ----------
    swap_on_epoch : bool, default False
        The average also stands in their place from an epoch's end to the next one's beginning, so that callbacks that come later, as a
        :class:`ModelCheckpoint`, save it.

    Raises
    ------
    ValueError
        In training or evaluation, when the optimizer keeps no average.

    Notes
    -----
    At the end of `fit` the average takes the weights' place, without this callback, too. In contrast to Keras the optimizer's average stays
    where it is, so a training that another callback stops ends with it as well; and after `predict` the weights come back.
    """

    def __init__(self, swap_on_epoch: bool = False):
        self.swap_on_epoch = swap_on_epoch
        self._weights: np.ndarray | None = None
        self._for_now = False

    def _check(self) -> Any:
        optimizer = self.model.optimizer
        if not getattr(optimizer, "use_ema", False):
            raise ValueError(f"SwapEMAWeights: the optimizer keeps no average; compile with {type(optimizer).__name__}(..., use_ema=True)")
        return optimizer

    def _swap_in(self) -> bool:
        """Put the average in place, if it isn't there, and an update has been made; whether that was done."""
        optimizer = self._check()
        if self._weights is not None or not optimizer.iterations:
            return False
        values = self.model._ensure_arena().values.data
        self._weights = values.copy()
        values[:] = optimizer.slots["average"]
        return True

    def _swap_out(self) -> None:
        if self._weights is not None:
            self.model._ensure_arena().values.data[:] = self._weights
        self._weights = None

    def on_train_begin(self, logs: Logs = None) -> None:
        self._check()
        self._weights = None

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._swap_out()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.swap_on_epoch:
            self._swap_in()

    def on_train_end(self, logs: Logs = None) -> None:
        if self.model.interrupted:  # otherwise the average has taken the weights' place for good
            self._swap_out()
        self._weights = None

    def on_test_begin(self, logs: Logs = None) -> None:
        self._for_now = self._swap_in()

    def on_test_end(self, logs: Logs = None) -> None:
        if self._for_now:
            self._swap_out()

    def on_predict_begin(self, logs: Logs = None) -> None:
        self._for_now = self._swap_in()

    def on_predict_end(self, logs: Logs = None) -> None:
        if self._for_now:
            self._swap_out()
