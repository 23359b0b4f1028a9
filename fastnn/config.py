"""Process-wide settings: the default floating dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn.absent import missing

__all__ = ["epsilon", "floatx", "set_epsilon", "set_floatx", "standardize_dtype"]

_floatx = "float32"

EPSILON = 1e-7


def floatx() -> str:
    """The dtype that new models get: ``"float32"`` unless changed by :func:`set_floatx`."""
    return _floatx


def set_floatx(dtype: str) -> None:
    """Set the dtype that new models get, ``"float32"`` or ``"float64"``.

    Raises
    ------
    ValueError
        For any other dtype.
    """
    global _floatx
    _floatx = standardize_dtype(dtype)


def epsilon() -> float:
    """The small number that Keras keeps logarithms and divisors from zero by: 1e-7, as the losses have it."""
    return EPSILON


def set_epsilon(value: float) -> None:
    """Accepts 1e-7 alone, which the kernels have as a constant.

    Raises
    ------
    ValueError
        For any other value.
    """
    if value != EPSILON:
        raise ValueError(f"epsilon is {EPSILON} in fastnn's kernels, got {value!r}; optimizers and normalizations take an epsilon each")


def standardize_dtype(dtype: object = None) -> str:
    """`dtype` as ``"float32"`` or ``"float64"``; None gives :func:`floatx`.

    Raises
    ------
    ValueError
        For any other dtype.
    """
    if dtype is None:
        return _floatx
    try:
        name = np.dtype(dtype).name  # type: ignore[call-overload]
    except TypeError:
        name = str(dtype)
    if name not in ("float32", "float64"):
        raise ValueError(f"dtype must be 'float32' or 'float64', got {dtype!r}")
    return name


if not TYPE_CHECKING:  # type checkers see what there is
    __getattr__ = missing(__name__)
