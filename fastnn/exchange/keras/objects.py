"""What has a name and arguments: Keras' configurations as ours, and our objects as Keras'."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Mapping
from typing import Any

from fastnn.activations import Activation
from fastnn.configurable import Catalogue, serialize
from fastnn.extras import require
from fastnn.initializers import Initializer
from fastnn.optimizers import Optimizer

__all__ = ["arguments_of", "as_ours", "as_theirs", "fitting", "namespace"]

_NAMESPACES = {
    "initializer": "initializers",
    "regularizer": "regularizers",
    "constraint": "constraints",
    "schedule": "optimizers.schedules",
    "optimizer": "optimizers",
    "loss": "losses",
    "metric": "metrics",
    "layer": "layers",
}
"""Where Keras keeps things of a kind."""


def _catalogues() -> dict[str, Catalogue[Any]]:
    return {catalogue.kind.split()[-1]: catalogue for catalogue in Catalogue.all}


def namespace(kind: str) -> Any:
    """The module of Keras that has the things of a kind."""
    return require(f"keras.{_NAMESPACES[kind]}", "to_keras")


# --------------------------------------------------------------------------------------------------- reading


def as_ours(kind: str, value: Any) -> Any:
    """What Keras wrote of an object, as our catalogue of this kind takes it.

    Raises
    ------
    ValueError
        For a Python function or class of the user's, a name that isn't there, or an argument that ours doesn't have.
    """
    if not isinstance(value, dict):
        return _same(value) if kind == "activation" else value
    name = value.get("class_name", "function")
    if not str(value.get("module")).startswith("keras") or "config" not in value:
        raise ValueError(f"{kind} {name if name != 'function' else value.get('config')} is Python code, which isn't carried")
    if kind == "activation":
        return _activation_of_layer(value)
    member = _catalogues()[kind].find(str(name))
    return {"class_name": name, "config": fitting(value["config"], member, f"{kind} {name}")}


_DIFFERENT = {"sparsemax": "its rows don't sum to 1"}
"""Activations of the same name in Keras that are something else, and why."""


def _same(activation: str) -> str:
    if activation in _DIFFERENT:
        raise ValueError(f"Keras' activation {activation} is another one: {_DIFFERENT[activation]}")
    return activation


def _activation_of_layer(value: Mapping[str, Any]) -> Activation:
    """Keras takes a layer as an activation: ``activation=keras.layers.LeakyReLU(0.1)``."""
    member = _catalogues()["layer"].find(value["class_name"])
    made = member(**fitting(value["config"], member, "activation"))
    if not isinstance(getattr(made, "activation", None), Activation):
        raise ValueError(f"activation {value['class_name']!r} has parameters of its own: make it a layer")
    return made.activation  # type: ignore[no-any-return]


def fitting(config: Mapping[str, Any], member: Any, who: str, idle: Mapping[str, Any] = {}) -> dict[str, Any]:
    """The arguments of `member` in Keras' configuration; what it doesn't have must do nothing: be false, or as in `idle`.

    Raises
    ------
    ValueError
        For one that does something.
    """
    made: dict[str, Any] = {}
    known = inspect.signature(member).parameters
    for key, value in config.items():
        if key in known:
            made |= _argument(key, value)
        elif key != "dtype" and value and value != idle.get(key):
            raise ValueError(f"fastnn has no {key}={value!r}" + (f" of {who}" if who else ""))
    return made


def _argument(key: str, value: Any) -> dict[str, Any]:
    """An argument by its name; none for an initializer that fastnn lacks, which has done its work."""
    kind = "schedule" if key == "learning_rate" else key.rpartition("_")[2]
    if kind == "initializer":
        with contextlib.suppress(ValueError, TypeError):
            return {key: _catalogues()[kind].get(as_ours(kind, value))}
        return {}
    if key == "seed":
        return {key: value if isinstance(value, int) else None}
    return {key: as_ours(kind, value) if kind in (*_NAMESPACES, "activation") else value}


# --------------------------------------------------------------------------------------------------- writing


def as_theirs(value: Any) -> Any:
    """An object of ours as Keras', by its name and its arguments; what is no object stays.

    Raises
    ------
    ValueError
        For what Keras doesn't have.
    """
    if isinstance(value, Activation):
        return _activation(value)
    kind = next((kind for kind in _NAMESPACES if isinstance(value, _catalogues()[kind].base)), None)
    if kind is None and callable(value):
        raise ValueError(f"Python functions aren't carried, {value!r} is one")
    return value if kind is None else _object(kind, value)


def _object(kind: str, value: Any) -> Any:
    name = type(value).__name__
    theirs = getattr(namespace(kind), name, None)
    if theirs is None or not type(value).__module__.startswith("fastnn."):
        raise ValueError(f"Keras has no {kind} {name}")
    return theirs(**arguments_of(value, theirs))


def arguments_of(value: Any, theirs: Any) -> dict[str, Any]:
    """The arguments that an object of ours was made with, as `theirs` takes them.

    Raises
    ------
    ValueError
        For one that `theirs` doesn't have, and that isn't our default.
    """
    made: dict[str, Any] = {}
    known = inspect.signature(theirs.__init__).parameters
    for key, parameter in inspect.signature(type(value)).parameters.items():
        given = _given(value, key)
        if key in known or key in ("name", "trainable"):
            with contextlib.suppress(*[ValueError] if isinstance(given, Initializer) else []):  # one that Keras lacks has done its work
                made[key] = as_theirs(given)
        elif key != "input_shape" and (given := serialize(given)) != parameter.default and (given or parameter.default):
            raise ValueError(f"Keras' {theirs.__name__} has no {key}, it is {given!r}")
    return made


def _given(value: Any, key: str) -> Any:
    """What an object was given as this argument."""
    if isinstance(value, Optimizer) and key == "learning_rate":
        return value._learning_rate
    return getattr(value, key) if hasattr(value, key) else value.get_config()[key]


def _activation(activation: Activation) -> Any:
    """The name, or the layer that takes the parameters."""
    from fastnn import activations

    plain = activation.name == "linear" or activation == activations.get(activation.name)
    if plain and hasattr(require("keras.activations", "to_keras"), activation.name) and activation.name != "threshold":
        return _same(activation.name)
    layers = {name.lower(): getattr(namespace("layer"), name) for name in ("ReLU", "LeakyReLU", "ELU")}
    layer = layers.get(activation.name.replace("_", ""))
    if layer is None:
        parameters = ", ".join(f"{key}={value}" for key, value in activation.parameters.items())
        raise ValueError(f"Keras has no activation {activation.name}({parameters})")
    return layer(**activation.parameters)
