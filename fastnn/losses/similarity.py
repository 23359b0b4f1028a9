"""Losses that compare a sample's outputs with its targets as directions or distributions."""

from __future__ import annotations

import numpy as np

from fastnn.losses.checks import EPSILON, check_axis
from fastnn.losses.loss import DENSE, Loss, loss_function, losses
from fastnn.losses.targets import check_each

__all__ = ["CosineSimilarity", "KLDivergence", "cosine_similarity", "kl_divergence"]


@loss_function(DENSE)
def cosine_similarity(y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray) -> None:
    """``-sum(y * t) / (|y| * |t|)``, with lengths of at least 1e-7, so that it is 0 for zeros."""
    length = np.sqrt(np.sum(y * y, axis=1, keepdims=True))
    bounded = np.maximum(length, EPSILON)
    u, v = y / bounded, t / np.maximum(np.sqrt(np.sum(t * t, axis=1, keepdims=True)), EPSILON)
    cosine = np.sum(u * v, axis=1, keepdims=True)
    value[:] = -w * cosine[:, 0]
    dy[:] = (w[:, None] / bounded) * (u * np.where(bounded > length, 0.0, cosine) - v)


@losses.register()
class CosineSimilarity(Loss):
    """The cosine of the angle between outputs and targets with its sign turned: -1 is best, :func:`cosine_similarity`.

    Parameters
    ----------
    axis : int
        -1, the axis of the outputs.
    reduction : str or None
        See :class:`Loss`.
    name : str

    Raises
    ------
    ValueError
        When `axis` isn't the last.
    """

    function = cosine_similarity

    def __init__(self, axis: int = -1, reduction: str | None = "sum_over_batch_size", name: str = "cosine_similarity"):
        super().__init__(reduction, name)
        self.axis = check_axis(axis)


@loss_function(DENSE, y="probabilities", t="probabilities")
def kl_divergence(y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray) -> None:
    """``sum(t * log(t / y))`` over the outputs, both clipped to [1e-7, 1]; the slope is 0 where y was clipped.

    References
    ----------
    S. Kullback and R. A. Leibler, "On information and sufficiency", Ann. Math. Statist. 22 (1951), 79-86.
    """
    p, q = np.clip(y, EPSILON, 1.0), np.clip(t, EPSILON, 1.0)
    value[:] = w * np.sum(q * np.log(q / p), axis=1)
    dy[:] = w[:, None] * np.where((p == y) | np.isnan(y), -q / p, 0.0)


@losses.register("kld", "KLD", "kullback_leibler_divergence")
class KLDivergence(Loss):
    """The relative entropy of a sample's targets to its outputs, both distributions, :func:`kl_divergence`.

    Parameters
    ----------
    reduction : str or None
        See :class:`Loss`.
    name : str
    """

    function = kl_divergence

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "kl_divergence"):
        super().__init__(reduction, name)

    def check_targets(self, t: np.ndarray) -> None:
        check_each((t >= 0) & (t <= 1), t, f"{self.name} needs targets in [0, 1]")
