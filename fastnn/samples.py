"""Arguments for any op, made from its signature: what tests, benchmarks and ``fastnn bench`` run ops on."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fastnn.backend import Argument, Op, factor, registry
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


def _probabilities(shape: tuple[int, ...], sizes: Mapping[str, int], rng: np.random.Generator) -> np.ndarray:
    e = np.exp(rng.normal(size=shape))
    return e / e.sum(axis=-1, keepdims=True) if shape[-1:] != (1,) else e / (1 + e)


def _one_hot(shape: tuple[int, ...], sizes: Mapping[str, int], rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, max(shape[-1], 1), shape[:-1])[..., None] == np.arange(shape[-1])


Draw = Callable[[tuple[int, ...], Mapping[str, int], np.random.Generator], np.ndarray]

KINDS: dict[str, Draw] = {
    "real": lambda shape, sizes, rng: rng.normal(size=shape),
    "positive": lambda shape, sizes, rng: rng.uniform(1, 2, shape),
    "unit": lambda shape, sizes, rng: rng.uniform(0.05, 0.95, shape),
    "small": lambda shape, sizes, rng: rng.uniform(-0.5, 0.5, shape),
    "probabilities": _probabilities,
    "one_hot": _one_hot,
    "binary": lambda shape, sizes, rng: rng.integers(0, 2, shape),
    "signs": lambda shape, sizes, rng: rng.integers(0, 2, shape) * 2 - 1,
    "signed": lambda shape, sizes, rng: rng.uniform(1, 2, shape) * rng.choice([-1, 1], shape),
    "counts": lambda shape, sizes, rng: rng.integers(0, 5, shape),
    "sorted": lambda shape, sizes, rng: np.sort(rng.random(shape)),
    "labels": lambda shape, sizes, rng: rng.integers(0, max(sizes["m"], 1), shape),
    "numbers": lambda shape, sizes, rng: rng.integers(1, 1000, shape),
    "shares": lambda shape, sizes, rng: rng.uniform(0.5, 1.5, shape) / max(1, shape[0]),
}
"""Contents of arrays, by the word that ``op(..., draw={argument: word})`` says."""

NAMED = {
    "y": "probabilities",
    "t": "probabilities",
    "truth": "binary",
    "edges": "sorted",
    "moving_variance": "positive",
    "u": "positive",  # means of squares, and others that aren't negative
    "v": "positive",
    "counts": "positive",
    "a": "small",  # a mean of gradients, whose square stays below v
}
"""The same for arguments of these names, which mean the same in every op."""


def kind(op: Op, argument: Argument) -> str:
    """The word for what an array argument holds."""
    if argument.name in op.draw:
        return op.draw[argument.name]
    if argument.dtype in ("int64", "uint64"):
        return "labels" if argument.dtype == "int64" else "numbers"
    if argument.name == "w" and len(argument.shape) == 1:
        return "shares"
    return NAMED.get(argument.name, "real")


def size_of(symbol: str, sizes: Mapping[str, int]) -> int:
    """The size that a symbol of a signature stands for: a number for itself, an unknown symbol for 3, ``2m`` for twice m."""
    times, name = factor(symbol)
    return times * (sizes.get(name, 3) if name else 1)


def shape_of(argument: Argument, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """An argument's shape for the given values of its symbols."""
    return tuple(size_of(symbol, sizes) for symbol in argument.shape)


def scalar(op: Op, name: str) -> float:
    """A value for one of the op's scalars: what its declaration draws, the reference's default, or one that suits its name."""
    if name in op.draw:
        return op.draw[name]
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
        Values for the symbols in the op's signature, ``{"n": 32, "k": 10, "m": 10, "s": 1000}``; any other symbol is 3.
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
        made[...] = KINDS[kind(op, argument)](made.shape, sizes, rng)
    return made
