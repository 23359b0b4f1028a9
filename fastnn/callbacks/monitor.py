"""Callbacks that watch one value: what "better" means, in one place."""

from __future__ import annotations

import math
import warnings
from typing import Any

from fastnn.callbacks.callback import Callback, Logs
from fastnn.metrics import metrics

__all__ = ["MonitorCallback"]


class MonitorCallback(Callback):
    """Base of callbacks that act on whether a value improves.

    Parameters
    ----------
    monitor : str
        A name in the logs.
    mode : {"auto", "min", "max"}
        Which way is better; ``"auto"`` knows losses and fastnn's metrics.
    min_delta : float
        What a value must be better by; its sign doesn't matter.
    relative : bool, default False
        Whether that is a share of the magnitude of the value it must be better than.

    Raises
    ------
    ValueError
        For another mode; when ``"auto"`` can't tell, at the start of training.
    """

    def __init__(self, monitor: str, mode: str, min_delta: float, relative: bool = False):
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"{type(self).__name__}: mode must be 'auto', 'min' or 'max', got {mode!r}")
        if not isinstance(monitor, str):
            raise TypeError(f"{type(self).__name__}: monitor must be a name in the logs, got {monitor!r}")
        self.monitor, self.mode, self.min_delta = monitor, mode, abs(min_delta)
        self.relative = relative
        self.direction = ""
        self.best = math.nan

    def start(self) -> None:
        """Settle the direction, and let any value be better than the best so far."""
        self.direction = self.mode if self.mode != "auto" else self._found_direction()
        self.best = math.inf if self.direction == "min" else -math.inf

    def _found_direction(self) -> str:
        name = self.monitor.removeprefix("val_")
        if name == "loss":
            return "min"
        of_model = {m.name: m for m in getattr(self.model, "metrics", ())}
        direction = getattr(of_model[name] if name in of_model else _known_metric(name), "direction", None)
        if direction is None:
            raise ValueError(
                f"{type(self).__name__}: can't tell whether a larger or a smaller {self.monitor!r} is better; pass mode='max' or mode='min'"
            )
        return direction

    def is_better(self, value: float, reference: float) -> bool:
        """Whether `value` beats `reference` by more than `min_delta`; nan never does."""
        margin = self.min_delta * abs(reference) if self.relative and math.isfinite(reference) else self.min_delta
        if self.direction == "min":
            return bool(value < reference - margin)
        return bool(value > reference + margin)

    def is_due(self, logs: Logs) -> bool:
        """Whether the value should be there: after an epoch that `fit` doesn't validate, no value of a validation is."""
        validates_each = self.params.get("validation_freq", 1) == 1
        return validates_each or not self.monitor.startswith("val_") or self.monitor in (logs or {})

    def value(self, logs: Logs) -> Any:
        """The monitored value, or None; with a warning that names what there is when it is due."""
        known = logs or {}
        if self.monitor not in known and self.is_due(logs):
            warnings.warn(
                f"{type(self).__name__} monitors {self.monitor!r}, which is not available; available: {', '.join(known)}",
                stacklevel=4,
            )
        return known.get(self.monitor)


def _known_metric(name: str) -> Any:
    return metrics.find(name) if name in metrics.names() else None
