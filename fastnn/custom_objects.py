"""Classes and functions of users, found by name when a configuration is read: those of a scope, and those that are registered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["custom_function", "custom_object_scope", "get_custom_objects", "registered_name"]

_objects: dict[str, Any] = {}


def get_custom_objects() -> dict[str, Any]:
    """The dictionary of all custom objects that are in force by their names; what is put into it is found from then on."""
    return _objects


def registered_name(thing: Any) -> str | None:
    """The name of a custom object, ``"package>name"`` where it was registered under one; None for what is none."""
    names = [name for name, each in _objects.items() if each is thing]
    return next((name for name in names if ">" in name), names[0] if names else None)


def custom_function(name: Any) -> Any:
    """The function among the custom objects that is called `name`, with a package before it or without, or None."""
    found = _objects.get(name, _objects.get(name.rpartition(">")[2])) if isinstance(name, str) else None
    return found if callable(found) and not isinstance(found, type) else None


class custom_object_scope:
    """Let classes and functions be found by name within a ``with`` block.

    Parameters
    ----------
    custom_objects : dict of str to (class or function), optional
        None is the same as an empty dictionary.

    Raises
    ------
    TypeError
        When it is no dictionary.

    Examples
    --------
    >>> import fastnn
    >>> class Twice(fastnn.layers.Layer):
    ...     def call(self, x):
    ...         return 2 * x
    >>> with fastnn.saving.custom_object_scope({"Twice": Twice}):
    ...     type(fastnn.layers.get("Twice")).__name__
    'Twice'
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None = None):
        if custom_objects is not None and not isinstance(custom_objects, Mapping):
            raise TypeError(f'custom_objects must be a dictionary such as {{"MyLayer": MyLayer}}, got {custom_objects!r}')
        self._given = dict(custom_objects or {})

    def __enter__(self) -> custom_object_scope:
        self._before = dict(_objects)
        _objects.update(self._given)
        return self

    def __exit__(self, *exception: object) -> None:
        _objects.clear()
        _objects.update(self._before)
