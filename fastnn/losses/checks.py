"""Checks of constructor arguments that several losses share; each returns the value it was given."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

EPSILON = 1e-7
"""Keras' epsilon: probabilities are clipped to [EPSILON, 1 - EPSILON] before the logarithm."""


def check_number(name: str, value: Any, low: float = 0.0, high: float = math.inf, above: bool = False) -> float:
    """`value`, if it is a finite number in [low, high], or `above` low."""
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not number or not low <= value <= high or math.isinf(value) or (above and value == low):
        least = f"above {low:g}" if above else f"of at least {low:g}"
        bounds = least if high == math.inf else f"{least} and at most {high:g}" if above else f"in [{low:g}, {high:g}]"
        raise ValueError(f"{name} must be a number {bounds}, got {value!r}")
    return value


def check_smoothing(label_smoothing: float) -> float:
    """`label_smoothing`, if it is a number in [0, 1]."""
    return check_number("label_smoothing", label_smoothing, high=1.0)


def check_axis(axis: int) -> int:
    """`axis`, if it is the last one."""
    if isinstance(axis, bool) or axis != -1:
        raise ValueError(f"only axis=-1 is supported, got {axis!r}: move the classes to the last axis")
    return axis


def check_vector(name: str, value: Any) -> Any:
    """`value`, if it is None, a finite number that isn't negative, or several."""
    try:
        numbers = np.asarray(0.0 if value is None else value, np.float64)
    except (TypeError, ValueError):
        numbers = np.asarray(np.nan)
    if isinstance(value, str) or numbers.ndim > 1 or not numbers.size or not np.all((numbers >= 0) & np.isfinite(numbers)):
        raise ValueError(f"{name} must be a number or a list of numbers, finite and not negative, got {value!r}")
    return value


def check_label(name: str, value: Any) -> Any:
    """`value`, if it is None or a whole number."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, np.integer))):
        raise ValueError(f"{name} must be a whole number or None, got {value!r}")
    return value
