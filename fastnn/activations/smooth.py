"""Smooth relatives of relu, of the logarithm and of the exponential."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from fastnn.activations.activation import Activation, activations
from fastnn.activations.saturating import logistic
from fastnn.special import exp_minus_square, twice_normal_cdf

GONE = 800.0
"""Where ``exp(-x)`` is 0 in either dtype: ``-inf * 0`` would be no number, ``-GONE * 0`` is the limit."""


@activations.register()
@Activation
def softplus(z: np.ndarray, a: np.ndarray) -> None:
    """``log(1 + exp(x))``, as ``max(x, 0) + log1p(exp(-|x|))``, which can't overflow (Dugas et al., NeurIPS 2000)."""
    np.add(np.maximum(z, 0), np.log1p(np.exp(-np.abs(z))), out=a)


@softplus.backward
def softplus_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope ``sigmoid(z)``."""
    np.multiply(da, logistic(z), out=dz)


@activations.register("logsigmoid")
@Activation
def log_sigmoid(z: np.ndarray, a: np.ndarray) -> None:
    """``log(sigmoid(x)) = -softplus(-x)``, to full relative accuracy on both sides."""
    np.subtract(np.minimum(z, 0), np.log1p(np.exp(-np.abs(z))), out=a)


@log_sigmoid.backward
def log_sigmoid_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope ``sigmoid(-z)``."""
    np.multiply(da, logistic(-z), out=dz)


def _root(z: np.ndarray, b: float) -> np.ndarray:
    return np.hypot(z, z.dtype.type(math.sqrt(b)))


def _squareplus(z: np.ndarray, root: np.ndarray, b: float) -> np.ndarray:
    half = 0.5 * np.abs(z) + 0.5 * root
    return np.where(z < 0, 0.25 * b / np.where(z < 0, half, 1), half)


@activations.register()
@Activation
def squareplus(z: np.ndarray, a: np.ndarray, b: float = 4.0) -> None:
    """``(x + sqrt(x**2 + b)) / 2`` (Barron, 2021); b is 4 by default and not negative.

    For x < 0 it is ``b / (2 * (sqrt(x**2 + b) - x))``, which loses no digits.
    """
    a[...] = _squareplus(z, _root(z, b), b)


@squareplus.backward
def squareplus_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray, b: float = 4.0) -> None:
    """Slope ``a / sqrt(z**2 + b)``."""
    z = np.clip(z, -1e15, 1e15)
    root = _root(z, b)
    a = _squareplus(z, root, b)
    np.multiply(da, np.divide(a, root, out=np.full_like(a, 0.5), where=root > 0), out=dz)


squareplus.require("b must lie in [0, 1e12]", lambda b: 0 <= b <= 1e12)


@activations.register("swish")
@Activation
def silu(z: np.ndarray, a: np.ndarray) -> None:
    """``x * sigmoid(x)``, also called swish (Ramachandran, Zoph and Le, 2017)."""
    np.multiply(np.maximum(z, -GONE), logistic(z), out=a)


@silu.backward
def silu_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope ``s * (1 + z * (1 - s))``, s = sigmoid(z)."""
    z = np.clip(z, -GONE, GONE)
    s = logistic(z)
    np.multiply(da, s * (1 + z * (1 - s)), out=dz)


swish = silu


class Gelu(Activation):
    """Gelu, whose parameter `approximate` chooses between two pairs of ops."""

    defaults: ClassVar[dict[str, Any] | None] = {"approximate": False}

    def _choose(self) -> None:
        if self.parameters["approximate"]:
            self.forward, self.gradient = gelu_tanh.forward, gelu_tanh.gradient


FAR = 40.0
"""The same for the normal distribution."""


@activations.register()
@Gelu
def gelu(z: np.ndarray, a: np.ndarray) -> None:
    """``x * P(X <= x)`` for a standard normal X (Hendrycks and Gimpel, 2016): ``x * erfc(-x / sqrt(2)) / 2``.

    ``approximate=True`` (False by default) takes ``0.5 * x * (1 + tanh(sqrt(2/pi) * (x + 0.044715 * x**3)))`` instead.
    """
    a[...] = 0.5 * np.maximum(z, -FAR) * twice_normal_cdf(np.clip(z, -FAR, FAR))


@gelu.backward
def gelu_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope ``P(X <= z) + z * density(z)``."""
    z = np.clip(z, -FAR, FAR)
    dz[...] = da * (0.5 * twice_normal_cdf(z) + z * (math.sqrt(0.5 / math.pi) * exp_minus_square(z, 0.5)))


def _gelu_sigmoid(z: np.ndarray) -> np.ndarray:
    """``(1 + tanh(u)) / 2 = sigmoid(2 u)``, which loses no digits where tanh is near -1."""
    return logistic(z * (math.sqrt(8 / math.pi) + math.sqrt(8 / math.pi) * 0.044715 * (z * z)))


@Activation
def gelu_tanh(z: np.ndarray, a: np.ndarray) -> None:
    """``gelu(x, approximate=True)``."""
    np.multiply(np.maximum(z, -FAR), _gelu_sigmoid(np.clip(z, -FAR, FAR)), out=a)


@gelu_tanh.backward
def gelu_tanh_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope ``s * (1 + z * (1 - s) * 2 u')``, s = sigmoid(2 u)."""
    z = np.clip(z, -FAR, FAR)
    s = _gelu_sigmoid(z)
    slope_of_2u = math.sqrt(8 / math.pi) + math.sqrt(8 / math.pi) * 3 * 0.044715 * (z * z)
    np.multiply(da, s * (1 + z * (1 - s) * slope_of_2u), out=dz)


def _mish_parts(z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns e = exp(-|z|), and two numbers with ``tanh(softplus(z)) = above / (above + rest)``."""
    e = np.exp(-np.abs(z))
    return e, np.where(z > 0, 1 + 2 * e, e * (e + 2)), np.where(z > 0, 2 * e * e, 2)


@activations.register()
@Activation
def mish(z: np.ndarray, a: np.ndarray) -> None:
    """``x * tanh(softplus(x))`` (Misra, BMVC 2020)."""
    z = np.maximum(z, -GONE)
    _, above, rest = _mish_parts(z)
    a[...] = z * above / (above + rest)


@mish.backward
def mish_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope ``t + z * sigmoid(z) * (1 - t**2)``, t = tanh(softplus(z))."""
    z = np.clip(z, -GONE, GONE)
    e, above, rest = _mish_parts(z)
    below = 1 / (above + rest)
    sigmoid = np.where(z < 0, e, 1) / (1 + e)
    dz[...] = da * (below * (above + z * sigmoid * rest * (above + above + rest) * below))


LAMBERT = {
    "float32": ([45045.0, 2772.0, 27.0], [135135.0, 62370.0, 3150.0, 28.0]),
    "float64": (
        [105411381075.0, 8249586345.0, 174594420.0, 1276275.0, 2925.0, 1.0],
        [316234143225.0, 151242416325.0, 9820936125.0, 192972780.0, 1351350.0, 3003.0, 1.0],
    ),
}
"""Numerators and denominators in x^2 of (1 - tanh(x) / x) / x^2, by 6 and 11 levels of Lambert's fraction: 2^-26.5 and 2^-59.7 off at 2."""


def _polynomial(x: np.ndarray, coefficients: list[float]) -> np.ndarray:
    value = np.full_like(x, coefficients[-1])
    for c in coefficients[-2::-1]:
        value = value * x + c
    return value


@activations.register("tanhshrink")
@Activation
def tanh_shrink(z: np.ndarray, a: np.ndarray) -> None:
    """``x - tanh(x)``, whose digits don't cancel near 0.

    For ``|x| < 2`` it is ``x**3`` times a ratio of polynomials in x**2 with positive coefficients, from Lambert's continued fraction
    ``tanh(x) = x / (1 + x**2 / (3 + x**2 / (5 + ...)))`` (1768).
    """
    above, below = LAMBERT[z.dtype.name]
    near = np.clip(z, -2, 2)
    square = near * near
    series = near * (square * (_polynomial(square, above) / _polynomial(square, below)))
    a[...] = np.where(np.abs(z) < 2, series, z - np.tanh(z))


@tanh_shrink.backward
def tanh_shrink_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope ``tanh(z)**2``."""
    t = np.tanh(z)
    np.multiply(da, t * t, out=dz)


@activations.register()
@Activation
def exponential(z: np.ndarray, a: np.ndarray) -> None:
    """``exp(x)``; infinite beyond 88.7 (float32) or 709.8 (float64)."""
    with np.errstate(over="ignore"):
        np.exp(z, out=a)


@exponential.backward
def exponential_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope ``a``."""
    np.multiply(da, a, out=dz)
