"""Metrics: running values that judge predictions, with Keras' names and defaults."""

from __future__ import annotations

from typing import Any

from fastnn.absent import missing
from fastnn.configurable import deserializer, serialize
from fastnn.custom_objects import custom_function
from fastnn.losses import Loss, LossFunction
from fastnn.losses.loss import losses
from fastnn.metrics.accuracy import *
from fastnn.metrics.auc import *
from fastnn.metrics.confusion import *
from fastnn.metrics.fbeta import *
from fastnn.metrics.functions import MetricFunction
from fastnn.metrics.iou import *
from fastnn.metrics.loss import *
from fastnn.metrics.loss import MeanLoss, of_losses
from fastnn.metrics.mean import *
from fastnn.metrics.mean import Comparison, MeanMetricWrapper
from fastnn.metrics.metric import *
from fastnn.metrics.metric import Metric, metrics
from fastnn.metrics.precision import *
from fastnn.metrics.regression import *
from fastnn.metrics.thresholds import *
from fastnn.metrics.top_k import *

_of_losses = {kind.__name__: kind for kind in of_losses()}
globals().update(_of_losses)


def _function(name: str) -> LossFunction | MetricFunction | None:
    """The function of arrays that Keras has under a metric's name in snake case."""
    kind = metrics.known(name)
    if getattr(kind, "function", None) is not None:
        return kind.function
    return MetricFunction(kind) if isinstance(kind, type) and issubclass(kind, Comparison) else None


def get(identifier: Any) -> Metric:
    """A metric from a name, a class, a configuration, a metric (returned as it is), a loss or a Python function.

    Parameters
    ----------
    identifier : str, type, dict, Metric, Loss, LossFunction or callable
        A name becomes the metric's name too: ``get("mse").name`` is ``"mse"``. Of a loss the mean is taken. A function
        ``f(y_true, y_pred)`` is averaged under its own name.

    Raises
    ------
    ValueError
        For an unknown name.
    TypeError
        For anything else.
    """
    if isinstance(identifier, MetricFunction):
        return identifier.kind()
    if callable(own := custom_function(identifier)):
        identifier = own
    if callable(identifier) and not isinstance(identifier, (Metric, Loss, LossFunction, type)):
        return MeanMetricWrapper(identifier)
    if not isinstance(identifier, str):
        return MeanLoss(identifier) if isinstance(identifier, (Loss, LossFunction)) else metrics.get(identifier)
    if identifier in losses.names() and identifier not in metrics.names():  # a loss that was registered later
        return MeanLoss(identifier, identifier)
    made = metrics.get(_FORMS[identifier][-1] if identifier in ("crossentropy", "ce") else identifier)
    made.name = identifier
    return made


_FORMS = {
    **dict.fromkeys(("accuracy", "acc"), ("binary_accuracy", "sparse_categorical_accuracy", "categorical_accuracy")),
    **dict.fromkeys(("crossentropy", "ce"), ("binary_crossentropy", "sparse_categorical_crossentropy", "categorical_crossentropy")),
}
"""What a short name means for one output, for integer labels, and for one-hot targets."""


def resolve(identifier: Any, y_true_shape: tuple[int, ...], y_pred_shape: tuple[int, ...]) -> Metric:
    """The metric that ``compile(metrics=[identifier])`` means for these shapes, as Keras chooses it.

    ``"accuracy"``, ``"acc"``, ``"crossentropy"`` and ``"ce"`` are binary for one output, sparse for integer labels, categorical
    otherwise; the metric keeps the name given. Everything else is :func:`get`'s.

    Parameters
    ----------
    identifier : str, type, dict, Metric, Loss or callable
        As for :func:`get`.
    y_true_shape, y_pred_shape : tuple of int
        With the batch axis.
    """
    if not isinstance(identifier, str) or identifier.lower() not in _FORMS:
        return get(identifier)
    binary, sparse, categorical = _FORMS[identifier.lower()]
    labels = len(y_true_shape) < len(y_pred_shape) or y_true_shape[-1] == 1
    made = get(binary if y_pred_shape[-1] == 1 else sparse if labels else categorical)
    made.name = identifier
    return made


deserialize = deserializer(get)

__all__ = ["MeanMetricWrapper", "Metric", *metrics.members, "deserialize", "get", "resolve", "serialize"]

__getattr__ = missing(__name__, _function)
