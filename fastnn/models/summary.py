"""The table that `Sequential.summary` prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastnn.layers.layer import Layer
    from fastnn.models.sequential import Sequential

_HEADER = ("Layer (type)", "Output Shape", "Param #")


def summary_text(model: Sequential, line_length: int | None = None, nested: bool = False) -> str:
    """The layers of `model` as a table, followed by its parameter counts."""
    rows = [_HEADER, *(row for layer in model.layers for row in _rows(layer, nested))]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    if line_length:
        widths[0] += max(0, line_length - sum(widths) - 10)
    return "\n".join([f'Model: "{model.name}"', *_table(rows, widths), *_totals(model)])


def _rows(layer: Layer, nested: bool, depth: int = 0) -> Iterator[tuple[str, str, str]]:
    shape = layer.compute_output_shape((None, *layer.built_shape)) if layer.built_shape is not None else "?"
    count = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
    yield f"{'  ' * depth}{layer.name} ({type(layer).__name__})", str(shape), count
    for child in layer.children if nested else ():
        yield from _rows(child, nested, depth + 1)


def _table(rows: list[tuple[str, str, str]], widths: list[int]) -> list[str]:
    def rule(left: str, middle: str, right: str, line: str) -> str:
        return left + middle.join(line * (w + 2) for w in widths) + right

    def text(row: tuple[str, str, str]) -> str:
        return f"│ {row[0]:<{widths[0]}} │ {row[1]:<{widths[1]}} │ {row[2]:>{widths[2]}} │"

    body = [text(row) for row in rows[1:]]
    return [rule("┌", "┬", "┐", "─"), text(rows[0]), rule("├", "┼", "┤", "─"), *body, rule("└", "┴", "┘", "─")]


def _totals(model: Sequential) -> list[str]:
    trained = sum(p.value.size for p in model.trainable_weights)
    fixed = sum(p.value.size for p in model.non_trainable_weights)
    size = 4 if model.dtype == "float32" else 8

    def line(what: str, count: int) -> str:
        return f" {what} params: {count:,} ({_bytes(count * size)})"

    return [line("Total", trained + fixed), line("Trainable", trained), line("Non-trainable", fixed)]


def _bytes(size: float) -> str:
    for unit in ("B", "KB", "MB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} GB"
