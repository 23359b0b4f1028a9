"""Formulas that other tools spell out node by node, recognised: ``x * sigmoid(x)`` is silu.

Both the nodes of a graph and the forms that fastnn writes are brought into one normal form: sums and products of any number of terms, in
one order, constants first. What has the same is the same function.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from fastnn import activations
from fastnn import layers as kinds
from fastnn.exchange.onnx.activations import forms
from fastnn.exchange.onnx.chain import Centring
from fastnn.exchange.onnx.folding import axes_of
from fastnn.exchange.onnx.graph import Graph
from fastnn.exchange.onnx.parsing import Node

__all__ = ["Formula", "recognised"]

MOST_NODES, MOST_TERMS, MOST_LETTERS = 40, 12, 5000
"""Of a formula, of a sum or product in it, and of what is written of either: what is larger isn't known."""


class Unknown(ValueError):
    """Nothing that a known formula has."""


class Expression(NamedTuple):
    """A product of a constant and factors, or (``kind="add"``) a sum of a constant and terms, each of these as text."""

    kind: str
    constant: float
    terms: tuple[str, ...]

    @property
    def text(self) -> str:
        if self.kind == "mul" and self.constant == 1 and len(self.terms) == 1:
            return self.terms[0]
        return _short(f"({f' {self.kind} '.join([f'{self.constant:.5g}', *sorted(self.terms)])})")

    def parts(self, kind: str) -> tuple[float, tuple[str, ...]]:
        """The constant and the terms of this as a sum or product."""
        if self.kind == kind or not self.terms:
            return self.constant, self.terms
        return NEUTRAL[kind], (self.text,)


NEUTRAL = {"add": 0.0, "mul": 1.0}
COMBINE = {"add": operator.add, "mul": operator.mul}


def _short(text: str) -> str:
    if len(text) > MOST_LETTERS:
        raise Unknown
    return text


def _value(text: str) -> Expression:
    return Expression("mul", 1.0, (_short(text),))


def _constant(number: float) -> Expression:
    return Expression("mul", number, ())


def _joined(kind: str, *given: Expression) -> Expression:
    parts = [x.parts(kind) for x in given]
    constant = functools.reduce(COMBINE[kind], (own for own, _ in parts), NEUTRAL[kind])
    terms = tuple(term for _, own in parts for term in own)
    if len(terms) > MOST_TERMS:
        raise Unknown
    if not terms:
        return _constant(constant)
    return _value(terms[0]) if len(terms) == 1 and constant == NEUTRAL[kind] else Expression(kind, constant, terms)


def _sum(*given: Expression) -> Expression:
    return _joined("add", *given)


def _product(*given: Expression) -> Expression:
    return _joined("mul", *given)


def _negative(x: Expression) -> Expression:
    return _product(_constant(-1.0), x)


def _inverse(x: Expression) -> Expression:
    constant, terms = x.parts("mul")
    return Expression("mul", 1 / constant, tuple(f"1 / {term}" for term in terms))


def _power(x: Expression, exponent: Expression) -> Expression:
    if exponent.terms or exponent.constant not in (2.0, 3.0):
        raise Unknown
    return _product(*[x] * int(exponent.constant))


RULES: dict[str, Callable[..., Expression]] = {
    "Identity": lambda x: x,
    "Cast": lambda x: x,
    "Add": _sum,
    "Sum": _sum,
    "Sub": lambda x, y: _sum(x, _negative(y)),
    "Neg": _negative,
    "Mul": _product,
    "Div": lambda x, y: _product(x, _inverse(y)),
    "Reciprocal": _inverse,
    "Pow": _power,
}
"""The operators whose normal form isn't themselves."""


class Formula:
    """The normal form of what `nodes` make of the value `start`, an array with `rank` axes.

    Attributes
    ----------
    key : str
        The same for the same function, but for a constant factor; "" for what is no formula.
    factor : float
        That.
    epsilon : float
        What is added under a root, which the key leaves out.
    """

    def __init__(self, nodes: list[Node], start: str, end: str, constants: Mapping[str, np.ndarray], rank: int):
        self._makers = {name: (node, number) for node in nodes for number, name in enumerate(node.outputs)}
        self._constants, self._rank, self.epsilon = constants, rank, 0.0
        self._known = {start: _value("x")}
        self.key, self.factor = "", 1.0
        try:
            if len(nodes) <= MOST_NODES:
                self.factor, terms = self._of(end).parts("mul")
                self.key = Expression("mul", 1.0, terms).text if self.factor else ""
        except (ArithmeticError, LookupError, TypeError, ValueError):  # whatever nodes that say nothing sensible lead to
            pass

    def _of(self, value: str) -> Expression:
        if value not in self._known:
            self._known[value] = self._number(value) if value in self._constants else self._made(*self._makers[value])
        return self._known[value]

    def _number(self, value: str) -> Expression:
        array = self._constants[value]
        if array.size != 1 or array.dtype.kind != "f":
            raise Unknown
        return _constant(float(array.reshape(())))

    def _made(self, node: Node, number: int) -> Expression:
        given = [name for name in node.inputs if name]
        if node.kind in RULES:
            return RULES[node.kind](*map(self._of, given))
        if node.kind.startswith("Reduce"):
            self._check_axes(axes_of(node, *(self._constants[name] for name in given[1:])))
            return _value(f"{node.kind}{node.attributes.get('keepdims', 1)}({self._of(given[0]).text})")
        if node.kind == "Split":
            self._check_axes((node.attributes["axis"],))
            return _value(f"Split{number}{self._sizes(node, given[1:])}({self._of(given[0]).text})")
        if node.kind == "Sqrt":
            return self._root(self._of(given[0]))
        said = (f"{name}={_written(value)}" for name, value in sorted(node.attributes.items()))
        return _value(f"{node.kind}({', '.join([*(self._of(name).text for name in given), *said])})")

    def _check_axes(self, axes: tuple[int, ...]) -> None:
        """Only the last axis is what fastnn computes along."""
        if [axis % self._rank for axis in axes] != [self._rank - 1]:
            raise Unknown

    def _sizes(self, node: Node, given: list[str]) -> str:
        """How parts of a split differ in size, "" where they don't."""
        sizes = self._constants[given[0]].tolist() if given else node.attributes.get("split", [])
        return str(sizes) if len(set(sizes)) > 1 or len(node.outputs) != 2 else ""

    def _root(self, x: Expression) -> Expression:
        if x.kind == "add" and 0 < x.constant < 0.1:
            self.epsilon, x = x.constant, x._replace(constant=0.0)
        return _value(f"Sqrt({x.text})")


def _written(value: Any) -> str:
    """A plain attribute as text."""
    if not isinstance(value, (int, float, str)):
        raise Unknown
    return f"{value:.5g}" if isinstance(value, float) else str(value)


# ---------------------------------------------------------------------------------------------- what is known

Made = Callable[[Formula], tuple[type, dict[str, Any]]]


def recognised(formula: Formula) -> tuple[type, dict[str, Any], float] | None:
    """The layer that computes it, its arguments, and a factor after it."""
    if formula.key not in _known():
        return None
    factor, made = _known()[formula.key]
    return *made(formula), formula.factor / factor


@functools.cache
def _known() -> dict[str, tuple[float, Made]]:
    given: list[tuple[Callable[..., str], Made]] = [*SPELT]
    for name, parameters in (*((name, {}) for name in forms), ("gelu", {"approximate": True})):
        activation = activations.get(name).bind(**parameters)
        given.append((functools.partial(forms[name], **activation.parameters), _as_layer(kinds.Activation, activation=activation)))
    table = {}
    for dtype in ("float32", "float64"):
        for form, made in given:
            formula = _formula(form, dtype)
            table[formula.key] = formula.factor, made
    return {key: known for key, known in table.items() if key not in ("", "x")}


def _formula(form: Callable[..., str], dtype: str) -> Formula:
    g = Graph(17, dtype)
    end = form(g, "x")
    return Formula([Node(node) for node in g.nodes], "x", end, g.initializers, 2)


def _as_layer(kind: type, **options: Any) -> Made:
    return lambda formula: (kind, options)


def _spelt_rms_normalization(g: Graph, x: str) -> str:
    return g.Div(x, g.Sqrt(g.Add(g.reduce("ReduceMean", g.Mul(x, x)), 1e-3)))


SPELT: tuple[tuple[Callable[..., str], Made], ...] = (
    (lambda g, x: g.Sub(x, g.Tanh(x)), _as_layer(kinds.Activation, activation="tanh_shrink")),
    (lambda g, x: g.Mul(x, g.Mul(g.Clip(g.Add(x, 3.0), 0.0, 6.0), 1 / 6)), _as_layer(kinds.Activation, activation="hard_silu")),
    (lambda g, x: g.Mul(x, g.HardSigmoid(x, alpha=1 / 6)), _as_layer(kinds.Activation, activation="hard_silu")),
    (lambda g, x: g.Sub(x, g.reduce("ReduceMean", x)), _as_layer(Centring)),
    (lambda g, x: g.Div(x, g.Max(g.reduce("ReduceL2", x), 1e-12)), _as_layer(kinds.UnitNormalization)),
    (_spelt_rms_normalization, lambda f: (kinds.RMSNormalization, {"epsilon": f.epsilon})),
)
"""What others write that fastnn doesn't."""
