"""Weights that are matrices rather than so many numbers: identity, orthogonal, sparse."""

from __future__ import annotations

import math

import numpy as np

from fastnn.initializers.initializer import Initializer, RandomInitializer, checked_number, initializers

__all__ = ["Identity", "Orthogonal", "Sparse"]


def _matrix_shape(who: object, shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) != 2:
        raise ValueError(f"{type(who).__name__}: the weight must have two dimensions, got shape {shape}; use it for kernels alone")
    return shape[0], shape[1]


@initializers.register("IdentityInitializer")
class Identity(Initializer):
    """`gain` on the diagonal and zero elsewhere: a layer that hands on its inputs.

    Parameters
    ----------
    gain : float, default 1.0

    Raises
    ------
    ValueError
        In the call, for anything but a matrix, which needn't be square.
    """

    def __init__(self, gain: float = 1.0):
        self.gain = checked_number(self, "gain", gain)

    def fill(self, shape: tuple[int, ...]) -> np.ndarray:
        return self.gain * np.eye(*_matrix_shape(self, shape))


@initializers.register()
class Sparse(RandomInitializer):
    """Normal distribution, with some of each unit's inputs cut off: torch's ``nn.init.sparse_``.

    In each column of the kernel ``ceil(sparsity * inputs)`` entries are zero. Columns are units here, as in the paper; a
    ``torch.nn.Linear`` keeps its weight the other way round, so that the function there cuts off each input's outputs instead.

    Parameters
    ----------
    sparsity : float, default 0.5
        Share of zeros, in [0, 1]. torch has no default.
    stddev : float, default 0.01
        Of the other entries.
    seed : int, optional

    Raises
    ------
    ValueError
        When a number isn't in its range; in the call, for anything but a matrix.

    References
    ----------
    J. Martens, "Deep learning via Hessian-free optimization", ICML 2010, section 5.
    """

    def __init__(self, sparsity: float = 0.5, stddev: float = 0.01, seed: int | None = None):
        super().__init__(seed)
        self.sparsity = checked_number(self, "sparsity", sparsity, at_least=0)
        self.stddev = checked_number(self, "stddev", stddev, at_least=0)
        if sparsity > 1:
            raise ValueError(f"Sparse: sparsity must be at most 1, got {sparsity!r}")

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        rows, columns = _matrix_shape(self, shape)
        values = rng.normal(0.0, self.stddev, shape)
        ranks = rng.random((rows, columns)).argsort(axis=0)
        values[ranks[: math.ceil(self.sparsity * rows)], np.arange(columns)] = 0.0
        return values


@initializers.register("OrthogonalInitializer")
class Orthogonal(RandomInitializer):
    """A random orthogonal matrix times `gain` (Saxe et al. 2014, section 3).

    A weight of more than two dimensions is seen as a matrix of its last size; of the longer side, columns (or
    rows) are orthonormal.

    Parameters
    ----------
    gain : float, default 1.0
    seed : int, optional

    Raises
    ------
    ValueError
        In the call, for fewer than two dimensions.
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None):
        super().__init__(seed)
        self.gain = checked_number(self, "gain", gain)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal: the weight must have at least two dimensions, got shape {shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
        q *= np.where(np.diagonal(r) < 0, -1, 1)  # otherwise QR's sign convention makes it not uniform (Mezzadri 2007)
        return self.gain * (q if rows >= columns else q.T).reshape(shape)
