"""Layers that hold other layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastnn.layers.layer import Layer

__all__ = ["every_layer"]


def every_layer(layers: Iterable[Layer]) -> Iterator[Layer]:
    """Layers, each followed by those within it."""
    for layer in layers:
        yield layer
        yield from every_layer(getattr(layer, "children", ()))
