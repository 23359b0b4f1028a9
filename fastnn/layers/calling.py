"""Layers written in Python as a `call` and, unless it is to be found by differentiation, a `backward`."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import random
from fastnn.backend import Op
from fastnn.parameters import Parameter
from fastnn.program import Program, Tensor

if TYPE_CHECKING:
    from fastnn.layers.layer import Layer, Shape

__all__ = ["inferred_shape", "lower_call"]


def inferred_shape(layer: Layer, input_shape: Shape) -> Shape:
    """The output's shape, found by a call on one sample of zeros; a layer that isn't built is copied and built for it."""
    if not layer.built:
        generator = random.generator().bit_generator
        state = generator.state
        layer = copy.deepcopy(layer)
        layer.build((None, *input_shape[1:]))
        generator.state = state  # as if it hadn't been built
    made = _called(layer, np.zeros((1, *input_shape[1:]), layer.dtype), False)  # type: ignore[arg-type]
    if np.ndim(made) == 0 or len(made) != 1:
        raise ValueError(f"layer {layer.name!r}: call must keep the batch axis, from a sample it made an array of shape {np.shape(made)}")
    return (input_shape[0], *made.shape[1:])


def _called(layer: Any, x: Any, training: bool) -> Any:
    """What the layer's `call` gives, told whether this is training if it wants to know."""
    with np.errstate(all="ignore"):
        return layer.call(x, training=training) if "training" in inspect.signature(layer.call).parameters else layer.call(x)


def lower_call(layer: Layer, program: Program, x: Tensor) -> Tensor:
    """Append the call of a layer written in Python, which the compiled loop leaves for, and its backward."""
    out = layer.compute_output_shape((None, *x.features))[1:]
    y = program.tensor(*out)  # type: ignore[arg-type]
    step = _Step(layer, x.features, out, program.training)
    fixed = [p for p in layer.weights if not p.trainable]
    learned = [p for p in layer.weights if p.trainable]
    values, moments = [p.value for p in learned], [p.value for p in fixed]
    inputs = {"x": _flat(x.value), **_numbered("p", values), **_numbered("q", moments)}
    outputs = {"y": _flat(y.value), **(_numbered("q", moments) if program.training else {})}
    program.forward(_op(f"{layer.name}_call", step.forward, inputs, outputs), *{**inputs, **outputs}.values())
    if program.training:
        dx = np.zeros_like(x.value) if x.grad is None else x.grad
        read = {**inputs, "dy": _flat(y.grad)}  # type: ignore[arg-type]
        written = {"dx": _flat(dx), **_numbered("g", [p.grad for p in learned])}  # type: ignore[misc]
        program.backward(_op(f"{layer.name}_backward", step.backward, read, written), *read.values(), *written.values())
    return y


def _flat(array: np.ndarray) -> np.ndarray:
    """A batch as a matrix with a row a sample."""
    return array.reshape(len(array), -1)


def _numbered(letter: str, arrays: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{letter}{i}": array for i, array in enumerate(arrays)}


def _op(name: str, function: Callable[..., None], read: dict[str, np.ndarray], written: dict[str, np.ndarray]) -> Op:
    """`function`, which takes these arrays by name, as an op; the registry doesn't know it."""

    def named(*arrays: np.ndarray) -> None:
        function(dict(zip(names, arrays, strict=True)))

    def shape(name: str, array: np.ndarray) -> str:
        return f"n, {name}_1" if name in BATCHED else ", ".join(f"{name}_{axis}" for axis in range(array.ndim))

    def text(arrays: dict[str, np.ndarray]) -> str:
        return ", ".join(f"{name} ({shape(name, array)})" for name, array in arrays.items())

    names = list({**read, **written})
    named.__name__ = name
    named.__signature__ = inspect.Signature([inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names])  # type: ignore[attr-defined]
    return Op(named, f"{text(read)} -> {text(written)}", differentiable=False)


BATCHED = ("x", "y", "dx", "dy")
"""The arrays whose first axis counts samples."""


class _Step:
    """One layer's call and backward on a batch; between the two, what differentiation noted of the call."""

    def __init__(self, layer: Layer, features: tuple[int, ...], out: Sequence[int | None], training: bool):
        self.layer, self.features, self.out, self.training = layer, features, out, training
        self.by_hand = getattr(layer, "backward", None)
        self.pullback: Callable[[Any], tuple[Any, ...]] | None = None
        self.learned = [p for p in layer.weights if p.trainable]

    def forward(self, arrays: dict[str, np.ndarray]) -> None:
        x = arrays["x"].reshape(-1, *self.features).copy()  # the call may write into it
        made = self._differentiable(x) if self.training and self.by_hand is None else _called(self.layer, x, self.training)
        expected = (len(x), *self.out)
        if np.shape(made) != expected:
            raise ValueError(f"layer {self.layer.name!r}: call made an array of shape {np.shape(made)}, {expected} was announced")
        arrays["y"][...] = _flat(np.asarray(made))

    def _differentiable(self, x: np.ndarray) -> Any:
        from fastnn.autodiff import vjp
        from fastnn.autodiff.naming import within

        def called(x: Any, *values: Any) -> Any:
            with _in_place_of(self.learned, values):
                return _called(self.layer, x, self.training)

        with within(f"layer {self.layer.name!r}"):
            made, self.pullback = vjp(called, x, *(p.value for p in self.learned))
        return made

    def backward(self, arrays: dict[str, np.ndarray]) -> None:
        dy = arrays["dy"].reshape(-1, *self.out)  # type: ignore[arg-type]
        given = [arrays[f"g{i}"] for i in range(len(self.learned))]
        if self.by_hand is None:
            dx, *gradients = self.pullback(dy)  # type: ignore[misc]
            self.pullback = None
        else:
            with np.errstate(all="ignore"):
                dx = self.by_hand(dy)
            gradients = [p.grad for p in self.learned]
            for parameter, place in zip(self.learned, given, strict=True):
                parameter.grad = place  # where a layer has put another array
        expected = (len(dy), *self.features)
        if np.shape(dx) != expected:
            got = "None" if dx is None else f"an array of shape {np.shape(dx)}"
            raise ValueError(f"layer {self.layer.name!r}: backward must return the gradient of x, shape {expected}, got {got}")
        arrays["dx"][...] = _flat(np.asarray(dx))
        for gradient, place in zip(gradients, given, strict=True):
            if gradient is not place:
                place[...] = gradient


@contextmanager
def _in_place_of(parameters: Sequence[Parameter], values: Sequence[Any]) -> Iterator[None]:
    """Let parameters have other values, those that are differentiated by."""
    before = [p.value for p in parameters]
    try:
        for parameter, value in zip(parameters, values, strict=True):
            parameter.value = value
        yield
    finally:
        for parameter, value in zip(parameters, before, strict=True):
            parameter.value = value
