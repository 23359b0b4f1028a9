"""The test case in a model's file: a few samples and what the model made of them, which must come out the same on loading."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn.layers.layer import check_samples
from fastnn.layers.nested import every_layer

if TYPE_CHECKING:
    from fastnn.layers.layer import Layer
    from fastnn.models.sequential import Sequential

__all__ = ["WIDEST", "case_samples", "check_dtypes", "check_test_case", "make_test_case"]

_SAMPLES = 4
WIDEST = 2**22
"""So many numbers a sample may become in all layers together for a test case to be worth its time and memory."""


def make_test_case(model: Sequential) -> dict[str, np.ndarray]:
    """A few samples and what the model makes of them."""
    if is_wide(model):
        return {}
    x = case_samples(model)
    with np.errstate(all="ignore"):
        return {"test/x": x, "test/y": model.predict(x)}


def case_samples(model: Sequential) -> np.ndarray:
    """A few samples that the model takes, zeros where it wants category codes."""
    x = np.random.default_rng(0).normal(size=(_SAMPLES, *model._require_built())).astype(model.dtype)
    try:
        check_samples(model.layers, x)
    except ValueError:
        return np.zeros_like(x)
    return x


def is_wide(model: Sequential) -> bool:
    """Whether a sample becomes so many numbers on its way that predictions take much memory, whatever the file's size."""
    return sum(math.prod(layer.built_shape or ()) + _outputs(layer) for layer in every_layer(model.layers)) > WIDEST


def _outputs(layer: Layer) -> int:
    return math.prod(size or 1 for size in layer.compute_output_shape((None, *(layer.built_shape or ())))[1:])


def check_test_case(model: Sequential, arrays: dict[str, np.ndarray]) -> None:
    """Another machine or backend rounds differently, so outputs may differ by what rounding explains and no more."""
    wide = is_wide(model)
    if wide and "test/x" not in arrays:
        return
    x, expected = arrays["test/x"], arrays["test/y"]
    check_dtypes({"x": x, "y": expected}, model.dtype)
    if wide or len(x) == 0 or expected.shape != (len(x), *model.output_shape[1:]):
        raise ValueError(f"its stored test case, {x.shape} and {expected.shape}, isn't the model's")
    tolerance = 1e-3 if model.dtype == "float32" else 1e-9
    with np.errstate(all="ignore"):
        got = model.predict(x)
    scale = np.abs(expected[np.isfinite(expected)]).max(initial=1e-3)
    if not np.allclose(got, expected, rtol=tolerance, atol=tolerance * scale, equal_nan=True):
        raise ValueError("its stored test case comes out differently: the file was altered or damaged")


def check_dtypes(arrays: Mapping[str, np.ndarray], dtype: Any) -> None:
    """Raise ValueError where an array isn't of the model's dtype."""
    for name, value in arrays.items():
        if value.dtype.name != dtype:
            raise ValueError(f"{name} is of {value.dtype}, the model of {dtype}")
