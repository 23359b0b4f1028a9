"""Bounding gradients, by value or by norm."""

from __future__ import annotations

import math

import numpy as np

from fastnn.backend import op


@op("g (s) -> g", differentiable=False, split="s")
def clip_by_value(g: np.ndarray, limit: float) -> None:
    """Clip each entry to ``[-limit, limit]``; NaN stays NaN."""
    np.clip(g, -limit, limit, out=g)


@op("g (s) -> g", differentiable=False)
def clip_by_norm(g: np.ndarray, limit: float) -> None:
    """Scale `g` so that its Euclidean norm is at most `limit`: ``g * limit / max(norm, limit)``.

    The norm is taken in double precision and without overflow. A NaN or infinite entry gives no norm to scale by:
    the whole of `g` becomes NaN then, as in TensorFlow, so that the failure shows.
    """
    norm = _norm(g.astype(np.float64))
    if not norm <= limit:
        g[:] = g.astype(np.float64) * (limit / norm if norm < math.inf else math.nan)


def _norm(g: np.ndarray) -> float:
    """The Euclidean norm, scaled by the largest entry so that no square over- or underflows."""
    largest = float(np.max(np.abs(g), initial=0.0))
    return largest * float(np.linalg.norm(g / largest)) if 0 < largest < math.inf else largest
