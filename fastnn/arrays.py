"""Arrays and counts from users: checked, and brought into the form that a model takes."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

_DTYPES = {name: np.dtype(name) for name in ("float32", "float64")}


def foreign(x: Any) -> bool:
    """Whether `x` is another kind of array that answers NumPy's functions itself (NEP 18), as those do that autodiff follows."""
    kind = type(x)
    return not isinstance(x, np.ndarray) and hasattr(kind, "__array_function__") and not hasattr(kind, "stands_for_value")


def any_array(x: Any) -> Any:
    """`x` as an array; another kind of array stays what it is."""
    return x if foreign(x) else np.asarray(x)


def contiguous(x: Any, dtype: Any) -> Any:
    """`x` as a C-contiguous, aligned array of `dtype`; another kind of array keeps its kind."""
    return x.astype(dtype) if foreign(x) else np.require(x, dtype, ["C", "ALIGNED"])


def as_array(value: Any, who: str) -> np.ndarray:
    """`value` as an array of any dtype.

    Raises
    ------
    TypeError
        For what has no length, None and generators for instance.
    ValueError
        For nested lists of different lengths.
    """
    if hasattr(value, "__next__") or not (hasattr(value, "__len__") or hasattr(value, "__array__")):
        way_out = "; collect its batches with np.concatenate first" if hasattr(value, "__next__") else ""
        way_out = "; if it makes batches, pass what it returns" if callable(value) else way_out
        raise TypeError(f"{who} must be an array, got {type(value).__name__}{way_out}")
    if hasattr(value, "toarray"):
        raise TypeError(f"{who} must be an array, got a sparse {type(value).__name__}; pass {who}.toarray()")
    if np.ma.is_masked(value):
        raise ValueError(f"{who} has masked entries, which would be taken for data; fill or drop them first")
    if isinstance(value, tuple) and len(value) > 1 and all(isinstance(each, np.ndarray) for each in value):
        raise TypeError(f"{who} must be one array, got a tuple of {len(value)}; pass them as separate arguments")
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{who} must be an array, got lists of different lengths; pad or cut them to one length") from error


def as_numbers(value: Any, who: str) -> np.ndarray:
    """`value` as an array of real numbers; errors as in `as_array`, and TypeError for another dtype."""
    given = as_array(value, who)
    if given.dtype == object:
        given = _numbers_of_objects(given, who)
    if given.dtype.kind not in "fiub":
        raise TypeError(f"{who} must hold real numbers, got dtype {given.dtype}; encode text and dates as numbers first")
    return given


def _numbers_of_objects(given: np.ndarray, who: str) -> np.ndarray:
    """Numbers and truth values that stand in an array of objects, as those of a data frame with columns of both do."""
    for place, entry in np.ndenumerate(given):
        if not isinstance(entry, (numbers.Real, np.bool_)):
            raise TypeError(
                f"{who} must hold real numbers, got the object {entry!r} at row {place[0] if place else 0}, position {place[1:]}; "
                "encode text and dates as numbers first, fill or drop what is missing"
            )
    return given.astype(np.float64)


def as_samples(x: Any, features: tuple[int, ...] | None, dtype: str, who: str = "x") -> np.ndarray:
    """`x` as a C-contiguous, aligned array of `dtype` and shape (n, *features).

    Raises
    ------
    TypeError
        For what NumPy can't make numbers of, and for generators.
    ValueError
        When the shape isn't the model's.
    """
    if type(x) is np.ndarray and x.dtype is _DTYPES[dtype] and x.shape[1:] == features and x.flags.c_contiguous and x.flags.aligned:
        return x  # nothing to do, which a caller with one row at a time notices
    given = as_numbers(x, who)
    if given.ndim == 0:
        raise ValueError(f"{who} must have a batch axis, got a single number; pass np.array([[{given}]])")
    if features == (1,) and given.ndim == 1:  # as Keras
        given = given[:, None]
    if features is not None and given.shape[1:] != features:
        raise ValueError(f"{who} has shape {given.shape}, the model expects {_expected(features, given)}")
    with np.errstate(over="ignore"):  # what is too large becomes infinite, which `check_finite` reports
        return np.require(given, dtype, ["C", "ALIGNED"])


def _expected(features: tuple[int, ...], given: np.ndarray) -> str:
    shape = f"(n, {', '.join(map(str, features))})"
    if given.shape == features:
        return f"{shape}; for one sample pass x[None]"
    if given.shape[:1] == (1,) and given.shape[2:] == features:
        return f"{shape}; pass the array itself, not a list of it"
    if given[:1].size == np.prod(features) or given.ndim == 1:
        return f"{shape}; use x.reshape((-1, {', '.join(map(str, features))}))"
    return shape


def check_finite(x: np.ndarray, who: str = "x") -> None:
    """Raise a ValueError that names the first row and column holding NaN or infinity.

    The sum of squares finds them without a temporary array as large as x: it is finite unless something is, or overflows.
    """
    flat = x.reshape(-1)
    with np.errstate(all="ignore"):
        if np.isfinite(np.dot(flat, flat)):
            return
    bad = np.argwhere(~np.isfinite(x))
    if len(bad):
        where = f"row {bad[0][0]}" + (f", position {tuple(int(i) for i in bad[0][1:])}" if x.ndim > 1 else "")
        raise ValueError(f"{who} holds {x[tuple(bad[0])]} at {where} (in {len(bad)} places); impute or drop such rows first")


def positive_integer(name: str, value: Any, least: int = 1, most: int | None = None) -> int:
    """`value` as an int of at least `least`, and at most `most`, or a ValueError that names it."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least or (most is not None and value > most):
        bound = "" if most is None else f" and at most {most}"
        raise ValueError(f"{name} must be an integer of at least {least}{bound}, got {value!r:.100}")
    return int(value)
