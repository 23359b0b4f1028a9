"""RReLU: a leaky relu of random slope (Xu, Wang, Chen and Li, 2015), drawn as dropout draws its masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn import activations
from fastnn.backend import op
from fastnn.layers.layer import layers
from fastnn.layers.noise import Noise, random_bits
from fastnn.program import Program, Tensor

__all__ = ["RReLU"]


def _slopes(z: np.ndarray, row: np.ndarray, step: np.ndarray, seed: np.ndarray, lower: float, upper: float) -> np.ndarray:
    """Numbers in [lower, upper), functions of seed, step and position: 24 random bits each."""
    return lower + (upper - lower) * ((random_bits(z, row, step, seed) >> np.uint32(8)) * 2.0**-24)


@op("z (n, m), row (n) int64, step (1) uint64, seed (1) uint64 -> a (n, m)", split="n", draw={"lower": 0.125, "upper": 0.3})
def rrelu(z, row, step, seed, a, lower, upper):
    """``z`` for z > 0, else z times a random slope; `row` holds the rows' numbers in the batch, and `a` may be `z`."""
    a[...] = np.where(z > 0, z, z * _slopes(z, row, step, seed, lower, upper))


@op(
    "z (n, m), da (n, m), row (n) int64, step (1) uint64, seed (1) uint64 -> dz (n, m)",
    differentiable=False,
    split="n",
    draw={"lower": 0.125, "upper": 0.3},
)
def rrelu_backward(z, da, row, step, seed, dz, lower, upper):
    """Slope 1 for z > 0, else the same random slope; `dz` may be `da`."""
    dz[...] = np.where(z > 0, da, da * _slopes(z, row, step, seed, lower, upper))


@layers.register("rrelu")
class RReLU(Noise):
    """``x`` for x > 0, else x times a slope: in training drawn uniformly for each unit and step, in inference the mean of the bounds.

    Parameters
    ----------
    lower_slope, upper_slope : float
        Bounds of the slope, ``0 <= lower_slope <= upper_slope``; 1/8 and 1/3 by default, as torch's `lower` and `upper`.
    seed : int, optional
        Drawn from the process-wide generator when left out.
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Raises
    ------
    ValueError
        For other bounds, or a seed that is no integer in [0, 2**64).
    """

    def __init__(
        self,
        lower_slope: float = 1 / 8,
        upper_slope: float = 1 / 3,
        seed: int | None = None,
        **options: Any,
    ):
        super().__init__(seed, **options)
        numbers = all(isinstance(slope, (int, float, np.number)) and not isinstance(slope, bool) for slope in (lower_slope, upper_slope))
        if not numbers or not 0 <= lower_slope <= upper_slope < np.inf:
            raise ValueError(
                f"layer {self.name!r}: slopes must be numbers with 0 <= lower_slope <= upper_slope, got {lower_slope!r} and {upper_slope!r}"
            )
        self.lower_slope, self.upper_slope = float(lower_slope), float(upper_slope)

    def lower(self, program: Program, x: Tensor) -> Tensor:
        if not program.training:
            return activations.leaky_relu.bind(negative_slope=(self.lower_slope + self.upper_slope) / 2).lower(program, x)
        if x.value.size >= 2**32:
            raise ValueError(f"layer {self.name!r} draws for at most 2**32 - 1 units, got {x.value.size}; use smaller batches")
        y = program.successor(x)
        xr, yr = x.rows, y.rows
        drawn = np.arange(len(xr.value), dtype=np.int64), program.step, np.array([self.seed], np.uint64)
        program.forward(rrelu, xr.value, *drawn, yr.value, self.lower_slope, self.upper_slope)
        if x.grad is not None:
            program.backward(rrelu_backward, xr.value, yr.grad, *drawn, xr.grad, self.lower_slope, self.upper_slope)
        return y
