"""C code in one precision: functions for the ops, and statements that call them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from fastnn.backend import registry
from fastnn.exchange.c.form import Form, forms, helpers
from fastnn.exchange.c.layout import Layout, Place
from fastnn.exchange.c.steps import Step

__all__ = ["Code", "digits"]

_LITERAL = re.compile(r"(?<![\w.])(\d+\.\d*(?:e[+-]?\d+)?|\d+e[+-]?\d+)(?![\w.])")


def digits(value: np.floating[Any]) -> str:
    """The shortest decimal that reads back as the same number of its dtype, as a literal of it; a macro where it isn't finite."""
    if not np.isfinite(value):
        return "NAN" if np.isnan(value) else "INFINITY" if value > 0 else "-INFINITY"
    return str(value) + ("f" if value.dtype == np.float32 else "")


class Code:
    """What computes a prediction in one precision.

    Parameters
    ----------
    real : {"float", "double"}
    layout : Layout

    Attributes
    ----------
    functions : dict of str to str
        The functions of the ops, in an order in which each comes before those that call it.
    statements : list of str
    """

    def __init__(self, real: str, layout: Layout):
        self.real, self.layout = real, layout
        self.dtype = np.dtype("float32" if real == "float" else "float64")
        self.functions: dict[str, str] = {}
        self.statements = [line for step in layout.steps for line in self._statement(step)]

    # ------------------------------------------------------------------------------------------- functions

    def _function(self, name: str) -> str:
        """The name of the C function of a helper or an op of entries, which is written if it hasn't been."""
        if name in helpers:
            return self._add(name, helpers[name], "real", ["real x"])
        used = [a if isinstance(a, str) else a.name for a in registry[name].arguments]
        return self._add(name, forms[name], "real", [f"real {each}" for each in used if forms[name].uses(each)])

    def _add(self, op: str, form: Form, returns: str, parameters: list[str]) -> str:
        name = f"model_{op}_{self.real}"
        if name not in self.functions:
            body = self._rendered(form.body)
            inline = "MODEL_INLINE" if form.matrix or not form.rowwise else "static"
            head = self._rendered(f"{inline} {returns} {name}({', '.join(parameters)})")
            self.functions[name] = f"{head} {{\n{_indented(body)}\n}}"
        return name

    def _rendered(self, text: str) -> str:
        """The text of a form with this precision's type, literals and functions."""
        text = re.sub(r"\[\[(.*?)\|\|(.*?)\]\]", r"\1" if self.real == "float" else r"\2", text)
        text = re.sub(r"\$(\w+)", lambda found: self._function(found[1]), text)
        text = re.sub(r"\breal\b", self.real, text)
        if self.real == "float":
            text = _LITERAL.sub(r"\1f", text)
        return re.sub(r"@(\w+)\(", r"\1f(" if self.real == "float" else r"\1(", text).replace("@", "")

    def literal(self, value: float) -> str:
        """A number in this precision."""
        text = digits(self.dtype.type(value))
        return text if np.isfinite(value) else f"({self.real}){text}"

    # ------------------------------------------------------------------------------------------ statements

    def _statement(self, step: Step) -> Iterator[str]:
        yield f"/* {plain(step.layer)}: {step.op} */"
        yield from self._rows(step) if step.form.rowwise else self._entries(step)

    def _rows(self, step: Step) -> Iterator[str]:
        """A call of the op's function for each row."""
        places = {name: self.layout.place(step.given[name]) for name in step.buffers}
        rows = places[step.output].rows
        call = self._add(step.op, step.form, "void", [*self._parameters(step), *(f"size_t {size}" for size in step.sizes)])
        given = [self._row(places[name]) if name in places else self._constant(value) for name, value in step.given.items()]
        yield f"{_loop('r', rows)}{call}({', '.join([*given, *map(str, step.sizes.values())])});"

    def _parameters(self, step: Step) -> Iterator[str]:
        """The declarations of what the op's function is given."""
        restrict = "MODEL_RESTRICT " if step.form.matrix else ""
        for name, value in step.given.items():
            if name in step.buffers:
                yield f"{'' if name in step.written else 'const '}real *{restrict}{name}"
            elif isinstance(value, np.ndarray):
                yield f"const model_{'index' if value.dtype.kind == 'i' else 'weight'} *{restrict}{name}"
            else:
                yield f"real {name}"

    def _row(self, place: Place) -> str:
        index = place.at(f"r * {place.stride}" if place.rows > 1 else "")
        return place.name if index == "0" else f"{place.name} + {index}"

    def _constant(self, value: Any) -> str:
        return f"model_{self.layout.table(value)}" if isinstance(value, np.ndarray) else self.literal(value)

    def _entries(self, step: Step) -> Iterator[str]:
        """A call of the op's function for each entry."""
        places = {name: self.layout.place(step.given[name]) for name in step.buffers}
        vectors = {name for name, value in step.given.items() if name not in places and isinstance(value, np.ndarray)}
        rows, columns = places[step.output].rows, places[step.output].columns
        flat = all(place.contiguous for place in places.values()) and (not vectors or columns == 1)
        rows, columns = (1, rows * columns) if flat else (rows, columns)
        call = self._add(step.op, step.form, "real", [f"real {name}" for name in step.given if name not in step.written])
        j = "j" if columns > 1 else ""

        def entry(name: str) -> str:
            if name in places:
                return f"{places[name].name}[{places[name].at(f'r * {places[name].stride}' if rows > 1 else '', j)}]"
            if name not in vectors:
                return self.literal(step.given[name])
            cast = "" if step.given[name].dtype == self.dtype else f"({self.real})"
            return f"{cast}{self._constant(step.given[name])}[{'0' if flat else j or '0'}]"

        given = ", ".join(entry(name) for name in step.given if name not in step.written)
        yield f"{_loop('r', rows)}{_loop('j', columns)}{entry(step.output)} = {call}({given});"


def _loop(counter: str, count: int) -> str:
    return f"for (size_t {counter} = 0; {counter} < {count}; {counter}++) " if count > 1 else ""


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else line for line in text.splitlines())


def plain(text: str) -> str:
    """`text` for a comment: no sign that could end it, or that a compiler warns of there."""
    return re.sub(r"[^\w .,:()'=+-]", "_", text, flags=re.ASCII)
