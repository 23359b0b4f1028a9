"""Functions whose results are no smooth function of their arguments: plain arrays, which count as constants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.autodiff.declare import composed
from fastnn.autodiff.traced import constant_like, primitives, raw

COMPARISONS: tuple[Any, ...] = (
    np.greater,
    np.greater_equal,
    np.less,
    np.less_equal,
    np.equal,
    np.not_equal,
    np.isnan,
    np.isfinite,
    np.isinf,
    np.signbit,
)
LOGIC: tuple[Any, ...] = (
    np.logical_and,
    np.logical_or,
    np.logical_xor,
    np.logical_not,
    np.isclose,
    np.allclose,
    np.array_equal,
    np.any,
    np.all,
)
STEPS: tuple[Any, ...] = (np.sign, np.floor, np.ceil, np.rint, np.trunc, np.floor_divide, np.heaviside, np.round)
PLACES: tuple[Any, ...] = (np.argmax, np.argmin, np.argsort, np.nonzero, np.flatnonzero, np.argwhere, np.searchsorted, np.count_nonzero)
FACTS: tuple[Any, ...] = (np.shape, np.ndim, np.size, np.result_type, np.may_share_memory, np.shares_memory, np.array_repr, np.array_str)


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **options: function(*raw(args), **{k: raw(v) for k, v in options.items()})


for _function in (*COMPARISONS, *LOGIC, *STEPS, *PLACES, *FACTS):
    primitives[_function] = _plain(_function)


def _lifted(function: Callable[..., Any]) -> Callable[..., Any]:
    """A new array like a traced one, into which traced values may be written."""
    return lambda a, *args, **options: constant_like(a, np.array(function(raw(a), *args, **options)))


for _function in (np.zeros_like, np.empty_like, np.ones_like):
    primitives[_function] = _lifted(_function)


@composed(np.full_like)
def full_like(a: Any, fill_value: Any, *args: Any, **options: Any) -> Any:
    """NumPy's."""
    made = np.empty_like(a, *args, **options)
    made[...] = fill_value
    return made


@composed(np.copy)
def copy(a: Any, order: str = "K") -> Any:
    """NumPy's."""
    return a.copy()
