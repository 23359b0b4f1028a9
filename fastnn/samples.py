"""Arguments for any op, made from its signature: what tests, benchmarks and ``fastnn bench`` run ops on."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastnn.backend import Argument, Op, registry
from fastnn.memory import aligned_zeros

SCALARS: dict[str, float] = {
    "beta_1": 0.9,
    "beta_2": 0.999,
    "epsilon": 1e-3,
    "l1": 0.01,
    "l2": 0.02,
    "learning_rate": 0.01,
    "limit": 0.7,
    "momentum": 0.9,
    "rate": 0.3,
    "rho": 0.9,
    "seed": 12345,
    "step": 3,
    "weight_decay": 0.02,
}
"""Values for scalars that have no default in the reference."""


def _probabilities(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    e = np.exp(rng.normal(size=shape))
    return e / e.sum(axis=-1, keepdims=True) if shape[-1:] != (1,) else e / (1 + e)


def _draw(argument: Argument, sizes: Mapping[str, int], rng: np.random.Generator) -> np.ndarray:
    """Random contents that suit an input of this name: names mean the same in every op."""
    shape = shape_of(argument, sizes)
    if argument.dtype == "int64":
        return rng.integers(0, sizes["m"], shape)
    if argument.dtype == "uint64":
        return rng.integers(1, 1000, shape).astype(np.uint64)
    if argument.name in ("y", "t"):
        return _probabilities(rng, shape)
    if argument.name == "truth":
        return rng.integers(0, 2, shape)
    if argument.name == "edges":
        return np.sort(rng.random(shape))
    if argument.name == "w" and len(shape) == 1:
        return rng.uniform(0.5, 1.5, shape) / max(1, shape[0])
    if argument.name in ("moving_variance", "u", "v", "counts"):  # means of squares, and others that aren't negative
        return rng.uniform(1, 2, shape)
    if argument.name == "a":  # a mean of gradients, whose square stays below v
        return rng.uniform(-0.5, 0.5, shape)
    return rng.normal(size=shape)


def shape_of(argument: Argument, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """An argument's shape for the given values of its symbols."""
    return tuple(int(s) if s.isdigit() else sizes[s] for s in argument.shape)


def scalar(op: Op, name: str) -> float:
    """A value for one of the op's scalars: the reference's default, or one that suits its name."""
    default = inspect.signature(op.reference).parameters[name].default
    return SCALARS[name] if default is inspect.Parameter.empty else default


def forward_of(op: Op) -> Op | None:
    """The op that `op` is the backward of."""
    stem, found, _ = op.name.partition("_backward")
    return registry[stem] if found else None


def arguments(op: Op, sizes: Mapping[str, int], dtype: Any, rng: np.random.Generator) -> list[Any]:
    """A list of arguments to call `op` with: random inputs, outputs of zeros.

    A backward op gets what its forward op makes of random inputs, so that the arguments belong together.

    Parameters
    ----------
    op : Op
    sizes : mapping of str to int
        Values for the symbols in the op's signature: ``{"n": 32, "k": 10, "m": 10, "s": 1000}``.
    dtype : {"float32", "float64"}
    rng : Generator
    """
    known: dict[str, Any] = {}
    if forward := forward_of(op):
        given = arguments(forward, sizes, dtype, rng)
        forward.reference(*given)
        known = {a.name: v for a, v in zip(forward.arguments, given, strict=True) if isinstance(a, Argument)}
    return [_value(op, a, known, sizes, dtype, rng) for a in op.arguments]


def _value(op: Op, argument: Argument | str, known: Mapping[str, Any], sizes: Mapping[str, int], dtype: Any, rng: Any) -> Any:
    if isinstance(argument, str):
        return scalar(op, argument)
    if argument.read and argument.name in known:
        return known[argument.name]
    made = aligned_zeros(shape_of(argument, sizes), dtype if argument.dtype == "real" else argument.dtype)
    if argument.read:
        made[...] = _draw(argument, sizes, rng)
    return made
