"""Categorical crossentropy, of probabilities and of logits, for one-hot (or soft) targets and for integer labels."""

from __future__ import annotations

import numpy as np

from fastnn.losses.loss import DENSE, SPARSE, Loss, loss_function, losses
from fastnn.losses.probabilities import EPSILON, check_axis, check_smoothing
from fastnn.losses.targets import check_each


@loss_function(DENSE, y="probabilities", t="one_hot")
def categorical_crossentropy(
    y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray, label_smoothing: float = 0.0
) -> None:
    """``-sum(s * log(p))`` over the classes.

    Here ``p = clip(y / sum(y), 1e-7, 1 - 1e-7)`` and ``s = t*(1-label_smoothing) + label_smoothing/m``. The gradient is that
    of the normalised and clipped function: a class whose p was clipped has no pull. The form on logits has no such dead zone.
    """
    s = t * (1.0 - label_smoothing) + label_smoothing / y.shape[1]
    total = np.sum(y, axis=1, keepdims=True)
    q = y / total
    p = np.clip(q, EPSILON, 1.0 - EPSILON)
    value[:] = -w * np.sum(s * np.log(p), axis=1)
    pull = np.where((p == q) | np.isnan(q), s, 0.0)
    dy[:] = (w[:, None] / total) * (np.sum(pull, axis=1, keepdims=True) - pull / p)


def _softmax(y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``z = y - max(y)``, the softmax of each row, and the logarithm of ``sum(exp(z))``."""
    z = y - np.max(y, axis=1, keepdims=True)
    e = np.exp(z)
    total = np.sum(e, axis=1, keepdims=True)
    return z, e / total, np.log(total)


@categorical_crossentropy.fused_with("softmax")
def categorical_crossentropy_from_logits(
    y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray, label_smoothing: float = 0.0
) -> None:
    """Categorical crossentropy of ``softmax(y)``, shifted by the row's maximum, so that nothing overflows.

    ``sum(s * (log(sum(exp(z))) - z))`` with ``z = y - max(y)``; its gradient is ``sum(s) * softmax(y) - s``.
    """
    s = t * (1.0 - label_smoothing) + label_smoothing / y.shape[1]
    z, probability, log_total = _softmax(y)
    value[:] = w * np.sum(s * (log_total - z), axis=1)
    dy[:] = w[:, None] * (np.sum(s, axis=1, keepdims=True) * probability - s)


@losses.register()
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
    reduction : {"sum_over_batch_size", "sum", "none", None}
    name : str

    Raises
    ------
    ValueError
        When `label_smoothing` is outside [0, 1] or `axis` isn't the last.
    """

    function = categorical_crossentropy

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
    ):
        super().__init__(reduction, name)
        self.from_logits = from_logits
        self.label_smoothing = check_smoothing(label_smoothing)
        self.axis = check_axis(axis)

    def check_targets(self, t: np.ndarray) -> None:
        if t.shape[1] < 2:
            raise ValueError(f"{self.name} needs at least 2 outputs, the model has 1: use binary_crossentropy")
        check_each(t >= 0, t, f"{self.name} needs targets that are not negative")


def _known(labels: np.ndarray, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Which labels lie in ``[0, m)``, and the labels with 0 for the others."""
    known = (labels >= 0) & (labels < m)
    return known, np.where(known, labels, 0)


@loss_function(SPARSE, y="probabilities")
def sparse_categorical_crossentropy(y: np.ndarray, labels: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray) -> None:
    """``-log(p[label])`` with ``p = clip(y / sum(y), 1e-7, 1 - 1e-7)``; the gradient is 0 where p was clipped.

    A label outside ``[0, m)`` gives NaN in value and in its row of dy.
    """
    known, labels = _known(labels, y.shape[1])
    rows = np.arange(len(y))
    total = np.sum(y, axis=1)
    q = y[rows, labels] / total
    p = np.clip(q, EPSILON, 1.0 - EPSILON)
    value[:] = -w * np.log(p)
    pull = np.where((p == q) | np.isnan(q), w / total, 0.0)
    dy[:] = pull[:, None]
    dy[rows, labels] -= pull / p
    value[~known] = dy[~known] = np.nan


@sparse_categorical_crossentropy.fused_with("softmax")
def sparse_categorical_crossentropy_from_logits(
    y: np.ndarray, labels: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray
) -> None:
    """``log(sum(exp(z))) - z[label]`` with ``z = y - max(y)``; the gradient is ``softmax(y)`` less 1 at the label.

    A label outside ``[0, m)`` gives NaN in value and in its row of dy.
    """
    known, labels = _known(labels, y.shape[1])
    rows = np.arange(len(y))
    z, probability, log_total = _softmax(y)
    value[:] = w * (log_total[:, 0] - z[rows, labels])
    probability[rows, labels] -= 1.0
    dy[:] = w[:, None] * probability
    value[~known] = dy[~known] = np.nan


@losses.register()
class SparseCategoricalCrossentropy(Loss):
    """Crossentropy of one class out of m, targets integer labels, :func:`sparse_categorical_crossentropy`.

    Parameters
    ----------
    from_logits : bool
        Whether predictions are logits instead of probabilities.
    reduction : {"sum_over_batch_size", "sum", "none", None}
    axis : int
        -1, the axis of the classes.
    name : str

    Raises
    ------
    ValueError
        When `axis` isn't the last.
    """

    function = sparse_categorical_crossentropy

    def __init__(
        self,
        from_logits: bool = False,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
    ):
        super().__init__(reduction, name)
        self.from_logits = from_logits
        self.axis = check_axis(axis)
