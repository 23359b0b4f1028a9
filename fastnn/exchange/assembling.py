"""Models put together from the parts of others': what `from_keras`, `from_torch` and `from_sklearn` share."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from fastnn.layers import Input, Layer
from fastnn.layers.layer import Shape, layers
from fastnn.models import Sequential

__all__ = ["Assembly", "Part", "check_shared", "distinct", "refusing", "warn_of_penalties"]


class Part(NamedTuple):
    """What a part of another library's model becomes.

    Attributes
    ----------
    kind : str
        A layer's name in the catalogue.
    arguments : dict
        Of its constructor.
    weights : dict of str to ndarray
        The numbers of all its parameters, by name.
    """

    kind: str
    arguments: Mapping[str, Any]
    weights: Mapping[str, np.ndarray] = {}


class Assembly:
    """A model in the making: layers that follow one another, built with their numbers as they come. No random number is drawn for weights.

    Parameters
    ----------
    who : str
        Whose errors these are: ``"from_torch"``.
    features : tuple of int
        Shape of one sample.
    dtype : str

    Attributes
    ----------
    shape : tuple
        The shape of what the next layer gets, batch axis first.
    """

    def __init__(self, who: str, features: tuple[int, ...], dtype: str):
        self.who, self.dtype = who, dtype
        self.shape: Shape = (None, *features)
        self._layers: list[Layer] = [Input(features)]

    def add(self, part: Part, name: str | None = None, trainable: bool = True) -> None:
        """Append a layer; its numbers are copied.

        Raises
        ------
        ValueError, TypeError
            When an argument or an array doesn't suit it.
        """
        names = [layer.name for layer in self._layers]
        layer = layers.find(part.kind)(**part.arguments, name=name and distinct(name, names), trainable=trainable)
        layer.loaded = {key: np.array(value, self.dtype) for key, value in part.weights.items()}
        layer.build(self.shape, self.dtype)
        if {p.name for p in layer.parameters} != set(part.weights):
            needed = ", ".join(p.name for p in layer.parameters) or "none"
            raise ValueError(f"it has the parameters {', '.join(part.weights) or 'none'}, fastnn's {part.kind} {needed}")
        self.shape = layer.compute_output_shape(self.shape)
        self._layers.append(layer)

    def model(self, name: str | None = None) -> Sequential:
        """The model, when all layers are there.

        Raises
        ------
        ValueError
            When there are none.
        """
        if len(self._layers) == 1:
            raise ValueError(f"{self.who}: the model has no layers")
        return Sequential(self._layers, name=name, dtype=self.dtype)


def check_shared(who: str, owners: Iterable[tuple[str, Iterable[Any]]]) -> None:
    """Refuse parameters that stand in two places, as copies of them would be trained apart; `owners` says where which ones are.

    Raises
    ------
    ValueError
        Where there are some.
    """
    places: dict[int, str] = {}
    for place, parameters in owners:
        for key in map(id, list(parameters)):
            if key in places:
                raise ValueError(f"{who}: {place} shares parameters with {places[key]}, which fastnn's layers can't: give it a copy")
            places[key] = place


def distinct(name: str, taken: Collection[str]) -> str:
    """`name`, with a number behind it where it is taken."""
    tried = [name, *(f"{name}_{number}" for number in range(1, len(taken) + 1))]
    return next(each for each in tried if each not in taken)


@contextlib.contextmanager
def refusing(who: str, part: str) -> Iterator[None]:
    """Say in each error raised within which part of a model it is about."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise ValueError(f"{who}: {part}: {error}") from error


def warn_of_penalties(who: str, there: str, layers: Iterable[Layer], way_out: str) -> None:
    """Warn of regularizers and constraints, which change the training alone, where `there` has none."""
    if held := [layer.name for layer in layers if _is_held(layer)]:
        said = f"{there} has no regularizers or constraints, those of {', '.join(map(repr, held))} aren't carried"
        warnings.warn(f"{who}: {said}; {way_out}", stacklevel=4)


def _is_held(layer: Layer) -> bool:
    return bool(getattr(layer, "activity_regularizer", None)) or any(p.regularizer or p.constraint for p in layer.weights)
