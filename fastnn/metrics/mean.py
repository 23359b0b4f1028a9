"""Sums and means of one value a sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fastnn.backend import Op, op
from fastnn.configurable import snake_case
from fastnn.memory import aligned_zeros
from fastnn.metrics.metric import Metric, OpMetric, Weights, checked_weights, metrics

__all__ = ["Mean", "MeanMetricWrapper", "Sum"]


@op("value (n) float64, w (n), sums (2) float64 -> sums (2) float64", differentiable=False)
def accumulate(value: np.ndarray, w: np.ndarray, sums: np.ndarray) -> None:
    """Add the weighted values of a batch's samples, and their weights, to those of the batches before."""
    sums += np.sum(value * w), np.sum(w, dtype=np.float64)


class RunningMean(Metric):
    """The weighted mean of one value a sample; without data it is 0.

    Attributes
    ----------
    sums : ndarray (2,)
        The weighted values' sum, and the weights'.
    """

    def __init__(self, name: str | None = None):
        self.sums = np.zeros(2)
        super().__init__(name)

    def result(self) -> float:
        return float(self.sums[0] / self.sums[1]) if self.sums[1] else 0.0

    def add(self, values: np.ndarray, sample_weight: Weights) -> None:
        """Take in `values` ``(n, ...)``; what lies beyond the first axis is averaged within its sample."""
        n = len(values)
        w = checked_weights(self, sample_weight, n)
        if values.size:
            accumulate.reference(values.reshape(n, -1).mean(axis=1, dtype=np.float64), np.ones(n) if w is None else w, self.sums)


class Comparison(OpMetric, RunningMean):
    """The mean of what an op makes of each sample's targets and predictions.

    Attributes
    ----------
    op : Op
        ``y (n, m), t (n, m) -> value (n) float64``, or with ``labels (n) int64`` for t. Set by each subclass.
    scalars : tuple of float
        What the op takes after its arrays.
    """

    op: Op
    scalars: tuple[float, ...] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "op" in vars(cls):
            cls.ops = (cls.op, accumulate)

    def takes(self, t: np.ndarray, y: np.ndarray) -> bool:
        labels = self.op.arrays[1].dtype == "int64"
        return (t.dtype == np.int64) == labels and t.shape == (y.shape[:1] if labels else y.shape)

    def row_weights(self, w: np.ndarray, rows: int) -> np.ndarray:
        return np.repeat(w / rows, rows)  # the rows' values are averaged

    def calls(self, t: np.ndarray, y: np.ndarray, w: np.ndarray) -> Iterator[tuple[Any, ...]]:
        value = aligned_zeros(len(y), np.float64)
        yield self.op, y, t, value, *self.scalars
        yield accumulate, value, w, self.sums


@metrics.register()
class Mean(RunningMean):
    """The weighted mean of values, without predictions.

    Parameters
    ----------
    name : str, default "mean"
    """

    def update_state(self, values: Any, sample_weight: Weights = None) -> None:  # type: ignore[override]
        """Take in a number, or an array of one value (or row of values) a sample."""
        self.add(np.atleast_1d(values), sample_weight)

    def __call__(self, values: Any, sample_weight: Weights = None) -> float:  # type: ignore[override]
        self.update_state(values, sample_weight)
        return self.result()


@metrics.register()
class Sum(Metric):
    """The weighted sum of values, without predictions.

    Parameters
    ----------
    name : str, default "sum"
    """

    def __init__(self, name: str | None = None):
        self.total = np.zeros(1)
        super().__init__(name)

    def update_state(self, values: Any, sample_weight: Weights = None) -> None:  # type: ignore[override]
        """Take in a number, or an array of one value (or row of values, which are added up) a sample."""
        given = np.atleast_1d(values)
        w = checked_weights(self, sample_weight, len(given))
        each = given.reshape(len(given), -1).sum(axis=1, dtype=np.float64) if given.size else np.zeros(len(given))
        self.total += each.sum() if w is None else each @ w

    def result(self) -> float:
        return float(self.total[0])

    def __call__(self, values: Any, sample_weight: Weights = None) -> float:  # type: ignore[override]
        self.update_state(values, sample_weight)
        return self.result()


class MeanMetricWrapper(RunningMean):
    """The mean of a Python function of targets and predictions.

    Parameters
    ----------
    fn : callable
        ``fn(y_true, y_pred, **kwargs)`` gives one value a sample, ``(n,)``, or one number for the batch, which then
        counts for each of its samples.
    name : str, optional
        The function's name by default.
    **kwargs
        Passed on to the function.
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None, **kwargs: Any):
        if not callable(fn):
            raise TypeError(f"MeanMetricWrapper: fn must be a function of y_true and y_pred, got {fn!r}")
        super().__init__(name or getattr(fn, "__name__", snake_case(type(fn).__name__)))
        self.fn, self.kwargs = fn, kwargs

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Weights = None) -> None:
        n = len(y_pred)
        values = np.asarray(self.fn(y_true, y_pred, **self.kwargs))
        if values.ndim and len(values) != n:
            raise ValueError(f"{self.name}: the function must give one value a sample, ({n},), or a number, got shape {values.shape}")
        self.add(values if values.ndim else np.full(n, values), sample_weight)
