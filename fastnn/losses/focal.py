"""Focal crossentropy: what is already predicted well counts less.

References
----------
T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollar, "Focal loss for dense object detection", ICCV 2017, eq. 5. The formulas are Keras'.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.losses.categorical import check_classes, softmax_of
from fastnn.losses.checks import EPSILON, check_axis, check_number, check_smoothing, check_vector
from fastnn.losses.loss import DENSE, Loss, loss_function, losses
from fastnn.losses.targets import check_each

__all__ = [
    "BinaryFocalCrossentropy",
    "CategoricalFocalCrossentropy",
    "binary_focal_crossentropy",
    "categorical_focal_crossentropy",
]

TINY = 1e-30
"""The smallest distance from certainty: its powers are finite in float32, for exponents down to -1."""


def _focus(u: np.ndarray, gamma: float) -> tuple[np.ndarray, np.ndarray]:
    """``u**gamma`` and its slope, for u of at least TINY."""
    u = np.maximum(u, TINY)
    power = u**gamma
    return power, gamma * power / u


def _balance(s: np.ndarray, apply_class_balancing: float, alpha: float) -> np.ndarray:
    return 1.0 - apply_class_balancing + apply_class_balancing * (1.0 - alpha + s * (2.0 * alpha - 1.0))


@loss_function(DENSE, y="unit", t="binary", apply_class_balancing=1.0)
def binary_focal_crossentropy(
    y: np.ndarray,
    t: np.ndarray,
    w: np.ndarray,
    value: np.ndarray,
    dy: np.ndarray,
    apply_class_balancing: float = 0.0,
    alpha: float = 0.25,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
) -> None:
    """Mean over the outputs of ``(1 - p_t)**gamma * (-s*log(p) - (1-s)*log(1-p))``, with balancing times ``alpha*s + (1-alpha)*(1-s)``.

    Here ``p = clip(y, 1e-7, 1 - 1e-7)``, ``s = t*(1-label_smoothing) + label_smoothing/2`` and ``p_t = s*y + (1-s)*(1-y)``. The gradient
    is that of this function, in which the logarithms have none where y was clipped. The form on logits has no such dead zone.
    """
    p = np.clip(y, EPSILON, 1.0 - EPSILON)
    s = t * (1.0 - label_smoothing) + 0.5 * label_smoothing
    focus, slope = _focus(s + y * (1.0 - 2.0 * s), gamma)
    entropy = -s * np.log(p) - (1.0 - s) * np.log1p(-p)
    of_entropy = np.where((p == y) | np.isnan(y), (p - s) / (p * (1.0 - p)), 0.0)
    scale = _balance(s, apply_class_balancing, alpha)
    value[:] = w * np.mean(scale * (focus * entropy), axis=1)
    dy[:] = (1.0 / y.shape[1]) * w[:, None] * (scale * (focus * of_entropy + slope * (1.0 - 2.0 * s) * entropy))


@binary_focal_crossentropy.fused_with("sigmoid")
def binary_focal_crossentropy_from_logits(
    y: np.ndarray,
    t: np.ndarray,
    w: np.ndarray,
    value: np.ndarray,
    dy: np.ndarray,
    apply_class_balancing: float = 0.0,
    alpha: float = 0.25,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
) -> None:
    """The same of ``sigmoid(y)``, computed from ``exp(-|y|)`` only: nothing overflows or is clipped."""
    s = t * (1.0 - label_smoothing) + 0.5 * label_smoothing
    e = np.exp(-np.abs(y))
    far, near = np.where(y >= 0, 1.0 - s, s), np.where(y >= 0, s, 1.0 - s)  # the target's share on the other side of 0 than y, and on y's
    entropy = far * np.abs(y) + np.log1p(e)
    focus, slope = _focus((far + near * e) / (1.0 + e), gamma)
    side = np.where(y >= 0, 1.0, -1.0)
    of_entropy, of_focus = (far - near * e) / (1.0 + e), (far - near) * e / ((1.0 + e) * (1.0 + e))
    scale = _balance(s, apply_class_balancing, alpha)
    value[:] = w * np.mean(scale * (focus * entropy), axis=1)
    dy[:] = (1.0 / y.shape[1]) * w[:, None] * (side * scale * (focus * of_entropy + slope * of_focus * entropy))


@losses.register()
class BinaryFocalCrossentropy(Loss):
    """Binary crossentropy in which outputs near their targets count less, :func:`binary_focal_crossentropy`.

    Parameters
    ----------
    apply_class_balancing : bool
        Whether positive targets weigh `alpha` and negative ones ``1 - alpha``.
    alpha : float
        In [0, 1].
    gamma : float
        The power of ``1 - p_t``; 0 gives the binary crossentropy.
    from_logits : bool
        Whether predictions are logits instead of probabilities.
    label_smoothing : float
        In [0, 1]: targets 0 and 1 become ``label_smoothing/2`` and ``1 - label_smoothing/2``.
    axis : int
        -1; the mean is over the last axis.
    reduction : str or None
        See :class:`Loss`.
    name : str

    Raises
    ------
    ValueError
        When `alpha` or `label_smoothing` is outside [0, 1], `gamma` negative, or `axis` not the last.
    """

    function = binary_focal_crossentropy

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_focal_crossentropy",
    ):
        super().__init__(reduction, name)
        self.apply_class_balancing = apply_class_balancing
        self.alpha = check_number("alpha", alpha, high=1.0)
        self.gamma = check_number("gamma", gamma)
        self.from_logits = from_logits
        self.label_smoothing = check_smoothing(label_smoothing)
        self.axis = check_axis(axis)

    def check_targets(self, t: np.ndarray) -> None:
        check_each((t >= 0) & (t <= 1), t, f"{self.name} needs targets in [0, 1]")


@loss_function("y (n, m), t (n, m), w (n), alpha (m) -> value (n), dy (n, m)", y="probabilities", t="one_hot", alpha="positive")
def categorical_focal_crossentropy(
    y: np.ndarray,
    t: np.ndarray,
    w: np.ndarray,
    value: np.ndarray,
    dy: np.ndarray,
    alpha: np.ndarray,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
) -> None:
    """``-sum(alpha * s * (1 - p)**gamma * log(p))`` over the classes.

    Here ``p = clip(y / sum(y), 1e-7, 1 - 1e-7)`` and ``s = t*(1-label_smoothing) + label_smoothing/m``. The gradient is that of the
    normalised and clipped function: a class whose p was clipped has no pull. The form on logits has no such dead zone.
    """
    s = alpha * (t * (1.0 - label_smoothing) + label_smoothing / y.shape[1])
    total = np.sum(y, axis=1, keepdims=True)
    q = y / total
    p = np.clip(q, EPSILON, 1.0 - EPSILON)
    focus, slope = _focus(1.0 - p, gamma)
    value[:] = -w * np.sum(s * focus * np.log(p), axis=1)
    pull = np.where((p == q) | np.isnan(q), s * (focus - p * slope * np.log(p)), 0.0)
    dy[:] = (w[:, None] / total) * (np.sum(pull, axis=1, keepdims=True) - pull / p)


@categorical_focal_crossentropy.fused_with("softmax")
def categorical_focal_crossentropy_from_logits(
    y: np.ndarray,
    t: np.ndarray,
    w: np.ndarray,
    value: np.ndarray,
    dy: np.ndarray,
    alpha: np.ndarray,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
) -> None:
    """The same of ``softmax(y)``, with the logarithms from ``y - max(y)``: nothing overflows or is clipped."""
    s = alpha * (t * (1.0 - label_smoothing) + label_smoothing / y.shape[1])
    z, p, log_total = softmax_of(y)
    focus, slope = _focus(1.0 - p, gamma)
    value[:] = w * np.sum(s * focus * (log_total - z), axis=1)
    pull = s * (focus + p * slope * (log_total - z))
    dy[:] = w[:, None] * (np.sum(pull, axis=1, keepdims=True) * p - pull)


@losses.register()
class CategoricalFocalCrossentropy(Loss):
    """Categorical crossentropy in which classes that are well predicted count less, :func:`categorical_focal_crossentropy`.

    Parameters
    ----------
    alpha : float or list of float
        A factor on all classes, or one for each.
    gamma : float
        The power of ``1 - p``; 0 gives `alpha` times the categorical crossentropy.
    from_logits : bool
        Whether predictions are logits instead of probabilities.
    label_smoothing : float
        In [0, 1]: this share of each target is spread evenly over the m classes.
    axis : int
        -1, the axis of the classes.
    reduction : str or None
        See :class:`Loss`.
    name : str

    Raises
    ------
    ValueError
        When `alpha` or `gamma` is negative, `label_smoothing` outside [0, 1], or `axis` not the last.
    """

    function = categorical_focal_crossentropy

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_focal_crossentropy",
    ):
        super().__init__(reduction, name)
        self.alpha = check_vector("alpha", alpha)
        self.gamma = check_number("gamma", gamma)
        self.from_logits = from_logits
        self.label_smoothing = check_smoothing(label_smoothing)
        self.axis = check_axis(axis)

    def check_targets(self, t: np.ndarray) -> None:
        check_classes(self.name, t)
