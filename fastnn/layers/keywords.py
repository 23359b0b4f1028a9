"""What Keras' layers take besides their own arguments: other ways to say the shape of a sample, and dtypes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastnn.config import floatx

__all__ = ["MORE", "check_dtype", "sample_shape"]

_SHAPES = ("input_dim", "batch_shape", "batch_input_shape")
MORE = (*_SHAPES, "dtype", "autocast")
"""Keywords that any layer takes for Keras' sake, beside those of its signature."""


def sample_shape(kind: str, input_shape: Any, more: Mapping[str, Any]) -> Any:
    """The shape of one sample as `input_shape` or one of Keras' other keywords gives it; None where none does.

    Raises
    ------
    TypeError
        For an unknown keyword, or a shape that is given twice.
    ValueError
        For a dtype that is none of the model's.
    """
    if unknown := [name for name in more if name not in MORE]:
        raise TypeError(f"{kind}.__init__() got an unexpected keyword argument {unknown[0]!r}")
    check_dtype(kind, more.get("dtype"))
    given = {"input_shape": input_shape, **{name: more.get(name) for name in _SHAPES}}
    given = {name: shape for name, shape in given.items() if shape is not None}
    if len(given) > 1:
        raise TypeError(f"{kind}: {' and '.join(given)} say the same thing; give one of them")
    for name, shape in given.items():
        return tuple(shape)[1:] if name.startswith("batch") else shape
    return None


def check_dtype(kind: str, dtype: Any) -> None:
    """Accept a layer's dtype where it is the one that new models get, as there is one for a whole model.

    Raises
    ------
    ValueError
        For another one.
    """
    if dtype is None:
        return
    try:
        name = np.dtype(dtype).name
    except TypeError:
        name = str(dtype)
    if name != floatx():
        raise ValueError(
            f"{kind}: dtype {dtype!r} can't be one layer's; a model has one dtype: fastnn.config.set_floatx('float64'), "
            "or Sequential(layers, dtype='float64')"
        )
