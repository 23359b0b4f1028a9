"""Functions that are minimised: what an evaluation gives, and what was found."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fastnn.arrays import as_numbers
from fastnn.parameters import Arena

__all__ = ["Evaluation", "Function", "Result", "as_start"]


class Evaluation(NamedTuple):
    """A function's value, and its gradient as a flat vector."""

    value: float
    gradient: np.ndarray

    @property
    def finite(self) -> bool:
        """Whether all of it is."""
        return math.isfinite(self.value) and bool(np.isfinite(self.gradient).all())


Evaluate = Callable[[], Evaluation]
"""Evaluates a function at what the parameters are now."""


@dataclass(frozen=True)
class Result:
    """What :meth:`~fastnn.optimizers.FullBatchOptimizer.minimize` found.

    Attributes
    ----------
    x : ndarray
        The lowest point.
    value : float
        The function there.
    gradient_norm : float
        Largest magnitude in its gradient.
    iterations, evaluations : int
    reason : str
        Why it stopped.
    converged : bool
        Whether it stopped for itself, not at the limit of iterations.
    """

    x: np.ndarray
    value: float
    gradient_norm: float
    iterations: int
    evaluations: int
    reason: str
    converged: bool


class Function:
    """A function of an array as one of an arena's flat vector.

    Attributes
    ----------
    calls : int
    """

    def __init__(self, f: Callable[[np.ndarray], tuple[float, Any]], arena: Arena):
        self.f, self.arena, self.calls = f, arena, 0

    def __call__(self) -> Evaluation:
        self.calls += 1
        x = self.arena.parameters[0]
        found = self.f(x.numpy())
        if not isinstance(found, tuple) or len(found) != 2:
            raise TypeError(f"the function must return (value, gradient), as fastnn.autodiff.value_and_grad(f) does, got {found!r}")
        value, gradient = found
        if np.shape(gradient) != x.shape or np.ndim(value):
            raise ValueError(
                f"the function must return a number and a gradient of shape {x.shape}, "
                f"got shapes {np.shape(value)} and {np.shape(gradient)}"
            )
        flat = np.zeros_like(self.arena.values.data)
        next(self.arena.values.split(flat))[...] = gradient
        return Evaluation(float(value), flat)


def as_start(x0: Any) -> np.ndarray:
    """Where a minimization begins, as an array of floats."""
    given = as_numbers(x0, "x0")
    if not np.isfinite(given).all():
        raise ValueError("x0 must be finite, it holds NaN or infinity")
    return given.astype(np.float32 if given.dtype == np.float32 else np.float64)
