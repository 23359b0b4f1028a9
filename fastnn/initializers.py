"""Initial values of weights: Keras' initializers, drawn from NumPy generators.

Values are drawn in float64 and then rounded, so that one seed gives the same weights in both dtypes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn.config import standardize_dtype
from fastnn.configurable import Catalogue, Configurable
from fastnn.random import generator

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "compute_fans",
    "get",
]

# Standard deviation of a standard normal cut at +-2: sqrt(1 - 4 pdf(2) / (cdf(2) - cdf(-2))).
_TRUNCATED_STDDEV = 0.87962566103423978


class Initializer(Configurable):
    """Makes the initial value of a weight; subclasses write `fill`."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        """A new array.

        Parameters
        ----------
        shape : sequence of int
            Of the weight.
        dtype : {"float32", "float64"}, optional
            ``config.floatx()`` by default.

        Returns
        -------
        ndarray
            C-contiguous.

        Raises
        ------
        TypeError, ValueError
            When `shape` isn't a sequence of non-negative integers, or for another dtype.
        """
        name, checked = standardize_dtype(dtype), _checked_shape(shape)
        return np.ascontiguousarray(self.fill(checked), dtype=name).reshape(checked)

    def fill(self, shape: tuple[int, ...]) -> np.ndarray:
        """The values in float64."""
        raise NotImplementedError


initializers: Catalogue[Initializer] = Catalogue("initializer", Initializer)
get = initializers.get


def _checked_shape(shape: Sequence[int]) -> tuple[int, ...]:
    if not isinstance(shape, Sequence) or not all(isinstance(n, (int, np.integer)) for n in shape):
        raise TypeError(f"shape must be a sequence of integers, got {shape!r}")
    if any(n < 0 for n in shape):
        raise ValueError(f"shape must have no negative size, got {tuple(shape)}")
    return tuple(int(n) for n in shape)


def _checked_number(who: object, name: str, value: float, at_least: float = -math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{type(who).__name__}: {name} must be a number, got {value!r}")
    if not math.isfinite(value) or value < at_least:
        bound = "" if at_least == -math.inf else f" and at least {at_least:g}"
        raise ValueError(f"{type(who).__name__}: {name} must be finite{bound}, got {value!r}")
    return float(value)


@initializers.register()
class Zeros(Initializer):
    """All zeros."""

    def fill(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.zeros(shape)


@initializers.register()
class Ones(Initializer):
    """All ones."""

    def fill(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.ones(shape)


@initializers.register()
class Constant(Initializer):
    """One value everywhere, or an array of values.

    Parameters
    ----------
    value : float or array_like, default 0.0
        An array must broadcast to the weight's shape, otherwise the call raises ValueError.
    """

    def __init__(self, value: Any = 0.0):
        self.value = value

    def fill(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.full(shape, self.value, dtype=np.float64)


class RandomInitializer(Initializer):
    """Draws from a generator.

    Parameters
    ----------
    seed : int, optional
        The same seed gives the same values in every call. By default the process-wide generator is drawn
        from, which :func:`fastnn.utils.set_random_seed` seeds.

    Raises
    ------
    TypeError, ValueError
        When `seed` isn't a non-negative integer.
    """

    def __init__(self, seed: int | None = None):
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer))):
            raise TypeError(f"{type(self).__name__}: seed must be an integer or None, got {seed!r}")
        if seed is not None and seed < 0:
            raise ValueError(f"{type(self).__name__}: seed must not be negative, got {seed!r}")
        self.seed = seed

    def fill(self, shape: tuple[int, ...]) -> np.ndarray:
        return self.draw(generator(self.seed), shape)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """The values, drawn from `rng`."""
        raise NotImplementedError


@initializers.register("normal")
class RandomNormal(RandomInitializer):
    """Normal distribution.

    Parameters
    ----------
    mean : float, default 0.0
    stddev : float, default 0.05
    seed : int, optional
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None):
        super().__init__(seed)
        self.mean = _checked_number(self, "mean", mean)
        self.stddev = _checked_number(self, "stddev", stddev, at_least=0)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return rng.normal(self.mean, self.stddev, shape)


@initializers.register("uniform")
class RandomUniform(RandomInitializer):
    """Uniform distribution on [minval, maxval).

    Parameters
    ----------
    minval : float, default -0.05
    maxval : float, default 0.05
    seed : int, optional
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None):
        super().__init__(seed)
        self.minval = _checked_number(self, "minval", minval)
        self.maxval = _checked_number(self, "maxval", maxval)
        if minval > maxval:
            raise ValueError(f"RandomUniform: minval must not exceed maxval, got {minval!r} and {maxval!r}")

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return rng.uniform(self.minval, self.maxval, shape)


@initializers.register()
class TruncatedNormal(RandomNormal):
    """Normal distribution without the values more than two standard deviations from the mean.

    Parameters
    ----------
    mean : float, default 0.0
    stddev : float, default 0.05
        Before truncation; afterwards it is 0.8796 of this.
    seed : int, optional
    """

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return self.mean + self.stddev * _standard_truncated_normal(rng, shape)


def _standard_truncated_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Rejection: one draw in 22 lies outside +-2 and is drawn again."""
    z = rng.standard_normal(math.prod(shape))
    while (outside := np.flatnonzero(np.abs(z) > 2)).size:
        z[outside] = rng.standard_normal(outside.size)
    return z.reshape(shape)


def compute_fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """``(fan_in, fan_out)``: the inputs and outputs one unit of a weight of `shape` connects.

    The last two sizes are inputs and outputs; the sizes before are a receptive field that multiplies both.
    A vector's fans both equal its length, a scalar's are 1.
    """
    if len(shape) < 2:
        return (shape[0], shape[0]) if shape else (1, 1)
    field = math.prod(shape[:-2])
    return field * shape[-2], field * shape[-1]


_FANS = {"fan_in": lambda i, o: i, "fan_out": lambda i, o: o, "fan_avg": lambda i, o: (i + o) / 2}
_DISTRIBUTIONS = {
    "truncated_normal": lambda rng, shape: _standard_truncated_normal(rng, shape) / _TRUNCATED_STDDEV,
    "untruncated_normal": lambda rng, shape: rng.standard_normal(shape),
    "uniform": lambda rng, shape: rng.uniform(-math.sqrt(3), math.sqrt(3), shape),
}


@initializers.register()
class VarianceScaling(RandomInitializer):
    """Zero mean, and variance ``scale / max(1, fan)``.

    Parameters
    ----------
    scale : float, default 1.0
        Positive.
    mode : {"fan_in", "fan_out", "fan_avg"}
    distribution : {"truncated_normal", "untruncated_normal", "uniform"}
        ``"normal"`` is another name for the first. It is cut at two standard deviations and widened so that
        the variance is as promised.
    seed : int, optional
    """

    def __init__(self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal", seed: int | None = None):
        super().__init__(seed)
        self.scale = _checked_number(self, "scale", scale)
        self.mode = self._one_of("mode", mode, _FANS)
        self.distribution = self._one_of("distribution", distribution, {**_DISTRIBUTIONS, "normal": None})
        self.distribution = {"normal": "truncated_normal"}.get(self.distribution, self.distribution)
        if scale <= 0:
            raise ValueError(f"{type(self).__name__}: scale must be positive, got {scale!r}")

    def _one_of(self, name: str, value: str, known: dict[str, Any]) -> str:
        lowered = value.lower() if isinstance(value, str) else value
        if lowered not in known:
            raise ValueError(f"{type(self).__name__}: {name} must be one of {', '.join(known)}, got {value!r}")
        return lowered

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        fan = _FANS[self.mode](*compute_fans(shape))
        return math.sqrt(self.scale / max(1.0, fan)) * _DISTRIBUTIONS[self.distribution](rng, shape)


class FixedScaling(VarianceScaling):
    """A variance scaling known by name.

    Parameters
    ----------
    seed : int, optional
    """

    fixed: tuple[float, str, str]

    def __init__(self, seed: int | None = None):
        super().__init__(*self.fixed, seed)


@initializers.register()
class GlorotUniform(FixedScaling):
    """Uniform with variance ``2 / (fan_in + fan_out)`` (Glorot & Bengio 2010, eq. 16)."""

    fixed = (1.0, "fan_avg", "uniform")


@initializers.register()
class GlorotNormal(FixedScaling):
    """Truncated normal with variance ``2 / (fan_in + fan_out)`` (Glorot & Bengio 2010, eq. 12)."""

    fixed = (1.0, "fan_avg", "truncated_normal")


@initializers.register()
class HeUniform(FixedScaling):
    """Uniform with variance ``2 / fan_in`` (He et al. 2015, eq. 10)."""

    fixed = (2.0, "fan_in", "uniform")


@initializers.register()
class HeNormal(FixedScaling):
    """Truncated normal with variance ``2 / fan_in`` (He et al. 2015, eq. 10)."""

    fixed = (2.0, "fan_in", "truncated_normal")


@initializers.register()
class LecunUniform(FixedScaling):
    """Uniform with variance ``1 / fan_in`` (LeCun et al. 1998, Efficient BackProp, eq. 16)."""

    fixed = (1.0, "fan_in", "uniform")


@initializers.register()
class LecunNormal(FixedScaling):
    """Truncated normal with variance ``1 / fan_in`` (LeCun et al. 1998, Efficient BackProp, eq. 16)."""

    fixed = (1.0, "fan_in", "truncated_normal")


@initializers.register("OrthogonalInitializer")
class Orthogonal(RandomInitializer):
    """A random orthogonal matrix times `gain` (Saxe et al. 2014, section 3).

    A weight of more than two dimensions is seen as a matrix of its last size; of the longer side, columns (or
    rows) are orthonormal.

    Parameters
    ----------
    gain : float, default 1.0
    seed : int, optional

    Raises
    ------
    ValueError
        In the call, for fewer than two dimensions.
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None):
        super().__init__(seed)
        self.gain = _checked_number(self, "gain", gain)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal: the weight must have at least two dimensions, got shape {shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
        q *= np.where(np.diagonal(r) < 0, -1, 1)  # otherwise QR's sign convention makes it not uniform (Mezzadri 2007)
        return self.gain * (q if rows >= columns else q.T).reshape(shape)
