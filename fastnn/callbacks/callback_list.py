"""Several callbacks called as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from fastnn.callbacks.callback import HOOKS, Callback, Logs, own_hooks
from fastnn.callbacks.history import History
from fastnn.callbacks.progbar_logger import ProgbarLogger

__all__ = ["CallbackList"]


class CallbackList(Callback):
    """Calls each hook of its members in their order; all see one `logs` dictionary.

    Parameters
    ----------
    callbacks : Callback or iterable of Callback, optional
    add_history, add_progbar : bool, default False
        Append a :class:`History`, a :class:`ProgbarLogger`, unless there is one.
    model : Model, optional
        Becomes every member's `model`; its `history` becomes the list's History.
    **params
        Become every member's `params`: ``verbose``, ``epochs``, ``steps``, ``validation_freq``.

    Raises
    ------
    TypeError
        When a member is no callback.
    """

    def __init__(
        self,
        callbacks: Callback | Iterable[Callback] | None = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ):
        self.callbacks = _flattened(callbacks)
        self.history = self._member(History, add_history)
        self._member(ProgbarLogger, add_progbar)
        self.callbacks.sort(key=lambda callback: callback.comes_last)
        for callback in self.callbacks:
            callback.members = self.callbacks
        # Most callbacks have few hooks: keep the bound methods that do something.
        own = [(c, own_hooks(c)) for c in self.callbacks]
        self._listeners = {hook: [getattr(c, hook) for c, names in own if hook in names or other in names] for hook, other in HOOKS.items()}
        self.set_params(params)
        if model is not None:
            self.set_model(model)

    def _member(self, kind: type[Callback], add: bool) -> Any:
        found = next((c for c in self.callbacks if isinstance(c, kind)), None)
        if found is None and add:
            self.callbacks.append(found := kind())
        return found

    def set_model(self, model: Any) -> None:
        self.model = model
        if self.history is not None:
            model.history = self.history
        for callback in self.callbacks:
            callback.set_model(model)

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def watches_batches(self, mode: str) -> bool:
        return any(callback.watches_batches(mode) for callback in self.callbacks)

    def follows_batches(self, mode: str) -> bool:
        return any(callback.follows_batches(mode) for callback in self.callbacks)

    @property
    def stops_at_nan(self) -> bool:  # type: ignore[override]
        return any(callback.stops_at_nan for callback in self.callbacks)

    def __iter__(self) -> Any:
        return iter(self.callbacks)


def _flattened(callbacks: Any) -> list[Callback]:
    if callbacks is None:
        return []
    if isinstance(callbacks, CallbackList):
        return list(callbacks.callbacks)
    if isinstance(callbacks, Callback):
        return [callbacks]
    if isinstance(callbacks, Iterable) and not isinstance(callbacks, (str, dict)):
        return [c for each in callbacks for c in _flattened(each)]
    hint = f"; write {callbacks.__name__}()" if isinstance(callbacks, type) else ""
    raise TypeError(f"callbacks must be fastnn.callbacks.Callback objects, got {callbacks!r}{hint}")


def _dispatch(hook: str) -> Callable[..., None]:
    def indexed(self: CallbackList, index: int, logs: Logs = None) -> None:
        logs = {} if logs is None else logs
        for listener in self._listeners[hook]:
            listener(index, logs)

    def plain(self: CallbackList, logs: Logs = None) -> None:
        logs = {} if logs is None else logs
        for listener in self._listeners[hook]:
            listener(logs)

    call = indexed if "epoch" in hook or "batch" in hook else plain
    call.__name__, call.__doc__ = hook, getattr(Callback, hook).__doc__
    return call


for _hook in HOOKS:
    setattr(CallbackList, _hook, _dispatch(_hook))
