"""Independent draws from one distribution."""

from __future__ import annotations

import math

import numpy as np

from fastnn.initializers.initializer import RandomInitializer, checked_number, initializers

__all__ = ["RandomNormal", "RandomUniform", "TruncatedNormal"]


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
        self.mean = checked_number(self, "mean", mean)
        self.stddev = checked_number(self, "stddev", stddev, at_least=0)

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
        self.minval = checked_number(self, "minval", minval)
        self.maxval = checked_number(self, "maxval", maxval)
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
        return self.mean + self.stddev * standard_truncated_normal(rng, shape)


def standard_truncated_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Rejection: one draw in 22 lies outside +-2 and is drawn again."""
    z = rng.standard_normal(math.prod(shape))
    while (outside := np.flatnonzero(np.abs(z) > 2)).size:
        z[outside] = rng.standard_normal(outside.size)
    return z.reshape(shape)
