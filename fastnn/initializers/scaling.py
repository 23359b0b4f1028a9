"""Distributions whose variance follows from the numbers of inputs and outputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn.initializers.distributions import standard_truncated_normal
from fastnn.initializers.initializer import Initializer, RandomInitializer, checked_number, initializers

__all__ = [
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "LecunNormal",
    "LecunUniform",
    "TorchLinear",
    "VarianceScaling",
    "compute_fans",
]

# Standard deviation of a standard normal cut at +-2: sqrt(1 - 4 pdf(2) / (cdf(2) - cdf(-2))).
_TRUNCATED_STDDEV = 0.87962566103423978


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
    "truncated_normal": lambda rng, shape: standard_truncated_normal(rng, shape) / _TRUNCATED_STDDEV,
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
        self.scale = checked_number(self, "scale", scale)
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


@initializers.register("xavier_uniform")
class GlorotUniform(FixedScaling):
    """Uniform with variance ``2 / (fan_in + fan_out)`` (Glorot & Bengio 2010, eq. 16)."""

    fixed = (1.0, "fan_avg", "uniform")


@initializers.register("xavier_normal")
class GlorotNormal(FixedScaling):
    """Truncated normal with variance ``2 / (fan_in + fan_out)`` (Glorot & Bengio 2010, eq. 12)."""

    fixed = (1.0, "fan_avg", "truncated_normal")


@initializers.register("kaiming_uniform")
class HeUniform(FixedScaling):
    """Uniform with variance ``2 / fan_in`` (He et al. 2015, eq. 10)."""

    fixed = (2.0, "fan_in", "uniform")


@initializers.register("kaiming_normal")
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


@initializers.register("torch")
class TorchLinear(RandomInitializer):
    """Uniform within ``1 / sqrt(fan_in)``, torch's default for the weight and the bias of its ``Linear``.

    The first weight of a layer has its own fan_in, and all that follow have the first one's: ``Dense(64, kernel_initializer="torch",
    bias_initializer="torch")`` begins as ``torch.nn.Linear`` does. On its own, a bias of n units counts n inputs.

    Parameters
    ----------
    seed : int, optional

    References
    ----------
    ``torch.nn.Linear.reset_parameters``; He et al. 2015 with a leaky slope of sqrt(5), as torch derives it.
    """

    def __init__(self, seed: int | None = None):
        super().__init__(seed)
        self._fan_in: int | None = None

    def beside(self, shapes: Sequence[tuple[int, ...]]) -> Initializer:
        after = TorchLinear(self.seed)
        after._fan_in = compute_fans(shapes[0])[0] if shapes else None
        return after

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        fan_in = compute_fans(shape)[0] if self._fan_in is None else self._fan_in
        bound = 1.0 / math.sqrt(max(1, fan_in))
        return rng.uniform(-bound, bound, shape)
