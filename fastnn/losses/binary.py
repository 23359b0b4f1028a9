"""Binary crossentropy, of probabilities and of logits."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.losses.checks import EPSILON, check_axis, check_smoothing, check_vector
from fastnn.losses.loss import Loss, loss_function, losses
from fastnn.losses.targets import check_each

__all__ = ["BinaryCrossentropy", "binary_crossentropy"]

WEIGHTED = "y (n, m), t (n, m), w (n), pos_weight (m) -> value (n), dy (n, m)"


@loss_function(WEIGHTED, y="unit", t="binary", pos_weight="positive")
def binary_crossentropy(
    y: np.ndarray,
    t: np.ndarray,
    w: np.ndarray,
    value: np.ndarray,
    dy: np.ndarray,
    pos_weight: np.ndarray,
    label_smoothing: float = 0.0,
) -> None:
    """Mean over the outputs of ``-pos_weight*s*log(p) - (1-s)*log(1-p)``.

    Here ``p = clip(y, 1e-7, 1 - 1e-7)`` and ``s = t*(1-label_smoothing) + label_smoothing/2``. The gradient is that of the
    clipped function: 0 where y lies outside [1e-7, 1 - 1e-7]. The form on logits has no such dead zone.
    """
    p = np.clip(y, EPSILON, 1.0 - EPSILON)
    s = t * (1.0 - label_smoothing) + 0.5 * label_smoothing
    value[:] = w * np.mean(-pos_weight * s * np.log(p) - (1.0 - s) * np.log1p(-p), axis=1)
    slope = np.where((p == y) | np.isnan(y), ((1.0 - s) * p - pos_weight * s * (1.0 - p)) / (p * (1.0 - p)), 0.0)
    dy[:] = (1.0 / y.shape[1]) * w[:, None] * slope


@binary_crossentropy.fused_with("sigmoid")
def binary_crossentropy_from_logits(
    y: np.ndarray,
    t: np.ndarray,
    w: np.ndarray,
    value: np.ndarray,
    dy: np.ndarray,
    pos_weight: np.ndarray,
    label_smoothing: float = 0.0,
) -> None:
    """Binary crossentropy of ``sigmoid(y)``, computed from ``exp(-|y|)`` only, so that nothing overflows.

    With ``e = exp(-|y|)``, ``a = pos_weight*s`` and ``b = 1 - s`` the loss is ``b*max(y, 0) + a*max(-y, 0) + (a+b)*log1p(e)``: no term
    is negative, so none cancels.
    """
    s = t * (1.0 - label_smoothing) + 0.5 * label_smoothing
    a, b = pos_weight * s, 1.0 - s
    e = np.exp(-np.abs(y))
    value[:] = w * np.mean(b * np.maximum(y, 0.0) + a * np.maximum(-y, 0.0) + (a + b) * np.log1p(e), axis=1)
    large, small = 1.0 / (1.0 + e), e / (1.0 + e)
    slope = np.where(y >= 0, b * large - a * small, b * small - a * large)
    dy[:] = (1.0 / y.shape[1]) * w[:, None] * slope


@losses.register("bce", "BCE", "log_loss")
class BinaryCrossentropy(Loss):
    """Crossentropy of independent yes-or-no outputs, :func:`binary_crossentropy`.

    Parameters
    ----------
    from_logits : bool
        Whether predictions are logits instead of probabilities.
    label_smoothing : float
        In [0, 1]: targets 0 and 1 become ``label_smoothing/2`` and ``1 - label_smoothing/2``.
    axis : int
        -1; the mean is over the last axis.
    reduction : str or None
        See :class:`Loss`.
    name : str
    pos_weight : float or list of float, optional
        A factor on the loss of positive targets, for each output, as in ``torch.nn.BCEWithLogitsLoss``; Keras has none.

    Raises
    ------
    ValueError
        When `label_smoothing` is outside [0, 1], `axis` isn't the last, or `pos_weight` negative.
    """

    function = binary_crossentropy

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
        pos_weight: Any = None,
    ):
        super().__init__(reduction, name)
        self.from_logits = from_logits
        self.label_smoothing = check_smoothing(label_smoothing)
        self.axis = check_axis(axis)
        self.pos_weight = check_vector("pos_weight", pos_weight)

    def check_targets(self, t: np.ndarray) -> None:
        check_each((t >= 0) & (t <= 1), t, f"{self.name} needs targets in [0, 1]")
