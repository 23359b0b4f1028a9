"""What an initializer is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastnn.config import standardize_dtype
from fastnn.configurable import Catalogue, Configurable
from fastnn.random import generator

__all__ = ["Initializer", "RandomInitializer", "get", "initializers"]


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
        raise NotImplementedError(f"{type(self).__name__} must define fill(self, shape)")

    def beside(self, shapes: Sequence[tuple[int, ...]]) -> Initializer:
        """What initialises a layer's next weight when it has some of these shapes already; the same unless it depends on them."""
        return self


initializers: Catalogue[Initializer] = Catalogue("initializer", Initializer)
"""Every initializer class by its names."""


class FunctionInitializer(Initializer):
    """An initializer that someone wrote as a function.

    Parameters
    ----------
    function : callable
        Called with a shape and a dtype, as Keras does; returns the values.
    """

    def __init__(self, function: Callable[..., Any]):
        self.function = function

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        name, checked = standardize_dtype(dtype), _checked_shape(shape)
        values = np.array(self.function(checked, dtype=name), dtype=name, order="C")
        if values.shape != checked:
            who = getattr(self.function, "__name__", self.function)
            raise ValueError(f"initializer {who} must return values of shape {checked}, got {values.shape}")
        return values


def get(identifier: Any) -> Initializer:
    """The initializer that `identifier` means.

    Parameters
    ----------
    identifier : str, Initializer, type, dict or callable
        A name, a ready one, its class, a dictionary with its configuration, or a function ``f(shape, dtype)``, which can't be saved;
        None is ``"glorot_uniform"``, as in Keras.

    Raises
    ------
    ValueError
        For an unknown name.
    TypeError
        For anything else.
    """
    if identifier is None:
        identifier = "glorot_uniform"
    function = callable(identifier) and not isinstance(identifier, (Initializer, type))
    return FunctionInitializer(identifier) if function else initializers.get(identifier)


def _checked_shape(shape: Sequence[int]) -> tuple[int, ...]:
    if not isinstance(shape, Sequence) or not all(isinstance(n, (int, np.integer)) for n in shape):
        raise TypeError(f"shape must be a sequence of integers, got {shape!r}")
    if any(n < 0 for n in shape):
        raise ValueError(f"shape must have no negative size, got {tuple(shape)}")
    return tuple(int(n) for n in shape)


def checked_number(who: object, name: str, value: float, at_least: float = -math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{type(who).__name__}: {name} must be a number, got {value!r}")
    if not math.isfinite(value) or value < at_least:
        bound = "" if at_least == -math.inf else f" and at least {at_least:g}"
        raise ValueError(f"{type(who).__name__}: {name} must be finite{bound}, got {value!r}")
    return float(value)


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
