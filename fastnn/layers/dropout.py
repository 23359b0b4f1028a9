"""Dropout (Srivastava et al. 2014, JMLR 15), with masks that are a function of seed, step and position.

No generator state exists: unit i of step t is dropped when a hash of (seed, t, i) falls below the rate. So both
backends, any number of threads and a resumed run draw the same mask, and the backward pass draws it again instead
of storing it.
"""

from __future__ import annotations

import numpy as np

from fastnn import random
from fastnn.backend import op
from fastnn.layers.layer import Layer, layers
from fastnn.program import Program, Tensor

__all__ = ["Dropout"]


def _mix(h: np.ndarray) -> np.ndarray:
    """A 32-bit integer hash of low bias (C. Wellons, hash-prospector: multipliers 21f0aaad and d35a2d97)."""
    h = (h ^ (h >> 16)) * np.uint32(0x21F0AAAD)
    h = (h ^ (h >> 15)) * np.uint32(0xD35A2D97)
    return h ^ (h >> 15)


def _kept(units: np.ndarray, step: int, seed: int, rate: float) -> np.ndarray:
    """Which of the units in these positions stay, as booleans."""
    key = random.splitmix(random.splitmix(seed) ^ step)
    random_bits = _mix(_mix(units + np.uint32(key & 0xFFFFFFFF)) ^ np.uint32(key >> 32))
    return random_bits >= int(rate * 2.0**32)


@op("x (n, m), row (n) int64, step (1) uint64, seed (1) uint64 -> y (n, m)", split="n")
def dropout(x, row, step, seed, y, rate):
    """Set a share `rate` of x's units to zero and scale the rest by ``1 / (1 - rate)``; `y` may be `x`.

    `row` holds the rows' numbers in the batch, so that a part of it gets that part of its mask.
    """
    units = (row[:, None] * x.shape[1] + np.arange(x.shape[1])).astype(np.uint32)
    y[...] = np.where(_kept(units, int(step[0]), int(seed[0]), rate), x * x.dtype.type(1 / (1 - rate)), 0)


@op("dy (n, m), row (n) int64, step (1) uint64, seed (1) uint64 -> dx (n, m)", differentiable=False, split="n")
def dropout_backward(dy, row, step, seed, dx, rate):
    """The same mask and factor on the gradient."""
    dropout.reference(dy, row, step, seed, dx, rate)


@layers.register()
class Dropout(Layer):
    """In training, sets a share of its inputs to zero and scales up the others; in inference, nothing.

    Parameters
    ----------
    rate : float
        Share of units dropped, in [0, 1).
    noise_shape : None
        Here for Keras' order of arguments; every unit draws for itself.
    seed : int, optional
        Drawn from the process-wide generator when left out.
    name : str, optional
    input_shape : tuple of int, optional

    Raises
    ------
    ValueError
        For a rate outside [0, 1), or a seed that is no integer in [0, 2**64).
    """

    def __init__(
        self,
        rate: float,
        noise_shape: None = None,
        seed: int | None = None,
        name: str | None = None,
        input_shape: tuple[int, ...] | None = None,
    ):
        super().__init__(name, input_shape)
        if noise_shape is not None:
            raise ValueError(f"layer {self.name!r}: noise_shape must be None (every unit draws alone), got {noise_shape!r}")
        self.noise_shape = None
        if isinstance(rate, bool) or not isinstance(rate, (int, float, np.number)) or not 0 <= rate < 1:
            raise ValueError(f"layer {self.name!r}: rate must lie in [0, 1), got {rate!r}")
        drawn = int(random.generator().integers(2**31)) if seed is None else seed
        if isinstance(drawn, bool) or not isinstance(drawn, (int, np.integer)) or not 0 <= drawn < 2**64:
            raise ValueError(f"layer {self.name!r}: seed must be an integer in [0, 2**64), got {seed!r}")
        self.rate, self.seed = float(rate), int(drawn)

    def lower(self, program: Program, x: Tensor) -> Tensor:
        if not program.training or self.rate == 0:
            return x
        if x.value.size >= 2**32:
            raise ValueError(f"layer {self.name!r}: a mask has at most 2**32 - 1 units, got {x.value.size}; use smaller batches")
        y = program.successor(x)
        xr, yr = x.rows, y.rows
        mask = np.arange(len(xr.value), dtype=np.int64), program.step, np.array([self.seed], np.uint64)
        program.forward(dropout, xr.value, *mask, yr.value, self.rate)
        if x.grad is not None:
            program.backward(dropout_backward, yr.grad, *mask, xr.grad, self.rate)
        return y
