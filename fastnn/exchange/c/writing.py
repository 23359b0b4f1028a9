"""The C file of a model."""

from __future__ import annotations

import math
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._version import __version__
from fastnn.exchange.c.code import Code, digits, plain
from fastnn.exchange.c.layout import Layout
from fastnn.exchange.c.steps import steps_of
from fastnn.exchange.c.template import DEFINITION, HEAD, MAIN, TEST
from fastnn.files import replacing, target_path
from fastnn.models.predictor import frozen
from fastnn.models.stored_case import case_samples

if TYPE_CHECKING:
    from fastnn.models.sequential import Sequential

__all__ = ["source", "to_c"]

CASES = 2
"""Samples of the self-test."""

TOLERANCE = {"float32": "1e-4", "float64": "1e-9"}
"""What rounding may explain in the self-test, relative to the largest output; the coarser one of model and computation counts."""


def to_c(model: Sequential, filepath: Any, name: str = "model", overwrite: bool = True) -> None:
    """Write a model as C; see `Sequential.to_c`."""
    text = source(model, name, Path(filepath).name)
    with replacing(target_path(filepath, overwrite), "w", encoding="ascii", newline="\n") as file:
        file.write(text)


def source(model: Sequential, name: str = "model", filename: str = "model.c") -> str:
    """The text of the C file of a built model; arguments and errors as for `Sequential.to_c`."""
    features = model._require_built()
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,39}", name):
        raise ValueError(f"to_c: name must be at most 40 letters, digits and underscores, beginning with a letter, got {name!r}")
    layout = Layout(*steps_of(frozen(model.layers), features, model.dtype))
    codes = [Code(real, layout) for real in ("float", "double")]
    values = _values(model, layout) | {"filename": plain(filename), "includes": _includes(codes), "types": _types(model, layout)}
    values |= _test_case(model)
    values |= {f"test_{code.real}": _in_precision(TEST, code, values) for code in codes}
    parts = [
        _filled(HEAD, values),
        _tables(layout, model.dtype),
        *(_in_precision(DEFINITION, code, values) for code in codes),
        _filled(MAIN, values),
    ]
    return _named("\n".join(parts), name)


def _filled(template: str, values: dict[str, Any]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda found: str(values[found[1]]), template)


def _named(text: str, name: str) -> str:
    text = re.sub(r"\bmodel_", f"{name}_", text)
    return re.sub(r"\bMODEL_", f"{name.upper()}_", text)


def _in_precision(template: str, code: Code, values: dict[str, Any]) -> str:
    """A template for one precision."""
    own = {
        "other": "DOUBLE" if code.real == "float" else "FLOAT",
        "functions": "\n\n".join(code.functions.values()),
        "statements": textwrap.indent("\n".join([*code.statements, *_unused(code)]), "    "),
        "stack": values[f"stack_{code.real}"],
        "least": code.literal(1e-3),
        "tolerance": max(TOLERANCE[values["dtype"]], TOLERANCE[code.dtype.name], key=float) + ("f" if code.real == "float" else ""),
    }
    return _filled(re.sub(r"(?<![A-Za-z])real(?![A-Za-z])", code.real, template), values | own)


def _unused(code: Code) -> list[str]:
    return [] if code.layout.scratch else ["(void)s;"]


def _values(model: Sequential, layout: Layout) -> dict[str, Any]:
    """What the head says."""
    scratch = max(layout.scratch, 1)
    return {
        "version": __version__,
        "model": plain(repr(model.name)),
        "dtype": model.dtype,
        "inputs": math.prod(model.input_shape[1:]),  # type: ignore[arg-type]
        "outputs": math.prod(model.output_shape[1:]),  # type: ignore[arg-type]
        "input_shape": model.input_shape[1:],
        "output_shape": model.output_shape[1:],
        "layers": "\n".join(_layers(model)),
        "constants": f"{sum(table.size * _itemsize(table) for table in layout.tables):,}",
        "scratch": scratch,
        "stack_float": 4 * scratch,
        "stack_double": 8 * scratch,
        "products": f"{sum(step.products for step in layout.steps):,}",
    }


def _layers(model: Sequential) -> list[str]:
    lines = [f"{layer.name} ({type(layer).__name__}): {shape[1:]}" for layer, shape in zip(model.layers, model._shapes()[1:], strict=True)]
    return [f"     {plain(line)}" for line in lines]


def _includes(codes: list[Code]) -> str:
    """What is needed: a model of relu alone links without libm."""
    text = "\n".join([*codes[0].functions.values(), *codes[0].statements])
    math = "#include <math.h>\n" if re.search(r"\b(exp|log|sqrt|fabs|expm1|log1p|erfc|hypot|pow)f\(|NAN|INFINITY", text) else ""
    return math + ("#include <stdint.h>\n" if "uint32_t" in text else "")


# ------------------------------------------------------------------------------------------------ numbers


def _itemsize(table: np.ndarray) -> int:
    return _index(table).itemsize if table.dtype.kind == "i" else table.itemsize


def _index(table: np.ndarray) -> np.dtype[Any]:
    return np.dtype("uint16" if table.max(initial=0) < 2**16 else "uint32")


def _types(model: Sequential, layout: Layout) -> str:
    """The types of the tables."""
    single = "typedef float model_weight;"
    lines = [single] if model.dtype == "float32" else ["#ifdef MODEL_FLOAT_ONLY", single, "#else", "typedef double model_weight;", "#endif"]
    sizes = {_itemsize(table) for table in layout.tables if table.dtype.kind == "i"}
    return "\n".join([*lines, *([f"typedef unsigned {'long' if 4 in sizes else 'short'} model_index;"] if sizes else [])])


def _tables(layout: Layout, dtype: str) -> str:
    tables = [f"/* {plain(_owner(layout, table))} */\n{_table(f'model_{i}', table)}" for i, table in enumerate(layout.tables)]
    return _rounded("\n".join(tables), dtype) + "\n"


def _rounded(tables: str, dtype: str) -> str:
    """Tables without a compiler's warning of the decimals of a float64 model that it is told to store as float."""
    if dtype == "float32":
        return tables
    asked = "#if defined(__GNUC__) && defined(MODEL_FLOAT_ONLY)"
    ignored = [f'#pragma GCC diagnostic ignored "-W{kind}"' for kind in ("conversion", "float-conversion")]
    return "\n".join([asked, "#pragma GCC diagnostic push", *ignored, "#endif", tables, asked, "#pragma GCC diagnostic pop", "#endif"])


def _owner(layout: Layout, table: np.ndarray) -> str:
    """Whose constant it is: the first step's that takes it."""
    return next(f"{step.layer}: {name} of {step.op}" for step in layout.steps for name, value in step.given.items() if value is table)


def _table(name: str, values: np.ndarray) -> str:
    """A constant, in the order of memory."""
    if values.dtype.kind == "i":
        return _array("model_index", name, map(str, values.ravel().tolist()), values.size)
    return _array("model_weight", name, map(digits, values.ravel()), values.size)


def _array(kind: str, name: str, numbers: Any, size: int) -> str:
    return f"MODEL_CONST {kind} {name}[{size}] = {{\n{textwrap.fill(', '.join(numbers), 118)}\n}};"


def _test_case(model: Sequential) -> dict[str, Any]:
    """Samples for the self-test, and what the model makes of them."""
    x = case_samples(model)[:CASES]
    with np.errstate(all="ignore"):
        y = model.predict(x)
    tables = "\n".join([_table("model_test_x", x), _table("model_test_y", y)])
    return {"cases": len(x), "test_tables": _rounded(tables, model.dtype)}
