"""The processor's limit: fused multiply-adds a second on registers alone."""

from __future__ import annotations

import importlib
import time

import numpy as np

import fastnn

_SUMS, _STEPS, _ROUNDS = 384, 200_000, 15


def measured_peak(dtype: str) -> float | None:
    """GFLOP/s of one thread, the best of some rounds (a limit is what was reached once); None where it can't be measured."""
    try:
        kernels = importlib.import_module(f"fastnn._compiled.{fastnn.backend.isa()}.peak")
    except ImportError:
        return None
    sums = np.ones(_SUMS, dtype)
    return max(_rate(kernels._multiply_add, sums) for _ in range(_ROUNDS)) / 1e9


def _rate(multiply_add, sums: np.ndarray) -> float:
    start = time.perf_counter()
    count = multiply_add(sums, 0.5, 0.5, _STEPS)
    return 2.0 * count * _STEPS / (time.perf_counter() - start)
