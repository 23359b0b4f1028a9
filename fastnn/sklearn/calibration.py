"""Temperature scaling: probabilities that are as sure as they are right."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.arrays import as_numbers, check_finite
from fastnn.models.data import as_weights

__all__ = ["temperature"]

LIMITS = 1e-2, 1e2
"""Between these a temperature lies: where every sample is classified rightly, the lower the better without end."""

STEPS, PRECISION = 200, 1e-14
"""Of log T. Bisection alone would need some 50 steps to get there."""


def temperature(logits: Any, y: Any, sample_weight: Any = None) -> float:
    """The T for which the log loss of ``softmax(logits / T)`` is smallest.

    Dividing by it changes no prediction, only how sure it is: above 1 for a network that is surer than it is right. The logits
    should be of samples that the network wasn't trained on.

    Parameters
    ----------
    logits : array_like of shape (n, m) or (n,)
        What enters the softmax; of one column, what enters a sigmoid.
    y : array_like of shape (n,) or (n, m)
        The classes' indices, 0 to m - 1; with one column 0 or 1. Of shape (n, m) they are 0 and 1 for each of m independent labels, and
        the log loss is that of ``sigmoid(logits / T)``.
    sample_weight : array_like of shape (n,), optional

    Returns
    -------
    float
        Between 0.01 and 100: where the logits' order is right for all samples (or where they say nothing), there is no smallest loss.

    Raises
    ------
    ValueError, TypeError
        For arrays that don't belong together, classes out of range, NaN and infinity, and weights that are all 0.

    References
    ----------
    Guo, Pleiss, Sun, Weinberger (2017), "On calibration of modern neural networks", section 4.2.

    Examples
    --------
    >>> round(temperature([[4.0, 0.0], [4.0, 0.0], [4.0, 0.0]], [0, 0, 1]), 6)
    5.77078
    """
    scores, labels, weights = _checked(logits, y, sample_weight)
    scale = np.abs(scores).max() or 1.0
    scores /= scale
    margins = scores - scores[np.arange(len(labels)), labels][:, None]  # of each class over the true one
    return float(np.exp(_root(margins, weights, scale)))


def _root(margins: np.ndarray, weights: np.ndarray, scale: float) -> float:
    """The u = log T where the loss is flat: Newton's steps, and halves of the interval where these leave it.

    The loss is convex in 1/T, so its slope by that changes its sign once.
    """
    low, high = np.log(LIMITS)
    for end, sign in (low, -1), (high, 1):
        if sign * _derivatives(margins, weights, end, scale)[0] > 0:
            return end
    u = 0.0
    for _ in range(STEPS):
        slope, curvature = _derivatives(margins, weights, u, scale)
        low, high = (u, high) if slope > 0 else (low, u)
        step = slope / curvature if curvature > 0 else np.copysign(np.inf, slope) if slope else 0.0
        previous, u = u, u + step if low <= u + step <= high else (low + high) / 2
        if abs(u - previous) <= PRECISION:
            break
    return u


def _derivatives(margins: np.ndarray, weights: np.ndarray, u: float, scale: float) -> tuple[float, float]:
    """The loss' slope by 1/T at T = e^u, and how fast it falls with u; both in units of the logits' scale."""
    beta = min(scale, 1e300) * np.exp(-u)
    z = beta * margins
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    mean = (p * margins).sum(axis=1)
    variance = (p * np.square(margins - mean[:, None])).sum(axis=1)
    return float(weights @ mean), float(beta * (weights @ variance))


def _checked(logits: Any, y: Any, sample_weight: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits (n, m) with m >= 2, indices (n,) and weights (n,); a column by itself becomes the two of no and yes."""
    scores, labels = as_numbers(logits, "logits").astype(np.float64), as_numbers(y, "y")
    scores = scores[:, None] if scores.ndim == 1 else scores
    if scores.ndim != 2 or not scores.size:
        raise ValueError(f"temperature: logits must have shape (n, m), got {scores.shape}")
    if labels.shape not in (scores.shape[:1], scores.shape):
        raise ValueError(f"temperature: y must have shape {scores.shape[:1]} or {scores.shape} to go with the logits, got {labels.shape}")
    check_finite(scores, "temperature: logits")
    given = as_weights(sample_weight, len(scores), "float64")
    weights = np.ones(len(scores)) if given is None else given
    if not weights.any():
        raise ValueError("temperature: all weights are 0, so no sample counts")
    if labels.ndim == 2 or scores.shape[1] == 1:
        weights, scores = np.repeat(weights, scores.shape[1]), scores.reshape(-1, 1) * [0.0, 1.0]
    return scores, _indices(labels.reshape(-1), scores.shape[1]), weights


def _indices(labels: np.ndarray, classes: int) -> np.ndarray:
    indices = labels.astype(np.int64)
    if not np.all((indices == labels) & (indices >= 0) & (indices < classes)):
        raise ValueError(f"temperature: y must hold the classes' indices, 0 to {classes - 1}")
    return indices
