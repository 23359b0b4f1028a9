"""The record of a training."""

from __future__ import annotations

from typing import Any

from fastnn.callbacks.callback import Callback, Logs

__all__ = ["History"]


class Record(dict[str, list[Any]]):
    """Values by name; asking for another name says which there are."""

    def __missing__(self, name: str) -> list[Any]:
        old = {"acc": "accuracy", "val_acc": "val_accuracy", "lr": "learning_rate"}.get(name)
        now = f"; {name!r} is what older Keras called {old!r}" if old in self else ""
        raise KeyError(f"the history has no {name!r}, it has {', '.join(self) or 'nothing yet'}{now}")


class History(Callback):
    """Keeps the logs of every epoch; `fit` adds one and returns it.

    Attributes
    ----------
    history : dict of str to list
        One value an epoch under each name.
    epoch : list of int
        The epochs of the last training, from 0.
    """

    def __init__(self) -> None:
        self.history: dict[str, list[Any]] = Record()
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Logs = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
