"""Stop when a value no longer improves."""

from __future__ import annotations

import numpy as np

from fastnn.arrays import positive_integer
from fastnn.callbacks.callback import Logs, checked_count
from fastnn.callbacks.monitor import MonitorCallback

__all__ = ["EarlyStopping"]


class EarlyStopping(MonitorCallback):
    """Stops the training when the monitored value hasn't improved for some epochs.

    Parameters
    ----------
    monitor : str, default "val_loss"
    min_delta : float, default 0
        A smaller change is no improvement.
    patience : int, default 0
        Epochs without improvement before the training stops.
    verbose : {0, 1}, default 0
        1 prints when it acts.
    mode : {"auto", "min", "max"}, default "auto"
    baseline : float, optional
        Only values better than this reset the waiting.
    restore_best_weights : bool, default False
        Give the model the weights of the best epoch at the end of the training, whether it was stopped or not.
    start_from_epoch : int, default 0
        Epochs before this one are ignored.
    rounds : int, default 1
        Look at the mean of the last so many epochs' values (of those there are, at first), which forgives a noisy one.
    relative : bool, default False
        Whether `min_delta` is a share of the best value's magnitude: 0.01 asks for one per cent.

    Attributes
    ----------
    best, best_epoch, stopped_epoch
        The best value (or mean) and its epoch, and the epoch that stopped the training (0 when none did).

    Notes
    -----
    `rounds` and `relative` are fastnn's own; without them all is as in Keras.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
        *,
        rounds: int = 1,
        relative: bool = False,
    ):
        super().__init__(monitor, mode, min_delta, relative)
        self.rounds = positive_integer("EarlyStopping: rounds", rounds)
        self.patience = checked_count(self, "patience", patience)
        self.start_from_epoch = checked_count(self, "start_from_epoch", start_from_epoch)
        self.verbose, self.baseline, self.restore_best_weights = verbose, baseline, restore_best_weights
        self._forget()

    def _forget(self) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best_weights: list[np.ndarray] | None = None
        self._values: list[float] = []

    def on_train_begin(self, logs: Logs = None) -> None:
        self.start()
        self._forget()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        current = self.value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        self._values = [*self._values, float(current)][-self.rounds :]
        current = sum(self._values) / len(self._values)
        if self.restore_best_weights and self.best_weights is None:
            self._keep(epoch)
        self.wait += 1
        if self.is_better(current, self.best):
            self._improve(epoch, current)
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _improve(self, epoch: int, current: float) -> None:
        self.best = current
        self._keep(epoch)
        if self.baseline is None or self.is_better(current, self.baseline):
            self.wait = 0

    def _keep(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = [np.array(w) for w in self.model.get_weights()]

    def on_train_end(self, logs: Logs = None) -> None:
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose:
                print(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)
