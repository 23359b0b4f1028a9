"""Binary crossentropy, of probabilities and of logits."""

from __future__ import annotations

import numpy as np

from fastnn.losses.loss import DENSE, Loss, loss_function, losses
from fastnn.losses.probabilities import EPSILON, check_axis, check_smoothing
from fastnn.losses.targets import check_each


@loss_function(DENSE, y="unit", t="binary")
def binary_crossentropy(
    y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray, label_smoothing: float = 0.0
) -> None:
    """Mean over the outputs of ``-s*log(p) - (1-s)*log(1-p)``.

    Here ``p = clip(y, 1e-7, 1 - 1e-7)`` and ``s = t*(1-label_smoothing) + label_smoothing/2``. The gradient is that of the
    clipped function: 0 where y lies outside [1e-7, 1 - 1e-7]. The form on logits has no such dead zone.
    """
    p = np.clip(y, EPSILON, 1.0 - EPSILON)
    s = t * (1.0 - label_smoothing) + 0.5 * label_smoothing
    value[:] = w * np.mean(-s * np.log(p) - (1.0 - s) * np.log1p(-p), axis=1)
    slope = np.where((p == y) | np.isnan(y), (p - s) / (p * (1.0 - p)), 0.0)
    dy[:] = (1.0 / y.shape[1]) * w[:, None] * slope


@binary_crossentropy.fused_with("sigmoid")
def binary_crossentropy_from_logits(
    y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray, label_smoothing: float = 0.0
) -> None:
    """Binary crossentropy of ``sigmoid(y)``, computed from ``exp(-|y|)`` only, so that nothing overflows.

    With ``e = exp(-|y|)`` the loss is ``(1-s)*max(y, 0) + s*max(-y, 0) + log1p(e)``: no term is negative, so none cancels.
    """
    s = t * (1.0 - label_smoothing) + 0.5 * label_smoothing
    e = np.exp(-np.abs(y))
    value[:] = w * np.mean((1.0 - s) * np.maximum(y, 0.0) + s * np.maximum(-y, 0.0) + np.log1p(e), axis=1)
    large, small = 1.0 / (1.0 + e), e / (1.0 + e)
    slope = np.where(y >= 0, (1.0 - s) * large - s * small, (1.0 - s) * small - s * large)
    dy[:] = (1.0 / y.shape[1]) * w[:, None] * slope


@losses.register("bce", "BCE")
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
    reduction : {"sum_over_batch_size", "sum", "none", None}
    name : str

    Raises
    ------
    ValueError
        When `label_smoothing` is outside [0, 1] or `axis` isn't the last.
    """

    function = binary_crossentropy

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
    ):
        super().__init__(reduction, name)
        self.from_logits = from_logits
        self.label_smoothing = check_smoothing(label_smoothing)
        self.axis = check_axis(axis)

    def check_targets(self, t: np.ndarray) -> None:
        check_each((t >= 0) & (t <= 1), t, f"{self.name} needs targets in [0, 1]")
