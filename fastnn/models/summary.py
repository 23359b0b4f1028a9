"""The table that `Sequential.summary` prints."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastnn.layers.layer import Layer
    from fastnn.models.sequential import Sequential

HEADER = ("Layer (type)", "Output Shape", "Param #", "Trainable")


def summary_text(
    model: Sequential,
    line_length: int | None = None,
    nested: bool = False,
    trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> str:
    """The layers of `model` as a table, followed by its parameter counts."""
    shown = [row for layer in _chosen(model, layer_range) for row in _rows(layer, nested)]
    rows = [row[: 4 if trainable else 3] for row in (HEADER, *shown)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if line_length:
        widths[0] += max(0, line_length - sum(widths) - 3 * len(widths) - 1)
    return "\n".join([f'Model: "{model.name}"', *_table(rows, widths), *_totals(model)])


def _chosen(model: Sequential, layer_range: Sequence[str] | None) -> list[Layer]:
    """The layers from the first to the last of a pair of names, all without one."""
    if layer_range is None:
        return model.layers
    names = [layer.name for layer in model.layers]
    ends = [next((i for i, name in enumerate(names) if re.match(end, name)), None) for end in layer_range]
    if len(ends) != 2 or ends[0] is None or ends[1] is None or ends[0] > ends[1]:
        raise ValueError(f"layer_range must name the first and the last layer to show, of {', '.join(names)}; got {layer_range!r}")
    return model.layers[ends[0] : ends[1] + 1]


def _rows(layer: Layer, nested: bool, depth: int = 0) -> Iterator[tuple[str, ...]]:
    shape = layer.compute_output_shape((None, *layer.built_shape)) if layer.built_shape is not None else "?"
    count = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
    trained = ("Y" if layer.trainable else "N") if layer.weights else "-"
    yield f"{'  ' * depth}{layer.name} ({type(layer).__name__})", str(shape), count, trained
    for child in layer.children if nested else ():
        yield from _rows(child, nested, depth + 1)


def _table(rows: list[tuple[str, ...]], widths: list[int]) -> list[str]:
    def rule(left: str, middle: str, right: str, line: str) -> str:
        return left + middle.join(line * (w + 2) for w in widths) + right

    def text(row: tuple[str, ...], bar: str) -> str:
        placed = (f"{cell:{place}{width}}" for cell, width, place in zip(row, widths, "<<>^", strict=False))
        return f"{bar} " + f" {bar} ".join(placed) + f" {bar}"

    head = [rule("┏", "┳", "┓", "━"), text(rows[0], "┃"), rule("┡", "╇", "┩", "━")]
    return [*head, *(text(row, "│") for row in rows[1:]), rule("└", "┴", "┘", "─")]


def _totals(model: Sequential) -> list[str]:
    trained = sum(p.value.size for p in model.trainable_weights)
    fixed = sum(p.value.size for p in model.non_trainable_weights)
    remembered = _optimizer_params(model)
    counts: dict[str, Any] = {"Total": trained + fixed + remembered, "Trainable": trained, "Non-trainable": fixed}
    if remembered:
        counts["Optimizer"] = remembered
    size = 4 if model.dtype == "float32" else 8
    return [f" {what} params: {count:,} ({_bytes(count * size)})" for what, count in counts.items()]


def _optimizer_params(model: Sequential) -> int:
    """How many numbers the optimizer remembers: a slot has one for each that is trained."""
    if not model.compiled or not model._has_stepped():
        return 0
    trained = sum(p.value.size for p in model.trainable_weights)
    return trained * len(model.optimizer.slots) + sum(number.size for number in model.optimizer.numbers.values())


def _bytes(size: float) -> str:
    for unit in ("B", "KB", "MB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} GB"
