"""Elementary functions on vectors: what the activations and losses are made of, as ops, so that tests can hold each to its accuracy.

NumPy has no error function, so :func:`erf_array` and :func:`erfc_array` are one, vectorised, for the NumPy backend.

References
----------
W. J. Cody, Rational Chebyshev approximations for the error function, Mathematics of Computation 23 (1969) 631-637.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.backend import op

SMALL = (
    [3.16112374387056560e00, 1.13864154151050156e02, 3.77485237685302021e02, 3.20937758913846947e03, 1.85777706184603153e-1],
    [2.36012909523441209e01, 2.44024637934444173e02, 1.28261652607737228e03, 2.84423683343917062e03],
)
"""Cody's coefficients for erf(x) / x in x^2, |x| <= 0.46875, in the order his Fortran programs use."""

MIDDLE = (
    [
        5.64188496988670089e-1,
        8.88314979438837594e00,
        6.61191906371416295e01,
        2.98635138197400131e02,
        8.81952221241769090e02,
        1.71204761263407058e03,
        2.05107837782607147e03,
        1.23033935479799725e03,
        2.15311535474403846e-8,
    ],
    [
        1.57449261107098347e01,
        1.17693950891312499e02,
        5.37181101862009858e02,
        1.62138957456669019e03,
        3.29079923573345963e03,
        4.36261909014324716e03,
        3.43936767414372164e03,
        1.23033935480374942e03,
    ],
)
"""For exp(x^2) erfc(x) in x, 0.46875 <= x <= 4."""

LARGE = (
    [
        3.05326634961232344e-1,
        3.60344899949804439e-1,
        1.25781726111229246e-1,
        1.60837851487422766e-2,
        6.58749161529837803e-4,
        1.63153871373020978e-2,
    ],
    [2.56852019228982242e00, 1.87295284992346725e00, 5.27905102951428412e-1, 6.05183413124413191e-2, 2.33520497626869185e-3],
)
"""For x^2 (1 / sqrt(pi) - x exp(x^2) erfc(x)) in 1 / x^2, x >= 4."""


def overridable(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Let another kind of array answer for `function` of it, as it does for NumPy's own (NEP 18): autodiff's do."""

    @functools.wraps(function)
    def public(x: Any) -> Any:
        other = not isinstance(x, np.ndarray) and getattr(x, "__array_function__", None)
        return other(public, (type(x),), (x,), {}) if other else function(x)

    return public


def _rational(x: np.ndarray, coefficients: tuple[list[float], list[float]]) -> np.ndarray:
    """P(x) / Q(x): the last coefficient of P leads, that of Q is 1."""
    p, q = coefficients
    above, below = p[-1] * x, x
    for c, d in zip(p[:-2], q[:-1], strict=True):
        above, below = (above + c) * x, (below + d) * x
    return (above + p[-2]) / (below + q[-1])


def _erf_small(x: np.ndarray) -> np.ndarray:
    return x * _rational(x * x, SMALL)


def exp_minus_square(x: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """``exp(-scale * x**2)``, scale a power of 2, with the error of one exponential: what rounding takes off the square becomes a factor.

    The rounding error of a product is itself a number, found by cutting x in two halves of 26 bits (Dekker 1971, section 5).
    """
    x = np.minimum(np.abs(x), 40.0)
    lead = x * 134217729.0 - (x * 134217729.0 - x)
    tail = x - lead
    square = x * x
    error = ((lead * lead - square) + 2.0 * lead * tail) + tail * tail
    return np.exp(-scale * square) * (1.0 - scale * error)


def _scaled_erfc(x: np.ndarray) -> np.ndarray:
    """``exp(x**2) * erfc(x)`` for x >= 0.46875."""
    x = np.minimum(x, 28.0)
    far = np.maximum(x, 4.0)
    inverse = 1.0 / (far * far)
    scaled = (0.5641895835477563 - inverse * _rational(inverse, LARGE)) / far
    return np.where(x <= 4.0, _rational(np.minimum(x, 4.0), MIDDLE), scaled)


def _erfc_large(x: np.ndarray) -> np.ndarray:
    """Erfc for x >= 0.46875."""
    return exp_minus_square(x) * _scaled_erfc(x)


@overridable
def erf_array(x: np.ndarray) -> np.ndarray:
    """The error function of an array, computed in double precision."""
    x = np.asarray(x, np.float64)
    size = np.abs(x)
    large = np.copysign(1.0 - _erfc_large(np.maximum(size, 0.46875)), x)
    return np.where(size > 0.46875, large, _erf_small(np.clip(x, -0.46875, 0.46875)))


@overridable
def erfc_array(x: np.ndarray) -> np.ndarray:
    """The complementary error function ``1 - erf(x)``, its tail to full relative accuracy, computed in double precision."""
    x = np.asarray(x, np.float64)
    large = _erfc_large(np.maximum(np.abs(x), 0.46875))
    large = np.where(x < 0.0, 2.0 - large, large)
    return np.where(np.abs(x) > 0.46875, large, 1.0 - _erf_small(np.clip(x, -0.46875, 0.46875)))


@overridable
def twice_normal_cdf(z: np.ndarray) -> np.ndarray:
    """``erfc(-z / sqrt(2))``, its tail to full relative accuracy, which a rounded quotient would cost; computed in double precision."""
    z = np.asarray(z, np.float64)
    x = math.sqrt(0.5) * z
    large = exp_minus_square(z, 0.5) * _scaled_erfc(np.maximum(np.abs(x), 0.46875))
    large = np.where(z > 0.0, 2.0 - large, large)
    return np.where(np.abs(x) > 0.46875, large, 1.0 + _erf_small(np.clip(x, -0.46875, 0.46875)))


@op("x (s) -> y (s)", differentiable=False)
def erf(x: np.ndarray, y: np.ndarray) -> None:
    """The error function."""
    y[:] = erf_array(x)


@op("x (s) -> y (s)", differentiable=False)
def erfc(x: np.ndarray, y: np.ndarray) -> None:
    """The complementary error function."""
    y[:] = erfc_array(x)


@op("x (s) -> y (s)", differentiable=False)
def expm1(x: np.ndarray, y: np.ndarray) -> None:
    """``exp(x) - 1``."""
    with np.errstate(over="ignore"):
        np.expm1(x, out=y)


@op("x (s) -> y (s)", differentiable=False)
def log(x: np.ndarray, y: np.ndarray) -> None:
    """The natural logarithm: -inf at 0, NaN below."""
    with np.errstate(divide="ignore", invalid="ignore"):
        np.log(x, out=y)


@op("x (s) -> y (s)", differentiable=False)
def log1p(x: np.ndarray, y: np.ndarray) -> None:
    """``log(1 + x)``: -inf at -1, NaN below."""
    with np.errstate(divide="ignore", invalid="ignore"):
        np.log1p(x, out=y)
