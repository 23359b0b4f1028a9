"""The hooks of training, evaluation and prediction."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from fastnn.keywords import explained
from fastnn.state import plain_state, put_back

__all__ = ["Callback"]

Logs = dict[str, Any] | None


class Callback:
    """Base of all callbacks: override the hooks you need.

    `logs` holds the values so far under their names in the history (``"loss"``, ``"val_loss"``, ...); what a hook
    adds to the `logs` of an epoch's end, later callbacks and the history see.

    Attributes
    ----------
    model : Model
        Set before the first hook is called. Setting ``model.stop_training = True`` ends the training.
    params : dict
        ``verbose``, ``epochs``, ``steps`` (batches an epoch) and ``validation_freq``.
    members : list of Callback
        All callbacks that are called together, this one among them.
    comes_last : bool
        Whether it is called after those that aren't such, wherever it stands.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            cls.__init__ = explained(cls.__init__)  # type: ignore[method-assign]

    model: Any = None
    params: dict[str, Any] = {}  # noqa: RUF012 (replaced, never changed)
    members: list[Callback] = []  # noqa: RUF012 (replaced, never changed)
    comes_last = False
    stops_at_nan = False  # whether its batch hooks are to be called after a batch whose loss is no finite number

    def set_model(self, model: Any) -> None:
        """Called by the model before the first hook."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Called by the model before the first hook."""
        self.params = params

    def watches_batches(self, mode: str) -> bool:
        """Whether any batch hook of `mode` ("train", "test" or "predict") does something.

        When no callback of a training does, the model needn't leave the compiled loop after each batch.
        """
        both = ("on_batch_begin", "on_batch_end") if mode == "train" else ()
        return not own_hooks(self).isdisjoint((*both, f"on_{mode}_batch_begin", f"on_{mode}_batch_end"))

    def follows_batches(self, mode: str) -> bool:
        """Whether the batch hooks of `mode` are worth a call now and then, some twenty times a second: to show progress."""
        return False

    def get_state(self) -> dict[str, Any]:
        """What it remembers of a training, for :class:`BackupAndRestore`: plain data that is no argument of its constructor.

        That is numbers, text, arrays, and lists, tuples and dictionaries of these. Override it with :meth:`set_state` to keep more.
        """
        return {name: value for name, value in plain_state(self).items() if name != "params"}

    def set_state(self, state: dict[str, Any]) -> None:
        """Remember what :meth:`get_state` returned; called after `on_train_begin`."""
        put_back(self, state)

    def on_train_begin(self, logs: Logs = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs = None) -> None:
        """After the last epoch; `logs` are that epoch's."""

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Before an epoch; `epoch` counts from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """After an epoch and its validation."""

    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Another name of :meth:`on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Another name of :meth:`on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Before a training batch; `batch` counts from 0 in each epoch."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """After a training batch; `logs` are the means of the epoch so far."""
        self.on_batch_end(batch, logs)

    def on_test_begin(self, logs: Logs = None) -> None:
        """Before an evaluation, also that of an epoch's validation."""

    def on_test_end(self, logs: Logs = None) -> None:
        """After an evaluation."""

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Before a batch of an evaluation."""

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """After a batch of an evaluation."""

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Before a prediction."""

    def on_predict_end(self, logs: Logs = None) -> None:
        """After a prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Before a batch of a prediction."""

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """After a batch of a prediction."""


HOOKS = {name: name.replace("train_batch", "batch") for name in vars(Callback) if name.startswith("on_")}
"""The names of all hooks, each with its other name, if it has one, or else itself."""


def own_hooks(callback: Callback) -> frozenset[str]:
    """The hooks that `callback` has its own methods for, from its class or set on the instance."""
    return _overridden(type(callback)).union(vars(callback).keys() & HOOKS)


@functools.lru_cache(maxsize=256)
def _overridden(kind: type[Callback]) -> frozenset[str]:
    """The hooks that a class has its own methods for."""
    return frozenset(name for name in HOOKS if getattr(kind, name) is not getattr(Callback, name))


def checked_count(callback: Callback, name: str, value: int) -> int:
    """`value` as a non-negative integer."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
        raise ValueError(f"{type(callback).__name__}: {name} must be a non-negative integer, got {value!r}")
    return int(value)


def checked_frequency(callback: Callback, save_freq: str | int) -> str | int:
    """A ``save_freq``: ``"epoch"``, or a positive number of batches."""
    if save_freq != "epoch" and (isinstance(save_freq, bool) or not isinstance(save_freq, int) or save_freq < 1):
        raise ValueError(f"{type(callback).__name__}: save_freq must be 'epoch' or a positive number of batches, got {save_freq!r}")
    return save_freq
