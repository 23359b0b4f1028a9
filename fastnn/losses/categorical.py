"""Categorical crossentropy, of probabilities and of logits, for one-hot or soft targets."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.losses.checks import EPSILON, check_axis, check_smoothing, check_vector
from fastnn.losses.loss import Loss, loss_function, losses
from fastnn.losses.targets import check_each

__all__ = ["CategoricalCrossentropy", "categorical_crossentropy"]

WEIGHTED = "y (n, m), t (n, m), w (n), class_weight (m) -> value (n), dy (n, m)"


def check_classes(name: str, t: np.ndarray) -> None:
    """Raise ValueError where targets `t (n, m)` are no shares of two classes or more."""
    if t.shape[1] < 2:
        raise ValueError(f"{name} needs at least 2 outputs, the model has 1: use {name.replace('categorical', 'binary')}")
    check_each(t >= 0, t, f"{name} needs targets that are not negative")


@loss_function(WEIGHTED, y="probabilities", t="one_hot", class_weight="positive")
def categorical_crossentropy(
    y: np.ndarray,
    t: np.ndarray,
    w: np.ndarray,
    value: np.ndarray,
    dy: np.ndarray,
    class_weight: np.ndarray,
    label_smoothing: float = 0.0,
) -> None:
    """``-sum(s * log(p))`` over the classes.

    Here ``p = clip(y / sum(y), 1e-7, 1 - 1e-7)`` and ``s = class_weight * (t*(1-label_smoothing) + label_smoothing/m)``. The gradient is
    that of the normalised and clipped function: a class whose p was clipped has no pull. The form on logits has no such dead zone.
    """
    s = class_weight * (t * (1.0 - label_smoothing) + label_smoothing / y.shape[1])
    total = np.sum(y, axis=1, keepdims=True)
    q = y / total
    p = np.clip(q, EPSILON, 1.0 - EPSILON)
    value[:] = -w * np.sum(s * np.log(p), axis=1)
    pull = np.where((p == q) | np.isnan(q), s, 0.0)
    dy[:] = (w[:, None] / total) * (np.sum(pull, axis=1, keepdims=True) - pull / p)


def softmax_of(y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``z = y - max(y)``, the softmax of each row, and the logarithm of ``sum(exp(z))``."""
    z = y - np.max(y, axis=1, keepdims=True)
    e = np.exp(z)
    total = np.sum(e, axis=1, keepdims=True)
    return z, e / total, np.log(total)


@categorical_crossentropy.fused_with("softmax")
def categorical_crossentropy_from_logits(
    y: np.ndarray,
    t: np.ndarray,
    w: np.ndarray,
    value: np.ndarray,
    dy: np.ndarray,
    class_weight: np.ndarray,
    label_smoothing: float = 0.0,
) -> None:
    """Categorical crossentropy of ``softmax(y)``, shifted by the row's maximum, so that nothing overflows.

    ``sum(s * (log(sum(exp(z))) - z))`` with ``z = y - max(y)``; its gradient is ``sum(s) * softmax(y) - s``.
    """
    s = class_weight * (t * (1.0 - label_smoothing) + label_smoothing / y.shape[1])
    z, probability, log_total = softmax_of(y)
    value[:] = w * np.sum(s * (log_total - z), axis=1)
    dy[:] = w[:, None] * (np.sum(s, axis=1, keepdims=True) * probability - s)


@losses.register("cce", "CCE")
class CategoricalCrossentropy(Loss):
    """Crossentropy of one class out of m, targets one-hot or probabilities, :func:`categorical_crossentropy`.

    Parameters
    ----------
    from_logits : bool
        Whether predictions are logits instead of probabilities.
    label_smoothing : float
        In [0, 1]: this share of each target is spread evenly over the m classes.
    axis : int
        -1, the axis of the classes.
    reduction : str or None
        See :class:`Loss`. Class weights don't count in the mean, as sample weights don't (torch's mean divides by them).
    name : str
    class_weight : list of float, optional
        A factor for each class: torch's ``CrossEntropyLoss(weight)``; Keras has only the ``class_weight`` of ``fit``.

    Raises
    ------
    ValueError
        When `label_smoothing` is outside [0, 1], `axis` isn't the last, or a class weight negative.
    """

    function = categorical_crossentropy

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
        class_weight: Any = None,
    ):
        super().__init__(reduction, name)
        self.from_logits = from_logits
        self.label_smoothing = check_smoothing(label_smoothing)
        self.axis = check_axis(axis)
        self.class_weight = check_vector("class_weight", class_weight)

    def check_targets(self, t: np.ndarray) -> None:
        check_classes(self.name, t)
