"""Loss and metrics of a pass over data, summed up batch by batch inside the program, those written in Python after each batch."""

from __future__ import annotations

import contextlib
import copy
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from fastnn import metrics as metrics_
from fastnn.configurable import serialize
from fastnn.custom_objects import registered_name
from fastnn.models.data import Data
from fastnn.program import Program


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
    sums : ndarray of shape (2,), float64
        The losses of all batches, each times its number of samples, and the number of all samples.
    batch : ndarray of shape (1,), float64
        The last batch's loss.
    """

    def __init__(self, metrics: Any = None, weighted_metrics: Any = None):
        self.given = [(m, False) for m in _as_list(metrics)] + [(m, True) for m in _as_list(weighted_metrics)]
        self.names = self._distinct_names()
        if len(set(self.names)) < len(self.names) or "loss" in self.names:
            raise ValueError(f"metrics need different names, and none may be 'loss', got {self.names}")
        self._metrics: list[Any] = []
        self._shapes: tuple[Any, Any] | None = None
        self._python: list[tuple[Any, bool]] = []
        self._judging = False
        self.sums, self.batch = np.zeros(2), np.zeros(1)

    def _distinct_names(self) -> list[str]:
        """Each metric's name; a weighted one that is also there unweighted gets Keras' ``weighted_`` before it."""
        names = [metrics_.get(m).name for m, _ in self.given]
        plain = {name for name, (_, weighted) in zip(names, self.given, strict=True) if not weighted}
        return [f"weighted_{n}" if weighted and n in plain else n for n, (_, weighted) in zip(names, self.given, strict=True)]

    def get_config(self) -> dict[str, Any]:
        """The metrics as `compile` takes them; Python functions that aren't registered can't be kept, and are left out with a warning."""
        kept = [(kept, weighted) for m, weighted in self.given if (kept := _kept(m)) is not None]
        if len(kept) < len(self.given):
            warnings.warn(
                "metrics that are Python functions aren't saved: decorate them with @fastnn.saving.register_keras_serializable(), "
                "or compile again after loading",
                stacklevel=2,
            )
        return {key: [serialize(m) for m, w in kept if w == weighted] for key, weighted in (("metrics", False), ("weighted_metrics", True))}

    def suit(self, targets: tuple[int, ...], outputs: tuple[int, ...]) -> bool:
        """Whether the metrics have already seen targets and outputs of these shapes (of one sample)."""
        return not self.given or self._shapes == (targets, outputs)

    @property
    def metrics(self) -> list[Any]:
        """The metrics as objects."""
        return self._metrics or [metrics_.get(m) for m, _ in self.given]

    def fresh(self) -> Scores:
        """Other scores of the same metrics."""
        other = copy.deepcopy(self)
        other._metrics, other._shapes, other._python, other._judging = [], None, [], False
        other.reset()
        return other

    def reset(self) -> None:
        """Forget all batches."""
        self.sums[:] = self.batch[:] = 0
        for metric in self._metrics:
            metric.reset_state()

    def resolve(self, targets: tuple[int, ...], outputs: tuple[int, ...]) -> None:
        """Make the metrics for targets and outputs of these shapes (of one sample): only they say what "accuracy" means."""
        self._metrics = [metrics_.resolve(m, (1, *targets), (1, *outputs)) for m, _ in self.given]
        self._shapes = targets, outputs

    def lower(self, program: Program, targets: np.ndarray, outputs: np.ndarray, weights: np.ndarray | None) -> None:
        """Append what the metrics compute of each batch; what they can't say in ops is left to `update`."""
        given = [(metric, weighted) for metric, (_, weighted) in zip(self._metrics, self.given, strict=True)]
        self._python = [(m, weighted) for m, weighted in given if not m.lower(program, targets, outputs, weights if weighted else None)]

    def prepare(self, data: Data, outputs: np.ndarray) -> bool:
        """Make the metrics for data and outputs of these shapes, if there are none yet, after trying them on one sample.

        Returns
        -------
        bool
            Whether they are new, and programs have to be made again.

        Raises
        ------
        ValueError, TypeError
            When a metric doesn't suit the targets; nothing has changed then.
        """
        shapes = data.y_true.shape[1:], outputs.shape[1:]
        if self.suit(*shapes):
            return False
        probe = self.fresh()
        probe.resolve(*shapes)
        probe._python = [(metric, weighted) for metric, (_, weighted) in zip(probe._metrics, probe.given, strict=True)]
        with self._alone():
            probe.update(data, np.arange(1), outputs[:1])
        self.resolve(*shapes)
        return True

    def check(self, data: Data) -> None:
        """Raise ValueError where a metric isn't defined for the targets; the metrics have been made."""
        for metric in self._metrics:
            metric.check_targets(data.y_true)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Refuse a metric that lets the model evaluate itself, which would ask the metric again."""
        if self._judging:
            raise RuntimeError(
                f"one of the metrics {self.names} evaluates or trains the model that it judges: it may call predict, or another model"
            )
        self._judging = True
        try:
            yield
        finally:
            self._judging = False

    @property
    def in_python(self) -> bool:
        """Whether `update` has to be called after each batch."""
        return bool(self._python)

    def update(self, data: Data, rows: np.ndarray, outputs: np.ndarray) -> None:
        """Let the metrics written in Python compare one batch's outputs with the targets of `rows`."""
        y_true = data.y_true[rows]
        weights = None if data.weights is None else data.weights[rows]
        with self._alone():
            for metric, weighted in self._python:
                metric.update_state(y_true, outputs, weights if weighted else None)

    def results(self) -> dict[str, Any]:
        """``"loss"`` and the metrics by name."""
        values = {name: metric.result() for name, metric in zip(self.names, self._metrics, strict=False)}
        return {"loss": float(self.sums[0] / max(self.sums[1], 1)), **{k: _plain(v) for k, v in values.items()}}


def _kept(metric: Any) -> Any:
    """What stands for a metric in a file: a name, or an object with a configuration; None for a function that isn't registered."""
    if isinstance(metric, (str, dict)):
        return metric
    made = metrics_.get(metric)
    return registered_name(made.fn) if isinstance(made, metrics_.MeanMetricWrapper) else made


def _plain(value: Any) -> Any:
    return float(value) if np.ndim(value) == 0 else np.array(value)  # a copy: the metric may go on in its own array


def _as_list(given: Any) -> list[Any]:
    if given is None:
        return []
    return list(given) if isinstance(given, (list, tuple)) else [given]
