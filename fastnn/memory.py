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
