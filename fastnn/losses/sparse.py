"""Categorical crossentropy, of probabilities and of logits, for integer labels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn.losses.categorical import softmax_of
from fastnn.losses.checks import EPSILON, check_axis, check_label, check_smoothing, check_vector
from fastnn.losses.loss import Loss, loss_function, losses

__all__ = ["SparseCategoricalCrossentropy", "sparse_categorical_crossentropy"]

WEIGHTED = "y (n, m), labels (n) int64, w (n), class_weight (m) -> value (n), dy (n, m)"


def _known(labels: np.ndarray, w: np.ndarray, m: int, ignore_class: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which labels are ignored, the labels with 0 for those outside ``[0, m)``, and each sample's weight, NaN for those outside."""
    inside = (labels >= 0) & (labels < m)
    return labels == ignore_class, np.where(inside, labels, 0), np.where(inside, w, np.nan)


def _smooth(q: np.ndarray, w: np.ndarray, spread: np.ndarray, total: np.ndarray, value: np.ndarray, dy: np.ndarray) -> None:
    """Add what all classes have of a smoothed label."""
    p = np.clip(q, EPSILON, 1.0 - EPSILON)
    pull = np.where((p == q) | np.isnan(q), spread, 0.0)
    value -= w * np.sum(spread * np.log(p), axis=1)
    dy += (w / total)[:, None] * (np.sum(pull, axis=1, keepdims=True) - pull / p)


@loss_function(WEIGHTED, y="probabilities", class_weight="positive")
def sparse_categorical_crossentropy(
    y: np.ndarray,
    labels: np.ndarray,
    w: np.ndarray,
    value: np.ndarray,
    dy: np.ndarray,
    class_weight: np.ndarray,
    ignore_class: float = math.nan,
    label_smoothing: float = 0.0,
) -> None:
    """``-class_weight[label] * log(p[label])`` with ``p = clip(y / sum(y), 1e-7, 1 - 1e-7)``; a p that was clipped has no gradient.

    With smoothing s it is ``1 - s`` times that, and ``-s/m * sum(class_weight * log(p))``.
    The label `ignore_class` gives 0, another one outside ``[0, m)`` NaN, in value and in its row of dy.
    """
    ignored, labels, w = _known(labels, w, y.shape[1], ignore_class)
    rows = np.arange(len(y))
    total = np.sum(y, axis=1)
    q = y[rows, labels] / total
    p = np.clip(q, EPSILON, 1.0 - EPSILON)
    own = (1.0 - label_smoothing) * class_weight[labels] * w
    value[:] = -own * np.log(p)
    pull = np.where((p == q) | np.isnan(q) | np.isnan(w), own / total, 0.0)
    dy[:] = pull[:, None]
    dy[rows, labels] -= pull / p
    if label_smoothing:
        _smooth(y / total[:, None], w, label_smoothing / y.shape[1] * class_weight, total, value, dy)
    value[ignored] = dy[ignored] = 0.0


@sparse_categorical_crossentropy.fused_with("softmax")
def sparse_categorical_crossentropy_from_logits(
    y: np.ndarray,
    labels: np.ndarray,
    w: np.ndarray,
    value: np.ndarray,
    dy: np.ndarray,
    class_weight: np.ndarray,
    ignore_class: float = math.nan,
    label_smoothing: float = 0.0,
) -> None:
    """``class_weight[label] * (log(sum(exp(z))) - z[label])`` with ``z = y - max(y)``; its gradient has ``softmax(y)`` less 1 at the label.

    With smoothing s it is ``1 - s`` times that, and ``s/m * sum(class_weight * (log(sum(exp(z))) - z))``.
    The label `ignore_class` gives 0, another one outside ``[0, m)`` NaN, in value and in its row of dy.
    """
    ignored, labels, w = _known(labels, w, y.shape[1], ignore_class)
    rows = np.arange(len(y))
    z, probability, log_total = softmax_of(y)
    own, spread = (1.0 - label_smoothing) * class_weight[labels], label_smoothing / y.shape[1] * class_weight
    value[:] = w * (own * (log_total[:, 0] - z[rows, labels]))
    if label_smoothing:  # without, a logit of -inf has no part in the loss
        value[:] += w * np.sum(spread * (log_total - z), axis=1)
    dy[:] = (own + np.sum(spread))[:, None] * probability - spread
    dy[rows, labels] -= own
    dy[:] *= w[:, None]
    value[ignored] = dy[ignored] = 0.0


@losses.register("scce", "SCCE")
class SparseCategoricalCrossentropy(Loss):
    """Crossentropy of one class out of m, targets integer labels, :func:`sparse_categorical_crossentropy`.

    Parameters
    ----------
    from_logits : bool
        Whether predictions are logits instead of probabilities.
    ignore_class : int, optional
        The label of samples without loss, which don't count in the mean either: -1 or another number, also a class.
    reduction : str or None
        See :class:`Loss`. Class weights don't count in the mean, as sample weights don't (torch's mean divides by them).
    axis : int
        -1, the axis of the classes.
    name : str
    class_weight : list of float, optional
        A factor for each class: torch's ``CrossEntropyLoss(weight)``; Keras has only the ``class_weight`` of ``fit``.
    label_smoothing : float
        In [0, 1]: this share of each label is spread evenly over the m classes, as in torch; Keras has it for one-hot targets alone.

    Raises
    ------
    ValueError
        When `axis` isn't the last, a class weight negative, `ignore_class` no whole number, or `label_smoothing` outside [0, 1].
    """

    function = sparse_categorical_crossentropy

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        class_weight: Any = None,
        label_smoothing: float = 0.0,
    ):
        super().__init__(reduction, name)
        self.from_logits = from_logits
        self.ignore_class = check_label("ignore_class", ignore_class)
        self.axis = check_axis(axis)
        self.class_weight = check_vector("class_weight", class_weight)
        self.label_smoothing = check_smoothing(label_smoothing)
