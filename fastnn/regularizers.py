"""Penalties on parameters that are added to the loss."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn.backend import op
from fastnn.configurable import Catalogue, Configurable

__all__ = ["L1", "L1L2", "L2", "get", "l1_l2", "regularizers"]


@op("p (s), g (s), value (1) -> g, value", differentiable=False)
def l1_l2_penalty(p: np.ndarray, g: np.ndarray, value: np.ndarray, l1: float, l2: float) -> None:
    """Add ``l1*sum(|p|) + l2*sum(p**2)`` to `value` and its gradient ``l1*sign(p) + 2*l2*p`` to `g`."""
    g += l1 * np.sign(p) + (2.0 * l2) * p
    value += _penalty(p, l1, l2)


def _penalty(p: np.ndarray, l1: float, l2: float) -> float:
    p = p.reshape(-1).astype(np.float64)
    return float(l1 * np.abs(p).sum() + l2 * np.dot(p, p))


def _factor(value: float, name: str) -> float:
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not number or not 0 <= value < math.inf:
        raise ValueError(f"{name} must be a number >= 0, got {value!r}")
    return float(value)


class L1L2(Configurable):
    """The penalty ``l1*sum(|x|) + l2*sum(x**2)``.

    Parameters
    ----------
    l1, l2 : float
        The two factors, not negative; 0 by default.

    Raises
    ------
    ValueError
        When a factor isn't a finite number >= 0.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0):
        self.l1, self.l2 = _factor(l1, "l1"), _factor(l2, "l2")

    def __call__(self, x: Any) -> float:
        """The penalty of array `x`, of any shape."""
        return _penalty(np.asarray(x), self.l1, self.l2)


regularizers: Catalogue[L1L2] = Catalogue("regularizer", L1L2)
"""Every regularizer class by its names."""

regularizers.register()(L1L2)


@regularizers.register()
class L1(L1L2):
    """The penalty ``l1*sum(|x|)``, which makes weights exactly zero.

    Parameters
    ----------
    l1 : float
        Not negative; 0.01 by default.
    """

    def __init__(self, l1: float = 0.01):
        super().__init__(l1=l1)


@regularizers.register()
class L2(L1L2):
    """The penalty ``l2*sum(x**2)``, which keeps weights small.

    Parameters
    ----------
    l2 : float
        Not negative; 0.01 by default.
    """

    def __init__(self, l2: float = 0.01):
        super().__init__(l2=l2)


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """An `L1L2` whose factors are 0.01 by default; this is what the name ``"l1_l2"`` stands for."""
    return L1L2(l1, l2)


def get(identifier: Any) -> L1L2 | None:
    """A regularizer from its name, class, configuration, or itself; None stays None.

    Raises
    ------
    ValueError
        For an unknown name.
    TypeError
        For anything else.
    """
    if identifier is None:
        return None
    return l1_l2() if isinstance(identifier, str) and identifier == "l1_l2" else regularizers.get(identifier)
