"""Activations over rows: each makes the entries along one axis depend on each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.activations.activation import Activation, activations


class RowActivation(Activation):
    """An activation that ties the entries along one axis together: the last one in a layer, any when called."""

    def __call__(self, x: Any, axis: int = -1, *values: Any, **parameters: Any) -> np.ndarray:
        """The activation along `axis`; all else as for any :class:`Activation`."""
        last = np.moveaxis(np.atleast_1d(x), axis, -1)
        made = np.moveaxis(super().__call__(last, *values, **parameters), -1, axis)
        return made if np.ndim(x) else made.reshape(())


@activations.register()
@RowActivation
def softmax(z: np.ndarray, a: np.ndarray) -> None:
    """``exp(x) / sum(exp(x))`` along the last axis, or along ``axis`` (Bridle, 1990); its maximum is taken off x: nothing overflows."""
    np.subtract(z, z.max(axis=1, keepdims=True, initial=-np.inf), out=a)
    np.exp(a, out=a)
    a /= a.sum(axis=1, keepdims=True)


@softmax.backward
def softmax_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """``a * (da - sum(a * da))``."""
    np.multiply(a, da - (a * da).sum(axis=1, keepdims=True), out=dz)


@activations.register()
@RowActivation
def log_softmax(z: np.ndarray, a: np.ndarray) -> None:
    """``log(softmax(x))`` along the last axis, or along ``axis``, exact where softmax underflows."""
    np.subtract(z, z.max(axis=1, keepdims=True, initial=-np.inf), out=a)
    a -= np.log(np.maximum(np.exp(a).sum(axis=1, keepdims=True), 1))  # 1 only for rows without entries: the largest entry gives 1


@log_softmax.backward
def log_softmax_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """``da - exp(a) * sum(da)``."""
    np.subtract(da, np.exp(a) * da.sum(axis=1, keepdims=True), out=dz)


@activations.register()
@RowActivation
def softmin(z: np.ndarray, a: np.ndarray) -> None:
    """``softmax(-x)`` along the last axis, or along ``axis`` (as torch's): the smallest entry gets the largest share."""
    softmax.forward.reference(-z, a)


@softmin.backward
def softmin_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """``-a * (da - sum(a * da))``."""
    np.multiply(a, (a * da).sum(axis=1, keepdims=True) - da, out=dz)


def _simplex_threshold(d: np.ndarray) -> np.ndarray:
    """The t of each row with ``sum(max(d - t, 0)) = 1``, by sorting (Martins and Astudillo 2016, algorithm 1); rows have entries."""
    falling = np.flip(np.sort(d, axis=1), axis=1)
    sums = np.cumsum(falling, axis=1) - 1
    size = np.arange(1, d.shape[1] + 1)
    support = np.maximum(np.count_nonzero(size * falling > sums, axis=1, keepdims=True), 1)
    return np.take_along_axis(sums, support - 1, axis=1) / support


@activations.register()
@RowActivation
def sparsemax(z: np.ndarray, a: np.ndarray) -> None:
    """``max(x - t, 0)`` along the last axis, or along ``axis``, with the t that makes the sum 1 (Martins and Astudillo, ICML 2016, eq. 4).

    This is the point of the probability simplex that is nearest to x; unlike softmax it makes many entries exactly 0.
    """
    if z.size:
        with np.errstate(invalid="ignore"):
            d = z.astype(np.float64) - z.max(axis=1, keepdims=True)
        a[...] = np.maximum(d - _simplex_threshold(d), 0)


@sparsemax.backward
def sparsemax_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """On the support, where a > 0, da less its mean there; elsewhere 0 (eq. 10)."""
    support = ~(a <= 0)
    mean = np.where(support, da, 0).sum(axis=1, keepdims=True, dtype=np.float64) / np.maximum(support.sum(axis=1, keepdims=True), 1)
    dz[...] = np.where(support, da - mean, 0)
