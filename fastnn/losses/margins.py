"""Losses of support vector machines: nothing beyond a margin."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.losses.checks import check_number, check_vector
from fastnn.losses.loss import DENSE, Loss, loss_function, losses
from fastnn.losses.targets import check_each

__all__ = [
    "CategoricalHinge",
    "Hinge",
    "MultiMargin",
    "SquaredHinge",
    "categorical_hinge",
    "hinge",
    "multi_margin",
    "squared_hinge",
]


def _sides(t: np.ndarray) -> np.ndarray:
    """Targets 0 as -1."""
    return np.where(t == 0, -1.0, t)


class _Sided(Loss):
    """A loss of targets on either side."""

    def check_targets(self, t: np.ndarray) -> None:
        check_each((t == 0) | (t == 1) | (t == -1), t, f"{self.name} needs targets -1 and 1, or 0 and 1")


@loss_function(DENSE, t="signs")
def hinge(y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray) -> None:
    """Mean of ``max(1 - t * y, 0)`` over the outputs, t = 0 standing for -1; its slope at the margin is taken as 0.

    References
    ----------
    C. Cortes and V. Vapnik, "Support-vector networks", Machine Learning 20 (1995), 273-297.
    """
    s = _sides(t)
    u = 1.0 - s * y
    value[:] = w * np.mean(np.maximum(u, 0.0), axis=1)
    dy[:] = (1.0 / y.shape[1]) * w[:, None] * np.where(u > 0, -s, np.where(u < 0, 0.0, u))


@losses.register()
class Hinge(_Sided):
    """How far each output falls short of 1 on its target's side, :func:`hinge`.

    Parameters
    ----------
    reduction : str or None
        See :class:`Loss`.
    name : str

    Notes
    -----
    Targets are -1 and 1, or 0 and 1. Keras takes 0 as -1 where a batch has no other targets than 0 and 1, here each 0 stands for -1.
    """

    function = hinge

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "hinge"):
        super().__init__(reduction, name)


@loss_function(DENSE, t="signs")
def squared_hinge(y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray) -> None:
    """Mean of ``max(1 - t * y, 0)**2`` over the outputs, t = 0 standing for -1."""
    s = _sides(t)
    u = np.maximum(1.0 - s * y, 0.0)
    value[:] = w * np.mean(u * u, axis=1)
    dy[:] = (-2.0 / y.shape[1]) * w[:, None] * (s * u)


@losses.register()
class SquaredHinge(_Sided):
    """The square of how far each output falls short of 1 on its target's side, :func:`squared_hinge`. Targets as for :class:`Hinge`.

    Parameters
    ----------
    reduction : str or None
        See :class:`Loss`.
    name : str
    """

    function = squared_hinge

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "squared_hinge"):
        super().__init__(reduction, name)


@loss_function(DENSE, t="one_hot")
def categorical_hinge(y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray) -> None:
    """``max(max((1 - t) * y) - sum(t * y) + 1, 0)``; of equal outputs the first is taken as the largest."""
    rows = np.arange(len(y))
    others = (1.0 - t) * y
    largest = np.argmax(others, axis=1)
    u = others[rows, largest] - np.sum(t * y, axis=1) + 1.0
    value[:] = w * np.maximum(u, 0.0)
    pull = np.where(u > 0, w, np.where(u <= 0, 0.0, u))
    dy[:] = -pull[:, None] * t
    dy[rows, largest] += pull * (1.0 - t[rows, largest])


@losses.register()
class CategoricalHinge(Loss):
    """How far the output of a sample's class falls short of the largest other one and a margin of 1, :func:`categorical_hinge`.

    Parameters
    ----------
    reduction : str or None
        See :class:`Loss`.
    name : str
    """

    function = categorical_hinge

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "categorical_hinge"):
        super().__init__(reduction, name)


@loss_function("y (n, m), labels (n) int64, w (n), weight (m) -> value (n), dy (n, m)", weight="positive")
def multi_margin(
    y: np.ndarray,
    labels: np.ndarray,
    w: np.ndarray,
    value: np.ndarray,
    dy: np.ndarray,
    weight: np.ndarray,
    p: float = 1.0,
    margin: float = 1.0,
) -> None:
    """``weight[l] / m * sum(max(margin - y[l] + y, 0)**p)`` over all outputs but that of the label l; p is 1 or 2.

    A label outside ``[0, m)`` gives NaN in value and in its row of dy. The slope at the margin is taken as 0.

    References
    ----------
    K. Crammer and Y. Singer, "On the algorithmic implementation of multiclass kernel-based vector machines", JMLR 2 (2001), 265-292;
    in the form of J. Weston and C. Watkins, "Support vector machines for multi-class pattern recognition", ESANN 1999.
    """
    m, rows = y.shape[1], np.arange(len(y))
    known = (labels >= 0) & (labels < m)
    labels = np.where(known, labels, 0)
    scale = np.where(known, w * weight[labels] / m, np.nan)
    u = np.maximum((margin - y[rows, labels])[:, None] + y, 0.0)
    u[rows, labels] = 0.0
    value[:] = scale * np.sum(u**p, axis=1)
    slope = 2.0 * u if p == 2 else np.sign(u)
    dy[:] = scale[:, None] * slope
    dy[rows, labels] = -scale * np.sum(slope, axis=1)


@losses.register("MultiMarginLoss")
class MultiMargin(Loss):
    """How far the output of a sample's label falls short of each other one and a margin, :func:`multi_margin`.

    torch's ``MultiMarginLoss``; Keras has none.

    Parameters
    ----------
    p : {1, 2}
        The power that shortfalls are raised to.
    margin : float
    weight : list of float, optional
        A factor for each class.
    reduction : str or None
        See :class:`Loss`.
    name : str

    Raises
    ------
    ValueError
        When `p` is neither 1 nor 2.
    """

    function = multi_margin

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Any = None,
        reduction: str | None = "sum_over_batch_size",
        name: str = "multi_margin",
    ):
        super().__init__(reduction, name)
        if p not in (1, 2) or isinstance(p, bool):
            raise ValueError(f"p must be 1 or 2, got {p!r}")
        self.p = p
        self.margin = check_number("margin", margin, low=-1e300)
        self.weight = check_vector("weight", weight)
