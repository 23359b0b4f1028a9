"""Elementwise functions. Each lambda is the change `g` of an argument (or the result), times the derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.autodiff.declare import elementwise, free
from fastnn.autodiff.traced import raw

LN2, LN10 = float(np.log(2.0)), float(np.log(10.0))

# Arithmetic
elementwise(np.add, lambda g, y, a, b: g, lambda g, y, a, b: g)
elementwise(np.subtract, lambda g, y, a, b: g, lambda g, y, a, b: -g)
elementwise(np.multiply, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a)
elementwise(np.divide, lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b)
elementwise(np.negative, lambda g, y, x: -g)
elementwise(np.positive, lambda g, y, x: g)
elementwise(np.reciprocal, lambda g, y, x: -g * y * y)
elementwise(np.square, lambda g, y, x: g * (2 * x))
elementwise(np.sqrt, lambda g, y, x: g / (2 * y))
elementwise(np.cbrt, lambda g, y, x: g / (3 * y * y))
elementwise(np.remainder, lambda g, y, a, b: g, lambda g, y, a, b: -g * np.floor_divide(raw(a), raw(b)))


def _base(g: Any, y: Any, a: Any, b: Any) -> Any:
    """``b a**(b - 1)``, which is 0 for b = 0 also at a = 0."""
    return np.where(raw(b) == 0, g * 0, g * (b * a ** np.where(raw(b) == 0, 1, b - 1)))


def _exponent(g: Any, y: Any, a: Any, b: Any) -> Any:
    """``y log(a)``, with its limit 0 at a = 0."""
    return g * (y * np.log(np.where(raw(a) == 0, 1, a)))


elementwise(np.power, _base, _exponent)
elementwise(np.float_power, _base, _exponent)

# Exponentials and logarithms
elementwise(np.exp, lambda g, y, x: g * y)
elementwise(np.exp2, lambda g, y, x: g * (y * LN2))
elementwise(np.expm1, lambda g, y, x: g * np.exp(x))
elementwise(np.log, lambda g, y, x: g / x)
elementwise(np.log2, lambda g, y, x: g / (x * LN2))
elementwise(np.log10, lambda g, y, x: g / (x * LN10))
elementwise(np.log1p, lambda g, y, x: g / (1 + x))
elementwise(np.logaddexp, lambda g, y, a, b: g * np.exp(a - y), lambda g, y, a, b: g * np.exp(b - y))
elementwise(np.logaddexp2, lambda g, y, a, b: g * np.exp2(a - y), lambda g, y, a, b: g * np.exp2(b - y))

# Circular and hyperbolic
elementwise(np.sin, lambda g, y, x: g * np.cos(x))
elementwise(np.cos, lambda g, y, x: -g * np.sin(x))
elementwise(np.tan, lambda g, y, x: g * (1 + y * y))
elementwise(np.arcsin, lambda g, y, x: g / np.sqrt(1 - x * x))
elementwise(np.arccos, lambda g, y, x: -g / np.sqrt(1 - x * x))
elementwise(np.arctan, lambda g, y, x: g / (1 + x * x))
elementwise(np.arctan2, lambda g, y, a, b: g * b / (a * a + b * b), lambda g, y, a, b: -g * a / (a * a + b * b))
elementwise(np.hypot, lambda g, y, a, b: g * a / y, lambda g, y, a, b: g * b / y)
elementwise(np.sinh, lambda g, y, x: g * np.cosh(x))
elementwise(np.cosh, lambda g, y, x: g * np.sinh(x))
elementwise(np.tanh, lambda g, y, x: g * ((1 - y) * (1 + y)))
elementwise(np.arcsinh, lambda g, y, x: g / np.sqrt(x * x + 1))
elementwise(np.arccosh, lambda g, y, x: g / np.sqrt((x - 1) * (x + 1)))
elementwise(np.arctanh, lambda g, y, x: g / ((1 - x) * (1 + x)))
for _degrees in np.deg2rad, np.radians:
    elementwise(_degrees, lambda g, y, x: g * (np.pi / 180))
for _radians in np.rad2deg, np.degrees:
    elementwise(_radians, lambda g, y, x: g * (180 / np.pi))

# With kinks: where both arguments are equal each has half the slope, and |x| has slope 0 at 0; NaN stays NaN


def _more(a: Any, b: Any) -> Any:
    """1 where a > b, 1/2 where they are equal, 0 where a < b, NaN where one is."""
    return 0.5 + 0.5 * np.sign(np.subtract(_bounded(a), _bounded(b)))


def _bounded(a: Any) -> Any:
    """The same order without infinities, whose difference is none."""
    a = np.asarray(raw(a))
    return np.clip(a, np.finfo(a.dtype).min / 4, np.finfo(a.dtype).max / 4) if a.dtype.kind == "f" else a


def _takes(other: Any) -> Any:
    """1 where the other is NaN, which fmax and fmin pass over."""
    return np.isnan(raw(other))


elementwise(np.maximum, lambda g, y, a, b: g * _more(a, b), lambda g, y, a, b: g * _more(b, a))
elementwise(np.minimum, lambda g, y, a, b: g * _more(b, a), lambda g, y, a, b: g * _more(a, b))
elementwise(
    np.fmax,
    lambda g, y, a, b: g * np.where(_takes(b), 1, np.where(_takes(a), 0, _more(a, b))),
    lambda g, y, a, b: g * np.where(_takes(a), 1, np.where(_takes(b), 0, _more(b, a))),
)
elementwise(
    np.fmin,
    lambda g, y, a, b: g * np.where(_takes(b), 1, np.where(_takes(a), 0, _more(b, a))),
    lambda g, y, a, b: g * np.where(_takes(a), 1, np.where(_takes(b), 0, _more(a, b))),
)
elementwise(np.absolute, lambda g, y, x: g * np.sign(raw(x)))
elementwise(np.fabs, lambda g, y, x: g * np.sign(raw(x)))
elementwise(np.copysign, lambda g, y, a, b: g * (np.copysign(1.0, raw(a)) * np.copysign(1.0, raw(b))), None)
elementwise(
    lambda chosen, a, b: np.where(chosen, a, b),
    None,
    lambda g, y, chosen, a, b: np.where(raw(chosen), g, 0),
    lambda g, y, chosen, a, b: np.where(raw(chosen), 0, g),
    cost=free,
    of=np.where,
)
