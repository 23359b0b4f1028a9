"""The generator that initial weights, shuffles and dropout seeds are drawn from."""

from __future__ import annotations

import random as _python_random
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import numpy as np

from fastnn.absent import missing

__all__ = ["generator", "seeded", "set_random_seed", "splitmix"]

_generator = np.random.default_rng()
_own: ContextVar[np.random.Generator | None] = ContextVar("_own", default=None)


def generator(seed: int | np.random.Generator | None = None) -> np.random.Generator:
    """A generator for `seed`; for None the process-wide one, or within `seeded` that one."""
    return np.random.default_rng(seed) if seed is not None else _own.get() or _generator


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within it, and in this thread alone, weights and seeds are drawn from a generator of its own.

    Parameters
    ----------
    seed : int
        0 <= seed.
    """
    token = _own.set(np.random.default_rng(seed))
    try:
        yield
    finally:
        _own.reset(token)


def splitmix(z: int) -> int:
    """SplitMix64's output function (Steele, Lea & Flood 2014), which spreads every bit of z over all 64."""
    word = 0xFFFFFFFFFFFFFFFF
    z = (z + 0x9E3779B97F4A7C15) & word
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & word
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & word
    return z ^ (z >> 31)


def set_random_seed(seed: int) -> None:
    """Seed Python's, NumPy's and fastnn's random numbers, as Keras' function of this name does.

    Parameters
    ----------
    seed : int
        0 <= seed < 2**32.

    Raises
    ------
    ValueError
        When `seed` is no integer in that range.
    """
    global _generator
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**32:
        raise ValueError(f"seed must be an integer in [0, 2**32), got {seed!r}")
    _python_random.seed(int(seed))
    np.random.seed(int(seed))
    _generator = np.random.default_rng(int(seed))
    _own.set(None)


if not TYPE_CHECKING:  # type checkers see what there is
    __getattr__ = missing(__name__)
