"""Checks of an optimizer's arguments."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastnn.arrays import positive_integer
from fastnn.optimizers.updates import Group

ONE_TOO = float(np.nextafter(1.0, 2.0))
"""The bound below which numbers are that may be 1."""


def check_number(name: str, value: Any, low: float = 0.0, high: float = math.inf, open_low: bool = False) -> float:
    """`value` as a float, if it is a number in [low, high), or in (low, high) with `open_low`."""
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not number or not low <= value < high or (open_low and value == low):
        allowed = "" if low == -math.inf else f" > {low:g}" if open_low else f" >= {low:g}"
        below = f"{' and' if allowed else ''} < {high:g}" if high < math.inf else ""
        raise ValueError(f"{name} must be a finite number{allowed}{below}, got {value!r}")
    return float(value)


def check_count(name: str, value: Any) -> int | None:
    """A number of steps, or None."""
    return None if value is None else positive_integer(name, value)


def check_pair(name: str, value: Any) -> tuple[float, float]:
    """`value` as two positive numbers, the first not larger than the second."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ValueError(f"{name} must be a pair of numbers, got {value!r}")
    low, high = (check_number(f"{name}[{i}]", each, open_low=True) for i, each in enumerate(value))
    if low > high:
        raise ValueError(f"{name} must not decrease, got {value!r}")
    return low, high


def check_clips(**clips: Any) -> dict[str, float | None]:
    """At most one bound for gradients, each a positive number or None."""
    given = {k: None if v is None else check_number(k, v, open_low=True) for k, v in clips.items()}
    if sum(v is not None for v in given.values()) > 1:
        raise ValueError(f"at most one of {', '.join(list(given)[:-1])} and {list(given)[-1]} can be set, got {given}")
    return given


def check_groups(groups: Any) -> dict[str, dict[str, float]]:
    """Groups of parameters as plain data.

    Raises
    ------
    ValueError
        For other keys than ``learning_rate`` and ``weight_decay``, and factors that aren't finite numbers >= 0.
    TypeError
        For anything but a dictionary of dictionaries.
    """
    made = {}
    if groups is not None and not isinstance(groups, Mapping):
        raise TypeError(f"groups must be a dictionary of dictionaries such as {{'bias': {{'weight_decay': 0}}}}, got {groups!r}")
    for pattern, factors in (groups or {}).items():
        if not isinstance(pattern, str) or not isinstance(factors, Mapping):
            raise TypeError(f"groups must map names to factors such as {{'bias': {{'weight_decay': 0}}}}, got {pattern!r}: {factors!r}")
        if unknown := set(factors) - set(Group._fields):
            raise ValueError(f"groups[{pattern!r}] may hold {' and '.join(Group._fields)}, got {', '.join(map(repr, sorted(unknown)))}")
        made[pattern] = {key: check_number(f"groups[{pattern!r}]: {key}", factor) for key, factor in factors.items()}
    return made
