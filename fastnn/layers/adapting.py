"""Layers whose numbers are taken from data before training."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from fastnn.arrays import as_numbers, check_finite
from fastnn.layers.layer import Layer
from fastnn.layers.nested import every_layer

__all__ = ["Adapted"]


class Adapted(Layer):
    """A layer whose parameters `adapt` takes from data. A subclass defines `statistics`."""

    def statistics(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """The parameters by name, for samples' rows `x` (n, features) in double precision."""
        raise NotImplementedError(f"{type(self).__name__} must define statistics(x)")

    adapted = False
    """Whether `adapt` was called."""

    def knows_nothing(self) -> bool:
        """Whether the layer, once built, passes samples on as they are for want of data."""
        return False

    def adapt(self, data: Any) -> None:
        """Take the parameters from `data`, by statistics in double precision; before or after the layer is built.

        Parameters
        ----------
        data : array_like of shape (n, ..., features)

        Raises
        ------
        ValueError, TypeError
            For what isn't finite numbers, no samples, or another number of features than the layer was built for.
        """
        who = f"layer {self.name!r}: data"
        given = as_numbers(data, who).astype(np.float64)
        check_finite(given, who)
        rows = given.reshape(-1, given.shape[-1]) if given.ndim > 1 else given[:, None]
        if len(rows) == 0:
            raise ValueError(f"{who} has no samples")
        if self.built_shape is not None and self.built_shape[-1] != rows.shape[1]:
            raise ValueError(f"{who} has {rows.shape[1]} features, the layer was built for {self.built_shape[-1]}")
        found = self.statistics(rows)
        for parameter in self.parameters:
            parameter.assign(found[parameter.name])
        if not self.built:
            self.loaded = found
        self.adapted = True


def warn_of_forgotten(layers: Iterable[Layer]) -> None:
    """Warn of layers that are to scale samples, and were never given data to take the scale from."""
    for layer in every_layer(layers):
        if isinstance(layer, Adapted) and not layer.adapted and layer.knows_nothing():
            warnings.warn(f"layer {layer.name!r} has seen no data, and changes nothing: call its adapt(x) before fit", stacklevel=4)
