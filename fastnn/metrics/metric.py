"""What a metric is: a running summary of targets and predictions, batch by batch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.backend import Op, op
from fastnn.configurable import Catalogue, Configurable, snake_case
from fastnn.memory import aligned_zeros
from fastnn.program import Program

Weights = Any
"""One weight a sample, ``(n,)`` or ``(n, 1)``; None weighs every sample alike."""


class Metric(Configurable):
    """A running value. Sums are kept in float64, so batches of any sizes give the value of the whole data.

    Parameters
    ----------
    name : str, optional
        The key in logs and histories; the class' name in snake case by default.

    Attributes
    ----------
    direction : {"min", "max"} or None
        Which way is better; callbacks with ``mode="auto"`` read it.
    """

    direction: str | None = None

    def __init__(self, name: str | None = None):
        if name is not None and not isinstance(name, str):
            raise TypeError(f"{type(self).__name__}: name must be a string, got {name!r}")
        self.name = snake_case(type(self).__name__) if name is None else name
        self.reset_state()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "update_state" in vars(cls) and "lower" not in vars(cls):  # the parent's ops would bypass it
            cls.lower = Metric.lower  # type: ignore[method-assign]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Weights = None) -> None:
        """Take in a batch.

        Parameters
        ----------
        y_true, y_pred : array_like
            Targets and predictions, the samples along the first axis.
        sample_weight : array_like (n,), optional
            What each sample counts, 1 by default.

        Raises
        ------
        ValueError
            When the shapes don't fit together; the state is then unchanged.
        """
        raise NotImplementedError

    def result(self) -> Any:
        """The value over all batches since the last reset."""
        raise NotImplementedError

    def reset_state(self) -> None:
        """Forget all batches. What a program's ops write to is set to zero in place."""
        raise NotImplementedError

    def lower(self, program: Program, t: np.ndarray, y: np.ndarray, w: np.ndarray | None) -> bool:
        """Append the op calls that take in a batch as :meth:`update_state` does, where there are such ops.

        Parameters
        ----------
        program : Program
        t : ndarray (n, m), or (n,) int64
            The buffer of targets, or of labels, as the loss takes them.
        y : ndarray (n, m)
            The buffer of predictions.
        w : ndarray (n,) or None
            The buffer of sample weights.

        Returns
        -------
        bool
            Whether that was done; otherwise `update_state` has to be called for each batch.
        """
        return False

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Weights = None) -> Any:
        """Take in a batch and give the value so far; see :meth:`update_state`."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()


metrics: Catalogue[Metric] = Catalogue("metric", Metric)


def checked_weights(metric: Metric, sample_weight: Weights, samples: int) -> np.ndarray | None:
    """The weights as a float64 vector ``(n,)``, or None."""
    if sample_weight is None:
        return None
    w = np.asarray(sample_weight, dtype=np.float64)
    if w.size != samples or (w.ndim > 1 and w.shape[0] != samples):
        raise ValueError(f"{metric.name}: sample_weight must have one value a sample, ({samples},), got shape {w.shape}")
    return w.reshape(-1)


def aligned(metric: Metric, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays of one shape; ``(n,)`` and ``(n, 1)`` are taken for the same."""
    t, y = np.asarray(y_true), np.asarray(y_pred)
    if t.shape == y.shape:
        return t, y
    shorter, longer = sorted((t.shape, y.shape), key=len)
    if longer != (*shorter, 1):
        raise ValueError(f"{metric.name}: y_true and y_pred must have the same shape, got {t.shape} and {y.shape}")
    return t.reshape(longer), y.reshape(longer)


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

    def reset_state(self) -> None:
        self.sums[:] = 0

    def result(self) -> float:
        return float(self.sums[0] / self.sums[1]) if self.sums[1] else 0.0

    def add(self, values: np.ndarray, sample_weight: Weights) -> None:
        """Take in `values` ``(n, ...)``; what lies beyond the first axis is averaged within its sample."""
        n = len(values)
        w = checked_weights(self, sample_weight, n)
        if values.size:
            accumulate.reference(values.reshape(n, -1).mean(axis=1, dtype=np.float64), np.ones(n) if w is None else w, self.sums)


class Comparison(RunningMean):
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

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Weights = None) -> None:
        t, y, samples = self.in_rows(y_true, y_pred)
        w = checked_weights(self, sample_weight, samples)
        if y.size:
            value = np.zeros(len(y))
            self.op.reference(y, t, value, *self.scalars)
            self.add(value.reshape(samples, -1), w)

    def in_rows(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray, int]:
        """Targets and predictions as the op takes them, and how many samples they are: each may have several rows."""
        t, y = aligned(self, y_true, y_pred)
        return by_sample(t), by_sample(y), len(y)

    def lower(self, program: Program, t: np.ndarray, y: np.ndarray, w: np.ndarray | None) -> bool:
        labels = self.op.arrays[1].dtype == "int64"
        if (t.dtype == np.int64) != labels or t.shape != (y.shape[:1] if labels else y.shape):
            return False
        value = aligned_zeros(len(y), np.float64)
        program.measure(self.op, y, t, value, *self.scalars)
        program.measure(accumulate, value, weights_of(y, w), self.sums)
        return True


def by_sample(a: np.ndarray) -> np.ndarray:
    """A matrix ``(n, m)`` of one row a sample."""
    return a.reshape(len(a), math.prod(a.shape[1:]))


def weights_of(y: np.ndarray, w: np.ndarray | None) -> np.ndarray:
    """The buffer of sample weights, or one of ones."""
    if w is None:
        w = aligned_zeros(len(y), y.dtype)
        w += 1
    return w


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


class MeanMetricWrapper(RunningMean):
    """The mean of a Python function of targets and predictions.

    Parameters
    ----------
    fn : callable
        ``fn(y_true, y_pred)`` gives one value a sample, ``(n,)``, or one number for the batch, which then
        counts for each of its samples.
    name : str, optional
        The function's name by default.
    """

    def __init__(self, fn: Callable[[Any, Any], Any], name: str | None = None):
        if not callable(fn):
            raise TypeError(f"MeanMetricWrapper: fn must be a function of y_true and y_pred, got {fn!r}")
        super().__init__(name or getattr(fn, "__name__", snake_case(type(fn).__name__)))
        self.fn = fn

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Weights = None) -> None:
        n = len(y_pred)
        values = np.asarray(self.fn(y_true, y_pred))
        if values.ndim and len(values) != n:
            raise ValueError(f"{self.name}: the function must give one value a sample, ({n},), or a number, got shape {values.shape}")
        self.add(values if values.ndim else np.full(n, values), sample_weight)
