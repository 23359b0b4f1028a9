"""Saving and loading, and custom objects, under the names of ``keras.saving``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from fastnn.absent import missing
from fastnn.configurable import Catalogue, serialize
from fastnn.custom_objects import custom_object_scope, get_custom_objects, registered_name
from fastnn.models.saving import load_model
from fastnn.models.sequential import Sequential

__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]

CustomObjectScope = custom_object_scope


def save_model(model: Sequential, filepath: Any, overwrite: bool = True) -> None:
    """Write a model to one file, see `Sequential.save`."""
    model.save(filepath, overwrite)


def save_weights(model: Sequential, filepath: Any, overwrite: bool = True) -> None:
    """Write a model's parameters alone, see `Sequential.save_weights`."""
    model.save_weights(filepath, overwrite)


def load_weights(model: Sequential, filepath: Any) -> None:
    """Read a model's parameters, see `Sequential.load_weights`."""
    model.load_weights(filepath)


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Any], Any]:
    """Decorator: let a class or function of your own be found by its name, so that models with it can be saved and loaded.

    Parameters
    ----------
    package : str
        Its registered name is ``"package>name"``; the name alone is as good.
    name : str, optional
        Its own by default.

    Raises
    ------
    TypeError
        For anything but a class or a function.

    Notes
    -----
    A class enters the catalogue of what it is: a layer, loss, metric, optimizer, initializer, regularizer, constraint or schedule.
    """

    def add(given: Any) -> Any:
        if not callable(given):
            raise TypeError(f"register_keras_serializable decorates a class or a function, got {given!r}")
        own = name or given.__name__
        registered = f"{package}>{own}"
        if isinstance(given, type):
            for catalogue in (c for c in Catalogue.all if issubclass(given, c.base)):
                catalogue.register(own, registered)(given)
        get_custom_objects().update({own: given, registered: given})
        return given

    return add


def get_registered_name(obj: Any) -> str:
    """The name that an object was registered under, ``"package>name"``; its own where it wasn't."""
    return registered_name(obj) or obj.__name__


def get_registered_object(name: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The class or function of your own that is called `name`, or None."""
    return {**get_custom_objects(), **(custom_objects or {})}.get(name)


def serialize_keras_object(obj: Any) -> Any:
    """An object as plain data, as ``fastnn.configurable.serialize`` gives it; a registered function's name."""
    return registered_name(obj) or serialize(obj)


def deserialize_keras_object(config: Any, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True) -> Any:
    """The object that `serialize_keras_object` made plain data of.

    Parameters
    ----------
    config : dict or str
    custom_objects : dict of str to (class or function), optional
    safe_mode : bool
        Without meaning: nothing in a configuration is ever run.

    Raises
    ------
    ValueError
        For a name that is unknown, or that is a loss's and a metric's: use the ``deserialize`` of its package then.
    """
    with custom_object_scope(custom_objects):
        name = config.get("class_name") if isinstance(config, Mapping) else config
        if name == "Sequential":
            return Sequential.from_config(config["config"])
        if isinstance(config, str) and config in get_custom_objects():
            return get_custom_objects()[config]
        fits = [c for c in Catalogue.all if isinstance(name, str) and _has(c, name)]
        if len(fits) != 1:
            kinds = f"it is a {' and a '.join(c.kind for c in fits)}: use that package's deserialize" if fits else "nothing has this name"
            raise ValueError(f"can't deserialize {name!r}: {kinds}")
        return fits[0].get(config)


def _has(catalogue: Catalogue[Any], name: str) -> bool:
    custom = get_custom_objects().get(name)
    return catalogue.known(name) is not None or (isinstance(custom, type) and issubclass(custom, catalogue.base))


if not TYPE_CHECKING:  # type checkers see what there is
    __getattr__ = missing(__name__)
