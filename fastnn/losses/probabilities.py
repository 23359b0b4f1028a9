"""What losses of probabilities share."""

from __future__ import annotations

EPSILON = 1e-7
"""Probabilities are clipped to [EPSILON, 1 - EPSILON] before the logarithm, as in Keras."""


def check_smoothing(label_smoothing: float) -> float:
    """`label_smoothing`, if it is a number in [0, 1]."""
    if isinstance(label_smoothing, (str, bool)) or not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing must be a number in [0, 1], got {label_smoothing!r}")
    return label_smoothing


def check_axis(axis: int) -> int:
    """`axis`, if it is the last one."""
    if axis != -1:
        raise ValueError(f"only axis=-1 is supported, got {axis!r}: move the classes to the last axis")
    return axis
