"""What optimizers do around an update: gradients summed up over batches, and a running average of the parameters."""

from __future__ import annotations

import numpy as np

from fastnn.backend import op


@op("g (s), total (s) -> total", differentiable=False, split="s")
def accumulate_gradient(g: np.ndarray, total: np.ndarray) -> None:
    """Add `g` to `total`."""
    total += g


@op("g (s), total (s) -> g, total", differentiable=False, split="s")
def mean_gradient(g: np.ndarray, total: np.ndarray, count: float = 4.0) -> None:
    """``g = total / count``, and `total` begins again at 0."""
    np.divide(total, g.dtype.type(count), out=g)
    total[...] = 0


@op("p (s), average (s) -> average", differentiable=False, split="s")
def average_parameters(p: np.ndarray, average: np.ndarray, momentum: float = 0.99) -> None:
    """``average = momentum*average + (1-momentum)*p``."""
    average += (p - average) * (1.0 - momentum)


@op("average (s) -> p (s)", differentiable=False, split="s")
def take_average(p: np.ndarray, average: np.ndarray) -> None:
    """``p = average``."""
    p[...] = average
