"""Save the model while it trains."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fastnn.callbacks.callback import Logs, checked_frequency
from fastnn.callbacks.monitor import MonitorCallback

__all__ = ["ModelCheckpoint"]


class ModelCheckpoint(MonitorCallback):
    """Saves the model, or its weights, after epochs or batches.

    Parameters
    ----------
    filepath : str or path
        May hold ``{epoch}`` (from 1), ``{batch}`` and names of the logs with format specifications, as in
        ``"{epoch:02d}-{val_loss:.2f}.fnn"``. Missing folders are made.
    monitor : str, default "val_loss"
    verbose : {0, 1}, default 0
        1 prints when it acts.
    save_best_only : bool, default False
        Save only when the monitored value has improved.
    save_weights_only : bool, default False
        Call ``model.save_weights`` instead of ``model.save``.
    mode : {"auto", "min", "max"}, default "auto"
    save_freq : "epoch" or int, default "epoch"
        An integer counts batches, across epochs.
    initial_value_threshold : float, optional
        Only values better than this are saved; kept, like the best value, from training to training.

    Raises
    ------
    ValueError
        For another `save_freq`; when saving, for a name in `filepath` that the logs don't have.
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ):
        super().__init__(monitor, mode, 0.0)
        self.filepath, self.verbose, self.save_freq = os.fspath(filepath), verbose, checked_frequency(self, save_freq)
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self.initial_value_threshold = initial_value_threshold
        self._epoch = self._batches = 0

    def watches_batches(self, mode: str) -> bool:
        return mode == "train" and self.save_freq != "epoch"

    def on_train_begin(self, logs: Logs = None) -> None:
        if self.save_best_only and not self.direction:
            self.start()
            self.best = self.best if self.initial_value_threshold is None else self.initial_value_threshold

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if self.save_freq == "epoch":
            return
        self._batches += 1
        if self._batches >= int(self.save_freq):
            self._batches = 0
            self._consider({"batch": batch + 1, **(logs or {})})

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.save_freq == "epoch":
            self._epoch = epoch
            self._consider(logs or {})

    def _consider(self, logs: dict[str, Any]) -> None:
        if self.save_best_only and not self.is_due(logs):
            return
        path = self._path(logs)
        current = self.value(logs) if self.save_best_only else None
        if current is None:
            self._save(path, "")
        elif self.is_better(current, self.best):
            improved = f"{self.monitor} improved from {self.best:.5f} to {current:.5f}, "
            self.best = current
            self._save(path, improved)
        else:
            self._say(f"{self.monitor} did not improve from {self.best:.5f}")

    def _path(self, logs: dict[str, Any]) -> str:
        try:
            return self.filepath.format(epoch=self._epoch + 1, **logs)
        except KeyError as error:
            known = ", ".join(["epoch", *logs])
            raise ValueError(
                f"ModelCheckpoint: filepath {self.filepath!r} names {error}, which is not available; available: {known}"
            ) from None
        except (IndexError, ValueError) as error:
            raise ValueError(f"ModelCheckpoint: filepath {self.filepath!r} is no format: {error}; write '{{epoch:02d}}'") from None

    def _save(self, path: str, why: str) -> None:
        self._say(f"{why}saving model to {path}")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        (self.model.save_weights if self.save_weights_only else self.model.save)(path)

    def _say(self, message: str) -> None:
        if self.verbose:
            print(f"\nEpoch {self._epoch + 1}: {message}")
