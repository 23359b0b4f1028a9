"""Dropout and its relatives (see :mod:`fastnn.layers.noise` for where their random numbers come from)."""

from __future__ import annotations

import math

import numpy as np

from fastnn.backend import op
from fastnn.layers.layer import layers
from fastnn.layers.noise import Noise, random_bits, standard_normal

__all__ = ["AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise"]

SATURATION = -1.0507009873554804934193349852946 * 1.6732632423543772848170429916717
"""What selu tends to for very negative inputs: the value that alpha dropout sets units to (Klambauer et al. 2017, section 2)."""


def _kept(x: np.ndarray, row: np.ndarray, step: np.ndarray, seed: np.ndarray, rate: float) -> np.ndarray:
    return random_bits(x, row, step, seed) >= int(rate * 2.0**32)


@op("x (n, m), row (n) int64, step (1) uint64, seed (1) uint64 -> y (n, m)", split="n")
def dropout(x, row, step, seed, y, rate):
    """Set a share `rate` of x's units to zero and scale the rest by ``1 / (1 - rate)``; `y` may be `x`.

    `row` holds the rows' numbers in the batch, so that a part of it gets that part of its mask.
    """
    y[...] = np.where(_kept(x, row, step, seed, rate), x * x.dtype.type(1 / (1 - rate)), 0)


@op("dy (n, m), row (n) int64, step (1) uint64, seed (1) uint64 -> dx (n, m)", differentiable=False, split="n")
def dropout_backward(dy, row, step, seed, dx, rate):
    """The same mask and factor on the gradient."""
    dropout.reference(dy, row, step, seed, dx, rate)


def _alpha_factor(rate: float) -> float:
    """What keeps the variance of 1 that selu's outputs have: ``((1 - rate) (1 + rate SATURATION^2))^(-1/2)``."""
    return ((1 - rate) * (1 + rate * SATURATION**2)) ** -0.5


@op("x (n, m), row (n) int64, step (1) uint64, seed (1) uint64 -> y (n, m)", split="n")
def alpha_dropout(x, row, step, seed, y, rate):
    """Set a share `rate` of x's units to selu's limit, then scale and shift all so that mean 0 and variance 1 are kept; `y` may be `x`."""
    factor = _alpha_factor(rate)
    kept = np.where(_kept(x, row, step, seed, rate), x, x.dtype.type(SATURATION))
    y[...] = x.dtype.type(factor) * kept - x.dtype.type(factor * SATURATION * rate)


@op("dy (n, m), row (n) int64, step (1) uint64, seed (1) uint64 -> dx (n, m)", differentiable=False, split="n")
def alpha_dropout_backward(dy, row, step, seed, dx, rate):
    """The same mask and factor on the gradient."""
    dx[...] = np.where(_kept(dy, row, step, seed, rate), dy * dy.dtype.type(_alpha_factor(rate)), 0)


@op("x (n, m), row (n) int64, step (1) uint64, seed (1) uint64 -> y (n, m)", split="n", draw={"stddev": 0.5})
def gaussian_dropout(x, row, step, seed, y, stddev):
    """Multiply each unit by a normal number of mean 1 and standard deviation `stddev`; `y` may be `x`."""
    y[...] = x * (1 + stddev * standard_normal(random_bits(x, row, step, seed)))


@op("dy (n, m), row (n) int64, step (1) uint64, seed (1) uint64 -> dx (n, m)", differentiable=False, split="n", draw={"stddev": 0.5})
def gaussian_dropout_backward(dy, row, step, seed, dx, stddev):
    """The same factors on the gradient."""
    gaussian_dropout.reference(dy, row, step, seed, dx, stddev)


@op("x (n, m), row (n) int64, step (1) uint64, seed (1) uint64 -> y (n, m)", differentiable=False, split="n", draw={"stddev": 0.5})
def gaussian_noise(x, row, step, seed, y, stddev):
    """Add to each unit a normal number of mean 0 and standard deviation `stddev`; the gradient passes. `y` may be `x`."""
    y[...] = x + stddev * standard_normal(random_bits(x, row, step, seed))


@layers.register()
class Dropout(Noise):
    """In training, sets a share of its inputs to zero and scales up the others; in inference, nothing.

    Parameters
    ----------
    rate : float
        Share of units dropped, in [0, 1).
    noise_shape : None
        Here for Keras' order of arguments; every unit draws for itself.
    seed : int, optional
        Drawn from the process-wide generator when left out.
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Raises
    ------
    ValueError
        For a rate outside [0, 1), or a seed that is no integer in [0, 2**64).

    References
    ----------
    Srivastava et al. 2014, "Dropout", JMLR 15.
    """

    forward, backward = dropout, dropout_backward

    def __init__(self, rate: float, noise_shape: None = None, seed: int | None = None, **options: object):
        super().__init__(seed, **options)
        self.every_unit(noise_shape)
        self.noise_shape = None
        self.rate = self.checked("rate", rate, 1)

    amount = property(lambda self: self.rate)  # type: ignore[assignment]


@layers.register()
class AlphaDropout(Dropout):
    """Dropout for networks with selu: in training, units become selu's limit instead of 0, and mean and variance are kept.

    Parameters
    ----------
    rate : float
        Share of units dropped, in [0, 1).
    noise_shape, seed, **options
        As for :class:`Dropout`.

    References
    ----------
    Klambauer et al. 2017, "Self-normalizing neural networks", NeurIPS, arXiv:1706.02515, section 2.
    """

    forward, backward = alpha_dropout, alpha_dropout_backward


@layers.register()
class GaussianDropout(Noise):
    """In training, multiplies each input by a normal number of mean 1 and the variance that dropout at this rate has.

    Parameters
    ----------
    rate : float
        In [0, 1): the standard deviation is ``sqrt(rate / (1 - rate))``.
    seed : int, optional
        Drawn from the process-wide generator when left out.
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Raises
    ------
    ValueError
        For a rate outside [0, 1), or a seed that is no integer in [0, 2**64).

    References
    ----------
    Srivastava et al. 2014, "Dropout", JMLR 15, section 10.
    """

    forward, backward = gaussian_dropout, gaussian_dropout_backward

    def __init__(self, rate: float, seed: int | None = None, **options: object):
        super().__init__(seed, **options)
        self.rate = self.checked("rate", rate, 1)

    amount = property(lambda self: math.sqrt(self.rate / (1 - self.rate)))  # type: ignore[assignment]


@layers.register()
class GaussianNoise(Noise):
    """In training, adds to each input a normal number of mean 0.

    Parameters
    ----------
    stddev : float
        Its standard deviation, not negative.
    seed : int, optional
        Drawn from the process-wide generator when left out.
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Raises
    ------
    ValueError
        For a standard deviation that isn't a finite number >= 0, or a seed that is no integer in [0, 2**64).
    """

    forward, backward = gaussian_noise, None

    def __init__(self, stddev: float, seed: int | None = None, **options: object):
        super().__init__(seed, **options)
        self.stddev = self.checked("stddev", stddev, math.inf)

    amount = property(lambda self: self.stddev)  # type: ignore[assignment]
