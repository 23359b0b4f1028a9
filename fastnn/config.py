"""Process-wide settings: the default floating dtype."""

from __future__ import annotations

import numpy as np

__all__ = ["floatx", "set_floatx", "standardize_dtype"]

_floatx = "float32"


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
