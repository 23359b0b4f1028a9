"""Arrays that start on a cache line, so that full-width vector loads never straddle two."""

from __future__ import annotations

import math

import numpy as np

ALIGNMENT = 64
"""Bytes: a cache line, and the width of an AVX-512 register."""


def aligned_zeros(shape: int | tuple[int, ...], dtype: object) -> np.ndarray:
    """A C-contiguous array of zeros whose first byte lies on a multiple of `ALIGNMENT`."""
    shape = (shape,) if isinstance(shape, int) else shape
    dtype = np.dtype(dtype)  # type: ignore[call-overload]
    size = math.prod(shape) * dtype.itemsize
    raw = np.zeros(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size].view(dtype).reshape(shape)


def span(array: np.ndarray) -> tuple[int, int]:
    """The addresses an array lies between."""
    start = array.__array_interface__["data"][0]
    if array.size == 0:
        return start, start
    low = sum(min(0, (n - 1) * step) for n, step in zip(array.shape, array.strides, strict=True))
    high = sum(max(0, (n - 1) * step) for n, step in zip(array.shape, array.strides, strict=True))
    return start + low, start + high + array.itemsize
