"""Metrics as functions of arrays, as Keras' ``metrics.categorical_accuracy``: what a metric's class makes of each sample."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from fastnn.config import floatx
from fastnn.configurable import snake_case
from fastnn.metrics.mean import Comparison

__all__ = ["MetricFunction"]


class MetricFunction:
    """The function behind a metric that is a mean, called on arrays.

    Parameters
    ----------
    kind : type
        The metric's class.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.metrics.sparse_categorical_accuracy([1, 0], [[0.2, 0.8], [0.4, 0.6]])
    array([1., 0.], dtype=float32)
    """

    def __init__(self, kind: type[Comparison]):
        self.kind = kind
        self.__name__ = snake_case(kind.__name__)
        self.__doc__ = kind.__doc__

    def __call__(self, y_true: Any, y_pred: Any, *values: Any, **parameters: Any) -> np.ndarray:
        """One value a sample.

        Parameters
        ----------
        y_true, y_pred : array_like
            As for the class' ``update_state``.
        *values, **parameters
            Those of the class, ``name`` left out.

        Returns
        -------
        ndarray (n,)
            Of ``config.floatx()``.

        Raises
        ------
        ValueError
            When the shapes don't fit together.
        """
        names = [name for name in inspect.signature(self.kind).parameters if name != "name"]
        metric = self.kind(**dict(zip(names, values, strict=False)), **parameters)
        t, y, _ = metric.in_rows(y_true, y_pred)
        value = np.empty(len(y))
        metric.op.reference(y, t, value, *metric.scalars)
        return value.astype(floatx())

    def __repr__(self) -> str:
        return f"<metric function {self.__name__}>"
