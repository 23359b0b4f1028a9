"""Lower the learning rate when a value no longer improves."""

from __future__ import annotations

from fastnn.callbacks.callback import Logs, checked_count
from fastnn.callbacks.monitor import MonitorCallback

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by a factor when the monitored value hasn't improved for some epochs.

    Adds ``learning_rate`` to the logs.

    Parameters
    ----------
    monitor : str, default "val_loss"
    factor : float, default 0.1
        In [0, 1).
    patience : int, default 10
        Epochs without improvement before the rate is lowered.
    verbose : {0, 1}, default 0
        1 prints when it acts.
    mode : {"auto", "min", "max"}, default "auto"
    min_delta : float, default 1e-4
        A smaller change is no improvement.
    cooldown : int, default 0
        Epochs after a reduction that don't count as waiting.
    min_lr : float, default 0.0
        The rate is never set lower.

    Raises
    ------
    ValueError
        For wrong arguments.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ):
        super().__init__(monitor, mode, min_delta)
        if not 0 <= factor < 1:
            raise ValueError(f"ReduceLROnPlateau: factor must be at least 0 and below 1, got {factor!r}")
        if not min_lr >= 0:
            raise ValueError(f"ReduceLROnPlateau: min_lr must not be negative, got {min_lr!r}")
        self.factor, self.verbose, self.min_lr = factor, verbose, min_lr
        self.patience = checked_count(self, "patience", patience)
        self.cooldown = checked_count(self, "cooldown", cooldown)
        self.wait = self.cooldown_counter = 0

    def on_train_begin(self, logs: Logs = None) -> None:
        self.model.optimizer.learning_rate = float(self.model.optimizer.learning_rate)  # refused at once where a schedule is in charge
        self.start()
        self.wait = self.cooldown_counter = 0

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        current = self.value(logs)
        if current is None:
            return
        cooling, self.cooldown_counter = self.cooldown_counter > 1, max(0, self.cooldown_counter - 1)
        if self.is_better(current, self.best):
            self.best, self.wait = current, 0
        elif cooling:
            self.wait = 0
        else:
            self._wait(epoch)

    def _wait(self, epoch: int) -> None:
        self.wait += 1
        rate = float(self.model.optimizer.learning_rate)
        if self.wait < self.patience or rate <= self.min_lr:
            return
        self.model.optimizer.learning_rate = lowered = max(rate * self.factor, self.min_lr)
        self.cooldown_counter, self.wait = self.cooldown, 0
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {lowered}.")
