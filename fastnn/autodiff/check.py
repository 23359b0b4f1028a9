"""Holding a derivative against independent ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastnn.autodiff.forward import jvp
from fastnn.autodiff.inputs import as_input, called
from fastnn.autodiff.reverse import vjp


def check_gradient(
    f: Callable[..., Any],
    *arrays: Any,
    gradient: Callable[..., Any] | None = None,
    step: float = 1e-6,
    rtol: float = 1e-5,
    atol: float = 1e-7,
    seed: int = 0,
) -> None:
    """Raise unless derivatives of `f` agree: those of reverse mode, of forward mode, and central differences.

    Results of more than one number are weighed by random numbers and summed up.

    Parameters
    ----------
    f : callable
        As for :func:`vjp`.
    *arrays : array_like
        Its arguments; taken in double precision. Keep away from kinks, where there is no derivative.
    gradient : callable, optional
        Your own derivative to check: takes ``(g, *arrays)``, `g` the gradient of the result, and gives that of each array (of the
        one array alone, if there is one).
    step : float
        Of the central differences, times the larger of 1 and the entry's size.
    rtol, atol : float
        How far each pair may be apart: ``atol + rtol * |difference quotient|``.
    seed : int
        Of the random weights.

    Raises
    ------
    ValueError
        Where they disagree; the message names the argument, the entry and both values.
    TypeError
        As :func:`vjp`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.autodiff import check_gradient
    >>> check_gradient(lambda x: np.exp(x) / x, [1.0, 2.0])
    """
    inputs = [np.array(as_input(np.asarray(a, np.float64), i, f)) for i, a in enumerate(arrays)]
    value, pullback = vjp(f, *inputs)
    weights = np.random.default_rng(seed).normal(size=np.shape(value))

    def number(*given: Any) -> float:
        return float(np.sum(weights * np.asarray(f(*given), np.float64)))

    expected = [_central(number, inputs, i, step) for i in range(len(inputs))]
    for name, found in _claims(f, inputs, weights, pullback, gradient):
        for i, (got, truth) in enumerate(zip(found, expected, strict=True)):
            _compare(f"{called(f)}: {name} by argument {i}", np.asarray(got), truth, rtol, atol)


def _claims(f: Callable[..., Any], inputs: Sequence[np.ndarray], weights: np.ndarray, pullback: Any, gradient: Any) -> list[Any]:
    """What each way of differentiating says, by its name."""
    claims = [("reverse mode", pullback(weights)), ("forward mode", [_forward(f, inputs, i, weights) for i in range(len(inputs))])]
    if gradient is not None:
        given = gradient(weights, *inputs)
        claims.append(("the given gradient", given if isinstance(given, (tuple, list)) and len(inputs) > 1 else [given]))
    return claims


def _forward(f: Callable[..., Any], inputs: Sequence[np.ndarray], position: int, weights: np.ndarray) -> np.ndarray:
    found = np.zeros_like(inputs[position])
    for index in np.ndindex(found.shape):
        tangents = [np.zeros_like(a) for a in inputs]
        tangents[position][index] = 1
        found[index] = np.sum(weights * jvp(f, inputs, tangents)[1])
    return found


def _central(number: Callable[..., float], inputs: Sequence[np.ndarray], position: int, step: float) -> np.ndarray:
    found = np.zeros_like(inputs[position])
    for index in np.ndindex(found.shape):
        h = step * max(1.0, abs(float(inputs[position][index])))
        ends = []
        for sign in (1, -1):
            moved = [a.copy() for a in inputs]
            moved[position][index] += sign * h
            ends.append(number(*moved))
        found[index] = (ends[0] - ends[1]) / (2 * h)
    return found


def _compare(what: str, got: np.ndarray, truth: np.ndarray, rtol: float, atol: float) -> None:
    if got.shape != truth.shape:
        raise ValueError(f"{what} must have shape {truth.shape}, got {got.shape}")
    bad = np.argwhere(~np.isclose(got, truth, rtol=rtol, atol=atol, equal_nan=True))
    if len(bad):
        where = tuple(int(i) for i in bad[0])
        raise ValueError(f"{what} is {got[where]} at {where}, central differences say {truth[where]} (they differ in {len(bad)} entries)")
