"""Metrics: running values that judge predictions, with Keras' names and defaults."""

from __future__ import annotations

from typing import Any

from fastnn.metrics.accuracy import Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy
from fastnn.metrics.auc import AUC
from fastnn.metrics.metric import Mean, MeanMetricWrapper, Metric, metrics
from fastnn.metrics.regression import MeanAbsoluteError, MeanSquaredError, R2Score, RootMeanSquaredError

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "Mean",
    "MeanAbsoluteError",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "Metric",
    "R2Score",
    "RootMeanSquaredError",
    "SparseCategoricalAccuracy",
    "get",
    "resolve",
]


def get(identifier: Any) -> Metric:
    """A metric from a name, a class, a configuration, a metric (returned as it is) or a Python function.

    Parameters
    ----------
    identifier : str, type, dict, Metric or callable
        A name becomes the metric's name too: ``get("mse").name`` is ``"mse"``. A function
        ``f(y_true, y_pred)`` is averaged under its own name.

    Raises
    ------
    ValueError
        For an unknown name.
    TypeError
        For anything else.
    """
    if callable(identifier) and not isinstance(identifier, (Metric, type)):
        return MeanMetricWrapper(identifier)
    made = metrics.get(identifier)
    if isinstance(identifier, str):
        made.name = identifier
    return made


def resolve(identifier: Any, y_true_shape: tuple[int, ...], y_pred_shape: tuple[int, ...]) -> Metric:
    """The metric that ``compile(metrics=[identifier])`` means for these shapes, as Keras chooses it.

    ``"accuracy"`` and ``"acc"`` are binary for one output, sparse for integer labels, categorical otherwise; the
    metric keeps the name given. Everything else is :func:`get`'s.

    Parameters
    ----------
    identifier : str, type, dict, Metric or callable
        As for :func:`get`.
    y_true_shape, y_pred_shape : tuple of int
        With the batch axis.
    """
    if not isinstance(identifier, str) or identifier.lower() not in ("accuracy", "acc"):
        return get(identifier)
    if y_pred_shape[-1] == 1:
        return BinaryAccuracy(name=identifier)
    sparse = len(y_true_shape) < len(y_pred_shape) or y_true_shape[-1] == 1
    return (SparseCategoricalAccuracy if sparse else CategoricalAccuracy)(name=identifier)
