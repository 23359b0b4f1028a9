"""What layers with random numbers share: draws that are a function of seed, step and position.

No generator state exists: unit i of step t draws a hash of (seed, t, i). So both backends, any number of threads and a resumed run
draw the same numbers, and the backward pass draws them again instead of storing them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn import random
from fastnn.backend import Op
from fastnn.layers.layer import Layer
from fastnn.program import Program, Tensor

__all__ = ["Noise", "random_bits", "standard_normal"]


def _mix(h: np.ndarray) -> np.ndarray:
    """A 32-bit integer hash of low bias (C. Wellons, hash-prospector: multipliers 21f0aaad and d35a2d97)."""
    h = (h ^ (h >> 16)) * np.uint32(0x21F0AAAD)
    h = (h ^ (h >> 15)) * np.uint32(0xD35A2D97)
    return h ^ (h >> 15)


def random_bits(x: np.ndarray, row: np.ndarray, step: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """32 random bits for each entry of x (n, m), whose rows have the numbers `row` in the batch."""
    units = (row[:, None] * x.shape[1] + np.arange(x.shape[1])).astype(np.uint32)
    key = random.splitmix(random.splitmix(int(seed[0])) ^ int(step[0]))
    return _mix(_mix(units + np.uint32(key & 0xFFFFFFFF)) ^ np.uint32(key >> 32))


def standard_normal(bits: np.ndarray) -> np.ndarray:
    """Numbers from the standard normal distribution, by its inverse: rational functions of 31 bits, the last one the sign.

    Wichura 1988, "Algorithm AS 241: the percentage points of the normal distribution", Applied Statistics 37, routine PPND7: seven digits.
    """
    half = (bits >> 1).astype(np.float64)
    p, q = (half + 0.5) * 2.0**-32, (2.0**31 - 0.5 - half) * 2.0**-32
    near, far = 0.180625 - q * q, np.sqrt(-np.log(p)) - 1.6
    middle = q * (((59.109374720 * near + 159.29113202) * near + 50.434271938) * near + 3.3871327179)
    middle /= ((67.187563600 * near + 78.757757664) * near + 17.895169469) * near + 1
    tail = ((0.17023821103 * far + 1.3067284816) * far + 2.7568153900) * far + 1.4234372777
    tail /= (0.12021132975 * far + 0.73700164250) * far + 1
    return np.where(q <= 0.425, middle, tail) * np.where(bits & np.uint32(1), -1.0, 1.0)


class Noise(Layer):
    """A layer that draws a random number for each unit in training, and does nothing in inference.

    A subclass says by which ops: ``forward(x, row, step, seed, y, scalar)`` and ``backward(dy, row, step, seed, dx, scalar)``, the latter
    None where the gradient passes unchanged; and its `amount`, the scalar, at 0 of which it does nothing.

    Parameters
    ----------
    seed : int, optional
        Drawn from the process-wide generator when left out.
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Raises
    ------
    ValueError
        For a seed that is no integer in [0, 2**64).
    """

    forward: Op
    backward: Op | None
    amount: float

    def __init__(self, seed: int | None = None, **options: Any):
        super().__init__(**options)
        drawn = int(random.generator().integers(2**31)) if seed is None else seed
        if isinstance(drawn, bool) or not isinstance(drawn, (int, np.integer)) or not 0 <= drawn < 2**64:
            raise ValueError(f"layer {self.name!r}: seed must be an integer in [0, 2**64), got {seed!r}")
        self.seed = int(drawn)

    def checked(self, word: str, value: Any, high: float) -> float:
        """`value` as a float, if it is a number in [0, high)."""
        if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 <= value < high:
            raise ValueError(f"layer {self.name!r}: {word} must lie in [0, {high:g}), got {value!r}")
        return float(value)

    def every_unit(self, noise_shape: Any) -> None:
        """Refuse what Keras has and fastnn doesn't: units that share a draw."""
        if noise_shape is not None:
            raise ValueError(f"layer {self.name!r}: noise_shape must be None (every unit draws alone), got {noise_shape!r}")

    def lower(self, program: Program, x: Tensor) -> Tensor:
        if not program.training or self.amount == 0:
            return x
        if x.value.size >= 2**32:
            raise ValueError(f"layer {self.name!r}: a mask has at most 2**32 - 1 units, got {x.value.size}; use smaller batches")
        y = program.successor(x)
        xr, yr = x.rows, y.rows
        draw = np.arange(len(xr.value), dtype=np.int64), program.step, np.array([self.seed], np.uint64)
        program.forward(self.forward, xr.value, *draw, yr.value, self.amount)
        if x.grad is not None and self.backward is not None:
            program.backward(self.backward, yr.grad, *draw, xr.grad, self.amount)
        return y
