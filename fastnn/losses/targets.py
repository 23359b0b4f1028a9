"""Targets in the form that loss ops take, checked before anything is computed."""

from __future__ import annotations

import numpy as np


def match_ranks(t: np.ndarray, y: np.ndarray, columns: int | None, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Add or drop a last axis of length one, as Keras does, so that targets and predictions fit; `columns` is None for labels."""
    sparse = columns is None
    if sparse and t.shape == (*y.shape[:-1], 1):
        t = t[..., 0]
    if columns == 1 and t.ndim + 1 == y.ndim:
        t = t[..., None]
    expected = y.shape[:-1] if sparse else (*y.shape[:-1], columns)
    if t.shape != expected:
        raise ValueError(f"{name}: for y_pred of shape {y.shape}, y_true must have shape {expected}, got {t.shape}")
    return t, y


def integer_labels(labels: np.ndarray, m: int, name: str, empty: bool = True, ignored: int | None = None) -> np.ndarray:
    """`labels (n,)` or ``(n, 1)`` as int64 ``(n,)``, each checked to be a whole number in ``[0, m)``, or `ignored`."""
    labels = _numbers(labels, name)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        dense = name.removeprefix("sparse_")
        way_out = "np.argmax(y, axis=1) makes them of one-hot targets" if dense == name else f"for one-hot targets use {dense}"
        raise ValueError(f"{name} needs integer labels of shape (n,), got shape {labels.shape}; {way_out}")
    if not empty:
        _not_empty(labels, name)
    with np.errstate(invalid="ignore"):
        whole = labels.astype(np.int64)
    check_each(whole == labels, labels, f"{name} needs whole numbers as labels")
    known = (whole >= 0) & (whole < m) if ignored is None else ((whole >= 0) & (whole < m)) | (whole == ignored)
    check_each(known, labels, f"{name} with {m} outputs needs labels in [0, {m - 1}]{'' if ignored is None else f' or {ignored}'}")
    return np.ascontiguousarray(whole)


def dense_targets(t: np.ndarray, m: int, outputs: int, dtype: object, name: str) -> np.ndarray:
    """`t (n, m)`, or ``(n,)`` when m is 1, as a contiguous array of `dtype` of shape ``(n, m)``."""
    t = _numbers(t, name)
    if t.ndim == 1 and m == 1:
        t = t[:, None]
    if t.ndim != 2 or t.shape[1] != m:
        labels = name.startswith("categorical") and t.size == len(np.atleast_1d(t))
        sparse = "sparse_categorical_crossentropy or " if name == "categorical_crossentropy" else ""
        hint = f"; for integer labels use {sparse}utils.to_categorical" if labels else ""
        raise ValueError(f"{name}: the model gives {outputs} outputs, so targets must have shape (n, {m}), got {t.shape}{hint}")
    _not_empty(t, name)
    with np.errstate(over="ignore"):
        return np.require(t, dtype, ["C", "ALIGNED"])  # type: ignore[call-overload]


def _numbers(t: np.ndarray, name: str) -> np.ndarray:
    if t.dtype.kind == "O":
        try:
            t = t.astype(np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"{name} needs numbers as targets, got {type(t.flat[0]).__name__} objects") from None
    if t.dtype.kind not in "biuf":
        raise ValueError(f"{name} needs numbers as targets, got dtype {t.dtype}; number the classes 0, 1, 2, ...")
    return t


def _not_empty(t: np.ndarray, name: str) -> None:
    if len(t) == 0:
        raise ValueError(f"{name}: there are no targets (shape {t.shape})")


def check_each(good: np.ndarray, t: np.ndarray, need: str) -> None:
    """Raise a ValueError that names the first row of `t` where `good` is false."""
    if not good.all():
        where = tuple(np.argwhere(~good)[0])
        raise ValueError(f"{need}, got {t[where]} in row {where[0]}")
