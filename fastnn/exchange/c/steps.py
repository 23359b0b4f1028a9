"""The inference program of a model, as steps that have a C form."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnn.backend import Argument
from fastnn.exchange.c.form import Form, forms
from fastnn.layers.layer import Layer
from fastnn.program import Call, Program, Tensor

__all__ = ["Step", "step", "steps_of"]


@dataclass(frozen=True)
class Step:
    """A call of an op that has a C form.

    Attributes
    ----------
    layer : str
        Who made it.
    op : str
    form : Form
    given : dict
        What the form's body takes, by name: buffers, constant arrays, scalars.
    buffers, written : frozenset of str
        Which of `given` have an axis of rows, and which of these are written.
    sizes : dict of str to int
        The sizes in the op's signature.
    """

    layer: str
    op: str
    form: Form
    given: dict[str, Any]
    buffers: frozenset[str]
    written: frozenset[str]
    sizes: dict[str, int]

    @property
    def arrays(self) -> list[np.ndarray]:
        """The buffers."""
        return [self.given[name] for name in self.buffers]

    @property
    def output(self) -> str:
        """The name of the buffer that is written; ops that have a C form have one."""
        return next(iter(self.written))

    @property
    def products(self) -> int:
        """Multiply-adds."""
        return len(self.given[self.output]) * self.sizes["k"] * self.sizes["m"] if self.form.matrix else 0


def steps_of(layers: Iterable[Layer], features: tuple[int, ...], dtype: str) -> tuple[list[Step], np.ndarray, np.ndarray]:
    """Lower built layers for one sample.

    Returns
    -------
    steps : list of Step
    x, y : ndarray
        Where the sample stands, and what the model makes of it.

    Raises
    ------
    ValueError
        For a layer with an op that has no C form, or with parameters that aren't finite; it is named.
    """
    program = Program(1, dtype, False, np.zeros(1, np.uint64), in_place=True)
    program.source = tensor = program.tensor(*features)
    steps: list[Step] = []
    for layer in layers:
        _check_finite(layer)
        tensor = _lowered(layer, program, tensor, steps)
    return steps, program.source.value, tensor.value


def _lowered(layer: Layer, program: Program, x: Tensor, steps: list[Step]) -> Tensor:
    seen = len(program.forward_calls)
    y = layer.lower(program, x)
    steps += [step(f"layer {layer.name!r} ({type(layer).__name__})", call) for call in program.forward_calls[seen:]]
    return y


def _check_finite(layer: Layer) -> None:
    for path, parameter in layer.named_weights():
        if not np.isfinite(parameter.value).all():
            raise ValueError(f"to_c: parameter {path!r} holds NaN or infinity, which would pass to the outputs; train the model again")


def step(who: str, call: Call) -> Step:
    """`call` as a step.

    Raises
    ------
    ValueError
        When its op has no C form.
    """
    form = forms.get(call.op.name)
    if form is None:
        raise ValueError(
            f"to_c: {who} computes {call.op.name!r}, which has no C form; say what it is in C by fastnn.exchange.c.elementwise or "
            "rowwise (docs/c.md), with an op where the layer is a Python function, or take the layer out"
        )
    kinds = {a.name: a for a in call.op.arguments if isinstance(a, Argument)}
    names = [a if isinstance(a, str) else a.name for a in call.op.arguments]
    everything = dict(zip(names, call.arguments, strict=True))
    prepared = form.prepare(everything) if form.prepare else everything
    given = {name: value for name, value in prepared.items() if form.uses(name)}
    written = frozenset(name for name, kind in kinds.items() if kind.written and (form.uses(name) or not form.rowwise))
    buffers = written | {name for name in given if name in kinds and "n" in kinds[name].shape}
    given |= {name: everything[name] for name in written}
    sizes = {
        symbol: size
        for name, kind in kinds.items()
        for symbol, size in zip(kind.shape, everything[name].shape, strict=True)
        if symbol.isidentifier() and form.rowwise and form.uses(symbol)
    }
    return Step(who, call.op.name, form, given, buffers, written, sizes)
