"""What a metric is: a running summary of targets and predictions, batch by batch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, ClassVar

import numpy as np

from fastnn import initializers
from fastnn.backend import Op
from fastnn.configurable import Catalogue, Configurable, snake_case
from fastnn.memory import aligned_zeros
from fastnn.parameters import Parameter
from fastnn.program import Program

__all__ = ["Metric", "OpMetric"]

Weights = Any
"""One weight a sample, ``(n,)`` or ``(n, 1)``; None weighs every sample alike."""


class Metric(Configurable):
    """A running value. Sums are kept in float64, so batches of any sizes give the value of the whole data.

    A subclass defines `update_state`, `result`, and either `reset_state`, or makes its state by `add_weight`, as in Keras.

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
        with suppress(AttributeError, NotImplementedError):  # of state that is made after this, by add_weight; it is new anyway
            self.reset_state()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "update_state" in vars(cls) and "lower" not in vars(cls):  # the parent's ops would bypass it
            cls.lower = Metric.lower  # type: ignore[method-assign]

    @property
    def variables(self) -> list[np.ndarray]:
        """The state: the arrays that batches add to."""
        state = [v.value if isinstance(v, Parameter) else v for k, v in vars(self).items() if not k.startswith("_")]
        return [v for v in state if isinstance(v, np.ndarray)]

    def add_weight(self, shape: tuple[int, ...] = (), initializer: Any = None, dtype: Any = None, name: str | None = None) -> Parameter:
        """A new array of the state, as in Keras: it has ``assign`` and ``assign_add``, and `reset_state` makes it zero.

        Parameters
        ----------
        shape : tuple of int
            A single number by default.
        initializer : str or Initializer, optional
            Zeros by default.
        dtype : dtype, optional
            Without meaning: sums are kept in float64.
        name : str, optional
        """
        value = initializers.get(initializer or "zeros")(shape, "float64")
        return Parameter(name or "variable", value, trainable=False)

    add_variable = add_weight

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
        """Forget all batches: `variables` become zero in place, as programs stay bound to them."""
        if not self.variables:
            raise NotImplementedError(
                f"{type(self).__name__} must define reset_state, or make arrays for its state before super().__init__()"
            )
        for state in self.variables:
            state[...] = 0

    def check_targets(self, y_true: np.ndarray) -> None:
        """Raise ValueError where the metric isn't defined for targets; asked before training, where these are arrays."""

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


class OpMetric(Metric):
    """A metric whose ops take in a batch, called by hand as within a program: a subclass says which, by `calls`.

    Attributes
    ----------
    ops : tuple of Op
        Those that `calls` may name, the most telling first.
    """

    ops: ClassVar[tuple[Op, ...]] = ()

    def calls(self, t: np.ndarray, y: np.ndarray, w: np.ndarray) -> Iterator[tuple[Any, ...]]:
        """Each op and its arguments, in order.

        Parameters
        ----------
        t, y : ndarray
            Targets and predictions as `in_rows` makes them, or as `takes` accepts them.
        w : ndarray (n,)
            A weight a row.
        """
        raise NotImplementedError

    def in_rows(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray, int]:
        """Targets and predictions as the ops take them, checked, and how many samples they are: each may have several rows."""
        t, y = aligned(self, y_true, y_pred)
        return by_sample(t), by_sample(y), len(y)

    def takes(self, t: np.ndarray, y: np.ndarray) -> bool:
        """Whether the ops can read a program's buffers of targets and predictions."""
        return t.shape == y.shape

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Weights = None) -> None:
        t, y, samples = self.in_rows(y_true, y_pred)
        w = checked_weights(self, sample_weight, samples)
        if y.size:
            for op, *arguments in self.calls(t, y, self.row_weights(np.ones(samples) if w is None else w, len(y) // samples)):
                op.reference(*arguments)

    def row_weights(self, w: np.ndarray, rows: int) -> np.ndarray:
        """A weight for each row, where every sample has so many."""
        return np.repeat(w, rows)

    def lower(self, program: Program, t: np.ndarray, y: np.ndarray, w: np.ndarray | None) -> bool:
        if not self.takes(t, y):
            return False
        for op, *arguments in self.calls(t, y, ones(y) if w is None else w):
            program.measure(op, *arguments)
        return True


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


def by_sample(a: np.ndarray) -> np.ndarray:
    """A matrix ``(n, m)`` of one row a sample."""
    return a.reshape(len(a), math.prod(a.shape[1:]))


def ones(y: np.ndarray) -> np.ndarray:
    """A weight of 1 for each row."""
    w = aligned_zeros(len(y), y.dtype)
    w += 1
    return w
