"""Losses of overlap, for outputs and targets in [0, 1] of which few are 1: Dice and Tversky.

Sums run over a whole batch, as in Keras with ``axis=None``. So the loss of an epoch or an evaluation is the mean over its batches, weighted
by their numbers of samples, and depends on the batch size; the samples of a batch are never shared among threads here. Each sample gets the
batch's loss times its weight: weights scale the loss of the batch by their mean, as in Keras, and ``reduction="sum"`` is the same as the
mean. With ``axis=-1`` each sample has a loss of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.backend import Op
from fastnn.losses.checks import EPSILON, check_number
from fastnn.losses.loss import DENSE, Loss, loss_function, loss_op, losses
from fastnn.losses.targets import check_each

__all__ = ["Dice", "Tversky", "dice", "tversky"]


def _overlap(y: np.ndarray, t: np.ndarray, alpha: float, beta: float, epsilon: float, axis: int | None) -> tuple[Any, np.ndarray]:
    """``1 - i / (i + alpha * sum(t * (1 - y)) + beta * sum(y * (1 - t)) + epsilon)`` with ``i = sum(t * y)``, and its gradient by y."""
    both, only_t, only_y = (np.sum(a, axis=axis, keepdims=True, dtype=np.float64) for a in (t * y, t, y))
    size = both * (1.0 - alpha - beta) + alpha * only_t + beta * only_y + epsilon
    return 1.0 - both / size, (both * (t * (1.0 - alpha - beta) + beta) - t * size) / (size * size)


class _Overlap(Loss):
    """A loss of overlap over the whole batch or each sample."""

    def __init__(self, reduction: str | None, name: str, axis: int | None):
        super().__init__(reduction, name)
        if isinstance(axis, bool) or axis not in (None, -1):
            raise ValueError(f"axis must be None, for the whole batch, or -1, for each sample, got {axis!r}")
        self.axis = axis

    by_sample: Op

    @property
    def op(self) -> Op:
        """The op of the whole batch, or of each sample."""
        return self.function.op if self.axis is None else self.by_sample

    def check_targets(self, t: np.ndarray) -> None:
        check_each((t >= 0) & (t <= 1), t, f"{self.name} needs targets in [0, 1]")


@loss_function(DENSE, split=None, y="unit", t="binary")
def dice(y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray) -> None:
    """``1 - 2 * sum(t * y) / (sum(t) + sum(y) + 1e-7)`` over the whole batch.

    References
    ----------
    F. Milletari, N. Navab and S.-A. Ahmadi, "V-Net", 3DV 2016, section 3, without its squares.
    """
    loss, slope = _overlap(y, t, 0.5, 0.5, 0.5 * EPSILON, None)
    value[:] = w * loss[0, 0]
    dy[:] = np.sum(w, dtype=np.float64) * slope


@loss_op(DENSE, y="unit", t="binary")
def dice_by_sample(y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray) -> None:
    """The same over each sample's outputs."""
    loss, slope = _overlap(y, t, 0.5, 0.5, 0.5 * EPSILON, 1)
    value[:] = w * loss[:, 0]
    dy[:] = w[:, None] * slope


@losses.register()
class Dice(_Overlap):
    """One less the overlap of outputs and targets by their mean size, :func:`dice`.

    Parameters
    ----------
    reduction : str or None
        See :class:`Loss`; without effect but for None where the loss is one of the whole batch.
    name : str
    axis : int or None
        None for one loss of the whole batch, -1 for one of each sample.

    Raises
    ------
    ValueError
        For another `axis`.
    """

    function, by_sample = dice, dice_by_sample

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "dice", axis: int | None = None):
        super().__init__(reduction, name, axis)


@loss_function(DENSE, split=None, y="unit", t="binary")
def tversky(y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray, alpha: float = 0.5, beta: float = 0.5) -> None:
    """``1 - i / (i + alpha * sum(t * (1 - y)) + beta * sum(y * (1 - t)) + 1e-7)`` with ``i = sum(t * y)`` over the whole batch.

    References
    ----------
    S. S. M. Salehi, D. Erdogmus and A. Gholipour, "Tversky loss function for image segmentation using 3D fully convolutional deep
    networks", MLMI 2017, eq. 2. As in Keras, `alpha` weighs what is missed and `beta` what is there too much; in the paper it is the
    other way.
    """
    loss, slope = _overlap(y, t, alpha, beta, EPSILON, None)
    value[:] = w * loss[0, 0]
    dy[:] = np.sum(w, dtype=np.float64) * slope


@loss_op(DENSE, y="unit", t="binary")
def tversky_by_sample(
    y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray, alpha: float = 0.5, beta: float = 0.5
) -> None:
    """The same over each sample's outputs."""
    loss, slope = _overlap(y, t, alpha, beta, EPSILON, 1)
    value[:] = w * loss[:, 0]
    dy[:] = w[:, None] * slope


@losses.register()
class Tversky(_Overlap):
    """One less the overlap of outputs and targets, by that and what either lacks, :func:`tversky`.

    Parameters
    ----------
    alpha, beta : float
        The weights of what outputs miss of the targets, and of what they have too much. Both 1/2 give Dice's loss.
    reduction : str or None
        See :class:`Loss`; without effect but for None where the loss is one of the whole batch.
    name : str
    axis : int or None
        None for one loss of the whole batch, -1 for one of each sample.

    Raises
    ------
    ValueError
        For another `axis`, or weights that are negative.
    """

    function, by_sample = tversky, tversky_by_sample

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "tversky",
        axis: int | None = None,
    ):
        super().__init__(reduction, name, axis)
        self.alpha, self.beta = check_number("alpha", alpha), check_number("beta", beta)
