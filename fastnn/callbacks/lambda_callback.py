"""Hooks from functions."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from fastnn.callbacks.callback import HOOKS, Callback

__all__ = ["LambdaCallback"]

Hook = Callable[..., Any] | None


class LambdaCallback(Callback):
    """A callback whose hooks are given as functions.

    Parameters
    ----------
    on_epoch_begin, on_epoch_end, on_train_begin, on_train_end, on_train_batch_begin, on_train_batch_end : callable, optional
        Called with what the hook gets: ``(epoch, logs)``, ``(batch, logs)`` or ``(logs)``.
    **hooks
        Any other hook of :class:`Callback`.

    Raises
    ------
    TypeError
        For a name that is no hook, or a value that can't be called.
    """

    def __init__(
        self,
        on_epoch_begin: Hook = None,
        on_epoch_end: Hook = None,
        on_train_begin: Hook = None,
        on_train_end: Hook = None,
        on_train_batch_begin: Hook = None,
        on_train_batch_end: Hook = None,
        **hooks: Hook,
    ):
        named = {name: value for name, value in locals().items() if name in HOOKS}
        for name, function in {**named, **hooks}.items():
            if name not in HOOKS:
                near = difflib.get_close_matches(name, HOOKS, n=3)
                raise TypeError(f"LambdaCallback: {name!r} is no hook; did you mean {' or '.join(near or HOOKS)}?")
            if function is not None and not callable(function):
                raise TypeError(f"LambdaCallback: {name} must be a function, got {function!r}")
            if function is not None:
                setattr(self, name, function)
