"""Loss and metrics of a pass over data, accumulated batch by batch."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np

from fastnn import metrics as metrics_
from fastnn.configurable import Configurable, serialize
from fastnn.models.data import Data


class Scores:
    """The running loss and metrics.

    Parameters
    ----------
    metrics, weighted_metrics : list of (str, Metric or function), or None
        Without and with sample weights.

    Attributes
    ----------
    names : list of str
        The metrics' names, in order.
    """

    def __init__(self, metrics: Any = None, weighted_metrics: Any = None):
        self.given = [(m, False) for m in _as_list(metrics)] + [(m, True) for m in _as_list(weighted_metrics)]
        self.names = self._distinct_names()
        if len(set(self.names)) < len(self.names) or "loss" in self.names:
            raise ValueError(f"metrics need different names, and none may be 'loss', got {self.names}")
        self._metrics: list[Any] = []
        self._shapes: tuple[Any, Any] | None = None
        self.reset()

    def _distinct_names(self) -> list[str]:
        """Each metric's name; a weighted one that is also there unweighted gets Keras' ``weighted_`` before it."""
        names = [metrics_.get(m).name for m, _ in self.given]
        plain = {name for name, (_, weighted) in zip(names, self.given, strict=True) if not weighted}
        return [f"weighted_{n}" if weighted and n in plain else n for n, (_, weighted) in zip(names, self.given, strict=True)]

    def get_config(self) -> dict[str, Any]:
        """The metrics as `compile` takes them; Python functions can't be kept, and are left out with a warning."""
        kept = [(m, weighted) for m, weighted in self.given if isinstance(m, (str, Configurable, dict))]
        if len(kept) < len(self.given):
            warnings.warn("metrics that are Python functions or classes aren't saved: compile again after loading", stacklevel=2)
        return {key: [serialize(m) for m, w in kept if w == weighted] for key, weighted in (("metrics", False), ("weighted_metrics", True))}

    def suit(self, targets: tuple[int, ...], outputs: tuple[int, ...]) -> bool:
        """Whether the metrics have already seen targets and outputs of these shapes (of one sample)."""
        return not self.given or self._shapes == (targets, outputs)

    @property
    def metrics(self) -> list[Any]:
        """The metrics as objects."""
        return self._metrics or [metrics_.get(m) for m, _ in self.given]

    def copy(self) -> Scores:
        """Fresh scores of the same metrics."""
        other = copy.deepcopy(self)
        other.reset()
        return other

    def reset(self) -> None:
        self._loss_sum, self._samples = 0.0, 0
        for metric in self._metrics:
            metric.reset_state()

    def update(self, loss: float, data: Data, rows: np.ndarray, outputs: np.ndarray) -> None:
        """Take one batch in: its loss, and its outputs compared with the targets of `rows`."""
        self._loss_sum += loss * len(rows)
        self._samples += len(rows)
        if not self.given:
            return
        y_true = data.y_true[rows]
        if not self.suit(y_true.shape[1:], outputs.shape[1:]):  # only now is the form of "accuracy" known
            self._metrics = [metrics_.resolve(m, y_true.shape, outputs.shape) for m, _ in self.given]
            self._shapes = y_true.shape[1:], outputs.shape[1:]
        weights = None if data.weights is None else data.weights[rows]
        for metric, (_, weighted) in zip(self._metrics, self.given, strict=True):
            metric.update_state(y_true, outputs, weights if weighted else None)

    def results(self) -> dict[str, Any]:
        """``"loss"`` and the metrics by name."""
        values = {name: metric.result() for name, metric in zip(self.names, self._metrics, strict=False)}
        return {"loss": self._loss_sum / max(self._samples, 1), **{k: _plain(v) for k, v in values.items()}}


def _plain(value: Any) -> Any:
    return float(value) if np.ndim(value) == 0 else np.asarray(value)


def _as_list(given: Any) -> list[Any]:
    if given is None:
        return []
    return list(given) if isinstance(given, (list, tuple)) else [given]
