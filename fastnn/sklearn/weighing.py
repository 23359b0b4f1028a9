"""What samples weigh."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.models.data import as_weights

__all__ = ["relative", "sample_weights"]


def sample_weights(given: Any, samples: int, who: str = "sample_weight") -> np.ndarray | None:
    """Each sample's weight, some of which aren't 0."""
    weights = as_weights(given, samples, "float64")
    if weights is not None and not weights.any():
        raise ValueError(f"{who}: all weights are zero, so no sample counts")
    return weights


def relative(weights: np.ndarray | None) -> np.ndarray | None:
    """The weights divided by their mean, so that their scale says nothing."""
    return None if weights is None else weights / (weights.mean() or 1.0)
